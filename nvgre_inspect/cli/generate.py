"""`nvgre-inspect generate SCENARIO -o OUT`: captures of synthetic tenants, and what is true of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.arguments import Parser, nonempty
from nvgre_inspect.cli.errors import DONE, FAILED, USAGE, CommandError
from nvgre_inspect.cli.progress import INTERVAL_SECONDS, QUIET_SECONDS, Line
from nvgre_inspect.cli.rewriting import file_format
from nvgre_inspect.display.text import counted, duration, escape

if TYPE_CHECKING:
    from nvgre_inspect.traffic.captures import FilePerPoint, Format, OneFile
    from nvgre_inspect.traffic.scenario import Scenario

DESCRIPTION = """\
Play a scenario (docs/scenarios.md): an underlay, tenants whose machines talk over it, and faults.
What its observation points see becomes a capture, one pcapng with an interface for each point; --truth
says what every flow in it counts, exactly, and which frames each fault touched.

The same scenario and seed give the same bytes on every run.
"""
_NS = 1_000_000_000


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("generate", help="synthetic tenants, into a capture", description=DESCRIPTION)
    parser.add_argument("scenario", metavar="SCENARIO", nargs="?", help="a scenario file (TOML), - for stdin")
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", dest="output", metavar="OUT", type=nonempty, help="the capture to write (- is stdout), or the folder"
    )
    group.add_argument(
        "-F", dest="format", choices=("pcap", "pcapng"), help="its format (default: pcap for a name.pcap, else pcapng)"
    )
    group.add_argument("--split-by", choices=("point",), help="OUT is a folder with a file for each observation point")
    group.add_argument("--truth", metavar="FILE", type=nonempty, help="write what is true of it there, as JSON")
    group.add_argument("--force", action="store_true", help="overwrite existing files")
    group = parser.add_argument_group("playing")
    group.add_argument("--seed", metavar="N", type=_seed, help="another seed than the scenario's")
    group.add_argument("--check", action="store_true", help="only say whether the scenario can be played")
    group.add_argument(
        "--bench-profile",
        metavar="PACKETS[,FLOWS[,VSIDS]]",
        help="instead of a scenario: so many packets of healthy TCP, stamped from templates, into a pcap",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no progress and no summary on stderr")
    parser.set_defaults(run=run)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed, a whole number from 0 to 2^63 - 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Play the scenario, write, and say what was written."""
    if (arguments.scenario is None) == (arguments.bench_profile is None):
        raise CommandError("nvgre-inspect generate: what? SCENARIO or --bench-profile is needed, one of them", USAGE)
    if arguments.bench_profile is not None:
        return _stamp(arguments)
    scenario = _load(arguments)
    if arguments.check:
        print(f"{escape(arguments.scenario)}: {_size(scenario)}")
        return DONE
    _check_output(arguments)
    if arguments.output == arguments.truth == "-":
        raise CommandError("nvgre-inspect generate: only one of -o and --truth can be standard output", USAGE)
    if arguments.truth is not None:
        _check_truth(scenario)
    _play(arguments, scenario)
    return DONE


def _check_truth(scenario: Scenario) -> None:
    from nvgre_inspect.traffic.observer import KINDS

    kind = scenario.encapsulation.kind
    if kind not in KINDS:
        raise CommandError(f"nvgre-inspect generate: --truth knows {', '.join(KINDS)}, not {kind}", USAGE)
    if scenario.frames:
        raise CommandError("nvgre-inspect generate: --truth knows nothing of frames given as bytes: frame[0]", USAGE)


def _check_output(arguments: argparse.Namespace) -> None:
    if arguments.output is None:
        raise CommandError("nvgre-inspect generate: where to? -o OUT is missing", USAGE)
    if arguments.output == "-" and terminal.is_terminal(sys.stdout):
        raise CommandError("nvgre-inspect generate: a capture is binary: use -o FILE, or redirect the output", USAGE)


def _stamp(arguments: argparse.Namespace) -> int:
    """Write a capture of a given size (`traffic.stamping`)."""
    from nvgre_inspect.capture.output import Output
    from nvgre_inspect.traffic.stamping import Profile, ProfileError, write

    for name in ("truth", "split_by", "check"):
        if getattr(arguments, name):
            option = name.replace("_", "-")
            raise CommandError(f"nvgre-inspect generate: --{option} is for scenarios, not for --bench-profile", USAGE)
    _check_output(arguments)
    if arguments.format == "pcapng" or arguments.output.endswith(".pcapng"):
        raise CommandError("nvgre-inspect generate: --bench-profile writes pcap only", USAGE)
    try:
        profile = Profile.parse(arguments.bench_profile, arguments.seed or 0)
    except ProfileError as error:
        raise CommandError(f"nvgre-inspect generate: --bench-profile: {error}", USAGE) from None
    begun = time.monotonic()
    with analysis.explained():
        write(Output(arguments.output, force=arguments.force), profile)
    if not arguments.quiet:
        seconds = time.monotonic() - begun
        # Each flow has a packet before any has its second, and so have the tenants a flow.
        flows = min(profile.flows, profile.packets)
        analysis.say(
            f"{counted(profile.packets, 'packet')} of {counted(flows, 'flow')} in "
            f"{counted(min(profile.vsids, flows), 'tenant')}, in {duration(seconds)}"
        )
    return DONE


