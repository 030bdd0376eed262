"""Columns of a table as Arrow arrays, and as the text of CSV and JSON cells: whole columns at a time.

Text columns are rendered once per different value, and rows take what they need. CSV and JSON are made without pandas
(see `model.arrow`), unless DataFrames are what is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nvgre_inspect.model import arrow
from nvgre_inspect.model.rows import Lists, Nullable, Rows, Texts, Values, used_codes
from nvgre_inspect.model.schema import Column, Table, Type

if TYPE_CHECKING:
    import pandas as pd

#: Rows rendered at a time: enough to make the work per column small, 10 MB or so of text.
CHUNK_ROWS = 32_768

#: A spreadsheet takes a cell for a formula if it begins so (OWASP, CSV injection).
_FORMULA = "^[=+\\-@\t\r\n]"
#: RFC 4180 section 2: these cells must be quoted.
_QUOTED = '[",\r\n]'
#: RFC 8259 section 7: these characters must be escaped.
_ESCAPED = '["\\\\\\x00-\\x1f]'
#: Above this a float times 10^decimals might not fit into int64.
_LARGEST = float(1 << 62)


def chosen(table: Table, fields: Sequence[str] | None) -> list[Column]:
    """The columns of those names, in that order; None: all. KeyError for a name that the table does not have."""
    return list(table) if fields is None else [table[name] for name in fields]


def chunked(
    tables: Iterable[pd.DataFrame | Rows], table: Table, columns: Sequence[Column], rows: int = CHUNK_ROWS
) -> Iterator[Rows]:
    """These columns of the same rows, at most `rows` of them at a time; what is empty is left out."""
    for one in tables:
        yield from (one if isinstance(one, Rows) else Rows.of(table, one, columns)).parts(rows)


# --- Arrow ---------------------------------------------------------------------------------------------------------


def arrow_type(column: Column) -> pa.DataType:
    """The type of the column in Arrow and Parquet."""
    if column.type is Type.INTEGER:
        return pa.int32() if column.compact else pa.int64()
    if column.type is Type.FLOAT:
        return pa.float64()
    if column.type is Type.TIME:
        return pa.timestamp("ns", "UTC")
    if column.type is Type.LIST:
        return pa.list_(pa.int64() if column.item is Type.INTEGER else pa.string())
    return pa.string()


def arrow_array(column: Column, values: Values) -> pa.Array:
    """The column as an Arrow array; NaN is null."""
    if isinstance(values, Texts):
        return _spread(values, lambda texts: texts)
    if isinstance(values, Nullable):
        return arrow.numbers(values.values, values.null, arrow_type(column))
    if isinstance(values, Lists):
        return _each(values, lambda lists: pa.array(map(list, lists), arrow_type(column)))
    return arrow.numbers(values, np.isnan(values) if column.type is Type.FLOAT else None)


def _spread(values: Texts, render: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The texts, each different one rendered once."""
    codes: npt.NDArray[np.integer[Any]] = values.codes
    texts = values.values
    if len(texts) > len(codes):
        used, codes = used_codes(codes)
        texts = texts.take(arrow.numbers(used))
    return render(texts).take(arrow.codes(codes))


def _each(values: Lists, render: Callable[[Sequence[tuple[Any, ...]]], pa.Array]) -> pa.Array:
    """The lists, each different one rendered once."""
    codes, lists = values.codes, values.values
    if len(lists) > len(codes):
        used, codes = np.unique(codes, return_inverse=True)
        lists = [lists[code] for code in used.tolist()]
    return render(lists).take(arrow.numbers(codes))


# --- CSV -----------------------------------------------------------------------------------------------------------


def csv_cells(column: Column, values: Values) -> pa.Array:
    """The column as CSV cells, quoted and neutralised where needed; nulls stay null."""
    if isinstance(values, Texts):
        return _spread(values, csv_text)
    if isinstance(values, Nullable):
        return _time_text(values) if column.type is Type.TIME else _whole_text(column, values)
    if isinstance(values, Lists):
        return _each(values, lambda lists: csv_text(arrow.strings([" ".join(map(str, items)) for items in lists])))
    if column.type is Type.FLOAT:
        return _decimal_text(values, column.decimals)
    return _whole_text(column, values)


