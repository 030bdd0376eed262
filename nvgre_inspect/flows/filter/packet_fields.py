"""The fields of packets: names and meanings as Wireshark has them, and where their values stand.

A source says where: at an offset of a header (Bits, Address), in the list of layers (LayerId, LayerKind), in other
fields (Union), whether a header is there at all (Presence), or in a way of its own (Computed: a method of
`packet_rows`).
"""

from __future__ import annotations

from dataclasses import dataclass

from dissectors import encaps, offsets
from nvgre_inspect.flows.filter.field import Field, Type

#: Protocols whose fields say something of a packet, and so may have inner. and outer. before them.
SCOPED_HEADERS = frozenset(
    "eth vlan arp ip ipv6 tcp udp sctp icmp icmpv6 igmp ospf gre nvgre mpls".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Where:
    """A field that only some headers have: those in which the number at `offset` is one of `values`."""

    offset: int
    size: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bits:
    """A number in `size` bytes at `offset` of a header: `(value >> shift & mask) * scale`, if at least `minimum`."""

    header: str
    offset: int
    size: int
    shift: int = 0
    mask: int | None = None
    scale: int = 1
    minimum: int = 0
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """An address of `size` (4, 16) bytes at `offset` of a header."""

    header: str
    offset: int
    size: int
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Union:
    """The values of several fields (by name) or numbers together."""

    parts: tuple[str | Bits, ...]


@dataclass(frozen=True, slots=True)
class LayerId:
    """The ids of layers of these kinds."""

    kinds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerKind:
    """Whether there is a layer of these kinds."""

    kinds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether there is such a header; its bytes run to the end of the packet."""

    header: str


@dataclass(frozen=True, slots=True)
class Computed:
    """The method `_name` of `packet_rows.PacketRows`."""

    name: str


def _bits(
    name: str,
    meaning: str,
    header: str,
    offset: int,
    size: int,
    shift: int = 0,
    mask: int | None = None,
    *,
    scale: int = 1,
    minimum: int = 0,
    where: Where | None = None,
) -> Field:
    greatest = ((1 << 8 * size) - 1) >> shift
    if mask is not None:
        greatest &= mask
    type_ = Type.BOOLEAN if greatest == 1 else Type.INTEGER
    source = Bits(header, offset, size, shift, mask, scale, minimum, where)
    return Field(name, type_, meaning, source, greatest * scale, multiple=True, scoped=True)


def _mac(name: str, meaning: str, header: str, offset: int, where: Where | None = None) -> Field:
    source = Bits(header, offset, 6, where=where)
    return Field(name, Type.MAC, meaning, source, None, multiple=True, scoped=True)


def _address(name: str, meaning: str, header: str, offset: int, size: int, where: Where | None = None) -> Field:
    type_ = Type.IPV4 if size == 4 else Type.IPV6
    source = Address(header, offset, size, where)
    return Field(name, type_, meaning, source, None, multiple=True, scoped=True)


def _union(name: str, type_: Type, meaning: str, *names: str, maximum: int | None = None) -> Field:
    return Field(name, type_, meaning, Union(names), maximum, multiple=True, scoped=names[0][:2] not in ("pa", "ca"))


def _id(name: str, meaning: str, maximum: int, *kinds: int) -> Field:
    return Field(name, Type.INTEGER, meaning, LayerId(kinds), maximum, multiple=True, scoped=True)


def _computed(
    name: str,
    type_: Type,
    meaning: str,
    source: str,
    *,
    maximum: int | None = None,
    multiple: bool = False,
    scoped: bool = False,
) -> Field:
    return Field(name, type_, meaning, Computed(source), maximum, multiple, scoped)


def _header(name: str, meaning: str) -> Field:
    return Field(name, Type.PROTOCOL, meaning, Presence(name), None, multiple=True, scoped=name in SCOPED_HEADERS)


def _layer(name: str, meaning: str, *kinds: int) -> Field:
    return Field(name, Type.PROTOCOL, meaning, LayerKind(kinds), None, multiple=True, scoped=True)


#: Echo, timestamp, information and address mask.
_QUERY = Where(0, 1, (0, 8, 13, 14, 15, 16, 17, 18))
#: Echo and extended echo (RFC 8335).
_ECHO_V6 = Where(0, 1, (128, 129, 160, 161))
#: Ethernet and IPv4, lengths 6 and 4.
_ARP_IPV4 = Where(0, 6, (0x0001_0800_0604,))
#: The address that an ARP packet asks for.
ARP_TARGET = Address("arp", offsets.ARP_TPA, 4, _ARP_IPV4)

_FRAME = [
    Field("frame", Type.PROTOCOL, "the whole frame", Presence("frame")),
    _computed("frame.number", Type.INTEGER, "number of the frame, from 1", "number"),
    _computed("frame.time", Type.TIME, "time of capture", "time"),
    _computed("frame.time_epoch", Type.DURATION, "seconds since 1970-01-01 00:00 UTC", "time"),
    _computed("frame.time_relative", Type.DURATION, "seconds since the first frame", "time_relative"),
    _computed("frame.len", Type.INTEGER, "length on the wire", "length"),
    _computed("frame.cap_len", Type.INTEGER, "bytes captured", "cap_len"),
    _computed("frame.interface_id", Type.INTEGER, "row of the table captures, from 0 (over all files)", "interface"),
]

_LINK = [
    _header("eth", "Ethernet header"),
    _union("eth.addr", Type.MAC, "source or destination MAC address", "eth.src", "eth.dst"),
    _mac("eth.src", "source MAC address", "eth", 6),
    _mac("eth.dst", "destination MAC address", "eth", 0),
    _bits("eth.type", "EtherType (0x8100 where a VLAN tag follows)", "eth", 12, 2, minimum=offsets.ETHERTYPE_MIN),
    _header("vlan", "802.1Q or 802.1ad tag (Wireshark calls the latter ieee8021ad)"),
    _bits("vlan.id", "VLAN id", "vlan", 0, 2, 0, 0xFFF),
    _bits("vlan.priority", "priority code point", "vlan", 0, 2, 13, 7),
    _bits("vlan.etype", "EtherType behind the tag", "vlan", 2, 2, minimum=offsets.ETHERTYPE_MIN),
    _header("arp", "ARP"),
    _bits("arp.opcode", "1 request, 2 reply", "arp", 6, 2),
    _mac("arp.src.hw_mac", "sender's MAC address", "arp", 8, _ARP_IPV4),
    _address("arp.src.proto_ipv4", "sender's IPv4 address", "arp", 14, 4, _ARP_IPV4),
    _mac("arp.dst.hw_mac", "target's MAC address", "arp", 18, _ARP_IPV4),
    _address("arp.dst.proto_ipv4", "target's IPv4 address", "arp", 24, 4, _ARP_IPV4),
    _header("mpls", "MPLS label stack"),
    _bits("mpls.label", "label of each entry, entropy labels and their indicator too", "mpls", 0, 4, 12),
    _bits("mpls.exp", "traffic class", "mpls", 2, 1, 1, 7),
    _bits("mpls.bottom", "bottom of stack", "mpls", 2, 1, 0, 1),
    _bits("mpls.ttl", "time to live", "mpls", 3, 1),
]

_IP = [
    _header("ip", "IPv4 header"),
    Field(
        "ip.version",
        Type.INTEGER,
        "4 or 6, of every IP header (IPv6 too, as in Wireshark)",
        Union((Bits("ip", 0, 1, 4), Bits("ipv6", 0, 1, 4))),
        15,
        multiple=True,
        scoped=True,
    ),
    _bits("ip.hdr_len", "header length in bytes", "ip", 0, 1, 0, 15, scale=4),
    _bits("ip.dsfield", "DSCP and ECN", "ip", 1, 1),
    _bits("ip.dsfield.dscp", "DSCP", "ip", 1, 1, 2),
    _bits("ip.dsfield.ecn", "ECN", "ip", 1, 1, 0, 3),
    _bits("ip.len", "total length", "ip", 2, 2),
    _bits("ip.id", "identification", "ip", 4, 2),
    _bits("ip.flags.rb", "reserved bit", "ip", 6, 1, 7),
    _bits("ip.flags.df", "don't fragment", "ip", 6, 1, 6, 1),
    _bits("ip.flags.mf", "more fragments", "ip", 6, 1, 5, 1),
    _bits("ip.frag_offset", "fragment offset in units of eight bytes", "ip", 6, 2, 0, 0x1FFF),
    _bits("ip.ttl", "time to live", "ip", 8, 1),
    _bits("ip.proto", "protocol number", "ip", 9, 1),
    _union("ip.addr", Type.IPV4, "source or destination address", "ip.src", "ip.dst"),
    _address("ip.src", "source address", "ip", 12, 4),
    _address("ip.dst", "destination address", "ip", 16, 4),
    _header("ipv6", "IPv6 header"),
    _bits("ipv6.version", "6", "ipv6", 0, 1, 4),
    _bits("ipv6.tclass", "traffic class", "ipv6", 0, 2, 4, 0xFF),
    _bits("ipv6.tclass.dscp", "DSCP", "ipv6", 0, 2, 6, 0x3F),
    _bits("ipv6.tclass.ecn", "ECN", "ipv6", 0, 2, 4, 3),
    _bits("ipv6.flow", "flow label", "ipv6", 0, 4, 0, 0xFFFFF),
    _bits("ipv6.plen", "payload length", "ipv6", 4, 2),
    _bits("ipv6.nxt", "next header, as in the fixed header", "ipv6", 6, 1),
    _bits("ipv6.hlim", "hop limit", "ipv6", 7, 1),
    _union("ipv6.addr", Type.IPV6, "source or destination address", "ipv6.src", "ipv6.dst"),
    _address("ipv6.src", "source address", "ipv6", 8, 16),
    _address("ipv6.dst", "destination address", "ipv6", 24, 16),
]

_TCP_FLAGS = (
    ("fin", 0, "FIN"),
    ("syn", 1, "SYN"),
    ("reset", 2, "RST"),
    ("push", 3, "PSH"),
    ("ack", 4, "ACK"),
    ("urg", 5, "URG"),
    ("ece", 6, "ECN-Echo"),
    ("cwr", 7, "congestion window reduced"),
    ("ae", 8, "accurate ECN (once: nonce)"),
)


def _ports(protocol: str) -> list[Field]:
    return [
        _header(protocol, f"{protocol.upper()} header"),
        _union(
            f"{protocol}.port",
            Type.INTEGER,
            "source or destination port",
            f"{protocol}.srcport",
            f"{protocol}.dstport",
            maximum=0xFFFF,
        ),
        _bits(f"{protocol}.srcport", "source port", protocol, 0, 2),
        _bits(f"{protocol}.dstport", "destination port", protocol, 2, 2),
    ]


_TRANSPORT = [
    *_ports("tcp"),
    _bits("tcp.seq", "sequence number as on the wire (not relative)", "tcp", 4, 4),
    _bits("tcp.ack", "acknowledgement number as on the wire (not relative)", "tcp", 8, 4),
    _bits("tcp.hdr_len", "header length in bytes", "tcp", 12, 1, 4, scale=4),
    _computed("tcp.len", Type.INTEGER, "length of the payload on the wire", "tcp_len", scoped=True),
    _bits("tcp.flags", "all flags as a number", "tcp", 12, 2, 0, 0xFFF),
    *(
        _bits(f"tcp.flags.{name}", f"{meaning} (compare with 1; bare it tests for TCP)", "tcp", 12, 2, bit, 1)
        for name, bit, meaning in _TCP_FLAGS
    ),
    _bits("tcp.window_size_value", "window as on the wire, not scaled", "tcp", 14, 2),
    _computed(
        "tcp.options.mss_val",
        Type.INTEGER,
        "maximum segment size that a SYN announces",
        "tcp_mss",
        maximum=0xFFFF,
        scoped=True,
    ),
    _computed(
        "tcp.options.wscale.shift",
        Type.INTEGER,
        "window scale that a SYN announces",
        "tcp_wscale",
        maximum=255,
        scoped=True,
    ),
    _computed("tcp.payload", Type.BYTES, "captured payload, where there is any", "tcp_payload", scoped=True),
    *_ports("udp"),
    _bits("udp.length", "length with the header", "udp", 4, 2),
    _computed(
        "udp.payload",
        Type.BYTES,
        "captured payload, where there is any",
        "udp_payload",
        multiple=True,
        scoped=True,
    ),
    *_ports("sctp"),
    _header("icmp", "ICMP (what an error quotes is not searched)"),
    _bits("icmp.type", "type", "icmp", 0, 1),
    _bits("icmp.code", "code", "icmp", 1, 1),
    _bits("icmp.ident", "identifier of echo and other queries", "icmp", 4, 2, where=_QUERY),
    _bits("icmp.seq", "sequence number of echo and other queries", "icmp", 6, 2, where=_QUERY),
    _header("icmpv6", "ICMPv6 (what an error quotes is not searched)"),
    _bits("icmpv6.type", "type", "icmpv6", 0, 1),
    _bits("icmpv6.code", "code", "icmpv6", 1, 1),
    _bits("icmpv6.echo.identifier", "identifier of echo", "icmpv6", 4, 2, where=_ECHO_V6),
    _bits("icmpv6.echo.sequence_number", "sequence number of echo", "icmpv6", 6, 2, where=_ECHO_V6),
    _header("igmp", "IGMP"),
    _header("ospf", "OSPF"),
]

_TUNNELS = [
    _header("gre", "GRE header, in IP or in UDP, of NVGRE, GRETAP and ERSPAN too"),
    _bits("gre.flags_and_version", "first 16 bits", "gre", 0, 2),
    _bits("gre.flags.checksum", "checksum present", "gre", 0, 1, 7),
    _bits("gre.flags.routing", "routing present", "gre", 0, 1, 6, 1),
    _bits("gre.flags.key", "key present", "gre", 0, 1, 5, 1),
    _bits("gre.flags.sequence_number", "sequence number present", "gre", 0, 1, 4, 1),
    _bits("gre.flags.version", "version", "gre", 1, 1, 0, 7),
    _bits("gre.proto", "protocol type", "gre", 2, 2),
    _computed(
        "gre.key",
        Type.INTEGER,
        "32-bit key of version 0",
        "gre_key",
        maximum=0xFFFFFFFF,
        multiple=True,
        scoped=True,
    ),
    _header("nvgre", "NVGRE"),
    _id("nvgre.vsid", "VSID: the upper 24 bits of the key", 0xFFFFFF, encaps.NVGRE),
    _computed(
        "nvgre.flowid",
        Type.INTEGER,
        "FlowID: the lower 8 bits of the key",
        "nvgre_flowid",
        maximum=255,
        multiple=True,
        scoped=True,
    ),
    _layer("gretap", "Ethernet in GRE that is not NVGRE", encaps.GRETAP),
    _layer("vxlan", "VXLAN or VXLAN-GPE", encaps.VXLAN, encaps.VXLAN_GPE),
    _id("vxlan.vni", "VNI, where the I flag is set", 0xFFFFFF, encaps.VXLAN, encaps.VXLAN_GPE),
    _layer("geneve", "Geneve", encaps.GENEVE),
    _id("geneve.vni", "VNI", 0xFFFFFF, encaps.GENEVE),
    _layer("erspan", "ERSPAN of any type", encaps.ERSPAN1, encaps.ERSPAN2, encaps.ERSPAN3),
    _id("erspan.spanid", "session id", 0x3FF, encaps.ERSPAN2, encaps.ERSPAN3),
    _layer("esp", "IPsec ESP, in IP or in UDP", encaps.ESP),
    _id("esp.spi", "security parameters index", 0xFFFFFFFF, encaps.ESP),
    _layer("ah", "IPsec AH", encaps.AH),
    _id("ah.spi", "security parameters index", 0xFFFFFFFF, encaps.AH),
    _layer("srv6", "packet encapsulated by segment routing over IPv6", encaps.SRV6),
    _computed(
        "tunnel.type",
        Type.TEXT,
        "name of each encapsulation of the frame, as in the column stack",
        "tunnel_type",
        multiple=True,
        scoped=True,
    ),
]

_TENANT = [
    _computed("encap", Type.TEXT, "encapsulation that names the tenant, none outside tunnels", "encap"),
    _computed("vsid", Type.INTEGER, "VSID of the tenant, or its equivalent: VNI, GRE key", "vsid"),
    _computed("flow_id", Type.INTEGER, "FlowID, or its equivalent: UDP source port, entropy label", "flow_id"),
    _computed("stack", Type.TEXT, "all encapsulations, outermost first, with ids", "stack"),
    _union("pa.addr", Type.IP, "provider addresses: of the tenant's tunnel", "pa.src", "pa.dst"),
    _computed("pa.src", Type.IP, "provider address that sent", "pa_src"),
    _computed("pa.dst", Type.IP, "provider address that it was sent to", "pa_dst"),
    _union("ca.addr", Type.IP, "customer addresses: of the tenant's own packet", "ca.src", "ca.dst"),
    _computed("ca.src", Type.IP, "customer address that sent (ARP: sender's)", "ca_src"),
    _computed("ca.dst", Type.IP, "customer address that it was sent to (ARP: target's)", "ca_dst"),
    _computed("anomaly", Type.TEXT, "what is wrong with the frame, by name", "anomalies", multiple=True),
]

#: The columns of the table packets, as far as a frame alone tells them.
_COLUMNS = [
    _computed("number", Type.INTEGER, "number of the frame, from 1", "number"),
    _computed("time", Type.TIME, "time of capture", "time"),
    _computed("interface", Type.INTEGER, "row of the table captures, from 0", "interface"),
    _computed("pa_src", Type.IP, "as pa.src", "pa_src"),
    _computed("pa_dst", Type.IP, "as pa.dst", "pa_dst"),
    _computed("src_ip", Type.IP, "source address of the innermost packet", "src_ip"),
    _computed("dst_ip", Type.IP, "destination address of the innermost packet", "dst_ip"),
    _computed("src_port", Type.INTEGER, "source port of the innermost packet; echo: identifier", "src_port"),
    _computed("dst_port", Type.INTEGER, "destination port of the innermost packet", "dst_port"),
    _computed("protocol", Type.TEXT, "innermost protocol by name", "protocol"),
    _computed("length", Type.INTEGER, "length on the wire", "length"),
    _computed("info", Type.TEXT, "what the innermost packet says, in one line", "info"),
    _computed("anomalies", Type.TEXT, "as anomaly", "anomalies", multiple=True),
]

#: Every field of packets by name, in the order of the documentation; prefixes inner. and outer. are not in the names.
PACKET_FIELDS: dict[str, Field] = {
    field.name: field for group in (_FRAME, _LINK, _IP, _TRANSPORT, _TUNNELS, _TENANT, _COLUMNS) for field in group
}
#: The number of the packet's flow: only there once packets were counted.
FLOW_NUMBER = _computed("flow", Type.INTEGER, "number of the packet's flow, from 1", "flow")

GROUPS = {
    "Frame": _FRAME,
    "Link layer": _LINK,
    "IP": _IP,
    "Transport": _TRANSPORT,
    "Tunnels": _TUNNELS,
    "Tenant and underlay": _TENANT,
    "Columns of the table packets": _COLUMNS,
}
