from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from capture_builders import epb, every_block, frame, idb, isb, pcap, pcap_header, pcap_record, read, shb
from live_builders import Reading

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.pipe import Pipe

CHECKOUT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")


class Sender:
    """The writing end of a FIFO."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Somebody must be there to read, for it to be opened and written to before the source is.
        self._other = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._end: int | None = os.open(path, os.O_WRONLY)
        self.path = path

    def write(self, data: bytes) -> None:
        assert self._end is not None
        while data:
            data = data[os.write(self._end, data) :]

    def close(self) -> None:
        if self._end is not None:
            os.close(self._end)
            self._end = None


@pytest.fixture
def sender(tmp_path) -> Iterator[Sender]:
    sending = Sender(tmp_path / "fifo")
    yield sending
    sending.close()
    os.close(sending._other)


@pytest.fixture
def opened(sender) -> Iterator[Pipe]:
    """A pipe through which the header of a pcap file came."""
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Pipe, sender.path)
        sender.write(pcap_header("<"))
        pipe = opening.result()
    yield pipe
    pipe.close()


def test_frames_come_as_they_are_sent(sender, opened):
    reading = Reading(opened)
    for i in range(5):
        sender.write(pcap_record("<", frame(i, 60)))
        assert reading.data(1) == [frame(i, 60)]
    sender.close()
    assert reading.rest() == []
    assert (opened.damage, opened.notes) == ([], [])


def test_it_ticks_while_nothing_comes(opened):
    batches = opened.batches()
    assert [len(next(batches)) for _ in range(3)] == [0, 0, 0]


def test_a_part_of_a_frame_is_waited_for(sender, opened):
    reading = Reading(opened)
    record = pcap_record("<", frame(1, 500))
    sender.write(record[:300])
    assert reading.nothing()
    sender.write(record[300:] + record[:1])
    assert reading.data(1) == [frame(1, 500)]
    sender.close()
    assert reading.rest() == []
    assert len(opened.damage) == 1
    assert "1 of 16 bytes of frame 2 are there" in opened.damage[0]


def test_stopping_ends_with_what_was_there(sender, opened):
    reading = Reading(opened)
    assert reading.nothing()
    sender.write(pcap_record("<", frame(1, 60)) + pcap_record("<", frame(2, 60))[:20])
    opened.stop()
    assert reading.rest() == [frame(1, 60)]
    assert opened.damage == []


def test_damage_ends_it(sender, opened):
    reading = Reading(opened)
    sender.write(pcap_record("<", frame(1, 60)) + b"\xff" * 100)
    assert reading.data(2) == [frame(1, 60)]
    assert len(opened.damage) == 1
    assert "is damaged at byte 100, frame 2" in opened.damage[0]
    assert opened.interfaces[0].damage == opened.damage[0]


def test_interfaces_and_counters_come_on_the_way(sender):
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Pipe, sender.path)
        sender.write(shb("<"))
        pipe = opening.result()
    interfaces = pipe.interfaces
    reading = Reading(pipe)
    assert interfaces == []
    sender.write(idb("<", snaplen=100) + epb("<", frame(0, 60)))
    assert reading.data(1) == [frame(0, 60)]
    assert [info.snaplen for info in interfaces] == [100]
    sender.write(isb("<", 0, {4: 1000, 7: 11}) + epb("<", frame(1, 60)))
    assert reading.data(1) == [frame(1, 60)]
    assert (interfaces[0].received, interfaces[0].dropped_kernel) == (1000, 11)
    # Frames are counted by whoever takes them.
    assert interfaces[0].packets == 0
    pipe.close()


def test_frames_that_came_with_the_header_are_not_lost(sender):
    sender.write(pcap([frame(i, 60) for i in range(20)]))
    pipe = Pipe(sender.path)
    sender.close()
    assert Reading(pipe).rest() == [frame(i, 60) for i in range(20)]
    pipe.close()


def test_more_than_a_pipe_holds(sender, opened):
    frames = [frame(i, 1400) for i in range(3000)]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sender.write, b"".join(pcap_record("<", data) for data in frames))
        reading = Reading(opened)
        found: list[bytes] = []
        while len(found) < len(frames):
            found += reading.data(1)
        sending.result()
    assert found == frames


def test_what_is_no_capture_is_said_at_once(sender):
    sender.write(b"tcpdump: eth7: No such device exists\n")
    with pytest.raises(CaptureError, match="is not a capture"):
        Pipe(sender.path)


def test_nothing_at_all_is_said_at_once(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(CaptureError, match="is empty"):
        Pipe(empty)


_LIVE = """
from nvgre_inspect.capture.live.pipe import Pipe
pipe = Pipe()
print(sum(len(batch) for batch in pipe.batches()), [info.file for info in pipe.interfaces], pipe.damage)
"""


def test_standard_input(tmp_path):
    command = [sys.executable, "-c", _LIVE]
    run = subprocess.run(command, input=every_block("<"), capture_output=True, cwd=CHECKOUT, check=True, timeout=60)
    assert run.stdout.decode().split("\n")[0] == "9 ['-', '-', '-'] []"
    path = tmp_path / "capture"
    path.write_bytes(every_block(">"))
    with path.open("rb") as file:
        run = subprocess.run(command, stdin=file, capture_output=True, cwd=CHECKOUT, check=True, timeout=60)
    assert run.stdout.startswith(f"{len(read(path)[0].frames)} ".encode())
