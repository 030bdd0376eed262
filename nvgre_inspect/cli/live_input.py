"""From the arguments of `live` to captures that are open: everything is checked before anything is opened, and rights
are given up as soon as everything is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.errors import USAGE, CommandError

if TYPE_CHECKING:
    from nvgre_inspect.capture.live.captures import LiveCaptures, Sink
    from nvgre_inspect.capture.live.limits import Limits
    from nvgre_inspect.capture.live.source import LiveSource
    from nvgre_inspect.config import Config
    from nvgre_inspect.reports.flow_log import FlowLog
    from nvgre_inspect.session import SessionOptions

#: The kernel's buffer of each interface, unless -B says otherwise.
BUFFER_MIB = 128
#: Bytes of frames that are kept at most, however many packets they are, and which part of the memory that is free.
_KEPT_BYTES = 1 << 30
_KEPT_PART = 4
#: Options that are of use with -i only, by where argparse puts their values: filters, and how frames are captured.
_FILTERS = {"bpf": "-f", "tunnels_only": "--tunnels-only", "only_vsid": "--only-vsid"}
_SETTINGS = {
    "snaplen": "-s",
    "no_promiscuous_mode": "-p",
    "buffer": "-B",
    "immediate_mode": "--immediate-mode",
    "timestamp": "-j",
}


def sources(arguments: argparse.Namespace) -> list[str]:
    """What is captured from, by the names that the user gave. CommandError unless it is one kind of source."""
    kinds = [bool(arguments.interfaces), arguments.source is not None, arguments.follow is not None]
    if sum(kinds) > 1:
        _fail("-i, - and --follow are different sources: give one of them")
    if arguments.interfaces:
        return list(dict.fromkeys(arguments.interfaces))
    if arguments.follow is not None:
        return [arguments.follow]
    if arguments.source is None:
        _fail("from where? -i INTERFACE, - (standard input), or --follow FILE; nvgre-inspect interfaces lists them")
    return ["-"]


def writes_packets(arguments: argparse.Namespace) -> bool:
    """Whether standard output is for packets."""
    return "-" in (arguments.record, arguments.decap_to)


def session_options(arguments: argparse.Namespace, settings: Config) -> SessionOptions:
    """What the session is to do; -Y and --vsid both narrow what is kept. `-c` counts what comes, kept or not."""
    analysis.row_filter(arguments.row_filter, "packets")
    tests = [f"({arguments.row_filter})"] if arguments.row_filter else []
    if arguments.vsid:
        tests.append(f"(vsid in {{{', '.join(map(str, arguments.vsid))}}})")
    return replace(
        analysis.session_options(arguments, settings, spool=True),
        read_filter=" && ".join(tests) or None,
        count=None,
        max_flows=arguments.max_flows,
        max_packets=arguments.max_packets,
    )


@contextmanager
def _flows_written(arguments: argparse.Namespace) -> Iterator[FlowLog | None]:
    """What -o asks for; there as a whole when the block ends."""
    if arguments.output is None:
        yield None
        return
    from nvgre_inspect.reports.flow_log import FlowLog

    log = FlowLog(arguments.output, force=arguments.force)
    try:
        yield log
    finally:
        log.close()
        for sentence in log.notes:
            analysis.say(sentence)


def _check_flows(arguments: argparse.Namespace) -> None:
    """Whether -o can be written."""
    from nvgre_inspect.cli.arguments import FORMATS
    from nvgre_inspect.cli.output import OTHER_FORMATS
    from nvgre_inspect.reports import flow_log

    if arguments.output == "-":
        _fail("-o writes flows to a file; what --headless prints goes to standard output already")
    suffix = Path(arguments.output).suffix.lower().removeprefix(".")
    if suffix in (*FORMATS, *OTHER_FORMATS) and suffix not in flow_log.FORMATS:
        _fail(f"{arguments.output}: {suffix} is not written while capturing; {' and '.join(flow_log.FORMATS)} are")
    for option, name in (("-w", arguments.record), ("--follow", arguments.follow)):
        if name is not None and _is_one_file(name, arguments.output):
            _fail(f"{option} and -o name the same file")


@contextmanager
def opened(arguments: argparse.Namespace, options: SessionOptions) -> Iterator[tuple[LiveCaptures, FlowLog | None]]:
    """The captures, open and without rights that are not needed any more, and what -o asks for. Closed at the end."""
    from nvgre_inspect.capture.live.captures import LiveCaptures
    from nvgre_inspect.capture.live.kept import KeptFrames
    from nvgre_inspect.capture.live.limits import Limits

    try:
        limits = Limits.parsed(arguments.autostop or [], arguments.ring or [])
    except ValueError as error:
        _fail(str(error))
    _check(arguments, limits)
    if arguments.output is not None:
        _check_flows(arguments)
    _prepare(arguments)
    with ExitStack() as last, ExitStack() as stack:
        source = _source(arguments)
        stack.callback(source.close)
        sinks: list[Sink] = []
        listeners: list[Sink] = []
        if arguments.decap_to is not None:
            from nvgre_inspect.gateway.delivery import open_delivery
            from nvgre_inspect.session import decode_options

            listeners.append(open_delivery(arguments.decap_to, arguments.vsid[0], options=decode_options(options)))
            stack.callback(listeners[-1].close)
        if arguments.interfaces:
            from nvgre_inspect.capture.live.privileges import give_up

            give_up()
        # Files belong to who called sudo.
        log = last.enter_context(_flows_written(arguments))
        if arguments.record is not None:
            from nvgre_inspect.capture.live.recording import Recorder

            inputs = [arguments.follow] if arguments.follow is not None else []
            recorder = Recorder(arguments.record, source.interfaces, limits, force=arguments.force, inputs=inputs)
            sinks.append(recorder)
            stack.callback(recorder.close)
        captures = LiveCaptures(
            source,
            KeptFrames(arguments.max_packets, min(_KEPT_BYTES, _free_memory() // _KEPT_PART)),
            sinks,
            listeners,
            count=min((n for n in (arguments.count, limits.stop_packets) if n is not None), default=None),
            seconds=limits.stop_seconds,
        )
        stack.pop_all()
        stack.callback(captures.close)
        yield captures, log


def _is_one_file(one: str, other: str) -> bool:
    """Whether two names are of the same file; of a device that takes everything there is no harm in it."""
    place = Path(one).resolve()
    return place == Path(other).resolve() and (place.is_file() or not place.exists())


def _source(arguments: argparse.Namespace) -> LiveSource:
    if arguments.follow is not None:
        from nvgre_inspect.capture.live.following import Following

        return Following(Path(arguments.follow))
    if arguments.source is not None:
        from nvgre_inspect.capture.live.pipe import Pipe

        return Pipe()
    from nvgre_inspect.capture.limits import STANDARD_SNAPLEN
    from nvgre_inspect.capture.live.options import LiveOptions
    from nvgre_inspect.capture.live.source import open_live

    return open_live(
        LiveOptions(
            interfaces=tuple(sources(arguments)),
            bpf=arguments.bpf,
            snaplen=arguments.snaplen or STANDARD_SNAPLEN,
            promiscuous=not arguments.no_promiscuous_mode,
            buffer_bytes=(arguments.buffer or BUFFER_MIB) << 20,
            immediate=arguments.immediate_mode,
            timestamp=arguments.timestamp,
            vsid=tuple(arguments.only_vsid or ()),
            tunnels_only=arguments.tunnels_only,
        )
    )


def _check(arguments: argparse.Namespace, limits: Limits) -> None:
    """What can be refused before anything is opened: what makes no sense, and what would have no effect."""
    if not arguments.interfaces:
        for argument, option in _FILTERS.items():
            if getattr(arguments, argument):
                _fail(f"{option} is a filter of interfaces; what comes from elsewhere is narrowed by --vsid and -Y")
        for argument, option in _SETTINGS.items():
            if getattr(arguments, argument):
                _fail(f"{option} says how interfaces are captured from (-i); what comes from elsewhere comes as it is")
    if limits.stop_bytes is not None and arguments.record is None:
        _fail("-a filesize: is the size of a recording: -w FILE names it")
    if arguments.ring and arguments.record is None:
        _fail("-b goes on in the next file of a recording: -w FILE names it")
    if arguments.record == "-" and limits.several_files:
        _fail("-b goes on in the next file, of which standard output (-w -) has none")
    if arguments.record == arguments.decap_to == "-":
        _fail("-w - and --decap-to - would both write to standard output: give one of them a file or a FIFO")
    if writes_packets(arguments) and arguments.format is not None:
        _fail(f"packets go to standard output, where --{arguments.format} would write rows: give them a file or a FIFO")
    if arguments.record == "-" and terminal.is_terminal(sys.stdout):
        _fail("packets are not for a terminal: pipe them, for example | tcpdump -n -r -")
    if arguments.decap_to is not None and len(arguments.vsid or ()) != 1:
        _fail("--decap-to delivers one tenant's frames: --vsid says which")


def _free_memory() -> int:
    """Bytes; a guess where the system does not tell."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) << 10
    return _KEPT_PART * _KEPT_BYTES


def _prepare(arguments: argparse.Namespace) -> None:
    """Have kernels ready. People do not wait for compilers, for what can be said before."""
    from nvgre_inspect.cli import live_kernels
    from nvgre_inspect.kernels import compiled

    if arguments.interfaces and not compiled.is_warm("decode", "account"):
        from nvgre_inspect.capture.live import device

        device.check(sources(arguments))
    live_kernels.compile_all(quiet=arguments.quiet)
    if arguments.interfaces:
        live_kernels.load_all()


def _fail(sentence: str) -> NoReturn:
    raise CommandError(f"nvgre-inspect live: {sentence}", USAGE)
