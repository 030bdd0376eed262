"""Replay to a veth pair: top speed beside tcpreplay's, and how well times are kept. Needs root.

The pair lives in a network namespace of its own, which goes away at the end.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.process import TOOL
from tests.builders.namespaces import Namespace, NoNamespaceError, make_pair, new_namespace

Row = tuple[str, str, str]
DEVICE = "bench0"
SECONDS = 5


def rows(big: Path, packets: int, times: int) -> Iterator[Row]:
    """`big` is the bench file of `packets`."""
    try:
        with new_namespace() as namespace:
            make_pair(namespace, DEVICE, "bench1")
            yield from _top_speed(namespace, big, packets, times)
            yield from _paced(namespace, big)
    except NoNamespaceError as error:
        yield "`replay` to a veth pair", "not measured", str(error)


def _top_speed(namespace: Namespace, big: Path, packets: int, times: int) -> Iterator[Row]:
    ours = [*TOOL, "replay", str(big), "-i", DEVICE, "--as-is", "--topspeed"]
    theirs = ["tcpreplay", "--topspeed", "-i", DEVICE, str(big)]
    tools: dict[str, tuple[list[str], Callable[[str], float]]] = {"ours": (ours, _our_seconds)}
    if shutil.which("tcpreplay"):
        tools["theirs"] = (theirs, _their_seconds)
    sending: dict[str, list[float]] = {name: [] for name in tools}
    whole: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(times + 1):
        for name, (command, seconds) in tools.items():
            began = time.perf_counter()
            words = _run(namespace, command)
            whole[name].append(time.perf_counter() - began)
            sending[name].append(seconds(words))
    median = {name: statistics.median(values[1:]) for name, values in sending.items()}
    process = {name: statistics.median(values[1:]) for name, values in whole.items()}
    if "theirs" in tools:
        yield (
            f"`tcpreplay --topspeed -i veth big.pcap`, {packets:,} packets",
            f"{packets / median['theirs']:,.0f} packets/s",
            f"{process['theirs']:.2f} s for the whole process",
        )
    ratio = f"; **{median['ours'] / median['theirs']:.2f} times tcpreplay's time**" if "theirs" in tools else ""
    yield (
        f"`replay big.pcap -i veth --as-is --topspeed`, {packets:,} packets",
        f"{packets / median['ours']:,.0f} packets/s",
        f"{process['ours']:.2f} s for the whole process{ratio}",
    )
    tunnel = ["--vsid", "7001", "--pa-src", "192.0.2.1", "--pa-dst", "192.0.2.2"]
    words = _run(namespace, [*TOOL, "replay", str(big), "-i", DEVICE, "--topspeed", *tunnel])
    yield (
        "the same, taken out of its tunnels and put into another one on the way",
        f"{packets / _our_seconds(words):,.0f} packets/s",
        "",
    )


def _paced(namespace: Namespace, big: Path) -> Iterator[Row]:
    for pps in (1_000, 100_000):
        command = [*TOOL, "replay", str(big), "-i", DEVICE, "--as-is", "--pps", str(pps), "-c", str(SECONDS * pps)]
        match = re.search(r"timing error: (.*)", _run(namespace, command))
        assert match is not None
        yield f"`replay --pps {pps}`, {SECONDS} s: timing error", match[1], ""


def _our_seconds(words: str) -> float:
    match = re.findall(r"packets sent, .* in ([0-9.]+) (m?)s: ", words)
    assert match, words
    value, milli = match[-1]
    return float(value) / (1000 if milli else 1)


def _their_seconds(words: str) -> float:
    match = re.search(r"Actual: .* sent in ([0-9.]+) seconds", words)
    assert match is not None, words
    return float(match[1])


def _run(namespace: Namespace, command: list[str]) -> str:
    done = subprocess.run(
        namespace.command(*command), capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout + done.stderr
