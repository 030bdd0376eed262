"""Acting: what all faults at work have: selection, time window, random numbers of their own, the log for the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nvgre_inspect.encapsulation.policy import Address, Policy
from nvgre_inspect.traffic.fault_specs import Fault, Selection, Stage
from nvgre_inspect.traffic.faults.touched import Touched
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.points import Observer
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.stages import Outcome

_Spec = TypeVar("_Spec", bound=Fault, covariant=True)


@dataclass(slots=True, eq=False)
class Context:
    """What faults act on."""

    network: Network
    #: By VSID and name.
    machines: Mapping[tuple[int, str], Machine]
    #: By name.
    points: Mapping[str, Observer]
    touched: Touched = field(default_factory=Touched)
    #: What each host takes for the place of machines, by its name.
    policies: dict[str, Policy] = field(default_factory=dict)


class Acting(Generic[_Spec]):
    """A fault at work at one stage (`stages.Hook`). Classes below say in `act` what becomes of a packet."""

    def __init__(self, spec: _Spec, context: Context) -> None:
        self.spec = spec
        self.context = context
        self.network = context.network
        self.stream = context.network.streams.named(f"fault/{spec.id}")
        self._concerns = _Selector(spec.selection, context.network)

    def install(self) -> None:
        """Take part from now on."""
        self.hook(self.spec.STAGE)

    def hook(self, stage: Stage) -> None:
        """Packets at `stage` go through here."""
        self.network.stages.add(stage, self)

    def __call__(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """What becomes of a packet (`stages`)."""
        if self.is_on(now_ns) and self.concerns(packet, where):
            return self.act(packet, where, now_ns)
        return ((0, packet),)

    def is_on(self, now_ns: int) -> bool:
        """Whether this is within the fault's time window."""
        return self.spec.from_ns <= now_ns and (not self.spec.until_ns or now_ns < self.spec.until_ns)

    def concerns(self, packet: Packet, where: str) -> bool:
        """Whether the fault is for this packet at this place."""
        return self._concerns(packet)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """What becomes of a packet that the fault concerns, within its time window."""
        raise NotImplementedError

    def touch(self, packet: Packet) -> Packet:
        """The packet, marked as touched by this fault."""
        self.context.touched.add(self.spec.id, packet)
        return packet.marked(self.spec.id)

    def touched(self, packet: Packet) -> bool:
        """Whether this fault, or another part of it, touched the packet before."""
        return self.spec.id in packet.marks

    def changed(self, packet: Packet, frame: bytes) -> Packet:
        """A copy with another frame, marked as touched; the packet itself may still be on its way to neighbours."""
        copy = self.touch(packet).copy()
        copy.inner = frame
        return copy

    def lose(self, packet: Packet) -> Sequence[Outcome]:
        """The packet ends here."""
        self.touch(packet)
        return ()


class _Selector:
    """Whether packets are those of a Selection."""

    def __init__(self, selection: Selection, network: Network) -> None:
        self._selection = selection
        pas: list[Address] = [network.hosts[name].spec.pa for name in selection.tunnel or ()]
        ways = [(pas[0], pas[1]), (pas[1], pas[0])] if pas else []
        if selection.direction == "forward":
            ways = ways[:1]
        elif selection.direction == "reverse":
            ways = ways[1:]
        self._ways = frozenset(ways)

    def __call__(self, packet: Packet) -> bool:
        selection = self._selection
        if selection.tenant is not None and packet.tenant != selection.tenant:
            return False
        if selection.vm is not None and packet.sender != selection.vm:
            return False
        if self._ways and (packet.src_pa, packet.dst_pa) not in self._ways:
            return False
        return not selection.flow_ids or (packet.leg is not None and packet.entropy in selection.flow_ids)
