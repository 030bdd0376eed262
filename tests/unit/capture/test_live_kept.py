from __future__ import annotations

import errno
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
from capture_builders import frame
from live_builders import batch_of, frames_of

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.kept import KeptFrames


@pytest.fixture(params=["memory", "disk"])
def kept(request: pytest.FixtureRequest, tmp_path: Path):
    with_all = KeptFrames(1_000_000, 1 << 30, tmp_path if request.param == "disk" else None)
    yield with_all
    with_all.close()


def numbered(first: int, count: int, length: int = 100):
    return batch_of([(first + i).to_bytes(4, "big") + bytes(length - 4) for i in range(count)])


def number_of(data: bytes) -> int:
    return int.from_bytes(data[:4], "big")


def test_frames_come_back_as_they_were(kept):
    batch = batch_of(
        [frame(0, 60), b"", frame(2, 1), frame(3, 9000), frame(4, 262_144)],
        first_ns=-3,
        wirelen=[60, 0, 1500, 9000, (1 << 32) - 1],
        interface=[0, 1, 65_535, 0, 2],
        linktype=[1, 101, 113, 276, 65_535],
    )
    positions = kept.append(batch)
    assert positions.dtype == np.int64
    assert (np.diff(positions) > 0).all()
    expected = frames_of(batch)
    for position, entry in zip(positions.tolist(), expected, strict=True):
        again = kept.read_frame(position)
        assert (again.data, again.ts_ns, again.wirelen, again.linktype, again.interface) == entry
    assert frames_of(kept.read_batch(positions[::-1])) == expected[::-1]
    assert [entry for some in kept.again(5, positions) for entry in frames_of(some)] == expected
    assert len(kept) == 5


def test_what_was_given_can_be_overwritten_afterwards(kept):
    batch = batch_of([frame(1, 100)])
    (position,) = kept.append(batch).tolist()
    batch.buffer[:] = 0
    assert kept.read_frame(position).data == frame(1, 100)


def test_an_empty_batch_has_no_positions(kept):
    assert kept.append(batch_of([])).tolist() == []


def test_positions_rise_from_batch_to_batch(kept):
    positions = np.concatenate([kept.append(numbered(i * 10, 10)) for i in range(5)])
    assert (np.diff(positions) > 0).all()
    assert [number_of(kept.read_frame(position).data) for position in positions.tolist()] == list(range(50))


@pytest.mark.parametrize("step", [1, 3, 977])
def test_many_are_read_again_in_order(kept, step):
    positions = np.concatenate([kept.append(numbered(i * 1000, 1000, 700)) for i in range(40)])
    found = [number_of(data) for some in kept.again(40_000, positions[::step]) for data, *_ in frames_of(some)]
    assert found == list(range(0, 40_000, step))


def test_only_the_first_so_many_are_read_again(kept):
    positions = kept.append(numbered(0, 100))
    assert [number_of(data) for some in kept.again(7, positions) for data, *_ in frames_of(some)] == list(range(7))


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    kept = KeptFrames(1000, 1 << 30, tmp_path)
    positions = np.concatenate([kept.append(numbered(i * 10, 10)) for i in range(300)])
    assert 1000 <= len(kept) <= 1000 + 1000 // 16 + 10
    there = positions[positions >= kept.first]
    assert len(there) == len(kept)
    assert [number_of(kept.read_frame(position).data) for position in there.tolist()] == list(
        range(3000 - len(kept), 3000)
    )
    with pytest.raises(CaptureError, match="no longer kept"):
        kept.read_frame(int(positions[0]))
    read = [position for some in kept.again(3000, positions) for position in some.position.tolist()]
    assert read == there.tolist()
    kept.close()


