"""Host: a network virtualization endpoint (NVE): virtual switch, encapsulation by policy, decapsulation.

Frames of its machines go to machines of the same tenant here, or into a tunnel, as docs/encapsulation.md says; what
comes out of a tunnel goes to the machine that it is for. `ways` finds where it all goes.

Limits: the receiving side of a multicast group hears it without joining (no IGMP on the underlay). Path MTUs that were
learnt stay (RFC 1191 has them forgotten after ten minutes).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from dissectors import offsets
from nvgre_inspect.encapsulation import ecn, mtu
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.policy import Address, Policy
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.traffic import icmp
from nvgre_inspect.traffic.fragmenting import Reassembly, fragments
from nvgre_inspect.traffic.link import Link
from nvgre_inspect.traffic.packet import Packet, Segment
from nvgre_inspect.traffic.rendering import Renderer
from nvgre_inspect.traffic.scenario import HostSpec
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stages import Stages
from nvgre_inspect.traffic.vnic import VNic
from nvgre_inspect.traffic.ways import Ways, inner_tos

#: What the virtual switch takes from one of its ports to another.
SWITCHING_NS = 5_000
_GROUP_BIT = 0x01
#: Longer than any IP packet.
_LONGEST = 1 << 17
#: EtherTypes of tags, as they stand in a frame.
_TAGS = frozenset(ethertype.to_bytes(2, "big") for ethertype in offsets.VLAN_ETHERTYPES)


class Host:
    """An NVE. `uplink` leads to the fabric; `next_serial` numbers what is sent."""

    def __init__(
        self,
        spec: HostSpec,
        policy: Policy,
        *,
        simulator: Simulator,
        stages: Stages,
        renderer: Renderer,
        uplink: Link,
        next_serial: Callable[[], int],
    ) -> None:
        self.spec = spec
        self.uplink = uplink
        #: What a point at the uplink sees of packets that arrive.
        self.tap: Callable[[Packet], object] | None = None
        #: Frames and packets that ended here, by reason (`encapsulation.reasons`, and words of its own).
        self.skipped: Counter[str] = Counter()
        self._simulator = simulator
        self._stages = stages
        self._renderer = renderer
        self._next_serial = next_serial
        self._ports: dict[int, dict[bytes, VNic]] = {}
        self._options = options = policy.encapsulation
        #: Tags are taken off, and not taken from others.
        self._untagged = options.inner_vlan != "keep"
        #: TOS of the outer header by that of the tenant's.
        self._outer_tos = [
            (tos >> 2 if options.dscp == "uniform" else options.dscp) << 2 | ecn.ingress(tos & 3, options.ecn)
            for tos in range(1 << 8)
        ]
        self._identification = 0
        self._sequences: Counter[tuple[Address, int | None]] = Counter()
        self._path_mtus: dict[Address, int] = {}
        #: The longest outer packet that may be sent, whoever it is for.
        limits = [uplink.mtu] if options.df else []
        limits += [options.mtu] if options.mtu else []
        self._own_limit = min(limits, default=_LONGEST)
        self._reassembly = Reassembly()
        self._ways = Ways(spec.pa, policy)

    def set_policy(self, policy: Policy) -> None:
        """From now on addresses are where `policy` has them; its encapsulation stays that of the scenario."""
        self._ways.follow(policy)

    def plug(self, vnic: VNic) -> None:
        """A machine is here from now on."""
        self._ports.setdefault(vnic.tenant.vsid, {})[vnic.spec.mac] = vnic
        vnic.port = self

    def unplug(self, vnic: VNic) -> None:
        """A machine leaves."""
        del self._ports[vnic.tenant.vsid][vnic.spec.mac]
        vnic.port = None

    def has_tenant(self, vsid: int | None) -> bool:
        """Whether a machine of that tenant is here."""
        return bool(vsid is not None and self._ports.get(vsid))

    # Sending

    def transmit(self, vnic: VNic, frame: bytes, info: Segment | None) -> None:
        """Take a frame from a machine (`vnic.Port`)."""
        packet = Packet(frame, vnic.tenant.vsid, self._next_serial(), self._simulator.now_ns, vnic.spec.name, info)
        self._stages.through("vnic", packet, vnic.spec.name, partial(self._switch, vnic))

    def _switch(self, vnic: VNic, packet: Packet) -> None:
        if vnic.tap is not None:
            vnic.tap(packet)
        ports = self._ports.get(packet.tenant, {})
        if packet.inner[0] & _GROUP_BIT:
            self._deliver_later((port for port in ports.values() if port is not vnic), packet.copy())
        elif packet.inner[:6] in ports:
            self._deliver_later([ports[packet.inner[:6]]], packet)
            return
        self.encapsulate(packet)

    def _deliver_later(self, receivers: Iterable[VNic], packet: Packet) -> None:
        for receiver in receivers:
            self._simulator.post(self._simulator.now_ns + SWITCHING_NS, receiver.deliver, packet)

    def encapsulate(self, packet: Packet) -> None:
        """Send a frame of the tenant `packet.tenant` to where the policy says."""
        way = self._ways.of(packet.tenant, packet.inner)
        if way.reason:
            self.skipped[way.reason] += 1
            return
        options = self._options
        if self._untagged and packet.inner[12:14] in _TAGS:
            packet.inner = read(packet.inner, len(packet.inner)).without_tags().data
        packet.entropy = way.entropy
        packet.tos = self._outer_tos[inner_tos(packet.inner)]
        packet.ttl, packet.df = options.ttl, options.df
        packet.vsid = packet.tenant
        packet.leg = way.legs[0]
        if self._too_long(packet, way.legs):
            return
        copies = [packet, *(packet.copy() for _ in way.legs[1:])] if len(way.legs) > 1 else [packet]
        for leg, copy in zip(way.legs, copies, strict=True):
            copy.leg = leg
            self.number(copy)
            self._stages.through("encapsulation", copy, self.spec.name, self.send)

    def number(self, packet: Packet) -> None:
        """Give a packet the next identification and sequence number: every packet on the wire has its own."""
        assert packet.leg is not None
        if packet.leg.dst.version == 4:
            packet.ident = self._identification
            self._identification = (self._identification + 1) & 0xFFFF
        if self._options.sequence:
            way = (packet.leg.dst, packet.vsid)
            packet.sequence = self._sequences[way] & 0xFFFFFFFF
            self._sequences[way] += 1

    def send(self, packet: Packet) -> None:
        """Put a packet, which has its outer values, on the uplink."""
        length = self._renderer.ip_length(packet)
        if length <= self.uplink.mtu:
            self.uplink.send(packet, self._renderer.link_len + length)
            return
        parts = fragments(packet, length, self.uplink.mtu)
        if not parts:
            self.skipped["over-mtu"] += 1
        for part in parts:
            self.uplink.send(part, self._renderer.frame_length(part))

    def leg(self, dst: Address) -> Leg:
        """The way to a provider address (or group) of the same IP version. Raises ValueError for another version."""
        return self._ways.leg(dst)

    def _too_long(self, packet: Packet, legs: tuple[Leg, ...]) -> bool:
        """Whether the packet exceeds the MTU of its way; if so it ends here, and its sender may be told."""
        if self._options.over_mtu == "send":
            return False
        limit = self._own_limit
        if self._path_mtus:
            limit = min([limit, *(self._path_mtus[leg.dst] for leg in legs if leg.dst in self._path_mtus)])
        if self._renderer.ip_length(packet) <= limit:
            return False
        self.skipped["over-mtu"] += 1
        if self._options.over_mtu == "icmp":
            self._answer(packet, limit)
        return True

    def _answer(self, packet: Packet, limit: int) -> None:
        """Tell the machine that sent a packet that it is too big, as `Encapsulator` does."""
        assert packet.leg is not None
        inner = read(packet.inner, len(packet.inner))
        room = mtu.room(dataclasses.replace(self._options, mtu=limit), packet.leg.dst.version, inner)
        reply = mtu.answer(inner, room)
        port = self._ports.get(packet.tenant, {}).get(packet.inner[6:12])
        if reply is not None and port is not None:
            answer = Packet(reply, packet.tenant, self._next_serial(), self._simulator.now_ns, marks=packet.marks)
            self._deliver_later([port], answer)

    # Receiving

    def receive(self, packet: Packet) -> None:
        """Take a packet from the underlay."""
        if self.tap is not None:
            self.tap(packet)
        if packet.plain:
            self._control(packet)
            return
        whole = packet if packet.fragment is None else self._reassembly.add(packet)
        if whole is not None:
            self._stages.through("decapsulation", whole, self.spec.name, self.decapsulate)

    def _control(self, packet: Packet) -> None:
        """An ICMP error: a path's MTU is remembered (RFC 1191 section 6.1 asks tunnels for it too)."""
        limit = icmp.path_mtu(packet.plain)
        if limit is not None:
            dst, value = limit
            self._path_mtus[dst] = min(value, self._path_mtus.get(dst, value))

    def decapsulate(self, packet: Packet) -> None:
        """Take the tenant's frame out of a whole packet and give it to whom it is for."""
        ports = self._ports.get(-1 if packet.vsid is None else packet.vsid)
        if not ports:
            self.skipped["no-subnet"] += 1
            return
        frame = packet.inner
        if self._untagged and frame[12:14] in _TAGS:
            self.skipped["inner-vlan"] += 1  # RFC 7637 section 3.3
            return
        if packet.tos & 3:
            frame = self._with_ecn(packet)
            if not frame:
                self.skipped["congestion"] += 1
                return
        if frame is not packet.inner:
            packet = packet.copy()
            packet.inner = frame
        if frame[0] & _GROUP_BIT:
            for port in list(ports.values()):
                port.deliver(packet)
        elif frame[:6] in ports:
            ports[frame[:6]].deliver(packet)
        else:
            self.skipped["unknown-destination"] += 1

    def _with_ecn(self, packet: Packet) -> bytes:
        """The frame with the outer header's congestion mark (RFC 6040 section 4.2); empty: it has to be dropped."""
        inner = read(packet.inner, len(packet.inner))
        if inner.ip is None:
            return packet.inner
        value = ecn.egress(inner.tos & 3, packet.tos & 3)
        if value is None:
            return b""
        return packet.inner if value == inner.tos & 3 else ecn.set_ecn(packet.inner, inner.payload, value)
