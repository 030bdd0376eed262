"""`live` as a process that things happen to: killed, out of disk, its interface gone, nobody looking."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import nvgre_inspect
from nvgre_inspect.capture import open_capture
from tests.builders.namespaces import CHECKOUT, VethPair, make_pair
from tests.live.running import PATIENCE_SECONDS, live

#: How long the terminal UI is paused under load; the issue's minute where somebody has one.
PAUSED_SECONDS = float(os.environ.get("NVGRE_INSPECT_TEST_SECONDS", "5"))


def frames(count: int, size: int = 200) -> list[bytes]:
    """UDP over IPv4, each from another address and port."""
    total = (size - 14).to_bytes(2, "big")
    head = bytes(12) + bytes.fromhex("08004500") + total + bytes.fromhex("00010000401100000a00")
    made = []
    for i in range(count):
        source = (i // 50_000).to_bytes(2, "big") + bytes.fromhex("0a000002")
        udp = (1024 + i % 50_000).to_bytes(2, "big") + bytes.fromhex("003500080000")
        made.append(head + source + udp + bytes(size - 42))
    return made


def recorded(path: Path) -> int:
    with open_capture(path, spool=False) as reader:
        return sum(len(batch) for batch in reader.batches())


def received(lines: list[str]) -> int:
    return (json.loads(lines[-1])["received"] or 0) if lines else 0


def test_a_process_that_is_killed_leaves_a_recording_that_can_be_read(veth_pair, tmp_path):
    path = tmp_path / "killed.pcapng"
    with live(veth_pair.namespace, "-i", veth_pair.far, "-w", path) as running:
        running.wait_for_capture()
        veth_pair.send(frames(1_000))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not path.exists() or recorded(path) < 1_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    with nvgre_inspect.open(path) as session:
        assert session.flows["packets_fwd"].sum() == 1_000
        assert session.damage == []
    if shutil.which("tshark"):
        words = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "udp.srcport"]
        seen = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        assert [int(port) for port in seen] == [1024 + i for i in range(1_000)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_recording_and_not_the_capture(veth_pair, small_disk):
    path = small_disk / "full.pcapng"
    with live(veth_pair.namespace, "-i", veth_pair.far, "-w", path) as running:
        running.wait_for_capture()
        for _ in range(4):
            before = received(running.lines)
            veth_pair.send(frames(1_000))
            running.wait_for(lambda lines, before=before: received(lines) >= before + 1_000)
        assert running.end() == 0, running.words
        assert running.rows()[-1]["packets"] == 4_000
    # Said when it happened, before what is said at the end, and once.
    at_once, _, at_the_end = running.words.partition("received 4,000")
    assert at_once.count("No space left on device") == at_once.count("full.pcapng") == 1
    assert "No space left" not in at_the_end
    assert 0 < recorded(path) < 4_000


def test_an_interface_that_goes_away_and_comes_back_is_captured_again(namespace):
    pair = make_pair(namespace, "out0", "in0")
    with live(namespace, "-i", "in0") as running:
        running.wait_for_capture()
        pair.send(frames(10))
        running.wait_for(lambda lines: received(lines) >= 10)
        namespace.ip("link", "del", "out0")
        again = make_pair(namespace, "out0", "in0")
        running.wait_for_capture("in0")
        again.send(frames(20))
        running.wait_for(lambda lines: bool(lines) and json.loads(lines[-1])["packets"] >= 30)
        assert running.end() == 0, running.words
    assert "in0" in running.words
    assert "back" in running.words


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def test_a_flood_of_new_flows_takes_no_more_memory(veth_pair):
    flood = frames(100_000, 60)
    words = ["-i", veth_pair.far, "--max-flows", "5000", "--max-packets", "20000"]
    with live(veth_pair.namespace, *words) as running:
        running.wait_for_capture()
        sizes = []
        for part in range(5):
            veth_pair.send(flood[part * 20_000 : (part + 1) * 20_000])
            running.wait_for(lambda lines, part=part: received(lines) >= (part + 1) * 20_000)
            sizes.append(resident_mib(running.process.pid))
        assert running.end() == 0, running.words
        last = running.rows()[-1]
    assert last["packets"] == 100_000
    assert last["dropped_kernel"] == 0
    assert "flows left to make room" in running.words
    # What is kept of 20,000 flows more would be 12 MiB.
    assert sizes[-1] - sizes[1] < 12, sizes


def drawn(socket: str) -> str:
    words = ["tmux", "-L", socket, "capture-pane", "-p", "-t", "ui"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def asked(socket: str, form: str) -> str:
    words = ["tmux", "-L", socket, "display-message", "-p", "-t", "ui", form]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def wait_for_drawn(socket: str, text: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while text not in (screen := drawn(socket)):
        assert time.monotonic() < deadline, screen
        time.sleep(0.1)
    return screen


@contextmanager
def terminal_ui(pair: VethPair, folder: Path, *words: str | Path) -> Iterator[str]:
    """`live` on the pair's far end, in a terminal of tmux's; which socket tmux has. The exit code is shown."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is missing (Debian: apt-get install tmux)")
    socket = f"nvgre-live-{os.getpid()}"
    shell = ["sh", "-c", '"$@"; echo "left with $?"; read -r _', "sh"]
    ui = pair.namespace.command(*shell, sys.executable, "-m", "nvgre_inspect", "live", "-i", pair.far, *words)
    # What tests of text tables set for themselves would be the terminal's size here.
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**inherited, "PYTHONPATH": str(CHECKOUT), "NVGRE_INSPECT_STATE": str(folder)}
    tmux = ["tmux", "-L", socket, "-f", "/dev/null", "new-session", "-d", "-s", "ui", "-x", "160", "-y", "40"]
    subprocess.run([*tmux, *ui], check=True, env=environment, cwd=CHECKOUT)
    try:
        wait_for_drawn(socket, "received 0")
        yield socket
    finally:
        subprocess.run(["tmux", "-L", socket, "kill-server"], check=False)


