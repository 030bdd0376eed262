"""Tally: different rows of numbers, how many frames had each, and when the first and the last of them came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows.labels import combine

Ints = npt.NDArray[np.int64]
#: Different rows that are kept; a capture can be made to have a new one in each frame.
MAX_ROWS = 1 << 18
#: Rows of batches that may wait for being put together with those before.
_WAITING = 1 << 17


class Row(NamedTuple):
    """What `frames` frames had in common, at `first_ns` the first of them and at `last_ns` the last."""

    values: tuple[int, ...]
    frames: int
    first_ns: int
    last_ns: int


class _Table(NamedTuple):
    """Rows as arrays: int64 [n, width], and [n] each."""

    values: Ints
    frames: Ints
    first_ns: Ints
    last_ns: Ints


class Tally:
    """Counts frames by rows of `width` numbers: once a batch by NumPy, and by Python once a row at the end."""

    def __init__(self, width: int, limit: int = MAX_ROWS) -> None:
        """At most `limit` different rows are kept: those that came first."""
        self._limit = limit
        self._tables = [
            _Table(np.zeros((0, width), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        ]
        self._waiting = 0
        #: Frames whose row found no room.
        self.dropped = 0

    def add(self, columns: Sequence[npt.NDArray[Any]], ts_ns: Ints) -> None:
        """A frame per entry of the columns, which are as long as `ts_ns`."""
        if not len(ts_ns):
            return
        values = np.stack([column.astype(np.int64) for column in columns], axis=1)
        table = _merged(_Table(values, np.ones(len(ts_ns), np.int64), ts_ns, ts_ns))
        self._tables.append(table)
        self._waiting += len(table.frames)
        if self._waiting > _WAITING:
            self._together()

    def _together(self) -> None:
        table = _merged(_Table(*map(np.concatenate, zip(*self._tables, strict=True))))
        self._waiting = 0
        self.dropped += int(table.frames[self._limit :].sum())
        self._tables = [_Table(*(column[: self._limit] for column in table))]

    def rows(self) -> Iterator[Row]:
        """The different rows, in order of their first appearance."""
        self._together()
        values, *others = self._tables[0]
        for key, *rest in zip(values.tolist(), *(column.tolist() for column in others), strict=True):
            yield Row(tuple(key), *rest)


def _merged(table: _Table) -> _Table:
    """The table with equal rows as one."""
    varying = [column for column in table.values.T if column.min(initial=0) != column.max(initial=0)]
    codes, first = combine(varying or [table.values[:, 0]])
    frames = np.zeros(len(first), np.int64)
    first_ns, last_ns = table.first_ns[first], table.last_ns[first]
    np.add.at(frames, codes, table.frames)
    np.minimum.at(first_ns, codes, table.first_ns)
    np.maximum.at(last_ns, codes, table.last_ns)
    return _Table(table.values[first], frames, first_ns, last_ns)
