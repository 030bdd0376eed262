from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from capture_builders import epb, every_block, frame, idb, isb, option, pcap_header, pcap_record, shb
from live_builders import Reading

from nvgre_inspect.capture import CaptureError, PcapWriter
from nvgre_inspect.capture.live.following import Following

HEADER = pcap_header("<")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let files go that somebody reads")


def record(i: int) -> bytes:
    return pcap_record("<", frame(i, 60))


def frames(*numbers: int) -> list[bytes]:
    return [frame(i, 60) for i in numbers]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def aged(path: Path, seconds: int) -> None:
    """The last write to it is so long ago."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


@pytest.fixture
def path(tmp_path) -> Path:
    """A file that is being written, with two frames so far."""
    path = tmp_path / "live.pcap"
    path.write_bytes(HEADER + record(0) + record(1))
    return path


@pytest.fixture
def reading(path) -> Reading:
    return Reading(Following(path))


def test_it_goes_on_when_the_file_grows(path, reading):
    assert reading.data(2) == frames(0, 1)
    for i in range(2, 5):
        assert reading.nothing()
        append(path, record(i))
        assert reading.data(1) == frames(i)


def test_a_part_of_a_frame_is_waited_for(path, reading):
    assert reading.data(2) == frames(0, 1)
    for byte in record(2)[:-1]:
        append(path, bytes([byte]))
    assert reading.nothing()
    append(path, record(2)[-1:] + record(3)[:5])
    assert reading.data(1) == frames(2)
    reading.source.stop()
    assert reading.rest() == []
    assert reading.source.damage == []


def test_an_empty_file_becomes_a_capture(tmp_path):
    path = tmp_path / "live.pcapng"
    path.touch()
    source = Following(path)
    reading = Reading(source)
    assert reading.nothing()
    append(path, shb("<")[:10])
    assert reading.nothing()
    append(path, shb("<")[10:] + idb("<", options=option("<", 2, b"eth0")) + epb("<", frame(0, 60)))
    assert reading.data(1) == frames(0)
    assert [(info.file, info.name) for info in source.interfaces] == [(str(path), "eth0")]


def test_stopping_ends_with_what_was_there(path, reading):
    assert reading.data(2) == frames(0, 1)
    append(path, record(2))
    reading.source.stop()
    assert reading.rest() == frames(2)
    reading.source.close()


def test_a_large_file_is_read_at_once(tmp_path):
    path = tmp_path / "live.pcap"
    path.write_bytes(HEADER + b"".join(pcap_record("<", frame(i, 1400)) for i in range(3000)))
    assert Reading(Following(path)).data(3000, ticks=1) == [frame(i, 1400) for i in range(3000)]


def test_renamed_and_made_anew(path, reading):
    assert reading.data(2) == frames(0, 1)
    old = path.with_name("live.pcap.1")
    path.rename(old)
    append(old, record(2))
    assert reading.data(1) == frames(2)
    path.touch()
    # The program has not been told to write to the new file yet.
    append(old, record(3))
    assert reading.data(1) == frames(3)
    append(old, record(4))
    append(path, HEADER + record(5))
    assert reading.data(2) == frames(4, 5)
    append(path, record(6))
    assert reading.data(1) == frames(6)
    assert len(reading.source.interfaces) == 1
    assert reading.source.damage == []


def test_cut_and_written_anew(path, reading):
    assert reading.data(2) == frames(0, 1)
    path.write_bytes(HEADER + record(7))
    assert reading.data(1) == frames(7)
    append(path, record(8))
    assert reading.data(1) == frames(8)
    assert reading.source.notes == [f"{path} was written anew: it is read from its start again"]


def test_written_anew_to_more_than_before(path, reading):
    assert reading.data(2) == frames(0, 1)
    path.write_bytes(HEADER + b"".join(record(i) for i in range(10, 20)))
    assert reading.data(10) == frames(*range(10, 20))


def test_removed_and_made_anew(path, reading):
    assert reading.data(2) == frames(0, 1)
    path.unlink()
    assert reading.nothing()
    path.write_bytes(HEADER + record(2))
    assert reading.data(1) == frames(2)


def ring_file(folder: Path, number: int, moment: int, *numbers: int) -> Path:
    path = folder / f"live_{number:05d}_{20261122200000 + moment}.pcapng"
    start = shb("<") + idb("<", options=option("<", 2, b"eth0") + option("<", 9, b"\x09"))
    path.write_bytes(start + b"".join(epb("<", frame(i, 60)) for i in numbers))
    return path


@pytest.mark.parametrize("named", ["live.pcapng", "live_00007_20261122200007.pcapng"])
def test_a_ring_of_dumpcap(tmp_path, named):
    first = ring_file(tmp_path, 7, 7, 0, 1)
    source = Following(tmp_path / named)
    reading = Reading(source)
    assert reading.data(2) == frames(0, 1)
    append(first, epb("<", frame(2, 60)) + isb("<", 0, {4: 3, 7: 1}))
    ring_file(tmp_path, 8, 30, 3)
    assert reading.data(2) == frames(2, 3)
    first.unlink()
    third = ring_file(tmp_path, 9, 60, 4)
    ring_file(tmp_path, 10, 60, 5)
    append(third, epb("<", frame(6, 60)))
    found = reading.data(3)
    assert sorted(found) == sorted(frames(4, 5, 6))
    assert len(source.interfaces) == 1


def test_the_counters_of_a_file_that_was_left_stay(tmp_path):
    first = ring_file(tmp_path, 1, 1, 0)
    source = Following(first)
    reading = Reading(source)
    assert reading.data(1) == frames(0)
    append(first, isb("<", 0, {4: 3, 5: 2, 7: 1}))
    assert reading.nothing()
    source.refresh()
    info = source.interfaces[0]
    assert (info.received, info.dropped_interface, info.dropped_kernel) == (3, 2, 1)
    append(first, isb("<", 0, {4: 5}))
    ring_file(tmp_path, 2, 2, 1)
    assert reading.data(1) == frames(1)
    source.refresh()
    assert (info.received, info.dropped_interface, info.dropped_kernel) == (5, 2, 1)


def test_an_older_recording_of_the_same_name_is_not_what_follows(tmp_path):
    aged(ring_file(tmp_path, 2, 1, 9), 100)
    now = ring_file(tmp_path, 1, 50, 0)
    reading = Reading(Following(now))
    assert reading.data(1) == frames(0)
    assert reading.nothing()
    ring_file(tmp_path, 2, 51, 1)
    assert reading.data(1) == frames(1)


def test_numbered_files_of_tcpdump(path, reading):
    assert reading.data(2) == frames(0, 1)
    append(path, record(2))
    append(path.with_name("live.pcap1"), HEADER + record(3))
    assert reading.data(2) == frames(2, 3)
    append(path.with_name("live.pcap2"), HEADER + record(4))
    assert reading.data(1) == frames(4)


def test_numbers_of_tcpdump_that_begin_again(tmp_path):
    files = [tmp_path / f"live.pcap{i}" for i in range(3)]
    for i in (1, 2):
        files[i].write_bytes(HEADER + record(10 + i))
        aged(files[i], 100 - i)
    files[0].write_bytes(HEADER + record(0))
    aged(files[0], 50)
    reading = Reading(Following(tmp_path / "live.pcap"))
    # The ring as it is, from its oldest file on.
    assert reading.data(3) == frames(11, 12, 0)
    for i in (1, 2, 0):
        files[i].write_bytes(HEADER + record(20 + i))
        assert reading.data(1) == frames(20 + i)


def test_other_captures_with_digits_are_not_of_the_family(tmp_path):
    one, other = tmp_path / "eth0", tmp_path / "eth1"
    one.write_bytes(HEADER + record(0))
    other.write_bytes(HEADER + record(1))
    reading = Reading(Following(one))
    assert reading.data(1) == frames(0)
    append(other, record(2))
    assert reading.nothing()


def test_interfaces_that_are_described_alike_are_the_same(tmp_path):
    eth0, eth1 = (idb("<", options=option("<", 2, name)) for name in (b"eth0", b"eth1"))
    first = tmp_path / "a_00001_20261122200000.pcapng"
    first.write_bytes(shb("<") + eth0 + eth0 + epb("<", frame(0, 60), interface=1))
    source = Following(first)
    reading = Reading(source)
    assert [entry[4] for entry in reading.frames(1)] == [1]
    second = tmp_path / "a_00002_20261122200001.pcapng"
    blocks = [epb("<", frame(i, 60), interface=i) for i in range(3)]
    second.write_bytes(shb("<") + eth1 + eth0 + eth0 + b"".join(blocks))
    assert [entry[4] for entry in reading.frames(3)] == [2, 0, 1]
    assert [info.name for info in source.interfaces] == ["eth0", "eth0", "eth1"]
    assert [info.interface for info in source.interfaces] == [0, 1, 2]


def test_damage_is_said_and_the_next_file_read(path, reading):
    append(path, b"\xff" * 100)
    assert reading.data(2) == frames(0, 1)
    assert reading.nothing()
    assert len(reading.source.damage) == 1
    assert "is damaged at byte" in reading.source.damage[0]
    append(path, record(2))
    assert reading.nothing()
    append(path.with_name("live.pcap1"), HEADER + record(3))
    assert reading.data(1) == frames(3)
    assert len(reading.source.damage) == 1


def test_a_frame_that_was_never_finished_is_said(path, reading):
    append(path, record(2)[:30])
    assert reading.data(2) == frames(0, 1)
    append(path.with_name("live.pcap1"), HEADER + record(3))
    assert reading.data(1) == frames(3)
    assert "30 of 76 bytes of frame 3 are there" in reading.source.damage[0]


def test_a_next_file_that_is_no_capture_is_said(path, reading):
    assert reading.data(2) == frames(0, 1)
    path.with_name("live.pcap1").write_bytes(b"now something quite different")
    assert reading.nothing()
    assert "is not a capture" in reading.source.damage[0]
    append(path.with_name("live.pcap2"), HEADER + record(3))
    assert reading.data(1) == frames(3)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"text text text text text text", "is not a capture"), (gzip.compress(bytes(100)), "is compressed with gzip")],
)
def test_what_cannot_be_followed_is_said_at_once(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=words):
        Following(path)


def test_what_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(CaptureError, match="no such file"):
        Following(tmp_path / "none.pcap")
    with pytest.raises(CaptureError, match="folder"):
        Following(tmp_path)
    if Path("/dev/null").exists():
        with pytest.raises(CaptureError, match="no regular file"):
            Following("/dev/null")


def test_every_block_byte_by_byte(tmp_path):
    path = tmp_path / "live.pcapng"
    data = every_block("<")
    path.write_bytes(data[:50])
    reading = Reading(Following(path))
    for i in range(50, len(data), 40):
        append(path, data[i : i + 40])
        reading.frames(0)
    seen = [frame(0, 60), frame(1, 33), frame(2, 0), frame(3, 17), frame(4, 41)]
    assert reading.source.damage == []
    fresh = Reading(Following(path)).data(9)
    assert fresh[:5] == seen
    assert len(fresh) == 9


@pytest.mark.interop
@pytest.mark.parametrize("ring", [[], ["-W", "4"]])
def test_files_that_tcpdump_made(tmp_path, ring):
    tcpdump = shutil.which("tcpdump")
    if tcpdump is None:
        pytest.skip("tcpdump is missing (Debian: apt-get install tcpdump)")
    whole = tmp_path / "whole.pcap"
    with PcapWriter(whole) as writer:
        for i in range(3000):
            writer.write_frame(frame(i, 1400), i * 1000)
    made = tmp_path / "made"
    made.mkdir(mode=0o777)
    subprocess.run(
        [tcpdump, "-Z", "root", "-r", whole, "-w", made / "live.pcap", "-C", "1", *ring],
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert len(list(made.iterdir())) > 3
    names = sorted(made.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    expected = [frame(i, 1400) for i in range(3000)]
    found = Reading(Following(made / "live.pcap")).data(3000, ticks=30)
    assert found == expected[3000 - len(found) :]
    assert len(found) == 3000 or (ring and len(found) > 2000), names
