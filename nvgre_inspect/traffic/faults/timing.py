"""Timing: packets that come late, out of order or twice."""

from __future__ import annotations

from collections.abc import Sequence

from nvgre_inspect.traffic.fault_specs import Delay, Duplicate, Reorder
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import below, chance
from nvgre_inspect.traffic.stages import Outcome


class Reordering(Acting[Reorder]):
    """Holds some packets back."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if chance(self.stream, self.spec.probability):
            return ((self.spec.delay_ns, self.touch(packet)),)
        return ((0, packet),)


class Duplicating(Acting[Duplicate]):
    """Sends some packets on twice."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if chance(self.stream, self.spec.probability):
            return ((0, self.touch(packet)), (self.spec.delay_ns, packet.copy()))
        return ((0, packet),)


class Delaying(Acting[Delay]):
    """Delays all packets; those of one direction of a tunnel stay in order, also after it is over."""

    def __init__(self, spec: Delay, context: Context) -> None:
        super().__init__(spec, context)
        self._last: dict[object, int] = {}

    def __call__(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.__call__`, and what comes behind has to wait, too."""
        way = (packet.src_pa, packet.dst_pa)
        if not self.is_on(now_ns) and self._last.get(way, 0) > now_ns and self.concerns(packet, where):
            return ((self._last[way] - now_ns, self.touch(packet)),)
        return super().__call__(packet, where, now_ns)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        release = now_ns + self.spec.delay_ns
        if self.spec.jitter_ns:
            release += below(self.stream, self.spec.jitter_ns + 1)
        way = (packet.src_pa, packet.dst_pa)
        self._last[way] = release = max(release, self._last.get(way, 0))
        return ((release - now_ns, self.touch(packet)),)
