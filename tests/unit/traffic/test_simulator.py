"""Simulator and random streams: order, cancelling, and that nothing depends on anything but seed and names."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nvgre_inspect.traffic.randomness import below, chance, pick, streams
from nvgre_inspect.traffic.simulator import Simulator


def test_events_happen_by_time_and_those_of_one_instant_in_the_order_asked_for():
    simulator, happened = Simulator(), []
    for ns, name in ((30, "c"), (10, "a"), (10, "b"), (40, "late")):
        simulator.at(ns, lambda name=name: happened.append((simulator.now_ns, name)))
    simulator.run(until_ns=35)
    assert happened == [(10, "a"), (10, "b"), (30, "c")]
    assert simulator.now_ns == 35
    simulator.run(until_ns=40)
    assert happened[-1] == (40, "late")


def test_events_may_ask_for_others_at_once():
    simulator, happened = Simulator(), []

    def again(count: int) -> None:
        happened.append(simulator.now_ns)
        if count:
            simulator.after(0 if count % 2 else 5, again, count - 1)

    simulator.at(7, again, 4)
    simulator.run(until_ns=100)
    assert happened == [7, 12, 12, 17, 17]


def test_a_cancelled_event_does_not_happen_and_says_so():
    simulator, happened = Simulator(), []
    event = simulator.at(5, happened.append, "no")
    kept = simulator.at(5, happened.append, "yes")
    event.cancel()
    assert not event.pending
    assert kept.pending
    simulator.run(until_ns=5)
    assert happened == ["yes"]
    assert not kept.pending
    kept.cancel()  # too late, and harmless


def test_an_event_is_over_when_it_happens_so_that_it_can_be_asked_for_again():
    simulator, seen = Simulator(), []
    event = simulator.at(1, lambda: seen.append(event.pending))
    simulator.run(until_ns=1)
    assert seen == [False]


def test_the_past_cannot_be_changed():
    simulator = Simulator()
    simulator.run(until_ns=10)
    with pytest.raises(ValueError, match="9 ns has passed"):
        simulator.at(9, print)


def test_streams_depend_on_seed_and_name_only():
    first = [streams(1).named("a").random() for _ in range(2)]
    assert first[0] == first[1]
    assert streams(2).named("a").random() != first[0]
    assert streams(1).named("b").random() != first[0]


def test_streams_do_not_disturb_each_other():
    alone = streams(7).named("web")
    both = streams(7)
    other = both.named("dns")
    beside = both.named("web")
    drawn = [(beside.random(), other.random())[0] for _ in range(5)]
    assert drawn == [alone.random() for _ in range(5)]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000, 1 << 32])
def test_below_stays_below_and_reaches_everything(limit):
    stream = streams(3).named("below")
    drawn = [below(stream, limit) for _ in range(200)]
    assert 0 <= min(drawn) <= max(drawn) < limit
    if limit <= 3:
        assert set(drawn) == set(range(limit))
    else:
        assert max(drawn) > limit * 0.9


def test_chance_draws_one_number_whatever_it_says():
    one, other = streams(1).named("x"), streams(1).named("x")
    assert [chance(one, 0.0), chance(one, 1.0)] == [False, True]
    other.random()
    other.random()
    assert one.random() == other.random()


def test_pick_picks_every_item():
    stream = streams(1).named("pick")
    assert {pick(stream, "abc") for _ in range(50)} == set("abc")


def test_numbers_are_the_same_in_every_process():
    program = (
        "from nvgre_inspect.traffic.randomness import *; s = streams(5).named('tenant/5001/web');"
        "print(s.random(), below(s, 1000), pick(s, 'abcdef'))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    # What it has to be on every version of Python, too.
    assert said == {"0.7410344138584714 375 d\n"}
