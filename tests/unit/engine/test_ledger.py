"""The compiled accountant's arrays: they grow in the middle of a batch, and what was handed out stays as it was."""

from __future__ import annotations

import copy
import random
from dataclasses import fields

import numpy as np
import pytest

from dissectors import encaps
from nvgre_inspect.engine import ledger
from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.state import State
from tests.builders.fragments import THERE, inner, outer_first, outer_later
from tests.builders.records import Frames
from tests.builders.states import assert_states_equal
from tests.unit.engine.agreement import accounted_alike
from tests.unit.engine.many import everything_new, many
from tests.unit.engine.random_traffic import in_parts, random_caps, random_fragments, random_segments

ARRAYS = [field.name for field in fields(State) if field.name not in ("overflow", "bin_start_ns", "bin_width_ns")]


@pytest.fixture
def segment() -> Frames:
    """One TCP segment in a tunnel; eight bytes of it were captured."""
    frames = Frames()
    frames.tcp(0, "10.0.0.1:1", "10.0.0.2:2", "", 1000, THERE, length=10, data=bytes(8))
    return frames


def test_every_table_grows_in_the_middle_of_a_batch(segment):
    """From 1024 rows (series: 16) to 2600, in three batches."""
    batches = [everything_new(segment, start, count) for start, count in [(0, 5), (5, 1500), (1505, 1100)]]
    again = everything_new(segment, 0, 2605)
    again[1]["tcp_seq"] += 100  # a gap in every flow
    again[1]["ts_ns"] += 10**9
    state = accounted_alike([*batches, again])
    assert len(state.flows) == len(state.tunnels) == len(state.endpoints) == len(state.stacks) == 2605
    assert len(state.placements) == len(state.paths) == len(state.series) == len(state.endpoint_pas) == 2605
    assert len(state.addresses) == 2 * 2605
    assert len(state.anomalies) >= 2605
    assert state.flows["lost_segments"].sum() == 2605
    assert state.flows["packets"][:, 0].tolist() == [2] * 2605


@pytest.mark.parametrize("make", [random_segments, random_fragments])
def test_tables_that_grow_all_the_time(make, monkeypatch):
    """Tables begin with one row, so that most frames wait for room, some with fragments that they set free."""
    monkeypatch.setattr(ledger, "_FIRST_ROWS", 1)
    rnd = random.Random(7)
    for _ in range(60):
        caps = random_caps(rnd)
        accounted_alike(in_parts(*make(rnd, 60).take(), rnd), caps)


def test_flows_that_follow_each_other_under_one_key(segment):
    """Only the newest is found after the index was made anew, and the others stay as rows."""
    batch, records = many(segment, 3000, tcp_flags=0x02, tcp_seq=np.arange(3000) * 70_000, ts_ns=np.arange(3000) * 1000)
    more = many(segment, 10, tcp_seq=2999 * 70_000 + 1, ts_ns=10**9)
    state = accounted_alike([(batch, records), more])
    assert len(state.flows) == 3000
    assert state.flows["packets"][:, 0].tolist() == [1] * 2999 + [11]


def test_fragments_that_wait_over_batches_while_tables_grow(segment):
    """A thousand fragments wait for their first; when it has come each needs room in every table."""
    early = Frames()
    for ident in range(900):
        inner(early, ident, ident, 1000, 100, last=True, vsid=ident)
    for ident in range(100):
        outer_later(early, 900 + ident, ident, 1000, 100)
    firsts = Frames()
    for ident in range(0, 900, 2):
        inner(firsts, 2000 + ident, ident, 0, 1000, vsid=ident)
    for ident in range(0, 100, 2):
        outer_first(firsts, 3000 + ident, ident, src_port=ident)
    state = accounted_alike([early.take(), everything_new(segment, 5000, 1200), firsts.take()])
    assert (state.frame_flow >= 0).all()
    # Of each second packet the first fragment never came.
    assert state.flows["packets"].sum() == 900 + 1200 + 450 + 50 + 50


