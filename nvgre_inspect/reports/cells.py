"""Columns of a table as Arrow arrays, and as the text of CSV and JSON cells: whole columns at a time.

Text columns are rendered once per different value, and rows take what they need. Frames may hold them as
categories (as `flows.tables` builds them) or as plain strings (after pandas operations).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nvgre_inspect.model.schema import Column, Table, Type

#: Rows rendered at a time: enough to make the work per column small, 10 MB or so of text.
CHUNK_ROWS = 32_768

_TEXTS = (Type.TEXT, Type.IP, Type.MAC)
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


def chunked(frames: Iterable[pd.DataFrame], rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """The same rows, at most `rows` at a time; empty frames are left out."""
    for frame in frames:
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows]


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


def arrow_array(column: Column, series: pd.Series[Any]) -> pa.Array:
    """The column as an Arrow array; NaN is null."""
    if column.type in _TEXTS:
        codes, values = _text_values(series)
        return values.take(codes)
    if column.type is Type.LIST:
        codes, tuples = _tuple_values(series)
        return pa.array([list(value) for value in tuples], arrow_type(column)).take(codes)
    return pa.array(series, arrow_type(column), from_pandas=True)


def _text_values(series: pd.Series[Any]) -> tuple[pa.Array, pa.Array]:
    """(index of each row's value or null, the different values)."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        values = series.cat.categories
        if len(values) > len(codes):
            # A few rows of a large table: only what they use.
            used, codes = np.unique(codes, return_inverse=True)
            gone = int(len(used) > 0 and used[0] < 0)
            values, codes = values[used[gone:]], codes - gone
    else:
        codes, values = pd.factorize(series)
    return _index(codes), pa.array(values.to_numpy(dtype=object), pa.string())


def _tuple_values(series: pd.Series[Any]) -> tuple[pa.Array, list[tuple[Any, ...]]]:
    """(index of each row's tuple, the different tuples)."""
    seen: dict[tuple[Any, ...], int] = {}
    codes = [seen.setdefault(value, len(seen)) for value in series.tolist()]
    return _index(np.array(codes, np.int64)), list(seen)


def _index(codes: Any) -> pa.Array:
    return pa.array(codes.astype(np.int64), mask=codes < 0)


# --- CSV -----------------------------------------------------------------------------------------------------------


def csv_cells(column: Column, series: pd.Series[Any]) -> pa.Array:
    """The column as CSV cells, quoted and neutralised where needed; nulls stay null."""
    if column.type is Type.LIST:
        codes, tuples = _tuple_values(series)
        return csv_text(pa.array([" ".join(map(str, value)) for value in tuples], pa.string())).take(codes)
    if column.type in _TEXTS:
        codes, values = _text_values(series)
        return csv_text(values).take(codes)
    if column.type is Type.FLOAT:
        return _decimal_text(series.to_numpy(dtype=np.float64), column.decimals)
    if column.type is Type.TIME:
        return _time_text(series)
    return arrow_array(column, series).cast(pa.string())


def csv_text(values: pa.Array) -> pa.Array:
    """Strings as CSV cells: an apostrophe before what a spreadsheet would run, quotes as in RFC 4180."""
    risky = pc.match_substring_regex(values, _FORMULA)
    if pc.any(risky).as_py():
        values = pc.if_else(risky, pc.binary_join_element_wise("'", values, ""), values)
    special = pc.match_substring_regex(values, _QUOTED)
    if pc.any(special).as_py():
        doubled = pc.replace_substring(values, '"', '""')
        values = pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), values)
    return values


def _decimal_text(values: Any, decimals: int) -> pa.Array:
    """Floats with exactly that many decimals, never an exponent; what is not finite is null."""
    scale = 10**decimals
    null = ~np.isfinite(values)
    scaled = np.where(null, 0.0, values) * scale
    # Rounding goes over int64; the rare number that is negative or too large for it goes by itself.
    odd = ~null & ((scaled < 0) | (scaled > _LARGEST))
    whole, fraction = np.divmod(np.rint(np.where(odd, 0.0, scaled)).astype(np.int64), scale)
    text = pc.binary_join_element_wise(
        pa.array(whole, mask=null).cast(pa.string()),
        pc.utf8_lpad(pa.array(fraction).cast(pa.string()), decimals, "0"),
        ".",
    )
    if odd.any():
        text = pc.replace_with_mask(text, pa.array(odd), pa.array([f"{value:.{decimals}f}" for value in values[odd]]))
    return text


def _time_text(series: pd.Series[Any]) -> pa.Array:
    """`2026-01-02T03:04:05.123456789Z`."""
    text = pa.array(series, pa.timestamp("ns", "UTC"), from_pandas=True).cast(pa.string())
    return pc.binary_replace_slice(text, 10, 11, "T")


# --- JSON ----------------------------------------------------------------------------------------------------------


def json_cells(column: Column, series: pd.Series[Any]) -> pa.Array:
    """The column as JSON values; nulls are `null`."""
    return pc.fill_null(_json_values(column, series), "null")


def _json_values(column: Column, series: pd.Series[Any]) -> pa.Array:
    if column.type is Type.LIST:
        codes, tuples = _tuple_values(series)
        return pa.array([_dumps(value) for value in tuples], pa.string()).take(codes)
    if column.type in _TEXTS:
        codes, values = _text_values(series)
        return json_text(values).take(codes)
    if column.type is Type.FLOAT:
        values = series.to_numpy(dtype=np.float64)
        return pa.array(values, mask=~np.isfinite(values)).cast(pa.string())
    if column.type is Type.TIME:
        return pc.binary_join_element_wise('"', _time_text(series), '"', "")
    return arrow_array(column, series).cast(pa.string())


def json_text(values: pa.Array) -> pa.Array:
    """Strings as JSON strings."""
    quoted = pc.binary_join_element_wise('"', values, '"', "")
    special = pc.match_substring_regex(values, _ESCAPED)
    if pc.any(special).as_py():
        escaped = pa.array([_dumps(value) for value in values.filter(special).to_pylist()], pa.string())
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
