"""Tables as JSON: one array of objects, or one object per line (JSON Lines).

Keys are the column names, null where a cell is empty, integers are integers, lists are arrays, times are ISO 8601
strings in UTC with nanoseconds. UTF-8, one row per line in both forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from nvgre_inspect.model import arrow
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.schema import Column, Table
from nvgre_inspect.reports.cells import chosen, chunked, json_cells, text_bytes

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.reports.output import Writable


def write_json(
    frames: Iterable[pd.DataFrame | Rows], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames as one array, columns `fields` (None: all); returns how many rows.

    KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    stream.write(b"[")
    count = 0
    for rows in chunked(frames, table, columns):
        # Each row begins with what separates it from the one before; the very first has nothing to separate.
        data = _objects(rows, columns, ",\n", "")
        stream.write(data if count else data[1:])
        count += len(rows)
    stream.write(b"\n]\n" if count else b"]\n")
    return count


def write_jsonl(
    frames: Iterable[pd.DataFrame | Rows], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames, one object per line, columns `fields` (None: all); returns how many rows.

    KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    count = 0
    for rows in chunked(frames, table, columns):
        stream.write(_objects(rows, columns, "", "\n"))
        count += len(rows)
    return count


def _objects(rows: Rows, columns: Sequence[Column], before: str, after: str) -> memoryview:
    """The rows of one chunk as objects, each with `before` and `after` around it."""
    parts: list[Any] = []
    lead = before + "{"
    for column in columns:
        parts += [f'{lead}"{column.name}": ', json_cells(column, rows[column.name])]
        lead = ", "
    return text_bytes(arrow.joined(*parts, "}" + after))
