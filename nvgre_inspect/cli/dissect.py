"""`nvgre-inspect dissect FILE NUMBER`: one packet as a tree of its headers and fields, and its bytes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.arguments import Parser, add_decoding, add_words, packet_number
from nvgre_inspect.cli.terminal import Paint

if TYPE_CHECKING:
    from dissectors.stack import Stack

DESCRIPTION = """\
One packet as a tree: every header from the wire to the innermost packet with its fields, then its
bytes. Numbers are those of `nvgre-inspect packets`.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("dissect", help="one packet as a tree, and its bytes", description=DESCRIPTION)
    parser.add_argument("file", metavar="FILE", help="a capture, - for stdin")
    parser.add_argument("number", metavar="NUMBER", type=packet_number, help="the packet's number, from 1")
    add_decoding(parser.add_argument_group("reading"))
    parser.add_argument("--json", action="store_true", help="layers and fields as one JSON object")
    add_words(parser)
    parser.set_defaults(run=run, interface=None, read_filter=None, idle_timeout=None, engine="reference", count=None)


def run(arguments: argparse.Namespace) -> int:
    """Walk to the packet, and print it; nothing is counted on the way."""
    from nvgre_inspect.session import UsageError

    settings = analysis.configuration(arguments)
    arguments.files = [arguments.file]
    paint = Paint.choose(arguments.color or settings.options.color, sys.stdout)
    with analysis.opened(arguments, settings) as (session, _):
        try:
            stack = session.dissect(arguments.number)
        except UsageError:
            # The packet may be missing because the file ends early.
            analysis.conclude(session, arguments)
            raise
        if arguments.json:
            print(json.dumps(stack.to_dict(), indent=2, ensure_ascii=False))
        else:
            print("\n".join(lines(stack, paint)))
        return analysis.conclude(session, arguments)


def lines(stack: Stack, paint: Paint) -> Iterator[str]:
    """The tree, an empty line, and the bytes."""
    from dissectors.stack import hex_dump

    # Byte ranges stand on the left; behind them two spaces and a header's title, or a field further in.
    title = 2 * len(str(max(len(stack.frame), 1))) + 3
    for line in stack.tree().split("\n"):
        if line.startswith("Anomaly:"):
            yield paint(line, "note")
        else:
            yield paint(line, "heading" if line[title : title + 1] != " " else None)
    yield ""
    yield hex_dump(stack.frame)
