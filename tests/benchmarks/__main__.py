"""`make bench`: this tool beside public ones, in one run on one machine; prints a table of figures and ratios.

    python -m tests.benchmarks [--quick] [--write]

`--quick`: a tenth of the packets, one run each, for trying it out. `--write`: put the table into docs/benchmarks.md.
Files are made in `.bench/` (5 GB with all sizes; each is removed after its use but for the first). Figures are
medians of whole processes with a warm page cache and compiled kernels, unless the row says otherwise.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nvgre_inspect.capture.output import Output
from nvgre_inspect.traffic import stamping
from tests.benchmarks import live, replay, rewriting, scenarios, tui, with_wireshark
from tests.benchmarks.process import TOOL, in_turn, median, run

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".bench"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: make bench -->\n", "<!-- end: make bench -->\n"
Row = tuple[str, str, str]


def capture(packets: int, flows: int = 5_000) -> Path:
    """The bench file of that size, made if it is not there."""
    path = FOLDER / f"v2-{packets}-{flows}.pcap"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        stamping.write(Output(path), stamping.Profile(packets, flows))
    return path


def stamped(packets: int, times: int) -> Iterator[Row]:
    """How fast captures of a size are made, and written: the disk has a say."""
    path = FOLDER / "stamped.pcap"
    runs = []
    for _ in range(times):
        path.unlink(missing_ok=True)
        runs.append(run([*TOOL, "generate", "--bench-profile", str(packets), "-o", str(path)]))
    ours, size = median(runs), path.stat().st_size
    path.unlink()
    yield (
        f"`generate --bench-profile {packets} -o bench.pcap`",
        f"{ours.wall:.2f} s wall, {ours.cpu:.2f} s CPU ({packets / ours.cpu / 1e3:,.0f} k packets a CPU second)",
        f"{size / 1e6:.0f} MB, {size / ours.wall / 1e6:.0f} MB/s to disk; peak {ours.peak:.0f} MiB",
    )


def engine(path: Path, packets: int) -> Iterator[Row]:
    """The stages in one thread, in this process."""
    from nvgre_inspect.capture import open_capture
    from nvgre_inspect.engine.decoder import KernelDecoder
    from nvgre_inspect.engine.ledger import LedgerAccountant
    from nvgre_inspect.model.options import DecodeOptions

    best: list[float] = []
    for _ in range(4):
        spent = [0.0, 0.0, 0.0]
        decoder, accountant = KernelDecoder(DecodeOptions()), LedgerAccountant()
        with open_capture(path, spool=False) as reader:
            mark = time.perf_counter()
            for batch in reader.batches():
                read = time.perf_counter()
                records = decoder.decode(batch)
                decoded = time.perf_counter()
                accountant.account(batch, records)
                accounted = time.perf_counter()
                for stage, seconds in enumerate((read - mark, decoded - read, accounted - decoded)):
                    spent[stage] += seconds
                mark = accounted
            accountant.finish()
        if not best or sum(spent) < sum(best):
            best = spent
    total = sum(best)
    stages = ", ".join(
        f"{name} {s / packets * 1e9:.0f}" for name, s in zip(("read and walk", "decode", "account"), best, strict=True)
    )
    yield (
        "engine, one core, best of 4",
        f"{total:.2f} s ({packets / total / 1e6:.1f} M packets/s)",
        f"ns a packet: {stages}",
    )


def against_tshark(path: Path, packets: int, times: int) -> Iterator[Row]:
    """The main job beside tshark's nearest."""
    ours = [*TOOL, "flows", str(path), "--csv", "-o", str(FOLDER / "out.csv"), "--force"]
    commands = [ours]
    if shutil.which("tshark"):
        commands.append(["tshark", "-n", "-r", str(path), "-q", "-z", "conv,tcp"])
    measured = in_turn(commands, times)
    mine = measured[0]
    yield (
        f"`flows big.pcap --csv -o out.csv`, {packets:,} packets",
        f"{mine.wall:.2f} s wall, {mine.cpu:.2f} s CPU",
        f"peak {mine.peak:.0f} MiB",
    )
    if len(measured) > 1:
        other = measured[1]
        yield (
            f"`tshark -n -r big.pcap -q -z conv,tcp`, {packets:,} packets",
            f"{other.wall:.2f} s wall, {other.cpu:.2f} s CPU",
            f"peak {other.peak:.0f} MiB; **{other.wall / mine.wall:.1f} times our wall time**",
        )
    else:
        yield "tshark", "not installed", "apt install tshark"


