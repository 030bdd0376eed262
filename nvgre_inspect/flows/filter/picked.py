"""Filters that somebody else has already answered: rows that have one of the packets that were picked elsewhere.

    chosen = picked("wireshark: http", "flows", numbers, snapshot)

What a Wireshark display filter picks are packets; a flow, a tunnel or a tenant passes where one of them is its own.
A tunnel passes where it carried such a flow; a finding where it names such a flow or packet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.flows.filter.filter import Filter
from nvgre_inspect.flows.filter.packet_rows import PacketRows
from nvgre_inspect.flows.filter.predicates import Predicate, Rows
from nvgre_inspect.flows.filter.table_rows import TableRows
from nvgre_inspect.flows.filter.values import Bools
from nvgre_inspect.model.snapshot import Snapshot

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _AmongPackets(Predicate):
    """The packet has one of these numbers."""

    numbers: Numbers

    def _mask(self, rows: Rows) -> Bools:
        assert isinstance(rows, PacketRows)
        return np.isin(rows.numbers, self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class _AmongRows(Predicate):
    """The row is one of these, by a test of the table."""

    test: Callable[[pd.DataFrame], Bools]

    def _mask(self, rows: Rows) -> Bools:
        assert isinstance(rows, TableRows)
        return self.test(rows.table)


def picked(text: str, table: str, numbers: Numbers, snapshot: Snapshot) -> Filter:
    """The filter called `text` on that table: packets with these numbers (rising), and what they belong to.

    What they belong to is as `snapshot` counted it. KeyError for a table whose rows have no packets.
    """
    if table == "packets":
        return Filter(text, table, _AmongPackets(numbers))
    flows = _flows_of(snapshot, numbers)
    tests = {"flows": _flows, "tunnels": _tunnels, "tenants": _tenants, "findings": _findings}
    return Filter(text, table, _AmongRows(tests[table](snapshot, flows, numbers)))


def _flows_of(snapshot: Snapshot, numbers: Numbers) -> Numbers:
    """Rows of State.flows that have one of the packets."""
    state = snapshot.state
    known = state.frame_number
    if known is None:
        rows = numbers[(numbers >= 1) & (numbers <= state.frames)] - 1
    else:
        rows = np.flatnonzero(np.isin(known, numbers))
    found = np.unique(state.frame_flow[rows]).astype(np.int64)
    return found[found >= 0]


def _flows(snapshot: Snapshot, flows: Numbers, _numbers: Numbers) -> Callable[[pd.DataFrame], Bools]:
    chosen = snapshot.state.numbers_of(flows)
    return lambda table: table["flow"].isin(chosen).to_numpy(dtype=bool)


def _tunnels(snapshot: Snapshot, flows: Numbers, _numbers: Numbers) -> Callable[[pd.DataFrame], Bools]:
    placements = snapshot.state.placements
    carrying = placements["tunnel"][np.isin(placements["flow"], flows)]
    tunnels = np.unique(carrying[carrying >= 0]) + 1
    return lambda table: table["tunnel"].isin(tunnels).to_numpy(dtype=bool)


def _tenants(snapshot: Snapshot, flows: Numbers, _numbers: Numbers) -> Callable[[pd.DataFrame], Bools]:
    tenants = set(_pairs(snapshot.flows.iloc[flows]))
    return lambda table: np.fromiter((pair in tenants for pair in _pairs(table)), bool, len(table))


def _pairs(table: pd.DataFrame) -> list[Hashable]:
    """(encap, vsid) of each row; no vsid is None."""
    vsids = [None if vsid is pd.NA else int(vsid) for vsid in table["vsid"].astype(object).tolist()]
    return list(zip(table["encap"].tolist(), vsids, strict=True))


def _findings(snapshot: Snapshot, flows: Numbers, numbers: Numbers) -> Callable[[pd.DataFrame], Bools]:
    chosen, packets = set(snapshot.state.numbers_of(flows).tolist()), set(numbers.tolist())

    def test(table: pd.DataFrame) -> Bools:
        rows = zip(table["flow"].astype(object).tolist(), table["frames"].tolist(), strict=True)
        found = (flow in chosen if flow is not pd.NA else not packets.isdisjoint(frames) for flow, frames in rows)
        return np.fromiter(found, bool, len(table))

    return test
