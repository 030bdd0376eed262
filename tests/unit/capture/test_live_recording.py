from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from capture_builders import frame, read
from live_builders import batch_of, frames_of

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.limits import Limits
from nvgre_inspect.capture.live.recording import Recorder
from nvgre_inspect.model.source import InterfaceInfo

CHECKOUT = Path(__file__).parents[3]
#: A block with a frame of 100 bytes.
BLOCK = 132


def interface(name: str = "eth0", **facts) -> InterfaceInfo:
    return InterfaceInfo("live", 0, name, facts.pop("linktype", 1), facts.pop("snaplen", 262_144), **facts)


def numbered(first: int, count: int):
    return batch_of([(first + i).to_bytes(4, "big") + bytes(96) for i in range(count)])


def numbers(path: Path) -> list[int]:
    found, reader = read(path)
    assert reader.damage is None
    return [int.from_bytes(data[:4], "big") for data in found.data]


def ring_of(folder: Path) -> list[list[int]]:
    return [numbers(path) for path in sorted(folder.glob("live_*.pcapng"))]


class Clock:
    """The time of day and the monotonic clock, as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "live.pcapng"
    eth0 = interface(description="uplink")
    tun = interface("tun", linktype=101, snaplen=64)
    recorder = Recorder(path, [eth0, tun])
    batch = batch_of(
        [frame(0, 60), frame(1, 64), frame(2, 1500)],
        wirelen=[60, 2000, 1500],
        interface=[0, 1, 0],
        linktype=[1, 101, 1],
    )
    recorder.write(batch)
    eth0.received, eth0.dropped_kernel, eth0.dropped_interface = 10, 2, 1
    recorder.close()
    found, reader = read(path)
    assert [(data, ns, *rest) for ns, data, *rest in found.frames] == frames_of(batch)
    names = [(info.name, info.linktype, info.snaplen, info.description) for info in reader.interfaces]
    assert names == [("eth0", 1, 262_144, "uplink"), ("tun", 101, 64, "")]
    counters = [(info.received, info.dropped_kernel, info.dropped_interface) for info in reader.interfaces]
    assert counters == [(10, 2, 1), (None, None, None)]
    assert recorder.notes == []
    assert not recorder.finished


def test_the_file_is_whole_at_any_moment(tmp_path):
    path = tmp_path / "live.pcapng"
    recorder = Recorder(path, [interface()])
    for k in range(5):
        assert numbers(path) == list(range(k * 10))
        recorder.write(numbered(k * 10, 10))
    assert [p.name for p in tmp_path.iterdir()] == ["live.pcapng"]
    recorder.close()


def test_interfaces_may_come_later(tmp_path):
    interfaces: list[InterfaceInfo] = []
    recorder = Recorder(tmp_path / "live.pcapng", interfaces)
    for k in range(3):
        interfaces.append(interface(f"eth{k}"))
        recorder.write(batch_of([frame(k, 60)], interface=[k]))
    recorder.close()
    found, reader = read(tmp_path / "live.pcapng")
    assert [(entry[4], reader.interfaces[entry[4]].name) for entry in found.frames] == [
        (0, "eth0"),
        (1, "eth1"),
        (2, "eth2"),
    ]


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "live.pcapng"
    path.write_bytes(b"precious")
    with pytest.raises(CaptureError, match="--force"):
        Recorder(path, [interface()])
    assert path.read_bytes() == b"precious"
    with pytest.raises(CaptureError, match="never overwritten"):
        Recorder(path, [interface()], force=True, inputs=[path])
    recorder = Recorder(path, [interface()], force=True)
    recorder.write(numbered(0, 3))
    recorder.close()
    assert numbers(path) == [0, 1, 2]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(CaptureError, match="cannot be written: No such file"):
        Recorder(tmp_path / "none" / "live.pcapng", [interface()])
    with pytest.raises(CaptureError, match="folder"):
        Recorder(tmp_path, [interface()])


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_a_ring_by_packets(tmp_path, size):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_packets=10))
    for first in range(0, 40, size):
        recorder.write(numbered(first, min(size, 40 - first)))
    recorder.close()
    assert ring_of(tmp_path) == [list(range(k, k + 10)) for k in range(0, 40, 10)]
    for number, path in enumerate(sorted(tmp_path.iterdir()), 1):
        assert re.fullmatch(rf"live_{number:05d}_20\d{{12}}\.pcapng", path.name)


def test_only_the_newest_files_stay(tmp_path):
    other = tmp_path / "live_00000_20200101000000.pcapng"
    other.write_bytes(b"of somebody else")
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_packets=10, files=3))
    recorder.write(numbered(0, 75))
    assert recorder.path.name.startswith("live_00008_")
    recorder.close()
    other.unlink()
    assert ring_of(tmp_path) == [list(range(50, 60)), list(range(60, 70)), list(range(70, 75))]
    assert recorder.frames == 75


def test_a_ring_by_size(tmp_path):
    limit = 10 * BLOCK
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_bytes=limit))
    for first in range(0, 100, 25):
        recorder.write(numbered(first, 25))
    recorder.close()
    files = sorted(tmp_path.iterdir())
    assert [number for path in files for number in numbers(path)] == list(range(100))
    statistics = 24
    assert all(limit <= path.stat().st_size - statistics < limit + BLOCK for path in files[:-1])


def test_each_file_has_the_interfaces_and_their_counters(tmp_path):
    eth0 = interface(received=0)
    recorder = Recorder(tmp_path / "live.pcapng", [eth0], Limits(file_packets=5))
    for first in (0, 5):
        eth0.received = first + 5
        recorder.write(numbered(first, 5))
    recorder.close()
    readers = [read(path)[1] for path in sorted(tmp_path.iterdir())]
    assert [[(info.name, info.received) for info in reader.interfaces] for reader in readers] == [
        [("eth0", 5)],
        [("eth0", 10)],
    ]


def test_a_ring_by_time(tmp_path, clock):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_seconds=60))
    recorder.write(numbered(0, 5))
    clock.now += 59
    recorder.tick()
    recorder.write(numbered(5, 1))
    clock.now += 2
    recorder.tick()
    assert ring_of(tmp_path) == [[0, 1, 2, 3, 4, 5]]
    recorder.write(numbered(6, 1))
    recorder.close()
    assert ring_of(tmp_path) == [[0, 1, 2, 3, 4, 5], [6]]


def test_silence_pushes_nothing_out_of_a_ring(tmp_path, clock):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_seconds=60, files=2))
    for _ in range(10):
        clock.now += 61
        recorder.tick()
    recorder.write(numbered(0, 5))
    recorder.tick()
    for _ in range(10):
        clock.now += 61
        recorder.tick()
    recorder.close()
    assert ring_of(tmp_path) == [[0, 1, 2, 3, 4]]


def test_a_ring_by_the_time_of_day(tmp_path, clock):
    clock.now = 36_000_000.0 - 10
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(interval_seconds=3600))
    recorder.write(numbered(0, 1))
    clock.now += 9
    recorder.write(numbered(1, 1))
    clock.now += 2
    recorder.tick()
    recorder.write(numbered(2, 1))
    recorder.close()
    assert ring_of(tmp_path) == [[0, 1], [2]]


def test_the_end_by_packets(tmp_path):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(stop_packets=12))
    recorder.write(numbered(0, 10))
    assert not recorder.finished
    recorder.write(numbered(10, 10))
    assert recorder.finished
    recorder.write(numbered(20, 10))
    assert numbers(tmp_path / "live.pcapng") == list(range(12))


def test_the_end_by_size_of_all_files(tmp_path):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_packets=10, stop_bytes=25 * BLOCK))
    recorder.write(numbered(0, 100))
    assert recorder.finished
    sizes = sum(path.stat().st_size - 24 for path in tmp_path.iterdir())
    assert 25 * BLOCK <= sizes < 26 * BLOCK


def test_the_end_by_files(tmp_path):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(file_packets=10, stop_files=3))
    recorder.write(numbered(0, 29))
    assert not recorder.finished
    recorder.write(numbered(29, 29))
    assert recorder.finished
    assert ring_of(tmp_path) == [list(range(k, k + 10)) for k in (0, 10, 20)]


def test_the_end_by_time(tmp_path, clock):
    recorder = Recorder(tmp_path / "live.pcapng", [interface()], Limits(stop_seconds=5))
    recorder.write(numbered(0, 3))
    clock.now += 4.9
    recorder.tick()
    assert not recorder.finished
    clock.now += 0.2
    recorder.tick()
    assert recorder.finished
    assert numbers(tmp_path / "live.pcapng") == [0, 1, 2]


def test_a_file_that_cannot_be_begun_ends_the_recording_only(tmp_path):
    folder = tmp_path / "ring"
    folder.mkdir()
    recorder = Recorder(folder / "live.pcapng", [interface()], Limits(file_packets=10))
    recorder.write(numbered(0, 10))
    folder.rename(tmp_path / "away")
    recorder.write(numbered(10, 10))
    recorder.write(numbered(20, 10))
    recorder.close()
    assert len(recorder.notes) == 1
    assert "stopped after 10 packets, the analysis goes on: " in recorder.notes[0]
    assert ring_of(tmp_path / "away") == [list(range(10))]
    assert not recorder.finished


_LIMITED = """
import resource, sys
sys.path.insert(0, "tests/unit/capture")
from test_live_recording import Recorder, interface, numbered
recorder = Recorder(sys.argv[1], [interface()])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for first in range(0, 1000, 100):
    recorder.write(numbered(first, 100))
