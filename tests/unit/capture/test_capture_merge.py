"""Several captures as one, by time."""

from __future__ import annotations

import random

import pytest

from nvgre_inspect.capture import merge, open_capture
from tests.unit.capture.capture_builders import drain, epb, idb, option, pcap_header, pcap_record, shb


def pcap_at(times: list[int], tag: int) -> bytes:
    """One frame per time (in seconds) that says which file and which of its frames it is."""
    records = (pcap_record("<", f"{tag}:{i}".encode() + b"." * (i % 5), t, 0) for i, t in enumerate(times))
    return pcap_header("<") + b"".join(records)


def expected(files: list[list[int]]) -> list[str]:
    """The definition: of the frames that stand first, always take the earliest, of equals that of the first file."""
    heads = [0] * len(files)
    order = []
    while True:
        ready = [(files[f][heads[f]], f) for f in range(len(files)) if heads[f] < len(files[f])]
        if not ready:
            return order
        _, f = min(ready)
        order.append(f"{f}:{heads[f]}")
        heads[f] += 1


def merged_names(write, files: list[list[int]], monkeypatch) -> list[str]:
    readers = [open_capture(write(pcap_at(times, f), f"{f}.pcap"), file_number=f) for f, times in enumerate(files)]
    merged = merge(readers)
    found = drain(merged)
    assert [info.packets for info in merged.interfaces] == [len(times) for times in files]
    for entry, position in zip(found.frames, found.positions, strict=True):
        again = merged.read_frame(position)
        assert (again.ts_ns, again.data, again.wirelen, again.linktype, again.interface) == entry
        assert int(entry[1].split(b":")[0]) == entry[4]
    for reader in readers:
        reader.close()
    return [entry[1].rstrip(b".").decode() for entry in found.frames]


@pytest.mark.parametrize(
    "files",
    [
        [[1, 3, 5], [2, 4, 6]],
        [[1, 1, 1], [1, 1, 1], [1]],
        [[10, 5, 20], [7, 8]],
        [[5, 6], [1, 2], []],
        [[]],
        [[], []],
        [[3, 2, 1], [3, 2, 1], [2, 2, 2]],
        [[1, 2, 3]],
    ],
)
def test_order(write, monkeypatch, files):
    assert merged_names(write, files, monkeypatch) == expected(files)


def test_random_files_over_many_chunks(write, monkeypatch):
    """Small chunks, so that every file comes in many batches and all borders meet."""
    monkeypatch.setattr("nvgre_inspect.capture.merging._CHUNK_MIN", 200)
    monkeypatch.setattr("nvgre_inspect.capture.merging._CHUNKS_TOTAL", 600)
    rng = random.Random(3)
    for _ in range(12):
        files = []
        for _ in range(rng.randint(2, 5)):
            times = [rng.randint(0, 60) for _ in range(rng.randint(0, 80))]
            if rng.random() < 0.6:
                times.sort()
            files.append(times)
        assert merged_names(write, files, monkeypatch) == expected(files)


def test_many_frames_keep_batches_small(write):
    times = list(range(12_000))
    readers = [open_capture(write(pcap_at(times, f), f"{f}.pcap"), file_number=f) for f in range(3)]
    found = drain(merge(readers))  # checks the size of batches
    assert len(found.frames) == 36_000
    assert found.times == sorted(found.times)
    for reader in readers:
        reader.close()


def test_one_file_is_passed_through(write):
    with open_capture(write(pcap_at([3, 1, 2], 0))) as reader, open_capture(write(pcap_at([3, 1, 2], 0))) as alone:
        (merged,) = merge([reader])
        (batch,) = alone.batches()
        assert merged.ts_ns.tolist() == batch.ts_ns.tolist()
        assert merged.interface.tolist() == [0, 0, 0]


def test_interfaces_that_appear_late_get_rows_of_their_own(write):
    name = [option("<", 2, n.encode()) for n in ("a0", "a1", "b0")]
    a = shb("<") + idb("<", options=name[0]) + epb("<", b"A", 1_000_000)
    a += idb("<", linktype=101, options=name[1]) + epb("<", b"AA", 4_000_000, interface=1)
    b = shb("<") + idb("<", options=name[2]) + epb("<", b"B", 2_000_000)
    with (
        open_capture(write(a, "a"), file_number=0) as first,
        open_capture(write(b, "b"), file_number=1, first_interface=7) as second,
    ):
        merged = merge([first, second])
        found = drain(merged)
        assert found.data == [b"A", b"B", b"AA"]
        names = [merged.interfaces[entry[4]].name for entry in found.frames]
        assert names == ["a0", "b0", "a1"]
        assert merged.read_frame(found.positions[1]).interface == found.frames[1][4]
        with pytest.raises(ValueError, match="no file has number 9"):
            merged.read_frame(9 << 48)


def test_damage_in_one_file_leaves_the_others(write):
    data = pcap_at([1, 2, 3], 0)[:-2]
    with (
        open_capture(write(data, "a"), file_number=0) as first,
        open_capture(write(pcap_at([2, 4], 1), "b"), file_number=1) as second,
    ):
        found = drain(merge([first, second]))
        assert [entry[1].rstrip(b".") for entry in found.frames] == [b"0:0", b"0:1", b"1:0", b"1:1"]
        assert first.damage is not None
        assert second.damage is None


def test_choosing_interfaces(write):
    with (
        open_capture(write(pcap_at([1, 3], 0), "a"), file_number=0) as first,
        open_capture(write(pcap_at([2, 4], 1), "b"), file_number=1) as second,
    ):
        merged = merge([first, second], keep=lambda info: info.file.endswith("b"))
        assert drain(merged).data == [b"1:0", b"1:1."]
        assert [info.packets for info in merged.interfaces] == [2, 2]


def test_readers_need_numbers_of_their_own(write):
    path = write(pcap_at([1], 0))
    with open_capture(path) as a, open_capture(path) as b, pytest.raises(ValueError, match="file numbers"):
        merge([a, b])
