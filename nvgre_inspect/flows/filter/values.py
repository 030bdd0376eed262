"""Columns of values, and what a filter can ask of them: all vectorised.

An evaluator hands out `Occurrences`: the values of one field over all rows (packets, or rows of a table), each with the
row it belongs to; a row may have several or none. A column answers a comparison with one bool per value, and
`predicates` reduces these to one bool per row.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows.filter.literals import Constant, Prefix
from nvgre_inspect.flows.filter.nodes import Compare, Slice

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_OPERATORS: dict[Compare, Callable[[Any, Any], Any]] = {
    Compare.EQ: operator.eq,
    Compare.LT: operator.lt,
    Compare.LE: operator.le,
    Compare.GT: operator.gt,
    Compare.GE: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Integers (MAC addresses, times in ns and booleans too) or floats."""

    #: int64 or float64
    data: npt.NDArray[Any]
    #: Bytes of each on the wire (6: MAC), 0: a plain number, which has no bytes to slice.
    width: int = 0

    def __len__(self) -> int:
        return len(self.data)

    def take(self, index: Ints | Bools) -> Numbers:
        """The values at `index`."""
        return Numbers(self.data[index], self.width)

    def compare(self, how: Compare, constant: Constant) -> Bools:
        """One bool per value."""
        return np.asarray(_OPERATORS[how](self.data, constant), dtype=bool)

    def compare_column(self, how: Compare, other: Column) -> Bools:
        """One bool per pair of values."""
        assert isinstance(other, Numbers)
        return np.asarray(_OPERATORS[how](self.data, other.data), dtype=bool)

    def words(self) -> Words:
        """The bytes of each value."""
        unique, codes = np.unique(self.data, return_inverse=True)
        return Words(codes.astype(np.int64), [int(value).to_bytes(self.width, "big") for value in unique])


@dataclass(frozen=True, slots=True)
class Addresses:
    """IPv4 and IPv6 addresses; IPv4 in the low 32 bits of `low`."""

    #: uint8: 4 or 6
    family: npt.NDArray[np.uint8]
    #: uint64
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.low)

    def take(self, index: Ints | Bools) -> Addresses:
        """The values at `index`."""
        return Addresses(self.family[index], self.high[index], self.low[index])

    def compare(self, how: Compare, constant: Constant) -> Bools:
        """One bool per value; addresses of different families are neither equal nor in any order."""
        assert isinstance(constant, Prefix)
        high = self.high & np.uint64(constant.mask >> 64)
        low = self.low & np.uint64(constant.mask & 0xFFFFFFFFFFFFFFFF)
        wanted_high = np.uint64(constant.value >> 64)
        wanted_low = np.uint64(constant.value & 0xFFFFFFFFFFFFFFFF)
        same: Bools = self.family == constant.family
        return same & _ordered(how, high, low, wanted_high, wanted_low)

    def compare_column(self, how: Compare, other: Column) -> Bools:
        """One bool per pair of values."""
        assert isinstance(other, Addresses)
        same: Bools = self.family == other.family
        return same & _ordered(how, self.high, self.low, other.high, other.low)

    def words(self) -> Words:
        """The bytes of each value, 4 or 16."""
        keys = np.empty(len(self), dtype=[("family", "u1"), ("high", "u8"), ("low", "u8")])
        keys["family"], keys["high"], keys["low"] = self.family, self.high, self.low
        unique, codes = np.unique(keys, return_inverse=True)
        return Words(
            codes.astype(np.int64),
            [
                (int(key["high"]) << 64 | int(key["low"])).to_bytes(4 if key["family"] == 4 else 16, "big")
                for key in unique
            ],
        )


def _ordered(how: Compare, high: Any, low: Any, other_high: Any, other_low: Any) -> Bools:
    same = high == other_high
    if how is Compare.EQ:
        return np.asarray(same & (low == other_low))
    strict = Compare.LT if how in (Compare.LT, Compare.LE) else Compare.GT
    return np.asarray(_OPERATORS[strict](high, other_high) | (same & _OPERATORS[how](low, other_low)), dtype=bool)


