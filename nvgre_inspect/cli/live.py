"""`nvgre-inspect live -i INTERFACE`: traffic while it happens, per tenant; `--headless` for scripts and services."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, live_input
from nvgre_inspect.cli.arguments import (
    Parser,
    add_decoding,
    add_idle_timeout,
    add_time,
    add_words,
    identifier,
    nonempty,
    positive,
)
from nvgre_inspect.cli.errors import DAMAGED, DONE, INTERRUPTED, USAGE, CommandError
from nvgre_inspect.cli.signals import ended_by_signals, leave
from nvgre_inspect.config import THEME_CHOICES

if TYPE_CHECKING:
    from nvgre_inspect.capture.live.captures import LiveCaptures
    from nvgre_inspect.config import Config
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.reports.flow_log import FlowLog
    from nvgre_inspect.session import Session, SessionOptions

DESCRIPTION = """\
Follow traffic on an interface, per tenant: tenants, tunnels, flows and packets while they happen, in the
terminal UI, or with --headless as a table, CSV or JSON lines per interval (SIGTERM ends it cleanly).

  nvgre-inspect live -i eth0 --tunnels-only
  nvgre-inspect live -i eth0 -i eth1 --vsid 5001 -w tenant.pcapng -b filesize:100MB -b files:10
  nvgre-inspect live -i eth0 --headless --jsonl --interval 10 --table flows
  ssh host tcpdump -U -w - | nvgre-inspect live -
  nvgre-inspect live --follow /var/tmp/uplink.pcapng

