"""Node: a line of tshark's tree of a packet, as Wireshark shows it, with the lines below it.

Limits: which bytes a line is about is not kept: PDML counts them in whatever they were put together from.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: `[2 Reassembled TCP Segments (2920 bytes): #5(1460), #6(1460)]`: fields whose text lists packets so.
_LISTS = (".segments", ".fragments")
_LISTED = re.compile(r"#(\d+)\(")


@dataclass(frozen=True, slots=True)
class Node:
    """A protocol, a field or a remark. Texts are as tshark wrote them: escape them before a terminal sees them."""

    #: As Wireshark shows it: `Response Code: 200`.
    label: str
    #: Wireshark's name for filters; empty for remarks.
    name: str
    #: As a filter would have it: `200`.
    value: str
    children: tuple[Node, ...] = ()
    #: Whether the value is the number of a packet.
    is_packet_number: bool = False

    def lines(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This line and all below it, each with how far it stands in."""
        yield depth, self
        for child in self.children:
            yield from child.lines(depth + 1)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"name": self.name, "label": self.label, "value": self.value}
        if self.children:
            found["children"] = [child.to_dict() for child in self.children]
        return found


def from_json(item: Any, packet_numbers: Container[str]) -> Node:
    """The node that `deep_worker` wrote; `packet_numbers` are fields whose values are numbers of packets.

    Raises ValueError for what it cannot have written.
    """
    try:
        label, name, value, below = item
        children = tuple(from_json(child, packet_numbers) for child in below)
        return Node(str(label), str(name), str(value), children, name in packet_numbers)
    except TypeError:
        raise ValueError("not a node") from None


def renumbered(node: Node, numbers: Sequence[int]) -> Node:
    """The node with packets named by `numbers` (of the input) instead of their places, from 1, in the file."""
    label, value = node.label, node.value
    if node.is_packet_number and value.isdecimal():
        value = _number(value, numbers)
        # The number is the last of that value in the text: `Reassembled PDU in frame: 12`.
        before, found, after = label.rpartition(node.value)
        label = before + value + after if found else label
    elif node.name.endswith(_LISTS):
        label = _LISTED.sub(lambda match: f"#{_number(match[1], numbers)}(", label)
    children = tuple(renumbered(child, numbers) for child in node.children)
    return Node(label, node.name, value, children, node.is_packet_number)


def _number(place: str, numbers: Sequence[int]) -> str:
    index = int(place) - 1
    return str(numbers[index]) if 0 <= index < len(numbers) else place
