"""The texts that can be copied of rows and of packets."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from dissectors.stack import hex_dump
from nvgre_inspect.display.byte_text import c_array, hex_stream
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.filter.parser import MAX_LENGTH
from nvgre_inspect.flows.filter.writing import ROW_KEYS, cell_filter, row_filter
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.reports.formats import WRITERS
from nvgre_inspect.tui.sharing import Copyable


def value_text(value: Any) -> str:
    """A cell's value as text: null is empty, lists have spaces between their items."""
    if isinstance(value, tuple | list):
        return " ".join(map(value_text, value))
    return "" if value is None or pd.isna(value) else str(value)


def of_cell(table: str, cell: Sequence[tuple[str, Any]], text: str | None = None) -> list[Copyable]:
    """The values of a cell (column, value; several where it shows several columns together), and their filter.

    `text` is what the cell shows, where that is not the values one after the other.
    """
    if text is None:
        text = " ".join(filter(None, (value_text(value) for _, value in cell)))
    tests = " && ".join(cell_filter(table, name, value) for name, value in cell)
    return [Copyable("value", text), Copyable("filter for this value", tests)]


def of_rows(table: str, keys: Sequence[Any], rows: Callable[[], pd.DataFrame]) -> list[Copyable]:
    """Chosen rows, given by their keys and by what makes a frame of them: filter, CSV, JSON."""
    which = "this row" if len(keys) == 1 else f"these {counted(len(keys), 'row')}"
    made = [
        Copyable(f"{which} as CSV", partial(_written, table, "csv", rows)),
        Copyable(f"{which} as JSON", partial(_written, table, "jsonl" if len(keys) == 1 else "json", rows)),
    ]
    selecting = _selecting(table, keys[:MAX_LENGTH])
    return [Copyable(f"filter for {which}", selecting), *made] if len(selecting) <= MAX_LENGTH else made


def of_packet(number: int, data: Callable[[], bytes]) -> list[Copyable]:
    """The bytes of a packet, which `data` reads."""
    return [
        Copyable(f"packet {number} as a hex dump", lambda: hex_dump(data()) + "\n"),
        Copyable(f"packet {number} as a hex stream", lambda: hex_stream(data())),
        Copyable(f"packet {number} as a C array", lambda: c_array(data(), f"packet_{number}")),
    ]


def _selecting(table: str, keys: Sequence[Any]) -> str:
    """The filter for the rows with these keys."""
    names = ROW_KEYS[table]
    if len(names) > 1:
        tests = [row_filter(table, dict(zip(names, key, strict=True))) for key in keys]
        return tests[0] if len(tests) == 1 else " || ".join(f"({test})" for test in tests)
    if len(keys) == 1:
        return row_filter(table, {names[0]: keys[0]})
    # Tables whose rows one column tells apart number them.
    return f"{names[0]} in {{{', '.join(map(str, sorted(keys)))}}}"


def _written(table: str, form: str, rows: Callable[[], pd.DataFrame]) -> str:
    stream = io.BytesIO()
    WRITERS[form]([rows()], TABLES[table], stream, None)
    return stream.getvalue().decode("utf-8", "replace")
