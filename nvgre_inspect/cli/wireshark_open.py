"""`nvgre-inspect wireshark open FILE... -Y FILTER`: a Wireshark window on exactly these packets."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from nvgre_inspect.cli import analysis, asking
from nvgre_inspect.cli.arguments import Parser, add_files, add_words
from nvgre_inspect.cli.errors import DONE
from nvgre_inspect.display.text import counted

DESCRIPTION = """\
Open a Wireshark window on the packets that match, as they are in the capture, in a temporary file
that goes when the window is closed. Filters may ask for what Wireshark cannot: tenants, tunnels,
retransmissions of a flow.

  nvgre-inspect wireshark open uplink.pcapng -Y 'vsid == 5001 && retransmissions_fwd > 0'
"""


def add_action(actions: argparse._SubParsersAction[Parser]) -> None:
    """Add the action to those of `wireshark`."""
    parser = actions.add_parser("open", help="open a Wireshark window on chosen packets", description=DESCRIPTION)
    add_files(parser)
    parser.add_argument("-Y", dest="row_filter", metavar="FILTER", help="open only packets that match")
    add_words(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Count, choose, save, open."""
    from nvgre_inspect.with_tshark.opening import open_packets

    settings = analysis.configuration(arguments)
    chosen = analysis.row_filter(arguments.row_filter, "packets")
    with asking.tshark_explained(), analysis.analysed(arguments, settings, again=True) as session:
        pages = session.pages()

        def numbers() -> Iterator[int]:
            for found in pages.matching(chosen):
                yield from found.numbers.tolist()

        opened = open_packets(session, numbers(), asking.settings_of(arguments, settings))
        code = analysis.conclude(session, arguments)
    if opened == 0:
        analysis.say("no packet matches: nothing was opened")
    elif code == DONE and not arguments.quiet:
        analysis.say(f"{counted(opened, 'packet')} opened in Wireshark")
    return code
