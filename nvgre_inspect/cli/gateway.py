"""`nvgre-inspect gateway --policy POLICY -i UNDERLAY --tap NAME`: an NVGRE endpoint, until it is interrupted."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.arguments import Parser, add_words, address, identifier, nonempty
from nvgre_inspect.cli.errors import DONE, USAGE, CommandError
from nvgre_inspect.cli.signals import ended_by_signals
from nvgre_inspect.display.text import amount, counted

if TYPE_CHECKING:
    from nvgre_inspect.gateway.endpoint import Gateway
    from nvgre_inspect.gateway.totals import PortTotals, Totals, Way

DESCRIPTION = """\
An NVGRE endpoint in user space: what a tenant's machines send to a TAP device goes through tunnels
to the hosts where the policy says that the receivers are, and what comes from there comes out.

  nvgre-inspect gateway --policy policy.toml -i eth0 --tap blue0
  nvgre-inspect gateway --policy policy.toml -i eth0 --tap 5001=blue0 --tap 5002=red0

This machine is the host of the policy whose provider address (PA) it has. The TAP device is made
and removed again; give it an address, or put it into the bridge of the tenant's machines. Needs
the rights to make one and to send raw packets (root, or CAP_NET_ADMIN and CAP_NET_RAW), and gives
them up under sudo once both are open. Ctrl-C or SIGTERM end it.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("gateway", help="an NVGRE endpoint: a tenant's network, live", description=DESCRIPTION)
    where = parser.add_argument_group("tunnels")
    where.add_argument("--policy", metavar="POLICY", type=nonempty, help="a policy file (TOML); needed")
    where.add_argument("-i", dest="underlay", metavar="INTERFACE", type=nonempty, help="the underlay's; needed")
    where.add_argument(
        "--pa", metavar="ADDRESS", type=address, help="which host of the policy this is, if it could be several"
    )
    what = parser.add_argument_group("tenants")
    what.add_argument(
        "--tap",
        dest="taps",
        action="append",
        metavar="[VSID=]NAME",
        type=_tap,
        help="the TAP device of a virtual subnet; needed, and may be repeated for others",
    )
    what.add_argument(
        "--vsid", metavar="N", type=identifier, help="the VSID for a --tap without one, if the policy has several"
    )
    what.add_argument(
        "--tap-mtu", metavar="BYTES", type=_mtu, default=0, help="MTU of the devices (default: what fits, at most 1500)"
    )
    parser.add_argument(
        "--interval", metavar="SECONDS", type=_seconds, default=10.0, help="statistics so often (default: 10; 0: never)"
    )
    add_words(parser)
    parser.set_defaults(run=run)


def _tap(text: str) -> tuple[int | None, str]:
    vsid, equals, name = text.rpartition("=")
    return (identifier(vsid) if equals else None), nonempty(name)


def _mtu(text: str) -> int:
    if not text.isdecimal() or not 68 <= int(text) <= 65_521:
        raise argparse.ArgumentTypeError(f"{text!r} is not an MTU from 68 to 65521")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (seconds == 0 or 0.1 <= seconds <= 1e6):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1, nor 0")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Open everything, carry frames until interrupted, and say what became of them."""
    from nvgre_inspect.capture.live.privileges import give_up
    from nvgre_inspect.cli.policy import load_policy
    from nvgre_inspect.gateway.endpoint import open_gateway
    from nvgre_inspect.kernels import compiled

    taps = _taps(arguments)
    policy = load_policy(arguments.policy)
    if not arguments.quiet and not compiled.is_warm("inner_frame", "rewrite", "intern"):
        analysis.say("compiling for this machine, once: some 10 seconds")
    with (
        analysis.explained(),
        open_gateway(policy, arguments.underlay, taps, pa=arguments.pa, tap_mtu=arguments.tap_mtu) as gateway,
    ):
        give_up()
        report = _Report(gateway.totals, quiet=arguments.quiet)
        report.begin(gateway)
        with ended_by_signals(gateway.stop):
            try:
                gateway.run(every_s=arguments.interval, tell=report.tell)
            finally:
                report.end(gateway)
    return DONE


