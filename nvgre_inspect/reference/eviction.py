"""Eviction: the flows and endpoints that were idle longest leave the reference accountant's tables.

As docs/accounting.md, "Eviction", says; `engine/eviction.py` does the same to arrays.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol

from dissectors import encaps
from nvgre_inspect.reference.ledger import Ledger, Outcome
from nvgre_inspect.reference.rows import Evicted, Flow, Times
from nvgre_inspect.reference.table import Moved

#: One row in so many leaves.
_PART = 4


class _Timed(Protocol):
    @property
    def times(self) -> Times: ...


class Eviction:
    """What left so far, and which flows those that are there are."""

    def __init__(self) -> None:
        #: What flows had counted, by tenant, in the order in which tenants left.
        self.totals: dict[tuple[int, int, int], Evicted] = {}
        self._gone = 0
        self._numbers: list[int] = []

    def numbers(self, flows: int) -> list[int] | None:
        """The numbers of so many flows; None: none has left."""
        if not self._gone:
            return None
        return [*self._numbers, *range(self._gone + len(self._numbers) + 1, self._gone + flows + 1)]

    def evict_flows(self, ledger: Ledger, cap: int, firsts: Iterable[Outcome]) -> Moved:
        """A quarter of the flows leaves; `firsts`: of packets of which fragments are still expected."""
        expected = {id(first): first for first in firsts}.values()
        flows = ledger.flows.rows
        numbers = self.numbers(len(flows)) or list(range(1, len(flows) + 1))
        leaving = _idle_longest(flows, cap, {first.flow for first in expected})
        for row in sorted(leaving):
            self._add(flows[row])
        self._numbers = [number for row, number in enumerate(numbers) if row not in leaving]
        self._gone += len(leaving)
        moved = _moved(len(flows), leaving)
        _remove_flows(ledger, moved, expected)
        return moved

    def _add(self, flow: Flow) -> None:
        tunnel = flow.tunnel if flow.vsid == -1 and flow.encap != encaps.NONE else -1
        tenant = flow.encap, flow.vsid, tunnel
        if tenant not in self.totals:
            self.totals[tenant] = Evicted(*tenant, Times(flow.times.first_ns))
        self.totals[tenant].add(flow)


def evict_endpoints(ledger: Ledger, cap: int) -> None:
    """A quarter of the endpoints leaves."""
    endpoints = ledger.endpoints
    moved = _moved(len(endpoints.rows), _idle_longest(endpoints.rows, cap, set()))
    endpoints.keep(moved)
    ledger.endpoint_pas = [(moved[number], pa) for number, pa in ledger.endpoint_pas if number in moved]


def _idle_longest(rows: Sequence[_Timed], cap: int, held: set[int]) -> set[int]:
    """The rows whose last packet is oldest, of equals the first; those that are held after all others."""
    order = sorted(range(len(rows)), key=lambda row: (row in held, rows[row].times.last_ns))
    return set(order[: len(rows) - cap + max(cap // _PART, 1)])


def _moved(count: int, leaving: set[int]) -> Moved:
    return {row: place for place, row in enumerate(row for row in range(count) if row not in leaving)}


def _remove_flows(ledger: Ledger, moved: Moved, expected: Iterable[Outcome]) -> None:
    """Take the other flows out, with all that is theirs."""
    placements = ledger.placements
    moved_placements = _moved(
        len(placements.rows), {number for number, row in enumerate(placements.rows) if row.flow not in moved}
    )

    def rekey(key: tuple[int, int, Hashable]) -> Hashable:
        flow, side, way = key
        return moved[flow], side, way

    ledger.flows.keep(moved)
    placements.keep(moved_placements, rekey)
    for placement in placements.rows:
        placement.flow = moved[placement.flow]
    for anomaly in ledger.anomalies.values():
        anomaly.flow = moved.get(anomaly.flow, -1)
    for first in expected:
        first.flow = moved.get(first.flow, -1)
        first.placement = moved_placements.get(first.placement, -1)
