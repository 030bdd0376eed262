"""ICMP (RFC 792) and ICMPv6 (RFC 4443), with the packet that an error message quotes.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+-------------------------------+
    |     Type      |     Code      |           Checksum            |
    +---------------+---------------+-------------------------------+
    |    Rest of header: identifier | sequence; MTU; gateway …      |
    +---------------------------------------------------------------+
    |  Data; of an error: the IP packet that caused it, as far as it was quoted
    +---------------------------------------------------------------+

Only the first four bytes are needed to parse; the rest of the header is there as far as the bytes go.
Neighbor Discovery is `dissectors.ndp`'s.

Limits: RFC 4884 extensions behind the quoted packet are not separated from it.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from dissectors import checksum, ndp, offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_ip

_TYPE_NAMES = {
    offsets.ICMP_ECHO_REPLY: "Echo (ping) reply",
    offsets.ICMP_UNREACHABLE: "Destination unreachable",
    offsets.ICMP_SOURCE_QUENCH: "Source quench",
    offsets.ICMP_REDIRECT: "Redirect",
    offsets.ICMP_ECHO: "Echo (ping) request",
    9: "Router advertisement",
    10: "Router solicitation",
    offsets.ICMP_TIME_EXCEEDED: "Time-to-live exceeded",
    offsets.ICMP_PARAMETER_PROBLEM: "Parameter problem",
    13: "Timestamp request",
    14: "Timestamp reply",
    15: "Information request",
    16: "Information reply",
    17: "Address mask request",
    18: "Address mask reply",
    42: "Extended echo request",
    43: "Extended echo reply",
}
_FRAGMENTATION_NEEDED = 4
_CODE_NAMES = {
    (3, 0): "Network unreachable",
    (3, 1): "Host unreachable",
    (3, 2): "Protocol unreachable",
    (3, 3): "Port unreachable",
    (3, _FRAGMENTATION_NEEDED): "Fragmentation needed",
    (3, 5): "Source route failed",
    (3, 6): "Destination network unknown",
    (3, 7): "Destination host unknown",
    (3, 9): "Network administratively prohibited",
    (3, 10): "Host administratively prohibited",
    (3, 11): "Network unreachable for TOS",
    (3, 12): "Host unreachable for TOS",
    (3, 13): "Communication administratively filtered",
    (5, 0): "Redirect for network",
    (5, 1): "Redirect for host",
    (5, 2): "Redirect for TOS and network",
    (5, 3): "Redirect for TOS and host",
    (11, 0): "Time to live exceeded in transit",
    (11, 1): "Fragment reassembly time exceeded",
    (12, 0): "Pointer indicates the error",
    (12, 1): "Required option missing",
    (12, 2): "Bad length",
}
_V6_TYPE_NAMES = {
    offsets.ICMPV6_UNREACHABLE: "Destination Unreachable",
    offsets.ICMPV6_TOO_BIG: "Packet Too Big",
    offsets.ICMPV6_TIME_EXCEEDED: "Time Exceeded",
    offsets.ICMPV6_PARAMETER_PROBLEM: "Parameter Problem",
    offsets.ICMPV6_ECHO: "Echo (ping) request",
    offsets.ICMPV6_ECHO_REPLY: "Echo (ping) reply",
    130: "Multicast Listener Query",
    131: "Multicast Listener Report",
    132: "Multicast Listener Done",
    ndp.ROUTER_SOLICITATION: "Router Solicitation",
    ndp.ROUTER_ADVERTISEMENT: "Router Advertisement",
    ndp.NEIGHBOR_SOLICITATION: "Neighbor Solicitation",
    ndp.NEIGHBOR_ADVERTISEMENT: "Neighbor Advertisement",
    ndp.REDIRECT: "Redirect",
    138: "Router Renumbering",
    139: "Node Information Query",
    140: "Node Information Response",
    143: "Multicast Listener Report Message v2",
    151: "Multicast Router Advertisement",
    155: "RPL Control",
    160: "Extended echo request",
    161: "Extended echo reply",
}
_V6_CODE_NAMES = {
    (1, 0): "no route to destination",
    (1, 1): "Administratively prohibited",
    (1, 2): "beyond scope of source address",
    (1, 3): "Address unreachable",
    (1, 4): "Port unreachable",
    (1, 5): "source address failed ingress/egress policy",
    (1, 6): "reject route to destination",
    (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragment reassembly time exceeded",
    (4, 0): "erroneous header field encountered",
    (4, 1): "unrecognized Next Header type encountered",
    (4, 2): "unrecognized IPv6 option encountered",
}


class Quote(NamedTuple):
    """The IP header that an error message quotes."""

    #: 4 or 6.
    family: int
    src: bytes
    dst: bytes
    #: IPv4: its protocol; IPv6: its next header, extension headers are not followed.
    protocol: int
    ttl: int
    #: Length of the quoted header; what follows it starts there, from the start of the quote.
    header_len: int
    #: What follows the quoted header, as far as it is there.
    payload: bytes


def read_quote(buf: bytes) -> Quote | None:
    """The quoted header that `buf` starts with; None where it is not all there or no IP header."""
    version = buf[0] >> 4 if buf else 0
    if version == 4 and len(buf) >= offsets.IP4_MIN_LEN:
        length = (buf[0] & 0x0F) * 4
        if length < offsets.IP4_MIN_LEN:
            return None
        src = buf[offsets.IP4_SRC : offsets.IP4_SRC + 4]
        dst = buf[offsets.IP4_DST : offsets.IP4_DST + 4]
        return Quote(4, src, dst, buf[offsets.IP4_PROTOCOL], buf[offsets.IP4_TTL], length, buf[length:])
    if version == 6 and len(buf) >= offsets.IP6_LEN:
        src = buf[offsets.IP6_SRC : offsets.IP6_SRC + 16]
        dst = buf[offsets.IP6_DST : offsets.IP6_DST + 16]
        ttl = buf[offsets.IP6_HOP_LIMIT]
        return Quote(6, src, dst, buf[offsets.IP6_NEXT], ttl, offsets.IP6_LEN, buf[offsets.IP6_LEN :])
    return None


class _Message(Header):
    """What both versions share."""

    #: Types that have an identifier and a sequence number.
    ECHO: ClassVar[frozenset[int]] = frozenset()
    #: Types that quote the packet which caused them.
    ERRORS: ClassVar[frozenset[int]] = frozenset()

    type: int
    code: int
    checksum: int
    #: Rest of the header: 4 bytes, fewer where it was cut.
    rest: bytes = bytes(4)
    __hdr__: Any = (("type", "B", 0), ("code", "B", 0), ("checksum", "H", 0))

    def unpack(self, buf: bytes) -> None:
        """Reads type, code and checksum, and of the rest what is there."""
        super().unpack(buf)
        self.rest = buf[4 : offsets.ICMP_LEN]
        self.data = buf[offsets.ICMP_LEN :]

    def pack_variable(self) -> bytes:
        """The rest of the header."""
        return self.rest

    @property
    def header_len(self) -> int:
        """8."""
        return offsets.ICMP_LEN

    @property
    def identifier(self) -> int:
        """Of an echo message; -1 where it has none or it is not there."""
        if self.type not in self.ECHO or len(self.rest) < 2:
            return -1
        return int.from_bytes(self.rest[:2], "big")

    @property
    def sequence(self) -> int:
        """Of an echo message; -1 where it has none or it is not there."""
        if self.type not in self.ECHO or len(self.rest) < 4:
            return -1
        return int.from_bytes(self.rest[2:4], "big")

    @property
    def is_error(self) -> bool:
        """Whether the message quotes the packet that caused it."""
        return self.type in self.ERRORS

    @property
    def quote(self) -> Quote | None:
        """The header that an error message quotes."""
        return read_quote(bytes(self.data)) if self.is_error and len(self.rest) == 4 else None

    def _echo_info(self, name: str) -> str:
        parts = []
        if self.identifier >= 0:
            parts.append(f" id=0x{self.identifier:04x}")
        if self.sequence >= 0:
            parts.append(f" seq={self.sequence}")
        return name + ",".join(parts)


class ICMP(_Message):
    """An ICMP header: 8 bytes."""

    TITLE = "Internet Control Message Protocol"
    PROTOCOL = "icmp"
    ECHO = frozenset({offsets.ICMP_ECHO, offsets.ICMP_ECHO_REPLY})
    ERRORS = frozenset(
        {
            offsets.ICMP_UNREACHABLE,
            offsets.ICMP_SOURCE_QUENCH,
            offsets.ICMP_REDIRECT,
            offsets.ICMP_TIME_EXCEEDED,
            offsets.ICMP_PARAMETER_PROBLEM,
        }
    )
    FIELDS = (
        FieldSpec("type", "icmp.type", "Type", 0, 1, lambda t: f"{t} ({_TYPE_NAMES.get(t, 'Unknown')})"),
        FieldSpec("code", "icmp.code", "Code", 1, 1),
        FieldSpec("checksum", "icmp.checksum", "Checksum", 2, 2, show_hex(4)),
    )

    @property
    def mtu(self) -> int:
        """Next-hop MTU of "fragmentation needed" (RFC 1191), -1 in any other message."""
        if self.type != offsets.ICMP_UNREACHABLE or self.code != _FRAGMENTATION_NEEDED or len(self.rest) < 4:
            return -1
        return int.from_bytes(self.rest[2:4], "big")

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum, which covers no pseudo header."""
        self.checksum = 0
        self.checksum = checksum.internet_checksum(bytes(self))

    def fields(self) -> list[Field]:
        """Type, code, checksum, and what the rest of the header means in this message."""
        result = super().fields()
        if self.identifier >= 0:
            text = f"Identifier: {self.identifier} (0x{self.identifier:04x})"
            result.append(Field("icmp.ident", self.identifier, text, 4, 2))
        if self.sequence >= 0:
            result.append(Field("icmp.seq", self.sequence, f"Sequence Number: {self.sequence}", 6, 2))
        if self.mtu >= 0:
            result.append(Field("icmp.mtu", self.mtu, f"MTU of next hop: {self.mtu}", 6, 2))
        if self.type == offsets.ICMP_REDIRECT and len(self.rest) == 4:
            text = f"Gateway Address: {show_ip(self.rest)}"
            result.append(Field("icmp.redir_gw", self.rest, text, 4, 4))
        return result

    def info(self) -> str:
        """`Echo (ping) request id=0x0001, seq=1`, `Destination unreachable (Port unreachable)`."""
        name = _TYPE_NAMES.get(self.type, f"ICMP type {self.type} code {self.code}")
        if self.type in self.ECHO:
            return self._echo_info(name)
        code = _CODE_NAMES.get((self.type, self.code))
        text = f"{name} ({code})" if code else name
        return f"{text} MTU={self.mtu}" if self.mtu >= 0 else text


