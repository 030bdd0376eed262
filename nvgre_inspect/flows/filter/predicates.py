"""The checked filter: fields resolved, values parsed, and how each condition gives one bool per row.

A row fits a comparison if one of the field's occurrences fits, as in Wireshark 4; `!=` and `===` ask that all do, and
a row without the field fits neither. Only `not` turns rows without a field into rows that fit.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from nvgre_inspect.flows.filter.field import Field, Scope
from nvgre_inspect.flows.filter.literals import Constant
from nvgre_inspect.flows.filter.nodes import Compare, Slice
from nvgre_inspect.flows.filter.values import (
    Addresses,
    Bools,
    ByteRanges,
    Numbers,
    Occurrences,
    Words,
    join,
)


class Rows(Protocol):
    """What a filter is evaluated on: packets or a table."""

    @property
    def size(self) -> int:
        """Number of rows."""
        ...

    def occurrences(self, field: Field, scope: Scope) -> Occurrences:
        """The values of `field` in all rows."""
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """A field as a filter uses it: in which headers, which of its bytes, which of its bits."""

    field: Field
    scope: Scope
    slice: Slice | None
    mask: int | None

    def read(self, rows: Rows) -> Occurrences:
        """Its values in all rows."""
        found = rows.occurrences(self.field, self.scope)
        if self.slice is not None:
            values = found.values
            if isinstance(values, Numbers | Addresses):
                values = values.words()
            there, cut = values.sliced(self.slice)
            found = Occurrences(found.rows[there], cut)
        if self.mask is not None:
            values = found.values
            if isinstance(values, Words | ByteRanges):
                values = values.numbers()
            assert isinstance(values, Numbers)
            found = Occurrences(found.rows, Numbers(values.data & self.mask))
        return found


class Predicate(ABC):
    """A condition on a row."""

    def mask(self, rows: Rows) -> Bools:
        """One bool per row."""
        return self._mask(rows)

    @abstractmethod
    def _mask(self, rows: Rows) -> Bools: ...

    def references(self) -> Iterator[Reference]:
        """The fields that it reads, itself and by its parts."""
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Reference):
                    yield part
                elif isinstance(part, Predicate):
                    yield from part.references()


def _some(rows: Rows, found: Occurrences, hits: Bools) -> Bools:
    """Rows of which one occurrence hits."""
    result = np.zeros(rows.size, dtype=bool)
    result[found.rows[hits]] = True
    return result


def _every(rows: Rows, found: Occurrences, hits: Bools) -> Bools:
    """Rows that have occurrences, all of which hit."""
    result = np.zeros(rows.size, dtype=bool)
    result[found.rows] = True
    result[found.rows[~hits]] = False
    return result


@dataclass(frozen=True, slots=True)
class Everything(Predicate):
    """The empty filter."""

    def _mask(self, rows: Rows) -> Bools:
        return np.ones(rows.size, dtype=bool)


@dataclass(frozen=True, slots=True)
class Exists(Predicate):
    """The field is there; with a mask: one of its occurrences has a bit of the mask set."""

    left: Reference

    def _mask(self, rows: Rows) -> Bools:
        found = self.left.read(rows)
        hits = np.ones(len(found.rows), dtype=bool)
        if self.left.mask is not None:
            assert isinstance(found.values, Numbers)
            hits = found.values.data != 0
        return _some(rows, found, hits)


def _reduce(rows: Rows, found: Occurrences, hits: Bools, how: Compare, every: bool) -> Bools:
    """`hits` answers `how` with != as ==; the negation and the choice of occurrences are made here."""
    if how in (Compare.NE, Compare.ANY_NE):
        hits = ~hits
    if every or how in (Compare.NE, Compare.ALL_EQ):
        return _every(rows, found, hits)
    return _some(rows, found, hits)


def _base(how: Compare) -> Compare:
    return Compare.EQ if how in (Compare.NE, Compare.ANY_NE, Compare.ALL_EQ) else how


@dataclass(frozen=True, slots=True)
class CompareConstant(Predicate):
    """A field against a value."""

    left: Reference
    how: Compare
    constant: Constant
    every: bool

    def _mask(self, rows: Rows) -> Bools:
        found = self.left.read(rows)
        hits = found.values.compare(_base(self.how), self.constant)
        return _reduce(rows, found, hits, self.how, self.every)


@dataclass(frozen=True, slots=True)
class CompareFields(Predicate):
    """A field against another of the same row, every occurrence with every."""

    left: Reference
    how: Compare
    right: Reference
    every: bool

    def _mask(self, rows: Rows) -> Bools:
        first, second = self.left.read(rows), self.right.read(rows)
        i, j = join(first.rows, second.rows)
        first, second = first.take(i), second.take(j)
        hits = first.values.compare_column(_base(self.how), second.values)
        return _reduce(rows, first, hits, self.how, self.every)


@dataclass(frozen=True, slots=True)
class InSet(Predicate):
    """A field against values and ranges (both ends included)."""

    left: Reference
    items: tuple[tuple[Constant, Constant | None], ...]
    every: bool

    def _mask(self, rows: Rows) -> Bools:
        found = self.left.read(rows)
        hits = np.zeros(len(found.rows), dtype=bool)
        for low, high in self.items:
            if high is None:
                hits |= found.values.compare(Compare.EQ, low)
            else:
                hits |= found.values.compare(Compare.GE, low) & found.values.compare(Compare.LE, high)
        return _every(rows, found, hits) if self.every else _some(rows, found, hits)


@dataclass(frozen=True, slots=True)
class Contains(Predicate):
    """Text or bytes that occur in the field."""

    left: Reference
    needle: str | bytes

    def _mask(self, rows: Rows) -> Bools:
        found = self.left.read(rows)
        values = found.values
        if isinstance(values, ByteRanges):
            assert isinstance(self.needle, bytes)
            return _some(rows, found, values.contains(self.needle))
        assert isinstance(values, Words)
        return _some(rows, found, values.contains(self.needle))


@dataclass(frozen=True, slots=True)
class Matches(Predicate):
    """A regular expression that is found in the field."""

    left: Reference
    pattern: re.Pattern[Any]

    def _mask(self, rows: Rows) -> Bools:
        found = self.left.read(rows)
        assert isinstance(found.values, Words | ByteRanges)
        return _some(rows, found, found.values.matches(self.pattern))


@dataclass(frozen=True, slots=True)
class Not(Predicate):
    """Rows that do not fit."""

    part: Predicate

    def _mask(self, rows: Rows) -> Bools:
        return ~self.part.mask(rows)


@dataclass(frozen=True, slots=True)
class AllOf(Predicate):
    """Rows that fit all parts."""

    parts: tuple[Predicate, ...]

    def _mask(self, rows: Rows) -> Bools:
        result = self.parts[0].mask(rows)
        for part in self.parts[1:]:
            result &= part.mask(rows)
        return result


@dataclass(frozen=True, slots=True)
class AnyOf(Predicate):
    """Rows that fit one of the parts."""

    parts: tuple[Predicate, ...]

    def _mask(self, rows: Rows) -> Bools:
        result = self.parts[0].mask(rows)
        for part in self.parts[1:]:
            result |= part.mask(rows)
        return result
