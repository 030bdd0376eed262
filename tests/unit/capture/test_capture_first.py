"""The first frames of captures: batches cut off, and counters of those frames only."""

from __future__ import annotations

import pytest

from nvgre_inspect.capture import First, merge, open_capture
from tests.unit.capture.capture_builders import epb, frame, idb, pcap_header, pcap_record, shb

#: Interface and length of each frame.
FRAMES = [(0, 60), (1, 70), (0, 80), (1, 90), (0, 100)]
#: Not decoded: LINKTYPE_IEEE802_11.
OTHER_LINK = 105


@pytest.fixture
def path(write):
    blocks = [epb("<", frame(i, length), 1000 * i, interface=row) for i, (row, length) in enumerate(FRAMES)]
    return write(shb("<") + idb("<") + idb("<", linktype=OTHER_LINK) + b"".join(blocks), "two.pcapng")


@pytest.mark.parametrize("count", range(len(FRAMES) + 2))
def test_counters_are_those_of_the_frames_handed_out(path, count):
    taken = FRAMES[:count]
    with open_capture(path) as reader:
        first = First(merge([reader]), count)
        assert sum(map(len, first)) == len(taken)
        found = first.interfaces
    for row, info in enumerate(found):
        mine = [(i, length) for i, (of, length) in enumerate(taken) if of == row]
        assert info.packets == len(mine)
        assert info.bytes == sum(length for _, length in mine)
        assert info.first_ns == (1_000_000 * mine[0][0] if mine else None)
        assert info.last_ns == (1_000_000 * mine[-1][0] if mine else None)
        assert info.unsupported == (len(mine) if info.linktype == OTHER_LINK else 0)
    assert [info.linktype for info in found] == ([1, OTHER_LINK] if count else [])


def test_what_comes_behind_is_not_read(write):
    damaged = pcap_header("<") + pcap_record("<", frame(0, 60)) + b"\xff" * 16
    with open_capture(write(damaged, "damaged.pcap")) as reader:
        assert sum(map(len, First(merge([reader]), 1))) == 1
        assert reader.damage is None


def test_several_files(write):
    def at(seconds):
        return pcap_header("<") + b"".join(pcap_record("<", frame(second, 60), second, 0) for second in seconds)

    readers = [open_capture(write(at(s), f"{i}.pcap"), file_number=i) for i, s in enumerate(([1, 4, 5], [2, 3]))]
    first = First(merge(readers), 4)
    assert sum(map(len, first)) == 4
    assert [info.packets for info in first.interfaces] == [2, 2]
    for reader in readers:
        reader.close()
