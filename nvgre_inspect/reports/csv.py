"""Tables as CSV: UTF-8, a header of column names, cells quoted as RFC 4180 says, lines ending in a line feed.

Null is an empty cell, lists are separated by spaces, times are ISO 8601 in UTC with nanoseconds. Text that a
spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from nvgre_inspect.model import arrow
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.schema import Column, Table
from nvgre_inspect.reports.cells import chosen, chunked, csv_cells, text_bytes

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.reports.output import Writable


def write_csv(
    frames: Iterable[pd.DataFrame | Rows],
    table: Table,
    stream: Writable,
    fields: Sequence[str] | None = None,
    *,
    header: bool = True,
) -> int:
    """Writes the rows of all frames, columns `fields` (None: all of the table); returns how many rows.

    The header is written even if there are no rows. KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    if header:
        stream.write((",".join(column.name for column in columns) + "\n").encode())
    count = 0
    for rows in chunked(frames, table, columns):
        stream.write(_lines(rows, columns))
        count += len(rows)
    return count


def _lines(rows: Rows, columns: Sequence[Column]) -> memoryview:
    """The rows of one chunk as bytes."""
    cells = [csv_cells(column, rows[column.name]) for column in columns]
    row = pc.binary_join_element_wise(*cells, arrow.text(","), null_handling="replace", null_replacement="")
    return text_bytes(arrow.joined(row, "\n"))