def csv_text(values: pa.Array) -> pa.Array:
    """Strings as CSV cells: an apostrophe before what a spreadsheet would run, quotes as in RFC 4180."""
    risky = pc.match_substring_regex(values, _FORMULA)
    if pc.any(risky).as_py():
        values = pc.if_else(risky, arrow.joined("'", values), values)
    special = pc.match_substring_regex(values, _QUOTED)
    if pc.any(special).as_py():
        doubled = pc.replace_substring(values, '"', '""')
        values = pc.if_else(special, arrow.joined('"', doubled, '"'), values)
    return values


def _decimal_text(values: npt.NDArray[np.float64], decimals: int) -> pa.Array:
    """Floats with exactly that many decimals, never an exponent; what is not finite is null."""
    scale = 10**decimals
    null = ~np.isfinite(values)
    scaled = np.where(null, 0.0, values) * scale
    # Rounding goes over int64; the rare number that is negative or too large for it goes by itself.
    odd = ~null & ((scaled < 0) | (scaled > _LARGEST))
    whole, fraction = np.divmod(np.rint(np.where(odd, 0.0, scaled)).astype(np.int64), scale)
    text = arrow.joined(
        arrow.numbers(whole, null).cast(pa.string()),
        ".",
        pc.ascii_lpad(arrow.numbers(fraction).cast(pa.string()), decimals, "0"),
    )
    if odd.any():
        exact = arrow.strings([f"{value:.{decimals}f}" for value in values[odd].tolist()])
        text = pc.replace_with_mask(text, arrow.booleans(odd), exact)
    return text


def _whole_text(column: Column, values: Values) -> pa.Array:
    return arrow_array(column, values).cast(pa.string())


def _time_text(values: Nullable) -> pa.Array:
    """`2026-01-02T03:04:05.123456789Z`. Each second is rendered once: Arrow takes 0.8 µs for a time."""
    seconds, nanoseconds = np.divmod(values.values, 1_000_000_000)
    codes, different = arrow.numbered(seconds)
    text = arrow.numbers(different, kind=pa.timestamp("s", "UTC")).cast(pa.string())
    # 2026-01-02 03:04:05Z
    text = pc.binary_replace_slice(pc.binary_replace_slice(text, 10, 11, "T"), 19, 20, ".")
    digits = pc.ascii_lpad(arrow.numbers(nanoseconds, values.null).cast(pa.string()), 9, "0")
    return arrow.joined(text.take(arrow.numbers(codes)), digits, "Z")


# --- JSON ----------------------------------------------------------------------------------------------------------


def json_cells(column: Column, values: Values) -> pa.Array:
    """The column as JSON values; nulls are `null`."""
    return pc.fill_null(_json_values(column, values), arrow.text("null"))


def _json_values(column: Column, values: Values) -> pa.Array:
    if isinstance(values, Texts):
        return _spread(values, json_text)
    if isinstance(values, Nullable):
        is_time = column.type is Type.TIME
        return arrow.joined('"', _time_text(values), '"') if is_time else _whole_text(column, values)
    if isinstance(values, Lists):
        return _each(values, lambda lists: arrow.strings([_dumps(items) for items in lists]))
    if column.type is Type.FLOAT:
        return arrow.numbers(values, ~np.isfinite(values)).cast(pa.string())
    return _whole_text(column, values)


def json_text(values: pa.Array) -> pa.Array:
    """Strings as JSON strings."""
    quoted = arrow.joined('"', values, '"')
    special = pc.match_substring_regex(values, _ESCAPED)
    if pc.any(special).as_py():
        escaped = arrow.strings([_dumps(value) for value in values.filter(special).to_pylist()])
        quoted = pc.replace_with_mask(quoted, special, escaped)
    return quoted


_dumps: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False).encode


# --- lines ---------------------------------------------------------------------------------------------------------


def text_bytes(lines: pa.Array) -> memoryview:
    """All strings of an array without nulls, one behind the other, without copying them."""
    _, starts, data = lines.buffers()
    if data is None or not len(lines):
        return memoryview(b"")
    bounds = np.frombuffer(starts, np.int32)
    return memoryview(data)[int(bounds[lines.offset]) : int(bounds[lines.offset + len(lines)])]