class ICMPv6(_Message):
    """An ICMPv6 header: 8 bytes; of Neighbor Discovery messages all is listed."""

    TITLE = "Internet Control Message Protocol v6"
    PROTOCOL = "icmpv6"
    ECHO = frozenset({offsets.ICMPV6_ECHO, offsets.ICMPV6_ECHO_REPLY})
    ERRORS = frozenset(
        {
            offsets.ICMPV6_UNREACHABLE,
            offsets.ICMPV6_TOO_BIG,
            offsets.ICMPV6_TIME_EXCEEDED,
            offsets.ICMPV6_PARAMETER_PROBLEM,
        }
    )
    FIELDS = (
        FieldSpec("type", "icmpv6.type", "Type", 0, 1, lambda t: f"{_V6_TYPE_NAMES.get(t, 'Unknown')} ({t})"),
        FieldSpec("code", "icmpv6.code", "Code", 1, 1),
        FieldSpec("checksum", "icmpv6.checksum", "Checksum", 2, 2, show_hex(4)),
    )

    @property
    def mtu(self) -> int:
        """MTU of "packet too big", -1 in any other message."""
        if self.type != offsets.ICMPV6_TOO_BIG or len(self.rest) < 4:
            return -1
        return int.from_bytes(self.rest, "big")

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum; nothing without a pseudo header, which it covers."""
        if pseudo:
            self.checksum = 0
            self.checksum = checksum.internet_checksum(bytes(self), checksum.ones_complement_sum(pseudo))

    def fields(self) -> list[Field]:
        """Type, code, checksum, and what the rest of the message says."""
        result = super().fields()
        if self.identifier >= 0:
            text = f"Identifier: 0x{self.identifier:04x}"
            result.append(Field("icmpv6.echo.identifier", self.identifier, text, 4, 2))
        if self.sequence >= 0:
            text = f"Sequence: {self.sequence}"
            result.append(Field("icmpv6.echo.sequence_number", self.sequence, text, 6, 2))
        if self.mtu >= 0:
            result.append(Field("icmpv6.mtu", self.mtu, f"MTU: {self.mtu}", 4, 4))
        if self.type in ndp.MESSAGES:
            result += ndp.fields(bytes(self))
        return result

    def info(self) -> str:
        """`Neighbor Solicitation for fe80::1 from 00:11:22:33:44:55`, `Packet Too Big MTU=1400`."""
        if self.type in ndp.MESSAGES:
            return ndp.info(bytes(self))
        name = _V6_TYPE_NAMES.get(self.type, f"ICMPv6 type {self.type} code {self.code}")
        if self.type in self.ECHO:
            return self._echo_info(name)
        code = _V6_CODE_NAMES.get((self.type, self.code))
        text = f"{name} ({code})" if code else name
        return f"{text} MTU={self.mtu}" if self.mtu >= 0 else text
