"""Replay: prepared frames, at their times, to an interface, into a capture, or only counted.

    with open_sender("eth0") as sender:
        totals = replay(looped(batches, 10), OwnTiming(), Live(sender, Pace(stopped)), stopped=stopped)

A thread prepares frames ahead, so that reading and encapsulating do not disturb the times of sending; nothing is sent
before it has a start of READ_AHEAD_BYTES.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.encapsulation.destinations import Destination
from nvgre_inspect.encapsulation.rewritten import OutputInterface
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.traffic.ahead import ReadAhead
from nvgre_inspect.traffic.loops import Part
from nvgre_inspect.traffic.pacing import Pace, Percentiles, Plan, TimingErrors
from nvgre_inspect.traffic.sending import AT_ONCE, Sender

Ints = npt.NDArray[np.int64]
READ_AHEAD_BYTES = 64 << 20
#: How long Python lets a thread run while another waits: its default of 5 ms would be the timing error.
_SWITCH_S = 200e-6
#: Timing errors that are collected before they go into the histogram.
_ERRORS_AT_ONCE = 4096
_SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class Totals:
    """What a replay has sent so far."""

    frames: int = 0
    bytes: int = 0
    #: Loops begun.
    loops: int = 0
    #: Nanoseconds from the start to the last frame: as it was (live), else as it is due.
    elapsed_ns: int = 0
    #: Frames that the interface would not take, by reason (`sending.SKIPPED`).
    refused: Counter[str] = field(default_factory=Counter)
    #: Timing error of frames; None: they have no times, or nothing was sent.
    errors: Percentiles | None = None
    #: Whether it was stopped before its end.
    stopped: bool = False

    @property
    def pps(self) -> float:
        """Packets a second, 0 where there was no time."""
        return self.frames * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0

    @property
    def mbps(self) -> float:
        """Megabits a second."""
        return self.bytes * 8e3 / self.elapsed_ns if self.elapsed_ns else 0.0


class Sink(Protocol):
    """Where frames go."""

    totals: Totals

    def start(self) -> None:
        """The first frames are ready."""
        ...

    def take(self, batch: PacketBatch, due: Ints, timed: bool) -> None:
        """The next frames, and when they are due (nanoseconds since the start)."""
        ...

    def finish(self) -> None:
        """No more come."""
        ...


class _Planned(NamedTuple):
    part: Part
    due: Ints


def replay(parts: Iterator[Part], plan: Plan, sink: Sink, *, stopped: Callable[[], bool] = lambda: False) -> Totals:
    """Send all, until the end or until `stopped`; returns the sink's totals.

    SendError and CaptureError as the sink and the source of `parts` raise them.
    """
    before = sys.getswitchinterval()
    with ReadAhead(_planned(parts, plan), weigh=_weight, limit=READ_AHEAD_BYTES, stopped=stopped) as ahead:
        ahead.fill()
        sys.setswitchinterval(_SWITCH_S)
        sink.start()
        try:
            for part, due in ahead:
                if stopped():
                    break
                sink.totals.loops = part.loop + 1
                sink.take(part.batch, due, plan.is_timed)
        finally:
            sys.setswitchinterval(before)
            sink.finish()
    sink.totals.stopped = stopped()
    return sink.totals


def _planned(parts: Iterator[Part], plan: Plan) -> Iterator[_Planned]:
    loop = 0
    for part in parts:
        if part.loop != loop:
            plan.next_loop()
            loop = part.loop
        yield _Planned(part, plan.due(part.batch.ts_ns, part.batch.caplen))


def _weight(planned: _Planned) -> int:
    return len(planned.part.batch.buffer)


class Live:
    """Sends on an interface, each frame when it is due. See `Sink`."""

    def __init__(
        self,
        sender: Sender,
        pace: Pace,
        *,
        stopped: Callable[[], bool] = lambda: False,
        every_second: Callable[[Totals], None] = lambda totals: None,
    ) -> None:
        """`every_second` is told how far it is."""
        self.totals = Totals(refused=sender.refused)
        self._sender = sender
        self._pace = pace
        self._stopped = stopped
        self._every_second = every_second
        self._next_word_ns = _SECOND_NS
        self._histogram = TimingErrors()
        self._errors = np.zeros(_ERRORS_AT_ONCE, np.int64)
        self._pending = 0

    def start(self) -> None:
        """See `Sink`."""
        self._pace.start()

    def take(self, batch: PacketBatch, due: Ints, timed: bool) -> None:
        """See `Sink`. Whatever is due by now goes in one call."""
        ends = np.concatenate(([0], np.cumsum(batch.caplen)))
        at, count = 0, len(batch)
        while at < count and not self._stopped():
            last = min(at + AT_ONCE, count)
            if timed:
                now = self._pace.now_ns
                if due[at] > now:
                    if not self._pace.wait(int(due[at])):
                        self._word(self._pace.now_ns)
                        continue
                    now = self._pace.now_ns
                last = at + int(np.searchsorted(due[at:last], now, side="right"))
            sent = self._sender.send(batch, at, last)
            now = self._pace.now_ns
            self.totals.frames += sent
            self.totals.bytes += int(ends[at + sent] - ends[at])
            self.totals.elapsed_ns = now
            if timed:
                self._note(now - due[at : at + sent])
            self._word(now)
            at += sent or 1

    def finish(self) -> None:
        """See `Sink`."""
        self._histogram.add(self._errors[: self._pending])
        self._pending = 0
        self.totals.errors = self._histogram.percentiles

    def _note(self, errors: Ints) -> None:
        if self._pending + len(errors) > _ERRORS_AT_ONCE:
            self._histogram.add(self._errors[: self._pending])
            self._pending = 0
        self._errors[self._pending : self._pending + len(errors)] = errors
        self._pending += len(errors)

    def _word(self, now_ns: int) -> None:
        if now_ns >= self._next_word_ns:
            self._next_word_ns = now_ns // _SECOND_NS * _SECOND_NS + _SECOND_NS
            self.totals.elapsed_ns = now_ns
            self._every_second(self.totals)


class Counted:
    """Sends nothing: says what would be sent. See `Sink`."""

    def __init__(self) -> None:
        self.totals = Totals()

    def start(self) -> None:
        """See `Sink`."""

    def take(self, batch: PacketBatch, due: Ints, timed: bool) -> None:
        """See `Sink`."""
        self.totals.frames += len(batch)
        self.totals.bytes += int(batch.caplen.sum())
        self.totals.elapsed_ns = max(self.totals.elapsed_ns, int(due[-1]))

    def finish(self) -> None:
        """See `Sink`."""


class Recorded(Counted):
    """Writes a capture, whose times are those at which frames are due. See `Sink`."""

    def __init__(self, destination: Destination) -> None:
        super().__init__()
        self._destination = destination
        self._start_ns: int | None = None

    def take(self, batch: PacketBatch, due: Ints, timed: bool) -> None:
        """See `Sink`. CaptureError where it cannot be written."""
        super().take(batch, due, timed)
        if self._start_ns is None:
            self._start_ns = int(batch.ts_ns[0])
        latest = np.iinfo(np.int64).max >> 1
        moved = dataclasses.replace(
            batch,
            ts_ns=np.minimum(due, latest - self._start_ns) + self._start_ns,
            interface=np.zeros_like(batch.interface),
        )
        output = OutputInterface(offsets.DLT_ETHERNET, "", "", -1)
        self._destination.write(moved, [output], np.full(len(batch), -1, np.int64))
