"""Capture to capture: decap, encap and translate beside tools that only copy, or cut blindly."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.process import TOOL, Run, run

Row = tuple[str, str, str]
SCAPY_PACKETS = 10_000
SCAPY_LOOP = """
import sys
from scapy.all import Ether, PcapReader, PcapWriter
with PcapReader(sys.argv[1]) as reader, PcapWriter(sys.argv[2], linktype=1) as writer:
    for frame, _ in zip(reader, range(int(sys.argv[3]))):
        writer.write(frame.getlayer(Ether, 2))
"""


def rows(big: Path, small: Path, packets: int, few: int, times: int) -> Iterator[Row]:
    """`big` is the bench file of `packets`; `small`, of `few`, starts all there is to start and is done."""
    folder = big.parent
    copy, inner, policy = folder / "copy.pcap", folder / "inner.pcapng", folder / "policy.toml"
    run([*TOOL, "policy", "derive", str(big), "-o", str(policy), "--force"])
    run([*TOOL, "decap", str(big), "-o", str(inner), "--force"])
    small_inner = folder / "inner-small.pcapng"
    run([*TOOL, "decap", str(small), "-o", str(small_inner), "--force"])
    copied = _median([["tcpdump", "-r", str(big), "-w", str(copy)]], times) if shutil.which("tcpdump") else None
    if copied:
        yield "`tcpdump -r big.pcap -w copy.pcap`", f"{copied:.2f} s CPU", f"{packets:,} packets"
    if shutil.which("editcap"):
        cut = _median([["editcap", "-C", "42", str(big), str(copy)]], times)
        yield "`editcap -C 42 big.pcap copy.pcap`", f"{cut:.2f} s CPU", "cuts as many bytes blindly"
    for name, large, little, options in (
        ("decap", big, small, []),
        ("encap", inner, small_inner, ["--policy", str(policy)]),
        ("translate", big, small, ["--to", "vxlan"]),
    ):
        commands = [[*TOOL, name, str(path), "-o", str(copy), "--force", *options] for path in (large, little)]
        peak = run(commands[0]).peak
        seconds = (_median(commands[:1], times) - _median(commands[1:], times)) * packets / (packets - few)
        ratio = f"**{seconds / copied:.2f} times tcpdump's**; " if copied else ""
        yield f"`{name}`, start-up excluded", f"{seconds:.2f} s CPU", f"{ratio}peak {peak:.0f} MiB"
    yield _scapy(big, copy, packets)
    for path in (copy, inner, small_inner, small, policy):
        path.unlink(missing_ok=True)


def _median(commands: Sequence[Sequence[str]], times: int) -> float:
    """CPU seconds of a command, median of several runs after one that does not count."""
    runs: list[Run] = [run(command) for command in commands for _ in range(times + 1)][1:]
    return statistics.median(one.cpu for one in runs)


def _scapy(big: Path, copy: Path, packets: int) -> Row:
    what = "a scapy loop that takes the inner frames out"
    loop = [sys.executable, "-c", SCAPY_LOOP, str(big), str(copy)]
    try:
        seconds = run([*loop, str(SCAPY_PACKETS)]).cpu - run([*loop, "0"]).cpu
    except RuntimeError as error:
        if "No module named 'scapy'" not in str(error):
            raise
        return what, "not installed", "pip install scapy"
    return what, f"{seconds * packets / SCAPY_PACKETS:.0f} s CPU", f"extrapolated from {SCAPY_PACKETS:,} packets"
