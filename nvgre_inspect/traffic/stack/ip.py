"""IP: headers of what a machine sends (RFC 791, RFC 8200), and what it makes of those that it gets.

A `Route` is the way from a machine to one address for one use (a connection, a socket's peer): everything of Ethernet
and IP header that stays the same is computed once. IPv4 packets have an identification each, counted per route, and DF
set, as those of today's systems do; the checksum follows from the header's constant part. Where DF is not set, what is
longer than the MTU is fragmented.

Limits: no IP options and no IPv6 extension headers are sent; with them received, a packet is not for this stack.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dissectors import offsets
from nvgre_inspect.traffic.stack import checksum

_V4 = struct.Struct(">6s10sHHHHH8s")
_V6 = struct.Struct(">6s12sHH32s")
_TYPE_IP4 = struct.pack(">H", offsets.ETHERTYPE_IPV4)
_TYPE_IP6 = struct.pack(">H", offsets.ETHERTYPE_IPV6)
TTL = 64
_DF, _MF = 0x4000, 0x2000
_FRAGMENT = _MF | 0x1FFF
#: Header lengths.
IP4_LEN, IP6_LEN = 20, 40
_PLAIN = 0x45
#: ECN codepoints (RFC 3168), in the lowest two bits of the type of service.
ECT0, CE, ECN_MASK = 0b10, 0b11, 0b11


class Datagram(NamedTuple):
    """An IP packet that came for this machine."""

    src: bytes
    dst: bytes
    protocol: int
    tos: int
    #: Its payload, complete.
    body: bytes
    #: The packet itself, as ICMP errors quote it.
    packet: bytes

    @property
    def pseudo(self) -> int:
        """Sum of the pseudo-header for transport checksums."""
        return checksum.partial(self.src + self.dst) + self.protocol + len(self.body)

    @property
    def sound(self) -> bool:
        """Whether the transport's checksum, which covers the pseudo-header, is right."""
        return (self.pseudo + checksum.partial(self.body)) % 0xFFFF == 0


class Route:
    """From `src` to `dst` (4 or 16 bytes) with one protocol; `mac` is that of the sender."""

    __slots__ = ("_addresses", "_df", "_ident", "_kind", "_sum", "_tail", "_tos", "dst", "header_len", "pseudo", "src")

    def __init__(
        self,
        mac: bytes,
        src: bytes,
        dst: bytes,
        protocol: int,
        *,
        tos: int = 0,
        ttl: int = TTL,
        ident: int = 1,
        df: bool = True,
    ) -> None:
        self.src, self.dst = src, dst
        self._addresses = src + dst
        #: Sum of the pseudo-header without the length.
        self.pseudo = checksum.partial(self._addresses) + protocol
        self._tos = tos
        self._ident = ident
        if len(dst) == 4:
            self.header_len = IP4_LEN
            self._df = _DF if df else 0
            self._kind = mac + _TYPE_IP4 + bytes((_PLAIN,))
            self._tail = ttl << 8 | protocol
            self._sum = (_PLAIN << 8) + self._tail + checksum.partial(self._addresses)
        else:
            self.header_len = IP6_LEN
            self._df = _DF
            self._kind = mac + _TYPE_IP6
            self._tail = protocol << 8 | ttl
            self._sum = 0

    def frame(self, mac: bytes, body: bytes, ecn: int = 0) -> bytes:
        """The Ethernet frame to `mac` with `body` in one IP packet."""
        tos = self._tos | ecn
        if self.header_len == IP6_LEN:
            start = self._kind + struct.pack(">HH", 0x6000 | tos << 4, 0)
            return _V6.pack(mac, start, len(body), self._tail, self._addresses) + body
        return self._packet4(mac, body, self._next_ident(), self._df, tos)

    def frames(self, mac: bytes, body: bytes, mtu: int) -> list[bytes]:
        """The same as fragments, where it is longer than `mtu` and may be fragmented (IPv4 without DF)."""
        if len(body) + self.header_len <= mtu or self._df:
            return [self.frame(mac, body)]
        step = (mtu - IP4_LEN) & ~7
        ident = self._next_ident()
        return [
            self._packet4(
                mac,
                body[start : start + step],
                ident,
                start >> 3 | (_MF if start + step < len(body) else 0),
                self._tos,
            )
            for start in range(0, len(body), step)
        ]

    def _next_ident(self) -> int:
        # 0 would say that there is none.
        ident = self._ident
        self._ident = ident + 1 if ident < 0xFFFF else 1
        return ident

    def _packet4(self, mac: bytes, body: bytes, ident: int, fragment: int, tos: int) -> bytes:
        length = IP4_LEN + len(body)
        check = checksum.field(self._sum + tos + length + ident + fragment)
        start = self._kind + bytes((tos,))
        return _V4.pack(mac, start, length, ident, fragment, self._tail, check, self._addresses) + body


def parse4(frame: bytes) -> tuple[Datagram, int, int] | None:
    """The IPv4 packet in an Ethernet frame, its identification and its flags and fragment offset; None: not sound."""
    if len(frame) < offsets.ETH_LEN + IP4_LEN or frame[14] != _PLAIN:
        return None
    end = offsets.ETH_LEN + (frame[16] << 8 | frame[17])
    if not offsets.ETH_LEN + IP4_LEN <= end <= len(frame) or checksum.partial(frame[14:34]):
        return None
    datagram = Datagram(frame[26:30], frame[30:34], frame[23], frame[15], frame[34:end], frame[14:end])
    return datagram, frame[18] << 8 | frame[19], (frame[20] << 8 | frame[21]) & _FRAGMENT


def parse6(frame: bytes) -> Datagram | None:
    """The IPv6 packet in an Ethernet frame; None: not sound."""
    if len(frame) < offsets.ETH_LEN + IP6_LEN or frame[14] >> 4 != 6:
        return None
    end = offsets.ETH_LEN + IP6_LEN + (frame[18] << 8 | frame[19])
    if end > len(frame):
        return None
    tos = (frame[14] << 4 | frame[15] >> 4) & 0xFF
    return Datagram(frame[22:38], frame[38:54], frame[20], tos, frame[54:end], frame[14:end])
