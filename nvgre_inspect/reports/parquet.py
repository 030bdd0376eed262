"""Tables as Parquet: true types, nanosecond times in UTC, lists as lists.

Each column's meaning and unit are in its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.schema import Column, Table
from nvgre_inspect.reports.cells import arrow_array, arrow_type, chosen, chunked
from nvgre_inspect.reports.output import Sink

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.reports.output import Writable

#: Rows per row group: readers skip and parallelise by group.
GROUP_ROWS = 131_072


def write_parquet(
    frames: Iterable[pd.DataFrame | Rows], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames, columns `fields` (None: all); returns how many rows.

    `stream` need not be seekable. KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    schema = pa.schema([_field(column) for column in columns])
    count = 0
    with pa.PythonFile(Sink(stream), mode="w") as sink, pq.ParquetWriter(sink, schema) as writer:
        for rows in chunked(frames, table, columns, GROUP_ROWS):
            arrays = [arrow_array(column, rows[column.name]) for column in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _field(column: Column) -> pa.Field:
    metadata = {"meaning": column.meaning} | ({"unit": column.unit} if column.unit else {})
    return pa.field(column.name, arrow_type(column), column.nullable, metadata)
