"""Losing: packets that do not arrive: loss, burst loss, a bad ECMP member, a refused direction."""

from __future__ import annotations

from collections.abc import Sequence

from nvgre_inspect.traffic import icmp
from nvgre_inspect.traffic.fault_specs import BadECMPMember, BurstLoss, Loss, OneWay
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import chance
from nvgre_inspect.traffic.stages import Outcome


class Losing(Acting[Loss | BadECMPMember]):
    """Loses packets, each with the same probability."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        return self.lose(packet) if chance(self.stream, self.spec.probability) else ((0, packet),)


class LosingOnPath(Losing):
    """The same on one of the ECMP paths."""

    spec: BadECMPMember

    def concerns(self, packet: Packet, where: str) -> bool:
        """As `Acting.concerns`."""
        return where == self.spec.path and super().concerns(packet, where)


class LosingInBursts(Acting[BurstLoss]):
    """Loses packets in bursts: a chain of two states, one of which loses everything (Gilbert 1960)."""

    def __init__(self, spec: BurstLoss, context: Context) -> None:
        super().__init__(spec, context)
        self._in_burst = False

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if chance(self.stream, self.spec.end if self._in_burst else self.spec.begin):
            self._in_burst = not self._in_burst
        return self.lose(packet) if self._in_burst else ((0, packet),)


class Refusing(Acting[OneWay]):
    """Lets nothing into a host, which may say so with ICMP (RFC 1122 section 3.2.2.1: not to what went to a group)."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        assert packet.leg is not None
        if self.spec.icmp and not packet.leg.dst.is_multicast:
            host = self.network.hosts[where]
            error = icmp.refused(self.network.renderer.ip_packet(packet), host.spec.pa)
            serial = self.network.next_serial()
            reply = Packet(b"", -1, serial, now_ns, leg=host.leg(packet.leg.src.pa), plain=error)
            host.send(self.touch(reply))
        return self.lose(packet)
