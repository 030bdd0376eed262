"""A packet by tshark, as the sections of the layer tree: the underlay's headers are ours, what is inside is tshark's.

Limits: tshark's lines light up no bytes, since PDML counts bytes in whatever they were put together from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nvgre_inspect.display.packet_tree import Kind, Line, Section
from nvgre_inspect.display.text import escape
from nvgre_inspect.wireshark.tree import Node
from nvgre_inspect.with_tshark.deep import DeepPacket

_INDENT = "  "


def deep_sections(ours: Sequence[Section], found: DeepPacket) -> tuple[Section, ...]:
    """`ours` are all sections of the packet, the first of which is about it as a whole."""
    about, *headers = ours
    kept = [about, *(section for section in headers if found.stripped and not section.head.inner)]
    seen: dict[str, int] = {}
    for section in kept:
        name, count = section.key
        seen[name] = max(seen.get(name, 0), count)
    for protocol in found.tree:
        seen[protocol.name] = seen.get(protocol.name, 0) + 1
        kept.append(_section(protocol, (protocol.name, seen[protocol.name])))
    return tuple(kept)


def _section(protocol: Node, key: tuple[str, int]) -> Section:
    head = Line(Kind.HEAD, escape(protocol.label), 0, 0, True, protocol.name)
    return Section(key, head, tuple(_lines(protocol)))


def _lines(protocol: Node) -> Iterator[Line]:
    for depth, node in protocol.lines():
        if depth:
            yield Line(Kind.FIELD, _INDENT * (depth - 1) + escape(node.label), 0, 0, True, node.name or node.label)
