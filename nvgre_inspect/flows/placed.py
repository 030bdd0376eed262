"""Where flows were placed: the busiest placement of each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.state import State


class Busiest(NamedTuple):
    """One entry per flow."""

    #: int64: row of placements, -1: the flow has none (outside any tunnel).
    placement: npt.NDArray[np.int64]
    #: int32: underlay address at the initiator's end, index into State.addresses, -1.
    pa_src: npt.NDArray[np.int32]
    #: int32: underlay address at the responder's end, likewise.
    pa_dst: npt.NDArray[np.int32]


def forward(state: State) -> npt.NDArray[np.bool_]:
    """For each placement: whether it is forward, seen from its flow's initiator."""
    rows = state.placements
    result: npt.NDArray[np.bool_] = rows["side"] == state.flows["initiator"][rows["flow"]]
    return result


def busiest(state: State) -> Busiest:
    """The forward placement with most packets, the first of equals; without forward ones the reverse one.

    Rows that collect what exceeds the cap have no addresses and do not count.
    """
    rows = state.placements
    usable = np.flatnonzero(rows["tunnel"] >= 0)
    flow = rows["flow"][usable]
    is_forward = forward(state)[usable]
    # Packet counts are far below 2^62: any forward placement beats any reverse one.
    score = np.minimum(rows["packets"][usable], 1 << 61) + (is_forward.astype(np.int64) << 62)
    best = np.full(len(state.flows), -1, np.int64)
    np.maximum.at(best, flow, score)
    top = np.flatnonzero(score == best[flow])[::-1]
    placement = np.full(len(state.flows), -1, np.int64)
    # In reverse: where a flow repeats NumPy keeps the value assigned last, which is the first row.
    placement[flow[top]] = usable[top]
    found = placement >= 0
    swap = found & (best < 1 << 62)
    source = _take(rows["pa_src"], placement)
    destination = _take(rows["pa_dst"], placement)
    return Busiest(placement, np.where(swap, destination, source), np.where(swap, source, destination))


def _take(field: npt.NDArray[Any], index: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """`field[index]`, -1 where the index is -1."""
    if not len(field):
        return np.full(len(index), -1, np.int32)
    return np.where(index >= 0, field[index], -1).astype(np.int32)
