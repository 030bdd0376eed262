"""Query: which rows of a table are wanted, in which order; `find` answers with positions, and moves no row.

Pure functions of a Snapshot, safe to run in any thread. A million flows take a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.flows.order import order
from nvgre_inspect.flows.scoped import Narrow, rows_within
from nvgre_inspect.model.snapshot import Snapshot

if TYPE_CHECKING:
    from nvgre_inspect.flows.filter import Filter


Positions = npt.NDArray[np.int64]
#: Part of a table up to which its rows are gathered before they are tested.
_FEW = 0.1
#: Rows that are tested at a time.
_PART = 1 << 18


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one table: what its rows belong to, a filter (`-Y`), an order."""

    table: str
    narrow: Narrow = field(default_factory=Narrow)
    filter: Filter | None = None
    #: Columns to order by, the first before the next; empty: as the table has them.
    by: tuple[str, ...] = ()
    descending: bool = False
    #: Whether the sum of those columns, which are counters, gives the order.
    summed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The answer."""

    frame: pd.DataFrame
    #: int64, positions in `frame`; None: all rows as they are.
    positions: Positions | None
    #: Rows that belong, before the filter.
    belonging: int

    def __len__(self) -> int:
        return len(self.frame) if self.positions is None else len(self.positions)


def find(snapshot: Snapshot, query: Query) -> Found:
    """The rows that the query asks for. KeyError for a table or column that does not exist."""
    frame = snapshot.table(query.table)
    positions = rows_within(snapshot, query.table, query.narrow)
    belonging = len(frame) if positions is None else len(positions)
    if query.filter is not None:
        positions = _passing(frame, positions, query.filter)
    if query.by:
        few = pd.DataFrame({name: _taken(frame[name], positions) for name in query.by}, copy=False)
        if query.summed:
            totals = few.to_numpy(dtype=np.int64).sum(axis=1)
            placed = np.argsort(-totals if query.descending else totals, kind="stable")
        else:
            placed = order(few, snapshot.schema(query.table), query.by, descending=query.descending)
        positions = placed if positions is None else positions[placed]
    return Found(frame, positions, belonging)


def _passing(frame: pd.DataFrame, positions: Positions | None, chosen: Filter) -> Positions:
    """Those of the rows that pass the filter."""
    if positions is not None and len(positions) < _FEW * len(frame):
        return positions[chosen.mask(frame.iloc[positions])]
    # Rows are gathered from all columns, which costs more than to test those that do not belong. A filter on addresses
    # takes 70 bytes a row while it works.
    parts = [chosen.mask(frame.iloc[start : start + _PART]) for start in range(0, len(frame), _PART)]
    mask = np.concatenate([np.zeros(0, bool), *parts])
    return np.flatnonzero(mask) if positions is None else positions[mask[positions]]


def _taken(column: pd.Series[Any], positions: Positions | None) -> pd.Series[Any]:
    return column if positions is None else column.take(positions)
