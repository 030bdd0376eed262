"""Replay onto a wire: a veth pair in a network namespace of the test's own, and who receives at its other end."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nvgre_inspect.capture import open_capture
from tests.builders.namespaces import CHECKOUT, Namespace, VethPair, make_pair

SAMPLES = CHECKOUT / "samples"
#: Writes the frames that come, without those that a kernel sends by itself, into a file, until so many are there.
RECEIVER = """
import socket, struct, sys
device, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
raw.bind((device, 0))
raw.settimeout(20)
print("ready", flush=True)
with open(path, "wb") as file:
    while count:
        frame = raw.recv(65535)
        file.write(struct.pack("<I", len(frame)) + frame)
        count -= 1
"""


@pytest.fixture
def wire(namespace: Namespace) -> VethPair:
    """`out0`, whose frames come out of `in0`; MTU 1600."""
    return make_pair(namespace, "out0", "in0", mtu=1600)


def replay(wire: VethPair, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "nvgre_inspect", "replay", *words, "-i", wire.near)
    return wire.namespace.run(*command, check=check)


@contextmanager
def received(wire: VethPair, path: Path, count: int) -> Iterator[list[bytes]]:
    """A list that has the frames at the other end after the block."""
    frames: list[bytes] = []
    command = wire.namespace.command(sys.executable, "-c", RECEIVER, wire.far, path, str(count))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield frames
        assert process.wait(timeout=30) == 0
    data = path.read_bytes()
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        frames.append(data[at + 4 : at + 4 + length])
        at += 4 + length


def frames_of(path: Path) -> list[bytes]:
    with open_capture(path, spool=False) as reader:
        return [part.frame(i) for part in reader.batches() for i in range(len(part))]


@pytest.mark.parametrize("engine", ["reference", "kernels"])
def test_frames_arrive_as_they_were(wire: VethPair, tmp_path: Path, engine: str) -> None:
    """Every byte, in order, three times over."""
    sample = SAMPLES / "fabric.pcapng"
    expected = [frame for frame in frames_of(sample) if len(frame) <= 1614]
    with received(wire, tmp_path / "frames", 3 * len(expected)) as frames:
        done = replay(wire, sample, "--as-is", "--topspeed", "--loop", "3", "--engine", engine)
    assert frames == expected * 3
    assert f"{3 * len(expected):,} packets sent" in done.stderr


def test_a_tenants_frames_arrive_in_their_tunnel(wire: VethPair, tmp_path: Path) -> None:
    """As encap writes them; --pps keeps the rate, and says how well."""
    sample, tunnel = SAMPLES / "tcp-lab.pcap", ("--vsid", "7001", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2")
    subprocess.run(
        [sys.executable, "-m", "nvgre_inspect", "replay", sample, *tunnel, "-o", tmp_path / "expected.pcap"],
        check=True,
        cwd=CHECKOUT,
    )
    expected = [frame for frame in frames_of(tmp_path / "expected.pcap") if len(frame) <= 1614]
    with received(wire, tmp_path / "frames", len(expected)) as frames:
        done = replay(wire, sample, *tunnel, "--pps", "2000")
    assert frames == expected
    match = re.search(r"packets sent, .*: ([0-9,]+) packets/s", done.stderr)
    assert match is not None
    # The last frame leaves when it is due or later: the rate is never above what was asked, but for the first frame.
    assert int(match[1].replace(",", "")) <= 2000 * (1 + 2 / len(expected)) + 1
    assert "timing error:" in done.stderr


def test_what_does_not_fit_is_counted(wire: VethPair, tmp_path: Path) -> None:
    sample = SAMPLES / "tcp-lab.pcap"
    wire.namespace.ip("link", "set", wire.near, "mtu", "700")
    fitting = [frame for frame in frames_of(sample) if len(frame) <= 714]
    over = len(frames_of(sample)) - len(fitting)
    assert over > 0
    with received(wire, tmp_path / "frames", len(fitting)) as frames:
        done = replay(wire, sample, "--as-is", "--topspeed")
    assert frames == fitting
    assert f"{over:,} left out: longer than the interface's MTU allows (over-mtu)" in done.stderr
    dry = replay(wire, sample, "--as-is", "--dry-run")
    assert f"would be sent on out0 (MTU 700): {len(fitting):,} packets" in dry.stdout


def test_ctrl_c_prints_the_totals(wire: VethPair) -> None:
    words = ("replay", SAMPLES / "vlan.pcap", "-i", wire.near, "--as-is", "--loop", "0", "--pps", "500")
    command = wire.namespace.command(sys.executable, "-m", "nvgre_inspect", *words)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stderr is not None
        assert "packets sent" in process.stderr.readline()  # after the first second
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=20) == 130
    assert re.search(r"packets sent, .* loops, interrupted\n", rest)
    assert "timing error:" in rest


def test_without_rights_it_says_how_to_get_them(wire: VethPair) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is missing (Debian: apt-get install util-linux)")
    done = wire.namespace.run(
        *(setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw"),
        *(sys.executable, "-m", "nvgre_inspect", "replay", SAMPLES / "vlan.pcap", "-i", wire.near, "--as-is"),
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"nvgre-inspect replay: out0: .* sudo setcap cap_net_raw\+ep \S+\n", done.stderr)


def test_an_interface_that_is_down(wire: VethPair) -> None:
    wire.namespace.ip("link", "set", wire.near, "down")
    done = replay(wire, SAMPLES / "vlan.pcap", "--as-is", check=False)
    assert (done.returncode, done.stderr) == (1, "nvgre-inspect replay: out0 is down: ip link set out0 up\n")
