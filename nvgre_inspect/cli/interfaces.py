"""`nvgre-inspect interfaces`: what `live -i` can capture from."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.arguments import Parser, add_words
from nvgre_inspect.cli.errors import DONE
from nvgre_inspect.display.text import escape

if TYPE_CHECKING:
    from nvgre_inspect.capture.live.interfaces import LiveInterface

SUMMARY = "the interfaces of this machine, for live -i"


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("interfaces", help=SUMMARY, description=f"{SUMMARY[0].upper()}{SUMMARY[1:]}.")
    parser.add_argument("--json", action="store_true", help="one array of objects")
    add_words(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    from nvgre_inspect.capture.linktype import linktype_name
    from nvgre_inspect.capture.live.interfaces import list_interfaces

    with analysis.explained():
        found = list_interfaces()
    if arguments.json:
        objects = [{**asdict(one), "linktype": linktype_name(one.linktype)} for one in found]
        print(json.dumps(objects, indent=1))
    elif found:
        _print(arguments, found)
    elif not arguments.quiet:
        analysis.say("no interface can be seen: capturing needs rights (live -i says which)")
    return DONE


def _print(arguments: argparse.Namespace, found: list[LiveInterface]) -> None:
    from nvgre_inspect.capture.linktype import linktype_name
    from nvgre_inspect.cli.layout import Cells, Layout

    settings = analysis.configuration(arguments)
    paint = terminal.Paint.choose(arguments.color or settings.options.color, sys.stdout)
    columns = [
        Cells("name", [escape(one.name) for one in found]),
        Cells("state", [_state(one) for one in found], rank=2),
        Cells("link type", [linktype_name(one.linktype) for one in found], rank=4),
        Cells("MTU", [str(one.mtu) if one.mtu else "" for one in found], right=True, rank=3),
        Cells("addresses", [" ".join(one.addresses) for one in found], rank=2, flexible=True),
        Cells("description", [escape(one.description) for one in found], rank=5, flexible=True),
    ]
    shown = [column for column in columns if any(column.texts)]
    layout = Layout.choose(shown, terminal.width(sys.stdout))
    print("\n".join([*layout.head(shown, paint), *layout.rows(shown, paint)]))


def _state(one: LiveInterface) -> str:
    if not one.up:
        return "down"
    return "up" if one.running else "up, no carrier"
