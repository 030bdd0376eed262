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

from collections.abc import Hashable, Iterable
from typing import Any

from dissectors import anomalies, offsets
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Encapsulation, Kind
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.traffic.frame_facts import Ends, Facts, Part, facts_of
from nvgre_inspect.traffic.observed_flow import ObservedFlow, Tunnel
from nvgre_inspect.traffic.observed_fragments import FragmentSets, Place, Sighting
from nvgre_inspect.traffic.observed_halves import other_halves
from nvgre_inspect.traffic.observed_tcp import Conversation
from nvgre_inspect.traffic.packet import Fragment, Packet

#: Encapsulations that it knows how to observe.
KINDS: tuple[Kind, ...] = ("nvgre", "gretap", "vxlan", "geneve")
#: After so long without a packet a flow that is not TCP has ended (the default of --idle-timeout).
IDLE_NS = 120_000_000_000
_GRE_KINDS = ("nvgre", "gretap")
_EARLIEST_NS = -(1 << 63)
_C_OR_S = offsets.GRE_C | offsets.GRE_S
_FIELD = 4


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
        #: Where packets like these were counted last.
        self._places: dict[tuple[Ends, Tunnel | None], Place] = {}
        #: By the identity of the leg, which is kept, and what else decides.
        self._tunnels: dict[tuple[int, int | None, int, int], tuple[Leg, Tunnel]] = {}
        self._sets = FragmentSets()
        self._last_ns = _EARLIEST_NS

    def seen(self, ts_ns: int, packet: Packet, frame: bytes) -> None:
        """A frame passes: `frame` as recorded, nothing cut off, at `ts_ns` by the point's clock."""
        self.packets += 1
        mask = 1 << anomalies.TIMESTAMP_BACKWARD if ts_ns < self._last_ns else 0
        self._last_ns = ts_ns
        part = None if self._inner else packet.fragment
        tunnel = None
        if self._inner or packet.plain or (part is not None and part.offset):
            facts, length = facts_of(frame), len(frame)
        else:
            facts, length = facts_of(packet.inner), len(packet.inner)
            tunnel = self._tunnel(packet)
            mask |= tunnel.anomalies
            if facts.ends.vlans and tunnel.encap == "nvgre":
                mask |= 1 << anomalies.NVGRE_INNER_VLAN
            if part is not None:
                length = part.length - _shim(packet, self._options)
                facts = _cut(facts, len(packet.inner) - length)
                mask |= 1 << anomalies.UNDERLAY_FRAGMENT
        connection = packet.info.connection if packet.info is not None else 0
        sighting = Sighting(ts_ns, facts, tunnel, length, len(frame), mask, packet.serial, connection)
        if part is not None:
            self._outer_part(sighting, packet, part)
        elif facts.part is not None:
            self._inner_part(sighting, facts.part)
        else:
            self._account(sighting)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table `flows` with all its columns (values: `ObservedFlow.row`). Ends the observation."""
        self._alone(self._sets.all_waiting())
        halves = other_halves(self._flows, self._idle_ns)
        return [
            flow.row(i, None if half is None else half + 1)
            for i, (flow, half) in enumerate(zip(self._flows, halves, strict=True), 1)
        ]

    # Packets

    def _account(self, sighting: Sighting, place: Place | None = None) -> Place:
        """Count a packet; `place`: as one of this flow and side, whatever it says itself. Returns its place."""
        ns, facts, tunnel = sighting.ns, sighting.facts, sighting.tunnel
        if place is None:
            place = self._place(sighting)
        flow, side = place
        flow.count(side, ns, facts.dscp, sighting.length, sighting.wire_length)
        mask = sighting.mask
        if facts.tcp is not None and flow.tcp is None:
            flow.tcp = Conversation()
        if flow.is_duplicate(side, ns, facts, sighting.serial):
            mask |= 1 << anomalies.DUPLICATE_PACKET
        elif facts.tcp is not None and flow.tcp is not None:
            flow.tcp.connection = flow.tcp.connection or sighting.connection
            mask |= flow.tcp.segment(side, ns, facts.tcp)
        if tunnel is not None:
            flow.place(side, tunnel)
        flow.anomalies |= mask
        return place

    def _place(self, sighting: Sighting) -> Place:
        """The place of a packet by what it says itself: in the newest flow with its key, or in a new one."""
        ends, tunnel = sighting.facts.ends, sighting.tunnel
        known = self._places.get((ends, tunnel))
        if known is not None and known.flow.is_newest and not self._is_another(known.flow, sighting):
            return known
        encap, vsid = ("none", None) if tunnel is None else (tunnel.encap, tunnel.vsid)
        pas = None if tunnel is None or vsid is not None else frozenset((tunnel.src_pa, tunnel.dst_pa))
        protocol = ends.protocol if ends.family else ends.ethertype
        identifier = ends.src_port if ends.dst_port < 0 else -1
        key = (encap, vsid, pas, ends.vlans, ends.family, protocol, ends.both, identifier)
        flow = self._newest.get(key)
        if flow is None or self._is_another(flow, sighting):
            if flow is not None:
                flow.is_newest = False
            flow = self._newest[key] = ObservedFlow(encap, vsid, ends, sighting.ns, sighting.ns)
            self._flows.append(flow)
        place = self._places[ends, tunnel] = Place(flow, flow.side_of(ends))
        return place

    def _is_another(self, flow: ObservedFlow, sighting: Sighting) -> bool:
        """Whether a packet with the key of `flow` begins another one."""
        if flow.tcp is None:
            return bool(self._idle_ns) and sighting.ns - flow.last_ns > self._idle_ns
        tcp = sighting.facts.tcp
        if tcp is None or not tcp.flags & offsets.TCP_SYN:
            return False
        known, this = flow.tcp.connection, sighting.connection
        return flow.tcp.is_over() or bool(known and this and known != this)

    def _tunnel(self, packet: Packet) -> Tunnel:
        """`tunnel_of` the packet, the same one for all that differ in nothing that matters to it."""
        leg = packet.leg
        assert leg is not None
        key = (id(leg), packet.vsid, packet.entropy, packet.gre_flags)
        found = self._tunnels.get(key)
        if found is None:
            found = self._tunnels[key] = (leg, tunnel_of(packet, self._options))
        return found[1]

    # Fragments

    def _inner_part(self, sighting: Sighting, part: Part, *, may_wait: bool = True) -> Place | None:
        """A fragment that a machine made: a packet of its own, of the first one's flow. None: it waits for that."""
        self._alone(self._sets.given_up(sighting.ns))
        facts, tunnel = sighting.facts, sighting.tunnel
        where = () if tunnel is None else (tunnel.encap, tunnel.vsid, tunnel.src_pa, tunnel.dst_pa)
        key = (*where, facts.ends.src_ip, facts.ends.dst_ip, part.id, facts.ends.protocol)
        place = self._sets.place(key)
        if part.offset == 0:
            known = self._sets.of_first(key, sighting.ns)
            place = known.place = self._account(sighting)
            for waiting in known.waiting:
                self._account(waiting, place)
            known.waiting.clear()
        elif place is not None:
            self._account(sighting, place)
        elif may_wait:
            self._sets.of_later(key, sighting.ns).waiting.append(sighting)
        else:
            return self._account_alone(sighting)
        self._sets.add(key, part.offset, part.length, more=part.more)
        return place

    def _outer_part(self, sighting: Sighting, packet: Packet, fragment: Fragment) -> None:
        """A fragment made on the underlay: all of them are one packet, which the first one tells."""
        assert packet.leg is not None
        self._alone(self._sets.given_up(sighting.ns))
        key = (packet.leg.src.pa, packet.leg.dst, packet.ident)
        if fragment.offset == 0:
            known = self._sets.of_first(key, sighting.ns)
            part = sighting.facts.part
            known.place = self._account(sighting) if part is None else self._inner_part(sighting, part, may_wait=False)
            for waiting in known.waiting:
                _merge(known.place, waiting)
            known.waiting.clear()
        else:
            known = self._sets.of_later(key, sighting.ns)
            if known.place is None:
                known.waiting.append(sighting)
            else:
                _merge(known.place, sighting)
        self._sets.add(key, fragment.offset, fragment.length, more=fragment.more)

    def _account_alone(self, sighting: Sighting) -> Place:
        """A fragment of which nobody knows the first."""
        return self._account(sighting._replace(mask=sighting.mask | 1 << anomalies.FRAGMENT_WITHOUT_FIRST))

    def _alone(self, sightings: Iterable[Sighting]) -> None:
        for sighting in sightings:
            self._account_alone(sighting)


def _cut(facts: Facts, missing: int) -> Facts:
    """What the first part of a packet says, which lacks so many bytes: an inner fragment in it is shorter."""
    if facts.part is None:
        return facts
    return facts._replace(part=facts.part._replace(length=max(facts.part.length - missing, 0)))


def _merge(place: Place | None, later: Sighting) -> None:
    """A later part of a packet that was counted already."""
    assert place is not None
    assert later.facts.part is not None
    place.flow.add_bytes(place.side, later.ns, later.facts.part.length, later.wire_length)
    place.flow.anomalies |= later.mask


def tunnel_of(packet: Packet, options: Encapsulation) -> Tunnel:
    """What the headers in front of a tenant's frame name, as docs/decoding.md has decoders read them."""
    assert packet.leg is not None
    src, dst = packet.leg.src.pa.packed, packet.leg.dst.packed
    label = 0 if packet.leg.dst.version == 6 else None  # the flow label of IPv6, which hosts leave at 0
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
