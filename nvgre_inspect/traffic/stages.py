"""Stages: the places on a packet's way where faults act (`fault_specs.Stage`).

    def lose(packet, where, now_ns):
        return [] if chance(stream, 0.01) else [(0, packet)]

    stages.add("path", lose)

A hook is given a packet, where that is (vnic: the VM's name; encapsulation, decapsulation: the host's; path: the
path's; capture: the point's) and the time; it answers what comes of it: packets, each after so many nanoseconds.
Nothing: it is lost. It may change the packet that it was given, and add copies (`Packet.copy`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nvgre_inspect.traffic.fault_specs import Stage
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.simulator import Simulator

Outcome = tuple[int, Packet]
Hook = Callable[[Packet, str, int], Sequence[Outcome]]


class Stages:
    """The hooks of each stage, in the order in which they were added."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._hooks: dict[Stage, list[Hook]] = {}

    def add(self, stage: Stage, hook: Hook) -> None:
        """Packets at that stage go through `hook`."""
        self._hooks.setdefault(stage, []).append(hook)

    def has(self, stage: Stage) -> bool:
        """Whether any hook is there."""
        return stage in self._hooks

    def outcomes(self, stage: Stage, packet: Packet, where: str) -> Sequence[Outcome]:
        """What comes of a packet."""
        found: Sequence[Outcome] = ((0, packet),)
        for hook in self._hooks.get(stage, ()):
            found = [
                (before + after, result)
                for before, given in found
                for after, result in hook(given, where, self._simulator.now_ns)
            ]
        return found

    def through(self, stage: Stage, packet: Packet, where: str, onward: Callable[[Packet], object]) -> None:
        """What comes of a packet goes `onward`, at once or when its time has come."""
        if stage not in self._hooks:
            onward(packet)
            return
        for delay_ns, result in self.outcomes(stage, packet, where):
            if delay_ns > 0:
                self._simulator.post(self._simulator.now_ns + delay_ns, onward, result)
            else:
                onward(result)
