"""`nvgre-inspect verify FILE...`: this decoder against tshark, packet by packet and field by field."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.arguments import FORMATS, Parser, add_files, add_words, nonempty
from nvgre_inspect.cli.errors import DAMAGED, DONE, FAILED, FOUND, CommandError
from nvgre_inspect.cli.output import Output
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.text import counted, escape

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.cli.progress import ProgressLine
    from nvgre_inspect.config import Config
    from nvgre_inspect.model.schema import Table
    from nvgre_inspect.reports.output import Writable
    from nvgre_inspect.session import Session
    from nvgre_inspect.wireshark.records import Value
    from nvgre_inspect.wireshark.tshark import Tshark
    from nvgre_inspect.wireshark.verify import Found, Tally

DESCRIPTION = """\
Compare what this tool reads of every packet with what the installed tshark reads: addresses, ports,
lengths, identifiers, fragments, TCP fields, times, of every layer. Every difference is told with its
packet, field and both values.

Known limits of either side (docs/differences.md) are told by their reason and do not count; --strict
counts them too.

exit codes: 0 equal, 1 tshark is missing or failed, 2 usage, 3 equal but part of FILE was unreadable,
4 there are differences
"""
#: Differences of one known kind that are listed one by one without -v.
_EXAMPLES = 3
#: Values of a field that a line shows.
_SHOWN = 6
#: Rows of a table that are made at a time.
_ROWS = 10_000


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "verify", help="this decoder against tshark, packet by packet", description=DESCRIPTION
    )
    add_files(parser)
    group = parser.add_argument_group("output")
    group.add_argument("-Y", dest="row_filter", metavar="FILTER", help="compare only packets that match")
    group.add_argument("--strict", action="store_true", help="exit code 4 for known limits too")
    group.add_argument(
        "-v", "--verbose", action="store_true", help=f"list all differences of a known kind, not only {_EXAMPLES}"
    )
    formats = group.add_mutually_exclusive_group()
    for name, meaning in FORMATS.items():
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=meaning)
    group.add_argument("-o", dest="output", metavar="PATH", type=nonempty, help="write there (- is stdout)")
    group.add_argument("--force", action="store_true", help="overwrite an existing file")
    add_words(parser)
    parser.set_defaults(run=run, time=None)


def run(arguments: argparse.Namespace) -> int:
    """Compare each file, and say what came out."""
    from nvgre_inspect.wireshark.tshark import TsharkError, installed

    settings = analysis.configuration(arguments)
    analysis.check_files(arguments)
    analysis.row_filter(arguments.row_filter, "packets")
    output = Output.chosen(arguments, settings, table(), None)
    try:
        tshark = installed(settings.tshark.path)
    except TsharkError as error:
        raise CommandError(f"nvgre-inspect verify: {error}", FAILED) from None
    if tshark.is_old and not arguments.quiet:
        analysis.say(f"{tshark.name} is older than those that this tool is compared with: it may lack fields")
    comparison = _Comparison(arguments, settings, tshark)
    with output.opened() as stream:
        if output.format is None:
            paint = Paint.choose(output.color, sys.stdout) if output.path == "-" else Paint(enabled=False)
            _write_text(comparison, stream, paint)
        else:
            output.write(_frames(comparison), stream)
    return comparison.code


def table() -> Table:
    """The columns of what `--csv` and the like write: one row per field that reads differently."""
    from nvgre_inspect.model.schema import Column, Table, Type

    return Table(
        "differences",
        "One field of one packet that reads differently in tshark",
        (
            Column("file", Type.TEXT, "The capture"),
            Column("number", Type.INTEGER, "The packet's number, from 1"),
            Column("field", Type.TEXT, "Wireshark's name of the field, or what is compared"),
            Column("ours", Type.TEXT, "Values here, outermost first"),
            Column("tshark", Type.TEXT, "Values in tshark"),
            Column("known", Type.TEXT, "The known limit that explains it (docs/differences.md)", nullable=True),
            Column("layers", Type.TEXT, "The packet's layers in tshark"),
        ),
    )


class _Comparison:
    """The files, compared one after the other."""

    def __init__(self, arguments: argparse.Namespace, settings: Config, tshark: Tshark) -> None:
        self.arguments = arguments
        self.tshark = tshark
        #: What the last file came to.
        self.tally: Tally
        self._settings = settings
        self._progress: ProgressLine | None = None
        self._codes = {DONE}

    @property
    def code(self) -> int:
        """The exit code: the gravest of what happened."""
        return next(code for code in (FOUND, FAILED, DAMAGED, DONE) if code in self._codes)

    def of(self, file: str) -> Iterator[Found]:
        """The differences in a file, then words about the file itself on stderr."""
        from nvgre_inspect.wireshark.readable import can_be_read_again, readable

        with analysis.explained(), readable(file) as path:
            read_here = file if can_be_read_again(file) else str(path)
            arguments = argparse.Namespace(**{**vars(self.arguments), "files": [read_here]})

            def say(sentence: str) -> None:
                self.clear()
                analysis.say(sentence.replace(str(path), name_of(file)))

            with analysis.opened(arguments, self._settings) as (session, self._progress):
                yield from self._between(session, path, file, say)
                for sentence in () if arguments.quiet else session.notes:
                    say(sentence)
                for sentence in session.damage:
                    self._codes.add(DAMAGED)
                    say(sentence)

    def clear(self) -> None:
        """Take the progress line off the screen, for something else to be written."""
        if self._progress is not None:
            self._progress.clear()

    def _between(self, session: Session, path: Path, file: str, say: Callable[[str], None]) -> Iterator[Found]:
        from nvgre_inspect.wireshark.tshark import TsharkError
        from nvgre_inspect.wireshark.verify import Verification

        asked = session.options
        gre_key: Any = asked.gre_key
        verification = Verification(
            self.tshark,
            path,
            capture=file,
            gre_key=gre_key,
            decode_as=asked.decode_as,
            count=asked.count,
            whole=asked.interface is None and asked.read_filter is None and asked.tshark_filter is None,
        )
        self.tally = verification.tally
        try:
            yield from verification.differences(session.frames(self.arguments.row_filter))
        except TsharkError as error:
            self._codes.add(FAILED)
            say(f"nvgre-inspect verify: {name_of(file)}: {error}")
        if self.tally.unexplained or (self.arguments.strict and self.tally.known):
            self._codes.add(FOUND)
        if verification.left_out and not self.arguments.quiet:
            say(f"not known to {self.tshark.name}, and not compared: {', '.join(verification.left_out)}")
        if verification.damage and not self.arguments.quiet:
            say(verification.damage)


def name_of(file: str) -> str:
    """What words call an input."""
    return "standard input" if file == "-" else file


def _frames(comparison: _Comparison) -> Iterator[pd.DataFrame]:
    """All differences as rows of `table`, with the summaries on stderr."""
    import pandas as pd

    def rows() -> Iterator[tuple[object, ...]]:
        for file in comparison.arguments.files:
            for one in comparison.of(file):
                known = one.known.name if one.known else None
                yield file, one.number, one.field, _text(one.ours), _text(one.theirs), known, one.layers
            if not comparison.arguments.quiet:
                for line in _summary(file, comparison):
                    analysis.say(line)

    found, columns = rows(), table()
    while part := list(islice(found, _ROWS)):
        yield pd.DataFrame(part, columns=columns.names).astype({column.name: column.dtype for column in columns})


def _write_text(comparison: _Comparison, stream: Writable, paint: Paint) -> None:
    """For people: packet by packet what differs, and what each file comes to."""

    def write(lines: Iterable[str]) -> None:
        comparison.clear()
        stream.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))

    for place, file in enumerate(comparison.arguments.files):
        if place:
            write([""])
        told = _told(comparison.of(file), verbose=comparison.arguments.verbose)
        for number, group in groupby(told, key=lambda one: one.number):
            found = list(group)
            write([f"{paint(f'packet {number:,}', 'heading')}  {escape(found[0].layers)}".rstrip()])
            write(f"  {paint(escape(_line(one)), 'dim' if one.known else 'bad')}" for one in found)
        first, *others = _summary(file, comparison)
        write([paint(escape(first), "bad" if comparison.tally.unexplained else "good"), *map(escape, others)])


def _told(found: Iterable[Found], *, verbose: bool) -> Iterator[Found]:
    """The differences to be listed: of each known kind the first few only, unless all are wanted."""
    seen: Counter[str] = Counter()
    for one in found:
        if one.known is not None:
            seen[one.known.name] += 1
            if seen[one.known.name] > _EXAMPLES and not verbose:
                continue
        yield one


def _line(one: Found) -> str:
    known = f"  (known: {one.known.name})" if one.known else ""
    return f"{one.field}: {_short(one.ours)}, tshark: {_short(one.theirs)}{known}"


def _short(values: Sequence[Value]) -> str:
    """The first values, and how many more there are."""
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return (_text(values[:_SHOWN]) or "none") + more


def _text(values: Iterable[Value]) -> str:
    return " ".join(map(str, values))


def _summary(file: str, comparison: _Comparison) -> Iterator[str]:
    """What a file came to: one sentence, then a line for each known limit that was met."""
    from nvgre_inspect.wireshark.differences import BEYOND, DIFFERENCES

    tally = comparison.tally
    name = comparison.tshark.name
    compared = f"{name_of(file)}: {counted(tally.packets, 'packet')}, {counted(tally.values, 'value')}"
    if tally.unexplained:
        yield (
            f"{compared}: {counted(tally.unexplained, 'difference')} from {name} in "
            f"{counted(tally.packets_unexplained, 'packet')}"
        )
    elif tally.packets:
        yield f"{compared}: the same in {name}" + (", but for known limits" if tally.known else "")
    else:
        yield f"{name_of(file)}: no packet was compared"
    for entry in DIFFERENCES:
        if count := tally.known[entry.name]:
            yield f"  {entry.name}, {counted(count, 'value')}: {entry.when}; {entry.reason}"
    for beyond in BEYOND:
        if count := tally.beyond[beyond.layer]:
            yield (
                f"  {beyond.layer}, {counted(count, 'packet')}: {beyond.what}; compared up to there, since this tool "
                "does not look into it"
            )
