"""Machines: what goes wrong with machines and their addresses: migration, a MAC address used twice, silence to ARP."""

from __future__ import annotations

from collections.abc import Sequence

from dissectors import offsets
from nvgre_inspect.traffic.fault_specs import ARPUnanswered, DuplicateMAC, Migration
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.mapping import with_moved
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.stages import Outcome
from nvgre_inspect.traffic.vnic import VNic

_REQUEST, _REPLY = 1, 2
_ARP_OPERATION = slice(offsets.ETH_LEN + 6, offsets.ETH_LEN + 8)
_ARP_TARGET = slice(offsets.ETH_LEN + 24, offsets.ETH_LEN + 28)
_ARP_SENDER_MAC = slice(offsets.ETH_LEN + 8, offsets.ETH_LEN + 14)
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ND = offsets.ETH_LEN + offsets.IP6_LEN
_ND_TARGET = slice(_ND + 8, _ND + 24)


def _vnic(context: Context, fault: Migration | DuplicateMAC | ARPUnanswered) -> VNic:
    """The machine that the fault is about."""
    selection = fault.selection
    assert selection.tenant is not None
    assert selection.vm is not None
    return context.network.vnics[selection.tenant, selection.vm]


class Moving(Acting[Migration]):
    """Moves a machine; what is sent to its old place after that ends there."""

    def __init__(self, spec: Migration, context: Context) -> None:
        super().__init__(spec, context)
        self._vnic = _vnic(context, spec)
        self._left = ""

    def install(self) -> None:
        """As `Acting.install`."""
        self.hook("vnic")
        self.hook("decapsulation")
        self.network.simulator.at(self.spec.from_ns, self._move)

    def concerns(self, packet: Packet, where: str) -> bool:
        """As `Acting.concerns`: packets to the machine at its old place."""
        is_stale = where == self._left and packet.tenant == self._vnic.tenant.vsid
        return is_stale and packet.inner[:6] == self._vnic.spec.mac

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`. The host there drops it by itself, since nobody is there."""
        return ((0, self.touch(packet)),)

    def _move(self) -> None:
        old = next(host for host in self.network.hosts.values() if host is self._vnic.port)
        new = self.network.hosts[self.spec.to]
        self._left = old.spec.name
        old.unplug(self._vnic)
        new.plug(self._vnic)
        self._teach([new.spec.name])
        others = [name for name in self.network.hosts if name != new.spec.name]
        self.network.simulator.after(self.spec.stale_ns, self._teach, others)
        if self.spec.announce:
            machine = self.context.machines[self._vnic.tenant.vsid, self._vnic.spec.name]
            machine.arp.announce()
            machine.ndp.announce()

    def _teach(self, hosts: Sequence[str]) -> None:
        """These hosts learn where the machine is."""
        place = self.network.hosts[self.spec.to].spec.pa
        for name in hosts:
            known = self.context.policies.get(name, self.network.policy)
            moved = with_moved(known, self._vnic.tenant.vsid, self._vnic.spec.mac, place)
            self.context.policies[name] = moved
            self.network.hosts[name].set_policy(moved)


class Impersonating(Acting[DuplicateMAC]):
    """Puts a machine's MAC address into what another one of its tenant sends."""

    def __init__(self, spec: DuplicateMAC, context: Context) -> None:
        super().__init__(spec, context)
        self._mac = _vnic(context, spec).spec.mac

    def concerns(self, packet: Packet, where: str) -> bool:
        """As `Acting.concerns`: what the other machine sends."""
        return packet.tenant == self.spec.selection.tenant and packet.sender == self.spec.other

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        frame = bytearray(packet.inner)
        frame[6:12] = self._mac
        if _is_arp(packet.inner):
            frame[_ARP_SENDER_MAC] = self._mac
        return ((0, self.changed(packet, bytes(frame))),)


class Silencing(Acting[ARPUnanswered]):
    """Takes a machine's answers to ARP and neighbour solicitations away; the questions are touched by it."""

    def __init__(self, spec: ARPUnanswered, context: Context) -> None:
        super().__init__(spec, context)
        self._ips = frozenset(ip.packed for ip in _vnic(context, spec).spec.ips)

    def concerns(self, packet: Packet, where: str) -> bool:
        """As `Acting.concerns`: questions for the machine's addresses, and its answers."""
        if packet.tenant != self.spec.selection.tenant:
            return False
        if packet.sender == self.spec.selection.vm:
            return _is_answer(packet.inner)
        return _asked_for(packet.inner) in self._ips

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if packet.sender == self.spec.selection.vm:
            return self.lose(packet)
        return ((0, self.touch(packet)),)


def _is_arp(frame: bytes) -> bool:
    return int.from_bytes(frame[offsets.ETH_TYPE : offsets.ETH_LEN], "big") == offsets.ETHERTYPE_ARP


def _nd_type(frame: bytes) -> int:
    """The ICMPv6 type of an untagged frame; -1: it is no ICMPv6."""
    is_ipv6 = int.from_bytes(frame[offsets.ETH_TYPE : offsets.ETH_LEN], "big") == offsets.ETHERTYPE_IPV6
    return frame[_ND] if is_ipv6 and frame[offsets.ETH_LEN + offsets.IP6_NEXT] == offsets.IPPROTO_ICMPV6 else -1


def _asked_for(frame: bytes) -> bytes | None:
    """Whose address a frame asks for."""
    if _is_arp(frame) and int.from_bytes(frame[_ARP_OPERATION], "big") == _REQUEST:
        return frame[_ARP_TARGET]
    return frame[_ND_TARGET] if _nd_type(frame) == _SOLICITATION else None


def _is_answer(frame: bytes) -> bool:
    if _is_arp(frame):
        return int.from_bytes(frame[_ARP_OPERATION], "big") == _REPLY
    return _nd_type(frame) == _ADVERTISEMENT
