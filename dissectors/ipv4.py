"""IPv4: the Internet Protocol, version 4 (RFC 791; DSCP and ECN of RFC 2474 and RFC 3168).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+-----------+---+-------------------------------+
    |Version|  IHL  |   DSCP    |ECN|          Total length         |
    +-------+-------+-----------+---+-----+-------------------------+
    |        Identification         |0 D M|     Fragment offset     |
    +---------------+---------------+-----+-------------------------+
    |      TTL      |   Protocol    |        Header checksum        |
    +---------------+---------------+-------------------------------+
    |                        Source address                         |
    +---------------------------------------------------------------+
    |                     Destination address                       |
    +---------------------------------------------------------------+
    |                 Options, padded to 4 bytes                    |
    +---------------------------------------------------------------+

`IPv4` is our own rather than dpkt's: that one parses its payload by itself, corrects a zero total length and
a zero checksum on emit, and leaves a stale checksum after any other edit.

Limits: options are listed by kind, their values are shown as hexadecimal digits; reassembly is not done here.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from dissectors import anomalies, checksum, offsets
from dissectors.base import Field, FieldSpec, Header, show_flag, show_hex, show_ip
from dissectors.options import read_options

#: IP protocol number -> name, as Wireshark writes it.
PROTOCOL_NAMES: dict[int, str] = {
    offsets.IPPROTO_HOPOPTS: "IPv6 hop-by-hop options",
    offsets.IPPROTO_ICMP: "ICMP",
    offsets.IPPROTO_IGMP: "IGMP",
    offsets.IPPROTO_IPIP: "IPIP",
    offsets.IPPROTO_TCP: "TCP",
    offsets.IPPROTO_UDP: "UDP",
    offsets.IPPROTO_DCCP: "DCCP",
    offsets.IPPROTO_IPV6: "IPv6",
    offsets.IPPROTO_ROUTING: "IPv6 routing",
    offsets.IPPROTO_FRAGMENT: "IPv6 fragment",
    46: "RSVP",
    offsets.IPPROTO_GRE: "GRE",
    offsets.IPPROTO_ESP: "ESP",
    offsets.IPPROTO_AH: "AH",
    54: "NHRP",
    offsets.IPPROTO_ICMPV6: "ICMPv6",
    offsets.IPPROTO_NONE: "IPv6 no next header",
    offsets.IPPROTO_DSTOPTS: "IPv6 destination options",
    offsets.IPPROTO_EIGRP: "EIGRP",
    offsets.IPPROTO_OSPF: "OSPF",
    offsets.IPPROTO_ETHERIP: "EtherIP",
    offsets.IPPROTO_PIM: "PIM",
    108: "IPComp",
    offsets.IPPROTO_VRRP: "VRRP",
    115: "L2TP",
    offsets.IPPROTO_SCTP: "SCTP",
    offsets.IPPROTO_MOBILITY: "Mobile IPv6",
    offsets.IPPROTO_UDPLITE: "UDPLite",
    offsets.IPPROTO_MPLS: "MPLS in IP",
    offsets.IPPROTO_HIP: "HIP",
    offsets.IPPROTO_SHIM6: "Shim6",
    offsets.IPPROTO_ETHERNET: "Ethernet",
}

_DSCP_NAMES = {
    0: "CS0", 8: "CS1", 10: "AF11", 12: "AF12", 14: "AF13", 16: "CS2", 18: "AF21", 20: "AF22", 22: "AF23",
    24: "CS3", 26: "AF31", 28: "AF32", 30: "AF33", 32: "CS4", 34: "AF41", 36: "AF42", 38: "AF43", 40: "CS5",
    44: "VOICE-ADMIT", 46: "EF", 48: "CS6", 56: "CS7",
}  # fmt: skip
_ECN_NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
_OPTION_NAMES = {
    0: "End of Options List",
    1: "No-Operation",
    7: "Record Route",
    68: "Time Stamp",
    130: "Security",
    131: "Loose Source Route",
    136: "Stream Identifier",
    137: "Strict Source Route",
    148: "Router Alert",
}


def show_protocol(protocol: int) -> str:
    """`TCP (6)`, or `Unknown (255)`."""
    return f"{PROTOCOL_NAMES.get(protocol, 'Unknown')} ({protocol})"


def protocol_name(protocol: int) -> str:
    """`TCP`, or `protocol 255`."""
    return PROTOCOL_NAMES.get(protocol, f"protocol {protocol}")


def show_dscp(dscp: int) -> str:
    """`EF (46)`, or the number alone."""
    return f"{_DSCP_NAMES[dscp]} ({dscp})" if dscp in _DSCP_NAMES else str(dscp)


def show_ecn(ecn: int) -> str:
    """`CE (3)`."""
    return f"{_ECN_NAMES[ecn & 3]} ({ecn})"


class Fragment(NamedTuple):
    """What an IP header says of the fragment behind it."""

    id: int
    #: Bytes.
    offset: int
    more: bool
    #: Where the fragment's payload starts, from the start of the IP header.
    start: int

    def invalid(self, length: int) -> bool:
        """Whether a payload of `length` bytes reaches beyond 65,535, or is empty with more to follow."""
        return self.offset + length > 0xFFFF or (length <= 0 and self.more)

    def info(self, protocol: int) -> str:
        """As Wireshark words it for a packet that it does not reassemble."""
        return (
            f"Fragmented IP protocol (proto={protocol_name(protocol)} {protocol}, off={self.offset}, ID={self.id:04x})"
        )


class IPv4(Header):
    """An IPv4 header with its options."""

    TITLE = "Internet Protocol Version 4"
    PROTOCOL = "ip"
    FIELDS = (
        FieldSpec("version", "ip.version", "Version", 0, 1),
        FieldSpec("ihl", "ip.hdr_len", "Header Length", 0, 1, lambda ihl: f"{ihl * 4} bytes ({ihl})"),
        FieldSpec("dscp", "ip.dsfield.dscp", "Differentiated Services Codepoint", offsets.IP4_TOS, 1, show_dscp),
        FieldSpec("ecn", "ip.dsfield.ecn", "Explicit Congestion Notification", offsets.IP4_TOS, 1, show_ecn),
        FieldSpec("total_length", "ip.len", "Total Length", offsets.IP4_TOTAL_LEN, 2),
        FieldSpec("id", "ip.id", "Identification", offsets.IP4_ID, 2, lambda i: f"0x{i:04x} ({i})"),
        FieldSpec("reserved", "ip.flags.rb", "Reserved bit", offsets.IP4_FRAGMENT, 1, show_flag),
        FieldSpec("df", "ip.flags.df", "Don't fragment", offsets.IP4_FRAGMENT, 1, show_flag),
        FieldSpec("mf", "ip.flags.mf", "More fragments", offsets.IP4_FRAGMENT, 1, show_flag),
        FieldSpec("fragment_offset", "ip.frag_offset", "Fragment Offset", offsets.IP4_FRAGMENT, 2),
        FieldSpec("ttl", "ip.ttl", "Time to Live", offsets.IP4_TTL, 1),
        FieldSpec("protocol", "ip.proto", "Protocol", offsets.IP4_PROTOCOL, 1, show_protocol),
        FieldSpec("checksum", "ip.checksum", "Header Checksum", offsets.IP4_CHECKSUM, 2, show_hex(4)),
        FieldSpec("src", "ip.src", "Source Address", offsets.IP4_SRC, 4, show_ip),
        FieldSpec("dst", "ip.dst", "Destination Address", offsets.IP4_DST, 4, show_ip),
    )

    version: int
    #: Header length in units of 4 bytes.
    ihl: int
    #: DSCP << 2 | ECN.
    tos: int
    dscp: int
    ecn: int
    total_length: int
    id: int
    reserved: int
    df: int
    mf: int
    #: Fragment offset as on the wire, in units of 8 bytes.
    offset: int
    ttl: int
    protocol: int
    checksum: int
    src: bytes
    dst: bytes
    #: As far as they are there; their stated length is `header_len` - 20.
    options: bytes = b""
    __hdr__: Any = (
        ("_version_ihl", "B", 0x45),
        ("tos", "B", 0),
        ("total_length", "H", offsets.IP4_MIN_LEN),
        ("id", "H", 0),
        ("_fragment", "H", 0),
        ("ttl", "B", 64),
        ("protocol", "B", offsets.IPPROTO_HOPOPTS),
        ("checksum", "H", 0),
        ("src", "4s", bytes(4)),
        ("dst", "4s", bytes(4)),
    )
    __bit_fields__: ClassVar[Any] = {
        "_version_ihl": (("version", 4), ("ihl", 4)),
        "tos": (("dscp", 6), ("ecn", 2)),
        "_fragment": (("reserved", 1), ("df", 1), ("mf", 1), ("offset", 13)),
    }

    def unpack(self, buf: bytes) -> None:
        """Reads the header, and of its options what is there."""
        super().unpack(buf)
        length = self.header_len
        self.options = buf[offsets.IP4_MIN_LEN : length]
        self.data = buf[length:]

    def pack_variable(self) -> bytes:
        """The options."""
        return self.options

    @property
    def header_len(self) -> int:
        """By the IHL field; 20 where that is below 5."""
        return max(self.ihl * 4, offsets.IP4_MIN_LEN)

    @property
    def fragment_offset(self) -> int:
        """Fragment offset in bytes."""
        return self.offset * 8

    @property
    def fragment(self) -> Fragment | None:
        """What the header says of a fragment; None for a whole packet."""
        if not self.offset and not self.mf:
            return None
        return Fragment(self.id, self.offset * 8, bool(self.mf), self.header_len)

    @property
    def payload_len(self) -> int:
        """Bytes behind the header by the total length, -1 where that is 0 (offload) or below the header."""
        length = self.total_length - self.header_len
        return length if length >= 0 else -1

    @property
    def checksum_ok(self) -> bool:
        """Whether the header checksum is right."""
        return checksum.verifies(self.pack_hdr() + self.options)

    @property
    def anomalies(self) -> int:
        """Version, IHL and total length, as far as the walk reads them: each one hides those after it.

        A total length beyond the packet and an invalid fragment need to know where the packet ends: the
        walk's.
        """
        if self.version != 4:
            return 1 << anomalies.IP_VERSION_MISMATCH
        if self.ihl < 5:
            return 1 << anomalies.IP_HEADER_LENGTH_INVALID
        if len(self.options) < self.header_len - offsets.IP4_MIN_LEN:
            return 0
        if self.total_length == 0:
            return 1 << anomalies.IP_TOTAL_LENGTH_ZERO
        if self.total_length < self.header_len:
            return 1 << anomalies.IP_TOTAL_LENGTH_INVALID
        return 0

    def pseudo_header(self, protocol: int, length: int) -> bytes:
        """What the checksum of an upper protocol of `length` bytes covers beside them."""
        return checksum.pseudo_header(self.src, self.dst, protocol, length)

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets IHL (options are padded to 4 bytes), total length and header checksum.

        Raises ValueError for more than 40 bytes of options. A total length above 65,535 does not fit, and is
        set to 0, as captures made before segmentation offload have it.
        """
        self.options += bytes(-len(self.options) % 4)
        self.ihl = (offsets.IP4_MIN_LEN + len(self.options)) // 4
        total = self.header_len + len(self.data)
        self.total_length = total if total <= 0xFFFF else 0
        self.checksum = 0
        self.checksum = checksum.internet_checksum(self.pack_hdr() + self.options)

    def fields(self) -> list[Field]:
        """The fixed part, then one line an option."""
        result = super().fields()
        options, _ = read_options(self.options, self.header_len - offsets.IP4_MIN_LEN)
        for option in options:
            name = _OPTION_NAMES.get(option.kind, f"Option {option.kind}")
            text = f"IP Option: {name}" + (f": {option.value.hex()}" if option.value else "")
            start = offsets.IP4_MIN_LEN + option.start
            result.append(Field("ip.opt.type", option.kind, text, start, option.length))
        return result

    def info(self) -> str:
        """The protocol's name, or what it is a fragment of."""
        fragment = self.fragment
        return fragment.info(self.protocol) if fragment else protocol_name(self.protocol)
