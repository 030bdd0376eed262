"""Compressed captures, pipes, and what they may cost."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from nvgre_inspect.capture import CaptureError, Limits, open_capture, stream
from tests.unit.capture.capture_builders import drain, every_block, frame, pcap, pcap_header, pcap_record, read

COMPRESS = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lzma.compress,
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
}
CAPTURE = pcap([frame(i, 10 + i) for i in range(50)])


@pytest.fixture(params=list(COMPRESS))
def codec(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_name_does_not_matter(write, codec):
    for data in (CAPTURE, every_block(">")):
        plain, _ = read(write(data))
        found, reader = read(write(COMPRESS[codec](data), "capture.txt"))
        assert found == plain
        assert reader.damage is None


def test_several_members_with_padding(write, codec):
    """A capture cut into members, as by concatenating compressed files; zero bytes between and after them."""
    parts = [CAPTURE[:7], CAPTURE[7:300], b"", CAPTURE[300:]]
    data = bytes(8).join(COMPRESS[codec](part) for part in parts) + bytes(512)
    found, reader = read(write(data))
    assert reader.damage is None
    assert found == read(write(CAPTURE))[0]


def test_zstd_with_a_skippable_frame_first(write):
    data = b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + COMPRESS["zstd"](CAPTURE)
    found, reader = read(write(data))
    assert (len(found.frames), reader.damage) == (50, None)


def test_progress_counts_bytes_on_disk(write, codec):
    path = write(COMPRESS[codec](CAPTURE))
    with open_capture(path) as reader:
        assert reader.total_bytes == path.stat().st_size
        list(reader.batches())
        assert reader.bytes_read == reader.total_bytes


def test_cut_at_every_byte(write, codec):
    compressed = COMPRESS[codec](CAPTURE)
    all_frames = read(write(CAPTURE))[0].frames
    most = 0
    for length in range(len(compressed)):
        try:
            found, reader = read(write(compressed[:length]))
        except CaptureError:  # too little of it to tell that there is a capture inside
            assert most == 0
            continue
        assert found.frames == all_frames[: len(found.frames)]
        assert reader.damage is not None
        assert reader.damage.frame == len(found.frames) + 1
        assert codec in reader.damage.sentence or "ends early" in reader.damage.sentence
        most = max(most, len(found.frames))
    assert most == 50  # only the trailer is missing


def test_everything_before_a_corruption_is_read(write, codec):
    """Members that are whole before one that is damaged: nothing of them is lost, and the damage has its place."""
    first, second = CAPTURE[:1000], CAPTURE[1000:]
    bad = bytearray(COMPRESS[codec](second))
    bad[len(bad) // 2] ^= 0xFF
    bad[len(bad) // 2 + 1] ^= 0xFF
    bad[-1] ^= 0xFF
    found, reader = read(write(COMPRESS[codec](first) + bytes(bad)))
    assert len(found.frames) >= len(read(write(first))[0].frames) > 10
    # Either the codec notices, or what it decoded to is not a capture any more.
    assert reader.damage.position >= 1000


def test_a_wrong_checksum_loses_no_frame(write):
    bad = bytearray(gzip.compress(CAPTURE))
    bad[-5] ^= 1
    found, reader = read(write(bytes(bad)))
    assert len(found.frames) == 50
    assert "gzip" in reader.damage.sentence


def test_foreign_bytes_behind_are_damage(write, codec):
    found, reader = read(write(COMPRESS[codec](CAPTURE) + b"garbage"))
    assert len(found.frames) == 50
    assert "followed by bytes" in reader.damage.sentence


def test_random_corruption_never_raises(write, codec):
    rng = random.Random(7)
    good = COMPRESS[codec](CAPTURE)
    opened = 0
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(CaptureError):  # the start itself may be hit
            found, reader = read(write(bytes(data)))
            opened += 1
            assert reader.damage is not None or len(found.frames) == 50
    assert opened > 20


def test_a_bomb_is_stopped(write, tmp_path):
    """100 MB of zeros in 10 kB: a capture does not compress like that."""
    record = pcap_record("<", bytes(200_000))
    bomb = zstandard.ZstdCompressor(level=3).compress(pcap_header("<", snaplen=262144) + record * 500)
    assert len(bomb) < 40_000
    limits = Limits(ratio=100, ratio_floor=1 << 20, spool_dir=tmp_path)
    found, reader = read(write(bomb), limits=limits)
    assert 1 <= len(found.frames) <= (100 * len(bomb) + (1 << 20)) // 200_000
    assert "expands beyond 100 times" in reader.damage.sentence
    # Within the limits the very same is read to its end.
    found, reader = read(write(bomb), limits=Limits(ratio=10_000, spool_dir=tmp_path))
    assert (len(found.frames), reader.damage) == (500, None)


def test_the_spool_is_limited(write, tmp_path):
    data = COMPRESS["gzip"](pcap([frame(i, 1000) for i in range(100)]))
    found, reader = read(write(data), limits=Limits(spool_bytes=50_000, spool_dir=tmp_path))
    assert 0 < len(found.frames) < 50
    assert "room for temporary files is used up" in reader.damage.sentence
    with pytest.raises(CaptureError, match="was read up to byte 0 only: the room for temporary files is used up"):
        open_capture(write(data), limits=Limits(spool_margin=1 << 60, spool_dir=tmp_path))


def test_nothing_is_left_behind_and_nothing_kept_without_a_spool(write, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    path = write(COMPRESS["xz"](CAPTURE))
    found, _ = read(path, limits=Limits(spool_dir=spool))
    assert list(spool.iterdir()) == []
    with open_capture(path, limits=Limits(spool_dir=spool, spool_bytes=0), spool=False) as reader:
        contents = drain(reader.batches())
        assert contents == found
        with pytest.raises(CaptureError, match="cannot be read again"):
            reader.read_frame(contents.positions[0])


def test_a_spool_that_cannot_be_made_is_said(write, tmp_path):
    with pytest.raises(CaptureError, match=r"temporary file in .*absent"):
        open_capture(write(COMPRESS["gzip"](CAPTURE)), limits=Limits(spool_dir=tmp_path / "absent"))


def test_what_cannot_be_opened(tmp_path, write):
    with pytest.raises(CaptureError, match="no such file"):
        open_capture(tmp_path / "absent.pcap")
    with pytest.raises(CaptureError, match="is a folder"):
        open_capture(tmp_path)
    with pytest.raises(CaptureError, match="cannot be opened"):
        open_capture("a\0b")
    if os.geteuid():
        path = write(CAPTURE)
        path.chmod(0)
        with pytest.raises(CaptureError, match="no right to read it"):
            open_capture(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty: not a capture"),
        (b"\xd4\xc3\xb2", "begins with the bytes d4 c3 b2"),
        (b"hello, world, this is text", "begins with the bytes 68 65 6c 6c"),
        (b"\n\r\r\n\x1c\0\0\0ABCDEFGH", "is not a capture"),
        (b"snoop\0\0\0" + bytes(20), "a Solaris snoop file"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (gzip.compress(b"", mtime=0), r"is empty \(inside gzip\)"),
        (gzip.compress(b"text text text text text text", mtime=0), r"is not a capture \(inside gzip\)"),
        (gzip.compress(CAPTURE, mtime=0)[:12], "its gzip data ends early"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 30, "its zstd data is corrupt"),
    ],
)
def test_what_is_not_a_capture(write, data, says):
    with pytest.raises(CaptureError, match=says) as caught:
        open_capture(write(data))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(write(data)))


@pytest.mark.parametrize("pack", [bytes, COMPRESS["gzip"]], ids=["plain", "gzip"])
def test_a_disk_that_fails_is_damage(write, monkeypatch, pack):
    data = pack(pcap([random.Random(i).randbytes(1000) for i in range(400)]))
    original = stream._Positional.read_into

    def failing(self, position: int, view: memoryview) -> int:
        if position >= 200_000 and self.failing:
            raise OSError(5, "Input/output error")
        return original(self, position, view[:50_000])

    monkeypatch.setattr(stream._Positional, "read_into", failing)
    monkeypatch.setattr(stream._Positional, "failing", True, raising=False)
    with open_capture(write(data)) as reader:
        frames = sum(map(len, reader.batches()))
        assert 190 <= frames < 300
        assert "cannot be read further (Input/output error)" in reader.damage.sentence


# --- pipes ---------------------------------------------------------------------------------------------------------

READ_STDIN = """
import sys
from nvgre_inspect.capture import open_capture, CaptureError
try:
    with open_capture("-") as reader:
        batches = list(reader.batches())
        last = reader.read_frame(int(batches[-1].position[-1]))
        print(reader.name, reader.total_bytes, sum(map(len, batches)), reader.bytes_read, len(last.data))
        print(reader.damage)
