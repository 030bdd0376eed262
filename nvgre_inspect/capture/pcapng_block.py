"""Contents of pcapng blocks other than frames (draft-ietf-opsawg-pcapng section 4): plain parsing, no state.

Parsing stops quietly where a block's options do not add up: what stands before is used. Text is UTF-8, with a
replacement character for what is not, and cut to a length that a table can hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

BYTE_ORDER_MAGIC = 0x1A2B3C4D
#: Where options start, from the start of the block.
SECTION_OPTIONS = 24
INTERFACE_OPTIONS = 16
STATISTICS_OPTIONS = 20

_OPT_COMMENT = 1
_IF_NAME = 2
_IF_DESCRIPTION = 3
_IF_TSRESOL = 9
_IF_TSOFFSET = 14
_ISB_IFRECV = 4
_ISB_IFDROP = 5
_ISB_OSDROP = 7
_NRB_IPV4 = 1
_NRB_IPV6 = 2

_NAME_LENGTH = 255
_COMMENT_LENGTH = 4096


@dataclass(slots=True)
class Interface:
    """An interface description block."""

    linktype: int
    snaplen: int
    name: str = ""
    description: str = ""
    resolution: int = 6
    offset_s: int = 0
    comments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Statistics:
    """An interface statistics block; counters are since the start of the capture, None if not given."""

    interface: int
    received: int | None = None
    dropped_interface: int | None = None
    dropped_kernel: int | None = None


def options(block: bytes, at: int, end: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option between `at` and `end`; `order` is `<` or `>`."""
    header = struct.Struct(order + "HH")
    while at + 4 <= end:
        code, length = header.unpack_from(block, at)
        at += 4
        if code == 0 or at + length > end:
            return
        yield code, block[at : at + length]
        at += length + -length % 4


def comments(block: bytes, at: int, end: int, order: str) -> list[str]:
    """The comments among the options between `at` and `end`, at most as many as a person reads."""
    found: list[str] = []
    for code, value in options(block, at, end, order):
        if code == _OPT_COMMENT and len(found) < 100:
            found.append(_text(value, _COMMENT_LENGTH))
    return found


def byte_order(block: bytes) -> str | None:
    """`<` or `>` by the byte-order magic of a section header block (12 bytes suffice), or None."""
    for order in "<>":
        if struct.unpack_from(order + "I", block, 8)[0] == BYTE_ORDER_MAGIC:
            return order
    return None


def parse_interface(block: bytes, order: str) -> Interface:
    """An interface description block of at least 20 bytes."""
    linktype, _, snaplen = struct.unpack_from(order + "HHI", block, 8)
    found = Interface(linktype, snaplen)
    end = len(block) - 4
    for code, value in options(block, INTERFACE_OPTIONS, end, order):
        if code == _IF_NAME:
            found.name = _text(value, _NAME_LENGTH)
        elif code == _IF_DESCRIPTION:
            found.description = _text(value, _COMMENT_LENGTH)
        elif code == _IF_TSRESOL and value:
            found.resolution = value[0]
        elif code == _IF_TSOFFSET and len(value) == 8:
            found.offset_s = struct.unpack(order + "q", value)[0]
    found.comments = comments(block, INTERFACE_OPTIONS, end, order)
    return found


def parse_statistics(block: bytes, order: str) -> Statistics:
    """An interface statistics block of at least 24 bytes."""
    found = Statistics(struct.unpack_from(order + "I", block, 8)[0])
    for code, value in options(block, STATISTICS_OPTIONS, len(block) - 4, order):
        if len(value) != 8:
            continue
        counter = struct.unpack(order + "Q", value)[0]
        if code == _ISB_IFRECV:
            found.received = counter
        elif code == _ISB_IFDROP:
            found.dropped_interface = counter
        elif code == _ISB_OSDROP:
            found.dropped_kernel = counter
    return found


def parse_names(block: bytes, order: str) -> Iterator[tuple[str, str]]:
    """Address and first name of each record of a name resolution block."""
    for kind, value in options(block, 8, len(block) - 4, order):
        length = {_NRB_IPV4: 4, _NRB_IPV6: 16}.get(kind)
        if length is not None and len(value) > length:
            import ipaddress  # here, since hardly any capture needs it

            name = value[length:].split(b"\0", 1)[0]
            yield str(ipaddress.ip_address(value[:length])), _text(name, _NAME_LENGTH)


def _text(value: bytes, limit: int) -> str:
    # Cut before decoding: a character has at most four bytes. Writers may add a NUL.
    return value[: 4 * limit].rstrip(b"\0").decode("utf-8", "replace")[:limit]