def python_loops(path: Path, packets: int) -> Iterator[Row]:
    """What a script would take, on the first 10,000 packets."""
    from itertools import islice

    import dpkt

    from nvgre_inspect.capture import open_capture

    with open_capture(path, spool=False) as reader:
        batch = next(reader.batches())
        frames = [batch.frame(i) for i in islice(range(len(batch)), 10_000)]
    began = time.perf_counter()
    table: dict[tuple[bytes, ...], int] = {}
    for frame in frames:
        ip = dpkt.ethernet.Ethernet(frame).data
        inner = dpkt.ethernet.Ethernet(bytes(ip.data)[8:]).data
        tcp = inner.data
        key = (bytes(ip.data)[4:7], inner.src, inner.dst, tcp.sport, tcp.dport)
        table[key] = table.get(key, 0) + inner.len
    seconds = (time.perf_counter() - began) / len(frames) * packets
    yield f"a dpkt loop that only sums bytes per flow, {packets:,} packets", f"{seconds:.0f} s", "extrapolated"


def memory(sizes: list[int]) -> Iterator[Row]:
    """How peak memory grows with packets."""
    peaks = []
    for packets in sizes:
        path = capture(packets)
        peaks.append(run([*TOOL, "tenants", str(path), "--csv"]).peak)
        if packets != sizes[0]:
            path.unlink()
    slope = (peaks[-1] - peaks[0]) * (1 << 20) / (sizes[-1] - sizes[0])
    figures = ", ".join(f"{p / 1e6:g} M: {peak:.0f} MiB" for p, peak in zip(sizes, peaks, strict=True))
    yield "peak memory by packets", figures, f"{slope:.1f} bytes a packet"


def many_flows(flows: int) -> Iterator[Row]:
    """As many flows as a large fabric has."""
    path = capture(4 * flows, flows)
    out = str(FOLDER / "out.csv")
    ours = run([*TOOL, "flows", str(path), "--csv", "-o", out, "--force"])
    yield (
        f"`flows`, {flows:,} flows in {4 * flows:,} packets, CSV with all columns",
        f"{ours.wall:.2f} s wall, {ours.cpu:.2f} s CPU",
        f"peak {ours.peak:.0f} MiB",
    )
    yield from tui.keys(path, 4 * flows, flows)
    path.unlink()


def start(times: int) -> Iterator[Row]:
    """Starting up."""
    bare, helps = in_turn([[sys.executable, "-c", "pass"], [*TOOL, "--help"]], times)
    yield "`nvgre-inspect --help`", f"{helps.wall * 1000:.0f} ms", f"bare Python: {bare.wall * 1000:.0f} ms"
    with tempfile.TemporaryDirectory() as empty:
        command = [*TOOL, "tenants", str(ROOT / "samples" / "fabric.pcapng")]
        seconds = min(run(command, {"NVGRE_INSPECT_CACHE": empty}).wall for _ in range(times))
    yield "`nvgre-inspect tenants samples/fabric.pcapng`, empty kernel cache", f"{seconds:.2f} s", ""
    with tempfile.TemporaryDirectory() as empty:
        cold = run([*TOOL, "tenants", str(capture(1_000_000)), "--csv"], {"NVGRE_INSPECT_CACHE": empty})
    yield "first large file ever: kernels are compiled, once", f"{cold.wall:.0f} s", ""


def machine() -> str:
    """What this ran on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((s.split(":")[1].strip() for s in cpuinfo.read_text().splitlines() if "model name" in s), model)
    tshark = "no tshark"
    if shutil.which("tshark"):
        tshark = subprocess.run(["tshark", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {tshark}"


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Benchmarks with ratios.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the packets, one run each")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    args = parser.parse_args()
    packets, times = (100_000, 1) if args.quick else (1_000_000, 3)
    big = capture(packets)
    run([*TOOL, "tenants", str(big)])  # compiles the kernels, if need be
    lines = [f"{time.strftime('%Y-%m-%d')}, {machine()}", "", "| what | figure | |", "|---|---|---|"]
    print("\n".join(lines))
    for rows in (
        engine(big, packets),
        against_tshark(big, packets, times),
        against_tshark(capture(4 * packets), 4 * packets, 1),
        python_loops(big, packets),
        rewriting.rows(big, capture(packets // 50), packets, packets // 50, times),
        scenarios.rows(FOLDER, times),
        stamped(packets, times),
        replay.rows(big, packets, times),
        live.rows(big, packets),
        with_wireshark.rows(big, packets, times),
        tui.load(big, packets),
        memory([packets, 2 * packets, 4 * packets]),
        many_flows(packets),
        start(times),
    ):
        for row in rows:
            lines.append(f"| {row[0]} | {row[1]} | {row[2]} |")
            print(lines[-1], flush=True)
    if args.write:
        text = PAGE.read_text()
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        PAGE.write_text(before + "\n".join(lines) + "\n" + after)


if __name__ == "__main__":
    main()
