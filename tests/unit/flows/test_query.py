"""Rows by scope, filter and order: held against the placements table and plain Python."""

from __future__ import annotations

import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.flows import query
from nvgre_inspect.flows.filter import FilterError, compile_filter
from nvgre_inspect.flows.filter.narrowing import narrowed
from nvgre_inspect.flows.order import order
from nvgre_inspect.flows.query import Query, find
from nvgre_inspect.flows.scoped import Narrow, rows_within
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.schema import Type
from tests.unit.flows.again import SAMPLES

NAMES = ["fabric.pcapng", "nested-vxlan.pcap", "neighbours.pcap", "icmp-errors.pcap", "tcp-lab.pcap"]


@pytest.fixture(params=NAMES, scope="module")
def view(request):
    with nvgre_inspect.open(SAMPLES / request.param) as session:
        yield session.read().snapshot()


def tenants_of(frame):
    return [(encap, None if pd.isna(vsid) else vsid) for encap, vsid in zip(frame["encap"], frame["vsid"], strict=True)]


def test_without_a_scope_all_rows_belong(view):
    for table in ("flows", "tunnels", "tenants", "findings"):
        assert rows_within(view, table, Narrow()) is None
        assert find(view, Query(table)).positions is None


def test_flows_of_a_tenant(view):
    tenants = tenants_of(view.flows)
    for tenant in set(tenants):
        found = rows_within(view, "flows", Narrow(tenant=tenant))
        assert found.tolist() == [row for row, other in enumerate(tenants) if other == tenant]
        assert tenants_of(view.tenants.iloc[rows_within(view, "tenants", Narrow(tenant=tenant))]) == [tenant]


def test_flows_on_a_tunnel_and_tunnels_of_a_flow_are_the_two_sides_of_placements(view):
    pairs = view.placements[["flow", "tunnel"]].dropna().drop_duplicates()
    for tunnel in view.tunnels["tunnel"]:
        flows = sorted(pairs["flow"][pairs["tunnel"] == tunnel])
        assert (rows_within(view, "flows", Narrow(tunnel=tunnel)) + 1).tolist() == flows
        expected = set(tenants_of(view.flows.iloc[[flow - 1 for flow in flows]]))
        assert set(tenants_of(view.tenants.iloc[rows_within(view, "tenants", Narrow(tunnel=tunnel))])) == expected
    for flow in view.flows["flow"]:
        assert (rows_within(view, "tunnels", Narrow(flow=flow)) + 1).tolist() == sorted(
            pairs["tunnel"][pairs["flow"] == flow]
        )


@pytest.mark.parametrize("descending", [False, True])
def test_rows_in_the_order_of_a_sum(view, descending):
    totals = view.flows["bytes_fwd"] + view.flows["bytes_rev"]
    asked = Query("flows", by=("bytes_fwd", "bytes_rev"), descending=descending, summed=True)
    found = find(view, asked)
    # Stable in both directions, as all orders are.
    expected = sorted(range(len(totals)), key=lambda row: -totals[row] if descending else totals[row])
    assert found.positions.tolist() == expected
    tenant = tenants_of(view.flows)[0]
    within = find(view, Query("flows", Narrow(tenant=tenant), None, asked.by, descending, summed=True))
    assert within.positions.tolist() == [row for row in expected if tenants_of(view.flows)[row] == tenant]


def test_tunnels_of_a_tenant(view):
    tenants = tenants_of(view.flows)
    pairs = view.placements[["flow", "tunnel"]].dropna()
    for tenant in set(tenants):
        mine = [tenants[flow - 1] == tenant for flow in pairs["flow"]]
        found = rows_within(view, "tunnels", Narrow(tenant=tenant)) + 1
        assert found.tolist() == sorted(set(pairs["tunnel"][mine]))


def test_flows_by_flow_id(view):
    placements = view.placements
    for flow_id in placements["flow_id"].dropna().unique()[:5]:
        expected = sorted(set(placements["flow"][(placements["flow_id"] == flow_id).fillna(False)]))
        assert (rows_within(view, "flows", Narrow(flow_id=int(flow_id))) + 1).tolist() == expected


