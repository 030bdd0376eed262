"""Rates: what came between two looks, matched by what rows are, not by where they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nvgre_inspect
from nvgre_inspect.flows.rates import LOOKS, History, Totals, growth, keys_of, tenant_keys
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.live_columns import INTERVAL_TABLES, LIVE_TABLES
from nvgre_inspect.session import SessionOptions, open_session

FABRIC = Path(__file__).parents[3] / "samples" / "fabric.pcapng"


@pytest.fixture(scope="module")
def looks():
    """Snapshots of the first frames, of more of them, of all."""
    found = []
    for count in (500, 1_500, None):
        with open_session(FABRIC, options=SessionOptions(count=count)) as session:
            found.append(session.read().snapshot())
    return found


@pytest.mark.parametrize("table", ["tenants", "tunnels", "flows"])
def test_growth_is_the_difference_of_the_tables(looks, table):
    first, _, last = looks
    before, after = Totals.of(first, 10.0), Totals.of(last, 14.0)
    rows = last.table(table)
    more = growth(before, after, table, keys_of(table, rows))
    assert more.seconds == 4.0
    sums = [name for name in TABLES[table].names if name.startswith("packets")]
    was = dict(zip(map(str, keys_of(table, first.table(table))), first.table(table)[sums].sum(axis=1), strict=True))
    expected = [
        now - was.get(str(key), 0)
        for key, now in zip(keys_of(table, rows), rows[sums].sum(axis=1).tolist(), strict=True)
    ]
    assert more.packets.tolist() == expected
    assert more.packets.sum() > 0
    assert (more.wire_bytes >= more.packets).all()


@pytest.mark.parametrize("table", ["tenants", "tunnels", "flows"])
def test_a_live_snapshot_tells_what_came_since_any_earlier_look(looks, table):
    history = History(0.0)
    before, after = history.look(looks[0], 2.0), history.look(looks[2], 6.0)
    more = after.since(before.totals, table)
    rows = after.plain.table(table)
    assert rows is looks[2].table(table)
    expected = growth(Totals.of(looks[0], 2.0), Totals.of(looks[2], 6.0), table, keys_of(table, rows))
    assert more.seconds == expected.seconds == 4.0
    assert more.packets.tolist() == expected.packets.tolist()
    assert more.rates["packets_per_s"].tolist() == (expected.packets / 4.0).tolist()
    assert more.rates["bits_per_s"].tolist() == (expected.wire_bytes * 2.0).tolist()


def test_nothing_came_before_the_beginning(looks):
    rows = looks[0].flows
    more = growth(Totals.nothing(0.0), Totals.of(looks[0], 2.0), "flows", keys_of("flows", rows))
    assert more.packets.sum() == (rows["packets_fwd"] + rows["packets_rev"]).sum()


def test_a_flow_that_left_and_another_in_its_row_are_not_mixed_up():
    before = Totals(0.0, np.array([[1, 100, 9], [2, 50, 9]]), np.zeros((0, 2), np.int64), {})
    after = Totals(1.0, np.array([[2, 60, 10], [3, 7, 8]]), np.zeros((0, 2), np.int64), {})
    assert growth(before, after, "flows", [2, 3]).packets.tolist() == [10, 7]
    assert before.sums("flows", [0, 1, 2, 3]).tolist() == [[0, 0], [100, 9], [50, 9], [0, 0]]


def test_live_tables_have_rates_of_the_last_second_or_more(looks):
    history = History(0.0)
    history.look(looks[0], 2.0)
    history.look(looks[1], 2.5)
    last = history.look(looks[2], 3.5)
    # The look half a second ago is too near; it was not remembered either.
    rows = last.table("tenants")
    assert list(rows.columns) == LIVE_TABLES["tenants"].names
    came = looks[2].tenants["packets"].sum() - looks[0].tenants["packets"].sum()
    assert rows["packets_per_s"].sum() == pytest.approx(came / 1.5)
    assert (rows["bits_per_s"] > rows["packets_per_s"]).any()
    assert last.table("endpoints") is looks[2].table("endpoints")


def test_recent_rates_are_one_for_each_second_with_nothing_before_the_beginning(looks):
    history = History(0.0)
    for at, snapshot in enumerate(looks, 1):
        live = history.look(snapshot, float(at))
    recent = live.recent("tenants", live.table("tenants"))
    assert recent.shape == (len(live.table("tenants")), LOOKS)
    assert (recent[:, :-3] == 0).all()
    wire = [snapshot.tenants["wire_bytes"].sum() for snapshot in looks]
    assert recent[:, -3:].sum(axis=0) == pytest.approx(8.0 * np.diff([0, *wire]))


def test_schema_says_what_a_table_has(looks):
    live = History(0.0).look(looks[0], 1.0)
    assert live.schema("flows").names[-2:] == ["packets_per_s", "bits_per_s"]
    assert live.schema("placements") is TABLES["placements"] is looks[0].schema("placements")
    assert set(INTERVAL_TABLES) == set(LIVE_TABLES)
    with pytest.raises(KeyError):
        live.schema("nothing")


def test_tenants_without_a_vsid_are_known_by_their_encapsulation():
    with nvgre_inspect.open(FABRIC) as session:
        keys = tenant_keys(session.tenants)
    assert ("none", None) in keys
    assert ("nvgre", 5001) in keys
