"""The registry of tables and columns: the one source for building, documenting, exporting and filtering them.

Names and order are a contract with users: the same in the command line, CSV, JSON, Parquet, filters and
Python. `docs/tables.md` is generated from here (`model.tables_page`), and a test holds it equal. Only the
standard library is imported, so that `--help` and completion can read it.
"""

from __future__ import annotations

from nvgre_inspect.model.schema import Column, Table, Type

__all__ = ["TABLES", "Column", "Table", "Type"]


def _integer(
    name: str,
    meaning: str,
    unit: str = "",
    *,
    nullable: bool = False,
    rank: int = 0,
    compact: bool = False,
    aliases: tuple[str, ...] = (),
) -> Column:
    return Column(name, Type.INTEGER, meaning, unit, nullable, aliases, rank, compact=compact)


def _text(name: str, meaning: str, *, nullable: bool = True, rank: int = 0, aliases: tuple[str, ...] = ()) -> Column:
    return Column(name, Type.TEXT, meaning, "", nullable, aliases, rank)


def _ip(name: str, meaning: str, *, rank: int = 0, aliases: tuple[str, ...] = ()) -> Column:
    return Column(name, Type.IP, meaning, "", True, aliases, rank)


def _mac(name: str, meaning: str, *, rank: int = 0, aliases: tuple[str, ...] = ()) -> Column:
    return Column(name, Type.MAC, meaning, "", True, aliases, rank)


def _time(name: str, meaning: str, *, nullable: bool = False, rank: int = 0, aliases: tuple[str, ...] = ()) -> Column:
    return Column(name, Type.TIME, meaning, "UTC", nullable, aliases, rank)


def _list(
    name: str,
    meaning: str,
    item: Type = Type.TEXT,
    unit: str = "",
    *,
    rank: int = 0,
    aliases: tuple[str, ...] = (),
) -> Column:
    return Column(name, Type.LIST, meaning, unit, False, aliases, rank, item)


def _both(
    name: str, meaning: str, unit: str = "", *, nullable: bool = False, rank: int = 0, compact: bool = True
) -> tuple[Column, Column]:
    """A counter of a flow in either direction; `{}` in the meaning is the direction."""
    return (
        _integer(f"{name}_fwd", meaning.format("forward"), unit, nullable=nullable, rank=rank, compact=compact),
        _integer(f"{name}_rev", meaning.format("reverse"), unit, nullable=nullable, rank=rank, compact=compact),
    )


_ENCAP = _text(
    "encap",
    "Encapsulation that names the tenant, `none` outside any tunnel",
    nullable=False,
    rank=4,
    aliases=("tunnel.type",),
)
_VSID = _integer(
    "vsid",
    "VSID of NVGRE, or its equivalent: VNI, 32-bit GRE key; null where the encapsulation has none",
    nullable=True,
    rank=1,
)
_FIRST = _time("first_seen", "Time of the first packet", rank=8)
_LAST = _time("last_seen", "Time of the last packet", rank=9)
_ANOMALIES = _list(
    "anomalies", "Names of all anomalies seen, in the order of their codes", rank=5, aliases=("anomaly",)
)
_FLOW_ID = "FlowID of NVGRE, or its equivalent: UDP source port, MPLS entropy label, IPv6 flow label"
_SRC_IP_ALIASES = (
    "ip.src",
    "ipv6.src",
    "ip.addr",
    "ipv6.addr",
    "inner.ip.src",
    "inner.ipv6.src",
    "inner.ip.addr",
    "inner.ipv6.addr",
    "ca.src",
    "ca.addr",
)
_DST_IP_ALIASES = tuple(alias.replace(".src", ".dst") for alias in _SRC_IP_ALIASES)
_TRANSPORTS = ("tcp", "udp", "sctp")
_SRC_PORT_ALIASES = tuple(f"{p}.{field}" for p in _TRANSPORTS for field in ("srcport", "port"))
_DST_PORT_ALIASES = tuple(f"{p}.{field}" for p in _TRANSPORTS for field in ("dstport", "port"))
_SRC_MAC_ALIASES = ("eth.src", "eth.addr", "inner.eth.src", "inner.eth.addr")
_DST_MAC_ALIASES = ("eth.dst", "eth.addr", "inner.eth.dst", "inner.eth.addr")
_PA_SRC_ALIASES = ("pa.src", "pa.addr", "outer.ip.src", "outer.ipv6.src", "outer.ip.addr", "outer.ipv6.addr")
_PA_DST_ALIASES = tuple(alias.replace(".src", ".dst") for alias in _PA_SRC_ALIASES)

