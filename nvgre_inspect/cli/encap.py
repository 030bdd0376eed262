"""`nvgre-inspect encap FILE... -o OUT`: tenants' frames into tunnels, by a policy or all into one tunnel."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from nvgre_inspect.cli import rewriting
from nvgre_inspect.cli.arguments import Parser, address, identifier, nonempty
from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.display.text import counted
from nvgre_inspect.encapsulation.policy import KINDS

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.origin import Origin
    from nvgre_inspect.encapsulation.policy import Kind, Policy
    from nvgre_inspect.encapsulation.rewriting import Totals
    from nvgre_inspect.encapsulation.rewritten import Rewriter
    from nvgre_inspect.session import Session

DESCRIPTION = """\
Put tenants' frames into tunnels, as an encapsulating endpoint (RFC 7637) does.

A policy (docs/policy.md; nvgre-inspect policy derive learns one) says who is behind which provider
address. Without one, --vsid, --pa-src and --pa-dst put all frames into one tunnel, in one
direction: whoever sent them, they go from --pa-src to --pa-dst. Frames that decap took out of a
tunnel go back into it, as long as the policy has its virtual subnet.
"""


class Ways(NamedTuple):
    """Where frames go."""

    policy: Policy
    #: The tunnel of all frames; None: as the policy says.
    origin: Origin | None


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("encap", help="put frames into tunnels, into a capture", description=DESCRIPTION)
    group = parser.add_argument_group("tunnels")
    add_tunnels(group)
    group.add_argument(
        "--replies",
        metavar="FILE",
        type=nonempty,
        help="write the answers to frames over the MTU there (ICMP packet too big, where the policy has them)",
    )
    rewriting.add_arguments(parser, verb="encapsulate")
    parser.set_defaults(run=run)


def add_tunnels(group: argparse._ActionsContainer) -> None:
    """Where frames go: what `ways` reads."""
    group.add_argument("--policy", metavar="POLICY", type=nonempty, help="a policy file (TOML)")
    group.add_argument("--by-policy", action="store_true", help="as the policy says, wherever decap had them from")
    group.add_argument(
        "--vsid", metavar="N", type=identifier, help="the VSID (VNI, key, label) of all frames, with or without policy"
    )
    group.add_argument("--pa-src", metavar="ADDRESS", type=address, help="all frames are sent from here")
    group.add_argument("--pa-dst", metavar="ADDRESS", type=address, help="and to here; a multicast group is fine")
    group.add_argument(
        "--encap", metavar="KIND", choices=KINDS, help=f"the encapsulation without a policy: {', '.join(KINDS)}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Encapsulate, write, and say what became of all frames."""
    from dissectors.offsets import DLT_ETHERNET

    where = ways(arguments)
    replies = rewriting.open_file(arguments, arguments.replies) if arguments.replies else None
    destination = rewriting.open_file(arguments, arguments.output, DLT_ETHERNET)

    def make_rewriter(session: Session) -> Rewriter:
        from nvgre_inspect.encapsulation.batches import encapsulation

        return encapsulation(
            where.policy,
            session.interfaces,
            compiled=session.uses_kernels,
            vsid=arguments.vsid,
            by_policy=arguments.by_policy,
            origin=where.origin,
        )

    def say_more(totals: Totals) -> Iterable[str]:
        if totals.replies:
            yield f"{counted(totals.replies, 'answer')} in {arguments.replies}"

    return rewriting.run(arguments, destination, make_rewriter, inner=None, replies=replies, say_more=say_more)


def ways(arguments: argparse.Namespace) -> Ways:
    """The policy, or one that was made of the other options. CommandError for what does not fit together."""
    pair = (arguments.pa_src, arguments.pa_dst)
    if arguments.policy is not None:
        from nvgre_inspect.cli.policy import load_policy

        if pair != (None, None) or arguments.encap is not None:
            _fail(
                arguments,
                "--policy says where frames go; --pa-src, --pa-dst and --encap are for one tunnel without a policy",
            )
        return Ways(load_policy(arguments.policy), None)
    if None in pair:
        _fail(arguments, "where to? --policy POLICY, or --vsid N --pa-src ADDRESS --pa-dst ADDRESS for one tunnel")
    if arguments.by_policy:
        _fail(arguments, "--by-policy needs a --policy")
    return _one_tunnel(arguments)


def _one_tunnel(arguments: argparse.Namespace) -> Ways:
    from nvgre_inspect.encapsulation.origin import Origin
    from nvgre_inspect.encapsulation.policy import Encapsulation, Policy, Subnet
    from nvgre_inspect.encapsulation.policy_rules import problems_of

    if arguments.pa_src.version != arguments.pa_dst.version:
        _fail(arguments, f"--pa-src {arguments.pa_src} and --pa-dst {arguments.pa_dst} are of different IP versions")
    if arguments.pa_src.is_multicast:
        _fail(arguments, f"--pa-src {arguments.pa_src} is a multicast group: nobody sends from one")
    kind: Kind = arguments.encap or "nvgre"
    policy = Policy(
        Encapsulation(kind=kind, key=arguments.vsid is not None or kind not in ("gre", "gretap")),
        subnets=(Subnet(arguments.vsid),),
    )
    for problem in problems_of(policy):
        _fail(arguments, problem.replace("subnet[0].vsid:", "--vsid").replace("encapsulation.", "--"))
    return Ways(policy, Origin(kind, arguments.vsid, arguments.pa_src, arguments.pa_dst))


def _fail(arguments: argparse.Namespace, sentence: str) -> NoReturn:
    raise CommandError(f"nvgre-inspect {arguments.command}: {sentence}", USAGE)
