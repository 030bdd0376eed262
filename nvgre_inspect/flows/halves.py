"""Halves: flows of one direction whose replies carry another vsid, and which flow holds these replies.

Distributed routing may stamp the destination's id on replies, and GRE keys may differ per direction. Two flows
are halves of one conversation if each has packets in one direction only, these are opposite, the vsids differ, and
everything else agrees: encapsulation, further virtual networks, VLANs, protocol, inner endpoints, the tunnel with
its ends swapped, and time (the gap between them is at most the idle timeout). A counterpart is named only where it
is the only one, both ways.

Counting candidates never looks at pairs, so an attacker cannot make it quadratic: of all flows with the same
identity, those that overlap in time are (first seen before the end) minus (last seen before the start), both of
which are ranks in sorted order. The candidate itself, where there is one, is the difference of the sums of row
numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows.labels import combine
from nvgre_inspect.flows.placed import Busiest
from nvgre_inspect.model import arrow
from nvgre_inspect.model.state import State

Int64s = npt.NDArray[np.int64]

_FOREVER = np.iinfo(np.int64).max


def reverse_flows(state: State, placed: Busiest, idle_timeout_ns: int) -> Int64s:
    """For each flow the row of the flow that is its other half, -1: none. `idle_timeout_ns` 0: any time apart."""
    result = np.full(len(state.flows), -1, np.int64)
    rows = _candidates(state)
    if not len(rows) or not len(state.placements):
        return result
    flows = state.flows[rows]
    sender = (flows["packets"][:, 1] > 0).astype(np.int64)
    identity = _identity(state, flows, placed.placement[rows], sender)
    network, _ = combine([identity, flows["vsid"]])
    slack = idle_timeout_ns or _FOREVER
    starts, ends = flows["first_ns"].astype(np.int64), flows["last_ns"].astype(np.int64)
    count, total = _overlapping(identity, sender, starts, ends, slack)
    own_count, own_total = _overlapping(network, sender, starts, ends, slack)
    other = np.where(count - own_count == 1, total - own_total, -1)
    # Mutual: the counterpart of the counterpart is the flow itself.
    mutual = np.flatnonzero(other >= 0)
    mutual = mutual[other[other[mutual]] == mutual]
    result[rows[mutual]] = rows[other[mutual]]
    return result


def _candidates(state: State) -> Int64s:
    """Rows of flows of one direction and with a vsid, of which a rough hash finds one in the other direction."""
    flows = state.flows
    packets = flows["packets"]
    rows = np.flatnonzero(((packets[:, 0] == 0) != (packets[:, 1] == 0)) & (flows["vsid"] >= 0))
    if not len(rows):
        return rows
    rough = np.zeros(len(rows), np.uint64)
    # Multiplicative mixing; a collision only lets a row through to the exact comparison.
    for field in (flows["addr_a"][:, 3], flows["addr_b"][:, 3], flows["port"][:, 0], flows["port"][:, 1]):
        rough = (rough ^ field[rows].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        rough ^= rough >> np.uint64(29)
    codes, uniques = arrow.numbered(rough)
    sender = packets[rows, 1] > 0
    seen = [np.bincount(codes[sender == side], minlength=len(uniques)) > 0 for side in (False, True)]
    return rows[(seen[0] & seen[1])[codes]]


def _identity(state: State, flows: npt.NDArray[Any], placement: Int64s, sender: Int64s) -> Int64s:
    """A number for each flow, equal where everything but the vsid and the direction is."""
    stacks = state.stacks[flows["stack"]]
    # The first layer of a key stack is the tenant's, whose id is the vsid.
    inner_ids = stacks["id"].copy()
    inner_ids[:, 0] = 0
    ip = flows["family"] != 0
    columns: list[npt.NDArray[Any]] = [flows["encap"], stacks["n"], flows["family"], flows["protocol"]]
    depth = int(stacks["n"].max(initial=0))
    columns += [stacks["kind"][:, layer] for layer in range(depth)]
    columns += [inner_ids[:, layer] for layer in range(1, depth)]
    columns += [np.where(ip, 0, flows["ethertype"]), flows["n_vlan"], flows["vlan"][:, 0], flows["vlan"][:, 1]]
    columns += [flows[name][:, word] for name in ("addr_a", "addr_b") for word in range(4)]
    columns += [np.where(ip, 0, flows["mac"][:, end]) for end in (0, 1)]
    columns += [flows["port"][:, end] for end in (0, 1)]
    # The tunnel with its ends in the order of the flow's sides, whoever sends.
    tunnel = state.placements["tunnel"][placement]
    source, destination = state.placements["pa_src"][placement], state.placements["pa_dst"][placement]
    columns += [tunnel, np.where(sender == 0, source, destination), np.where(sender == 0, destination, source)]
    # A flow without a usable placement equals none but itself.
    columns.append(np.where(placement < 0, np.arange(len(flows)), -1))
    return combine(columns)[0]


def _overlapping(identity: Int64s, sender: Int64s, starts: Int64s, ends: Int64s, slack: int) -> tuple[Int64s, Int64s]:
    """How many opposite flows of the same identity are at most `slack` apart, and the sum of their indices."""
    # Saturating: times near the ends of int64 must not wrap.
    latest = np.where(ends > _FOREVER - slack, _FOREVER, ends + slack)
    earliest = np.where(starts < slack - _FOREVER, -_FOREVER, starts - slack)
    begun = _ranks(identity, sender, starts, latest, inclusive=True)
    over = _ranks(identity, sender, ends, earliest, inclusive=False)
    return begun[0] - over[0], begun[1] - over[1]


def _ranks(
    identity: Int64s, sender: Int64s, times: Int64s, limits: Int64s, *, inclusive: bool
) -> tuple[Int64s, Int64s]:
    """For each flow, over opposite flows of its identity with a time up to its limit: (count, sum of indices)."""
    n = len(identity)
    # Events sort by group, then time; a query comes behind the flows of the same time if it includes them.
    group = np.concatenate([identity * 2 + sender, identity * 2 + (1 - sender)])
    kind = np.repeat([0, 1] if inclusive else [1, 0], n)
    order = np.lexsort((kind, np.concatenate([times, limits]), group))
    is_flow = order < n
    counts = np.cumsum(is_flow)
    sums = np.cumsum(np.where(is_flow, order, 0))
    sorted_group = group[order]
    begins = np.searchsorted(sorted_group, sorted_group)
    count = np.zeros(n, np.int64)
    total = np.zeros(n, np.int64)
    query = np.flatnonzero(~is_flow)
    before = begins[query] - 1
    count[order[query] - n] = counts[query] - np.where(before >= 0, counts[before], 0)
    total[order[query] - n] = sums[query] - np.where(before >= 0, sums[before], 0)
    return count, total
