"""pcapng files with every block, as the specification has them."""

from __future__ import annotations

import struct

import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.capture.clock import EARLIEST, LATEST
from tests.unit.capture.capture_builders import block, epb, every_block, frame, idb, isb, option, pb, read, shb, spb

S = 1_700_000_000 * 10**9


@pytest.mark.parametrize("order", "<>")
def test_every_block(write, compiled, order):
    found, reader = read(write(every_block(order)), compiled=compiled)
    assert reader.damage is None
    lengths = (60, 33, 0, 17, 41, 5, 64, 70, 3)
    assert found.data == [frame(i, length) for i, length in enumerate(lengths)]
    eighth = 125_000_000
    # The simple packets take the time of the frame before them.
    assert found.times == [S + 1, S + 2000, S + 3, S + 3, S + 5, S + eighth, S + 2 * eighth] + [S + 3 * eighth] * 2
    assert [entry[2] for entry in found.frames] == [60, 100, 0, 17, 41, 5, 64, 70, 3]
    assert [entry[3] for entry in found.frames] == [1, 101, 1, 1, 1, 147, 147, 147, 147]
    assert [entry[4] for entry in found.frames] == [0, 1, 0, 0, 0, 2, 2, 2, 2]
    eth0, tun, user = reader.interfaces
    assert [info.name for info in reader.interfaces] == ["eth0", "tun\u00e9", ""]
    assert [info.interface for info in reader.interfaces] == [0, 1, 2]
    assert (eth0.packets, tun.packets, user.packets) == (4, 1, 4)
    assert (eth0.bytes, tun.bytes) == (118, 100)
    assert (eth0.received, eth0.dropped_interface, eth0.dropped_kernel) == (1000, 7, 11)
    assert (tun.received, tun.dropped_interface, tun.dropped_kernel) == (None, None, None)
    assert eth0.comments == ["section comment"]
    assert (user.unsupported, eth0.unsupported) == (4, 0)
    assert (tun.snaplen, tun.linktype) == (64, 101)
    assert reader.names == {"10.0.0.1": "host"}


def test_comments_of_frames(write):
    comments = option("<", 1, b"one") + option("<", 1, b"two") + option("<", 0, b"")
    data = shb("<") + idb("<") + epb("<", b"abcde", 1, options=comments) + epb("<", b"x", 2)
    with open_capture(write(data)) as reader:
        (batch,) = reader.batches()
        assert [reader.read_frame(int(position)).comment for position in batch.position] == ["one\ntwo", ""]


