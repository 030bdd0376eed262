"""Stack: one frame as a person is shown it, its headers with fields and byte ranges, as a tree, as JSON,
and its bytes.

`dissect` walks the frame (`dissectors.walk`, the rules of docs/decoding.md) with the classes of a
`Registry`, so that also headers which only end a stack (OSPF, IGMP, a user's) are taken apart.

Limits: payloads are not dissected, `--deep` asks tshark for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dissectors import anomalies, offsets
from dissectors.base import Field, Header
from dissectors.gre import GreKey
from dissectors.registry import Registry
from dissectors.tcp import TCP
from dissectors.udp import UDP
from dissectors.walk import Walk

_HEX_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Layer:
    """One header of the stack: `start` and `length` are the bytes of the frame that it has, as far as they
    are there.
    """

    header: Header
    start: int
    length: int
    #: As `Header.info`, with lengths on the wire where these are known.
    info: str
    #: Mask of those of the frame's anomalies that are here, or where the walk ended right behind it.
    anomalies: int = 0

    @property
    def name(self) -> str:
        """Wireshark's protocol name."""
        return self.header.PROTOCOL or type(self.header).__name__.lower()

    @property
    def title(self) -> str:
        """Wireshark's title of the protocol."""
        return self.header.TITLE or type(self.header).__name__

    def fields(self) -> list[Field]:
        """The header's fields, `start` counted from the start of the frame."""
        return [field._replace(start=self.start + field.start) for field in self.header.fields()]


@dataclass(frozen=True, slots=True)
class Stack:
    """A dissected frame."""

    frame: bytes
    wire_len: int
    #: Outermost first.
    layers: list[Layer]
    #: As the `stack` column has it: "nvgre:5001/vxlan:1".
    path: str
    #: Mask of `dissectors.anomalies`.
    anomalies: int
    #: Where the innermost packet ends, in captured bytes; what is behind is padding or trailers of outer
    #: layers.
    end: int
    #: Where the tenant's own frame starts: headers before it are the underlay's. 0 outside any tunnel.
    inner_start: int = 0

    @property
    def info(self) -> str:
        """What the innermost header that has something to say says, in one line."""
        return next((layer.info for layer in reversed(self.layers) if layer.info), "")

    def to_dict(self) -> dict[str, Any]:
        """For JSON: bytes as hexadecimal digits, ranges as [start, length]."""
        return {
            "captured_len": len(self.frame),
            "wire_len": self.wire_len,
            "stack": self.path,
            "info": self.info,
            "anomalies": anomalies.names(self.anomalies),
            "layers": [
                {
                    "protocol": layer.name,
                    "title": layer.title,
                    "info": layer.info,
                    "range": [layer.start, layer.length],
                    "fields": [_field_dict(field) for field in layer.fields()],
                }
                for layer in self.layers
            ],
            "payload": {"range": list(self.payload)},
            "data": self.frame.hex(),
        }

    def tree(self) -> str:
        """The headers with their fields, byte ranges on the left; no control characters but line ends."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"Frame: {self.wire_len} bytes on the wire, {len(self.frame)} captured"
        if self.path:
            yield f"Stack: {self.path}"
        for name in anomalies.names(self.anomalies):
            yield f"Anomaly: {name} ({_sentence(name)})"
        width = len(str(max(len(self.frame), 1)))
        for layer in self.layers:
            said = f", {layer.info}" if layer.info else ""
            yield f"{_range(layer.start, layer.length, width)}  {layer.title}{said}"
            for field in layer.fields():
                yield f"{_range(field.start, field.length, width)}      {field.text}"
        start, length = self.payload
        if length:
            yield f"{_range(start, length, width)}  Payload: {length} bytes"
        rest = len(self.frame) - start - length
        if rest > 0:
            yield f"{_range(start + length, rest, width)}  Padding or trailer: {rest} bytes"

    @property
    def payload(self) -> tuple[int, int]:
        """Start and length of what follows the last header."""
        last = self.layers[-1] if self.layers else None
        start = last.start + last.length if last else 0
        return start, max(self.end - start, 0)


def dissect(
    frame: bytes,
    wire_len: int | None = None,
    linktype: int = offsets.DLT_ETHERNET,
    gre_key: GreKey = "auto",
    registry: Registry | None = None,
) -> Stack:
    """Takes a frame apart; nothing in it makes this raise.

    `frame` are the captured bytes, `wire_len` the length on the wire (None: all was captured), `linktype`
    the LINKTYPE_ number, `registry` what `registry.build` gave (None: what comes with the project).
    """
    registry = registry or Registry()
    length = len(frame) if wire_len is None else wire_len
    walk = Walk(frame, length, linktype, gre_key, registry.tables, registry.leaves)
    layers = [
        Layer(header, start, len(header) - len(header.data), _info(header, walk), _anomalies(place, header, walk))
        for place, (start, header) in enumerate(walk.headers, 1)
    ]
    return Stack(frame, length, layers, _path(walk), walk.anomalies, walk.limit, walk.inner_start)


def _anomalies(place: int, header: Header, walk: Walk) -> int:
    """Of the header in that place, from 1: what it shows itself, if the walk agrees, and what the walk found there."""
    mask = header.anomalies & walk.anomalies
    for known, found in walk.noted:
        if known == place:
            mask |= found
    return mask


def _info(header: Header, walk: Walk) -> str:
    # Length on the wire: of the innermost packet it is known, and of no other is it of interest.
    if isinstance(header, TCP | UDP) and walk.headers[-1].header is header:
        return header.info(walk.innermost.payload_len)
    return header.info()


def _path(walk: Walk) -> str:
    names = walk.tables.names
    parts = []
    for layer in walk.layers:
        ident = "" if layer.id is None else f":{layer.id}"
        parts.append(f"{names.get(layer.kind, layer.kind)}{ident}")
    return "/".join(parts)


def _sentence(name: str) -> str:
    return next(sentence for known, sentence in anomalies.NAMES.values() if known == name)


def _range(start: int, length: int, width: int) -> str:
    if length == 0:
        return " " * (2 * width + 1)
    return f"{start:{width}d}-{start + length - 1:<{width}d}"


def _field_dict(field: Field) -> dict[str, Any]:
    value = field.value.hex() if isinstance(field.value, bytes) else field.value
    return {"name": field.name, "value": value, "text": field.text, "range": [field.start, field.length]}


def hex_dump(data: bytes) -> str:
    """Offset, 16 bytes in hexadecimal, and their printable characters, a line each."""
    lines = []
    for start in range(0, len(data), _HEX_WIDTH):
        row = data[start : start + _HEX_WIDTH]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:04x}  {row.hex(' '):<{3 * _HEX_WIDTH - 1}}  {text}")
    return "\n".join(lines)
