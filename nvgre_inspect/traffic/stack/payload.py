"""Payload: what applications send is a part of one endless stream of characters, the same for all.

The stream is that of a character generator (RFC 864), with letters and digits only and blanks between what would be
lines there, each rotated by one more, so that it can be told by eye where a piece belongs, and no dissector takes it
for a line of its protocol. A slice costs a copy, its checksum two look-ups: prefix sums
of the stream are kept, and a slice that begins at an odd place has the bytes of its sum swapped (RFC 1071 section 2).
"""

from __future__ import annotations

import string
from array import array
from functools import cache

from nvgre_inspect.traffic.stack import checksum

#: The longest slice: what an IP packet can carry.
LONGEST = 0xFFFF
_CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: Bytes after which it begins again.
PERIOD = len(_CHARACTERS) * (len(_CHARACTERS) + 1)


@cache
def _stream() -> bytes:
    """One period and as much more as a slice may need."""
    lines = (_CHARACTERS[start:] + _CHARACTERS[:start] + " " for start in range(len(_CHARACTERS)))
    return "".join(lines).encode() * (LONGEST // PERIOD + 2)


@cache
def _sums() -> array[int]:
    """The sum of all bytes before each place, those at even places being the upper halves of words."""
    stream = _stream()
    sums = array("H", bytes(2 * (len(stream) + 1)))
    total = 0
    for place, byte in enumerate(stream):
        total = (total + (byte if place & 1 else byte << 8)) % 0xFFFF
        sums[place + 1] = total
    return sums


def piece(offset: int, length: int) -> bytes:
    """`length` bytes (at most LONGEST) of the stream, from its byte `offset` on."""
    start = offset % PERIOD
    return _stream()[start : start + length]


def piece_sum(offset: int, length: int) -> int:
    """What `checksum.partial` says of `piece(offset, length)`."""
    start = offset % PERIOD
    sums = _sums()
    total = sums[start + length] - sums[start]
    return (total << 8 if start & 1 else total) % 0xFFFF


def sum_of(data: bytes, offset: int) -> int:
    """What `checksum.partial` says of `data`, at little cost if that is what stands at `offset` of the stream."""
    length = len(data)
    if data == piece(offset, length):
        return piece_sum(offset, length)
    return checksum.partial(data)
