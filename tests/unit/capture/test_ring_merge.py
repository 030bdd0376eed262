"""Rings merged by time, with the test as the kernel that fills their blocks."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nvgre_inspect.capture.live import ring_merge
from nvgre_inspect.capture.live.ring import BLOCK_BYTES, Ring
from nvgre_inspect.capture.live.ring_merge import RingMerge
from nvgre_inspect.kernels import ring as kernel
from nvgre_inspect.model.batch import PacketBatch
from tests.unit.capture.ring_builders import Slot, block, frame

PATIENCE = 10.0
BLOCKS = 4


class Kernel:
    """Two rings of four blocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rings: int = 2) -> None:
        self.buffer = np.zeros(rings * BLOCKS * BLOCK_BYTES, np.uint8)
        self.words = self.buffer.view(np.uint32)
        halves = self.buffer.view(np.uint16)
        self.rings = [
            Ring(self.words, halves, self.buffer, i * BLOCKS * BLOCK_BYTES, BLOCKS, kernel.ETHERNET, 1 << 18, 0)
            for i in range(rings)
        ]
        self.merge = RingMerge(self.rings, [1, 276][:rings], PATIENCE)
        self.next = [0] * rings
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def hand_over(self, ring: int, *times: int) -> None:
        """One block with a frame for each of these times."""
        at = (ring * BLOCKS + self.next[ring]) * BLOCK_BYTES
        assert self.words[at // 4 + kernel.BLOCK_STATUS_WORD] == 0, "the ring is full"
        slots = [Slot(frame(60, time), seconds=time, nanoseconds=ring) for time in times]
        data = block(slots, 1 << 12)
        self.buffer[at : at + len(data)] = np.frombuffer(data, np.uint8)
        self.next[ring] = (self.next[ring] + 1) % BLOCKS

    def passed_on(self) -> list[tuple[int, int]]:
        """Time and interface of what comes next; given back at once."""
        self.merge.fetch()
        return self.read(self.merge.ready())

    def read(self, batch: PacketBatch) -> list[tuple[int, int]]:
        seconds = (batch.ts_ns // 1_000_000_000).tolist()
        assert [batch.frame(i) for i in range(len(batch))] == [frame(60, time) for time in seconds]
        assert batch.linktype.tolist() == [[1, 276][number] for number in batch.interface]
        found = list(zip(seconds, batch.interface.tolist(), strict=True))
        self.merge.give_back()
        return found


@pytest.fixture
def kernel_of_two(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def test_one_ring_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Kernel(monkeypatch, rings=1)
    for start in range(10, 100, 10):
        one.hand_over(0, start, start + 1)
        one.hand_over(0, start + 2)
        # A quarter of the ring at a time.
        assert one.passed_on() == [(start, 0), (start + 1, 0)]
        assert one.passed_on() == [(start + 2, 0)]
    assert one.passed_on() == []


def test_by_time_up_to_where_all_have_come(kernel_of_two: Kernel) -> None:
    k = kernel_of_two
    k.hand_over(0, 10, 20, 30)
    k.hand_over(1, 15, 20, 25)
    # What comes next of interface 1 may still be earlier than 30.
    assert k.passed_on() == [(10, 0), (15, 1), (20, 0), (20, 1), (25, 1)]
    assert k.passed_on() == []
    k.hand_over(1, 27, 40)
    assert k.passed_on() == [(27, 1), (30, 0)]
    k.hand_over(0, 50)
    assert k.passed_on() == [(40, 1)]
    assert k.read(k.merge.rest()) == [(50, 0)]


def test_a_silent_interface_is_waited_for_no_longer_than_it_may_take(kernel_of_two: Kernel) -> None:
    k = kernel_of_two
    k.hand_over(0, 10, 20)
    assert k.passed_on() == []
    k.now += PATIENCE - 1
    k.hand_over(0, 30)
    assert k.passed_on() == []
    k.now += 1
    assert k.passed_on() == [(10, 0), (20, 0)]
    k.now += PATIENCE - 2
    assert k.passed_on() == []
    k.now += 1
    assert k.passed_on() == [(30, 0)]


def test_frames_of_one_interface_stay_as_they_came(kernel_of_two: Kernel) -> None:
    """The clock goes back a little: what comes then belongs right behind what came before."""
    k = kernel_of_two
    k.hand_over(0, 10, 30, 20, 40)
    k.hand_over(1, 25, 35, 50)
    assert k.passed_on() == [(10, 0), (25, 1), (30, 0), (20, 0), (35, 1), (40, 0)]
    assert k.read(k.merge.rest()) == [(50, 1)]


def test_a_clock_that_was_set_back_far_loses_nothing(kernel_of_two: Kernel) -> None:
    """Interface 0 has frames of the old time, interface 1 of the new: the old ones leave for lack of room."""
    k = kernel_of_two
    found = []
    for i in range(12):
        k.hand_over(0, 5000 + i)
        k.hand_over(1, 100 + i)
        found += k.passed_on()
    found += k.read(k.merge.rest())
    assert [time for time, ring in found if ring == 0] == [5000 + i for i in range(12)]
    assert [time for time, ring in found if ring == 1] == [100 + i for i in range(12)]


def test_blocks_are_given_back_when_all_their_frames_were_passed_on(kernel_of_two: Kernel) -> None:
    k = kernel_of_two
    status = [(ring * BLOCKS) * BLOCK_BYTES // 4 + kernel.BLOCK_STATUS_WORD for ring in range(2)]
    k.hand_over(0, 10, 20, 30)
    k.hand_over(1, 15)
    assert k.passed_on() == [(10, 0), (15, 1)]
    assert [int(k.words[at]) for at in status] == [1, 0]
    assert k.read(k.merge.rest()) == [(20, 0), (30, 0)]
    assert [int(k.words[at]) for at in status] == [0, 0]


def test_positions_count_frames(kernel_of_two: Kernel) -> None:
    k = kernel_of_two
    k.hand_over(0, 10, 20)
    k.hand_over(1, 5, 15, 30)
    k.merge.fetch()
    assert k.merge.ready().position.tolist() == [0, 1, 2, 3]
    assert k.merge.rest().position.tolist() == [4]


def test_a_block_that_lies_is_damage_and_nothing_else(kernel_of_two: Kernel) -> None:
    k = kernel_of_two
    k.hand_over(0, 10, 20)
    struct.pack_into("=I", k.buffer.data, 12, 1 << 31)  # so many frames
    k.hand_over(1, 20)
    assert k.passed_on() == [(10, 0), (20, 0)]
    assert k.read(k.merge.rest()) == [(20, 1)]
    assert (k.rings[0].damaged, k.rings[1].damaged) == (True, False)


def test_the_largest_number_is_no_time() -> None:
    assert ring_merge._NO_LIMIT > 0xFFFFFFFF * 1_000_000_000
