"""What is written is read back the same, by this reader and by others' tools, and nothing is overwritten unasked."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import CaptureError, PcapngWriter, PcapWriter, clock, open_capture
from nvgre_inspect.model.batch import PacketBatch
from tests.unit.capture.capture_builders import frame, pcap, read

T = 1_700_000_000_123_456_789
FRAMES = [frame(i, length) for i, length in enumerate((60, 0, 1, 2, 3, 4, 1514))]


@pytest.fixture(params=[False, True], ids=["python", "compiled"])
def emitter(request, monkeypatch):
    """Both ways to write batches: the compiled one is used when the kernels are loaded."""
    if request.param:
        import nvgre_inspect.kernels.walk  # noqa: F401
    else:
        monkeypatch.delitem(sys.modules, "nvgre_inspect.kernels.walk", raising=False)


def batch_of(frames: list[bytes], *, times=None, wirelen=None, interface=None, gap: int = 3) -> PacketBatch:
    """A batch whose frames lie apart in its buffer."""
    lengths = np.array([len(data) for data in frames], np.int64)
    offset = np.cumsum(lengths + gap) - lengths
    buffer = b"".join(b"\xa5" * gap + data for data in frames)
    count = len(frames)
    return PacketBatch(
        buffer=np.frombuffer(bytearray(buffer), np.uint8),
        offset=offset,
        caplen=lengths,
        wirelen=np.array(wirelen or lengths, np.int64),
        ts_ns=np.array(times or [T + i for i in range(count)], np.int64),
        linktype=np.ones(count, np.uint16),
        interface=np.array(interface or [0] * count, np.int32),
        position=np.zeros(count, np.int64),
    )


def test_pcap_bytes(tmp_path, emitter):
    """The very bytes, one frame and the batch alike."""
    one, many = tmp_path / "one", tmp_path / "many"
    with PcapWriter(one, linktype=113, snaplen=1000) as writer:
        for i, data in enumerate(FRAMES):
            writer.write_frame(data, T + i)
        assert writer.frames == 7
    with PcapWriter(many, linktype=113, snaplen=1000) as writer:
        writer.write_batch(batch_of(FRAMES))
        assert writer.frames == 7
    expected = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1000, 113)
    for i, data in enumerate(FRAMES):
        head = (T // 10**9, T % 10**9 + i, min(len(data), 1000), len(data))
        expected += struct.pack("<IIII", *head) + data[:1000]
    assert one.read_bytes() == expected
    assert many.read_bytes() == expected


def test_pcap_in_microseconds(tmp_path, emitter):
    with PcapWriter(tmp_path / "c", nanoseconds=False) as writer:
        writer.write_frame(b"a", T)
        writer.write_batch(batch_of([b"b"]))
    found, _ = read(tmp_path / "c")
    assert found.times == [T // 1000 * 1000] * 2


def test_pcapng_round_trip(tmp_path, emitter):
    path = tmp_path / "c.pcapng"
    with PcapngWriter(path, comment="about the whole", application="a test") as writer:
        assert writer.add_interface("eth0", description="uplink", comment="an interface") == 0
        assert writer.add_interface("tun\u00e9", linktype=101, snaplen=3) == 1
        assert writer.add_interface(snaplen=0) == 2
        writer.write_frame(FRAMES[0], T, wirelen=9000, comment="a comment, with \u00fcmlaut")
        writer.write_batch(batch_of(FRAMES, interface=[0, 1, 2, 1, 1, 1, 0]))
        writer.write_batch(batch_of([b"mapped"], interface=[1]), [7, 2])
        writer.write_statistics(0, T, received=1 << 40, dropped_interface=2, dropped_kernel=3)
        writer.write_statistics(1, T)
        assert writer.frames == 9
    found, reader = read(path)
    assert reader.damage is None
    assert found.data == [FRAMES[0], *FRAMES[:5], FRAMES[5][:3], FRAMES[6], b"mapped"]
    assert found.times == [T, *[T + i for i in range(7)], T]
    assert [entry[2] for entry in found.frames] == [9000, 60, 0, 1, 2, 3, 4, 1514, 6]
    assert [entry[4] for entry in found.frames] == [0, 0, 1, 2, 1, 1, 1, 0, 2]
    eth0, tun, third = reader.interfaces
    assert (eth0.name, eth0.description, eth0.linktype, eth0.snaplen) == ("eth0", "uplink", 1, 262_144)
    assert (tun.name, tun.linktype, tun.snaplen, third.snaplen) == ("tun\u00e9", 101, 3, 0)
    assert eth0.comments == ["about the whole", "an interface"]
    assert (eth0.received, eth0.dropped_interface, eth0.dropped_kernel) == (1 << 40, 2, 3)
    with open_capture(path) as reader:
        (batch,) = reader.batches()
        comments = [reader.read_frame(int(position)).comment for position in batch.position]
    assert comments == ["a comment, with \u00fcmlaut", *[""] * 8]


def test_single_frames_and_batches_write_the_same(tmp_path, emitter):
    one, many = tmp_path / "one", tmp_path / "many"
    with PcapngWriter(one) as writer:
        writer.add_interface("eth0")
        for i, data in enumerate(FRAMES):
            writer.write_frame(data, T + i)
    with PcapngWriter(many) as writer:
        writer.add_interface("eth0")
        writer.write_batch(batch_of(FRAMES))
    assert one.read_bytes() == many.read_bytes()


def test_what_a_format_cannot_hold_is_brought_into_its_range(tmp_path, emitter):
    last_pcap = 0xFFFFFFFF * 10**9 + 999_999_999
    times = [-5, (1 << 63) - 1, -(1 << 63), 7]
    frames, wirelen = [b"abc"] * 4, [1 << 40, 0, 3, 1]
    for single in (True, False):
        with PcapWriter(tmp_path / "p", force=True) as writer, PcapngWriter(tmp_path / "n", force=True) as ng:
            ng.add_interface()
            if single:
                for data, time, wire in zip(frames, times, wirelen, strict=True):
                    writer.write_frame(data, time, wire)
                    ng.write_frame(data, time, wirelen=wire)
            else:
                writer.write_batch(batch_of(frames, times=times, wirelen=wirelen))
                ng.write_batch(batch_of(frames, times=times, wirelen=wirelen))
        # What is written to pcapng is as it was given; reading brings it into the range of times.
        for name, last in (("p", last_pcap), ("n", clock.LATEST)):
            found, reader = read(tmp_path / name)
            assert found.times == [0, last, 0, 7]
            assert [entry[2] for entry in found.frames] == [0xFFFFFFFF, 3, 3, 3]
            assert reader.damage is None


def test_unknown_interfaces_are_an_error(tmp_path, emitter):
    with PcapngWriter(tmp_path / "c") as writer:
        with pytest.raises(IndexError):
            writer.write_frame(b"a", T)
        with pytest.raises(IndexError):
            writer.write_batch(batch_of([b"a"]))


def test_empty_batches_and_files(tmp_path, emitter):
    with PcapWriter(tmp_path / "p") as writer:
        writer.write_batch(batch_of([]))
    with PcapngWriter(tmp_path / "n") as ng:
        ng.add_interface()
        ng.write_batch(batch_of([]))
    for name in "pn":
        found, reader = read(tmp_path / name)
        assert (found.frames, reader.damage) == ([], None)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "c"
    with PcapWriter(path) as writer:
        writer.write_frame(b"a", T)
        assert not path.exists()
    assert path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_when_writing_is_given_up(tmp_path):
    def give_up() -> None:
        with PcapngWriter(tmp_path / "c") as writer:
            writer.add_interface()
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        give_up()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_needs_force(tmp_path):
    path = tmp_path / "c"
    path.write_bytes(b"precious")
    with pytest.raises(CaptureError, match="exists: use --force"):
        PcapWriter(path)
    assert path.read_bytes() == b"precious"
    with PcapWriter(path, force=True) as writer:
        writer.write_frame(b"a", T)
        assert path.read_bytes() == b"precious"
    assert read(path)[0].data == [b"a"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_comes_into_being_meanwhile_is_kept(tmp_path):
    path = tmp_path / "c"
    writer = PcapWriter(path)
    path.write_bytes(b"precious")
    with pytest.raises(CaptureError, match="meanwhile"):
        writer.close()
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_an_input_is_never_overwritten(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(pcap(FRAMES))
    link = tmp_path / "link"
    link.symlink_to(path)
    for target in (path, link, f"{tmp_path}/../{tmp_path.name}/in"):
        with pytest.raises(CaptureError, match="an input is never overwritten"):
            PcapWriter(target, force=True, inputs=["-", tmp_path / "absent", path])
    assert path.read_bytes() == pcap(FRAMES)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_bytes(b"old")
    with PcapWriter(tmp_path / "link", force=True) as writer:
        writer.write_frame(b"a", T)
    assert (tmp_path / "link").is_symlink()
    assert read(tmp_path / "target")[0].data == [b"a"]


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(CaptureError, match="is a folder"):
        PcapWriter(tmp_path, force=True)
    with pytest.raises(CaptureError, match="cannot be written: No such file"):
        PcapWriter(tmp_path / "absent" / "c")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_full_disk_is_one_sentence():
    writer = PcapWriter("/dev/full")
    with pytest.raises(CaptureError, match="/dev/full cannot be written: No space left"):
        writer.write_frame(bytes(100_000), T)


def test_a_stream_stays_open(write):
    stream = io.BytesIO()
    with PcapWriter(stream) as writer:
        writer.write_frame(b"abc", T)
    assert not stream.closed
    assert read(write(stream.getvalue()))[0].data == [b"abc"]


def test_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with PcapWriter(tmp_path / "c") as writer:
            writer.write_frame(b"a", T)
    finally:
        os.umask(before)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o640


# --- others' judgement ---------------------------------------------------------------------------------------------


def tshark_fields(path: Path) -> list[list[str]]:
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_id", "frame.comment"]
    command = ["tshark", "-n", "-r", path, "-T", "fields", *[part for name in fields for part in ("-e", name)]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark (Debian package tshark)")
def test_tshark_reads_what_is_written(tmp_path, emitter):
    path = tmp_path / "c.pcapng"
    with PcapngWriter(path, comment="about the whole") as writer:
        writer.add_interface("eth0")
        writer.add_interface("tun0", linktype=101)
        writer.write_frame(FRAMES[0], T, wirelen=9000, comment="hello")
        writer.write_batch(batch_of([FRAMES[6], FRAMES[4]], interface=[0, 1]))
        writer.write_statistics(0, T, received=10, dropped_kernel=3)
    assert tshark_fields(path) == [
        ["1700000000.123456789", "60", "9000", "0", "hello"],
        ["1700000000.123456789", "1514", "1514", "0", ""],
        ["1700000000.123456790", "3", "3", "1", ""],
    ]
    with PcapWriter(tmp_path / "c.pcap") as pcap_writer:
        pcap_writer.write_frame(FRAMES[0], T, 9000)
        pcap_writer.write_batch(batch_of([FRAMES[6]]))
    assert [line[:3] for line in tshark_fields(tmp_path / "c.pcap")] == [
        ["1700000000.123456789", "60", "9000"],
        ["1700000000.123456789", "1514", "1514"],
    ]
