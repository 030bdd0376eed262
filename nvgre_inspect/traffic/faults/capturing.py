"""Capturing: what goes wrong at an observation point, and nowhere else: copies, gaps and clocks of captures."""

from __future__ import annotations

from collections.abc import Sequence

from nvgre_inspect.traffic.fault_specs import CaptureDrops, Clock, MirrorDuplicates
from nvgre_inspect.traffic.faults.acting import Acting, Context
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.randomness import chance
from nvgre_inspect.traffic.stages import Outcome

_NS = 1_000_000_000


class _AtPoint(Acting[MirrorDuplicates | CaptureDrops | Clock]):
    """Acts on what one point records."""

    def concerns(self, packet: Packet, where: str) -> bool:
        """As `Acting.concerns`."""
        return where == self.spec.point and super().concerns(packet, where)

    def touch(self, packet: Packet) -> Packet:
        """As `Acting.touch`, but the packet travels on without a mark: nothing happened to it."""
        self.context.touched.add(self.spec.id, packet)
        return packet


class Mirroring(_AtPoint):
    """Records packets twice."""

    spec: MirrorDuplicates

    def __init__(self, spec: MirrorDuplicates, context: Context) -> None:
        super().__init__(spec, context)
        context.touched.only_at[spec.id] = spec.point

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if not chance(self.stream, self.spec.probability):
            return ((0, packet),)
        return ((0, self.touch(packet)), (self.spec.delay_ns, packet.copy()))


class Missing(_AtPoint):
    """Does not record packets."""

    spec: CaptureDrops

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        return self.lose(packet) if chance(self.stream, self.spec.probability) else ((0, packet),)


class Mistiming(_AtPoint):
    """Has a point's clock go wrong. (It has no use for random numbers, nor for what it selects.)"""

    spec: Clock

    def __init__(self, spec: Clock, context: Context) -> None:
        super().__init__(spec, context)
        context.touched.only_at[spec.id] = spec.point
        self._start_ns = context.network.scenario.start_ns

    def install(self) -> None:
        """As `Acting.install`."""
        super().install()
        observer = self.context.points[self.spec.point]
        right = observer.clock
        observer.clock = lambda ns: right(ns) + self._error(ns - self._start_ns)

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        return ((0, self.touch(packet)),)

    def _error(self, now_ns: int) -> int:
        if not self.is_on(now_ns):
            return 0
        return self.spec.offset_ns + (now_ns - self.spec.from_ns) * self.spec.drift_ppb // _NS