except CaptureError as error:
    print(error)
"""
ROOT = Path(__file__).resolve().parents[3]


def run_with_stdin(stdin) -> list[str]:
    done = subprocess.run([sys.executable, "-c", READ_STDIN], cwd=ROOT, capture_output=True, text=True, **stdin)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("pack", [bytes, COMPRESS["gzip"], COMPRESS["zstd"]], ids=["plain", "gzip", "zstd"])
def test_standard_input_as_a_pipe(pack):
    data = pack(CAPTURE)
    with subprocess.Popen(
        [sys.executable, "-c", READ_STDIN], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        output, _ = process.communicate(data)
    assert output.decode().splitlines() == [f"standard input None 50 {len(data)} 59", "None"]


def test_standard_input_as_a_file(write):
    path = write(CAPTURE)
    with path.open("rb") as file:
        lines = run_with_stdin({"stdin": file})
    assert lines == [f"standard input {len(CAPTURE)} 50 {len(CAPTURE)} 59", "None"]


def test_standard_input_that_is_empty():
    assert run_with_stdin({"stdin": subprocess.DEVNULL}) == ["standard input is empty: not a capture"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes (POSIX)")
def test_a_live_pipe_shows_frames_before_it_ends(tmp_path):
    fifo = tmp_path / "live"
    os.mkfifo(fifo)
    more, done = threading.Event(), threading.Event()

    def feed() -> None:
        with fifo.open("wb", buffering=0) as pipe:
            pipe.write(CAPTURE[:500])
            more.wait(10)
            pipe.write(CAPTURE[500:-3])
        done.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open_capture(fifo) as reader:
        batches = reader.batches()
        first = next(batches)
        assert 0 < len(first) < 50
        assert not more.is_set()
        more.set()
        rest = drain(batches)
        assert len(first) + len(rest.frames) == 49
        assert "ends early" in reader.damage.sentence
        assert reader.read_frame(rest.positions[-1]).data == frame(48, 58)
    feeder.join()
    assert done.is_set()