@pytest.mark.parametrize(
    ("resolution", "units", "ns"),
    [
        (None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (3, 1_700_000_000_123, 1_700_000_000_123_000_000),
        (0, 1_700_000_000, 1_700_000_000_000_000_000),
        (12, 1_700_000_000_123_456_789, 1_700_000_000_123_456),
        (12, 1999, 1),
        (28, 10**19 * 1 + 5, 1),
        (29, (1 << 64) - 1, 0),
        (127, (1 << 64) - 1, 0),
        (0x80 | 20, (1_700_000_000 << 20) + 3, 1_700_000_000_000_002_861),
        (0x80 | 34, (5 << 34) + (1 << 34) - 1, 5_999_999_999),
        (0x80 | 35, (5 << 35) + (1 << 35) - 1, 5_999_999_999),
        (0x80 | 63, 1 << 63, 10**9),
        (0x80 | 64, 1 << 63, 5 * 10**8),
        (0x80 | 127, (1 << 64) - 1, 0),
    ],
)
def test_resolutions_in_exact_integers(write, compiled, resolution, units, ns):
    options = b"" if resolution is None else option("<", 9, bytes([resolution]))
    data = shb("<") + idb("<", options=options) + epb("<", b"x", units) * 2
    found, reader = read(write(data), compiled=compiled)
    assert found.times == [ns, ns]
    assert reader.notes == []


@pytest.mark.parametrize("offset", [1_600_000_000, -5, 0])
def test_offset(write, compiled, offset):
    options = option(">", 9, b"\x09") + option(">", 14, struct.pack(">q", offset))
    data = shb(">") + idb(">", options=options) + epb(">", b"x", 10**18 + 7)
    found, _ = read(write(data), compiled=compiled)
    assert found.times == [10**18 + 7 + offset * 10**9]


@pytest.mark.parametrize(
    ("resolution", "offset", "units", "ns"),
    [
        (6, 0, (1 << 64) - 1, LATEST),
        (0, 0, 9_223_372_037, LATEST),
        (0x80, 0, 1 << 40, LATEST),
        (9, 1 << 62, 5, LATEST),
        (9, -(1 << 62), 5, EARLIEST),
    ],
)
def test_times_out_of_range_are_clamped_and_said(write, compiled, resolution, offset, units, ns):
    options = option("<", 9, bytes([resolution])) + option("<", 14, struct.pack("<q", offset))
    data = shb("<") + idb("<", options=options) + idb("<") + epb("<", b"x", units) + epb("<", b"y", 1, interface=1)
    found, reader = read(write(data), compiled=compiled)
    assert found.times == [ns, 1000]
    assert reader.damage is None
    assert [info.clamped for info in reader.interfaces] == [1, 0]
    (note,) = reader.notes
    assert "interface 0" in note


def test_many_clocks(write, compiled):
    """More interfaces with clocks of their own than are converted as arrays."""
    offsets = range(200)
    data = shb("<") + b"".join(idb("<", options=option("<", 14, struct.pack("<q", i))) for i in offsets)
    data += b"".join(epb("<", b"x", 7, interface=i) for i in offsets)
    found, reader = read(write(data), compiled=compiled)
    assert found.times == [i * 10**9 + 7000 for i in offsets]
    assert [info.packets for info in reader.interfaces] == [1] * 200


def test_simple_packets_are_cut_to_the_snapshot_length(write, compiled):
    data = shb("<") + idb("<", snaplen=6) + spb("<", b"abcdef", wire=9000) + spb("<", b"abc", wire=3)
    found, _ = read(write(data), compiled=compiled)
    assert [(entry[1], entry[2]) for entry in found.frames] == [(b"abcdef", 9000), (b"abc", 3)]
    assert found.times == [0, 0]


def test_obsolete_packets_count_drops(write, compiled):
    data = shb("<") + idb("<") + pb("<", b"a", 1, drops=2) + pb("<", b"b", 2) + pb("<", b"c", 3, drops=5)
    found, reader = read(write(data), compiled=compiled)
    assert found.data == [b"a", b"b", b"c"]
    assert found.times == [1000, 2000, 3000]
    assert reader.interfaces[0].dropped_kernel == 7


def test_statistics_the_last_counts_and_those_of_nothing_are_ignored(write, compiled):
    data = shb("<") + idb("<") + isb("<", 0, {5: 1, 7: 2}) + isb("<", 9, {5: 5}) + isb("<", 0, {7: 3})
    _, reader = read(write(data), compiled=compiled)
    assert reader.damage is None
    assert (reader.interfaces[0].dropped_interface, reader.interfaces[0].dropped_kernel) == (1, 3)


def test_text_that_is_not_utf8_and_options_that_do_not_add_up(write, compiled):
    broken = option("<", 2, b"\xff\xfeeth\x1b[31m") + struct.pack("<HH", 3, 4000) + b"cut."
    found, reader = read(write(shb("<") + idb("<", options=broken) + epb("<", b"x", 1)), compiled=compiled)
    assert reader.interfaces[0].name == "\ufffd\ufffdeth\x1b[31m"
    assert len(found.frames) == 1
    assert reader.damage is None


GOOD = shb("<") + idb("<") + epb("<", b"abc", 1)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (block("<", 6, struct.pack("<IIIII", 1, 0, 0, 0, 0)), "interface 1"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 9, 9) + b"12345678"), "9 bytes does not fit"),
        (block("<", 6, b"1234"), "16 bytes long"),
        (struct.pack("<II", 6, 8) + bytes(20), "impossible length 8"),
        (struct.pack("<II", 6, 33) + bytes(40), "impossible length 33"),
        (struct.pack("<II", 0x99, 0xFFFFFFFC) + bytes(40), "claims 4294967292 bytes"),
        (block("<", 0x99, b"abcd")[:-4] + struct.pack("<I", 20), "16 at its start and 20"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 0xDEADBEEF) + bytes(40), "no byte-order magic"),
        (shb("<", version=(2, 0)), "version 2.0"),
        (shb("<") + spb("<", b"x"), "before any interface"),
        (shb(">") + epb(">", b"x"), "interface 0"),
    ],
)
def test_contradictions_are_damage(write, compiled, bad, says):
    found, reader = read(write(GOOD + bad + epb("<", b"not reached", 1)), compiled=compiled)
    assert found.data == [b"abc"]
    assert says in reader.damage.sentence
    assert reader.damage.frame == 2
    assert reader.damage.position in (len(GOOD), len(GOOD) + 28)
    assert reader.interfaces[0].damage == reader.damage.sentence


