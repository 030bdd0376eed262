"""IP: headers of what a machine sends (RFC 791, RFC 8200), and what it makes of those that it gets.

A `Route` is the way from a machine to one address for one use (a connection, a socket's peer): everything of Ethernet
and IP header that stays the same is computed once. IPv4 packets have an identification each, counted per route, and DF
set, as those of today's systems do; the checksum follows from the header's constant part. Where a route is made without
`df`, what is longer than the MTU is fragmented.

Limits: no IP options, and of IPv6 extension headers only the fragment header; with others received, a packet is not for
this stack.
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
#: IPv6 fragment header: next header, reserved, offset in bytes and the bit "more", identification.
_FRAGMENT6 = struct.Struct(">BBHI")
FRAGMENT_LEN = _FRAGMENT6.size
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
    #: The frame that it came in.
    frame: bytes

    @property
    def packet(self) -> bytes:
        """The packet itself, as ICMP errors quote it (of a fragmented one its last fragment)."""
        return self.frame[offsets.ETH_LEN :]

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
            self._df = df
            self._kind = mac + _TYPE_IP4 + bytes((_PLAIN,))
            self._tail = ttl << 8 | protocol
            self._sum = (_PLAIN << 8) + self._tail + checksum.partial(self._addresses)
        else:
            self.header_len = IP6_LEN
            self._df = df
            self._kind = mac + _TYPE_IP6
            self._tail = protocol << 8 | ttl
            self._sum = 0

    def frame(self, mac: bytes, body: bytes, ecn: int = 0) -> bytes:
        """The Ethernet frame to `mac` with `body` in one IP packet."""
        tos = self._tos | ecn
        if self.header_len == IP6_LEN:
            return self._packet6(mac, body, self._tail, tos)
        return self._packet4(mac, body, self._next_ident(), _DF if self._df else 0, tos)

    def frames(self, mac: bytes, body: bytes, mtu: int) -> list[bytes]:
        """The same as fragments, where it is longer than `mtu` and may be (RFC 791, RFC 8200 section 4.5)."""
        if len(body) + self.header_len <= mtu or self._df:
            return [self.frame(mac, body)]
        ident = self._next_ident()
        if self.header_len == IP6_LEN:
            step = (mtu - IP6_LEN - FRAGMENT_LEN) & ~7
            tail = offsets.IPPROTO_FRAGMENT << 8 | self._tail & 0xFF
            return [
                self._packet6(
                    mac,
                    _FRAGMENT6.pack(self._tail >> 8, 0, start | (start + step < len(body)), ident)
                    + body[start : start + step],
                    tail,
                    self._tos,
                )
                for start in range(0, len(body), step)
            ]
        step = (mtu - IP4_LEN) & ~7
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

    def _packet6(self, mac: bytes, body: bytes, tail: int, tos: int) -> bytes:
        start = self._kind + struct.pack(">HH", 0x6000 | tos << 4, 0)
        return _V6.pack(mac, start, len(body), tail, self._addresses) + body

    def _packet4(self, mac: bytes, body: bytes, ident: int, fragment: int, tos: int) -> bytes:
        length = IP4_LEN + len(body)
        check = checksum.field(self._sum + tos + length + ident + fragment)
        start = self._kind + bytes((tos,))
        return _V4.pack(mac, start, length, ident, fragment, self._tail, check, self._addresses) + body


class Part(NamedTuple):
    """A fragment of a packet."""

    datagram: Datagram
    ident: int
    #: Bytes before it, and whether more follow.
    offset: int
    more: bool


def parse4(frame: bytes) -> Datagram | Part | None:
    """The IPv4 packet in an Ethernet frame; None: not sound."""
    if len(frame) < offsets.ETH_LEN + IP4_LEN or frame[14] != _PLAIN:
        return None
    end = offsets.ETH_LEN + (frame[16] << 8 | frame[17])
    if not offsets.ETH_LEN + IP4_LEN <= end <= len(frame) or checksum.partial(frame[14:34]):
        return None
    datagram = Datagram(frame[26:30], frame[30:34], frame[23], frame[15], frame[34:end], frame)
    fragment = (frame[20] << 8 | frame[21]) & _FRAGMENT
    if not fragment:
        return datagram
    return Part(datagram, frame[18] << 8 | frame[19], (fragment & ~_MF) << 3, fragment >= _MF)


def parse6(frame: bytes) -> Datagram | Part | None:
    """The IPv6 packet in an Ethernet frame; None: not sound."""
    if len(frame) < offsets.ETH_LEN + IP6_LEN or frame[14] >> 4 != 6:
        return None
    end = offsets.ETH_LEN + IP6_LEN + (frame[18] << 8 | frame[19])
    if end > len(frame):
        return None
    tos = (frame[14] << 4 | frame[15] >> 4) & 0xFF
    datagram = Datagram(frame[22:38], frame[38:54], frame[20], tos, frame[54:end], frame)
    if datagram.protocol != offsets.IPPROTO_FRAGMENT:
        return datagram
    if len(datagram.body) < FRAGMENT_LEN:
        return None
    protocol, _, place, ident = _FRAGMENT6.unpack_from(datagram.body)
    whole = datagram._replace(protocol=protocol, body=datagram.body[FRAGMENT_LEN:])
    return Part(whole, ident, place & ~7, bool(place & 1))
