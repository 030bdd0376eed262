"""Comments on the frames of a batch, by the compiled and the plain emitter."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from nvgre_inspect.capture import PcapngWriter, open_capture
from nvgre_inspect.capture.writer import Comments
from tests.unit.capture.capture_builders import frame
from tests.unit.capture.test_capture_writer import batch_of

FRAMES = [frame(i, length) for i, length in enumerate((60, 0, 1, 2, 3, 4, 1514))]
TEXTS = ["flowid=1", "", "flowid=255", "ünïcode", "a\nb"]
ROWS = [0, -1, 1, 2, 3, 4, 0]
SAID = ["flowid=1", "", "", "flowid=255", "ünïcode", "a\nb", "flowid=1"]


@pytest.fixture(params=[False, True], ids=["python", "compiled"])
def _emitter(request, monkeypatch):
    if request.param:
        import nvgre_inspect.kernels.walk  # noqa: F401
    else:
        monkeypatch.delitem(sys.modules, "nvgre_inspect.kernels.walk", raising=False)


def written(path, comments):
    with PcapngWriter(path) as writer:
        writer.add_interface("a")
        writer.write_batch(batch_of(FRAMES), comments=comments)
        writer.write_batch(batch_of(FRAMES[:2]))
    return path


@pytest.mark.usefixtures("_emitter")
def test_comments_come_back(tmp_path):
    path = written(tmp_path / "a.pcapng", Comments(TEXTS, np.array(ROWS)))
    with open_capture(path) as reader:
        positions = [int(p) for batch in reader.batches() for p in batch.position]
        frames = [reader.read_frame(position) for position in positions]
        assert reader.damage is None
    assert [found.comment for found in frames] == [*SAID, "", ""]
    assert [found.data for found in frames] == [*FRAMES, *FRAMES[:2]]


def test_both_emitters_write_the_same_bytes(tmp_path, monkeypatch):
    import nvgre_inspect.kernels.walk  # noqa: F401

    comments = Comments(TEXTS, np.array(ROWS))
    compiled = written(tmp_path / "compiled", comments).read_bytes()
    monkeypatch.delitem(sys.modules, "nvgre_inspect.kernels.walk")
    assert written(tmp_path / "plain", comments).read_bytes() == compiled


@pytest.mark.usefixtures("_emitter")
def test_frame_by_frame_and_by_the_batch_are_the_same(tmp_path):
    by_batch = written(tmp_path / "batch", Comments(TEXTS, np.array(ROWS))).read_bytes()
    with PcapngWriter(tmp_path / "frames") as writer:
        writer.add_interface("a")
        batch = batch_of(FRAMES)
        for i, comment in enumerate([*SAID, "", ""]):
            row = i % len(FRAMES)
            writer.write_frame(FRAMES[row], int(batch.ts_ns[row]), comment=comment)
    assert (tmp_path / "frames").read_bytes() == by_batch


@pytest.mark.usefixtures("_emitter")
def test_a_comment_longer_than_its_length_field_is_cut(tmp_path):
    path = written(tmp_path / "a.pcapng", Comments(["x" * 70_000], np.zeros(len(FRAMES), np.int64)))
    assert path.read_bytes().count(b"\x01\x00\xff\xff" + b"x" * 65_535 + b"\0" + bytes(4)) == len(FRAMES)
    with open_capture(path) as reader:
        assert sum(map(len, reader.batches())) == len(FRAMES) + 2
        assert reader.damage is None


@pytest.mark.usefixtures("_emitter")
def test_tshark_reads_them(tmp_path):
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    path = written(tmp_path / "a.pcapng", Comments(TEXTS, np.array(ROWS)))
    command = [tshark, "-r", str(path), "-T", "fields", "-e", "frame.comment", "-e", "frame.len"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[0] == "flowid=1\t60"
    assert [line.split("\t")[0] for line in out.splitlines()][:4] == ["flowid=1", "", "", "flowid=255"]
