"""`nvgre-inspect replay FILE... -i INTERFACE`: tenants' frames through the encapsulator, onto a wire or into a file."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn

from nvgre_inspect.cli import analysis, encap, rewriting
from nvgre_inspect.cli.arguments import Parser, add_files, add_words, nonempty
from nvgre_inspect.cli.errors import DAMAGED, FAILED, INTERRUPTED, USAGE, CommandError
from nvgre_inspect.display.progress import describe
from nvgre_inspect.display.text import amount, counted, duration, escape, rate

if TYPE_CHECKING:
    from nvgre_inspect.display.progress import Progress
    from nvgre_inspect.session import Session
    from nvgre_inspect.traffic.pacing import Plan
    from nvgre_inspect.traffic.preparing import Preparation
    from nvgre_inspect.traffic.replay import Sink, Totals
    from nvgre_inspect.traffic.sending import Interface
    from nvgre_inspect.traffic.shift_rules import Shift

DESCRIPTION = """\
Send a capture again: a tenant's own frames are encapsulated first, as the policy says, and frames
that are in tunnels already are taken out of these before. With --as-is frames are sent as they are.

Nothing is ever sent without -i. Sending needs the right to (root, or CAP_NET_RAW); -o and --dry-run
need none.

  nvgre-inspect replay tenant.pcap -i veth0 --policy policy.toml
  nvgre-inspect replay uplink.pcapng -i veth0 --as-is --topspeed --loop 10
  nvgre-inspect replay tenant.pcap -o thousand.pcapng --policy policy.toml --loop 1000 \\
      --rewrite vsid+1,ca+0.0.1.0
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("replay", help="send a capture again, encapsulated", description=DESCRIPTION)
    add_files(parser)
    where = parser.add_argument_group("where to")
    place = where.add_mutually_exclusive_group()
    place.add_argument("-i", dest="send_on", metavar="INTERFACE", type=nonempty, help="send on this interface")
    place.add_argument("-o", dest="output", metavar="FILE", type=nonempty, help="write a capture, - for stdout")
    where.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    where.add_argument("-F", dest="format", choices=("pcap", "pcapng"), help="the format of -o, as encap has it")
    where.add_argument("--force", action="store_true", help="overwrite an existing file")
    what = parser.add_argument_group("what")
    what.add_argument("-Y", dest="row_filter", metavar="FILTER", help="only packets that match")
    what.add_argument("--as-is", action="store_true", help="frames as they were captured, tunnels and all")
    what.add_argument(
        "--pad", action="store_true", help="fill up frames that were cut with zeros, else they are left out"
    )
    encap.add_tunnels(what)
    when = parser.add_argument_group("when")
    pace = when.add_mutually_exclusive_group()
    pace.add_argument("--multiplier", metavar="X", type=_rate, help="X times as fast as captured (default: 1)")
    pace.add_argument("--pps", metavar="N", type=_rate, help="N packets a second")
    pace.add_argument("--mbps", metavar="N", type=_rate, help="N megabits of frames a second")
    pace.add_argument("--topspeed", action="store_true", help="as fast as the interface takes them")
    when.add_argument("--loop", metavar="N", type=_loops, default=1, help="N times, 0: until interrupted (default: 1)")
    when.add_argument(
        "--rewrite",
        dest="rules",
        action="append",
        metavar="RULES",
        help="what is added with each loop: vsid+1, ca+0.0.1.0, ca+::1:0, mac+1, pa+1; a,b,c; may be repeated",
    )
    add_words(parser)
    parser.set_defaults(run=run)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-9 <= value <= 1e12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _loops(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of loops")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Prepare, send (or write, or count), and say what became of all frames."""
    from nvgre_inspect.traffic.sending import SendError

    step = _step(arguments)
    where = _ways(arguments)
    if arguments.send_on is None and arguments.output is None and not arguments.dry_run:
        _fail(arguments, "where to? -i INTERFACE sends, -o FILE writes a capture, --dry-run only counts")
    if arguments.loop == 0 and arguments.output is not None:
        _fail(arguments, "--loop 0 never ends, which no file can hold: say how many loops")
    analysis.check_files(arguments)
    try:
        with _stop_on_interrupt() as stopped:
            return _Run(arguments, where, step, stopped).run()
    except SendError as error:
        raise CommandError(f"nvgre-inspect replay: {error}", FAILED) from None


class _Run:
    """One replay."""

    def __init__(
        self, arguments: argparse.Namespace, where: encap.Ways | None, step: Shift, stopped: Callable[[], bool]
    ) -> None:
        self._arguments = arguments
        self._where = where
        self._step = step
        self._stopped = stopped
        self._interface: Interface | None = None

    def run(self) -> int:
        """The exit code."""
        from nvgre_inspect.encapsulation.reasons import UNREADABLE
        from nvgre_inspect.session import open_session
        from nvgre_inspect.traffic.loops import looped
        from nvgre_inspect.traffic.replay import replay

        arguments = self._arguments
        settings = analysis.configuration(arguments)
        chosen = analysis.row_filter(arguments.row_filter, "packets")
        again = chosen is not None and chosen.needs_flows
        options = analysis.session_options(arguments, settings, spool=again)
        loops = 1 if arguments.dry_run and arguments.loop == 0 else arguments.loop
        with analysis.explained(), ExitStack() as stack:
            sink = self._sink(stack)
            hear = None if arguments.quiet else _say_compiling
            session = stack.enter_context(open_session(arguments.files, options=options, progress=hear))
            preparation = self._preparation(session)

            source = session.frames(arguments.row_filter, inner=None if arguments.as_is else "tenant")
            parts = looped(
                preparation.batches(source), loops, step=self._step, decode=lambda b: session.decoder().decode(b)
            )
            totals = replay(parts, self._plan(), sink, stopped=self._stopped)
            damaged = analysis.conclude(session, arguments)
        self._say(preparation, totals)
        if totals.stopped:
            return INTERRUPTED
        return DAMAGED if UNREADABLE & preparation.skipped.keys() else damaged

    def _sink(self, stack: ExitStack) -> Sink:
        """Where frames go, checked before anything is read."""
        from nvgre_inspect.traffic.pacing import Pace
        from nvgre_inspect.traffic.replay import Counted, Live, Recorded
        from nvgre_inspect.traffic.sending import find_interface, open_sender

        arguments = self._arguments
        if arguments.dry_run:
            self._interface = find_interface(arguments.send_on) if arguments.send_on else None
            return Counted()
        if arguments.output is not None:
            from dissectors.offsets import DLT_ETHERNET

            return Recorded(stack.enter_context(rewriting.open_file(arguments, arguments.output, DLT_ETHERNET)))
        sender = open_sender(arguments.send_on)
        stack.callback(sender.close)
        self._interface = sender.interface
        every_second = _ignore if arguments.quiet else _tell
        return Live(sender, Pace(self._stopped), stopped=self._stopped, every_second=every_second)

    def _preparation(self, session: Session) -> Preparation:
        from nvgre_inspect.traffic.preparing import Preparation

        mtu = self._interface.mtu if self._interface is not None else 0
        where, arguments = self._where, self._arguments
        if where is None:
            return Preparation(interfaces=session.interfaces, mtu=mtu, pad=arguments.pad)
        from nvgre_inspect.encapsulation.batches import encapsulation
        from nvgre_inspect.encapsulation.slicing import Decapsulation

        return Preparation(
            interfaces=session.interfaces,
            decapsulator=lambda: Decapsulation(session.decode_options(), session.interfaces, session.decoder().decode),
            encapsulator=lambda interfaces: encapsulation(
                where.policy,
                interfaces,
                compiled=session.uses_kernels,
                vsid=arguments.vsid,
                by_policy=arguments.by_policy,
                origin=where.origin,
            ),
            mtu=mtu,
            pad=arguments.pad,
        )

    def _plan(self) -> Plan:
        from nvgre_inspect.traffic.pacing import BitRate, OwnTiming, PacketRate, TopSpeed

        arguments = self._arguments
        if arguments.topspeed:
            return TopSpeed()
        if arguments.pps is not None:
            return PacketRate(arguments.pps)
        if arguments.mbps is not None:
            return BitRate(arguments.mbps)
        return OwnTiming(1.0 if arguments.multiplier is None else arguments.multiplier)

    def _say(self, preparation: Preparation, totals: Totals) -> None:
        arguments = self._arguments
        if arguments.dry_run:
            print(self._would(totals))
        elif not arguments.quiet:
            done = "written" if arguments.output is not None else "sent"
            stopped = ", interrupted" if totals.stopped else ""
            analysis.say(f"{counted(preparation.frames, 'packet')} in, {_amounts(totals, done)}{stopped}")
        if not arguments.quiet:
            for sentence in _left_out(preparation, totals):
                analysis.say(sentence)
            if totals.errors is not None:
                p50, p99, most = (
                    duration(ns / 1e9) for ns in (totals.errors.p50_ns, totals.errors.p99_ns, totals.errors.max_ns)
                )
                analysis.say(f"  timing error: {p50} (median), {p99} (99 of 100), {most} (largest)")

    def _would(self, totals: Totals) -> str:
        arguments = self._arguments
        to = ""
        if self._interface is not None:
            mtu = f" (MTU {self._interface.mtu:,})" if self._interface.mtu else ""
            to = f" on {self._interface.name}{mtu}"
        elif arguments.output is not None:
            to = f" to {escape(arguments.output)}"
        if arguments.topspeed:
            what = f"{_sizes(totals, '')}, as fast as it goes{_loops_of(totals)}"
        else:
            what = _amounts(totals, "")
        return f"would be sent{to}: {what}{', again and again' if arguments.loop == 0 else ''}"


def _amounts(totals: Totals, done: str) -> str:
    """`1,000 packets sent, 660 kB, in 2.000 s: 500 packets/s, 2.64 Mbit/s`, and the loops if there were several."""
    text = f"{_sizes(totals, done)}, in {duration(totals.elapsed_ns / 1e9)}"
    if totals.elapsed_ns:
        text += f": {totals.pps:,.0f} packets/s, {rate(totals.mbps * 1e6)}"
    return text + _loops_of(totals)


def _sizes(totals: Totals, done: str) -> str:
    return f"{counted(totals.frames, 'packet')} {done}".rstrip() + f", {amount(totals.bytes)}"


def _loops_of(totals: Totals) -> str:
    return f", {totals.loops:,} loops" if totals.loops > 1 else ""


def _left_out(preparation: Preparation, totals: Totals) -> Iterator[str]:
    from nvgre_inspect.encapsulation.reasons import NOTED
    from nvgre_inspect.encapsulation.reasons import SKIPPED as NOT_ENCAPSULATED
    from nvgre_inspect.traffic.sending import SKIPPED as NOT_SENT

    meanings = {**NOT_ENCAPSULATED, **NOT_SENT}
    for counts in (preparation.skipped, totals.refused):
        for reason, count in counts.most_common():
            yield f"  {count:,} left out: {meanings.get(reason, reason)} ({reason})"
    for name, count in preparation.noted.most_common():
        yield f"  {count:,} {NOTED.get(name, name)}"


def _tell(totals: Totals) -> None:
    analysis.say(f"  {_amounts(totals, 'sent')}")


def _say_compiling(progress: Progress) -> None:
    """The one wait that would surprise. How far the sending is, is said every second."""
    if progress.activity == "compiling":
        analysis.say(describe(progress))


def _ignore(totals: Totals) -> None:
    """With -q."""


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Asked whether Ctrl-C was pressed. A second one ends at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def press(number: int, frame: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _step(arguments: argparse.Namespace) -> Shift:
    from nvgre_inspect.traffic.shift_rules import RuleError, Shift

    rules = [rule.strip() for rules in arguments.rules or [] for rule in rules.split(",")]
    try:
        step = Shift.parse(rules)
    except RuleError as error:
        _fail(arguments, f"--rewrite {error}")
    if step and arguments.loop == 1:
        _fail(arguments, "--rewrite changes frames from the second loop on: say --loop N as well")
    return step


def _ways(arguments: argparse.Namespace) -> encap.Ways | None:
    """Through which tunnels; None: as they are."""
    given = (arguments.policy, arguments.vsid, arguments.pa_src, arguments.pa_dst)
    if arguments.as_is:
        if any(value is not None for value in (*given, arguments.encap)) or arguments.by_policy:
            _fail(arguments, "--as-is sends frames as they are: what says through which tunnels has no part in it")
        return None
    if given == (None, None, None, None):
        _fail(
            arguments,
            "through which tunnels? --policy POLICY, or --vsid N --pa-src ADDRESS --pa-dst ADDRESS for one; --as-is "
            "sends frames as they are",
        )
    return encap.ways(arguments)


def _fail(arguments: argparse.Namespace, sentence: str) -> NoReturn:
    raise CommandError(f"nvgre-inspect {arguments.command}: {sentence}", USAGE)
