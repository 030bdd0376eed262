"""The terminal UI in a real terminal: when there is something to read, when all is read, how long a key takes.

    python -m tests.benchmarks.tui BIG.pcap PACKETS MANY-FLOWS.pcap PACKETS FLOWS    on captures that are there

A key's time is from the press to the last byte of the repaint, at 160x48. `wait` is until a text is on the screen.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.process import TOOL
from tests.benchmarks.terminal import Terminal

Row = tuple[str, str, str]
#: What is pressed, and how often: rows, pages, columns, ends, marks.
_KEYS = {"j": 20, "k": 10, "\x04": 20, "\x15": 10, "l": 6, "h": 6, "G": 4, "\x1b[H": 4, " ": 10}
_TIMES = 5


def load(path: Path, packets: int) -> Iterator[Row]:
    """A large capture: the first look, and the end."""
    first, all_read, peaks = [], [], []
    for _ in range(_TIMES):
        with Terminal([*TOOL, str(path)]) as terminal:
            terminal.wait_for("nvgre 5001")
            first.append(terminal.age)
            terminal.wait_for(f"{packets:,} packets")
            all_read.append(terminal.age)
            terminal.settle()
            peaks.append(terminal.peak)
    yield (
        f"terminal UI, {packets:,} packets",
        f"first tenants after {statistics.median(first):.2f} s, all read after {statistics.median(all_read):.2f} s",
        f"peak {max(peaks):.0f} MiB",
    )
    if shutil.which("termshark"):
        with Terminal(["termshark", "-r", str(path)]) as terminal:
            terminal.wait_for("5001", 600)
            first_seen = terminal.age
            terminal.settle()
            yield "termshark, the same file", f"first packets after {first_seen:.2f} s", f"peak {terminal.peak:.0f} MiB"
    else:
        yield "termshark, the same file", "not installed", "apt install termshark"


def keys(path: Path, packets: int, flows: int) -> Iterator[Row]:
    """A table of many flows: keys, order, filter."""
    with Terminal([*TOOL, str(path)]) as terminal:
        terminal.wait_for(f"{packets:,} packets", 120)
        terminal.type("4")
        terminal.wait_for(f"1 of {flows:,} flows", 30)
        times = sorted(terminal.press(key) for key, count in _KEYS.items() for _ in range(count))
        yield (
            f"terminal UI, a key in the table of {flows:,} flows",
            f"median {1000 * statistics.median(times):.0f} ms, 95 %: {1000 * times[int(0.95 * len(times))]:.0f} ms",
            f"slowest of {len(times)}: {1000 * times[-1]:.0f} ms",
        )
        terminal.type("\x1b[H")
        ordered = []
        for _ in range(4):
            terminal.type(">")
            ordered.append(terminal.wait_for(f"of {flows:,} flows · by "))
        filtered = []
        for text in ("dst_port == 443", "ip.addr == 10.0.0.4 && tcp.port == 443", "vsid == 5001"):
            terminal.type("/")
            terminal.wait_for("Filter ")
            terminal.type(f"{text}\r")
            filtered.append(terminal.wait_for(f"{flows:,} without the filter"))
            terminal.type("\x1b")
            terminal.wait_for(f"of {flows:,} flows")
        yield (
            f"terminal UI, order and filter of {flows:,} flows",
            f"order {max(ordered):.2f} s, filter {max(filtered):.2f} s",
            f"peak {terminal.peak:.0f} MiB",
        )


if __name__ == "__main__":
    big, packets, many, more, flows = sys.argv[1:]
    for rows in (load(Path(big), int(packets)), keys(Path(many), int(more), int(flows))):
        for row in rows:
            print(*row, sep=" | ", flush=True)
