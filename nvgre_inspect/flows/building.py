"""Small tools with which every table is put together: nullable integers, times, distinct counts, the rows."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model import arrow
from nvgre_inspect.model.rows import Nullable, Rows, Values
from nvgre_inspect.model.schema import Column, Table, Type

if TYPE_CHECKING:
    import pandas as pd


def build(table: Table, columns: Mapping[str, Any]) -> Rows:
    """The table with exactly its columns, held as `model.rows` says.

    `columns` gives every column by name. Integer columns may come as arrays (of any integer dtype, -1 standing for
    null where the column is nullable) or as (values, mask of nulls); times as int64 nanoseconds or (nanoseconds,
    mask). Raises KeyError for a column that is missing and ValueError for one too many.
    """
    extra = set(columns) - set(table.names)
    if extra:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(extra))}")
    return Rows(table, {column.name: _held(column, columns[column.name]) for column in table})


def _held(column: Column, value: Any) -> Values:
    if column.type is Type.TIME:
        values, null = value if isinstance(value, tuple) else (value, np.zeros(len(value), bool))
        return Nullable(np.array(values, np.int64), np.array(null, bool))
    if column.type is not Type.INTEGER:
        held: Values = value
        return held
    width = np.int32 if column.compact else np.int64
    if not column.nullable:
        return np.ascontiguousarray(value, dtype=width)
    values, null = value if isinstance(value, tuple) else (value, value == -1)
    return Nullable(np.array(values, dtype=width), np.array(null, dtype=bool))


def distinct_per(group: npt.NDArray[Any], value: npt.NDArray[Any], groups: int) -> npt.NDArray[np.int64]:
    """How many different values each group has: int64 [groups]. Rows with a group or value below 0 do not count."""
    keep = (group >= 0) & (value >= 0)
    codes, uniques = arrow.numbered(value[keep])
    width = max(len(uniques), 1)
    _, pairs = arrow.numbered(group[keep].astype(np.int64) * width + codes)
    return np.bincount(pairs // width, minlength=groups)


def sum_per(group: npt.NDArray[Any], value: npt.NDArray[Any], groups: int) -> npt.NDArray[np.int64]:
    """Sum of the values of each group, exactly: int64 [groups]."""
    total = np.zeros(groups, np.int64)
    np.add.at(total, group, value.astype(np.int64))
    return total


def any_bits_per(group: npt.NDArray[Any], mask: npt.NDArray[Any], groups: int) -> npt.NDArray[np.int64]:
    """All bits set in any mask of each group: int64 [groups]."""
    total = np.zeros(groups, np.int64)
    np.bitwise_or.at(total, group, mask)
    return total


def side(field: npt.NDArray[Any], which: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`field[i, which[i]]` of a two-element field."""
    return np.where(which == 0, field[:, 0], field[:, 1])


def concat(table: Table, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames of one table, with the dtypes of the registry; an empty table for no frames.

    pandas.concat would turn categories that differ into plain objects; here they stay categories, addresses in
    numeric order.
    """
    import pandas as pd

    listed = [frame for frame in frames if len(frame)]
    if not listed:
        return pd.DataFrame({column.name: pd.Series([], dtype=column.dtype) for column in table})
    if len(listed) == 1:
        return listed[0].reset_index(drop=True)
    data: dict[str, Any] = {}
    for column in table:
        parts = [frame[column.name] for frame in listed]
        if column.dtype == "category":
            data[column.name] = _union(parts, column.type)
        else:
            data[column.name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(data, columns=table.names, copy=False)


def _union(parts: list[pd.Series[Any]], kind: Type) -> pd.Categorical[Any]:
    import pandas as pd

    union = pd.api.types.union_categoricals(parts)
    known = union.categories.tolist()
    ordered = sorted(known, key=_address_key) if kind is Type.IP else sorted(known)
    return union.reorder_categories(ordered)


def _address_key(text: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    packed = socket.inet_pton(family, text)
    return len(packed), packed
