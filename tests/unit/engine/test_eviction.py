"""Flows that were idle longest leave: nothing that they counted is lost, and what stays is as if none had left."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.flows.tenants import owners
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from tests.builders.fragments import THERE, outer_first, outer_later
from tests.builders.records import Frames, tunnel
from tests.builders.states import assert_states_equal
from tests.unit.engine.agreement import accounted_alike
from tests.unit.engine.many import everything_new, many, words

#: Two tenants, one of a tunnel without vsid (IP in IP), and traffic outside any tunnel.
PLACES = [
    tunnel("192.0.2.1", "192.0.2.2", vsid=5001),
    tunnel("192.0.2.1", "192.0.2.3", vsid=5002),
    tunnel("192.0.2.1", "192.0.2.2", encap=10, vsid=None),
    {},
]
SUMS = ["packets", "bytes", "wire_bytes"]


def traffic(order: list[int]) -> Frames:
    """Segments of these flows, one a millisecond; of each flow every third one is sent again."""
    frames, sent = Frames(), Counter()
    for at, flow in enumerate(order):
        sent[flow] += 1
        seq = 1000 + 100 * (sent[flow] - sent[flow] // 3)
        frames.tcp(at * 1000, f"10.0.0.1:{1000 + flow}", "10.0.0.2:80", "", seq, PLACES[flow % 4], length=100)
    return frames


def run(frames: Frames, options: AccountOptions) -> tuple[State, list[State]]:
    """What is known at the end, and what was told of flows that left."""
    told: list[State] = []
    accountant = LedgerAccountant(options, told.append)
    accountant.account(*frames.peek())
    accountant.finish()
    return accountant.state(), told


def tenants(state: State, columns: list[str]) -> dict[tuple[str, object], list[object]]:
    table = snapshot(state, []).tenants
    keys = zip(table["encap"].astype(str), table["vsid"].astype(str), strict=True)
    return dict(zip(keys, table[columns].to_numpy().tolist(), strict=True))


def by_port(*states: State) -> dict[int, list[np.void]]:
    """Rows of flows by the port that tells them apart."""
    found: dict[int, list[np.void]] = {}
    for state in states:
        for flow in state.flows:
            found.setdefault(int(flow["port"].max()), []).append(flow)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 15), max_size=80), st.integers(1, 12))
def test_nothing_that_was_counted_is_lost(order, max_flows):
    frames = traffic(order)
    every, _ = run(frames, AccountOptions())
    some, told = run(frames, AccountOptions(evict=True, max_flows=max_flows))
    assert len(some.flows) <= max_flows
    assert tenants(some, SUMS) == tenants(every, SUMS)
    assert sum(len(state.flows) for state in told) == some.evicted["flows"].sum()
    whole = by_port(every)
    for port, rows in by_port(*told, some).items():
        if len(rows) == 1:
            assert rows[0] == whole[port][0]
        # One that comes back after its eviction begins anew, and no packet is in two of them.
        assert sum(row["packets"].sum() for row in rows) == whole[port][0]["packets"].sum()
    numbers = np.concatenate([*(state.flow_numbers for state in told), some.flow_numbers])
    assert sorted(numbers.tolist()) == list(range(1, len(numbers) + 1))


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(16)), st.integers(2, 8))
def test_retransmissions_of_flows_that_left_count(order, max_flows):
    """Each flow sends all that it has at once, so that none comes back."""
    frames = traffic([flow for flow in order for _ in range(5)])
    every, _ = run(frames, AccountOptions())
    some, _ = run(frames, AccountOptions(evict=True, max_flows=max_flows))
    columns = [*SUMS, "flows", "tunnels", "retransmission_pct"]
    assert tenants(some, columns) == tenants(every, columns)
    assert all(row[-1] > 0 for row in tenants(some, columns).values())
    assert owners(some).of_flow.min() >= 0


def test_both_accountants_evict_the_same():
    """Rows in every table, gaps in every flow, more flows and endpoints than may be: in the middle of batches."""
    segment = Frames()
    segment.tcp(0, "10.0.0.1:1", "10.0.0.2:2", "", 1000, THERE, length=10, data=bytes(8))
    batches = [everything_new(segment, start, count) for start, count in [(0, 5), (5, 900), (905, 600)]]
    again = everything_new(segment, 1300, 205)
    again[1]["tcp_seq"] += 100
    again[1]["ts_ns"] += 10**9
    options = AccountOptions(evict=True, max_flows=300, max_endpoints=170, max_packets=500)
    state = accounted_alike([*batches, again, everything_new(segment, 1505, 400)], options)
    assert 225 <= len(state.flows) <= 300
    assert len(state.endpoints) <= 170
    assert (state.frames, len(state.frame_flow), state.frames_gone) == (2110, 500, 1610)
    assert state.frame_number is not None
    assert state.frame_number[[0, -1]].tolist() == [1611, 2110]
    there = state.frame_flow >= 0
    assert 0 < there.sum() < 500
    assert (state.flow_numbers[state.frame_flow[there]] > 0).all()


def test_the_idlest_leave_and_of_equals_the_first():
    frames = Frames()
    for at, port in [(0, 1), (1, 2), (1, 3), (5, 1), (6, 4), (7, 5)]:
        frames.udp(at, f"10.0.0.1:{port}", "10.0.0.2:9", THERE)
    state, (told,) = run(frames, AccountOptions(evict=True, max_flows=4))
    assert sorted(by_port(told)) == [9]
    assert told.flow_numbers.tolist() == [2]
    assert state.flow_numbers.tolist() == [1, 3, 4, 5]
    assert [state.flow_row(number) for number in range(7)] == [-1, 0, -1, 1, 2, 3, -1]
    table = snapshot(told, []).flows
    assert table["flow"].tolist() == [2]
    assert table["pa_src"].tolist() == ["192.0.2.1"]


def test_a_flow_stays_while_fragments_of_its_packet_are_expected():
    frames = Frames()
    outer_first(frames, 0, 7)
    for at in range(1, 40):
        frames.udp(at, f"10.0.0.1:{1000 + at}", "10.0.0.2:9", THERE)
    outer_later(frames, 50, 7, 1000, 500)
    state = accounted_alike([frames.take()], AccountOptions(evict=True, max_flows=8))
    assert state.flow_numbers[0] == 1
    assert state.flows["bytes"][0].sum() == 1400
    assert "flows" not in state.overflow


def flood(start: int, count: int) -> tuple:
    """So many packets, each of another flow."""
    one = Frames()
    one.udp(0, "10.0.0.1:1", "10.0.0.2:2", THERE)
    number = np.arange(start, start + count, dtype=np.int64)
    return many(one, count, src=words(number), side=0, flow_hash=number * 2654435761 % 2**32, ts_ns=number * 1000)


def test_a_flood_of_flows_takes_no_more_room():
    accountant = LedgerAccountant(AccountOptions(evict=True, max_flows=2000, max_endpoints=1000, max_packets=5000))
    sizes = set()
    for start in range(0, 200_000, 20_000):
        accountant.account(*flood(start, 20_000))
        ledger = accountant._ledger
        sizes.add(tuple(len(rows) for rows in ledger if hasattr(rows, "__len__")))
    assert len(sizes) == 1
    state = accountant.state()
    assert state.flows["packets"].sum() + state.evicted["packets"].sum() == 200_000
    assert state.frame_flow[-1] == len(state.flows) - 1


def test_what_was_handed_out_stays_as_it_was():
    accountant = LedgerAccountant(AccountOptions(evict=True, max_flows=50, max_packets=100))
    seen: list[tuple[State, State]] = []
    for start in range(0, 40_000, 4000):
        accountant.account(*flood(start, 4000))
        state = accountant.state()
        seen.append((state, copy.deepcopy(state)))
    for state, as_it_was in seen:
        assert_states_equal(state, as_it_was)


@pytest.mark.parametrize("name", ["max_packets", "max_flows", "max_endpoints"])
def test_options_below_one(name):
    with pytest.raises(ValueError, match=f"{name} is below 1"):
        AccountOptions(evict=True, **{name: 0})