def test_findings_of_a_tunnel(view):
    for tunnel in view.findings["tunnel"].dropna().unique():
        found = view.findings.iloc[rows_within(view, "findings", Narrow(tunnel=int(tunnel)))]
        assert set(found["tunnel"]) == {tunnel}
        assert len(found) == (view.findings["tunnel"] == tunnel).sum()


def test_a_scope_and_a_filter_both_narrow(view):
    chosen = compile_filter("tcp", table="flows")
    for tunnel in view.tunnels["tunnel"]:
        found = find(view, Query("flows", Narrow(tunnel=tunnel), chosen))
        within = rows_within(view, "flows", Narrow(tunnel=tunnel))
        assert found.belonging == len(within)
        assert found.positions.tolist() == [row for row in within if view.flows["protocol"].iloc[row] == "tcp"]
        assert len(found) == len(found.positions)


def test_a_large_table_is_tested_part_by_part(view, monkeypatch):
    chosen = compile_filter("tcp || ip.addr == 10.0.0.0/8", table="flows")
    whole = find(view, Query("flows", filter=chosen)).positions
    monkeypatch.setattr(query, "_PART", 3)
    assert find(view, Query("flows", filter=chosen)).positions.tolist() == whole.tolist()


def sort_key(value, kind):
    """What a person expects to go before what."""
    if kind is Type.IP:
        return (":" in value, tuple(int(part) for part in value.split("."))) if ":" not in value else (True, value)
    return value


@pytest.mark.parametrize("descending", [False, True])
def test_every_column_orders_as_a_person_expects(view, descending):
    for table in ("flows", "tunnels", "tenants", "findings"):
        for column in TABLES[table]:
            frame = view.table(table)
            found = find(view, Query(table, by=(column.name,), descending=descending)).positions
            assert sorted(found) == list(range(len(frame)))
            values = [frame[column.name].iloc[row] for row in found]
            null = [value == () if isinstance(value, tuple) else pd.isna(value) for value in values]
            assert null == sorted(null), "nulls are last"
            known = [value for value, is_null in zip(values, null, strict=True) if not is_null]
            if column.type is Type.IP:
                known = [value for value in known if ":" not in value]  # text of IPv6 does not sort like the address
            keys = [sort_key(value, column.type) for value in known]
            assert keys == sorted(keys, reverse=descending), column.name


def test_equal_rows_stay_as_they_were_in_both_directions(view):
    for descending in (False, True):
        found = find(view, Query("flows", by=("protocol",), descending=descending)).positions
        protocols = view.flows["protocol"].astype(str)
        for _, rows in pd.Series(found).groupby(protocols.iloc[found].to_numpy()):
            assert rows.is_monotonic_increasing


def test_several_columns_order_one_after_the_other():
    frame = pd.DataFrame({"encap": pd.Categorical(["b", "a", "b", "a"]), "vsid": pd.array([1, 2, None, 1], "Int64")})
    assert order(frame, TABLES["tenants"], ["encap", "vsid"]).tolist() == [3, 1, 0, 2]
    assert order(frame, TABLES["tenants"], ["encap", "vsid"], descending=True).tolist() == [0, 2, 1, 3]
    assert order(frame, TABLES["tenants"], []).tolist() == [0, 1, 2, 3]


def test_an_empty_table_has_an_order():
    frame = TABLES["flows"]
    empty = pd.DataFrame({column.name: pd.Series([], dtype=column.dtype) for column in frame})
    for column in frame:
        assert order(empty, frame, [column.name]).tolist() == []


@pytest.mark.parametrize(
    ("text", "test", "both"),
    [
        ("", "vsid == 1", "vsid == 1"),
        ("tcp", "", "tcp"),
        ("tcp", "vsid == 1", "tcp && vsid == 1"),
        ("tcp && ip", "vsid == 1", "tcp && ip && vsid == 1"),
        ("tcp || udp", "vsid == 1", "(tcp || udp) && vsid == 1"),
        ('stack contains "or"', "vsid == 1", 'stack contains "or" && vsid == 1'),
    ],
)
def test_a_filter_narrowed_further(text, test, both):
    assert narrowed(text, test) == both


def test_what_is_no_filter_cannot_be_narrowed():
    with pytest.raises(FilterError):
        narrowed("tcp &&", "udp")