@pytest.mark.parametrize("look", [True, False], ids=["with snapshots", "without"])
def test_the_index_of_packets_grows(segment, look):
    """In place while nobody has a view of it; otherwise into a new array, and views stay as they are."""
    accountant = LedgerAccountant(AccountOptions())
    seen: list[tuple[State, State]] = []
    total = 0
    for count in (1, 10_000, 9_000, 30_000, 1):
        batch, records = many(segment, count, ip_id=0, tcp_seq=(1000 + 10 * np.arange(total, total + count)) % 2**32)
        batch.position[:] = 7 * np.arange(total, total + count)
        accountant.account(batch, records)
        total += count
        if look:
            state = accountant.state()
            seen.append((state, copy.deepcopy(state)))
            assert state.frames == total
    accountant.finish()
    state = accountant.state()
    assert state.frame_position.tolist() == (7 * np.arange(total)).tolist()
    assert (state.frame_flow == 0).all()
    assert state.flows["packets"].sum() == total
    for snapshot, as_it_was in seen:
        assert_states_equal(snapshot, as_it_was)


def test_snapshots_do_not_change():
    """Nothing of a state that was handed out is an array that accounting goes on with."""
    rnd = random.Random(3)
    accountant = LedgerAccountant(AccountOptions())
    seen: list[tuple[State, State]] = []
    for make in (random_segments, random_fragments) * 5:
        accountant.account(*make(rnd, 50).take())
        state = accountant.state()
        seen.append((state, copy.deepcopy(state)))
    accountant.finish()
    final = accountant.state()
    accountant.state()
    for snapshot, as_it_was in seen:
        assert_states_equal(snapshot, as_it_was)
    assert final.frames == seen[-1][0].frames
    for name in ARRAYS:
        before, after = getattr(seen[-1][0], name), getattr(final, name)
        assert name == "frame_position" or not np.shares_memory(before, after), name


def test_hashes_are_of_this_process(segment):
    """Whoever knows the program does not know which keys collide."""
    accountants = [LedgerAccountant(AccountOptions()) for _ in range(2)]
    for accountant in accountants:
        accountant.account(*everything_new(segment, 0, 50))
    first, second = (accountant._ledger for accountant in accountants)
    tables = ("stack", "address", "path", "tunnel", "flow", "placement", "endpoint", "series", "anomaly")
    for name in tables:
        one, other = (getattr(part, f"{name}_hash")[:50].tolist() for part in (first, second))
        assert one != other, name


def colliding(count: int) -> np.ndarray:
    """Addresses that one step of 32 bits a word, without a seed, takes to a single hash: the last word is computed
    from the others. (The index was once made so: each of these endpoints was found behind all the others.)
    """

    def mix(h: np.ndarray | int, value: np.ndarray | int) -> np.ndarray:
        h = (np.uint64(h) ^ np.uint64(value)) * np.uint64(0x9E3779B1) & np.uint64(0xFFFFFFFF)
        return h ^ h >> np.uint64(15)

    h = mix(mix(mix(encaps.NVGRE, 0), 6), 5001)
    for word in (0, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0):  # the id's upper half, no MAC, two words of the address
        h = mix(h, word)
    third = np.arange(count, dtype=np.uint64)
    before = mix(h, third)
    last = before ^ np.uint64(0x12345678 * pow(0x9E3779B1, -1, 1 << 32) & 0xFFFFFFFF)
    assert len(np.unique(mix(before, last))) == 1
    return np.stack([np.zeros_like(third), np.zeros_like(third), third, last], axis=1).astype(np.uint32)


@pytest.mark.parametrize(
    "addresses",
    [
        np.arange(1, 40_001, dtype=np.uint32)[:, None] * np.array([0, 0, 0, 1], np.uint32),
        np.arange(1, 40_001, dtype=np.uint32)[:, None] * np.array([1, 0, 0, 0], np.uint32) << np.uint32(16),
        colliding(40_000),
    ],
    ids=["one after the other", "in the upper half", "chosen"],
)
def test_addresses_of_any_pattern_spread(segment, addresses):
    """The longest run of taken places in an index that is at most half full; by chance it is some 50."""
    accountant = LedgerAccountant(AccountOptions())
    accountant.account(*many(segment, len(addresses), ca_ip=addresses, ca_family=6))
    assert len(accountant.state().endpoints) == len(addresses)
    free = np.flatnonzero(accountant._ledger.endpoint_index < 0)
    assert np.diff(free).max() < 200


def test_an_accountant_that_saw_nothing():
    assert len(accounted_alike([]).flows) == 0
