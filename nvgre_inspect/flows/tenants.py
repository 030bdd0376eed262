"""The table `tenants`: one row per (encap, vsid), and which flows, endpoints and lines of the timeline are whose.

Totals are of all flows that there were: what evicted ones had counted is in `State.evicted`. Which tunnels they went
over is told by the lines of the timeline, which stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows import labels
from nvgre_inspect.flows.building import any_bits_per, build, distinct_per, sum_per
from nvgre_inspect.model.columns import TENANTS
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.state import State

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Owners:
    """Tenants by number, from 0: the rows of the table `tenants`."""

    #: int64 [tenants]
    encap: Int64s
    vsid: Int64s
    #: int64, the tenant of each row of the State's arrays; -1: it has no flow (beyond a cap), so that it is no tenant.
    of_flow: Int64s
    of_evicted: Int64s
    of_endpoint: Int64s
    of_series: Int64s

    def __len__(self) -> int:
        return len(self.encap)


def owners(state: State) -> Owners:
    """Tenants in order of appearance: of their flows, or, once flows were evicted, of their lines of the timeline."""
    evicted, series = state.evicted, state.series
    parts = [series if len(evicted) else series[:0], evicted, state.flows, state.endpoints, series]
    encap = np.concatenate([part["encap"] for part in parts]).astype(np.int64)
    vsid = np.concatenate([part["vsid"] for part in parts])
    codes, first = labels.combine([encap, vsid])
    ends = np.cumsum([len(part) for part in parts])
    used = np.zeros(len(first), dtype=bool)
    used[codes[ends[0] : ends[2]]] = True
    number = np.where(used, np.cumsum(used) - 1, -1)[codes]
    first = first[used]
    _, of_evicted, of_flow, of_endpoint, of_series = np.split(number, ends[:-1])
    return Owners(encap[first], vsid[first], of_flow, of_evicted, of_endpoint, of_series)


def tenants_table(state: State, kinds: Mapping[int, str], names: Names) -> Rows:
    """One row per (encap, vsid) that has or had flows, in order of appearance."""
    owner = owners(state)
    count = len(owner)
    flows, evicted = state.flows, state.evicted

    def total(name: str) -> Any:
        by_side = (sum_per(owner.of_flow, flows[name][:, side], count) for side in (0, 1))
        return sum(by_side, start=sum_per(owner.of_evicted, evicted[name], count))

    payload, wire = total("bytes"), total("wire_bytes")
    first_seen = np.full(count, np.iinfo(np.int64).max)
    last_seen = np.full(count, np.iinfo(np.int64).min)
    anomalies = np.zeros(count, np.int64)
    for tenant, rows in ((owner.of_flow, flows), (owner.of_evicted, evicted)):
        np.minimum.at(first_seen, tenant, rows["first_ns"])
        np.maximum.at(last_seen, tenant, rows["last_ns"])
        anomalies |= any_bits_per(tenant, rows["anomalies"], count)
    kind_names = [labels.encap_name(kind, kinds) for kind in owner.encap.tolist()]
    given = [
        names.vsid(kind, None if number < 0 else number)
        for kind, number in zip(kind_names, owner.vsid.tolist(), strict=True)
    ]
    return build(
        TENANTS,
        {
            "encap": labels.column(np.arange(count), kind_names),
            "vsid": owner.vsid,
            "name": labels.column(np.arange(count), given),
            "flows": np.bincount(owner.of_flow, minlength=count) + sum_per(owner.of_evicted, evicted["flows"], count),
            "endpoints": np.bincount(owner.of_endpoint[owner.of_endpoint >= 0], minlength=count),
            "tunnels": _tunnels(state, owner),
            "packets": total("packets"),
            "bytes": payload,
            "wire_bytes": wire,
            "overhead_pct": _percent(wire - payload, wire),
            "retransmission_pct": _percent(total("retransmissions"), total("data_segments")),
            "first_seen": first_seen,
            "last_seen": last_seen,
            "anomalies": labels.lists_of(anomalies, labels.anomaly_names),
        },
    )


def _tunnels(state: State, owner: Owners) -> Int64s:
    """How many tunnels have carried each tenant."""
    tenant, tunnel = owner.of_flow[state.placements["flow"]], state.placements["tunnel"]
    if len(state.evicted):
        tenant = np.concatenate([tenant, owner.of_series])
        tunnel = np.concatenate([tunnel, state.series["tunnel"]])
    return distinct_per(tenant, tunnel, len(owner))


def _percent(part: Any, whole: Any) -> Any:
    """100 * part / whole, NaN where the whole is 0."""
    return np.divide(100.0 * part, whole, out=np.full(len(whole), np.nan), where=whole != 0)
