"""The one list of fields that tshark is asked for on every capture, so that one run a capture answers all of it."""

from __future__ import annotations

from collections.abc import Collection

from nvgre_inspect.wireshark.rows import STATELESS

#: Besides what the harness always says: look into ESP without a key as we do, and accept IPv6 without a length
#: (segmentation offload) as tshark does for IPv4 anyway.
OPTIONS = (
    *STATELESS,
    "-o", "esp.enable_null_encryption_decode_heuristic:TRUE",
    "-o", "ipv6.tso_support:TRUE",
)  # fmt: skip

FRAME = (
    "frame.protocols",
    "frame.len",
    "frame.cap_len",
    "frame.time_epoch",
    "frame.interface_id",
    "_ws.expert.message",
)
LINK = (
    "eth.src",
    "eth.dst",
    "eth.type",
    "eth.len",
    "sll.src.eth",
    "sll.etype",
    "vlan.id",
    "vlan.etype",
    "ieee8021ad.id",
    "arp.src.hw_mac",
    "arp.src.proto_ipv4",
)
IPV4 = (
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.len",
    "ip.hdr_len",
    "ip.id",
    "ip.ttl",
    "ip.dsfield",
    "ip.flags.mf",
    "ip.frag_offset",
)
IPV6 = (
    "ipv6.src",
    "ipv6.dst",
    "ipv6.nxt",
    "ipv6.plen",
    "ipv6.hlim",
    "ipv6.tclass",
    "ipv6.flow",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.dstopts.nxt",
    "ipv6.fraghdr.nxt",
    "mip6.proto",
    "hip.proto",
    "ipv6.fraghdr.ident",
    "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more",
    "ah.next_header",
)
TUNNEL = (
    "gre.flags_and_version",
    "gre.proto",
    "gre.key",
    "vxlan.flags",
    "vxlan.vni",
    "geneve.vni",
    "erspan.version",
    "erspan.spanid",
    "mpls.label",
    "mpls.bottom",
    "esp.spi",
    "ah.spi",
)
TRANSPORT = (
    "tcp.srcport",
    "tcp.dstport",
    "tcp.len",
    "tcp.hdr_len",
    "tcp.seq",
    "tcp.ack",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
    "icmp.type",
    "icmp.code",
    "icmp.ident",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.echo.identifier",
)
FIELDS = (*FRAME, *LINK, *IPV4, *IPV6, *TUNNEL, *TRANSPORT)

#: What is compared under names of our own, and follows from several fields -> those fields.
NEEDS: dict[str, tuple[str, ...]] = {
    "ipv6 last next header": (
        *("ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.routing.nxt", "ipv6.fraghdr.nxt", "ipv6.dstopts.nxt"),
        *("mip6.proto", "hip.proto"),
    ),
    **{f"ip fragment {part}": ("ip.id", "ip.frag_offset", "ip.flags.mf") for part in ("id", "offset", "more")},
    **{
        f"ipv6 fragment {part}": ("ipv6.fraghdr.ident", "ipv6.fraghdr.offset", "ipv6.fraghdr.more")
        for part in ("id", "offset", "more")
    },
    **dict.fromkeys(("nvgre.vsid", "gre.key"), ("gre.flags_and_version", "gre.proto", "gre.key")),
    "vxlan.vni": ("vxlan.flags", "vxlan.vni"),
    **dict.fromkeys(("mpls.label", "mpls stack"), ("mpls.label", "mpls.bottom")),
    "tcp.options.mss_val": ("tcp.flags", "tcp.options.mss_val"),
    "tcp.options.wscale.shift": ("tcp.flags", "tcp.options.wscale.shift"),
    "icmp.ident": ("icmp.type", "icmp.ident"),
    "icmpv6.echo.identifier": ("icmpv6.type", "icmpv6.echo.identifier"),
}
#: Without these nothing can be compared.
ESSENTIAL = ("frame.protocols", "frame.len", "frame.cap_len", "frame.time_epoch", "_ws.expert.message")


def settles(name: str, left_out: Collection[str]) -> bool:
    """Whether a tshark that does not know the fields `left_out` has a say about what is compared as `name`."""
    return not any(needed in left_out for needed in NEEDS.get(name, (name,)))
