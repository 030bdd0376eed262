"""Of a long conversation the first packets and the latest are kept, in order."""

from __future__ import annotations

import numpy as np
import pytest

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.wireshark import bounded
from nvgre_inspect.wireshark.bounded import Bounded
from tests.unit.reference.frames import batch


def of(numbers: list[int], size: int = 8) -> tuple[PacketBatch, np.ndarray]:
    return batch([number.to_bytes(size, "big") for number in numbers]), np.array(numbers, dtype=np.int64)


def kept(held: Bounded) -> list[int]:
    found = []
    for packets, numbers in held.kept():
        for i, number in enumerate(numbers.tolist()):
            assert int.from_bytes(packets.frame(i), "big") == number
            found.append(number)
    return found


@pytest.mark.parametrize("chunk", [1, 7, 64, 100, 5000])
def test_all_of_a_short_conversation(chunk: int) -> None:
    held = Bounded()
    for start in range(0, 3000, chunk):
        held.add(*of(list(range(start, min(start + chunk, 3000)))))
    assert kept(held) == list(range(3000))
    assert held.left_out == 0


@pytest.mark.parametrize("chunk", [1, 64, 1000])
def test_the_first_and_the_latest_of_a_long_one(chunk: int) -> None:
    held = Bounded(first=128, latest=256)
    for start in range(0, 10_000, chunk):
        held.add(*of(list(range(start, min(start + chunk, 10_000)))))
    numbers = kept(held)
    assert numbers[:128] == list(range(128))
    assert numbers[-256:] == list(range(9744, 10_000))
    assert len(numbers) < 128 + 256 + 64
    assert len(numbers) + held.left_out == 10_000


def test_few_bytes_of_large_packets(monkeypatch) -> None:
    monkeypatch.setattr(bounded, "FIRST_BYTES", 10_000)
    monkeypatch.setattr(bounded, "LATEST_BYTES", 50_000)
    held = Bounded()
    for number in range(1000):
        held.add(*of([number], 1000))
    numbers = kept(held)
    assert numbers == [*range(10), *range(950, 1000)]


def test_what_is_kept_does_not_hold_on_to_the_buffer_it_came_in() -> None:
    held = Bounded()
    packets, numbers = of(list(range(100)), 1000)
    held.add(packets, numbers)
    assert all(not np.shares_memory(piece.buffer, packets.buffer) for piece, _ in held.kept())
