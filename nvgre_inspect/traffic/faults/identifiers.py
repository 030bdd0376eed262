"""Identifiers: wrong and reserved VSIDs, leaks between tenants, and FlowIDs that do not do what they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nvgre_inspect.encapsulation import entropy, outer
from nvgre_inspect.traffic.fault_specs import FlowIDChanging, FlowIDConstant, Leak, ReservedVSID, WrongVSID
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import chance
from nvgre_inspect.traffic.stages import Outcome

#: The lowest source port that hosts choose.
_FIRST_PORT = entropy.source_port(0)


class Mislabelling(Acting[WrongVSID | ReservedVSID]):
    """Writes another identifier; the receiver may take it for the right one."""

    def install(self) -> None:
        """As `Acting.install`."""
        super().install()
        if self.spec.delivered:
            self.network.stages.add("decapsulation", self._correct)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        self.touch(packet).vsid = self.spec.vsid
        return ((0, packet),)

    def _correct(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        if self.touched(packet):
            packet.vsid = packet.tenant
        return ((0, packet),)


class Leaking(Acting[Leak]):
    """Sends packets once more with another tenant's identifier."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if not chance(self.stream, self.spec.probability):
            return ((0, packet),)
        leaked = self.touch(packet).copy()
        leaked.vsid = self.spec.vsid
        self.network.hosts[where].number(leaked)
        return ((0, packet), (0, leaked))


class OneFlowID(Acting[FlowIDConstant]):
    """Gives all flows one FlowID."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        self.touch(packet).entropy = self.spec.value
        return ((0, packet),)


class ManyFlowIDs(Acting[FlowIDChanging]):
    """Gives flows the next FlowID (UDP source port) after every so many packets that had the same one."""

    def __init__(self, spec: FlowIDChanging, context: Context) -> None:
        super().__init__(spec, context)
        self._sent: Counter[tuple[str, int]] = Counter()
        in_udp = context.network.scenario.encapsulation.kind in outer.PORTS
        self._first, self._count = (_FIRST_PORT, (1 << 16) - _FIRST_PORT) if in_udp else (0, 1 << 8)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        flows = (where, packet.entropy)
        step = self._sent[flows] // self.spec.packets
        self._sent[flows] += 1
        if step:
            self.touch(packet).entropy = self._first + (packet.entropy - self._first + step) % self._count
        return ((0, packet),)
