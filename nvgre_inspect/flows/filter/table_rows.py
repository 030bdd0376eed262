"""TableRows: the values of columns of a pandas table, whichever of pandas' types hold them.

Text, addresses and lists are looked at once per different value, so that a million rows take milliseconds.
"""

from __future__ import annotations

import socket
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.flows.filter.field import Field, Scope, Type
from nvgre_inspect.flows.filter.table_fields import Columns, StackWords
from nvgre_inspect.flows.filter.values import Addresses, Bools, Ints, Numbers, Occurrences, Words, concatenate

#: Family, upper and lower 64 bits of addresses, as in `values.Addresses`.
Parsed: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


class TableRows:
    """One table as a filter sees it. Columns that the table should have and has not: KeyError."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._known: dict[str, Occurrences] = {}
        #: Categories and their addresses: columns share categories, and parsing them is what takes time.
        self._parsed: list[tuple[pd.Index[Any], Parsed]] = []

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.table)

    def occurrences(self, field: Field, scope: Scope) -> Occurrences:
        """The values of `field` in all rows; `scope` is part of a table field's name."""
        del scope
        if field.name not in self._known:
            self._known[field.name] = self._find(field)
        return self._known[field.name]

    def _find(self, field: Field) -> Occurrences:
        source = field.source
        if isinstance(source, StackWords):
            return self._stack_ids(source) if source.ids else self._stack_kinds(source)
        assert isinstance(source, Columns)
        parts = [self._column(name, field.type, field.name) for name in source.names]
        found = parts[0] if len(parts) == 1 else concatenate(parts)
        if source.column is not None:
            keep = self._equals(source.column, source.words)
            found = found.take(keep[found.rows])
        return found

    def _equals(self, column: str, words: tuple[str, ...]) -> Bools:
        rows, codes, values = self._distinct(column)
        keep = np.zeros(self.size, dtype=bool)
        wanted = np.array([str(value) in words for value in values], dtype=bool)
        keep[rows] = wanted[codes] if len(values) else False
        return keep

    def _column(self, name: str, type_: Type, field: str) -> Occurrences:
        series = self.table[name]
        if pd.api.types.is_datetime64_any_dtype(series.dtype):
            return self._times(series)
        if pd.api.types.is_numeric_dtype(series.dtype):
            return self._numbers(series)
        rows, codes, values = self._distinct(name)
        if any(isinstance(value, tuple | list) for value in values[:1]):
            rows, codes, values = _explode(rows, codes, values)
        elif field == "vlan.id":
            rows, codes, values = _explode(rows, codes, [str(value).split(".") for value in values])
        if type_.is_address:
            return _address_column(rows, codes, self._addresses(series, values), type_)
        return _typed(rows, codes, values, type_)

    def _addresses(self, series: pd.Series[Any], values: list[Any]) -> Parsed:
        if not isinstance(series.dtype, pd.CategoricalDtype):
            return _parse_addresses(values)
        categories = series.dtype.categories
        for known, parsed in self._parsed:
            if known is categories:
                return parsed
        self._parsed.append((categories, _parse_addresses(values)))
        return self._parsed[-1][1]

    def _numbers(self, series: pd.Series[Any]) -> Occurrences:
        kind = np.float64 if pd.api.types.is_float_dtype(series.dtype) else np.int64
        rows = np.flatnonzero(series.notna().to_numpy())
        data = series.to_numpy() if isinstance(series.dtype, np.dtype) else series.to_numpy(kind, na_value=0)
        return Occurrences(rows, Numbers(data[rows].astype(kind, copy=False)))

    def _times(self, series: pd.Series[Any]) -> Occurrences:
        rows = np.flatnonzero(series.notna().to_numpy())
        stamps = series.dt.tz_localize(None) if series.dt.tz is None else series.dt.tz_convert(None)
        return Occurrences(rows, Numbers(stamps.to_numpy("datetime64[ns]")[rows].astype(np.int64)))

    def _distinct(self, name: str) -> tuple[Ints, Ints, list[Any]]:
        """Rows that have a value, the code of each, and the value of each code."""
        series = self.table[name]
        if isinstance(series.dtype, pd.CategoricalDtype):
            codes = series.cat.codes.to_numpy().astype(np.int64)
            values = series.cat.categories.tolist()
        else:
            if series.dtype == object:
                series = series.map(tuple, na_action="ignore") if _has_lists(series) else series
            found, uniques = pd.factorize(series)
            codes, values = found.astype(np.int64), list(uniques)
        rows = np.flatnonzero(codes >= 0)
        return rows, codes[rows], values

    # --- layers ----------------------------------------------------------------------------------------------------

    def _layers(self) -> tuple[Ints, Words, Words]:
        """Row, name and id ("" for none) of each layer; without a stack column, of the encapsulation."""
        if "stack" in self.table:
            rows, codes, stacks = self._distinct("stack")
            words = [str(stack).split("/") for stack in stacks]
            rows, codes, values = _explode(rows, codes, words)
            parts = [str(value).partition(":") for value in values]
            return rows, Words(codes, [part[0] for part in parts]), Words(codes, [part[2] for part in parts])
        rows, codes, names = self._distinct("encap")
        tunnelled = np.array([name != "none" for name in names], dtype=bool)
        keep = tunnelled[codes] if len(names) else np.zeros(0, dtype=bool)
        rows, codes = rows[keep], codes[keep]
        ids = np.full(self.size, -1, dtype=np.int64)
        if "vsid" in self.table:
            found = self._numbers(self.table["vsid"])
            assert isinstance(found.values, Numbers)
            ids[found.rows] = found.values.data
        distinct, id_codes = np.unique(ids[rows], return_inverse=True)
        texts = [str(value) if value >= 0 else "" for value in distinct.tolist()]
        return rows, Words(codes, [str(name) for name in names]), Words(id_codes.astype(np.int64), texts)

    def _stack_kinds(self, source: StackWords) -> Occurrences:
        rows, names, _ = self._layers()
        keep = names.test(lambda name: not source.words or name in source.words)
        return Occurrences(rows[keep], names.take(keep))

    def _stack_ids(self, source: StackWords) -> Occurrences:
        rows, names, ids = self._layers()
        keep = names.test(lambda name: name in source.words) & ids.test(str.isdigit)
        kept = ids.take(keep)
        values = [int(text) if text.isdigit() else -1 for text in map(str, kept.values)]
        return Occurrences(rows[keep], Numbers(_table(values)[kept.codes]))