@dataclass(frozen=True, slots=True)
class Words:
    """Text, or short byte strings: each distinct one is looked at once."""

    #: int64, index into `values`
    codes: Ints
    values: Sequence[str] | Sequence[bytes]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, index: Ints | Bools) -> Words:
        """The values at `index`."""
        return Words(self.codes[index], self.values)

    def test(self, check: Callable[[Any], bool]) -> Bools:
        """`check` of each value."""
        verdicts = np.fromiter((check(value) for value in self.values), dtype=bool, count=len(self.values))
        return verdicts[self.codes]

    def compare(self, how: Compare, constant: Constant) -> Bools:
        """One bool per value, text by code points."""
        compare = _OPERATORS[how]
        return self.test(lambda value: bool(compare(value, constant)))

    def compare_column(self, how: Compare, other: Column) -> Bools:
        """One bool per pair of values."""
        assert isinstance(other, Words)
        order = {value: rank for rank, value in enumerate(sorted({*self.values, *other.values}))}
        left = np.array([order[value] for value in self.values], dtype=np.int64)
        right = np.array([order[value] for value in other.values], dtype=np.int64)
        return np.asarray(_OPERATORS[how](left[self.codes], right[other.codes]), dtype=bool)

    def contains(self, needle: str | bytes) -> Bools:
        """Whether `needle` occurs in each value."""
        return self.test(lambda value: needle in value)

    def matches(self, pattern: re.Pattern[Any]) -> Bools:
        """Whether `pattern` is found in each value."""
        return self.test(lambda value: pattern.search(value) is not None)

    def sliced(self, part: Slice) -> tuple[Bools, Words]:
        """Which of the values have all of these bytes, and the bytes of those."""
        cut = [_cut(value, part) for value in self.values]
        there = np.array([piece is not None for piece in cut], dtype=bool)[self.codes]
        return there, Words(self.codes[there], [piece or b"" for piece in cut])

    def numbers(self) -> Numbers:
        """Each value's bytes as one big-endian number."""
        values = [int.from_bytes(value, "big") for value in self.values if isinstance(value, bytes)]
        return Numbers(np.array(values, dtype=np.int64)[self.codes])


def _cut(value: str | bytes, part: Slice) -> bytes | None:
    assert isinstance(value, bytes)
    start = part.start + len(value) if part.start < 0 else part.start
    stop = len(value) if part.stop is None else start + (part.stop - part.start)
    return value[start:stop] if 0 <= start < stop <= len(value) else None


@dataclass(frozen=True, slots=True)
class ByteRanges:
    """Runs of bytes in a batch's buffer."""

    #: uint8
    buffer: npt.NDArray[np.uint8]
    #: int64 positions in `buffer`, `0 <= start <= stop <= len(buffer)`
    start: Ints
    stop: Ints

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: Ints | Bools) -> ByteRanges:
        """The values at `index`."""
        return ByteRanges(self.buffer, self.start[index], self.stop[index])

    def compare(self, how: Compare, constant: Constant) -> Bools:
        """One bool per value; order is that of the bytes, a beginning comes before the whole."""
        assert isinstance(constant, bytes)
        if how is not Compare.EQ:
            words = self.words()
            return words.compare(how, constant)
        equal: Bools = (self.stop - self.start) == len(constant)
        candidates = np.flatnonzero(equal)
        for k, byte in enumerate(constant):
            candidates = candidates[self.buffer[self.start[candidates] + k] == byte]
        equal[:] = False
        equal[candidates] = True
        return equal

    def compare_column(self, how: Compare, other: Column) -> Bools:
        """One bool per pair of values."""
        assert isinstance(other, ByteRanges)
        return self.words().compare_column(how, other.words())

    def words(self) -> Words:
        """The bytes of each value, copied."""
        data = self.buffer.data
        spans = zip(self.start.tolist(), self.stop.tolist(), strict=True)
        return Words(np.arange(len(self)), [bytes(data[a:b]) for a, b in spans])

    def contains(self, needle: bytes) -> Bools:
        """Whether `needle` occurs in each run."""
        if len(needle) == 0:
            return np.ones(len(self), dtype=bool)
        found = _positions(self.buffer, needle)
        first = np.searchsorted(found, self.start)
        inside = first < len(found)
        inside[inside] = found[first[inside]] + len(needle) <= self.stop[inside]
        return inside

    def matches(self, pattern: re.Pattern[bytes]) -> Bools:
        """Whether `pattern` is found in each run."""
        data = self.buffer.data
        spans = zip(self.start.tolist(), self.stop.tolist(), strict=True)
        hits = (pattern.search(data[a:b]) is not None for a, b in spans)
        return np.fromiter(hits, dtype=bool, count=len(self))

    def sliced(self, part: Slice) -> tuple[Bools, ByteRanges]:
        """Which of the runs have all of these bytes, and the bytes of those."""
        start = (self.stop if part.start < 0 else self.start) + part.start
        stop = self.stop if part.stop is None else start + (part.stop - part.start)
        there = (start >= self.start) & (start < stop) & (stop <= self.stop)
        return there, ByteRanges(self.buffer, start[there], stop[there])

    def numbers(self) -> Numbers:
        """Each run's bytes (all of one length of at most 7) as one big-endian number."""
        size = int(self.stop[0] - self.start[0]) if len(self) else 0
        return Numbers(big_endian(self.buffer, self.start, size))