CAPTURES = Table(
    "captures",
    "one interface of one capture file",
    (
        _text("file", "File name as given, `-` for standard input", nullable=False, rank=1),
        _integer("interface", "Number of this row, from 0: what `packets.interface` refers to", rank=2),
        _text("name", "Name of the interface, where the file tells it", rank=3),
        _text(
            "linktype",
            "Link type by name, as `ethernet`; by number where it has none here",
            nullable=False,
            rank=3,
        ),
        _integer(
            "snaplen",
            "Snapshot length: longer packets were cut; null: not limited or not said",
            "bytes",
            nullable=True,
            rank=7,
        ),
        _integer("packets", "Packets read", rank=1),
        _integer("bytes", "Bytes of these packets on the wire", "bytes", rank=2),
        _time("first_seen", "Time of the first packet", nullable=True, rank=4),
        _time("last_seen", "Time of the last packet", nullable=True, rank=5),
        _integer(
            "dropped_kernel",
            "Packets that the capturing system dropped, where the file tells it",
            nullable=True,
            rank=6,
        ),
        _integer(
            "dropped_interface",
            "Packets that the interface dropped, where the file tells it",
            nullable=True,
            rank=6,
        ),
        _integer("unsupported", "Packets of a link type that is not decoded", rank=6),
        _text("damage", "Where and why reading ended early; null: the file was whole", rank=2),
    ),
)

FLOWS = Table(
    "flows",
    "one conversation of the innermost packets, both directions",
    (
        _integer("flow", "Number of the flow, from 1", rank=2),
        _ENCAP,
        _VSID,
        _text(
            "stack",
            "Encapsulations of its first packet, outermost first, with ids: `erspan2:5/nvgre:5001/vxlan:1`",
        ),
        _text("vlan", "Inner VLAN ids, `10` or `10.20`", aliases=("vlan.id",)),
        _text("protocol", "Innermost protocol by name, else its number; EtherTypes as `0x88b5`", rank=1),
        _ip("src_ip", "Address of the initiator", rank=1, aliases=_SRC_IP_ALIASES),
        _integer(
            "src_port",
            "Port of the initiator; ICMP echo: identifier",
            nullable=True,
            rank=1,
            compact=True,
            aliases=_SRC_PORT_ALIASES,
        ),
        _ip("dst_ip", "Address of the responder", rank=1, aliases=_DST_IP_ALIASES),
        _integer(
            "dst_port",
            "Port of the responder",
            nullable=True,
            rank=1,
            compact=True,
            aliases=_DST_PORT_ALIASES,
        ),
        _mac(
            "src_mac",
            "MAC address on the initiator's side of the innermost Ethernet frame",
            aliases=_SRC_MAC_ALIASES,
        ),
        _mac(
            "dst_mac",
            "MAC address on the responder's side of the innermost Ethernet frame",
            aliases=_DST_MAC_ALIASES,
        ),
        _text(
            "state",
            "TCP: syn-sent, syn-received, established, closing, closed, reset, midstream; others: active",
            nullable=False,
            rank=3,
        ),
        *_both("packets", "Packets, {}", rank=2, compact=False),
        *_both(
            "bytes",
            "Bytes of the tenant's frames, {}, without outer headers, padding and FCS",
            "bytes",
            rank=2,
            compact=False,
        ),
        *_both("wire_bytes", "Bytes of the whole outer frames, {}", "bytes", compact=False),
        _FIRST,
        _LAST,
        Column("duration_s", Type.FLOAT, "Time from the first packet to the last", "s", rank=4, decimals=9),
        *_both("retransmissions", "TCP segments sent again, {}", rank=3),
        *_both("out_of_order", "TCP segments that came late and filled a gap, {}"),
        *_both(
            "lost_segments",
            "TCP gaps neither filled nor acknowledged, {}; null for a half",
            nullable=True,
            rank=6,
        ),
        *_both(
            "acked_unseen",
            "TCP gaps that were acknowledged, {}: the capture missed them; null for a half",
            nullable=True,
        ),
        *_both("duplicates", "The very same packet captured again, {}"),
        *_both("duplicate_acks", "TCP duplicate acknowledgements sent, {}"),
        *_both("zero_windows", "TCP segments that announce a window of 0, {}"),
        *_both("resets", "TCP segments with RST, {}", rank=7),
        Column(
            "handshake_rtt_ms",
            Type.FLOAT,
            "Time from the SYN to the acknowledgement of the SYN-ACK; null: handshake not seen",
            "ms",
            nullable=True,
            rank=6,
        ),
        *_both("mss", "Maximum segment size announced by the sender, {}", "bytes", nullable=True),
        *_both("window_scale", "Window scale announced by the sender, {}", "bits", nullable=True),
        _list("dscp_fwd", "Inner DSCP values seen, forward", Type.INTEGER),
        _list("dscp_rev", "Inner DSCP values seen, reverse", Type.INTEGER),
        _integer("tunnels", "Number of tunnels that carried it", compact=True),
        _integer("flow_ids", "Number of different FlowIDs, both directions", compact=True),
        _ip(
            "pa_src",
            "Provider address at the initiator's end, of the busiest forward placement",
            rank=5,
            aliases=_PA_SRC_ALIASES,
        ),
        _ip("pa_dst", "Provider address at the responder's end, likewise", rank=5, aliases=_PA_DST_ALIASES),
        _integer(
            "reverse_flow",
            "The flow that holds the opposite direction under another vsid: both are halves",
            nullable=True,
        ),
        _ANOMALIES,
    ),
)

