"""Simulator: what happens next, in integer nanoseconds. The only clock of a simulation.

    simulator = Simulator()
    timer = simulator.after(200_000_000, connection.timeout)
    timer.cancel()
    simulator.post(simulator.now_ns + 50, link.receive, packet)
    simulator.run(until_ns=1_000_000_000)

Events of one instant happen in the order in which they were asked for, so that a run depends on nothing else than
what the events do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Event:
    """Something that is going to happen, unless it is cancelled."""

    __slots__ = ("arguments", "call")

    def __init__(self, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.call: Callable[..., object] | None = call
        self.arguments = arguments

    @property
    def pending(self) -> bool:
        """Whether it is still going to happen."""
        return self.call is not None

    def cancel(self) -> None:
        """It does not happen; nothing if it has happened already."""
        self.call = None
        self.arguments = ()

    def happen(self) -> None:
        """What the simulator does when its time has come."""
        call, arguments = self.call, self.arguments
        if call is not None:
            self.cancel()
            call(*arguments)


class Simulator:
    """Events by time."""

    def __init__(self) -> None:
        #: Nanoseconds since the start of the simulation.
        self.now_ns = 0
        #: The number makes entries of one instant stand in their order, and is never equal.
        self._events: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._sequence = 0

    def at(self, ns: int, call: Callable[..., object], *arguments: Any) -> Event:
        """`call(*arguments)` happens at `ns`, unless it is cancelled. Raises ValueError for a time that has passed."""
        event = Event(call, arguments)
        self.post(ns, event.happen)
        return event

    def post(self, ns: int, call: Callable[..., object], *arguments: Any) -> None:
        """The same without a way back, for what there is most of: it takes half the time."""
        if ns < self.now_ns:
            raise ValueError(f"{ns} ns has passed: it is {self.now_ns} ns")
        self._sequence += 1
        heapq.heappush(self._events, (ns, self._sequence, call, arguments))

    def after(self, delay_ns: int, call: Callable[..., object], *arguments: Any) -> Event:
        """The same, `delay_ns` from now on."""
        return self.at(self.now_ns + delay_ns, call, *arguments)

    def run(self, until_ns: int) -> None:
        """Let everything happen up to and including `until_ns`, which is the time then."""
        events = self._events
        while events and events[0][0] <= until_ns:
            self.now_ns, _, call, arguments = heapq.heappop(events)
            call(*arguments)
        self.now_ns = max(self.now_ns, until_ns)
