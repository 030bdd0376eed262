"""Tables as CSV: UTF-8, a header of column names, cells quoted as RFC 4180 says, lines ending in a line feed.

Null is an empty cell, lists are separated by spaces, times are ISO 8601 in UTC with nanoseconds. Text that a
spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from nvgre_inspect.model.schema import Column, Table
from nvgre_inspect.reports.cells import chosen, chunked, csv_cells, text_bytes

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.reports.output import Writable


def write_csv(
    frames: Iterable[pd.DataFrame], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames, columns `fields` (None: all of the table); returns how many rows.

    The header is written even if there are no rows. KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    stream.write(header(columns))
    rows = 0
    for frame in chunked(frames):
        stream.write(lines(frame, columns))
        rows += len(frame)
    return rows


def header(columns: Sequence[Column]) -> bytes:
    """The first line."""
    return (",".join(column.name for column in columns) + "\n").encode()


def lines(frame: pd.DataFrame, columns: Sequence[Column]) -> memoryview:
    """The rows of one chunk as bytes."""
    cells = [csv_cells(column, frame[column.name]) for column in columns]
    row = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    return text_bytes(pc.binary_join_element_wise(row, "\n", ""))
