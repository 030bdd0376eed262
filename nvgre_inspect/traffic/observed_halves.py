"""Halves: flows of one direction whose replies carry another identifier, as docs/tables.md defines them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from nvgre_inspect.traffic.observed_flow import ObservedFlow


def other_halves(flows: Sequence[ObservedFlow], idle_ns: int) -> list[int | None]:
    """For each flow the position of the only one that can be its other half, and has it for its only one, too."""
    groups: dict[Hashable, list[int]] = {}
    for i, flow in enumerate(flows):
        if (flow.packets[0] == 0) != (flow.packets[1] == 0) and flow.vsid is not None and flow.placements:
            groups.setdefault(_identity(flow), []).append(i)
    found: list[int | None] = [None] * len(flows)
    for group in groups.values():
        for i in group:
            candidates = [j for j in group if _may_answer(flows[i], flows[j], idle_ns)]
            found[i] = candidates[0] if len(candidates) == 1 else None
    return [j if j is not None and found[j] == i else None for i, j in enumerate(found)]


def _identity(flow: ObservedFlow) -> Hashable:
    """Everything in which halves agree."""
    first = flow.ends
    protocol = first.ethertype if not first.family else first.protocol
    # Of ICMP the identifier is an end's port only in name.
    ports = (first.src_port, first.dst_port) if first.dst_port < 0 else ()
    way = flow.busiest[0]
    assert way is not None
    return (
        flow.encap, first.vlans, first.family, protocol, first.both, ports, frozenset((way.src_pa, way.dst_pa))
    )  # fmt: skip


def _may_answer(flow: ObservedFlow, other: ObservedFlow, idle_ns: int) -> bool:
    near = other.first_ns <= flow.last_ns + idle_ns and flow.first_ns <= other.last_ns + idle_ns
    turned = flow.side_of(other.ends) == 1
    one, two = flow.busiest[0], other.busiest[0]
    opposite = one is not None and two is not None and one.src_pa == two.dst_pa
    return flow.vsid != other.vsid and turned and opposite and near
