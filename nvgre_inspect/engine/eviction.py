"""Eviction: the flows and endpoints that were idle longest leave the compiled accountant's arrays.

It is done between two calls of the kernel, when a table holds as many rows as it may (`docs/accounting.md`,
"Eviction"). Rows that stay keep their order and move up, everything that holds their numbers is told, and the indexes
are made anew; a quarter of a table leaves at a time, so that a new flow costs 1 to 2 µs of it.

Limits: tunnels, stacks, addresses and paths stay for ever; they have caps of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from nvgre_inspect.kernels import lookup
from nvgre_inspect.kernels.ledger import Ledger
from nvgre_inspect.model.state import (
    ANOMALY,
    BIN_SHAPE,
    ENDPOINT,
    ENDPOINT_PA,
    EVICTED,
    SERIES,
    State,
)

Mask = npt.NDArray[np.bool_]
#: New row of each old one, -1: it left. One entry more at the end, so that -1 stays -1.
Moved = npt.NDArray[np.int32]

#: One row in so many leaves.
_PART = 4
#: Above every vsid, which has 32 bits; below `encap` in a tenant's key.
_NO_VSID, _ENCAP_SHIFT = 1 << 36, 40


def leaving_count(rows: int, cap: int) -> int:
    """How many of `rows` leave when there are `cap` of them or more: what is over, and a quarter."""
    return rows - cap + max(cap // _PART, 1)


def flows_to_leave(ledger: Ledger, cap: int) -> Mask:
    """The flows that were idle longest, by the time of their last packet; of equals the first.

    Flows with a packet of which fragments are still expected leave after all others, for these have to find them.
    """
    n = int(ledger.meta[0]["n_flows"])
    held = np.zeros(n + 1, dtype=bool)  # the last entry is for sets without a flow, -1
    held[ledger.sets["flow"]] = True
    order = np.lexsort((ledger.flows["last_ns"][:n], held[:n]))
    return _chosen(order, leaving_count(n, cap))


def endpoints_to_leave(ledger: Ledger, cap: int) -> Mask:
    """The endpoints that have sent nothing for longest; of equals the first."""
    n = int(ledger.meta[0]["n_endpoints"])
    return _chosen(np.argsort(ledger.endpoints["last_ns"][:n], kind="stable"), leaving_count(n, cap))


def _chosen(order: npt.NDArray[np.intp], count: int) -> Mask:
    leaves = np.zeros(len(order), dtype=bool)
    leaves[order[:count]] = True
    return leaves


def flow_rows(ledger: Ledger, leaves: Mask) -> npt.NDArray[np.void]:
    """A copy of these rows of `flows` as a State has them: open gaps count as lost."""
    rows = _plain(ledger.flows[: len(leaves)])[leaves]
    rows["lost_segments"] += ledger.live["gap_count"][: len(leaves)][leaves]
    return rows


def leaving_state(ledger: Ledger, leaves: Mask, numbers: npt.NDArray[np.int64]) -> State:
    """What a State has of the flows that leave: their rows and placements, and what these refer to.

    `numbers` are those of all flows. Interned rows are views, which nobody writes to any more.
    """
    meta = ledger.meta[0]

    def table(name: str) -> npt.NDArray[np.void]:
        return _plain(getattr(ledger, name)[: int(meta[f"n_{name}"])])

    placements = table("placements")
    placements = placements[leaves[placements["flow"]]]
    placements["flow"] = (np.cumsum(leaves) - 1)[placements["flow"]]
    return State(
        stacks=table("stacks"),
        addresses=table("addresses"),
        paths=table("paths"),
        flows=flow_rows(ledger, leaves),
        placements=placements,
        tunnels=table("tunnels").copy(),
        endpoints=np.zeros(0, ENDPOINT),
        endpoint_pas=np.zeros(0, ENDPOINT_PA),
        series=np.zeros(0, SERIES),
        bins=np.zeros((0, *BIN_SHAPE), np.int64),
        bin_start_ns=0,
        bin_width_ns=int(meta["bin_width"]),
        anomalies=np.zeros(0, ANOMALY),
        frame_flow=np.zeros(0, np.int32),
        frame_position=np.zeros(0, np.int64),
        overflow={},
        flow_number=numbers[leaves],
    )


def remove_flows(ledger: Ledger, leaves: Mask) -> Moved:
    """Take these flows out, with all that is theirs. Returns where the others went."""
    meta = ledger.meta[0]
    _free_gaps(ledger, leaves)
    stay, moved = _moved(leaves)
    for rows in (ledger.flows, ledger.live):
        # New flows are written over rows of zeros.
        _bytes(rows)[_move_up(rows, stay) : len(leaves)] = 0
    _move_up(ledger.flow_hash, stay)
    meta["n_flows"] = len(stay)
    ledger.sets["flow"] = moved[ledger.sets["flow"]]
    noted = ledger.anomalies["flow"][: int(meta["n_anomalies"])]
    noted[:] = moved[noted]
    ledger.flow_index.fill(-1)
    lookup.rehash_flows(ledger.flow_hash, ledger.live, len(stay), ledger.flow_index)
    _remove_placements(ledger, moved)
    return moved


def _remove_placements(ledger: Ledger, moved_flows: Moved) -> None:
    """Take out the placements of flows that left."""
    meta, placements = ledger.meta[0], ledger.placements
    flow = placements["flow"][: int(meta["n_placements"])]
    flow[:] = moved_flows[flow]
    stay, moved = _moved(flow < 0)
    _move_up(placements, stay)
    _move_up(ledger.placement_series, stay)
    meta["n_placements"] = len(stay)
    ledger.sets["placement"] = moved[ledger.sets["placement"]]
    used = ledger.live["placement"][: int(meta["n_flows"])]
    used[:] = moved[used]
    ledger.placement_index.fill(-1)
    lookup.rehash_placements(ledger.meta, placements, ledger.placement_hash, len(stay), ledger.placement_index)


def remove_endpoints(ledger: Ledger, leaves: Mask) -> None:
    """Take these endpoints out, with the addresses behind which they were seen."""
    meta = ledger.meta[0]
    stay, moved = _moved(leaves)
    for rows in (ledger.endpoints, ledger.endpoint_hash, ledger.pa_head):
        _move_up(rows, stay)
    meta["n_endpoints"] = len(stay)
    used = ledger.live["endpoint"][: int(meta["n_flows"])]
    used[:] = moved[used]
    ledger.endpoint_index.fill(-1)
    lookup.rehash(ledger.endpoint_hash, len(stay), ledger.endpoint_index)

    owner = ledger.endpoint_pas["endpoint"][: int(meta["n_endpoint_pas"])]
    owner[:] = moved[owner]
    stay_pas, moved_pas = _moved(owner < 0)
    _move_up(ledger.endpoint_pas, stay_pas)
    _move_up(ledger.pa_next, stay_pas)
    meta["n_endpoint_pas"] = len(stay_pas)
    for links, count in ((ledger.pa_next, len(stay_pas)), (ledger.pa_head, len(stay))):
        links[:count] = moved_pas[links[:count]]


def _free_gaps(ledger: Ledger, leaves: Mask) -> None:
    """Hand the lists of gaps of these flows to the list of free ones, each as a whole."""
    meta = ledger.meta[0]
    live = ledger.live[: len(leaves)][leaves]
    heads, tails = live["gap_head"].ravel(), live["gap_tail"].ravel()
    heads, tails = heads[heads >= 0], tails[heads >= 0]
    if len(heads):
        ledger.gaps["next"][tails] = np.append(heads[1:], meta["free_gap"])
        meta["free_gap"] = heads[0]


def _moved(leaves: Mask) -> tuple[npt.NDArray[np.intp], Moved]:
    """The rows that stay, in order; and the new row of each old one."""
    stay = np.flatnonzero(~leaves)
    moved = np.full(len(leaves) + 1, -1, dtype=np.int32)
    moved[stay] = np.arange(len(stay))
    return stay, moved


def _move_up(rows: Any, stay: npt.NDArray[np.intp]) -> int:
    """Put these rows to the front; how many they are."""
    content = _bytes(rows)
    content[: len(stay)] = content[stay]
    return len(stay)


def _bytes(rows: Any) -> npt.NDArray[np.uint8]:
    """The rows as uint8 [rows, size]: NumPy copies structures field by field, bytes at once."""
    content: npt.NDArray[np.uint8] = rows.view(np.ndarray).view(np.uint8).reshape(len(rows), -1)
    return content


def _plain(rows: Any) -> npt.NDArray[np.void]:
    """A recarray as everybody else wants it."""
    plain: npt.NDArray[np.void] = rows.view(np.ndarray).view(np.dtype((np.void, rows.dtype)))
    return plain


class Totals:
    """What evicted flows had counted, by tenant: the rows of `State.evicted`, in the order in which tenants left."""

    def __init__(self) -> None:
        self._table = np.zeros(16, EVICTED)
        self._rows: dict[int, int] = {}

    def add(self, flows: npt.NDArray[np.void]) -> None:
        """Add flows (model.state.FLOW)."""
        if not len(flows):
            return
        vsid, encap = flows["vsid"], flows["encap"]
        tunnel = np.where((vsid < 0) & (encap != encaps.NONE), flows["tunnel"], -1).astype(np.int64)
        key = encap.astype(np.int64) << _ENCAP_SHIFT | np.where(vsid < 0, _NO_VSID + tunnel + 1, vsid)
        keys, first, code = np.unique(key, return_index=True, return_inverse=True)
        rows = np.zeros(len(keys), dtype=np.int64)
        for tenant in np.argsort(first).tolist():
            at = int(first[tenant])
            rows[tenant] = self._row(int(keys[tenant]), (encap[at], vsid[at], tunnel[at]), int(flows["first_ns"][at]))
        row, table = rows[code], self._table
        np.add.at(table["flows"], row, 1)
        for name in ("packets", "bytes", "wire_bytes", "data_segments", "retransmissions"):
            np.add.at(table[name], row, flows[name].sum(axis=1, dtype=np.int64))
        np.bitwise_or.at(table["anomalies"], row, flows["anomalies"])
        np.minimum.at(table["first_ns"], row, flows["first_ns"])
        np.maximum.at(table["last_ns"], row, flows["last_ns"])

    def _row(self, key: int, tenant: tuple[Any, Any, Any], ns: int) -> int:
        """The row of a tenant, made if needed."""
        row = self._rows.setdefault(key, len(self._rows))
        if row == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        new = self._table[row]
        if not new["flows"]:
            new["encap"], new["vsid"], new["tunnel"] = tenant
            new["first_ns"] = new["last_ns"] = ns
        return row

    def rows(self) -> npt.NDArray[np.void]:
        """EVICTED: a copy."""
        return self._table[: len(self._rows)].copy()