def big_endian(buffer: npt.NDArray[np.uint8], position: Ints, size: int) -> Ints:
    """int64 of the `size` (at most 7) bytes at each position, which the caller has checked to be there."""
    value = np.zeros(len(position), dtype=np.int64)
    for k in range(size):
        value = value << 8 | buffer[position + k]
    return value


def _positions(buffer: npt.NDArray[np.uint8], needle: bytes) -> Ints:
    """All places where `needle` occurs in `buffer`, ascending; each byte narrows the candidates."""
    last = len(buffer) - len(needle)
    if last < 0:
        return np.zeros(0, dtype=np.int64)
    found = np.flatnonzero(buffer[: last + 1] == needle[0])
    for k, byte in enumerate(needle[1:], 1):
        found = found[buffer[found + k] == byte]
    return found


Column = Numbers | Addresses | Words | ByteRanges


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The values of a field, each with the row that has it."""

    #: int64, ascending or not
    rows: Ints
    values: Column

    def take(self, index: Ints | Bools) -> Occurrences:
        """The occurrences at `index`."""
        return Occurrences(self.rows[index], self.values.take(index))


def join(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """All pairs (i, j) with `left[i] == right[j]`, as two arrays of indices."""
    order = np.arange(len(right)) if bool(np.all(right[1:] >= right[:-1])) else np.argsort(right, kind="stable")
    ordered = right[order]
    begin = np.searchsorted(ordered, left, side="left")
    count = np.searchsorted(ordered, left, side="right") - begin
    i = np.repeat(np.arange(len(left)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return i, order[np.repeat(begin, count) + within]


def concatenate(parts: list[Occurrences]) -> Occurrences:
    """All occurrences of fields of one kind together."""
    rows = np.concatenate([part.rows for part in parts])
    columns = [part.values for part in parts]
    return Occurrences(rows, _join_columns(columns))


def _join_columns(columns: list[Column]) -> Column:
    first = columns[0]
    if isinstance(first, Numbers):
        data = [column.data for column in columns if isinstance(column, Numbers)]
        return Numbers(np.concatenate(data), first.width)
    if isinstance(first, Addresses):
        addresses = [column for column in columns if isinstance(column, Addresses)]
        return Addresses(
            np.concatenate([column.family for column in addresses]),
            np.concatenate([column.high for column in addresses]),
            np.concatenate([column.low for column in addresses]),
        )
    words = [column for column in columns if isinstance(column, Words)]
    values: list[Any] = []
    codes = []
    for column in words:
        codes.append(column.codes + len(values))
        values.extend(column.values)
    return Words(np.concatenate(codes), values)
