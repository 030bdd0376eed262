"""The Internet checksum (RFC 1071), the pseudo headers it covers, and SCTP's CRC32c (RFC 9260 appendix A).

Everything here is a pure function over bytes-like objects; nothing raises on their content. Checksums are
numbers as they stand in the header when read big-endian.

A checksum over captured bytes says nothing when the snapshot length cut the packet, and on a sending host the
network card may fill it in later (offload): callers decide whether a mismatch means anything, these functions
only compute.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

#: A UDP checksum of zero means "none was computed" (RFC 768), so a computed zero is sent as this.
UDP_ZERO: Final = 0xFFFF

_CRC32C_POLYNOMIAL: Final = 0x82F63B78  # Castagnoli, bit-reversed


def ones_complement_sum(data: bytes | memoryview, total: int = 0) -> int:
    """The 16-bit ones' complement sum of `data`, not inverted, continued from `total`.

    An odd last byte counts as if a zero byte followed it, so only the last of several pieces may be odd.
    """
    length = len(data)
    # In arithmetic modulo 0xFFFF a big-endian number is congruent to the sum of its 16-bit words.
    value = int.from_bytes(data, "big") << 8 * (length & 1)
    value += total
    if value == 0:
        return 0
    return value % 0xFFFF or 0xFFFF


def internet_checksum(data: bytes | memoryview, total: int = 0) -> int:
    """RFC 1071: the complement of the sum of `data`; `total` is a sum to continue from (a pseudo header)."""
    return ~ones_complement_sum(data, total) & 0xFFFF


def verifies(data: bytes | memoryview, total: int = 0) -> bool:
    """Whether `data`, its checksum field included, sums up to all ones."""
    return ones_complement_sum(data, total) == 0xFFFF


def pseudo_header(src: bytes, dst: bytes, protocol: int, length: int) -> bytes:
    """What checksums of TCP, UDP, ICMPv6 cover beside the segment (RFC 9293 section 3.1, RFC 8200 8.1).

    `src` and `dst` are 4 or 16 bytes each, and which of the two decides the form. With a routing header `dst`
    is the final destination. `length` is that of the upper-layer packet in bytes.
    Raises ValueError for addresses of any other length, or of two different ones.
    """
    if len(src) == len(dst) == 4:
        return src + dst + struct.pack("!BBH", 0, protocol, length & 0xFFFF)
    if len(src) == len(dst) == 16:
        return src + dst + struct.pack("!IHBB", length & 0xFFFFFFFF, 0, 0, protocol)
    raise ValueError(f"addresses of {len(src)} and {len(dst)} bytes: both must be 4 or both 16")


def pseudo_sum(src: bytes, dst: bytes, protocol: int, length: int) -> int:
    """The ones' complement sum of `pseudo_header`, to start `internet_checksum` or `verifies` with."""
    return ones_complement_sum(pseudo_header(src, dst, protocol, length))


def transport_checksum(src: bytes, dst: bytes, protocol: int, segment: bytes | memoryview) -> int:
    """The checksum of an upper-layer packet whose own checksum field is zero in `segment`."""
    return internet_checksum(segment, pseudo_sum(src, dst, protocol, len(segment)))


def transport_verifies(src: bytes, dst: bytes, protocol: int, segment: bytes | memoryview) -> bool:
    """Whether the checksum inside a whole upper-layer packet is right."""
    return verifies(segment, pseudo_sum(src, dst, protocol, len(segment)))


def update(checksum: int, old: bytes, new: bytes) -> int:
    """RFC 1624: a checksum after `old` became `new` in what it covers; of the same even length."""
    total = ~checksum & 0xFFFF
    total = ones_complement_sum(new, total + (~ones_complement_sum(old) & 0xFFFF))
    return ~total & 0xFFFF


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CRC32C_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC32C_TABLE: Final = _crc32c_table()


def crc32c(pieces: Iterable[bytes | memoryview]) -> int:
    """CRC32c over the concatenation of `pieces`."""
    crc = 0xFFFFFFFF
    for piece in pieces:
        for byte in piece:
            crc = crc >> 8 ^ _CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sctp_checksum(packet: bytes | memoryview) -> int:
    """The checksum of a whole SCTP packet, its checksum field (bytes 8 to 11) taken as zero.

    RFC 9260 sends the CRC with its least significant byte first; the number returned is the field read
    big-endian.
    """
    crc = crc32c((packet[:8], bytes(len(packet[8:12])), packet[12:]))
    return int.from_bytes(crc.to_bytes(4, "little"), "big")
