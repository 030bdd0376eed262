"""The table commands: captures, tenants, flows, tunnels, endpoints, placements, timeline, packets, findings."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, asking, packet_saving
from nvgre_inspect.cli.arguments import Parser, add_files, add_output, add_words
from nvgre_inspect.cli.rows import check_fields, check_sort, ordered
from nvgre_inspect.display.text import counted
from nvgre_inspect.model.columns import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.rows import Rows
    from nvgre_inspect.session import Session

#: Command, which is the table's name -> its line in `--help`, in the order of `--help`.
COMMANDS = {
    "captures": "the files and interfaces that were read",
    "tenants": "the virtual networks, by encapsulation and VSID",
    "flows": "the conversations inside the tenants, both directions in one row",
    "tunnels": "the underlay's pairs of provider addresses",
    "endpoints": "who speaks inside each tenant, and behind which provider addresses",
    "placements": "which tunnel, FlowID and path carried each flow",
    "timeline": "packets and bytes over time, by tenant",
    "packets": "the packets, one by one",
    "findings": "what is odd about packets, and on which tunnel",
}


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands to the parser."""
    for name, summary in COMMANDS.items():
        parser = commands.add_parser(name, help=summary, description=_description(name, summary))
        add_files(parser)
        parser.add_argument(
            "-Y", dest="row_filter", metavar="FILTER", help="show only rows that match; never changes a count"
        )
        asking.add_print_tshark(parser)
        add_output(parser)
        add_words(parser)
        parser.set_defaults(run=run)


def _description(name: str, summary: str) -> str:
    table = TABLES[name]
    lines = [f"{summary[0].upper()}{summary[1:]}.", f"A row is {table.row}."]
    if name == "packets":
        lines.append("-o SOME.pcapng writes the packets themselves.")
    lines += ["", "columns:"]
    line = " "
    for column in table.names:
        if len(line) + len(column) > 76:
            lines.append(line)
            line = " "
        line += f" {column}"
    return "\n".join([*lines, line])


def run(arguments: argparse.Namespace) -> int:
    """Read, select, order, and print or write one table."""
    from nvgre_inspect.cli.output import Output

    table = TABLES[arguments.command]
    fields = check_fields(table, arguments.fields)
    keys = check_sort(table, arguments.sort)
    settings = analysis.configuration(arguments)
    rows_filter = analysis.row_filter(arguments.row_filter, table.name)
    if arguments.print_tshark:
        with analysis.explained():
            return asking.print_tshark(arguments, settings)
    if packet_saving.is_wanted(arguments):
        return packet_saving.run(arguments, settings, rows_filter)
    sorted_by = [name for names, _ in keys for name in names]
    output = Output.chosen(arguments, settings, table, fields, sorted_by)
    packets = table.name == "packets"
    prepare = partial(output.prepare, frames=bool(keys) or (rows_filter is not None and not packets))
    with (
        output.opened() as stream,
        analysis.analysed(arguments, settings, again=packets, meanwhile=prepare) as session,
    ):
        chunks: Iterator[pd.DataFrame | Rows]
        if packets:
            chunks = session.packet_rows(arguments.row_filter)
            if keys:
                from nvgre_inspect.flows.building import concat

                frames = (rows.frame() for rows in chunks)
                chunks = iter([ordered(concat(table, frames), table, keys)])
            total = session.snapshot().state.frames
        else:
            rows = session.snapshot().rows(table.name)
            total = len(rows)
            chunks = iter([rows])
            if rows_filter is not None or keys:
                frame = rows.frame()
                frame = frame if rows_filter is None else frame[rows_filter.mask(frame)]
                chunks = iter([ordered(frame, table, keys)])
        written = output.write(chunks, stream)
        if written == 0 and not arguments.quiet:
            analysis.say(_nothing(session, table.name, total))
        return analysis.conclude(session, arguments)


def _nothing(session: Session, name: str, total: int) -> str:
    """Why nothing was shown: nothing there, or nothing that matches."""
    if total:
        return f"the filter matches none of {counted(total, name[:-1] if name.endswith('s') else 'row')}"
    frames = session.snapshot().state.frames
    return f"no {name} in {counted(frames, 'packet')}" if frames else analysis.no_packets(session)
