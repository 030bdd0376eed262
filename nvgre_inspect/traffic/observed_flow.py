"""ObservedFlow: one row of the table `flows`, as an observer must count it (docs/tables.md, docs/accounting.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NamedTuple

from dissectors import anomalies, offsets
from nvgre_inspect.traffic.frame_facts import Ends, Facts
from nvgre_inspect.traffic.observed_tcp import Conversation

Pair = tuple[bytes, bytes]

_RECENT = 4
_DUPLICATE_NS = 5_000_000
_PLACEMENTS = 256
_PROTOCOLS = {
    offsets.IPPROTO_ICMP: "icmp",
    offsets.IPPROTO_IGMP: "igmp",
    offsets.IPPROTO_TCP: "tcp",
    offsets.IPPROTO_UDP: "udp",
    offsets.IPPROTO_GRE: "gre",
    offsets.IPPROTO_ICMPV6: "icmpv6",
}
_TCP_COUNTERS = ("retransmissions", "out_of_order", "duplicate_acks", "zero_windows", "resets")


class Placement(NamedTuple):
    """A way of a flow: the side that sends, from where to where, and the FlowID."""

    side: int
    src_pa: bytes
    dst_pa: bytes
    flow_id: int | None


class Tunnel:
    """The tunnel and tenant that a packet's headers name; two of the same are not equal."""

    __slots__ = ("anomalies", "dst_pa", "encap", "placements", "src_pa", "vsid")

    def __init__(
        self, encap: str, vsid: int | None, src_pa: bytes, dst_pa: bytes, flow_id: int | None, mask: int
    ) -> None:
        """`vsid` None: it has no identifier; `flow_id` None: its encapsulation has none; `mask`: of its anomalies."""
        self.encap = encap
        self.vsid = vsid
        #: 4 or 16 bytes.
        self.src_pa, self.dst_pa = src_pa, dst_pa
        #: Anomalies of its headers, a mask.
        self.anomalies = mask
        #: Those of packets that either side of a flow sends.
        self.placements = tuple(Placement(side, src_pa, dst_pa, flow_id) for side in (0, 1))


