"""Which rows of a table belong to a tenant, a tunnel, a flow or a FlowID: the way between overlay and underlay.

Answered from the State's placements, which tie flows to tunnels; the table of placements is not built for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.model.snapshot import Snapshot

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Narrow:
    """What rows have to belong to; None: whatever."""

    #: (encap, vsid or None)
    tenant: tuple[str, int | None] | None = None
    #: Numbers from 1.
    tunnel: int | None = None
    flow: int | None = None
    flow_id: int | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Narrow()


def rows_within(snapshot: Snapshot, table: str, narrow: Narrow) -> npt.NDArray[np.int64] | None:
    """int64: positions of the rows of that table, in its order; None: all.

    Flows are those with a packet on the tunnel and with the FlowID; tunnels are those that carried one of these flows,
    tenants those that one of them belongs to. Findings are of the tunnel, tenant and flow that they name. KeyError for
    tables that are not asked for this way.
    """
    if narrow.everything:
        return None
    within = {"flows": _flows, "tunnels": _tunnels, "tenants": _tenants, "findings": _findings}[table]
    return np.flatnonzero(within(snapshot, narrow))


def _flows(snapshot: Snapshot, narrow: Narrow) -> Mask:
    state = snapshot.state
    keep = np.ones(len(state.flows), dtype=bool)
    if narrow.tunnel is not None or narrow.flow_id is not None:
        carried = np.zeros(len(state.flows), dtype=bool)
        carried[state.placements["flow"][_placed(snapshot, narrow)]] = True
        keep &= carried
    if narrow.flow is not None:
        keep &= state.flow_numbers == narrow.flow
    if narrow.tenant is not None:
        keep &= _of_tenant(snapshot.flows, narrow.tenant)
    return keep


def _placed(snapshot: Snapshot, narrow: Narrow) -> Mask:
    """Placements on the tunnel and with the FlowID."""
    placements = snapshot.state.placements
    keep = np.ones(len(placements), dtype=bool)
    if narrow.tunnel is not None:
        keep &= placements["tunnel"] == narrow.tunnel - 1
    if narrow.flow_id is not None:
        keep &= placements["flow_id"] == narrow.flow_id
    return keep


def _tunnels(snapshot: Snapshot, narrow: Narrow) -> Mask:
    state = snapshot.state
    placed = _placed(snapshot, narrow)
    if narrow.flow is not None or narrow.tenant is not None:
        placed &= _flows(snapshot, narrow)[state.placements["flow"]]
    carrying = state.placements["tunnel"][placed]
    keep = np.zeros(len(state.tunnels), dtype=bool)
    keep[carrying[carrying >= 0]] = True
    return keep


def _tenants(snapshot: Snapshot, narrow: Narrow) -> Mask:
    tenants = snapshot.tenants
    if narrow.tunnel is None and narrow.flow is None and narrow.flow_id is None:
        assert narrow.tenant is not None
        return _of_tenant(tenants, narrow.tenant)
    flows = snapshot.flows.loc[_flows(snapshot, narrow), ["encap", "vsid"]].drop_duplicates()
    keep = np.zeros(len(tenants), dtype=bool)
    for encap, vsid in zip(flows["encap"].tolist(), flows["vsid"].tolist(), strict=True):
        keep |= _of_tenant(tenants, (encap, None if vsid is pd.NA else vsid))
    return keep


def _findings(snapshot: Snapshot, narrow: Narrow) -> Mask:
    findings = snapshot.findings
    keep = np.ones(len(findings), dtype=bool)
    for name, number in (("tunnel", narrow.tunnel), ("flow", narrow.flow)):
        if number is not None:
            keep &= _equal(findings[name], number)
    if narrow.tenant is not None:
        keep &= _of_tenant(findings, narrow.tenant)
    return keep


def _of_tenant(table: pd.DataFrame, tenant: tuple[str, int | None]) -> Mask:
    encap, vsid = tenant
    same = _equal(table["encap"], encap)
    return same & (table["vsid"].isna().to_numpy() if vsid is None else _equal(table["vsid"], vsid))


def _equal(values: pd.Series[Any], value: object) -> Mask:
    """Rows with that value; null equals nothing."""
    return (values == value).to_numpy(dtype=bool, na_value=False)
