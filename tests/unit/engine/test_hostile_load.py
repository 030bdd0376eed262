"""Traffic that is meant to keep the engine busy, at sizes that take a second where work is linear.

Nothing is timed: where work grew with the square, a test here would take minutes, and that is noticed.
"""

from __future__ import annotations

import numpy as np
import pytest

from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.kernels.codes import BINS, FRAGMENT_SETS, GAPS_PER_DIRECTION, MAX_SERIES, PENDING_FRAGMENTS
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from tests.builders.fragments import THERE, inner
from tests.builders.records import EPOCH_NS, SECOND, Frames
from tests.unit.engine.agreement import accounted_alike
from tests.unit.engine.many import many, words

BATCH = 20_000


@pytest.fixture
def segment() -> Frames:
    frames = Frames()
    frames.tcp(0, "10.0.0.1:1", "10.0.0.2:2", "", 1000, THERE, length=10)
    return frames


@pytest.fixture
def accountant() -> LedgerAccountant:
    return LedgerAccountant(AccountOptions())


def finished(accountant: LedgerAccountant) -> State:
    accountant.finish()
    return accountant.state()


def test_random_flows(segment, accountant):
    """200,000 flows of one packet each, with endpoints, placements and FlowIDs of their own."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        accountant.account(
            *many(
                segment,
                BATCH,
                src=rng.integers(0, 1 << 32, (BATCH, 4), dtype=np.uint32),
                ca_ip=rng.integers(0, 1 << 32, (BATCH, 4), dtype=np.uint32),
                ca_mac=rng.integers(0, 1 << 48, BATCH),
                ca_family=6,
                flow_id=rng.integers(0, 256, BATCH),
                flow_hash=rng.integers(0, 1 << 32, BATCH),
            )
        )
    state = finished(accountant)
    assert len(state.flows) == len(state.endpoints) == len(state.placements) == 10 * BATCH


def test_flows_that_differ_in_one_port(segment, accountant):
    """A scan: neighbouring keys must not stand next to each other."""
    ports = np.arange(60_000)
    accountant.account(*many(segment, 60_000, dst_port=ports, flow_hash=ports))
    assert len(finished(accountant).flows) == 60_000


def test_new_connections_of_one_key(segment, accountant):
    """100,000 SYNs between the same ports: each ends the flow before."""
    for start in range(0, 5 * BATCH, BATCH):
        sequence = (np.arange(start, start + BATCH) * 70_001) % (1 << 32)
        accountant.account(*many(segment, BATCH, tcp_flags=0x02, tcp_seq=sequence))
    assert len(finished(accountant).flows) == 5 * BATCH


def test_gaps_in_one_flow(segment, accountant):
    """100,000 gaps, of which few are kept, and as many segments that lie before all of them."""
    for start in range(0, 5 * BATCH, BATCH):
        number = np.arange(start, start + BATCH)
        ahead = 1000 + 20 * number
        accountant.account(*many(segment, BATCH, tcp_seq=np.where(number % 2, ahead, 900)))
        assert accountant._ledger.live["gap_count"][0][0] == GAPS_PER_DIRECTION
        assert accountant._ledger.meta[0]["n_gaps"] <= GAPS_PER_DIRECTION + 3
    (flow,) = finished(accountant).flows
    assert flow["lost_segments"][0] == 5 * BATCH // 2
    assert flow["retransmissions"][0] == 5 * BATCH // 2 - 1


def fragments(count: int, first: int = 0, *, offset: int = 1000, vsid: int = 5001) -> tuple:
    frames = Frames()
    inner(frames, 0, 1, offset, 100, last=False, vsid=vsid)
    return many(frames, count, frag_a_id=np.arange(first, first + count))


def test_fragments_whose_first_never_comes(accountant):
    for start in range(0, 5 * BATCH, BATCH):
        accountant.account(*fragments(BATCH, start))
        meta = accountant._ledger.meta[0]
        assert meta["n_waiting"] <= PENDING_FRAGMENTS
        assert meta["n_sets"] <= FRAGMENT_SETS
    assert finished(accountant).flows["packets"].sum() == 5 * BATCH


def test_first_fragments_without_more(accountant):
    for start in range(0, 5 * BATCH, BATCH):
        accountant.account(*fragments(BATCH, start, offset=0))
        assert accountant._ledger.meta[0]["n_sets"] == FRAGMENT_SETS
    assert finished(accountant).flows["packets"].sum() == 5 * BATCH


def test_fragments_of_one_packet(accountant):
    """They wait in one set until there are too many, over and over."""
    for _ in range(5):
        batch, records = fragments(BATCH)
        records["frag_a_id"] = 1
        accountant.account(batch, records)
    assert finished(accountant).flows["packets"].sum() == 5 * BATCH


def test_times_that_go_back_with_many_series(segment, accountant):
    """Every frame is earlier than all before it, at each width of the bins; every series has a row of bins."""
    vsid = np.arange(MAX_SERIES)
    batch, records = many(segment, MAX_SERIES, vsid=vsid)
    records["layer_id"][:, 0] = vsid
    accountant.account(batch, records)
    back = np.concatenate([np.arange(BINS) << shift for shift in range(36)]) * 1_000_000
    back = np.unique(back[back < 1 << 61])
    accountant.account(*many(segment, len(back), ts_ns=EPOCH_NS - back, vsid=0))
    state = finished(accountant)
    assert len(state.series) == MAX_SERIES
    assert state.bins[:, :, 0].sum() == MAX_SERIES + len(back)


def test_times_that_jump_between_the_ends(segment, accountant):
    times = np.where(np.arange(BATCH) % 2, EPOCH_NS - np.arange(BATCH) * SECOND, EPOCH_NS + np.arange(BATCH) * SECOND)
    batch, records = many(segment, BATCH, ts_ns=times)
    accountant.account(batch, records)
    assert finished(accountant).bins[:, :, 0].sum() == BATCH
    part = many(segment, 2000, ts_ns=times[:2000])
    accounted_alike([part])


def test_an_endpoint_that_moves_all_the_time(segment, accountant):
    """Behind 20,000 addresses in turn; few of them are remembered."""
    pa = words(np.arange(BATCH))
    accountant.account(*many(segment, BATCH, pa_src=pa, ca_mac=5))
    state = finished(accountant)
    (endpoint,) = state.endpoints
    assert endpoint["moves"] == BATCH - 1
    assert len(state.endpoint_pas) == endpoint["n_pas"] == AccountOptions().pas_per_endpoint


def test_placements_of_one_flow(segment, accountant):
    """A FlowID of its own for every packet: beyond the cap one row takes them all."""
    for start in range(0, 5 * BATCH, BATCH):
        accountant.account(*many(segment, BATCH, flow_id=np.arange(start, start + BATCH), tcp_seq=np.arange(BATCH)))
    state = finished(accountant)
    assert len(state.placements) == AccountOptions().placements_per_flow + 1
    assert state.placements["packets"].sum() == 5 * BATCH
