"""Packets that were chosen, in a capture of their own: what is read back is what was chosen."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import nvgre_inspect
from nvgre_inspect.capture import CaptureError, PcapngWriter
from nvgre_inspect.session import UsageError

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
FABRIC = SAMPLES / "fabric.pcapng"


def test_frames_and_interfaces_are_kept(tmp_path):
    target = tmp_path / "some.pcapng"
    files = [FABRIC, SAMPLES / "snaplen.pcap", SAMPLES / "ipv6-underlay.pcap"]
    with nvgre_inspect.open(files) as session:
        captures = session.captures
        numbers = [*range(1, session.pages().last, 7), 2, 3]
        assert session.save_packets(numbers, target) == len(numbers)
        chosen = [session.frame(number) for number in numbers]
    with nvgre_inspect.open(target) as saved:
        saved.read()
        found = [saved.frame(number) for number in range(1, len(numbers) + 1)]
        rows = saved.captures
    assert [(f.data, f.ts_ns, f.wirelen, f.linktype) for f in found] == [
        (f.data, f.ts_ns, f.wirelen, f.linktype) for f in chosen
    ]
    assert [rows["name"][f.interface] for f in found] == [captures["name"][f.interface] for f in chosen]
    for column in ("name", "linktype", "snaplen"):
        expected = captures[column][captures["interface"].isin({f.interface for f in chosen})]
        assert sorted(map(str, rows[column])) == sorted(map(str, expected))


def test_nanoseconds_and_comments(tmp_path):
    source, target = tmp_path / "source.pcapng", tmp_path / "target.pcapng"
    with PcapngWriter(source) as writer:
        writer.add_interface("unused")
        number = writer.add_interface("eth7", description="uplink", comment="on the left")
        for i in range(3):
            writer.write_frame(bytes(60), 1_700_000_000_123_456_789 + i, interface=number, comment=f"packet {i}")
    with nvgre_inspect.open(source) as session:
        session.read()
        session.save_packets([3, 1], target)
    with nvgre_inspect.open(target) as saved:
        saved.read()
        frames = [saved.pages().frame(number) for number in (1, 2)]
        assert [frame.ts_ns % 1_000_000_000 for frame in frames] == [123_456_791, 123_456_789]
        assert [frame.comment for frame in frames] == ["packet 2", "packet 0"]
        (info,) = saved.pages().interfaces
        assert (info.name, info.description, info.comments) == ("eth7", "uplink", ["on the left"])


def test_frames_beyond_their_snapshot_length_are_not_cut(tmp_path):
    """A file may say 64 bytes and hold more."""
    source, target = tmp_path / "source.pcap", tmp_path / "target.pcapng"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 64, 1)
    frames = [bytes([n]) * n for n in (50, 200, 60, 100)]
    records = [struct.pack("<IIII", n, 0, len(data), len(data)) + data for n, data in enumerate(frames)]
    source.write_bytes(head + b"".join(records))
    with nvgre_inspect.open(source) as session:
        session.read()
        session.save_packets([1, 2, 3, 4], target)
    with nvgre_inspect.open(target) as saved:
        saved.read()
        assert [saved.frame(number).data for number in (1, 2, 3, 4)] == frames


def test_nothing_is_overwritten_or_left_behind(tmp_path):
    source, target = tmp_path / "fabric.pcapng", tmp_path / "out.pcapng"
    source.write_bytes(FABRIC.read_bytes())
    target.write_bytes(b"mine")
    with nvgre_inspect.open(source) as session:
        session.read()
        with pytest.raises(CaptureError, match="exists"):
            session.save_packets([1], target)
        with pytest.raises(CaptureError, match="input"):
            session.save_packets([1], source, force=True)
        with pytest.raises(UsageError, match="no packet 99999"):
            session.save_packets([1, 99999], target, force=True)
        with pytest.raises(InterruptedError):
            session.save_packets(list(range(1, 2200)), target, force=True, progress=_interrupt)
        assert target.read_bytes() == b"mine"
        assert session.save_packets([1], target, force=True) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fabric.pcapng", "out.pcapng"]
    assert source.read_bytes() == FABRIC.read_bytes()


def _interrupt(_written: int) -> None:
    raise InterruptedError


def test_progress(tmp_path):
    told: list[int] = []
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        session.save_packets(range(1, 2300), tmp_path / "all.pcapng", progress=told.append)
    assert told == [1024, 2048]
