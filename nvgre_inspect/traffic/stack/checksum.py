"""Internet checksums (RFC 1071) by arithmetic modulo 65535, so that sums of parts add up (RFC 1624).

A *sum* here is the one's complement sum of 16-bit words as a number from 0 to 65534, 0 standing for 0xFFFF, too; no
packet sums up to a true zero.
"""

from __future__ import annotations

_MODULUS = 0xFFFF


def partial(data: bytes) -> int:
    """The sum of `data`, as if a zero byte followed an odd last one."""
    value = int.from_bytes(data, "big")
    return (value << 8 if len(data) & 1 else value) % _MODULUS


def field(total: int) -> int:
    """The checksum field of a packet whose other words sum up to `total`, or to any number of the same remainder."""
    return -total % _MODULUS


def udp_field(total: int) -> int:
    """The same for UDP, where 0 would mean that there is no checksum (RFC 768)."""
    return -total % _MODULUS or _MODULUS