Capturing needs CAP_NET_RAW. Run under sudo, rights are given up once the interfaces are open.
"""
#: Tables that --headless can print.
TABLES = ("tenants", "tunnels", "flows")
#: Flows and packets that are kept unless somebody asks for more: some 200 MB of tables, and what the packets take, of
#: which `live_input` limits the bytes.
MAX_FLOWS = 100_000
_FEWEST_FLOWS = 100
MAX_PACKETS = 1_000_000


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("live", help="traffic of an interface while it happens", description=DESCRIPTION)
    source = parser.add_argument_group("from where")
    source.add_argument(
        "source", nargs="?", metavar="-", type=_standard_input, help="a capture that grows on standard input"
    )
    source.add_argument(
        "-i", dest="interfaces", action="append", metavar="INTERFACE", type=nonempty, help="capture; may be repeated"
    )
    source.add_argument(
        "--follow", metavar="FILE", type=nonempty, help="a capture that another program writes and rotates"
    )
    _add_capturing(parser)
    _add_keeping(parser)
    _add_recording(parser)
    _add_output(parser)
    add_words(parser)
    parser.set_defaults(run=run, interface=None, read_filter=None, tshark_filter=None, engine="auto")


def _add_capturing(parser: Parser) -> None:
    group = parser.add_argument_group("capturing (with -i)")
    group.add_argument("-f", dest="bpf", metavar="FILTER", default="", help="capture filter (BPF), as of tcpdump")
    group.add_argument(
        "--tunnels-only",
        action="store_true",
        help="a capture filter for encapsulated packets: GRE, VXLAN, Geneve, ERSPAN, IP in IP, MPLS, ESP",
    )
    group.add_argument(
        "--only-vsid",
        action="append",
        metavar="VSID",
        type=identifier,
        help="a capture filter for a VSID or VNI where headers have no options; fragments but the first are lost",
    )
    group.add_argument(
        "-s", dest="snaplen", metavar="BYTES", type=_snaplen, help="no more than that of a packet (default: 0, all)"
    )
    group.add_argument("-p", "--no-promiscuous-mode", action="store_true", help="only what is meant for this machine")
    group.add_argument(
        "-B",
        dest="buffer",
        metavar="MIB",
        type=_mebibytes,
        help=f"the kernel's buffer (default: {live_input.BUFFER_MIB})",
    )
    group.add_argument("--immediate-mode", action="store_true", help="hand packets over at once, for slow traffic")
    group.add_argument(
        "-j", "--time-stamp-type", dest="timestamp", metavar="TYPE", default="", help="host or adapter_unsynced"
    )


def _add_keeping(parser: Parser) -> None:
    group = parser.add_argument_group("keeping")
    group.add_argument(
        "--vsid",
        action="append",
        metavar="VSID",
        type=identifier,
        help="keep only packets of this tenant; may be repeated",
    )
    group.add_argument("-Y", dest="row_filter", metavar="FILTER", help="keep only packets that match")
    group.add_argument("-c", dest="count", metavar="COUNT", type=positive, help="end after COUNT packets")
    group.add_argument(
        "-a",
        dest="autostop",
        action="append",
        metavar="LIMIT",
        help="end after duration:SECONDS, filesize:KB, files:N or packets:N; may be repeated",
    )
    group.add_argument(
        "--max-flows",
        metavar="N",
        type=_flows,
        default=MAX_FLOWS,
        help=f"when there are more, those idle longest leave (default: {MAX_FLOWS:,})",
    )
    group.add_argument(
        "--max-packets",
        metavar="N",
        type=positive,
        default=MAX_PACKETS,
        help=f"packets that can be looked at, the newest (default: {MAX_PACKETS:,})",
    )
    add_idle_timeout(group)
    add_decoding(group)


def _add_recording(parser: Parser) -> None:
    group = parser.add_argument_group("recording")
    group.add_argument("-w", dest="record", metavar="FILE", type=nonempty, help="write what is kept to a pcapng file")
    group.add_argument(
        "-b",
        dest="ring",
        action="append",
        metavar="LIMIT",
        help="go on in the next file after duration:SECONDS, filesize:KB or packets:N; files:N: keep the newest N",
    )
    group.add_argument(
        "--decap-to",
        metavar="TAP",
        type=nonempty,
        help="the inner frames of the tenant (--vsid) to a TAP interface made for it, a FIFO or - as a pcap stream",
    )


def _add_output(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--headless", action="store_true", help="print a table per interval instead of the terminal UI")
    group.add_argument("--interval", metavar="SECONDS", type=_interval, default=1.0, help="of --headless (default: 1)")
    group.add_argument("--table", choices=TABLES, default="tenants", help="of --headless (default: tenants)")
    formats = group.add_mutually_exclusive_group()
    formats.add_argument("--csv", dest="format", action="store_const", const="csv", help="headless: CSV")
    formats.add_argument("--jsonl", dest="format", action="store_const", const="jsonl", help="headless: JSON lines")
    group.add_argument(
        "-o",
        dest="output",
        metavar="PATH",
        type=nonempty,
        help="at the end all flows, also those that left: CSV, JSONL",
    )
    group.add_argument("--force", action="store_true", help="overwrite existing files")
    group.add_argument("--theme", choices=THEME_CHOICES, help="colours of the terminal UI")
    group.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    add_time(group)


def _standard_input(text: str) -> str:
    if text != "-":
        raise argparse.ArgumentTypeError(
            f"{text!r} is not standard input; -i {text} captures from an interface, --follow {text} reads a file"
        )
    return text


def _flows(text: str) -> int:
    if not text.isdecimal() or int(text) < _FEWEST_FLOWS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of flows from {_FEWEST_FLOWS} on")
    return int(text)


def _snaplen(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    from nvgre_inspect.capture.limits import STANDARD_SNAPLEN

    # 0 is all of a packet, as for tcpdump.
    return int(text) or STANDARD_SNAPLEN


def _mebibytes(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of MiB")
    return int(text)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 on")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Check everything, open, give up rights, capture."""
    from nvgre_inspect.session import Session
    from nvgre_inspect.tui import terminal

    sources = live_input.sources(arguments)
    settings = analysis.configuration(arguments)
    headless = arguments.headless or arguments.format is not None
    if not headless and not terminal.is_there(sources):
        raise CommandError(
            "nvgre-inspect live: no terminal to draw on: --headless prints a table per interval instead", USAGE
        )
    options = live_input.session_options(arguments, settings)
    with (
        analysis.explained(),
        live_input.opened(arguments, options) as (captures, log),
    ):
        if headless:
            from nvgre_inspect.cli.headless import Headless

            with Session(lambda: captures, options, on_evict=logged(log)) as session:
                printed = Headless(arguments, settings, captures, session)
                code = printed.run()
                log_rest(log, session)
                notes: Sequence[str] = [note for note in session.notes if note not in printed.told]
                damage = [sentence for sentence in captures.damage if sentence not in printed.told]
        else:
            code, notes = _show(captures, sources, options, arguments, settings, log)
            damage = captures.damage
        for sentence in [*([] if arguments.quiet else notes), *damage]:
            analysis.say(sentence)
        return DAMAGED if captures.damage else code


def logged(log: FlowLog | None) -> Callable[[Snapshot], None] | None:
    """What is done with flows that leave."""
    return None if log is None else lambda leaving: log.write(leaving.rows("flows"))


def log_rest(log: FlowLog | None, session: Session) -> None:
    """The flows that never left."""
    if log is not None and session.is_counted:
        log.write(session.snapshot().rows("flows"))


def _show(
    captures: LiveCaptures,
    sources: list[str],
    options: SessionOptions,
    arguments: argparse.Namespace,
    settings: Config,
    log: FlowLog | None,
) -> tuple[int, Sequence[str]]:
    from nvgre_inspect.session import Session
    from nvgre_inspect.tui import run_live

    time = arguments.time or settings.options.time
    theme = arguments.theme or settings.tui.theme
    settings = replace(
        settings,
        options=replace(settings.options, time=time),
        tui=replace(settings.tui, theme=theme, mouse=settings.tui.mouse and not arguments.no_mouse),
    )
    try:
        with ended_by_signals(leave) as signals:
            app = run_live(
                lambda report: Session(lambda: captures, options, report, logged(log)),
                sources,
                settings,
                at_end=lambda session: log_rest(log, session),
            )
    except SystemExit:
        return INTERRUPTED if signal.SIGINT in signals else DONE, captures.notes
    if app.outcome is not None and app.outcome.error is not None:
        raise app.outcome.error
    return app.return_code or DONE, captures.notes if app.outcome is None else app.outcome.notes