def _taps(arguments: argparse.Namespace) -> list[tuple[int | None, str]]:
    for option, value in (
        ("--policy POLICY", arguments.policy),
        ("-i INTERFACE", arguments.underlay),
        ("--tap NAME", arguments.taps),
    ):
        if value is None:
            _fail(f"{option} is needed")
    unnumbered = [name for vsid, name in arguments.taps if vsid is None]
    if arguments.vsid is not None and len(unnumbered) != 1:
        _fail("--vsid is for one --tap without a VSID: --tap VSID=NAME says it of each")
    return [(arguments.vsid if vsid is None else vsid, name) for vsid, name in arguments.taps]


def _fail(sentence: str) -> NoReturn:
    raise CommandError(f"nvgre-inspect gateway: {sentence}", USAGE)


class _Report:
    """Words about a gateway on stderr: what it is, what went through it every few seconds, and all of it at the end."""

    def __init__(self, totals: Totals, *, quiet: bool) -> None:
        self._totals = totals
        self._quiet = quiet
        self._then = time.monotonic()
        self._before = [(0, 0)] * len(totals.ports)

    def begin(self, gateway: Gateway) -> None:
        """That it is there. A script waits for this line."""
        if self._quiet:
            return
        for note in gateway.notes:
            analysis.say(note)
        served = ", ".join(f"subnet {port.vsid} on {port.tap} (MTU {port.mtu})" for port in self._totals.ports)
        analysis.say(f"gateway {gateway.host.pa}: {served}; Ctrl-C ends it")

    def tell(self) -> None:
        """What went through since the last time."""
        if self._quiet:
            return
        now = time.monotonic()
        seconds, self._then = now - self._then, now
        for i, port in enumerate(self._totals.ports):
            then, self._before[i] = self._before[i], (port.out.packets, port.back.packets)
            rates = [(packets - before) / seconds for packets, before in zip(self._before[i], then, strict=True)]
            lost = port.out.left_out.total() + port.back.left_out.total()
            analysis.say(f"  {port.vsid} {port.tap}: {rates[0]:,.0f} packets/s out, {rates[1]:,.0f} in; {_left(lost)}")

    def end(self, gateway: Gateway) -> None:
        """The totals."""
        if self._quiet:
            return
        for port in self._totals.ports:
            for sentence in _port(port, gateway):
                analysis.say(sentence)
        for reason, count in self._totals.left_out.most_common():
            analysis.say(f"  {counted(count, 'packet')} of the underlay left out: {_meaning(reason)} ({reason})")
        if self._totals.other_vsids:
            found = ", ".join(f"{vsid} ({count:,})" for vsid, count in self._totals.other_vsids.most_common())
            analysis.say(f"  VSIDs that are not served here: {found}")
        if self._totals.dropped:
            analysis.say(f"  {counted(self._totals.dropped, 'packet')} dropped by the kernel: they came too fast")


def _left(count: int) -> str:
    return f"{count:,} left out so far" if count else "none left out"


def _port(port: PortTotals, gateway: Gateway) -> Iterator[str]:
    """What became of the frames of one subnet."""
    out, back = port.out, port.back
    yield (
        f"{port.vsid} {port.tap}: {counted(out.packets, 'packet')} out, {amount(out.bytes)}; "
        f"{counted(back.packets, 'packet')} in, {amount(back.bytes)}"
    )
    yield from _left_out(out, "out")
    yield from _left_out(back, "in")
    from nvgre_inspect.encapsulation.reasons import NOTED

    for name, count in gateway.noted(port.vsid).most_common():
        if name != "packet-too-big":  # what was answered indeed is said below
            yield f"  {count:,} {NOTED.get(name, name)}"
    if port.answers:
        yield f"  {port.answers:,} {NOTED['packet-too-big']}"
    if port.answers_withheld:
        yield f"  {port.answers_withheld:,} answers not given: too many at once"
    for reason, addresses in port.strangers.items():
        yield f"  not in the policy ({reason}): {', '.join(mac.hex(':') for mac in addresses)}"


def _left_out(way: Way, direction: str) -> Iterator[str]:
    counts: Counter[str] = way.left_out
    for reason, count in counts.most_common():
        yield f"  {count:,} left out ({direction}): {_meaning(reason)} ({reason})"


def _meaning(reason: str) -> str:
    from nvgre_inspect.encapsulation.reasons import SKIPPED
    from nvgre_inspect.gateway import endpoint, reception, underlay

    meanings = {**SKIPPED, **endpoint.LEFT_OUT, **reception.LEFT_OUT, **underlay.NOT_SENT}
    return meanings.get(reason, reason)
