"""FlowIDs of one tunnel: how evenly its packets spread over what the underlay's ECMP hashes.

RFC 7637 section 3.2: the FlowID gives per-flow entropy within a VSID, and is all zeros where it is not generated. What
stands in for it elsewhere (`placements.flow_id`): UDP source port, MPLS entropy label, IPv6 flow label.

Limits: placements beyond 256 of a flow are in one row without a FlowID; their packets count as `without`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows.building import distinct_per
from nvgre_inspect.model.state import State

#: NVGRE's FlowID has eight bits: where no value is larger the axis shows all there could be.
_NVGRE_VALUES = 256
#: Even spread: no FlowID carries more than this many times what it would if all carried the same. A path with half as
#: much again as the others is what people go and look for; a few packets are told apart from chance by `_DEVIATIONS`.
_EVEN = 1.5
#: Or no more than the mean and so many standard deviations of a count (Poisson): of 10 packets each, 19 are no sign.
_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True)
class FlowIds:
    """One entry per FlowID that was seen on a tunnel, in ascending order."""

    #: int64 [n]
    flow_id: npt.NDArray[np.int64]
    #: int64 [2, n]: packets forward and reverse, as seen from the tunnel.
    packets: npt.NDArray[np.int64]
    #: int64 [n]: flows that used it, in either direction.
    flows: npt.NDArray[np.int64]
    #: Packets whose FlowID is not known, or that have none.
    without: int

    @property
    def busiest(self) -> int:
        """Row of the FlowID with most packets; ValueError where there is none."""
        return int(self.packets.sum(axis=0).argmax())

    @property
    def busiest_share(self) -> float:
        """Share of the packets with FlowIDs that the busiest one has, 0 to 1."""
        total = self.packets.sum(axis=0)
        return float(total.max() / total.sum()) if total.sum() else 0.0


@dataclass(frozen=True, slots=True)
class Binned:
    """A histogram: bin i holds values from `start + i * width` on."""

    start: int
    width: int
    #: int64 [rows, bins]
    counts: npt.NDArray[np.int64]


def flow_ids(state: State, tunnel: int) -> FlowIds:
    """FlowIDs of the tunnel of that number (from 1). IndexError if there is no such tunnel."""
    rows = state.placements[state.placements["tunnel"] == tunnel - 1]
    row = state.tunnels[tunnel - 1]
    sender = row["pa_b"] if row["initiator"] else row["pa_a"]
    direction = np.where(rows["pa_src"] == sender, 0, 1)
    known = rows["flow_id"] >= 0
    values, code = np.unique(rows["flow_id"][known], return_inverse=True)
    packets = np.zeros((2, len(values)), np.int64)
    np.add.at(packets, (direction[known], code), rows["packets"][known])
    flows = distinct_per(code, rows["flow"][known], len(values))
    return FlowIds(values, packets, flows, int(rows["packets"][~known].sum()))


def binned(ids: FlowIds, most: int) -> Binned:
    """Packets by FlowID in at most `most` bins of equal width: all of NVGRE's 256 values, else those seen."""
    if not len(ids.flow_id) or most < 1:
        return Binned(0, 1, np.zeros((2, 0), np.int64))
    low, high = int(ids.flow_id[0]), int(ids.flow_id[-1])
    if high < _NVGRE_VALUES:
        low, high = 0, _NVGRE_VALUES - 1
    width = -(-(high - low + 1) // most)
    bins = (high - low) // width + 1
    counts = np.zeros((2, bins), np.int64)
    for direction in range(2):
        np.add.at(counts[direction], (ids.flow_id - low) // width, ids.packets[direction])
    return Binned(low, width, counts)


def balance(ids: FlowIds) -> str:
    """What the spread means for ECMP, in a sentence that half a screen of 80 columns has in two lines."""
    count = len(ids.flow_id)
    if not count:
        return "no FlowIDs: ECMP sees outer addresses only, one path for all"
    if count == 1:
        only = int(ids.flow_id[0])
        entropy = " (RFC 7637 3.2: not generated)" if only == 0 else ""
        return f"one FlowID, {only}{entropy}: one path a direction"
    packets = ids.packets.sum(axis=0)
    mean = float(packets.mean())
    is_even = packets.max() <= max(_EVEN * mean, mean + _DEVIATIONS * mean**0.5)
    spread = "evenly spread" if is_even else "unevenly spread"
    busiest = int(ids.flow_id[ids.busiest])
    return f"{count:,} FlowIDs, {spread}: {busiest} has {ids.busiest_share:.0%}, even is {1 / count:.1%}"