@dataclass(slots=True, eq=False)
class ObservedFlow:
    """A flow at one observation point. Sides: 0 sent its first packet."""

    encap: str
    vsid: int | None
    #: Of its first packet.
    ends: Ends
    first_ns: int
    last_ns: int
    packets: list[int] = field(default_factory=lambda: [0, 0])
    bytes: list[int] = field(default_factory=lambda: [0, 0])
    wire_bytes: list[int] = field(default_factory=lambda: [0, 0])
    duplicates: list[int] = field(default_factory=lambda: [0, 0])
    dscps: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    #: Packets by way, in order of appearance.
    placements: dict[Placement, int] = field(default_factory=dict)
    anomalies: int = 0
    #: A packet with the same key begins no other flow.
    is_newest: bool = True
    tcp: Conversation | None = None
    #: Serial numbers and times of the last packets of either side.
    _recent: tuple[deque[tuple[int, int]], deque[tuple[int, int]]] = field(
        default_factory=lambda: (deque(maxlen=_RECENT), deque(maxlen=_RECENT))
    )

    def side_of(self, ends: Ends) -> int:
        """Which side sent a frame of this flow."""
        return 0 if ends.source == self.ends.source else 1

    def count(self, side: int, ns: int, dscp: int, length: int, wire_length: int) -> None:
        """A packet passes whose tenant's frame has `length` bytes."""
        self.packets[side] += 1
        self.add_bytes(side, ns, length, wire_length)
        if dscp >= 0:
            self.dscps[side].add(dscp)

    def add_bytes(self, side: int, ns: int, length: int, wire_length: int) -> None:
        """A packet, or a further fragment of one."""
        if ns > self.last_ns:
            self.last_ns = ns
        elif ns < self.first_ns:
            self.first_ns = ns
        self.bytes[side] += length
        self.wire_bytes[side] += wire_length

    def is_duplicate(self, side: int, ns: int, facts: Facts, serial: int) -> bool:
        """Whether this very packet passed a moment ago, which only shows where IPv4 numbers packets."""
        if facts.ip_id == 0:
            return False
        recent = self._recent[side]
        for known, then in recent:
            if serial == known and (facts.tcp or ns - then <= _DUPLICATE_NS):
                self.duplicates[side] += 1
                return True
        recent.append((serial, ns))
        return False

    def place(self, side: int, tunnel: Tunnel) -> None:
        """A packet took this tunnel."""
        placement = tunnel.placements[side]
        known = self.placements.get(placement, 0)
        if not known and len(self.placements) >= _PLACEMENTS:
            self.anomalies |= 1 << anomalies.PLACEMENTS_OVERFLOW
            return
        self.placements[placement] = known + 1

    @property
    def initiator(self) -> int:
        """The side from which forward is."""
        return 0 if self.tcp is None else self.tcp.initiator

    @property
    def busiest(self) -> tuple[Placement | None, Pair | None]:
        """The forward way with most packets, else the reverse one, and its addresses as (initiator's, responder's)."""
        forward = {way: n for way, n in self.placements.items() if way.side == self.initiator}
        candidates = forward or self.placements
        if not candidates:
            return None, None
        best = max(candidates, key=lambda way: candidates[way])
        pair = (best.src_pa, best.dst_pa)
        return best, pair if forward else (pair[1], pair[0])

    def row(self, number: int, reverse_flow: int | None) -> dict[str, Any]:
        """The row with the values that `--json` writes, times as nanoseconds."""
        f = self.initiator
        first = self.ends
        src = first.turned if f else first
        pas = self.busiest[1]
        row: dict[str, Any] = {
            "flow": number,
            "encap": self.encap,
            "vsid": self.vsid,
            "stack": self._stack(),
            "vlan": ".".join(map(str, first.vlans[:2])) or None,
            "protocol": self._protocol(),
            "src_ip": _text(src.src_ip),
            "src_port": _known(first.src_port if self._is_icmp() else src.src_port),
            "dst_ip": _text(src.dst_ip),
            "dst_port": _known(first.dst_port if self._is_icmp() else src.dst_port),
            "src_mac": src.src_mac.hex(":"),
            "dst_mac": src.dst_mac.hex(":"),
            "state": "active" if self.tcp is None else self.tcp.state,
            **_both("packets", self.packets, f),
            **_both("bytes", self.bytes, f),
            **_both("wire_bytes", self.wire_bytes, f),
            "first_seen": self.first_ns,
            "last_seen": self.last_ns,
            "duration_s": round((self.last_ns - self.first_ns) / 1e9, 9),
            **self._tcp_columns(f, is_half=reverse_flow is not None),
            **_both("duplicates", self.duplicates, f),
            **_both("dscp", [sorted(values) for values in self.dscps], f),
            "tunnels": len({frozenset((way.src_pa, way.dst_pa)) for way in self.placements}),
            "flow_ids": len({way.flow_id for way in self.placements} - {None}),
            "pa_src": _text(pas[0]) if pas else None,
            "pa_dst": _text(pas[1]) if pas else None,
            "reverse_flow": reverse_flow,
            "anomalies": anomalies.names(self.anomalies),
        }
        return row

    def _tcp_columns(self, f: int, *, is_half: bool) -> dict[str, Any]:
        """Columns of TCP, which are 0 or null for other flows. Of a half some are not known."""
        sides = None if self.tcp is None else self.tcp.sides
        row: dict[str, Any] = {}
        for name in _TCP_COUNTERS:
            row |= _both(name, [getattr(side, name) for side in sides] if sides else [0, 0], f)
        for name in ("lost_segments", "acked_unseen"):
            values = [getattr(side, name) for side in sides] if sides else [0, 0]
            row |= _both(name, [None, None] if is_half else values, f)
        for name in ("mss", "window_scale"):
            row |= _both(name, [_known(getattr(side, name)) for side in sides] if sides else [None, None], f)
        rtt_ns = -1 if self.tcp is None or is_half else self.tcp.handshake_rtt_ns
        row["handshake_rtt_ms"] = None if rtt_ns < 0 else rtt_ns / 1e6
        return row

    def _is_icmp(self) -> bool:
        return self.ends.protocol in (offsets.IPPROTO_ICMP, offsets.IPPROTO_ICMPV6)

    def _stack(self) -> str | None:
        if self.encap == "none":
            return None
        return self.encap if self.vsid is None else f"{self.encap}:{self.vsid}"

    def _protocol(self) -> str:
        if self.ends.family:
            return _PROTOCOLS.get(self.ends.protocol, str(self.ends.protocol))
        return "arp" if self.ends.ethertype == offsets.ETHERTYPE_ARP else f"0x{self.ends.ethertype:04x}"


def _both(name: str, values: Sequence[Any], forward: int) -> dict[str, Any]:
    return {f"{name}_fwd": values[forward], f"{name}_rev": values[1 - forward]}


def _known(value: int) -> int | None:
    return value if value >= 0 else None


def _text(address: bytes) -> str | None:
    return str(ip_address(address)) if address else None
