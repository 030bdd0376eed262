"""Live capture beside tcpdump and dumpcap at top speed: what came, what was lost, what a packet costs. Needs root.

Each tool captures for itself while tcpreplay sends the same file into a veth pair as fast as it can. The pair lives in
a network namespace that is made here and goes away at the end. A tool's cost is user and system time of its process,
less what it takes to start and to end without packets.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.process import TOOL

Row = tuple[str, str, str]
NAMESPACE = f"nvgre-live-bench-{os.getpid()}"
#: How often the file is sent.
LOOPS = 3
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
    """What a tool says of one run, and what it cost."""

    received: int
    dropped: int
    cpu: float
    peak_mib: float


def rows(big: Path, packets: int) -> Iterator[Row]:
    """`big` is the bench file of `packets`."""
    missing = [name for name in ("ip", "tcpreplay") if not shutil.which(name)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or missing:
        yield "`live` on a veth pair", "not measured", f"needs root and {' '.join(missing) or 'Linux'}"
        return
    tools: dict[str, tuple[list[str], Callable[[str], tuple[int, int]]]] = {
        "live -i veth --headless": ([*TOOL, "live", "-i", "in0", "--headless", "--jsonl"], _ours),
        "tcpdump -i veth -w /dev/null": (["tcpdump", "-n", "-i", "in0", "-w", "/dev/null"], _tcpdump),
        "dumpcap -i veth -w /dev/null": (["dumpcap", "-i", "in0", "-w", "/dev/null"], _dumpcap),
    }
    with _veth():
        for name, (command, read) in tools.items():
            if command[0] != TOOL[0] and not shutil.which(command[0]):
                continue
            idle, _ = _run(command, read, None)
            busy, speed = _run(command, read, big)
            sent = packets * LOOPS
            cost = max(busy.cpu - idle.cpu, 0.0) / max(busy.received, 1) * 1e9
            yield (
                f"`{name}` while `tcpreplay --topspeed` sends {sent:,} packets",
                f"{busy.received:,} received, {busy.dropped:,} dropped at {speed:,.0f} packets/s",
                f"{cost:,.0f} ns CPU a packet; peak {busy.peak_mib:.0f} MiB",
            )


def _run(command: list[str], read: Callable[[str], tuple[int, int]], file: Path | None) -> tuple[Outcome, float]:
    """Capture while the file is sent; the outcome, and packets a second that were sent."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # A file, not a pipe: what nobody reads while it is written would keep the process waiting.
    with (
        tempfile.TemporaryFile("w+") as words,
        subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, *command], stdout=words, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        _wait_until_listening()
        speed = 0.0
        if file is not None:
            sending = ["tcpreplay", "--topspeed", "--loop", str(LOOPS), "-i", "out0", str(file)]
            sent = subprocess.run(
                ["ip", "netns", "exec", NAMESPACE, *sending], capture_output=True, text=True, check=True
            )
            match = re.search(r"Rated: .* ([0-9.]+) pps", sent.stdout + sent.stderr)
            assert match is not None, sent.stdout
            speed = float(match[1])
        time.sleep(_SETTLE_SECONDS)
        process.send_signal(signal.SIGTERM if command[0] == TOOL[0] else signal.SIGINT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        words.seek(0)
        text = words.read()
    received, dropped = read(text)
    return Outcome(received, dropped, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), speed


def _wait_until_listening() -> None:
    """Until there is a packet socket on an interface in the namespace."""
    for _ in range(600):
        words = ["ip", "netns", "exec", NAMESPACE, "cat", "/proc/net/packet"]
        if len(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()) > 1:
            time.sleep(_SETTLE_SECONDS)
            return
        time.sleep(0.1)
    raise RuntimeError("nobody captures")


def _ours(text: str) -> tuple[int, int]:
    match = re.search(r"received ([0-9,]+).*dropped by kernel ([0-9,]+)", text)
    assert match is not None, text[-500:]
    return int(match[1].replace(",", "")), int(match[2].replace(",", ""))


def _tcpdump(text: str) -> tuple[int, int]:
    captured, dropped = (
        re.search(r"(\d+) packets? captured", text),
        re.search(r"(\d+) packets? dropped by kernel", text),
    )
    assert captured is not None, text[-500:]
    assert dropped is not None, text[-500:]
    return int(captured[1]), int(dropped[1])


def _dumpcap(text: str) -> tuple[int, int]:
    match = re.search(r"Packets received/dropped on interface .*: (\d+)/(\d+)", text)
    assert match is not None, text[-500:]
    return int(match[1]), int(match[2])


@contextmanager
def _veth() -> Iterator[None]:
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        for words in (
            "link add out0 mtu 9000 type veth peer name in0 mtu 9000",
            "link set in0 up",
            "link set out0 up",
        ):
            subprocess.run(["ip", "-n", NAMESPACE, *words.split()], check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False)
