"""`nvgre-inspect translate FILE... -o OUT --to KIND`: from one encapsulation into another."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from nvgre_inspect.cli import rewriting
from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.encapsulation.policy import KINDS

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.policy import Encapsulation
    from nvgre_inspect.encapsulation.rewriting import Totals
    from nvgre_inspect.encapsulation.rewritten import Rewriter
    from nvgre_inspect.session import Session

DESCRIPTION = """\
Put what is encapsulated into another encapsulation: NVGRE, VXLAN, Geneve, GRE and their kin.
Addresses, TTL, DSCP and times stay; identifiers (VSID, VNI, key) are mapped by --map, else kept.
Fragments of outer packets are put together first.
"""
_ID_LIMIT = 1 << 32


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "translate", help="from one encapsulation into another, into a capture", description=DESCRIPTION
    )
    group = parser.add_argument_group("encapsulation")
    group.add_argument(
        "--to", dest="kind", metavar="KIND", choices=KINDS, required=True, help=f"the new one: {', '.join(KINDS)}"
    )
    group.add_argument(
        "--map",
        dest="ids",
        metavar="A=B",
        action="append",
        default=[],
        type=_mapping,
        help="identifier A becomes B; may be repeated",
    )
    group.add_argument("--port", metavar="PORT", type=_port, help="UDP destination port (default: the usual one)")
    group.add_argument(
        "--checksum", action="store_true", help="with checksum: of GRE, or of UDP over IPv4 (over IPv6 there always is)"
    )
    rewriting.add_arguments(parser, verb="translate")
    parser.set_defaults(run=run)


def _mapping(text: str) -> tuple[int, int]:
    try:
        old, new = (int(part, 0) for part in text.split("="))
    except ValueError:
        old = new = -1
    if not (0 <= old < _ID_LIMIT and 0 <= new < _ID_LIMIT):
        raise argparse.ArgumentTypeError(f"{text!r} is not A=B, two identifiers of at most 32 bits")
    return old, new


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 1 and 65535")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Translate, write, and say what became of all frames."""
    encapsulation, ids = _encapsulation(arguments), _ids(arguments)
    destination = rewriting.open_file(arguments, arguments.output)

    def make_rewriter(session: Session) -> Rewriter:
        from nvgre_inspect.encapsulation.batches import translation

        return translation(
            encapsulation,
            session.interfaces,
            session.decoder().decode,
            compiled=session.uses_kernels,
            ids=ids,
            options=session.decode_options(),
        )

    def say_more(totals: Totals) -> Iterable[str]:
        return _losses(encapsulation) if totals.rewritten else ()

    return rewriting.run(arguments, destination, make_rewriter, say_more=say_more)


def _encapsulation(arguments: argparse.Namespace) -> Encapsulation:
    from nvgre_inspect.encapsulation.policy import Encapsulation, Policy
    from nvgre_inspect.encapsulation.policy_rules import problems_of

    result = Encapsulation(kind=arguments.kind, port=arguments.port, checksum=arguments.checksum)
    for problem in problems_of(Policy(result)):
        _fail(problem.replace("encapsulation.", "--"))
    return result


def _ids(arguments: argparse.Namespace) -> dict[int, int]:
    from nvgre_inspect.encapsulation.outer import IDENTIFIERS

    allowed = IDENTIFIERS[arguments.kind]
    ids: dict[int, int] = {}
    for old, new in arguments.ids:
        if not allowed:
            _fail(f"--map {old}={new}: {arguments.kind} carries no identifier")
        if new not in allowed:
            _fail(f"--map {old}={new}: identifiers of {arguments.kind} are {allowed[0]} to {allowed[-1]}")
        if ids.setdefault(old, new) != new:
            _fail(f"--map {old}={new}: {old} is already mapped to {ids[old]}")
    return ids


def _losses(encapsulation: Encapsulation) -> Iterable[str]:
    """What does not come back when the output is translated back."""
    from nvgre_inspect.encapsulation.outer import CARRIES_IP, IDENTIFIERS, PORTS

    kind = encapsulation.kind
    if kind in CARRIES_IP:
        yield f"{kind} carries IP packets: tenants' MAC addresses and VLAN tags are not in the output"
    if not IDENTIFIERS[kind]:
        yield f"{kind} carries no identifier: VSIDs are not in the output"
    if kind == "nvgre":
        yield "of UDP source ports the lower 8 bits are in the output, as FlowIDs"
    elif kind not in PORTS:
        yield f"{kind} has no field for entropy: FlowIDs and UDP source ports are not in the output"


def _fail(sentence: str) -> NoReturn:
    raise CommandError(f"nvgre-inspect translate: {sentence}", USAGE)
