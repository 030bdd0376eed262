"""Pacing: when each frame of a replay is due, waiting for that moment, and how well it was met.

A plan gives every frame a time in nanoseconds since the start of the replay, and nothing else moves it: a frame that
was late does not make those after it late, so there is no drift. `Pace` sleeps until shortly before a frame is due and
then spins, since a sleeping process is woken late (Linux's timer slack of 50 µs, and scheduling).

Limits: times of a capture that go back count as no time gone by. Rates count what is sent from the first byte of the
Ethernet header to the last of the frame: no preamble, no FCS, no gap.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_NS = 1_000_000_000
#: Largest time of a plan: what is beyond (years between two frames) is due then.
_LATEST_NS = 1 << 62
#: A sleep ends this long before the frame is due, the rest is spun. Measured on a busy machine: half of all sleeps end
#: 72 µs late or less, 90 of 100 83 µs, and what is later than that had no processor.
SPIN_NS = 150_000
#: Longest sleep at a stretch: then somebody may want to stop, or to say how far it is.
_NAP_NS = _NS // 10


class Plan(Protocol):
    """When frames are due. Takes batches in order, and remembers where the last one ended."""

    #: False: frames are due as soon as they can be sent, and `due` is only a plausible time.
    is_timed: bool

    def due(self, ts_ns: Ints, lengths: Ints) -> Ints:
        """Nanoseconds since the start (int64, never falling) of the frames with these times and lengths in bytes."""
        ...

    def next_loop(self) -> None:
        """The capture begins again, one mean gap after its last frame."""
        ...


class OwnTiming:
    """The capture's own times, `multiplier` times as fast."""

    is_timed = True

    def __init__(self, multiplier: float = 1.0) -> None:
        self._multiplier = multiplier
        #: Time of the capture at which this loop began, and the latest so far.
        self._first_ns: int | None = None
        self._last_ns = 0
        #: Where the loop begins, in nanoseconds since the start of the replay.
        self._base_ns = 0
        self._frames = 0

    def due(self, ts_ns: Ints, lengths: Ints) -> Ints:
        """See `Plan`."""
        if not len(ts_ns):
            return ts_ns
        if self._first_ns is None:
            self._first_ns = self._last_ns = int(ts_ns[0])
        self._frames += len(ts_ns)
        steady = np.maximum(np.maximum.accumulate(ts_ns), self._last_ns)
        self._last_ns = int(steady[-1])
        return self._base_ns + self._scaled(steady - self._first_ns)

    def next_loop(self) -> None:
        """See `Plan`."""
        if self._first_ns is None:
            return
        span = self._last_ns - self._first_ns
        gap = span // (self._frames - 1) if self._frames > 1 else 0
        self._base_ns += int(self._scaled(np.array([min(span + gap, _LATEST_NS)], np.int64))[0])
        self._first_ns, self._frames = None, 0

    def _scaled(self, since: Ints) -> Ints:
        if self._multiplier == 1:
            return np.minimum(since, _LATEST_NS - self._base_ns)
        # In floats seconds keep 53 bits: exact to the nanosecond for three months.
        scaled = np.minimum(since / self._multiplier, float(_LATEST_NS - self._base_ns))
        result: Ints = scaled.astype(np.int64)
        return result


class PacketRate:
    """So many packets a second."""

    is_timed = True

    def __init__(self, pps: float) -> None:
        self._pps = pps
        self._sent = 0

    def due(self, ts_ns: Ints, lengths: Ints) -> Ints:
        """See `Plan`."""
        first = self._sent
        self._sent += len(lengths)
        return _from_seconds(np.arange(first, self._sent) / self._pps)

    def next_loop(self) -> None:
        """See `Plan`: the rate goes on."""


class BitRate:
    """So many megabits (10^6) a second: a frame is due when all bits before it had their time."""

    is_timed = True

    def __init__(self, mbps: float) -> None:
        self._bits_per_s = mbps * 1e6
        self._bits = 0

    def due(self, ts_ns: Ints, lengths: Ints) -> Ints:
        """See `Plan`."""
        ends = self._bits + np.cumsum(lengths) * 8
        starts = ends - lengths * 8
        self._bits = int(ends[-1]) if len(ends) else self._bits
        return _from_seconds(starts / self._bits_per_s)

    def next_loop(self) -> None:
        """See `Plan`: the rate goes on."""


class TopSpeed(OwnTiming):
    """As fast as the interface takes them. In a file, which takes any time, frames keep their own."""

    is_timed = False


def _from_seconds(seconds: npt.NDArray[np.float64]) -> Ints:
    result: Ints = np.minimum(seconds * _NS, float(_LATEST_NS)).astype(np.int64)
    return result


class Pace:
    """Waits for moments since the start; `stopped` is asked while it does.

    `clock` (nanoseconds, never going back) and `sleep` (seconds) are the machine's, unless a test has its own.
    """

    def __init__(
        self,
        stopped: Callable[[], bool],
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stopped = stopped
        self._clock = clock
        self._sleep = sleep
        self._start_ns = clock()

    def start(self) -> None:
        """Now is the start."""
        self._start_ns = self._clock()

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start."""
        return self._clock() - self._start_ns

    def wait(self, due_ns: int) -> bool:
        """Whether the moment came: False after a tenth of a second of waiting for it, or when all is to stop."""
        left = due_ns - self.now_ns
        if left > _NAP_NS + SPIN_NS:
            self._sleep(_NAP_NS / _NS)
            return False
        if left > SPIN_NS:
            self._sleep((left - SPIN_NS) / _NS)
        while self.now_ns < due_ns:
            if self._stopped():
                return False
        return True


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Timing error: how long after it was due a frame had been handed to the interface. Nanoseconds."""

    p50_ns: int
    p99_ns: int
    max_ns: int


class TimingErrors:
    """Collects timing errors in 32 bins an octave: percentiles are exact to 2.2 %, the largest one to the nanosecond.

    An HDR histogram in constant memory, since a replay may last for days.
    """

    _PER_OCTAVE = 32

    def __init__(self) -> None:
        self._bins = np.zeros(64 * self._PER_OCTAVE, np.int64)
        self._largest = 0

    def add(self, errors_ns: Ints) -> None:
        """Errors of frames; what was sent before it was due (by rounding) counts as 0."""
        if not len(errors_ns):
            return
        errors = np.maximum(errors_ns, 1)
        self._largest = max(self._largest, int(errors_ns.max()))
        self._bins += np.bincount((np.log2(errors) * self._PER_OCTAVE).astype(np.int64), minlength=len(self._bins))

    @property
    def percentiles(self) -> Percentiles | None:
        """None: nothing was sent on time or late."""
        count = int(self._bins.sum())
        if not count:
            return None
        below = np.cumsum(self._bins)
        p50, p99 = (self._upper(int(np.searchsorted(below, math.ceil(count * share)))) for share in (0.5, 0.99))
        return Percentiles(p50, p99, self._largest)

    def _upper(self, row: int) -> int:
        """The largest error that falls into the bin, or the largest that there was."""
        return min(int(2 ** ((row + 1) / self._PER_OCTAVE)), self._largest)