def _has_lists(series: pd.Series[Any]) -> bool:
    first = series.first_valid_index()
    return first is not None and isinstance(series.loc[first], list)


def _table(values: list[int]) -> npt.NDArray[np.int64]:
    """An array to index by codes, also where there is none."""
    return np.array(values, dtype=np.int64)


def _explode(rows: Ints, codes: Ints, values: list[Any]) -> tuple[Ints, Ints, list[Any]]:
    """Rows, codes and values of the items of each row's list."""
    place: dict[Any, int] = {}
    items = [[place.setdefault(item, len(place)) for item in value] for value in values]
    length = _table([len(item) for item in items])
    first = np.cumsum(length) - length
    flat = _table([code for item in items for code in item])
    count = length[codes] if len(values) else np.zeros(0, dtype=np.int64)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    start = np.repeat(first[codes] if len(values) else count, count)
    return np.repeat(rows, count), flat[start + within], list(place)


def _typed(rows: Ints, codes: Ints, values: list[Any], type_: Type) -> Occurrences:
    """The values as the type of the field."""
    if type_ is Type.MAC:
        macs = [int(str(value).replace(":", ""), 16) for value in values]
        return Occurrences(rows, Numbers(_table(macs)[codes], 6))
    if type_ in (Type.INTEGER, Type.BOOLEAN):
        return Occurrences(rows, Numbers(_table([int(value) for value in values])[codes]))
    return Occurrences(rows, Words(codes, [str(value) for value in values]))


def _address_column(rows: Ints, codes: Ints, parsed: Parsed, type_: Type) -> Occurrences:
    """The addresses of the family that the field has: `ip.addr` leaves out IPv6."""
    family, high, low = parsed
    wanted = {Type.IPV4: (4,), Type.IPV6: (6,)}.get(type_, (4, 6))
    keep = np.isin(family, wanted)[codes]
    rows, codes = rows[keep], codes[keep]
    return Occurrences(rows, Addresses(family[codes], high[codes], low[codes]))


def _parse_addresses(values: list[Any]) -> Parsed:
    raw = [
        socket.inet_pton(socket.AF_INET6, text) if ":" in text else bytes(12) + socket.inet_aton(text)
        for text in map(str, values)
    ]
    words = np.frombuffer(b"".join(raw), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    family = np.fromiter((6 if ":" in text else 4 for text in map(str, values)), np.uint8, len(values))
    return family, words[:, 0], words[:, 1]
