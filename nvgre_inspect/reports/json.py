"""Tables as JSON: one array of objects, or one object per line (JSON Lines).

Keys are the column names, null where a cell is empty, integers are integers, lists are arrays, times are ISO 8601
strings in UTC with nanoseconds. UTF-8, one row per line in both forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from nvgre_inspect.model.schema import Column, Table
from nvgre_inspect.reports.cells import chosen, chunked, json_cells, text_bytes

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.reports.output import Writable


def write_json(
    frames: Iterable[pd.DataFrame], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames as one array, columns `fields` (None: all); returns how many rows.

    KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    stream.write(b"[")
    rows = 0
    for frame in chunked(frames):
        # Each row begins with what separates it from the one before; the very first has nothing to separate.
        data = _objects(frame, columns, ",\n", "")
        stream.write(data if rows else data[1:])
        rows += len(frame)
    stream.write(b"\n]\n" if rows else b"]\n")
    return rows


def write_jsonl(
    frames: Iterable[pd.DataFrame], table: Table, stream: Writable, fields: Sequence[str] | None = None
) -> int:
    """Writes the rows of all frames, one object per line, columns `fields` (None: all); returns how many rows.

    KeyError for a field that the table does not have.
    """
    columns = chosen(table, fields)
    rows = 0
    for frame in chunked(frames):
        stream.write(_objects(frame, columns, "", "\n"))
        rows += len(frame)
    return rows


def _objects(frame: pd.DataFrame, columns: Sequence[Column], before: str, after: str) -> memoryview:
    """The rows of one chunk as objects, each with `before` and `after` around it."""
    parts: list[Any] = []
    lead = before + "{"
    for column in columns:
        parts += [f'{lead}"{column.name}": ', json_cells(column, frame[column.name])]
        lead = ", "
    return text_bytes(pc.binary_join_element_wise(*parts, "}" + after, ""))