TENANTS = Table(
    "tenants",
    "one virtual network: encapsulation and vsid",
    (
        _ENCAP,
        _VSID,
        _text("name", "Name given in the configuration file", rank=2),
        _integer("flows", "Number of flows", rank=1),
        _integer("endpoints", "Number of rows of the table `endpoints`", rank=2),
        _integer("tunnels", "Number of tunnels that carried it", rank=2),
        _integer("packets", "Packets", rank=1),
        _integer("bytes", "Bytes of the tenant's frames", "bytes", rank=1),
        _integer("wire_bytes", "Bytes of the whole outer frames", "bytes", rank=5),
        Column(
            "overhead_pct",
            Type.FLOAT,
            "Share of wire_bytes that is not the tenant's: 1 − bytes/wire_bytes",
            "%",
            nullable=True,
            rank=5,
            decimals=4,
        ),
        Column(
            "retransmission_pct",
            Type.FLOAT,
            "Retransmissions, of all TCP data segments",
            "%",
            nullable=True,
            rank=3,
            decimals=4,
        ),
        _FIRST,
        _LAST,
        _ANOMALIES,
    ),
)

TUNNELS = Table(
    "tunnels",
    "one encapsulation between two provider addresses",
    (
        _integer("tunnel", "Number of the tunnel, from 1", rank=1),
        _ENCAP,
        _ip("pa_src", "Provider address that sent the first packet", rank=1, aliases=_PA_SRC_ALIASES),
        _ip("pa_dst", "The other provider address", rank=1, aliases=_PA_DST_ALIASES),
        _integer("vsids", "Number of different vsids on it", rank=2),
        _integer("flows", "Number of flows on it", rank=1),
        _integer("flow_ids", "Number of different FlowIDs on it", rank=3),
        *_both("packets", "Packets, {}", rank=2, compact=False),
        *_both("wire_bytes", "Bytes of the whole outer frames, {}", "bytes", rank=3, compact=False),
        _integer("max_wire_len", "Longest outer frame", "bytes", rank=4),
        _integer("fragments", "Frames that were fragments made on the underlay", rank=5),
        _integer("icmp_errors", "ICMP errors that quote a packet of it", rank=5),
        _list("ttl_fwd", "Outer TTL or hop limit values seen, forward", Type.INTEGER),
        _list("ttl_rev", "Outer TTL or hop limit values seen, reverse", Type.INTEGER),
        _list("dscp", "Outer DSCP values seen, both directions", Type.INTEGER),
        _FIRST,
        _LAST,
        _ANOMALIES,
    ),
)

ENDPOINTS = Table(
    "endpoints",
    "one sender inside a tenant: MAC and IP address",
    (
        _ENCAP,
        _VSID,
        _mac("mac", "Customer MAC address, of the tenant's own frame", rank=1, aliases=("eth.src", "eth.addr")),
        _ip(
            "ip",
            "Customer address, of the tenant's own packet; ARP: the sender's",
            rank=1,
            aliases=("ip.src", "ip.addr", "ipv6.src", "ipv6.addr", "ca.src", "ca.addr"),
        ),
        _list(
            "pas",
            "Provider addresses behind which it was seen, in order of appearance",
            Type.IP,
            rank=2,
            aliases=("pa.src", "pa.addr"),
        ),
        _integer("packets", "Packets sent", rank=2),
        _integer("moves", "How often its provider address changed", rank=3),
        _FIRST,
        _LAST,
    ),
)

