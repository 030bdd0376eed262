"""ObservedPoint: the flows that an observer at one point must find, exactly, from what passes there.

    point = ObservedPoint(scenario.encapsulation, inner=False)
    point.seen(ts_ns, packet, frame)
    point.rows()

Written from docs/accounting.md and docs/decoding.md, with what the simulation knows of every packet (its headers'
values, its serial number, its connection) in place of a decoder. No code is shared with the accountants that
are held against it.

Limits: encapsulations with Ethernet inside and an identifier (KINDS). Caps of tables are not reached, except those of
one flow. Snapshot lengths leave all headers in place.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from dissectors import anomalies, offsets
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Encapsulation, Kind
from nvgre_inspect.traffic.frame_facts import Facts, facts_of
from nvgre_inspect.traffic.observed_flow import ObservedFlow, Tunnel, ends
from nvgre_inspect.traffic.observed_halves import other_halves
from nvgre_inspect.traffic.observed_tcp import Conversation
from nvgre_inspect.traffic.packet import Packet

#: Encapsulations that it knows how to observe.
KINDS: tuple[Kind, ...] = ("nvgre", "gretap", "vxlan", "geneve")
#: After so long without a packet a flow that is not TCP has ended (the default of --idle-timeout).
IDLE_NS = 120_000_000_000
_GIVE_UP_NS = 30_000_000_000
_GRE_KINDS = ("nvgre", "gretap")
_C_OR_S = offsets.GRE_C | offsets.GRE_S
_FIELD = 4

_FragmentKey = tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address, int]


class _Waiting(NamedTuple):
    """A fragment that came before the first of its packet."""

    ns: int
    frame: bytes
    length: int
    mask: int


@dataclass(slots=True, eq=False)
class _Fragments:
    """The fragments of one packet that were seen."""

    since_ns: int
    #: Of the first fragment.
    flow: ObservedFlow | None = None
    side: int = 0
    #: Bytes that were seen, and how many there are; -1: not known yet.
    seen: int = 0
    total: int = -1
    waiting: list[_Waiting] = field(default_factory=list)


class ObservedPoint:
    """One observation point. `inner`: it is at a vNIC, where nothing is encapsulated."""

    def __init__(self, encapsulation: Encapsulation, *, inner: bool = False, idle_ns: int = IDLE_NS) -> None:
        """Raises ValueError for an encapsulation that is none of KINDS."""
        if not inner and encapsulation.kind not in KINDS:
            raise ValueError(f"flows in {encapsulation.kind} cannot be told here: one of {', '.join(KINDS)} is needed")
        self.packets = 0
        self._options = encapsulation
        self._inner = inner
        self._idle_ns = idle_ns
        self._flows: list[ObservedFlow] = []
        self._newest: dict[Hashable, ObservedFlow] = {}
        self._fragments: dict[_FragmentKey, _Fragments] = {}
        self._last_ns: int | None = None

    def seen(self, ts_ns: int, packet: Packet, frame: bytes) -> None:
        """A frame passes: `frame` as recorded, nothing cut off, at `ts_ns` by the point's clock."""
        self.packets += 1
        backward = self._last_ns is not None and ts_ns < self._last_ns
        self._last_ns = ts_ns
        mask = backward << anomalies.TIMESTAMP_BACKWARD
        if self._inner or packet.plain:
            self._account(ts_ns, facts_of(frame), None, len(frame), frame, packet, mask)
        elif packet.fragment is None:
            tunnel = tunnel_of(packet, self._options)
            facts = facts_of(packet.inner)
            self._account(ts_ns, facts, tunnel, len(packet.inner), frame, packet, mask | _inner_vlan(tunnel, facts))
        else:
            self._fragment(ts_ns, packet, frame, mask)

    def finish(self) -> None:
        """No more frames come: fragments whose first was not seen are counted on their own."""
        for fragments in self._fragments.values():
            self._alone(fragments)
        self._fragments.clear()

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table `flows` with all its columns (values: `ObservedFlow.row`). Ends the observation."""
        self.finish()
        halves = other_halves(self._flows, self._idle_ns)
        return [
            flow.row(i, None if half is None else half + 1)
            for i, (flow, half) in enumerate(zip(self._flows, halves, strict=True), 1)
        ]

    # Packets

    def _account(
        self, ns: int, facts: Facts, tunnel: Tunnel | None, length: int, frame: bytes, packet: Packet | None, mask: int
    ) -> tuple[ObservedFlow, int]:
        """Count a packet; returns its flow and the side that sent it. Without `packet` nothing more is known of it."""
        flow = self._flow(ns, facts, tunnel, packet)
        side = flow.side_of(facts)
        flow.count(side, ns, facts, length, len(frame))
        if facts.tcp is not None and flow.tcp is None:
            flow.tcp = Conversation()
        if packet is not None and flow.is_duplicate(side, ns, facts, packet.serial):
            mask |= 1 << anomalies.DUPLICATE_PACKET
        elif facts.tcp is not None and flow.tcp is not None:
            flow.tcp.connection = flow.tcp.connection or _connection(packet)
            mask |= flow.tcp.segment(side, ns, facts.tcp)
        if tunnel is not None:
            mask |= tunnel.anomalies
            flow.place(side, tunnel)
        flow.anomalies |= mask
        return flow, side

    def _flow(self, ns: int, facts: Facts, tunnel: Tunnel | None, packet: Packet | None) -> ObservedFlow:
        encap, vsid = ("none", None) if tunnel is None else (tunnel.encap, tunnel.vsid)
        pas = None if tunnel is None or vsid is not None else frozenset((tunnel.src_pa, tunnel.dst_pa))
        protocol = facts.protocol if facts.family else facts.ethertype
        identifier = facts.src_port if facts.dst_port < 0 else -1
        key = (encap, vsid, pas, facts.vlans, facts.family, protocol, ends(facts), identifier)
        flow = self._newest.get(key)
        if flow is None or self._is_another(flow, ns, facts, packet):
            flow = self._newest[key] = ObservedFlow(encap, vsid, facts, ns, ns)
            self._flows.append(flow)
        return flow

    def _is_another(self, flow: ObservedFlow, ns: int, facts: Facts, packet: Packet | None) -> bool:
        """Whether a packet with the key of `flow` begins another one."""
        if flow.tcp is None:
            return bool(self._idle_ns) and ns - flow.last_ns > self._idle_ns
        if facts.tcp is None or not facts.tcp.flags & offsets.TCP_SYN:
            return False
        known, this = flow.tcp.connection, _connection(packet)
        return flow.tcp.is_over() or bool(known and this and known != this)

    # Fragments made on the underlay (RFC 791): together they are one packet

    def _fragment(self, ns: int, packet: Packet, frame: bytes, mask: int) -> None:
        assert packet.fragment is not None
        assert packet.leg is not None
        self._give_up(ns)
        key = (packet.leg.src.pa, packet.leg.dst, packet.ident)
        part = packet.fragment
        known = self._fragments.get(key)
        if part.offset == 0:
            if known is None or known.flow is not None:
                self._fragments.pop(key, None)
                known = self._fragments[key] = _Fragments(ns)
            self._first(known, ns, packet, frame, mask)
        else:
            if known is None:
                known = self._fragments[key] = _Fragments(ns)
            arrived = _Waiting(ns, frame, part.length, mask)
            if known.flow is None:
                known.waiting.append(arrived)
            else:
                _follow(known, arrived)
        known.seen += part.length
        if not part.more:
            known.total = part.offset + part.length
        if known.flow is not None and 0 <= known.total <= known.seen:
            del self._fragments[key]

    def _first(self, known: _Fragments, ns: int, packet: Packet, frame: bytes, mask: int) -> None:
        assert packet.fragment is not None
        tunnel = tunnel_of(packet, self._options)
        facts = facts_of(packet.inner)
        length = packet.fragment.length - _shim(packet, self._options)
        mask |= 1 << anomalies.UNDERLAY_FRAGMENT | _inner_vlan(tunnel, facts)
        known.flow, known.side = self._account(ns, facts, tunnel, length, frame, packet, mask)
        for waiting in known.waiting:
            _follow(known, waiting)
        known.waiting.clear()

    def _give_up(self, ns: int) -> None:
        """Packets that lack fragments for too long, oldest first."""
        while self._fragments:
            key, oldest = next(iter(self._fragments.items()))
            if ns - oldest.since_ns <= _GIVE_UP_NS:
                return
            del self._fragments[key]
            self._alone(oldest)

    def _alone(self, fragments: _Fragments) -> None:
        """Fragments of which nobody knows the tenant: they are IP packets of the underlay's own."""
        for ns, frame, _, mask in fragments.waiting:
            facts = facts_of(frame)._replace(src_port=-1, dst_port=-1)
            self._account(ns, facts, None, len(frame), frame, None, mask | 1 << anomalies.FRAGMENT_WITHOUT_FIRST)


