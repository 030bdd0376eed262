"""Option lists of IPv4 (RFC 791 section 3.1) and TCP (RFC 9293 section 3.1): kind, length, value.

    +--------+      +--------+--------+---------...
    |  kind  |  or  |  kind  | length |  value (length - 2 bytes)
    +--------+      +--------+--------+---------...

Kind 0 ends the list, kind 1 is padding; both are one byte. Every other kind has a length, which counts
itself.
"""

from __future__ import annotations

from typing import NamedTuple

END = 0
NOP = 1


class Option(NamedTuple):
    """One option of a list."""

    kind: int
    value: bytes
    #: Bytes, from the start of the list.
    start: int
    length: int


def read_options(raw: bytes, claimed: int) -> tuple[tuple[Option, ...], bool]:
    """Reads `raw`: the bytes that are there of a list that its header says is `claimed` bytes long.

    Returns the options, paddings (kinds 0 and 1) among them, and whether one was malformed: a length below 2,
    or one that reaches beyond the end of the header. Reading stops there; it stops quietly where the bytes
    end before the header does.
    """
    options = []
    position = 0
    while position < len(raw):
        kind = raw[position]
        if kind in (END, NOP):
            options.append(Option(kind, b"", position, 1))
            position += 1
            if kind == END:
                break
            continue
        if position + 1 >= claimed:
            return tuple(options), True
        if position + 1 >= len(raw):
            break
        length = raw[position + 1]
        if length < 2 or position + length > claimed:
            return tuple(options), True
        if position + length > len(raw):
            break
        options.append(Option(kind, raw[position + 2 : position + length], position, length))
        position += length
    return tuple(options), False
