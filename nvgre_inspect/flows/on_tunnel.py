"""Who is on a tunnel: its tenants and flows, and which frames may be its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from nvgre_inspect.flows.building import distinct_per, sum_per
from nvgre_inspect.flows.tenants import owners
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.model.state import State

if TYPE_CHECKING:
    import pandas as pd


def placed_on(state: State, tunnel: int) -> npt.NDArray[np.void]:
    """The placements (model.state.PLACEMENT) on the tunnel of that number (from 1)."""
    rows: npt.NDArray[np.void] = state.placements[state.placements["tunnel"] == tunnel - 1]
    return rows


def tenants_on(snapshot: Snapshot, tunnel: int) -> pd.DataFrame:
    """Tenants on the tunnel of that number, most bytes on it first: rows of `tenants`, and what of it is on the tunnel.

    That is in `on_tunnel` (bytes on the wire), `packets_on_tunnel` and `flows_on_tunnel`, int64: of flows that are
    there, not of those that were evicted.
    """
    state = snapshot.state
    rows = placed_on(state, tunnel)
    places, tenant = np.unique(owners(state).of_flow[rows["flow"]], return_inverse=True)
    wire_bytes = sum_per(tenant, rows["wire_bytes"], len(places))
    order = np.argsort(-wire_bytes, kind="stable")
    table: pd.DataFrame = (
        snapshot.tenants.iloc[places[order]]
        .assign(
            on_tunnel=wire_bytes[order],
            packets_on_tunnel=sum_per(tenant, rows["packets"], len(places))[order],
            flows_on_tunnel=distinct_per(tenant, rows["flow"], len(places))[order],
        )
        .reset_index(drop=True)
    )
    return table


def flows_on(snapshot: Snapshot, tunnel: int, top: int) -> pd.DataFrame:
    """The `top` flows with most bytes on the tunnel of that number: rows of `flows`, and those bytes in `on_tunnel`."""
    rows = placed_on(snapshot.state, tunnel)
    flows, code = np.unique(rows["flow"], return_inverse=True)
    wire_bytes = sum_per(code, rows["wire_bytes"], len(flows))
    order = np.argsort(-wire_bytes, kind="stable")[:top]
    return snapshot.flows.iloc[flows[order]].assign(on_tunnel=wire_bytes[order])


def frames_on(state: State, tunnel: int) -> npt.NDArray[np.int64]:
    """Rows (from 0) of the frames whose flow was on that tunnel at any time, ascending. See `carried_by`."""
    on = np.zeros(len(state.flows) + 1, bool)  # the last for frames without a flow, -1
    on[placed_on(state, tunnel)["flow"]] = True
    return np.flatnonzero(on[state.frame_flow])


def carried_by(state: State, tunnel: int, records: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Which of these frames (RECORD), of flows that were on that tunnel, went over it, either way.

    The later fragments of its packets have lost what made them tunnel packets, and are known by their addresses.
    """
    row = state.tunnels[tunnel - 1]
    of_kind: npt.NDArray[np.bool_] = records["encap"] == row["encap"]
    if row["pa_a"] < 0:
        return of_kind
    ends = state.addresses[row["pa_a"]], state.addresses[row["pa_b"]]
    continued = (records["encap"] == encaps.NONE) & (records["frag_a_ip"] >= 0) & (records["frag_a_off"] > 0)
    whole = of_kind & _between(records, "pa_family", "pa_src", "pa_dst", ends)
    carried: npt.NDArray[np.bool_] = whole | continued & _between(records, "family", "src", "dst", ends)
    return carried


def _between(
    records: npt.NDArray[np.void], family: str, source: str, destination: str, ends: tuple[Any, Any]
) -> npt.NDArray[np.bool_]:
    """Whether these fields are the two addresses (model.state.ADDRESS), in either order."""
    here, there = ends[0]["word"], ends[1]["word"]
    src, dst = records[source], records[destination]
    one_way = (src == here).all(axis=1) & (dst == there).all(axis=1)
    other_way = (src == there).all(axis=1) & (dst == here).all(axis=1)
    found: npt.NDArray[np.bool_] = (records[family] == ends[0]["family"]) & (one_way | other_way)
    return found
