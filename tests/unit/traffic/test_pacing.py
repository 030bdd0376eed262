"""Pacing: when frames are due, waiting for it on a clock of the test's own, and timing errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.traffic.pacing import SPIN_NS, BitRate, OwnTiming, Pace, PacketRate, Plan, TimingErrors, TopSpeed

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def due(plan: Plan, *times: int, lengths: tuple[int, ...] = ()) -> list[int]:
    return plan.due(ints(*times), ints(*(lengths or [100] * len(times)))).tolist()


class Clock:
    """Time that passes only by sleeping and by being asked for."""

    def __init__(self, *, late_ns: int = 0, tick_ns: int = 10) -> None:
        self.ns = 12_345
        self.slept: list[float] = []
        self._late_ns = late_ns
        self._tick_ns = tick_ns

    def __call__(self) -> int:
        self.ns += self._tick_ns
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += round(seconds * SECOND) + self._late_ns

    def pace(self, *, stopped: bool = False) -> Pace:
        return Pace(lambda: stopped, clock=self, sleep=self.sleep)


# --- plans -----------------------------------------------------------------------------------------------------------


def test_the_captures_own_times_to_the_nanosecond() -> None:
    plan = OwnTiming()
    assert due(plan, EPOCH, EPOCH + 1, EPOCH + SECOND) == [0, 1, SECOND]
    assert due(plan, EPOCH + 2 * SECOND + 3) == [2 * SECOND + 3]


def test_a_multiplier_shrinks_all_distances() -> None:
    assert due(OwnTiming(4), EPOCH, EPOCH + SECOND, EPOCH + 3 * SECOND) == [0, SECOND // 4, 3 * SECOND // 4]
    assert due(OwnTiming(0.5), EPOCH, EPOCH + SECOND) == [0, 2 * SECOND]


def test_times_that_go_back_wait_for_the_others() -> None:
    plan = OwnTiming()
    assert due(plan, EPOCH + 5, EPOCH + 9, EPOCH + 2) == [0, 4, 4]
    assert due(plan, EPOCH + 3, EPOCH + 15) == [4, 10]


def test_a_loop_begins_one_mean_gap_after_the_last() -> None:
    plan = OwnTiming(2)
    assert due(plan, EPOCH, EPOCH + 40, EPOCH + 100) == [0, 20, 50]
    plan.next_loop()
    assert due(plan, EPOCH, EPOCH + 100) == [75, 125]
    plan.next_loop()
    assert due(plan, EPOCH) == [225 - 50]


def test_loops_of_one_frame_and_of_none() -> None:
    plan = OwnTiming()
    plan.next_loop()
    assert due(plan, EPOCH) == [0]
    plan.next_loop()
    assert due(plan, EPOCH) == [0]
    assert due(plan) == []


def test_extreme_times_do_not_overflow() -> None:
    limit = (1 << 62) - 1
    plan = OwnTiming(1e-9)
    result = due(plan, -limit, limit)
    plan.next_loop()
    assert result[0] == 0 < result[1] <= due(plan, -limit)[0] <= limit + 1


def test_so_many_packets_a_second_over_batches() -> None:
    plan = PacketRate(1000)
    assert due(plan, 5, 6, 7) == [0, 1_000_000, 2_000_000]
    plan.next_loop()
    assert due(plan, 5) == [3_000_000]


@given(pps=st.floats(0.01, 1e7), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_a_rate_does_not_drift(pps: float, sizes: list[int]) -> None:
    plan = PacketRate(pps)
    found = [ns for size in sizes for ns in plan.due(np.zeros(size, np.int64), np.zeros(size, np.int64)).tolist()]
    expected = [n / pps * 1e9 for n in range(sum(sizes))]
    assert np.allclose(found, expected, rtol=1e-12, atol=1)


def test_so_many_bits_a_second() -> None:
    plan = BitRate(8)
    assert due(plan, 0, 0, lengths=(1000, 500)) == [0, SECOND // 1000]
    assert due(plan, 0, lengths=(1,)) == [1_500_000]
    assert due(plan) == []


def test_top_speed_waits_for_nothing() -> None:
    assert not TopSpeed().is_timed
    assert all(plan.is_timed for plan in (OwnTiming(), PacketRate(1), BitRate(1)))


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_moment_is_met_and_never_early() -> None:
    clock = Clock()
    pace = clock.pace()
    pace.start()
    assert pace.wait(5 * SPIN_NS)
    assert 5 * SPIN_NS <= pace.now_ns < 5 * SPIN_NS + 100
    assert clock.slept == [pytest.approx(4 * SPIN_NS / SECOND, rel=1e-3)]


def test_a_late_sleep_is_made_up_for_by_spinning() -> None:
    clock = Clock(late_ns=SPIN_NS // 2)
    pace = clock.pace()
    for moment in range(1, 100):
        assert pace.wait(moment * 1_000_000)
        assert pace.now_ns - moment * 1_000_000 < 100


def test_what_is_over_is_not_waited_for() -> None:
    clock = Clock()
    pace = clock.pace()
    assert pace.wait(0)
    assert clock.slept == []


def test_long_waits_are_naps() -> None:
    clock = Clock()
    pace = clock.pace()
    assert [pace.wait(SECOND) for _ in range(3)] == [False, False, False]
    assert clock.slept == [0.1, 0.1, 0.1]


def test_waiting_ends_when_all_stops() -> None:
    pace = Clock().pace(stopped=True)
    assert not pace.wait(SPIN_NS)


# --- errors ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-1000, 1 << 40), min_size=1, max_size=500), st.integers(1, 100))
def test_percentiles_are_those_of_the_numbers(errors: list[int], cut: int) -> None:
    collected = TimingErrors()
    for start in range(0, len(errors), cut):
        collected.add(ints(*errors[start : start + cut]))
    found = collected.percentiles
    assert found is not None
    exact = np.maximum(np.sort(errors), 1)
    assert found.max_ns == max(*errors, 0)
    for got, share in ((found.p50_ns, 0.5), (found.p99_ns, 0.99)):
        true = int(exact[int(np.ceil(len(errors) * share)) - 1])
        assert got <= true * 1.03 + 1
        assert got >= min(true * 0.97 - 1, found.max_ns)


def test_without_frames_there_are_no_percentiles() -> None:
    errors = TimingErrors()
    errors.add(ints())
    assert errors.percentiles is None
