"""`nvgre-inspect follow FILE... --flow N`: what the two ends of a TCP or UDP stream said."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, asking, terminal
from nvgre_inspect.cli.arguments import Parser, add_files, add_words, nonempty, packet_number, positive
from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.stream import end, stream_lines
from nvgre_inspect.display.text import counted

if TYPE_CHECKING:
    from nvgre_inspect.wireshark.follow import Piece
    from nvgre_inspect.with_tshark.streams import Stream

DESCRIPTION = """\
What the two ends of a TCP or UDP stream said, put in order by the installed tshark, which is given
the packets of this flow alone: tenants with the same addresses do not get in the way.

Numbers of flows are those of `nvgre-inspect flows`, of packets those of `nvgre-inspect packets`.
"""
FORMS = ("text", "hex", "raw")
DIRECTIONS = ("both", "fwd", "rev")
#: Written at a time.
_LINES = 1000


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("follow", help="what the two ends of a stream said", description=DESCRIPTION)
    add_files(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--flow", metavar="N", type=positive, help="the flow's number")
    which.add_argument("--packet", metavar="N", type=packet_number, help="the number of one of its packets")
    parser.add_argument(
        "--protocol",
        choices=("tcp", "udp", "tls", "http"),
        help="follow this instead of the flow's own: tls shows what is inside, if --tshark-option names the keys",
    )
    asking.add_print_tshark(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--as", dest="form", choices=FORMS, default="text", help="text (default), hex, or the raw bytes")
    group.add_argument("--direction", choices=DIRECTIONS, default="both", help="only what one end said")
    group.add_argument(
        "-o", dest="output", metavar="PATH", type=nonempty, default="-", help="write there (- is stdout)"
    )
    group.add_argument("--force", action="store_true", help="overwrite an existing file")
    add_words(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Count, cut the flow out, and write what was said."""
    from nvgre_inspect.reports.output import replacing
    from nvgre_inspect.with_tshark.streams import stream

    if arguments.form == "raw" and arguments.output == "-" and terminal.is_terminal(sys.stdout):
        raise CommandError(
            "nvgre-inspect follow: raw bytes may be anything: use -o FILE, or redirect the output", USAGE
        )
    settings = analysis.configuration(arguments)
    told = _Told(arguments)
    with (
        asking.tshark_explained(),
        analysis.explained(),
        replacing(arguments.output, force=arguments.force, inputs=arguments.files) as out,
        analysis.analysed(arguments, settings, again=True) as session,
        stream(
            session,
            flow=arguments.flow,
            packet=arguments.packet,
            protocol=arguments.protocol,
            settings=asking.settings_of(arguments, settings),
        ) as found,
    ):
        if arguments.print_tshark:
            return asking.print_tshark(arguments, settings, flow=found.flow, protocol=found.protocol)
        if arguments.form == "raw":
            for piece in told.pieces(found):
                out.write(piece.data)
        else:
            color = arguments.color or settings.options.color
            paint = Paint.choose(color, sys.stdout) if arguments.output == "-" else Paint(enabled=color == "always")
            lines: list[str] = []
            ends = (end(*found.ends[0]), end(*found.ends[1]))
            for line, style in stream_lines(told.pieces(found), *ends, as_hex=arguments.form == "hex"):
                lines.append(paint(line, style))
                if len(lines) == _LINES:
                    out.write(_encoded(lines))
                    lines.clear()
            out.write(_encoded(lines))
        code = analysis.conclude(session, arguments)
    told.conclude(found)
    return code


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


class _Told:
    """The pieces that are wanted, and what has to be said of them at the end."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._direction: str = arguments.direction
        self._quiet: bool = arguments.quiet
        self._bytes = self._missing = 0

    def pieces(self, found: Stream) -> Iterator[Piece]:
        """Those of the direction that was asked for."""
        for piece in found.pieces:
            if self._direction == "both" or piece.forward == (self._direction == "fwd"):
                self._bytes += len(piece.data)
                self._missing += piece.missing
                yield piece

    def conclude(self, found: Stream) -> None:
        """How much it was, and what is not there."""
        if self._quiet:
            return
        source, target = (end(*one) for one in found.ends)
        analysis.say(f"flow {found.flow}, {found.protocol}, {source} → {target}: {counted(self._bytes, 'byte')}")
        if self._missing:
            analysis.say(f"{counted(self._missing, 'byte')} of it are missing in the capture")
        if found.left_out:
            analysis.say(f"the last {counted(found.left_out, 'packet')} of the flow were left out: it is too large")
