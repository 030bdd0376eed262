"""The receiving half: what is in order, what is acknowledged when, SACK blocks, windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.traffic.stack.tcp_receiver import Receiver

MSS = 100


def receiver(buffer: int = 10_000, scale: int = 0) -> Receiver:
    made = Receiver(buffer, scale)
    made.mss = MSS
    return made


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=6))
def test_any_order_and_copies(order: list[int], copies: list[int]) -> None:
    """Everything is delivered once and in order; blocks are exactly what is beyond the gap."""
    made = receiver()
    came: set[int] = set()
    delivered = 0
    for index in [*order, *copies]:
        delivered += made.came(1 + index * MSS, 1 + (index + 1) * MSS, fin=index == 11)
        came.add(index)
        complete = next((n for n in range(12) if n not in came), 12)
        assert delivered == complete * MSS
        assert made.acknowledgement == 1 + delivered + (complete == 12)
        ahead = {n for n in came if n > complete}
        seen = set()
        for first, end in made.blocks():
            if first >= made.next:
                seen |= {(place - 1) // MSS for place in range(first, end, MSS)}
        # At most four blocks are said; with twelve segments there may be five.
        assert seen <= ahead
        assert len(ahead) < 5 or seen
        if len(ahead) < 5:
            assert seen == ahead


def test_second_full_segment_is_acknowledged_at_once() -> None:
    made = receiver()
    made.came(1, 101, fin=False)
    assert (made.due, made.delayed) == (False, True)
    made.came(101, 201, fin=False)
    assert made.due
    made.acknowledged()
    assert (made.due, made.delayed) == (False, False)


@pytest.mark.parametrize(("start", "end"), [(201, 301), (1, 101)])
def test_gap_and_copy_are_acknowledged_at_once(start: int, end: int) -> None:
    made = receiver()
    made.came(1, 101, fin=False)
    made.acknowledged()
    made.came(start, end, fin=False)
    assert made.due


def test_copy_is_reported_first_and_once() -> None:
    made = receiver()
    made.came(1, 201, fin=False)
    made.came(301, 401, fin=False)
    made.came(1, 101, fin=False)
    assert made.blocks() == [(1, 101), (301, 401)]
    assert made.blocks() == [(301, 401)]


def test_most_recent_block_first() -> None:
    made = receiver()
    for start in (201, 401, 601):
        made.came(start, start + 100, fin=False)
    assert made.blocks() == [(601, 701), (401, 501), (201, 301)]


def test_window_closes_and_opens_by_steps() -> None:
    made = receiver(buffer=400)
    assert made.window() == 400
    made.came(1, 401, fin=False)
    assert made.window() == 0
    # A probe is refused, and answered.
    made.acknowledged()
    assert made.came(401, 402, fin=False) == 0
    assert made.due
    assert not made.read(99)
    assert made.window() == 0
    assert made.read(101)
    assert made.window() == 200


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(0, 6), st.randoms())
def test_window_never_shrinks(sizes: list[int], scale: int, random: object) -> None:
    made = receiver(50_000, scale)
    edge = 1 + (made.window() << scale)
    for index, size in enumerate(sizes):
        made.came(made.next, min(made.next + size, edge), fin=False)
        if index % 3 == 0:
            made.read(made.unread // 2)
        new = made.next + (made.window() << scale)
        assert new >= edge
        edge = new


def test_fin_beyond_a_gap_waits() -> None:
    made = receiver()
    made.came(101, 201, fin=True)
    assert not made.finished
    made.came(1, 101, fin=False)
    assert made.finished
    assert made.acknowledgement == 202
    made.acknowledged()
    made.came(201, 201, fin=True)
    assert made.due


def test_fin_alone_is_taken_by_a_closed_window() -> None:
    made = receiver(buffer=100)
    made.came(1, 101, fin=False)
    assert made.window() == 0
    made.came(101, 101, fin=True)
    assert made.finished
