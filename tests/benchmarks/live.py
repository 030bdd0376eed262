"""Live capture beside tcpdump and dumpcap at top speed: what came, what was lost, what a packet costs. Needs root.

Each tool captures for itself while tcpreplay sends the same file into a veth pair as fast as it can. The pair lives in
a network namespace of its own, which goes away at the end. A tool's cost is user and system time of its process,
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
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.process import TOOL
from tests.builders.namespaces import NoNamespaceError, VethPair, make_pair, new_namespace

Row = tuple[str, str, str]
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
    if not shutil.which("tcpreplay"):
        yield "`live` on a veth pair", "not measured", "tcpreplay is missing"
        return
    try:
        with new_namespace() as namespace:
            yield from _captures(make_pair(namespace, "out0", "in0"), big, packets)
    except NoNamespaceError as error:
        yield "`live` on a veth pair", "not measured", str(error)


def _captures(pair: VethPair, big: Path, packets: int) -> Iterator[Row]:
    tools: dict[str, tuple[list[str], Callable[[str], tuple[int, int]]]] = {
        "live -i veth --headless": ([*TOOL, "live", "-i", pair.far, "--headless", "--jsonl"], _ours),
        "tcpdump -i veth -w /dev/null": (["tcpdump", "-n", "-i", pair.far, "-w", "/dev/null"], _tcpdump),
        "dumpcap -i veth -w /dev/null": (["dumpcap", "-i", pair.far, "-w", "/dev/null"], _dumpcap),
    }
    for name, (command, read) in tools.items():
        if command[0] != TOOL[0] and not shutil.which(command[0]):
            continue
        idle, _ = _run(pair, command, read, None)
        busy, speed = _run(pair, command, read, big)
        sent = packets * LOOPS
        cost = max(busy.cpu - idle.cpu, 0.0) / max(busy.received, 1) * 1e9
        yield (
            f"`{name}` while `tcpreplay --topspeed` sends {sent:,} packets",
            f"{busy.received:,} received, {busy.dropped:,} dropped at {speed:,.0f} packets/s",
            f"{cost:,.0f} ns CPU a packet; peak {busy.peak_mib:.0f} MiB",
        )


def _run(
    pair: VethPair, command: list[str], read: Callable[[str], tuple[int, int]], file: Path | None
) -> tuple[Outcome, float]:
    """Capture while the file is sent; the outcome, and packets a second that were sent."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # A file, not a pipe: what nobody reads while it is written would keep the process waiting.
    with (
        tempfile.TemporaryFile("w+") as words,
        subprocess.Popen(
            pair.namespace.command(*command), stdout=words, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        _wait_until_listening(pair)
        speed = 0.0
        if file is not None:
            sending = pair.namespace.command("tcpreplay", "--topspeed", "--loop", str(LOOPS), "-i", pair.near, file)
            sent = subprocess.run(sending, capture_output=True, text=True, check=True)
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


def _wait_until_listening(pair: VethPair) -> None:
    """Until there is a packet socket on an interface in the namespace."""
    for _ in range(600):
        if len(pair.namespace.run("cat", "/proc/net/packet").stdout.splitlines()) > 1:
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
