"""Playing a scenario: packets a CPU second, with and without its truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.process import TOOL, in_turn

Row = tuple[str, str, str]
SCENARIO = """\
[scenario]
name = "bench"
duration = "{seconds}s"
[underlay]
bandwidth = "1Gbit"
[[host]]
name = "a"
pa = "192.0.2.1"
[[host]]
name = "b"
pa = "192.0.2.2"
[[path]]
name = "spine1"
[[path]]
name = "spine2"
[[tenant]]
vsid = 5001
vms = 2
[[tenant.workload]]
kind = "bulk"
every = "300ms"
size = "1MB"
[[tenant.workload]]
kind = "request-response"
every = {{ exponential = "10ms" }}
[[point]]
name = "uplink"
uplink = "a"
"""
SECONDS = 20


def rows(folder: Path, times: int) -> Iterator[Row]:
    """Files are made in `folder`, and removed."""
    scenario, capture, truth = (folder / f"scenario.{suffix}" for suffix in ("toml", "pcapng", "json"))
    scenario.write_text(SCENARIO.format(seconds=SECONDS))
    alone = [*TOOL, "generate", str(scenario), "-o", str(capture), "--force"]
    nothing = [*TOOL, "generate", str(scenario), "--check"]
    plain, with_truth, start = in_turn([alone, [*alone, "--truth", str(truth)], nothing], times)
    packets = _packets(capture)
    for name, run in (("", plain), (" --truth truth.json", with_truth)):
        seconds = run.cpu - start.cpu
        yield (
            f"`generate scenario.toml -o out.pcapng{name}`, {packets:,} packets of TCP",
            f"{packets / seconds / 1e3:.0f} k packets a CPU second, without the start",
            f"{run.cpu:.2f} s CPU with it; peak {run.peak:.0f} MiB",
        )
    for path in (scenario, capture, truth):
        path.unlink()


def _packets(capture: Path) -> int:
    from nvgre_inspect.session import open_session

    with open_session([capture]) as session:
        return int(session.read().captures["packets"].sum())