recorder.close()
print(recorder.frames, recorder.notes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_no_room_ends_the_recording_only(tmp_path):
    path = tmp_path / "live.pcapng"
    run = subprocess.run(
        [sys.executable, "-c", _LIMITED, path], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.startswith("100 ['recording has stopped after 100 packets, the analysis goes on: ")
    assert "File too large" in run.stdout
    assert numbers(path) == list(range(100))


def test_a_full_device_is_an_error_at_once():
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(CaptureError, match="No space left"):
        Recorder("/dev/full", [interface()])


_FOREVER = """
import sys
sys.path.insert(0, "tests/unit/capture")
from test_live_recording import Recorder, interface, numbered
recorder = Recorder(sys.argv[1], [interface()])
first = 0
while True:
    recorder.write(numbered(first, 100))
    first += 100
    print(first, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_a_readable_file(tmp_path):
    path = tmp_path / "live.pcapng"
    with subprocess.Popen([sys.executable, "-c", _FOREVER, path], cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
        said = 0
        while said < 1000:
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")
        said = max([said, *map(int, filter(None, rest))])
    found, _ = read(path)
    there = [int.from_bytes(data[:4], "big") for data in found.data]
    assert there == list(range(len(there)))
    assert len(there) >= said


def test_times_and_lengths_of_strangers(tmp_path):
    recorder = Recorder(tmp_path / "live.pcapng", [interface(snaplen=0)])
    batch = batch_of([frame(0, 60), frame(1, 300_000), b""], first_ns=-5, wirelen=[60, 1 << 40, 0])
    recorder.write(batch)
    recorder.close()
    found, _ = read(tmp_path / "live.pcapng")
    assert [(ns, len(data), wirelen) for ns, data, wirelen, *_ in found.frames] == [
        (0, 60, 60),
        (0, 262_144, (1 << 32) - 1),
        (0, 0, 0),
    ]
    assert np.array_equal(batch.caplen, [60, 300_000, 0])
