"""ObservedFlow: one row of the table `flows`, as an observer must count it (docs/tables.md, docs/accounting.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NamedTuple

from dissectors import anomalies, offsets
from nvgre_inspect.traffic.frame_facts import Facts
from nvgre_inspect.traffic.observed_tcp import Conversation

Pair = tuple[bytes, bytes]

_RECENT = 4
_DUPLICATE_NS = 5_000_000
_PLACEMENTS = 256
_WITH_PORTS = (offsets.IPPROTO_TCP, offsets.IPPROTO_UDP)
_PROTOCOLS = {
    offsets.IPPROTO_ICMP: "icmp",
    offsets.IPPROTO_IGMP: "igmp",
    offsets.IPPROTO_TCP: "tcp",
    offsets.IPPROTO_UDP: "udp",
    offsets.IPPROTO_GRE: "gre",
    offsets.IPPROTO_ICMPV6: "icmpv6",
}
_TCP_COUNTERS = ("retransmissions", "out_of_order", "duplicate_acks", "zero_windows", "resets")


class Tunnel(NamedTuple):
    """The tunnel and tenant that a packet's headers name."""

    encap: str
    #: None: it has no identifier.
    vsid: int | None
    #: 4 or 16 bytes.
    src_pa: bytes
    dst_pa: bytes
    #: None: the encapsulation has none.
    flow_id: int | None
    #: Anomalies of its headers, a mask.
    anomalies: int


class Placement(NamedTuple):
    """A way of a flow: the side that sends, from where to where, and the FlowID."""

    side: int
    src_pa: bytes
    dst_pa: bytes
    flow_id: int | None


@dataclass(slots=True, eq=False)
class ObservedFlow:
    """A flow at one observation point. Sides: 0 sent its first packet."""

    encap: str
    vsid: int | None
    first: Facts
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
    tcp: Conversation | None = None
    #: Serial numbers and times of the last packets of either side.
    _recent: tuple[deque[tuple[int, int]], deque[tuple[int, int]]] = field(
        default_factory=lambda: (deque(maxlen=_RECENT), deque(maxlen=_RECENT))
    )

    def side_of(self, facts: Facts) -> int:
        """Which side sent a frame of this flow."""
        return 0 if _sender(facts) == _sender(self.first) else 1

    def count(self, side: int, ns: int, facts: Facts, length: int, wire_length: int) -> None:
        """A packet passes whose tenant's frame has `length` bytes."""
        self.packets[side] += 1
        self.add_bytes(side, ns, length, wire_length)
        if facts.dscp >= 0:
            self.dscps[side].add(facts.dscp)

    def add_bytes(self, side: int, ns: int, length: int, wire_length: int) -> None:
        """A packet, or a further fragment of one."""
        self.first_ns, self.last_ns = min(self.first_ns, ns), max(self.last_ns, ns)
        self.bytes[side] += length
        self.wire_bytes[side] += wire_length

    def is_duplicate(self, side: int, ns: int, facts: Facts, serial: int) -> bool:
        """Whether this very packet passed a moment ago, which only shows where IPv4 numbers packets."""
        if facts.ip_id == 0:
            return False
        recent = self._recent[side]
        if any(serial == known and (facts.tcp or ns - then <= _DUPLICATE_NS) for known, then in recent):
            self.duplicates[side] += 1
            return True
        recent.append((serial, ns))
        return False

    def place(self, side: int, tunnel: Tunnel) -> None:
        """A packet took this tunnel."""
        placement = Placement(side, tunnel.src_pa, tunnel.dst_pa, tunnel.flow_id)
        if placement not in self.placements and len(self.placements) >= _PLACEMENTS:
            self.anomalies |= 1 << anomalies.PLACEMENTS_OVERFLOW
            return
        self.placements[placement] = self.placements.get(placement, 0) + 1

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
        src, dst = (self.first, self._turned()) if f == 0 else (self._turned(), self.first)
        pas = self.busiest[1]
        row: dict[str, Any] = {
            "flow": number,
            "encap": self.encap,
            "vsid": self.vsid,
            "stack": self._stack(),
            "vlan": ".".join(map(str, self.first.vlans[:2])) or None,
            "protocol": self._protocol(),
            "src_ip": _text(src.src_ip),
            "src_port": _known(self.first.src_port if self._is_icmp() else src.src_port),
            "dst_ip": _text(dst.src_ip),
            "dst_port": _known(self.first.dst_port if self._is_icmp() else dst.src_port),
            "src_mac": src.src_mac.hex(":"),
            "dst_mac": dst.src_mac.hex(":"),
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

    def _turned(self) -> Facts:
        """The first frame as the other side would send it."""
        first = self.first
        return first._replace(
            src_mac=first.dst_mac, src_ip=first.dst_ip, src_port=first.dst_port, dst_mac=first.src_mac
        )

    def _is_icmp(self) -> bool:
        return self.first.protocol in (offsets.IPPROTO_ICMP, offsets.IPPROTO_ICMPV6)

    def _stack(self) -> str | None:
        if self.encap == "none":
            return None
        return self.encap if self.vsid is None else f"{self.encap}:{self.vsid}"

    def _protocol(self) -> str:
        if self.first.family:
            return _PROTOCOLS.get(self.first.protocol, str(self.first.protocol))
        return "arp" if self.first.ethertype == offsets.ETHERTYPE_ARP else f"0x{self.first.ethertype:04x}"


def _sender(facts: Facts) -> tuple[bytes, int]:
    """The end of a flow that sent a frame; ports of ICMP belong to no end."""
    if not facts.family:
        return facts.src_mac, -1
    return facts.src_ip, facts.src_port if facts.protocol in _WITH_PORTS else -1


def ends(facts: Facts) -> frozenset[tuple[bytes, int]]:
    """Both ends of a frame's flow."""
    if not facts.family:
        return frozenset(((facts.src_mac, -1), (facts.dst_mac, -1)))
    if facts.protocol in _WITH_PORTS:
        return frozenset(((facts.src_ip, facts.src_port), (facts.dst_ip, facts.dst_port)))
    return frozenset(((facts.src_ip, -1), (facts.dst_ip, -1)))


def _both(name: str, values: Sequence[Any], forward: int) -> dict[str, Any]:
    return {f"{name}_fwd": values[forward], f"{name}_rev": values[1 - forward]}


def _known(value: int) -> int | None:
    return value if value >= 0 else None


def _text(address: bytes) -> str | None:
    return str(ip_address(address)) if address else None