def _load(arguments: argparse.Namespace) -> Scenario:
    import dataclasses

    from nvgre_inspect.traffic.scenario_file import ScenarioError, load, loads

    path = arguments.scenario
    try:
        scenario = loads(sys.stdin.buffer.read(), "standard input", Path()) if path == "-" else load(path)
    except ScenarioError as error:
        raise CommandError("\n".join(f"nvgre-inspect: {problem}" for problem in error.problems), USAGE) from None
    except OSError as error:
        raise CommandError(f"nvgre-inspect: {path}: {error.strerror}", FAILED) from None
    return scenario if arguments.seed is None else dataclasses.replace(scenario, seed=arguments.seed)


def _play(arguments: argparse.Namespace, scenario: Scenario) -> None:
    from nvgre_inspect.reports.output import replacing
    from nvgre_inspect.traffic.generate import generate

    begun = time.monotonic()
    inputs = [arguments.scenario, arguments.output]
    with analysis.explained(), ExitStack() as stack:
        sink = stack.enter_context(_captures(arguments, scenario))
        truth = None  # opened before anything is played: that it cannot be written should not be said after an hour
        if arguments.truth is not None:
            truth = stack.enter_context(replacing(arguments.truth, force=arguments.force, inputs=inputs))
        progress = stack.enter_context(_progress(arguments, scenario))
        result = generate(scenario, sink, truth=truth is not None, progress=progress)
        if truth is not None and result.truth is not None:
            truth.write(_json(result.truth))
    if arguments.quiet:
        return
    frames = sum(counts.frames for counts in result.points.values())
    analysis.say(
        f"{scenario.name}, seed {scenario.seed}: {duration(scenario.duration_ns / _NS)} played in "
        f"{duration(time.monotonic() - begun)}, {counted(frames, 'frame')}"
    )
    for name, counts in result.points.items():
        missed = f", {counts.dropped:,} missed" if counts.dropped else ""
        analysis.say(f"  {name}: {counted(counts.frames, 'frame')}{missed}")


def _captures(arguments: argparse.Namespace, scenario: Scenario) -> AbstractContextManager[OneFile | FilePerPoint]:
    from nvgre_inspect.traffic.captures import FilePerPoint, OneFile

    inputs = [arguments.scenario]
    if arguments.split_by is not None:
        if arguments.output == "-":
            raise CommandError("nvgre-inspect generate: several files cannot go to standard output", USAGE)
        split: Format = arguments.format or "pcapng"
        return FilePerPoint(Path(arguments.output), scenario, form=split, force=arguments.force, inputs=inputs)
    form = file_format(arguments, arguments.output)
    if form == "pcap" and len(scenario.points) > 1:
        raise CommandError(
            f"nvgre-inspect generate: pcap cannot tell {len(scenario.points)} points apart: use pcapng, or "
            "--split-by point",
            USAGE,
        )
    return OneFile(arguments.output, scenario, form=form, force=arguments.force, inputs=inputs)


@contextmanager
def _progress(arguments: argparse.Namespace, scenario: Scenario) -> Iterator[Any]:
    """What the simulation tells how far it is."""
    line = Line()
    begun = drawn_at = time.monotonic()

    def show(share: float) -> None:
        nonlocal drawn_at
        now = time.monotonic()
        if now - begun >= QUIET_SECONDS and now - drawn_at >= INTERVAL_SECONDS:
            drawn_at = now
            line.draw(f"playing  {share:4.0%} of {duration(scenario.duration_ns / _NS)}".replace("%", " %"))

    quiet = arguments.quiet or not terminal.is_terminal(sys.stderr)
    try:
        yield (lambda share: None) if quiet else show
    finally:
        line.clear()


def _json(document: dict[str, Any]) -> bytes:
    import json

    return json.dumps(document, indent=1).encode() + b"\n"


def _size(scenario: Scenario) -> str:
    machines = sum(len(tenant.vms) for tenant in scenario.tenants)
    workloads = sum(len(tenant.workloads) for tenant in scenario.tenants)
    parts = (
        f"{duration(scenario.duration_ns / _NS)}",
        counted(len(scenario.hosts), "host"),
        counted(len(scenario.paths), "path"),
        counted(len(scenario.tenants), "tenant"),
        counted(machines, "machine"),
        counted(workloads, "workload"),
        counted(len(scenario.faults), "fault"),
        counted(len(scenario.points), "observation point"),
    )
    return f"{scenario.name}, {', '.join(parts)}"
