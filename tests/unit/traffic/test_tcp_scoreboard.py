"""The scoreboard: what it keeps up to date is what it would find by counting, whatever happens."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nvgre_inspect.traffic.stack.tcp_scoreboard import Scoreboard

MSS = 100


def board_of(count: int) -> Scoreboard:
    board = Scoreboard()
    for index in range(count):
        board.sent(index * MSS, (index + 1) * MSS, index)
    return board


class Anything(RuleBasedStateMachine):
    """Segments of 100 bytes, acknowledged, SACKed, lost, split and sent again in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Scoreboard()
        self.next = 0
        self.una = 0

    @rule(count=st.integers(1, 5), size=st.integers(1, MSS))
    def send(self, count: int, size: int) -> None:
        for _ in range(count):
            self.board.sent(self.next, self.next + size, self.next)
            self.next += size

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.una += int((self.next - self.una) * share)
        self.board.acknowledged(self.una)

    @rule(first=st.floats(0, 1), second=st.floats(0, 1))
    def sack(self, first: float, second: float) -> None:
        places = sorted(self.una + int((self.next - self.una) * share) for share in (first, second))
        self.board.sacked([(places[0], places[1])])
        self.board.find_lost(MSS)

    @precondition(lambda self: self.board.segments)
    @rule(which=st.floats(0, 0.999), again=st.booleans())
    def lose(self, which: float, again: bool) -> None:
        self.board.declare_lost(self.board.segments[int(which * len(self.board.segments))], again=again)

    @rule()
    def timeout(self) -> None:
        self.board.all_lost()

    @rule()
    def resend(self) -> None:
        segment = self.board.next_lost() or self.board.next_hole() or self.board.last_hole()
        if segment is not None:
            if segment.size > 1 and not segment.sacked:
                self.board.split(segment, segment.start + segment.size // 2)
            self.board.resent(segment, self.next)

    @invariant()
    def in_order_without_holes(self) -> None:
        places = [self.una]
        for segment in self.board.segments:
            assert segment.start == places[-1]
            places.append(segment.end)
        assert places[-1] == max(self.next, self.una)

    @invariant()
    def pipe_is_what_is_in_it(self) -> None:
        assert self.board.pipe == sum(segment.in_pipe for segment in self.board.segments)

    @invariant()
    def lost_ones_are_found(self) -> None:
        waiting = [s for s in self.board.segments if s.lost and not (s.resent or s.sacked)]
        assert self.board.next_lost() is (waiting[0] if waiting else None)


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_lost_after_three_sacked_above() -> None:
    board = board_of(6)
    for index in (1, 2):
        board.sacked([(index * MSS, (index + 1) * MSS)])
        board.find_lost(MSS)
        assert not board.first.lost
    board.sacked([(3 * MSS, 4 * MSS)])
    board.find_lost(MSS)
    assert [segment.lost for segment in board.segments] == [True, False, False, False, False, False]
    assert board.pipe == 2 * MSS


def test_no_time_of_what_was_sent_twice() -> None:
    board = board_of(3)
    board.declare_lost(board.first)
    board.resent(board.first, 50)
    assert board.acknowledged(2 * MSS) == (2, None)
    assert board.acknowledged(3 * MSS) == (1, 2)


def test_time_of_what_was_sacked() -> None:
    assert board_of(4).sacked([(MSS, 3 * MSS)]) == (2 * MSS, 2)
