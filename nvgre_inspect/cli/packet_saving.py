"""`packets FILE -o SOME.pcapng`: the packets themselves, those that `-Y` and the reading options choose."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.display.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nvgre_inspect.config import Config
    from nvgre_inspect.flows.filter import Filter
    from nvgre_inspect.session import Session

#: Options that choose what a table shows.
_OF_TABLES = {"fields": "--fields", "sort": "--sort", "format": "--csv, --json, --jsonl, --parquet", "time": "-t"}


def is_wanted(arguments: argparse.Namespace) -> bool:
    """Whether the output is to be a capture. Raises CommandError for one that cannot be."""
    suffix = Path(arguments.output or "-").suffix.lower()
    if arguments.command != "packets" or suffix not in (".pcap", ".pcapng"):
        return False
    if suffix == ".pcap":
        raise CommandError(f"nvgre-inspect packets: {arguments.output}: pcap is not written; pcapng is", USAGE)
    for name, option in _OF_TABLES.items():
        if getattr(arguments, name):
            raise CommandError(
                f"nvgre-inspect packets: {option}: not of packets that are written to a capture ({arguments.output})",
                USAGE,
            )
    return True


def run(arguments: argparse.Namespace, settings: Config, chosen: Filter | None) -> int:
    """Write the packets, and say how many there were."""
    from nvgre_inspect.capture.output import Output
    from nvgre_inspect.session import prepare_rows

    with analysis.explained():
        # Before anything is read: whether it may be written at all.
        Output(arguments.output, force=arguments.force, inputs=arguments.files).discard()
    with analysis.analysed(arguments, settings, again=True, meanwhile=prepare_rows) as session:
        written = session.save_packets(_numbers(session, chosen), arguments.output, force=arguments.force)
        if not arguments.quiet:
            analysis.say(f"{counted(written, 'packet')} in {arguments.output}")
        return analysis.conclude(session, arguments)


def _numbers(session: Session, chosen: Filter | None) -> Iterator[int]:
    for found in session.pages().matching(chosen):
        yield from found.numbers.tolist()
