"""`nvgre-inspect decap FILE... -o OUT`: the tenants' own frames out of those of the underlay."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, rewriting
from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import USAGE, CommandError

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.destinations import Destination, TenantFolder
    from nvgre_inspect.encapsulation.rewriting import Totals
    from nvgre_inspect.encapsulation.rewritten import Rewriter
    from nvgre_inspect.model.options import Inner
    from nvgre_inspect.session import Session

DESCRIPTION = """\
Take the tenants' own frames out of those of the underlay. Outer fragments are put together first.

In pcapng each tunnel (encapsulation, VSID, PA pair) becomes an interface that says so, and each
packet keeps its FlowID as a comment: encap puts them back. pcap has no place for that.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("decap", help="take encapsulations off, into a capture", description=DESCRIPTION)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--all", dest="inner", action="store_const", const="all", help="down to the innermost packet, not the tenant's"
    )
    which.add_argument("--layers", dest="inner", metavar="N", type=_layers, help="take off the N outermost layers")
    parser.add_argument(
        "--split-by",
        choices=("vsid",),
        help="a file for each tenant (nvgre-5001.pcapng and so on); -o names their folder",
    )
    rewriting.add_arguments(parser, output="FILE|DIR", verb="take out")
    parser.set_defaults(run=run)


def _layers(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of layers")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Slice, write, and say what became of all frames."""
    inner: Inner = arguments.inner or "tenant"
    folder: TenantFolder | None = None
    destination: Destination
    if arguments.split_by:
        destination = folder = _folder(arguments)
        pcap = arguments.format == "pcap"
    else:
        from dissectors.offsets import DLT_ETHERNET

        destination = rewriting.open_file(arguments, arguments.output, DLT_ETHERNET)
        pcap = rewriting.file_format(arguments, arguments.output) == "pcap"

    def make_rewriter(session: Session) -> Rewriter:
        from nvgre_inspect.encapsulation.slicing import Decapsulation

        decoder = session.decoder(inner)
        return Decapsulation(session.decode_options(inner), session.interfaces, decoder.decode, ethernet=pcap)

    def say_more(totals: Totals) -> Iterable[str]:
        if folder is not None:
            yield f"{len(folder.names):,} files in {arguments.output}"
        if pcap and totals.rewritten:
            yield "pcap says nothing of tunnels: VSIDs, PA pairs and FlowIDs are not in the output (pcapng keeps them)"

    return rewriting.run(arguments, destination, make_rewriter, inner=inner, say_more=say_more)


def _folder(arguments: argparse.Namespace) -> TenantFolder:
    from nvgre_inspect.encapsulation.destinations import TenantFolder

    if arguments.output == "-":
        raise CommandError(
            "nvgre-inspect decap: --split-by writes several files, which standard output cannot take: name a folder",
            USAGE,
        )
    with analysis.explained():
        return TenantFolder(
            arguments.output, arguments.format or "pcapng", force=arguments.force, inputs=arguments.files
        )
