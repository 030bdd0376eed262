"""The order of a table's rows, as positions: nothing of the table itself is moved.

Stable, so that rows which are equal stay as they were; nulls come last in both directions. Addresses sort by number,
texts by letter, lists by their items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.model.schema import Table, Type


def order(
    rows: pd.DataFrame, table: Table, columns: Sequence[str], *, descending: bool = False
) -> npt.NDArray[np.int64]:
    """int64 [rows]: positions of the rows, ordered by the first column, equal ones by the next and so on.

    KeyError for a column that the table does not have.
    """
    keys: list[npt.NDArray[Any]] = []
    for name in columns:
        values, null = _sortable(rows[name], table[name].type)
        keys += [null, -values if descending else values]
    # NumPy takes the last key first.
    return np.lexsort(keys[::-1]) if keys else np.arange(len(rows))


def _sortable(values: pd.Series[Any], kind: Type) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Numbers that sort as the values do, and which of them are null (there the number is 0)."""
    if kind is Type.LIST:
        codes, lists = pd.factorize(values)
        return _ranked(
            np.where(np.array([len(items) > 0 for items in lists], dtype=bool)[codes], codes, -1), list(lists)
        )
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy().astype(np.int64)
        # Addresses are in order already.
        return _ranked(codes, values.cat.categories.tolist() if kind is Type.TEXT else ())
    null = values.isna().to_numpy()
    if kind is Type.TIME:
        numbers = values.dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64").copy()
    elif kind is Type.FLOAT:
        numbers = values.to_numpy(dtype=np.float64, copy=True)
    else:
        numbers = values.to_numpy(dtype=np.int64, na_value=0)
    if null.any():
        numbers = np.where(null, 0, numbers)
    return numbers, null


def _ranked(codes: npt.NDArray[np.int64], names: Sequence[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Codes (-1: null) by the place of their names in order; without names as they are."""
    null = codes < 0
    if len(names):
        rank = np.empty(len(names), dtype=np.int64)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        codes = rank[codes]
    return np.where(null, 0, codes), null
