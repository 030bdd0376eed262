"""Replay onto a wire: a veth pair in a network namespace of the test's own, and who receives at its other end."""

from __future__ import annotations

import os
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

pytestmark = pytest.mark.interop
CHECKOUT = Path(__file__).parents[2]
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


def missing() -> str:
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return "needs root, for a network namespace"
    return "" if shutil.which("ip") else "ip is missing (Debian: apt-get install iproute2)"


@pytest.fixture
def namespace() -> Iterator[str]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    name = f"nvgre-replay-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        for words in (
            "link add out0 type veth peer name in0",
            "link set out0 mtu 1600 up",
            "link set in0 mtu 1600 up",
        ):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        # Without addresses of its own a kernel sends nothing by itself.
        for device in ("out0", "in0"):
            inside(name, "sysctl", "-q", "-w", f"net.ipv6.conf.{device}.disable_ipv6=1")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def inside(namespace: str, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", "netns", "exec", namespace, *map(str, command)],
        check=check,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=CHECKOUT,
    )


def replay(namespace: str, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return inside(namespace, sys.executable, "-m", "nvgre_inspect", "replay", *words, check=check)


@contextmanager
def received(namespace: str, path: Path, count: int) -> Iterator[list[bytes]]:
    """A list that has the frames at the other end after the block."""
    frames: list[bytes] = []
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", RECEIVER, "in0", path, count]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
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
def test_frames_arrive_as_they_were(namespace: str, tmp_path: Path, engine: str) -> None:
    """Every byte, in order, three times over."""
    sample = SAMPLES / "fabric.pcapng"
    expected = [frame for frame in frames_of(sample) if len(frame) <= 1614]
    with received(namespace, tmp_path / "frames", 3 * len(expected)) as frames:
        done = replay(namespace, sample, "-i", "out0", "--as-is", "--topspeed", "--loop", "3", "--engine", engine)
    assert frames == expected * 3
    assert f"{3 * len(expected):,} packets sent" in done.stderr


def test_a_tenants_frames_arrive_in_their_tunnel(namespace: str, tmp_path: Path) -> None:
    """As encap writes them; --pps keeps the rate, and says how well."""
    sample, tunnel = SAMPLES / "tcp-lab.pcap", ("--vsid", "7001", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2")
    subprocess.run(
        [sys.executable, "-m", "nvgre_inspect", "replay", sample, *tunnel, "-o", tmp_path / "expected.pcap"],
        check=True,
        cwd=CHECKOUT,
    )
    expected = [frame for frame in frames_of(tmp_path / "expected.pcap") if len(frame) <= 1614]
    with received(namespace, tmp_path / "frames", len(expected)) as frames:
        done = replay(namespace, sample, *tunnel, "-i", "out0", "--pps", "2000")
    assert frames == expected
    match = re.search(r"packets sent, .*: ([0-9,]+) packets/s", done.stderr)
    assert match is not None
    # The last frame leaves when it is due or later: the rate is never above what was asked, but for the first frame.
    assert int(match[1].replace(",", "")) <= 2000 * (1 + 2 / len(expected)) + 1
    assert "timing error:" in done.stderr


def test_what_does_not_fit_is_counted(namespace: str, tmp_path: Path) -> None:
    sample = SAMPLES / "tcp-lab.pcap"
    inside(namespace, "ip", "link", "set", "out0", "mtu", "700")
    fitting = [frame for frame in frames_of(sample) if len(frame) <= 714]
    over = len(frames_of(sample)) - len(fitting)
    assert over > 0
    with received(namespace, tmp_path / "frames", len(fitting)) as frames:
        done = replay(namespace, sample, "-i", "out0", "--as-is", "--topspeed")
    assert frames == fitting
    assert f"{over:,} left out: longer than the interface's MTU allows (over-mtu)" in done.stderr
    dry = replay(namespace, sample, "-i", "out0", "--as-is", "--dry-run")
    assert f"would be sent on out0 (MTU 700): {len(fitting):,} packets" in dry.stdout


def test_ctrl_c_prints_the_totals(namespace: str) -> None:
    command = [sys.executable, "-m", "nvgre_inspect", "replay", SAMPLES / "vlan.pcap", "-i", "out0", "--as-is"]
    words = ["ip", "netns", "exec", namespace, *map(str, command), "--loop", "0", "--pps", "500"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stderr is not None
        assert "packets sent" in process.stderr.readline()  # after the first second
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=20) == 130
    assert re.search(r"packets sent, .* loops, interrupted\n", rest)
    assert "timing error:" in rest


def test_without_rights_it_says_how_to_get_them(namespace: str) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is missing (Debian: apt-get install util-linux)")
    done = inside(
        namespace,
        *(setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw"),
        *(sys.executable, "-m", "nvgre_inspect", "replay", SAMPLES / "vlan.pcap", "-i", "out0", "--as-is"),
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"nvgre-inspect replay: out0: .* sudo setcap cap_net_raw\+ep \S+\n", done.stderr)


def test_an_interface_that_is_down(namespace: str) -> None:
    inside(namespace, "ip", "link", "set", "out0", "down")
    done = replay(namespace, SAMPLES / "vlan.pcap", "-i", "out0", "--as-is", check=False)
    assert (done.returncode, done.stderr) == (1, "nvgre-inspect replay: out0 is down: ip link set out0 up\n")