def _connection(packet: Packet | None) -> int:
    """The number of a segment's connection; 0: its sender knows of none."""
    return packet.info.connection if packet is not None and packet.info is not None else 0


def _follow(known: _Fragments, arrived: _Waiting) -> None:
    assert known.flow is not None
    known.flow.add_bytes(known.side, arrived.ns, arrived.length, len(arrived.frame))
    known.flow.anomalies |= arrived.mask


def tunnel_of(packet: Packet, options: Encapsulation) -> Tunnel:
    """What the headers in front of a tenant's frame name, as docs/decoding.md has decoders read them."""
    assert packet.leg is not None
    src, dst = packet.leg.src.pa, packet.leg.dst
    label = 0 if dst.version == 6 else None  # the flow label of IPv6, which hosts leave at 0
    if options.kind not in _GRE_KINDS:
        return Tunnel(options.kind, packet.vsid, src, dst, packet.entropy, 0)
    if packet.vsid is None:
        return Tunnel("gretap", None, src, dst, label, 0)
    key = packet.vsid << 8 | packet.entropy if options.kind == "nvgre" else packet.vsid
    vsid = key >> 8
    if vsid < offsets.NVGRE_MIN_VSID:
        return Tunnel("gretap", key, src, dst, label, 0)
    reserved = vsid == offsets.NVGRE_VENDOR_VSID
    flags = bool(_gre_flags(packet, options) & _C_OR_S)
    mask = reserved << anomalies.NVGRE_VSID_RESERVED | flags << anomalies.NVGRE_FLAGS_INVALID
    return Tunnel("nvgre", vsid, src, dst, key & 0xFF, mask)


def _inner_vlan(tunnel: Tunnel, facts: Facts) -> int:
    return (tunnel.encap == "nvgre" and bool(facts.vlans)) << anomalies.NVGRE_INNER_VLAN


def _gre_flags(packet: Packet, options: Encapsulation) -> int:
    return packet.gre_flags | _own_flags(options)


def _own_flags(options: Encapsulation) -> int:
    """Flags of all GRE headers of the policy's own making."""
    if options.kind != "gretap":
        return 0
    return (offsets.GRE_C if options.checksum else 0) | (offsets.GRE_S if options.sequence else 0)


def _shim(packet: Packet, options: Encapsulation) -> int:
    """Bytes between the outer IP header and the tenant's frame."""
    plain = outer.overhead(options, 4, keyed=packet.vsid is not None) - offsets.IP4_MIN_LEN
    return plain + _FIELD * (packet.gre_flags & ~_own_flags(options) & _C_OR_S).bit_count()
