"""Rates: how much tenants, tunnels and flows have grown between two looks at a capture that goes on.

Only sums are remembered of earlier looks (`Totals`: 24 bytes a flow), never a Snapshot. Rows are matched by what they
are (number of the flow, of the tunnel; encapsulation and vsid), since rows move when flows are evicted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.live_columns import LIVE_TABLES
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.schema import Table
from nvgre_inspect.model.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

#: Rates are those of at least this many seconds: less jumps about.
_LEAST_SECONDS = 1.0
#: Looks that are remembered, for sparklines: one a second.
LOOKS = 16
#: Which columns say what a row is, in each table that has rates.
KEYS = {"tenants": ("encap", "vsid"), "tunnels": ("tunnel",), "flows": ("flow",)}

_Sums = npt.NDArray[np.int64]


class Growth(NamedTuple):
    """What came since an earlier look; int64 [rows] of the table."""

    packets: _Sums
    wire_bytes: _Sums
    seconds: float

    @property
    def rates(self) -> dict[str, npt.NDArray[Any]]:
        """The columns of `model.live_columns.RATES`, float64."""
        return {"packets_per_s": self.packets / self.seconds, "bits_per_s": 8.0 * self.wire_bytes / self.seconds}


@dataclass(frozen=True, slots=True)
class Totals:
    """What had been counted at one moment."""

    #: On a clock of the caller's, in seconds.
    at_s: float
    #: int64 [flows, 3]: number of the flow (rising), packets, wire bytes of both directions.
    flows: _Sums
    #: int64 [tunnels, 2]: packets, wire bytes.
    tunnels: _Sums
    #: (encap, vsid) -> packets, wire bytes.
    tenants: dict[Hashable, tuple[int, int]]

    @classmethod
    def nothing(cls, at_s: float) -> Totals:
        """Before the first packet."""
        return cls(at_s, np.zeros((0, 3), np.int64), np.zeros((0, 2), np.int64), {})

    @classmethod
    def of(cls, snapshot: Snapshot, at_s: float) -> Totals:
        """The sums of a Snapshot."""
        state = snapshot.state
        flows, tunnels = state.flows, state.tunnels
        tenants = snapshot.table("tenants")
        return cls(
            at_s,
            np.column_stack([state.flow_numbers, flows["packets"].sum(axis=1), flows["wire_bytes"].sum(axis=1)]),
            np.column_stack([tunnels["packets"].sum(axis=1), tunnels["wire_bytes"].sum(axis=1)]),
            dict(
                zip(
                    tenant_keys(tenants),
                    zip(tenants["packets"].tolist(), tenants["wire_bytes"].tolist(), strict=True),
                    strict=True,
                )
            ),
        )

    def sums(self, table: str, keys: Sequence[Hashable]) -> _Sums:
        """int64 [keys, 2]: packets and wire bytes of these rows, 0 for those that were not there. Keys are numbers of
        flows or tunnels, or (encap, vsid).
        """
        if table == "tenants":
            return np.array([self.tenants.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2)
        numbers = np.asarray(keys, np.int64)
        if table == "tunnels":
            known, rows = self.tunnels, numbers - 1
            there = rows < len(known)
        else:
            known = self.flows[:, 1:]
            rows = np.searchsorted(self.flows[:, 0], numbers)
            there = rows < len(known)
            there[there] = self.flows[rows[there], 0] == numbers[there]
        found = np.zeros((len(numbers), 2), np.int64)
        found[there] = known[rows[there]]
        return found


def tenant_keys(rows: pd.DataFrame) -> list[Hashable]:
    """What the rows of `tenants` are known by."""
    encaps = rows["encap"].astype(object).tolist()
    return list(zip(encaps, rows["vsid"].astype(object).where(rows["vsid"].notna(), None).tolist(), strict=True))


def keys_of(table: str, rows: pd.DataFrame) -> Sequence[Hashable]:
    """What the rows of a table are known by."""
    return tenant_keys(rows) if table == "tenants" else rows[KEYS[table][0]].tolist()


def growth(before: Totals, after: Totals, table: str, keys: Sequence[Hashable]) -> Growth:
    """What came between two looks, of these rows. Never negative: what was evicted came back as something new."""
    more = np.maximum(after.sums(table, keys) - before.sums(table, keys), 0)
    return Growth(more[:, 0], more[:, 1], max(after.at_s - before.at_s, 1e-9))


class History:
    """The looks of the last half minute. `look` and the others may be called from different threads."""

    def __init__(self, began_s: float) -> None:
        """Capturing began at that time."""
        self._looks = deque([Totals.nothing(began_s)], maxlen=LOOKS + 1)

    def look(self, snapshot: Snapshot, at_s: float) -> LiveSnapshot:
        """The same Snapshot with rates; it is remembered."""
        now = Totals.of(snapshot, at_s)
        if at_s - self._looks[-1].at_s >= _LEAST_SECONDS:
            self._looks.append(now)
        return LiveSnapshot(snapshot, tuple(self._looks), now)


class LiveSnapshot(Snapshot):
    """A Snapshot whose tenants, tunnels and flows have the columns of `model.live_columns.RATES` as well."""

    def __init__(self, snapshot: Snapshot, looks: Sequence[Totals], totals: Totals) -> None:
        super().__init__(snapshot.state, snapshot.interfaces, snapshot.names, snapshot.options, _built)
        #: The same without rates.
        self.plain = snapshot
        #: What had been counted when it was taken.
        self.totals = totals
        self._looks = looks

    def schema(self, name: str) -> Table:
        """With rates."""
        return LIVE_TABLES.get(name) or super().schema(name)

    def table(self, name: str) -> pd.DataFrame:
        """The table, with rates if it has them."""
        return super().table(name) if name in LIVE_TABLES else self.plain.table(name)

    def rows(self, name: str) -> Rows:
        """Likewise."""
        return super().rows(name) if name in LIVE_TABLES else self.plain.rows(name)

    def with_rates(self, name: str) -> Rows:
        """Builds one of LIVE_TABLES."""
        # The newest look that is long enough ago, else the first.
        before = next(
            (look for look in reversed(self._looks) if self.totals.at_s - look.at_s >= _LEAST_SECONDS), self._looks[0]
        )
        return self.plain.rows(name).wider(LIVE_TABLES[name], self.since(before, name).rates)

    def since(self, before: Totals, table: str) -> Growth:
        """What came since an earlier look, of each row of `plain.table(table)`: tenants, tunnels or flows."""
        return growth(before, self.totals, table, keys_of(table, self.plain.table(table)))

    def recent(self, table: str, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """float64 [rows, LOOKS]: bits a second between one remembered look and the next, the oldest first; 0 before
        capturing began.
        """
        keys = keys_of(table, rows)
        looks = [*self._looks, *([self.totals] if self.totals is not self._looks[-1] else [])]
        sums = np.stack([look.sums(table, keys)[:, 1] for look in looks], axis=1)
        seconds = np.maximum(np.diff([look.at_s for look in looks]), 1e-9)
        bits = 8.0 * np.maximum(np.diff(sums, axis=1), 0) / seconds
        recent = np.zeros((len(keys), LOOKS))
        if bits.shape[1]:
            recent[:, -bits.shape[1] :] = bits[:, -LOOKS:]
        return recent


def _built(view: Snapshot, name: str) -> Rows:
    assert isinstance(view, LiveSnapshot)
    return view.with_rates(name)
