"""pcap files of every variant, as the specification has them."""

from __future__ import annotations

import struct

import pytest

from nvgre_inspect.capture import CaptureError, open_capture
from tests.unit.capture.capture_builders import MICRO, MODIFIED, NANO, frame, pcap, pcap_header, pcap_record, read

FRAMES = [frame(i, length) for i, length in enumerate((60, 0, 1514, 1, 64))]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "factor"), [(MICRO, 1000), (NANO, 1), (MODIFIED, 1000)])
def test_variants(write, compiled, order, magic, factor):
    found, reader = read(write(pcap(FRAMES, order, magic)), compiled=compiled)
    assert found.data == FRAMES
    assert found.times == [(100 + i) * 10**9 + i * factor for i in range(5)]
    assert reader.damage is None
    (info,) = reader.interfaces
    assert (info.interface, info.linktype, info.snaplen) == (0, 1, 65535)
    assert (info.packets, info.bytes) == (5, sum(map(len, FRAMES)))
    assert (info.first_ns, info.last_ns) == (found.times[0], found.times[-1])
    assert (info.dropped_kernel, info.dropped_interface, info.unsupported) == (None, None, 0)


def test_largest_time_and_fraction_beyond_a_second(write, compiled):
    data = pcap_header("<", NANO) + pcap_record("<", b"x", 0xFFFFFFFF, 0xFFFFFFFF)
    found, _ = read(write(data), compiled=compiled)
    assert found.times == [0xFFFFFFFF * 10**9 + 0xFFFFFFFF]


def test_length_on_the_wire_is_kept_and_never_below_the_captured(write, compiled):
    data = pcap_header("<") + pcap_record("<", b"abc", wire=9000) + pcap_record("<", b"abc", wire=1)
    found, reader = read(write(data), compiled=compiled)
    assert [entry[2] for entry in found.frames] == [9000, 3]
    assert reader.interfaces[0].bytes == 9003


@pytest.mark.parametrize(
    ("version", "lengths", "captured", "wire"),
    [((2, 2), (10, 4), 4, 10), ((543, 0), (10, 4), 4, 10), ((2, 3), (10, 4), 4, 10), ((2, 3), (4, 10), 4, 10)],
)
def test_old_versions_have_the_lengths_in_the_other_order(write, compiled, version, lengths, captured, wire):
    record = struct.pack("<IIII", 1, 2, *lengths) + b"abcd"
    found, reader = read(write(pcap_header("<", version=version) + record * 2), compiled=compiled)
    assert found.data == [b"abcd"] * 2
    assert [entry[2] for entry in found.frames] == [wire] * 2
    assert reader.damage is None


@pytest.mark.parametrize(
    ("network", "linktype", "unsupported"),
    [(1, 1, 0), (276, 276, 0), (0x34000001, 1, 0), (113, 113, 0), (105, 105, 1), (0x01FFFFFF, 0xFFFF, 1)],
)
def test_link_types(write, compiled, network, linktype, unsupported):
    found, reader = read(write(pcap([b"abc"], network=network)), compiled=compiled)
    assert [entry[3] for entry in found.frames] == [linktype]
    assert reader.interfaces[0].unsupported == unsupported


def test_a_frame_may_exceed_the_snapshot_length_within_reason(write, compiled):
    found, reader = read(write(pcap([bytes(262_144)], snaplen=96)), compiled=compiled)
    assert len(found.data[0]) == 262_144
    assert reader.damage is None


def test_a_large_snapshot_length_allows_large_frames(write, compiled):
    large = frame(3, 3_000_000)
    found, reader = read(write(pcap([b"a", large, b"b"], snaplen=0x7FFFFFFF)), compiled=compiled)
    assert found.data == [b"a", large, b"b"]
    assert reader.damage is None


@pytest.mark.parametrize(("snaplen", "claim"), [(96, 262_145), (65535, 0xFFFFFFFF), (0xFFFFFFFF, (64 << 20) + 1)])
def test_an_absurd_length_is_damage(write, compiled, snaplen, claim):
    good = pcap([b"abc"], snaplen=snaplen)
    found, reader = read(write(good + struct.pack("<IIII", 1, 1, claim, claim) + bytes(100)), compiled=compiled)
    assert found.data == [b"abc"]
    assert reader.damage is not None
    assert (reader.damage.position, reader.damage.frame) == (len(good), 2)
    assert str(claim) in reader.damage.sentence
    assert f"byte {len(good)}" in reader.damage.sentence
    assert "frame 2" in reader.damage.sentence
    assert reader.interfaces[0].damage == reader.damage.sentence


@pytest.mark.parametrize("magic", [MICRO, MODIFIED])
def test_cut_at_every_byte(write, compiled, magic):
    frames = [frame(i, 20 + i) for i in range(3)]
    whole = pcap(frames, magic=magic)
    ends = [24]
    for data in frames:
        ends.append(ends[-1] + (24 if magic == MODIFIED else 16) + len(data))
    for length in range(4, len(whole) + 1):
        found, reader = read(write(whole[:length]), compiled=compiled)
        complete = sum(end <= length for end in ends[1:])
        assert found.data == frames[:complete]
        if length in ends:
            assert reader.damage is None
        else:
            assert (reader.damage.position, reader.damage.frame) == (length, complete + 1)
            assert "ends early" in reader.damage.sentence


def test_a_large_claim_costs_no_memory(write, compiled):
    """A record that claims 60 MiB and has 10 bytes must not make the buffer grow to its claim."""
    data = pcap([b"abc"], snaplen=1 << 26) + struct.pack("<IIII", 1, 1, 60 << 20, 60 << 20) + b"0123456789"
    with open_capture(write(data), compiled=compiled) as reader:
        sizes = [len(batch.buffer.base) for batch in reader.batches(chunk=1 << 16)]
    assert reader.damage.frame == 2
    assert max(sizes) == 1 << 16


def test_many_frames_come_in_batches(write, compiled):
    found, reader = read(write(pcap([b"ab"] * 40_000)), compiled=compiled)
    assert len(found.frames) == 40_000
    assert found.batches >= 3
    assert reader.frames == 40_000


def test_positions_carry_the_file_number(write):
    path = write(pcap(FRAMES))
    with open_capture(path, file_number=32_767, first_interface=5) as reader:
        (batch,) = reader.batches()
        assert batch.position[0] == 32_767 << 48 | 24
        assert batch.interface.tolist() == [5] * len(FRAMES)
        assert reader.read_frame(int(batch.position[2])).data == FRAMES[2]
        assert reader.read_frame(int(batch.position[2])).interface == 5
        for wrong in (24, 32_767 << 48 | 10_000_000, 32_767 << 48 | 3):
            with pytest.raises(CaptureError, match="there is no frame"):
                reader.read_frame(wrong)
    with pytest.raises(CaptureError, match="more than 32768"):
        open_capture(path, file_number=32_768)


def test_it_is_read_through_once(write):
    with open_capture(write(pcap(FRAMES))) as reader:
        list(reader.batches())
        with pytest.raises(RuntimeError, match="once"):
            list(reader.batches())