def test_cut_at_every_byte(write, compiled):
    whole = every_block("<")
    _, reference = read(write(whole), compiled=False)
    all_frames, _ = read(write(whole), compiled=False)
    for length in range(4, len(whole)):
        found, reader = read(write(whole[:length]), compiled=compiled)
        assert found.frames == all_frames.frames[: len(found.frames)]
        blocks_end = reader.damage is None
        assert blocks_end == (length in _block_ends(whole))
        if not blocks_end:
            assert (reader.damage.position, reader.damage.frame) == (length, len(found.frames) + 1)
    assert reference.damage is None


def _block_ends(data: bytes) -> set[int]:
    ends, at, order = set(), 0, "<"
    while at < len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8] == 0x4D else ">"
        at += struct.unpack_from(order + "I", data, at + 4)[0]
        ends.add(at)
    return ends


def test_too_many_interfaces_are_damage(write, compiled, monkeypatch):
    monkeypatch.setattr("nvgre_inspect.capture.pcapng.MAX_INTERFACES", 10)
    _, reader = read(write(shb("<") + idb("<") * 11), compiled=compiled)
    assert len(reader.interfaces) == 10
    assert "more than 10 interfaces" in reader.damage.sentence
    _, reader = read(write(shb("<") * 11), compiled=compiled)
    assert "more than 10 sections" in reader.damage.sentence


def test_comments_do_not_fill_memory(write, compiled):
    many = b"".join(option("<", 1, b"x" * 4096) for _ in range(50))
    data = shb("<", many) + b"".join(idb("<", options=many) for _ in range(20))
    _, reader = read(write(data), compiled=compiled)
    assert sum(len(comment) for info in reader.interfaces for comment in info.comments) <= 1 << 20
    assert len(reader.interfaces) == 20


def test_choosing_interfaces(write, compiled):
    path = write(every_block("<"))
    with open_capture(path, compiled=compiled) as reader:
        batches = list(reader.batches(keep=lambda info: info.name == "eth0"))
        assert sum(len(batch) for batch in batches) == 4
        assert {number for batch in batches for number in batch.interface.tolist()} == {0}
        # What is left out is still counted.
        assert [info.packets for info in reader.interfaces] == [4, 1, 4]
    with open_capture(path, compiled=compiled) as reader:
        assert list(reader.batches(keep=lambda info: False)) == []


def test_a_frame_is_not_read_from_other_blocks(write):
    with open_capture(write(GOOD)) as reader:
        list(reader.batches())
        with pytest.raises(CaptureError, match="there is no frame"):
            reader.read_frame(0)
