"""One packet in the middle of a large capture, dissected by tshark: cut out by us, and by tshark alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.process import TOOL, in_turn

Row = tuple[str, str, str]


def rows(path: Path, packets: int, times: int) -> Iterator[Row]:
    """`path` has so many packets."""
    if not shutil.which("tshark"):
        yield "deep dissection", "tshark is not installed", "apt install tshark"
        return
    middle = packets // 2
    ours, theirs = in_turn(
        [
            [*TOOL, "dissect", str(path), str(middle), "--deep", "-q"],
            ["tshark", "-n", "-r", str(path), "-Y", f"frame.number == {middle}", "-V"],
        ],
        times,
    )
    yield (
        f"`dissect big.pcap {middle} --deep`, {packets:,} packets",
        f"{ours.wall:.2f} s wall",
        f"peak {ours.peak:.0f} MiB",
    )
    yield (
        f"`tshark -n -r big.pcap -Y frame.number=={middle} -V`, {packets:,} packets",
        f"{theirs.wall:.2f} s wall",
        f"peak {theirs.peak:.0f} MiB; **{theirs.wall / ours.wall:.1f} times our wall time**, and it mixes tenants",
    )
