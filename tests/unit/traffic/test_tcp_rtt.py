"""RFC 6298, by its numbers."""

from __future__ import annotations

from nvgre_inspect.traffic.stack.tcp_rtt import AFTER_SYN_NS, INITIAL_NS, MOST_NS, RTT
from tests.builders.machine_pair import MS

LEAST = 200 * MS


def test_first_and_second_measurement() -> None:
    rtt = RTT(MS)
    assert rtt.timeout_ns == INITIAL_NS
    rtt.measured(100 * MS)
    assert (rtt.smoothed_ns, rtt.variance_ns, rtt.timeout_ns) == (100 * MS, 50 * MS, 300 * MS)
    rtt.measured(180 * MS)
    # RTTVAR = 3/4 * 50 + 1/4 * |100 - 180|, SRTT = 7/8 * 100 + 1/8 * 180.
    assert (rtt.smoothed_ns, rtt.variance_ns) == (110 * MS, 57_500_000)
    assert rtt.timeout_ns == 110 * MS + 4 * 57_500_000


def test_least_and_granularity() -> None:
    rtt = RTT(LEAST)
    rtt.measured(MS)
    assert rtt.timeout_ns == LEAST
    steady = RTT(1)
    for _ in range(200):
        steady.measured(10 * MS)
    assert 11 * MS <= steady.timeout_ns < 11 * MS + 100


def test_backing_off_doubles_up_to_a_minute_and_ends_with_a_measurement() -> None:
    rtt = RTT(LEAST)
    rtt.measured(MS)
    seen = []
    for _ in range(12):
        rtt.back_off()
        seen.append(rtt.timeout_ns)
    assert seen[:4] == [2 * LEAST, 4 * LEAST, 8 * LEAST, 16 * LEAST]
    assert max(seen) == seen[-1] == MOST_NS
    rtt.measured(MS)
    assert rtt.timeout_ns == LEAST


def test_after_a_repeated_syn() -> None:
    rtt = RTT(LEAST)
    rtt.handshake_repeated()
    assert rtt.timeout_ns == AFTER_SYN_NS