def test_the_oldest_go_when_they_take_too_much(tmp_path):
    kept = KeptFrames(1_000_000, 100_000, tmp_path)
    positions = np.concatenate([kept.append(numbered(i * 10, 10, 496)) for i in range(100)])
    assert 80_000 < len(kept) * 528 <= 100_000
    assert number_of(kept.read_frame(int(positions[-1])).data) == 999
    kept.close()


def test_nothing_is_seen_in_the_folder(kept, tmp_path):
    kept.append(numbered(0, 100))
    assert list(tmp_path.iterdir()) == []


def test_after_closing_nothing_is_there(kept):
    positions = kept.append(numbered(0, 10))
    kept.close()
    with pytest.raises(CaptureError, match="no longer kept"):
        kept.read_frame(int(positions[0]))
    assert kept.append(numbered(0, 10))[0] > positions[-1]
    assert len(kept) == 0


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CaptureError, match="set TMPDIR"):
        KeptFrames(10, 10, tmp_path / "none")


class Disk:
    """A folder with room for so many bytes."""

    def __init__(self, folder: Path, room: int) -> None:
        self.room = room
        self._folder = folder
        self._files: list[FileIO] = []

    def file(self, **_options) -> FileIO:
        self._files.append(FileOn(self, self._folder / str(len(self._files))))
        return self._files[-1]

    def used(self) -> int:
        return sum(os.fstat(file.fileno()).st_size for file in self._files if not file.closed)


class FileOn(FileIO):
    def __init__(self, disk: Disk, path: Path) -> None:
        super().__init__(path, "w+b")
        self._disk = disk

    def write(self, data) -> int:
        room = self._disk.room - self._disk.used()
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data[:room])


@pytest.fixture
def disk(monkeypatch, tmp_path):
    """Temporary files go to a small disk."""
    small = Disk(tmp_path, 60_000)
    monkeypatch.setattr(tempfile, "TemporaryFile", small.file)
    return small


def test_a_full_disk_lets_the_oldest_go(disk, tmp_path):
    kept = KeptFrames(1_000_000, 160_000, tmp_path)
    positions = np.concatenate([kept.append(numbered(i * 10, 10, 96)) for i in range(200)])
    assert len(kept.notes) == 1
    assert "No space left" in kept.notes[0]
    assert 20_000 < len(kept) * 128 <= 60_000
    there = positions[positions >= kept.first].tolist()
    assert number_of(kept.read_frame(there[-1]).data) == 1999
    for position, number in zip(there, range(2000 - len(there), 2000), strict=True):
        assert number_of(kept.read_frame(position).data) == number
    kept.close()


def test_no_room_at_all_keeps_nothing_and_goes_on(disk, tmp_path):
    kept = KeptFrames(1_000_000, 160_000, tmp_path)
    first = kept.append(numbered(0, 10))
    disk.room = 0
    lost = kept.append(numbered(10, 10))
    assert lost[0] > first[-1]
    with pytest.raises(CaptureError, match="no longer kept"):
        kept.read_frame(int(lost[0]))
    disk.room = 60_000
    back = kept.append(numbered(20, 10))
    assert number_of(kept.read_frame(int(back[9])).data) == 29
    read = [
        number_of(data) for some in kept.again(30, np.concatenate([first, lost, back])) for data, *_ in frames_of(some)
    ]
    assert read == list(range(20, 30))
    kept.close()


def test_others_read_while_one_appends(tmp_path):
    kept = KeptFrames(5000, 1 << 30, tmp_path)
    batches = [kept.append(numbered(i * 100, 100)) for i in range(10)]
    done = threading.Event()

    def read() -> int:
        passes = 0
        while not done.is_set() or not passes:
            positions = np.concatenate(batches[-20:])
            for some in kept.again(len(positions), positions):
                assert set(np.diff([number_of(data) for data, *_ in frames_of(some)]).tolist()) <= {1}
            passes += 1
        return passes

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        batches.extend(kept.append(numbered(i * 100, 100)) for i in range(10, 300))
        done.set()
        assert reading.result() > 0
    kept.close()
