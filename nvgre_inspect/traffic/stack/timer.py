"""Timer: an alarm that is set again and again, as TCP does with every acknowledgement.

Setting it later than it was costs nothing: the event that is under way looks at the time when it comes.
"""

from __future__ import annotations

from collections.abc import Callable

from nvgre_inspect.traffic.simulator import Event, Simulator


class Timer:
    """Calls `expired` once, when the time for which it was last set has come."""

    __slots__ = ("_due_ns", "_event", "_event_ns", "_expired", "_simulator")

    def __init__(self, simulator: Simulator, expired: Callable[[], object]) -> None:
        self._simulator = simulator
        self._expired = expired
        self._due_ns: int | None = None
        self._event: Event | None = None
        self._event_ns = 0

    @property
    def running(self) -> bool:
        """Whether it will call."""
        return self._due_ns is not None

    def start(self, delay_ns: int) -> None:
        """Call in `delay_ns` from now on, whatever it was set to before."""
        due = self._due_ns = self._simulator.now_ns + delay_ns
        if self._event is not None:
            if self._event_ns <= due:
                return
            self._event.cancel()
        self._schedule(due)

    def stop(self) -> None:
        """Do not call."""
        self._due_ns = None

    def _schedule(self, due_ns: int) -> None:
        self._event_ns = due_ns
        self._event = self._simulator.at(due_ns, self._fire)

    def _fire(self) -> None:
        self._event = None
        if self._due_ns is None:
            return
        if self._due_ns > self._simulator.now_ns:
            self._schedule(self._due_ns)
            return
        self._due_ns = None
        self._expired()
