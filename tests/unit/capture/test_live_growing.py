from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from capture_builders import epb, every_block, frame, idb, pcap, pcap_header, shb
from live_builders import Entry, frames_of

from nvgre_inspect.capture import CaptureError, compression, open_capture
from nvgre_inspect.capture.live.growing import GrowingCapture


def feed(growing: GrowingCapture, pieces: Iterable[bytes]) -> list[Entry]:
    found: list[Entry] = []
    for piece in pieces:
        while piece:
            room = growing.room()
            some, piece = piece[: len(room)], piece[len(room) :]
            room[: len(some)] = some
            for batch in growing.took(len(some)):
                found += frames_of(batch)
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def as_file(path: Path) -> tuple[list[Entry], str, list[tuple]]:
    with open_capture(path) as reader:
        found = [entry for batch in reader.batches() for entry in frames_of(batch)]
        return found, reader.damage.sentence if reader.damage else "", described(reader.interfaces)


def described(interfaces) -> list[tuple]:
    return [(i.name, i.linktype, i.snaplen, i.received, i.dropped_kernel, i.clamped, i.damage) for i in interfaces]


@pytest.mark.parametrize("size", [1, 7, 24, 1 << 20])
@pytest.mark.parametrize("order", "<>")
def test_as_the_reader_of_files_has_it(write, order, size):
    frames = [frame(i, 3 * i) for i in range(60)]
    for data in (pcap(frames, order), every_block(order)):
        path = write(data)
        growing = GrowingCapture(str(path), str(path))
        found = feed(growing, cut(data, size))
        growing.end()
        assert (found, growing.damage, described(growing.interfaces)) == as_file(path)
        assert growing.frames == len(found) > 0


def test_a_file_cut_anywhere_is_as_the_reader_of_files_has_it(write):
    data = every_block("<")
    for length in range(24, len(data)):
        path = write(data[:length])
        growing = GrowingCapture(str(path), str(path))
        found = feed(growing, [data[:length]])
        growing.end()
        assert (found, growing.damage, described(growing.interfaces)) == as_file(path)


def test_damaged_files_are_as_the_reader_of_files_has_them(write):
    chosen = random.Random(7)
    for data in (every_block("<"), pcap([frame(i, 40) for i in range(9)])):
        for _ in range(150):
            broken = bytearray(data)
            for _ in range(3):
                broken[chosen.randrange(24, len(data))] = chosen.randrange(256)
            path = write(bytes(broken))
            growing = GrowingCapture(str(path), str(path))
            found = feed(growing, cut(bytes(broken), 50))
            growing.end()
            assert (found, growing.damage, described(growing.interfaces)) == as_file(path)


def test_captures_of_others_are_as_the_reader_of_files_has_them(shared_captures):
    seen = 0
    for path in shared_captures:
        data = path.read_bytes()
        if compression.detect(data[:24]) or not 24 <= len(data) < 4 << 20:
            continue
        try:
            expected = as_file(path)
        except CaptureError:
            continue
        growing = GrowingCapture(str(path), str(path))
        found = feed(growing, cut(data, 99_991))
        growing.end()
        assert (found, growing.damage, described(growing.interfaces)) == expected, path.name
        seen += 1
    assert seen > 5


def test_a_large_frame_grows_the_buffer_with_its_data_only():
    data = shb("<") + idb("<") + epb("<", frame(1, 5_000_000))
    growing = GrowingCapture("pipe", "-")
    found = []
    for number, piece in enumerate(cut(data, 60_000)):
        assert 0 < len(growing.room()) <= max(1 << 20, 120_000 * number)
        found += feed(growing, [piece])
    assert [len(entry[0]) for entry in found] == [5_000_000]


def test_a_claim_allocates_nothing():
    growing = GrowingCapture("pipe", "-")
    claim = epb("<", b"")[:4] + (60 << 20).to_bytes(4, "little")
    feed(growing, cut(shb("<") + idb("<") + claim + bytes(1000), 1))
    assert len(growing.room()) <= 1 << 20
    growing.end()
    assert growing.damage.startswith("pipe ends early, at byte ")


@pytest.mark.parametrize("head", [b"not a capture at all, but text", b"BZh" + bytes(30)])
def test_what_is_no_capture_is_said(head):
    growing = GrowingCapture("standard input", "-")
    with pytest.raises(CaptureError, match="standard input is "):
        feed(growing, cut(head, 5))


def test_what_is_compressed_is_said():
    growing = GrowingCapture("standard input", "-")
    with pytest.raises(CaptureError, match=r"zstd -dc \| nvgre-inspect live -"):
        feed(growing, [b"\x28\xb5\x2f\xfd"])


@pytest.mark.parametrize("length", [0, 3])
def test_the_end_of_nothing(length):
    growing = GrowingCapture("standard input", "-")
    feed(growing, [b"abc"[:length]])
    with pytest.raises(CaptureError, match="not a capture"):
        growing.end()


def test_the_end_within_the_header():
    growing = GrowingCapture("standard input", "-")
    feed(growing, [pcap_header("<")[:20]])
    growing.end()
    assert "20 of 24 bytes" in growing.damage


def test_batches_are_numbered_through():
    growing = GrowingCapture("pipe", "-")
    positions = []
    for piece in cut(pcap([frame(i, 50) for i in range(100)]), 333):
        room = growing.room()
        room[: len(piece)] = piece
        positions += itertools.chain.from_iterable(batch.position.tolist() for batch in growing.took(len(piece)))
    assert positions == list(range(100))
