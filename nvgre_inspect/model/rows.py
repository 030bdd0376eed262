"""Rows: a table as NumPy and Arrow arrays, of which a pandas DataFrame is made where somebody asks for one.

| type | held as |
|---|---|
| integer | ndarray of the column's width; where null is possible `Nullable` |
| float | float64 ndarray, NaN for null |
| text, ip, mac | `Texts`; IP and MAC values are in numeric order, other texts by letter |
| time | `Nullable` of int64, nanoseconds since 1970 |
| list | `Lists` |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.schema import Column, Table, Type

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TEXTS = (Type.TEXT, Type.IP, Type.MAC)


@dataclass(frozen=True, slots=True, eq=False)
class Nullable:
    """Integers, some of which may be null."""

    values: npt.NDArray[Any]
    #: bool [rows]; what `values` has there means nothing.
    null: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Nullable:
        """Some rows: a slice or positions."""
        return Nullable(self.values[rows], self.null[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Each different text once, and which of them each row has."""

    #: int32 [rows], -1: null.
    codes: npt.NDArray[np.int32]
    #: pyarrow.StringArray without nulls. Columns may share it.
    values: pa.StringArray

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Texts:
        """Some rows: a slice or positions."""
        return Texts(self.codes[rows], self.values)

    def words(self) -> list[str]:
        """The different texts."""
        listed: list[str] = self.values.to_pylist()
        return listed


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Each different tuple once, and which of them each row has."""

    #: int64 [rows]
    codes: npt.NDArray[np.int64]
    values: Sequence[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Lists:
        """Some rows: a slice or positions."""
        return Lists(self.codes[rows], self.values)

    @classmethod
    def of(cls, tuples: Iterable[tuple[Any, ...]]) -> Lists:
        """One tuple a row."""
        seen: dict[tuple[Any, ...], int] = {}
        codes = [seen.setdefault(one, len(seen)) for one in tuples]
        return cls(np.array(codes, np.int64), list(seen))

    def objects(self) -> npt.NDArray[np.object_]:
        """Object array of the rows' tuples, which they share."""
        values = np.empty(len(self.values), object)
        values[:] = self.values
        taken: npt.NDArray[np.object_] = values[self.codes]
        return taken


def used_codes(codes: npt.NDArray[np.integer[Any]]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """(the codes that are there, rising; the place of each row's code among them), -1 staying what it is.

    For a few rows of a large table, whose texts are far more than these rows use.
    """
    used, places = np.unique(codes, return_inverse=True)
    null = int(len(used) > 0 and used[0] < 0)
    return used[null:], places - null


#: One column.
Values: TypeAlias = npt.NDArray[Any] | Nullable | Texts | Lists


class Rows:
    """Rows of one table. What it hands out belongs to all who hold it: do not change it."""

    def __init__(self, table: Table, columns: Mapping[str, Values]) -> None:
        """Columns of `table`, at least one, all of one length, held as the module says."""
        self.table = table
        self._columns = columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Values:
        """A column; KeyError for one that is not there."""
        return self._columns[name]

    def take(self, rows: slice | npt.NDArray[np.int64]) -> Rows:
        """Some rows: a slice, or positions."""
        return Rows(self.table, {name: column[rows] for name, column in self._columns.items()})

    def parts(self, rows: int) -> Iterator[Rows]:
        """The same rows, at most so many at a time."""
        for start in range(0, len(self), rows):
            yield self.take(slice(start, start + rows))

    def wider(self, table: Table, more: Mapping[str, Values]) -> Rows:
        """The same rows with more columns, those of `table`."""
        return Rows(table, {**self._columns, **more})

    def frame(self) -> pd.DataFrame:
        """As a DataFrame, with the dtypes of the registry."""
        import pandas as pd

        #: Columns that share their texts share the index of categories as well: that makes them comparable.
        shared: dict[int, pd.Index[Any]] = {}

        def column(values: Values, kind: Type) -> Any:
            if isinstance(values, Texts):
                if id(values.values) not in shared:
                    shared[id(values.values)] = pd.Index(values.values.to_pandas(), dtype="str")
                return pd.Categorical.from_codes(values.codes, categories=shared[id(values.values)])
            if isinstance(values, Lists):
                return values.objects()
            if not isinstance(values, Nullable):
                return values
            if kind is Type.TIME:
                stamps = values.values.view("M8[ns]").copy()
                stamps[values.null] = np.datetime64("NaT")
                return pd.DatetimeIndex(stamps).tz_localize("UTC")
            return pd.arrays.IntegerArray(values.values, values.null)

        data = {one.name: column(self._columns[one.name], one.type) for one in self.table}
        return pd.DataFrame(data, columns=self.table.names, copy=False)

    @classmethod
    def of(cls, table: Table, frame: pd.DataFrame, columns: Iterable[Column] | None = None) -> Rows:
        """These columns (None: all) of a DataFrame, whatever pandas made of their dtypes. KeyError for missing ones."""
        return cls(table, {column.name: _values(column, frame[column.name]) for column in columns or table})


def _values(column: Column, series: pd.Series[Any]) -> Values:
    import pandas as pd
    import pyarrow as pa

    if column.type is Type.LIST:
        return Lists.of(series.tolist())
    if column.type is Type.FLOAT:
        return series.to_numpy(dtype=np.float64)
    if column.type in _TEXTS:
        if isinstance(series.dtype, pd.CategoricalDtype):
            codes, words = series.cat.codes.to_numpy(), series.cat.categories
        else:
            codes, words = pd.factorize(series)
        if len(words) > len(codes):
            used, codes = used_codes(codes)
            words = words[used]
        return Texts(codes.astype(np.int32), pa.array(words.to_numpy(dtype=object), pa.string()))
    null = series.isna().to_numpy()
    if column.type is Type.TIME:
        stamps = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ns]").view(np.int64)
        return Nullable(stamps, null)
    width = np.int32 if column.compact else np.int64
    whole = series.to_numpy(dtype=width, na_value=0) if null.any() else series.to_numpy(dtype=width)
    return Nullable(whole, null) if column.nullable else whole
