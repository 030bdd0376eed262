"""Filters on tables: every dtype that a column can have, aliases, nulls, lists; and the generated page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvgre_inspect.flows.filter import FilterError, compile_filter, complete
from nvgre_inspect.flows.filter.page import markdown
from nvgre_inspect.model.columns import TABLES, Type
from nvgre_inspect.model.schema import Column

DOCS = Path(__file__).parents[3] / "docs"


def lists(*values: tuple[Any, ...]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


#: Five flows: NVGRE web, NVGRE DNS over IPv6, VXLAN in NVGRE, ARP in VXLAN, plain BGP.
FLOWS = pd.DataFrame(
    {
        "flow": [1, 2, 3, 4, 5],
        "encap": pd.Categorical(["nvgre", "nvgre", "nvgre", "vxlan", "none"]),
        "vsid": pd.array([5001, 5002, 5001, 77, None], dtype="Int64"),
        "stack": pd.Categorical(["nvgre:5001", "nvgre:5002", "erspan2:5/nvgre:5001/vxlan:1", "vxlan:77", None]),
        "vlan": pd.Categorical(["10", "10.20", None, None, None]),
        "protocol": pd.Categorical(["tcp", "udp", "tcp", "arp", "tcp"]),
        "src_ip": pd.Categorical(["10.0.0.1", "2001:db8::1", "10.0.0.1", None, "192.0.2.1"]),
        "src_port": pd.array([50000, 40000, 50001, None, 179], dtype="Int32"),
        "dst_ip": pd.Categorical(["10.0.0.2", "2001:db8::2", "10.0.0.2", None, "192.0.2.2"]),
        "dst_port": pd.array([443, 53, 80, None, 50002], dtype="Int32"),
        "src_mac": pd.Categorical(["02:00:00:00:00:01", "02:00:00:00:00:02", None, "02:00:00:00:00:04", None]),
        "dst_mac": pd.Categorical(["02:00:00:00:01:01", None, None, "ff:ff:ff:ff:ff:ff", None]),
        "state": pd.Categorical(["established", "active", "syn-sent", "active", "midstream"]),
        "first_seen": pd.to_datetime(pd.Series([1_767_323_045_123_456_789 + i for i in range(5)]), unit="ns", utc=True),
        "duration_s": [0.5, 1.0, 0.0, 0.000000001, 3600.0],
        "retransmissions_fwd": np.array([0, 0, 4, 0, 2], dtype=np.int32),
        "retransmissions_rev": np.array([0, 0, 1, 0, 2], dtype=np.int32),
        "handshake_rtt_ms": [1.25, np.nan, np.nan, np.nan, np.nan],
        "dscp_fwd": lists((0,), (), (0, 46), (), (48,)),
        "pa_src": pd.Categorical(["192.0.2.1", "192.0.2.1", "192.0.2.3", "2001:db8:50::1", None]),
        "pa_dst": pd.Categorical(["192.0.2.2", "192.0.2.2", "192.0.2.1", "2001:db8:50::2", None]),
        "anomalies": lists((), ("duplicate-packet",), ("nvgre-inner-vlan", "duplicate-packet"), (), ()),
    }
)


def hits(text: str, table: str = "flows", rows: pd.DataFrame = FLOWS) -> list[int]:
    mask = compile_filter(text, table=table).mask(rows)
    assert mask.dtype == bool
    assert len(mask) == len(rows)
    return (np.flatnonzero(mask) + 1).tolist()


CASES: list[tuple[str, list[int]]] = [
    ("", [1, 2, 3, 4, 5]),
    ("flow == 3", [3]),
    ("vsid == 5001", [1, 3]),
    ("vsid", [1, 2, 3, 4]),
    ("vsid != 5001", [2, 4]),
    ("not vsid == 5001", [2, 4, 5]),
    ("vsid in {77, 5000..5001}", [1, 3, 4]),
    ("vsid & 1", [1, 3, 4]),
    ("encap == nvgre", [1, 2, 3]),
    ("encap != none", [1, 2, 3, 4]),
    ("encap > nvgre", [4]),
    ("nvgre", [1, 2, 3]),
    ("vxlan", [3, 4]),
    ("vxlan.vni == 1", [3]),
    ("nvgre.vsid == 5001 && !vxlan", [1]),
    ("erspan.spanid == 5", [3]),
    ("tunnel.type == vxlan", [3, 4]),
    ("tunnel.type != vxlan", [1, 2]),
    ('stack matches "^nvgre:500[12]$"', [1, 2]),
    ('stack contains "/vxlan"', [3]),
    ("vlan == 10", [1]),
    ("vlan.id == 20", [2]),
    ("vlan.id == 10", [1, 2]),
    ("protocol == tcp", [1, 3, 5]),
    ("protocol == ip or protocol == flow or protocol == arp", [4]),
    ("protocol == vlan", []),
    ('vlan == "vlan"', []),
    ("vlan == vlan", [1, 2]),
    ("tcp", [1, 3, 5]),
    ("udp or arp", [2, 4]),
    ("ip", [1, 2, 3, 5]),
    ("ipv6", [2, 4]),
    ("src_ip == 10.0.0.0/8", [1, 3]),
    ("src_ip == 2001:db8::/32", [2]),
    ("src_ip != 10.0.0.1", [2, 5]),
    ("src_ip < dst_ip", [1, 2, 3, 5]),
    ("src_ip in {10.0.0.0..10.0.0.1, 192.0.2.0/24}", [1, 3, 5]),
    ("src_ip[0:2] == 0a:00", [1, 3]),
    ("src_ip[4:2] == 00:00", [2]),
    ("ip.src == 10.0.0.1", [1, 3]),
    ("ip.addr == 192.0.2.1", [1, 2, 3, 5]),
    ("inner.ip.addr == 192.0.2.1", [5]),
    ("outer.ip.addr == 192.0.2.1", [1, 2, 3]),
    ("ip.addr != 192.0.2.1", []),
    ("pa.addr == 192.0.2.1", [1, 2, 3]),
    ("pa.addr == 2001:db8:50::/48", [4]),
    ("ca.src == 2001:db8::1", [2]),
    ("pa.src == pa.dst", []),
    ("tcp.port == 443", [1]),
    ("tcp.srcport == 40000", []),
    ("udp.srcport == 40000", [2]),
    ("src_port > 50000 && tcp.dstport", [3]),
    ("eth.addr == ff:ff:ff:ff:ff:ff", [4]),
    ("src_mac == 02:00:00:00:00:02", [2]),
    ("eth.src[0:3] == 02:00:00", [1, 2, 4]),
    ("dst_mac[0] & 1", [4]),
    ("state in {syn-sent, midstream}", [3, 5]),
    ('first_seen == "2026-01-02 03:04:05.123456791"', [3]),
    ("first_seen > 2026-01-02T03:04:05.123456791Z", [4, 5]),
    ("duration_s >= 1", [2, 5]),
    ("duration_s < 0.000000002 && duration_s > 0", [4]),
    ("retransmissions_fwd > 0", [3, 5]),
    ("retransmissions_fwd > retransmissions_rev", [3]),
    ("retransmissions_fwd == -1", []),
    ("retransmissions_fwd < 9223372036854775807", [1, 2, 3, 4, 5]),
    ("handshake_rtt_ms == 1.25", [1]),
    ("not handshake_rtt_ms", [2, 3, 4, 5]),
    ("dscp_fwd == 46", [3]),
    ("dscp_fwd != 46", [1, 5]),
    ("dscp_fwd === 0", [1]),
    ("any dscp_fwd != 0", [3, 5]),
    ("all dscp_fwd < 48", [1, 3]),
    ("anomaly == duplicate-packet", [2, 3]),
    ('anomalies contains "inner"', [3]),
    ("anomalies", [2, 3]),
    ("anomalies != duplicate-packet", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text or "(empty)" for text, _ in CASES])
def test_rows_that_fit(text: str, expected: list[int]) -> None:
    assert hits(text) == expected


def plain() -> pd.DataFrame:
    """The same rows as strings, objects and lists, as they come back from CSV or from a user."""
    table = FLOWS.copy()
    for name in table:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        elif name in ("dscp_fwd", "anomalies"):
            table[name] = pd.Series(table[name].map(list), dtype=object)
        elif name in ("vsid", "src_port", "dst_port"):
            table[name] = table[name].astype("Int64")
    table["first_seen"] = table["first_seen"].dt.tz_localize(None)
    table.index = pd.Index([9, 7, 7, 1, 0])
    return table


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text or "(empty)" for text, _ in CASES])
def test_the_type_that_holds_a_column_does_not_matter(text: str, expected: list[int]) -> None:
    assert hits(text, rows=plain()) == expected


def test_tables_without_a_stack() -> None:
    tenants = pd.DataFrame(
        {
            "encap": pd.Categorical(["nvgre", "vxlan", "gretap", "none"]),
            "vsid": pd.array([5001, 5001, None, None], dtype="Int64"),
            "name": pd.Categorical(["blue", None, None, None]),
        }
    )
    assert hits("nvgre.vsid == 5001", "tenants", tenants) == [1]
    assert hits("vxlan.vni == 5001", "tenants", tenants) == [2]
    assert hits("gre", "tenants", tenants) == [1, 3]
    assert hits("tunnel.type", "tenants", tenants) == [1, 2, 3]
    assert hits('name == "blue"', "tenants", tenants) == [1]


def test_lists_of_addresses() -> None:
    endpoints = pd.DataFrame(
        {
            "ip": pd.Categorical(["10.0.0.1", "2001:db8::1", None]),
            "pas": lists(("192.0.2.1", "192.0.2.2"), ("2001:db8:50::1",), ()),
        }
    )
    assert hits("pas == 192.0.2.2", "endpoints", endpoints) == [1]
    assert hits("pa.addr == 2001:db8:50::/64", "endpoints", endpoints) == [2]
    assert hits("ca.addr == 10.0.0.1", "endpoints", endpoints) == [1]
    assert hits("pas", "endpoints", endpoints) == [1, 2]


def empty_column(column: Column) -> pd.Series[Any]:
    return pd.Series([], dtype=column.dtype if column.type is not Type.LIST else "object")


@pytest.mark.parametrize("name", [name for name in TABLES if name != "packets"])
def test_every_name_of_every_table_is_taken_by_an_empty_one(name: str) -> None:
    table = pd.DataFrame({column.name: empty_column(column) for column in TABLES[name]})
    for field in complete("", name):
        assert compile_filter(field, table=name).mask(table).tolist() == []


@pytest.mark.parametrize("column", [column.name for column in TABLES["flows"]])
def test_every_column_of_flows_is_a_field(column: str) -> None:
    assert compile_filter(column, table="flows")
    assert compile_filter(column, table="packets")


def test_a_packet_field_names_the_way_out() -> None:
    with pytest.raises(FilterError, match=r"tcp\.flags\.syn is a field of packets.* use it with -R"):
        compile_filter("tcp.flags.syn == 1", table="flows")


_TESTS = st.sampled_from([text for text, _ in CASES if text])


@settings(max_examples=60, deadline=None)
@given(_TESTS, _TESTS, st.sampled_from([0, 1, 3, 5]))
def test_masks_obey_boolean_algebra(left: str, right: str, count: int) -> None:
    rows = FLOWS.head(count)

    def mask(text: str) -> np.ndarray:
        result = compile_filter(text, table="flows").mask(rows)
        assert result.shape == (count,)
        assert result.dtype == bool
        return result

    assert (mask(f"({left}) and ({right})") == (mask(left) & mask(right))).all()
    assert (mask(f"not (({left}) or ({right}))") == (mask(f"!({left})") & mask(f"!({right})"))).all()


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "filters.md").read_text("utf-8") == markdown(), "python -m nvgre_inspect.flows.filter.page"