@pytest.mark.slow
def test_nothing_is_lost_while_the_terminal_ui_is_paused_under_load(veth_pair: VethPair, tmp_path):
    with terminal_ui(veth_pair, tmp_path) as socket:
        keys = ["tmux", "-L", socket, "send-keys", "-t", "ui"]
        veth_pair.send(frames(100))
        wait_for_drawn(socket, "received 100 ")
        subprocess.run([*keys, "p"], check=True)
        wait_for_drawn(socket, "paused")
        sent, ends = 100, time.monotonic() + PAUSED_SECONDS
        some = frames(5_000)
        while time.monotonic() < ends:
            veth_pair.send(some)
            sent += len(some)
        wait_for_drawn(socket, f"received {sent:,} ")
        subprocess.run([*keys, "p"], check=True)
        screen = wait_for_drawn(socket, "dropped by kernel 0, by interface 0")
        assert f"received {sent:,} " in screen
        subprocess.run([*keys, "2"], check=True)
        wait_for_drawn(socket, f"{sent:,}")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_the_terminal_ui_and_leaves_everything_whole(veth_pair: VethPair, tmp_path, number, code):
    recording, flows = tmp_path / "all.pcapng", tmp_path / "flows.jsonl"
    with terminal_ui(veth_pair, tmp_path, "-w", recording, "-o", flows) as socket:
        veth_pair.send(frames(100))
        wait_for_drawn(socket, "received 100 ")
        shell = asked(socket, "#{pane_pid}")
        (process,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(process), number)
        wait_for_drawn(socket, f"left with {code}\n")
        # The screen of before is there again, and the mouse is the terminal's.
        assert asked(socket, "#{alternate_on} #{mouse_any_flag}") == "0 0"
    assert len(flows.read_text().splitlines()) == 100
    with nvgre_inspect.open(recording) as session:
        assert session.captures[["packets", "dropped_kernel"]].to_numpy().tolist() == [[100, 0]]
    assert [path for path in tmp_path.iterdir() if path.suffix == ".part"] == []
