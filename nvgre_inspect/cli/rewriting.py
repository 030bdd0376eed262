"""What decap, encap and translate have in common: options, the run from capture to capture, and its summary."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.arguments import FORMATS, Parser, add_files, add_words, nonempty
from nvgre_inspect.cli.errors import DAMAGED, USAGE, CommandError
from nvgre_inspect.cli.output import OTHER_FORMATS
from nvgre_inspect.display.text import counted

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.destinations import Destination, Format
    from nvgre_inspect.encapsulation.rewriting import Totals
    from nvgre_inspect.encapsulation.rewritten import Rewriter
    from nvgre_inspect.model.options import Inner
    from nvgre_inspect.session import Session

#: Frame numbers that `-v` lists for each reason.
_LISTED = 20


def add_arguments(parser: Parser, *, output: str = "FILE", verb: str) -> None:
    """FILE..., -o, -Y and all that decides how they are read and written; `verb` is what happens to packets."""
    add_files(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", dest="output", metavar=output, type=nonempty, required=True, help="the capture to write, - for stdout"
    )
    group.add_argument(
        "-F", dest="format", choices=("pcap", "pcapng"), help="its format (default: pcap for a name.pcap, else pcapng)"
    )
    group.add_argument(
        "-Y", dest="row_filter", metavar="FILTER", help=f"{verb} only packets that match, leave the others out"
    )
    group.add_argument("--keep-others", action="store_true", help="write what is left out as it is")
    group.add_argument("--force", action="store_true", help="overwrite an existing file")
    group.add_argument("-v", "--verbose", action="store_true", help="list the numbers of packets that were left out")
    add_words(parser)


def file_format(arguments: argparse.Namespace, path: str) -> Format:
    """The format of an output by -F, or its name. Raises CommandError for what is not written."""
    suffix = Path(path).suffix.lower().removeprefix(".")
    if arguments.format is not None:
        return cast("Format", arguments.format)
    if suffix in {*OTHER_FORMATS, *FORMATS} - {"pcap", "pcapng"}:
        raise CommandError(
            f"nvgre-inspect {arguments.command}: {path}: {suffix} is not written; pcap and pcapng are", USAGE
        )
    return "pcap" if suffix == "pcap" else "pcapng"


def open_file(arguments: argparse.Namespace, path: str, linktype: int | None = None) -> Destination:
    """The file to write, checked before anything is read."""
    from nvgre_inspect.encapsulation.destinations import open_destination

    form = file_format(arguments, path)
    if path == "-" and terminal.is_terminal(sys.stdout):
        raise CommandError(
            f"nvgre-inspect {arguments.command}: a capture is binary: use -o FILE, or redirect the output", USAGE
        )
    with analysis.explained():
        return open_destination(path, form, linktype=linktype, force=arguments.force, inputs=arguments.files)


def run(
    arguments: argparse.Namespace,
    destination: Destination,
    make_rewriter: Callable[[Session], Rewriter],
    *,
    inner: Inner | None = "tenant",
    replies: Destination | None = None,
    say_more: Callable[[Totals], Iterable[str]] = lambda totals: (),
) -> int:
    """Rewrite the input into `destination`, say what became of it, and return the exit code.

    `inner` is the layer that the rewriter takes off, None: it needs no records; `say_more` gives further sentences for
    the summary.
    """
    from nvgre_inspect.encapsulation.rewriting import rewrite

    no_replies: AbstractContextManager[object] = nullcontext()
    with analysis.explained(), destination, no_replies if replies is None else replies:
        settings = analysis.configuration(arguments)
        chosen = analysis.row_filter(arguments.row_filter, "packets")
        again = chosen is not None and chosen.needs_flows
        with analysis.opened(arguments, settings, again=again) as (session, progress):
            try:
                totals = rewrite(
                    session.frames(arguments.row_filter, inner=inner),
                    lambda: make_rewriter(session),
                    destination,
                    session.interfaces,
                    keep_others=arguments.keep_others,
                    replies=replies,
                )
            finally:
                if progress is not None:
                    progress.clear()
            damaged = analysis.conclude(session, arguments)
    if not arguments.quiet:
        for sentence in [*summary(totals, verbose=arguments.verbose), *say_more(totals)]:
            analysis.say(sentence)
    return DAMAGED if totals.unreadable else damaged


def summary(totals: Totals, *, verbose: bool) -> Iterable[str]:
    """Sentences on where the frames went; `verbose`: with their numbers."""
    from nvgre_inspect.encapsulation.reasons import NOTED

    parts = [f"{counted(totals.frames, 'packet')} in", f"{totals.written:,} out"]
    if totals.kept:
        parts.append(f"of these {totals.kept.total():,} kept as they are")
    if totals.joined:
        parts.append(f"{totals.joined:,} were further fragments of these")
    if totals.skipped:
        parts.append(f"{totals.skipped.total():,} left out")
    yield ", ".join(parts)
    yield from _reasons("kept", totals.kept, totals, verbose=verbose)
    yield from _reasons("left out", totals.skipped, totals, verbose=verbose)
    for name, count in totals.noted.most_common():
        yield f"  {count:,} {NOTED.get(name, name)}"


def _reasons(what: str, counts: Counter[str], totals: Totals, *, verbose: bool) -> Iterable[str]:
    from nvgre_inspect.encapsulation.reasons import SKIPPED

    for reason, count in counts.most_common():
        sentence = f"  {count:,} {what}: {SKIPPED.get(reason, reason)} ({reason})"
        if verbose:
            listed = totals.numbers.get(reason, [])[:_LISTED]
            more = f" and {count - len(listed):,} more" if count > len(listed) else ""
            sentence += f": {', '.join(map(str, listed))}{more}"
        yield sentence