PLACEMENTS = Table(
    "placements",
    "one way by which packets of one flow went: tunnel, direction, FlowID and path",
    (
        _integer("flow", "Number of the flow", rank=1),
        _integer(
            "tunnel",
            "Number of the tunnel; null in the row that collects what exceeds 256 placements of a flow",
            nullable=True,
            rank=1,
        ),
        _text("direction", "`fwd` from the initiator, `rev` to it", nullable=False, rank=1),
        _ip("pa_src", "Provider address that sent", rank=2, aliases=_PA_SRC_ALIASES),
        _ip("pa_dst", "Provider address that it was sent to", rank=2, aliases=_PA_DST_ALIASES),
        _integer("flow_id", _FLOW_ID, nullable=True, rank=2, aliases=("nvgre.flowid",)),
        _text(
            "path",
            "MPLS labels outermost first, `16004/16005`; or SRv6 segments in order of travel, with spaces",
            rank=4,
        ),
        _integer("packets", "Packets", rank=1),
        _integer("wire_bytes", "Bytes of the whole outer frames", "bytes", rank=2),
        _FIRST,
        _LAST,
    ),
)

TIMELINE = Table(
    "timeline",
    "one interval of one tenant on one tunnel, if it has packets; intervals widen as a capture grows",
    (
        _time("start", "Start of the interval", rank=1),
        _ENCAP,
        _VSID,
        _integer("tunnel", "Number of the tunnel; null: outside any", nullable=True, rank=2),
        _integer("packets", "Packets", rank=1),
        _integer("bytes", "Bytes of the tenant's frames", "bytes", rank=1),
        _integer("wire_bytes", "Bytes of the whole outer frames", "bytes", rank=3),
        _integer("retransmissions", "TCP segments sent again", rank=2),
    ),
)

PACKETS = Table(
    "packets",
    "one frame of the capture",
    (
        _integer("number", "Number of the frame, from 1", rank=1, aliases=("frame.number",)),
        _time("time", "Time of capture", rank=1, aliases=("frame.time", "frame.time_epoch")),
        _integer("interface", "Row of the table `captures`, from 0", compact=True, aliases=("frame.interface_id",)),
        _integer("flow", "Number of the flow; null: none", nullable=True, rank=6),
        _ENCAP,
        _VSID,
        _integer("flow_id", _FLOW_ID, nullable=True, rank=5, aliases=("nvgre.flowid",)),
        _text("stack", "All encapsulations, outermost first, with their ids"),
        _ip("pa_src", "Provider address that sent", rank=4, aliases=_PA_SRC_ALIASES),
        _ip("pa_dst", "Provider address that it was sent to", rank=4, aliases=_PA_DST_ALIASES),
        _ip("src_ip", "Source address of the innermost packet", rank=1, aliases=_SRC_IP_ALIASES),
        _integer(
            "src_port",
            "Source port of the innermost packet; ICMP echo: identifier",
            nullable=True,
            compact=True,
            aliases=_SRC_PORT_ALIASES,
        ),
        _ip("dst_ip", "Destination address of the innermost packet", rank=1, aliases=_DST_IP_ALIASES),
        _integer(
            "dst_port",
            "Destination port of the innermost packet",
            nullable=True,
            compact=True,
            aliases=_DST_PORT_ALIASES,
        ),
        _text("protocol", "Innermost protocol by name, else its number; EtherTypes as `0x88b5`", rank=1),
        _integer("length", "Length of the whole outer frame on the wire", "bytes", rank=2, aliases=("frame.len",)),
        _text("info", "What the innermost packet says, in one line", nullable=False, rank=1),
        _ANOMALIES,
    ),
)

FINDINGS = Table(
    "findings",
    "one conclusion: until diagnosis is there, one anomaly on one tunnel",
    (
        _text("code", "Permanent name of the finding", nullable=False, rank=1),
        _text("severity", "note, warning, error or critical", nullable=False, rank=1),
        _text("title", "What was seen, in one sentence", nullable=False, rank=2),
        _ENCAP,
        _VSID,
        _integer("tunnel", "Number of the tunnel; null: outside any", nullable=True, rank=3),
        _integer("flow", "Number of the flow of the first frame; null: none", nullable=True, rank=4),
        _integer("count", "Frames concerned", rank=1),
        _list("frames", "Numbers of the first and the last frame concerned", Type.INTEGER, rank=2),
        _text("summary", "The evidence in one sentence", nullable=False),
        _text("advice", "What to do next", nullable=False),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (CAPTURES, FLOWS, TENANTS, TUNNELS, ENDPOINTS, PLACEMENTS, TIMELINE, PACKETS, FINDINGS)
}
