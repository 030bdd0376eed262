"""`nvgre-inspect summary FILE...`: what a capture holds, at a glance. One look says whether something is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.arguments import Parser, add_files, add_time, add_words
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.states import protocol_mix
from nvgre_inspect.display.text import amount, counted, duration, escape
from nvgre_inspect.model.columns import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.config import Config
    from nvgre_inspect.session import Session

DESCRIPTION = """\
What a capture holds, at a glance: the file, its tenants, the largest flows and tunnels, and what
is wrong. This is what `nvgre-inspect FILE...` prints where stdout is no terminal.
"""
#: Rows of each table; the commands of the same names show all.
TOP = 10
#: What each part leaves out of its table's usual columns: one look, not all there is.
LEFT_OUT = {
    "tenants": {"first_seen", "last_seen"},
    "flows": {"first_seen", "last_seen", "resets_fwd", "resets_rev"},
    "tunnels": {"first_seen", "last_seen"},
    "findings": {"severity", "frames", "flow"},
}


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("summary", help="what a capture holds at a glance", description=DESCRIPTION)
    add_files(parser)
    group = parser.add_argument_group("output")
    add_time(group)
    add_words(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, and print the summary."""
    settings = analysis.configuration(arguments)
    paint = Paint.choose(arguments.color or settings.options.color, sys.stdout)
    with analysis.analysed(arguments, settings) as session:
        time = arguments.time or settings.options.time
        for line in lines(session, settings, time, paint, terminal.width(sys.stdout)):
            print(line)
        # Damage is part of the summary: on a terminal once is enough.
        return analysis.conclude(session, arguments, damage_shown=terminal.is_terminal(sys.stdout))


def lines(session: Session, settings: Config, time: str, paint: Paint, limit: int | None) -> Iterator[str]:
    """The lines of the summary."""
    from nvgre_inspect.cli.layout import table
    from nvgre_inspect.cli.present import Presenter

    snapshot = session.snapshot()
    captures = snapshot.captures
    yield from _files(captures, paint)
    if snapshot.state.frames == 0:
        yield analysis.no_packets(session)
        return
    tunnels, flows, findings = snapshot.tunnels, snapshot.flows, snapshot.findings
    for name, rows, by in (
        ("tenants", snapshot.tenants, ["bytes"]),
        ("flows", flows, ["bytes_fwd", "bytes_rev"]),
        ("tunnels", tunnels, ["wire_bytes_fwd", "wire_bytes_rev"]),
        ("findings", findings, ["count"]),
    ):
        yield ""
        if rows.empty:
            yield from _nothing(name, flows, paint)
            continue
        top = rows.loc[rows[by].sum(axis=1).sort_values(ascending=False, kind="stable").index[:TOP]]
        yield _title(name, len(top), len(rows), paint)
        present = Presenter(TABLES[name], settings.names, time, without=LEFT_OUT[name], important=by)
        yield from table(present(top), paint, limit)


def _title(name: str, shown: int, total: int, paint: Paint) -> str:
    title = paint(name.capitalize(), "title")
    if shown == total:
        return f"{title} {paint(f'({total:,})', 'dim')}"
    return f"{title} {paint(f'(the {shown} largest of {total:,}; all: nvgre-inspect {name} FILE)', 'dim')}"


def _files(captures: pd.DataFrame, paint: Paint) -> Iterator[str]:
    """What the input is: name, link types, time span, packets, drops, damage."""
    for file, rows in captures.groupby("file", sort=False, observed=True):
        packets = int(rows["packets"].sum())
        kinds = ", ".join(dict.fromkeys(escape(str(kind)) for kind in rows["linktype"]))
        words = [counted(packets, "packet"), amount(int(rows["bytes"].sum())), kinds]
        if len(rows) > 1:
            words.append(counted(len(rows), "interface"))
        yield f"{paint(escape(str(file)), 'title')}  {', '.join(words)}"
        first, last = rows["first_seen"].min(), rows["last_seen"].max()
        if packets:
            span = (last - first).value / 1e9
            yield f"  {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC, {duration(span)}"
        yield from (f"  {paint(words, 'bad')}" for words in _losses(rows))


def _losses(rows: pd.DataFrame) -> Iterator[str]:
    for column, words in (
        ("dropped_kernel", "dropped by the capturing system"),
        ("dropped_interface", "dropped by the interface"),
        ("unsupported", "of link types that are not decoded"),
    ):
        number = int(rows[column].sum())
        if number:
            yield f"{counted(number, 'packet')} {words}"
    for sentence in rows["damage"].dropna().unique():
        yield escape(str(sentence))


def _nothing(name: str, flows: pd.DataFrame, paint: Paint) -> Iterator[str]:
    """Instead of an empty table: what there is."""
    if name == "tunnels":
        yield f"{paint('Tunnels', 'title')} none here; seen: {protocol_mix(flows)}"
    elif name == "findings":
        yield f"{paint('Findings', 'title')} {paint('none', 'good')}"
    else:
        yield f"{paint(name.capitalize(), 'title')} none"
