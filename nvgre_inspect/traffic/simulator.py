"""Simulator: what happens next, in integer nanoseconds. The only clock of a simulation.

    simulator = Simulator()
    timer = simulator.after(200_000_000, connection.timeout)
    timer.cancel()
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


class Simulator:
    """Events by time."""

    def __init__(self) -> None:
        #: Nanoseconds since the start of the simulation.
        self.now_ns = 0
        self._events: list[tuple[int, int, Event]] = []
        self._sequence = 0

    def at(self, ns: int, call: Callable[..., object], *arguments: Any) -> Event:
        """`call(*arguments)` happens at `ns`. Raises ValueError for a time that has passed."""
        if ns < self.now_ns:
            raise ValueError(f"{ns} ns has passed: it is {self.now_ns} ns")
        event = Event(call, arguments)
        self._sequence += 1
        heapq.heappush(self._events, (ns, self._sequence, event))
        return event

    def after(self, delay_ns: int, call: Callable[..., object], *arguments: Any) -> Event:
        """The same, `delay_ns` from now on."""
        return self.at(self.now_ns + delay_ns, call, *arguments)

    def run(self, until_ns: int) -> None:
        """Let everything happen up to and including `until_ns`, which is the time then."""
        events = self._events
        while events and events[0][0] <= until_ns:
            self.now_ns, _, event = heapq.heappop(events)
            call, arguments = event.call, event.arguments
            if call is not None:
                event.cancel()
                call(*arguments)
        self.now_ns = max(self.now_ns, until_ns)
