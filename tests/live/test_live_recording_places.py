"""Recordings where something is in the way: a disk that is full, the input itself; and files of dumpcap's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nvgre_inspect.capture import PcapWriter, open_capture
from nvgre_inspect.capture.live.following import Following
from tests.builders.namespaces import CHECKOUT, VethPair, missing

SAMPLE = CHECKOUT / "samples" / "fabric.pcapng"
_LIVE = [sys.executable, "-m", "nvgre_inspect", "live", "--headless", "--jsonl", "--interval", "0.2"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), **more}


def packets(path: Path) -> int:
    with open_capture(path) as reader:
        count = sum(len(batch) for batch in reader.batches())
        assert reader.damage is None
        return count


def test_a_full_disk_ends_the_recording_and_not_the_analysis(tmp_path):
    if missing() or shutil.which("unshare") is None:
        pytest.skip(missing() or "unshare is missing (Debian: apt-get install util-linux)")
    capture = tmp_path / "large.pcap"
    with open_capture(SAMPLE) as reader:
        frames = [batch.frame(i) for batch in reader.batches() for i in range(len(batch))]
    with PcapWriter(capture) as writer:
        for i, data in enumerate(frames * 5):
            writer.write_frame(data, 1_700_000_000_000_000_000 + i * 1000)
    small = tmp_path / "small"
    small.mkdir()
    # Mounted where only this shell and what it starts see it; the file is copied out before it goes.
    script = (
        'small=$1; out=$2; shift 2; mount -t tmpfs -o size=3m none "$small" || exit 99;'
        ' "$@" -w "$small/live.pcapng"; code=$?; cp "$small/live.pcapng" "$out"; exit $code'
    )
    out = tmp_path / "recorded.pcapng"
    with capture.open("rb") as stdin:
        run = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", small, out, *_LIVE, "-"],
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=CHECKOUT,
            env=environment(),
        )
    if run.returncode == 99:
        pytest.skip(f"nothing can be mounted here: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    assert "recording has stopped after " in run.stderr
    assert "No space left on device" in run.stderr
    last: dict[tuple, int] = {}
    for row in map(json.loads, run.stdout.splitlines()):
        last[row["encap"], row["vsid"]] = row["packets"]
    assert sum(last.values()) == len(frames) * 5
    recorded = packets(out)
    assert f"stopped after {recorded} packets" in run.stderr
    assert recorded > 500


def test_the_file_that_is_followed_is_never_overwritten(tmp_path):
    path = tmp_path / "live.pcapng"
    shutil.copy(SAMPLE, path)
    run = subprocess.run(
        [*_LIVE, "--follow", path, "-w", path, "--force"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=CHECKOUT,
        env=environment(),
        check=False,
    )
    assert run.returncode == 1
    assert "an input is never overwritten" in run.stderr
    assert path.read_bytes() == SAMPLE.read_bytes()


@pytest.mark.interop
def test_a_ring_of_dumpcap_is_followed_while_it_is_written(veth_pair: VethPair, tmp_path):
    dumpcap = shutil.which("dumpcap")
    if dumpcap is None:
        pytest.skip("dumpcap is missing (Debian: apt-get install wireshark-common)")
    tmp_path.chmod(0o755)
    command = veth_pair.namespace.command(
        dumpcap, "-i", veth_pair.far, "-w", tmp_path / "live.pcapng", "-b", "packets:100", "-a", "files:8", "-q"
    )
    frames = [bytes([2, 0, 0, 0, 0, 1] * 2) + b"\x88\xb5" + i.to_bytes(4, "big") + bytes(50) for i in range(800)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # "File: …": the first file is there, and the interface is open.
        while "File:" not in (line := process.stderr.readline()):
            assert line, "dumpcap did not start"
        source = Following(tmp_path / "live.pcapng")
        found: list[bytes] = []
        sent = ticks = 0
        for batch in source.batches():
            found.extend(batch.frame(i) for i in range(len(batch)))
            ticks += not len(batch)
            if len(found) == 800 or ticks == 400:
                break
            if sent < 800 and ticks:
                veth_pair.send(frames[sent : sent + 50])
                sent += 50
        source.close()
        process.terminate()
    assert found == frames
    assert [info.name for info in source.interfaces] == [veth_pair.far]
    assert source.damage == []
