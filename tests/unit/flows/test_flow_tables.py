"""Hand-made states, hand-computed tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissectors import anomalies, encaps
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.kernels import codes
from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.model import state as model
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.source import InterfaceInfo
from tests.unit.flows.state_builder import address, mac, many_flows, rows, stack, state, words

T0 = 1_767_323_045_123_456_789  # 2026-01-02T03:04:05.123456789Z

TCP_FLOW = {
    "stack": 0,
    "full_stack": 1,
    "tunnel": 0,
    "family": 4,
    "protocol": 6,
    "ethertype": 0x0800,
    "addr_a": words("10.0.0.1"),
    "addr_b": words("10.0.0.2"),
    "port": (443, 50000),
    "mac": (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")),
    "encap": encaps.NVGRE,
    "vsid": 5001,
    "initiator": 1,
    "state": codes.ESTABLISHED,
    "anomalies": 1 << anomalies.HEADER_TRUNCATED | 1 << anomalies.DUPLICATE_PACKET,
    "first_ns": T0,
    "last_ns": T0 + 1_500_000_001,
    "packets": (7, 5),
    "bytes": (7000, 500),
    "wire_bytes": (7294, 710),
    "data_segments": (6, 2),
    "retransmissions": (2, 0),
    "out_of_order": (0, 1),
    "lost_segments": (3, 0),
    "acked_unseen": (0, 4),
    "handshake_rtt_ns": 1_234_567,
    "mss": (1460, 1400),
    "window_scale": (7, -1),
    "dscp_lo": (1 << 10, 1),
    "dscp_hi": (1 << 14, 0),
}
ARP_FLOW = {
    "stack": 2,
    "full_stack": 2,
    "ethertype": 0x0806,
    "encap": encaps.NONE,
    "mac": (mac("02:00:00:00:00:03"), mac("ff:ff:ff:ff:ff:ff")),
    "n_vlan": 2,
    "vlan": (10, 20),
    "first_ns": T0 + 5,
    "last_ns": T0 + 5,
    "packets": (1, 0),
    "bytes": (60, 0),
    "wire_bytes": (60, 0),
}
PING_FLOW = {
    "stack": 3,
    "full_stack": 3,
    "tunnel": 1,
    "family": 6,
    "protocol": 58,
    "ethertype": 0x86DD,
    "addr_a": words("2001:db8::1"),
    "addr_b": words("2001:db8::2"),
    "port": (77, -1),
    "encap": encaps.GRE,
    "initiator": 1,
    "first_ns": T0 + 6,
    "last_ns": T0 + 7,
    "packets": (2, 2),
    "bytes": (200, 200),
    "wire_bytes": (300, 300),
}


def example() -> model.State:
    """NVGRE with VXLAN inside and a mirror outside, plain ARP with two VLANs, ping over GRE without key."""
    return state(
        stacks=rows(
            model.STACK,
            stack((encaps.NVGRE, 5001), (encaps.VXLAN, 1)),
            stack((encaps.ERSPAN2, 5), (encaps.NVGRE, 5001), (encaps.VXLAN, 1)),
            stack(),
            stack((encaps.GRE, None)),
        ),
        addresses=rows(
            model.ADDRESS, address("192.0.2.2"), address("192.0.2.1"), address("2001:db8:1::1"), address(None)
        ),
        paths=rows(
            model.PATH,
            {"kind": 1, "n": 2, "item": [0, 0, 0, 16004, 0, 0, 0, 16005] + [0] * 56},
            {"kind": 2, "n": 2, "item": [*words("2001:db8::a"), *words("2001:db8::b")] + [0] * 56},
        ),
        flows=rows(model.FLOW, TCP_FLOW, ARP_FLOW, PING_FLOW),
        placements=rows(
            model.PLACEMENT,
            # Side 1 is the initiator: forward. The second is busier, the third as busy, but later.
            {"flow": 0, "tunnel": 0, "side": 1, "pa_src": 0, "pa_dst": 1, "flow_id": 9, "packets": 1, "wire_bytes": 70},
            {"flow": 0, "tunnel": 2, "side": 1, "pa_src": 2, "pa_dst": 0, "flow_id": 8, "path": 0, "packets": 2},
            {"flow": 0, "tunnel": 0, "side": 1, "pa_src": 0, "pa_dst": 1, "flow_id": 8, "path": 1, "packets": 2},
            {"flow": 0, "tunnel": 0, "side": 0, "pa_src": 1, "pa_dst": 0, "flow_id": 9, "packets": 7},
            # What exceeds the cap: neither a tunnel nor a FlowID of its own.
            {"flow": 0, "tunnel": -1, "side": 1, "pa_src": -1, "pa_dst": -1, "packets": 100},
            # Only a reverse one: its addresses are swapped.
            {"flow": 2, "tunnel": 1, "side": 0, "pa_src": 3, "pa_dst": 3, "packets": 4},
        ),
        tunnels=rows(
            model.TUNNEL,
            {
                "encap": encaps.NVGRE,
                "pa_a": 1,
                "pa_b": 0,
                "initiator": 1,
                "packets": (7, 5),
                "wire_bytes": (700, 500),
                "max_wire_len": 1542,
                "fragments": 3,
                "icmp_errors": 2,
                "ttl_a": [0, 1 << 31, 0, 0, 0, 0, 0, 1 << 31],
                "ttl_b": [0, 0, 1, 0, 0, 0, 0, 0],
                "dscp_lo": 1,
                "dscp_hi": 1 << 14,
                "first_ns": T0,
                "last_ns": T0 + 1,
                "anomalies": 1 << anomalies.UNDERLAY_FRAGMENT,
            },
            {"encap": encaps.GRE, "pa_a": 3, "pa_b": 3},
            {"encap": encaps.NVGRE, "pa_a": 0, "pa_b": 2},
        ),
        endpoints=rows(
            model.ENDPOINT,
            {
                "encap": encaps.NVGRE,
                "vsid": 5001,
                "mac": mac("02:00:00:00:00:01"),
                "family": 4,
                "ip": words("10.0.0.1"),
                "packets": 7,
                "moves": 1,
                "n_pas": 2,
                "first_ns": T0,
                "last_ns": T0 + 2,
            },
            {"encap": encaps.NONE, "mac": mac("02:00:00:00:00:03"), "packets": 1},
            {"encap": encaps.NVGRE, "vsid": 5001, "family": 6, "ip": words("2001:db8::9"), "packets": 1, "n_pas": 1},
        ),
        endpoint_pas=rows(
            model.ENDPOINT_PA, {"endpoint": 0, "pa": 0}, {"endpoint": 2, "pa": 2}, {"endpoint": 0, "pa": 1}
        ),
        anomalies=rows(
            model.ANOMALY,
            {
                "code": 1,
                "tunnel": 0,
                "encap": encaps.NVGRE,
                "vsid": 5001,
                "flow": 0,
                "count": 3,
                "first_frame": 4,
                "last_frame": 9,
            },
            {"code": 44, "count": 1, "first_frame": 6, "last_frame": 6},
        ),
    )


@pytest.fixture(scope="module")
def tables():
    names = Names(vsids={"nvgre:5001": "blue", 5001: "not this", "gre": "transit"})
    return snapshot(example(), [], names)


def cells(frame: pd.DataFrame, row: int) -> dict[str, object]:
    """One row as plain values, nulls as None."""

    def plain(value):
        if isinstance(value, tuple):
            return value
        return None if pd.isna(value) else value

    return {name: plain(frame[name].iloc[row]) for name in frame.columns}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "packets"])
@pytest.mark.parametrize("content", ["example", "empty"])
def test_columns_and_dtypes_are_those_of_the_registry(name, content):
    interfaces = [InterfaceInfo("a.pcap", 0, "", 1, 0)] if content == "example" else []
    frame = snapshot(example() if content == "example" else state(), interfaces).table(name)
    assert list(frame.columns) == TABLES[name].names
    assert {c.name: str(frame[c.name].dtype) for c in TABLES[name]} == {c.name: c.dtype for c in TABLES[name]}
    for column in TABLES[name]:
        if not column.nullable:
            assert not frame[column.name].isna().any(), column.name


def test_a_tcp_flow_seen_from_its_initiator_the_higher_side(tables):
    assert cells(tables.flows, 0) == {
        "flow": 1,
        "encap": "nvgre",
        "vsid": 5001,
        "stack": "erspan2:5/nvgre:5001/vxlan:1",
        "vlan": None,
        "protocol": "tcp",
        "src_ip": "10.0.0.2",
        "src_port": 50000,
        "dst_ip": "10.0.0.1",
        "dst_port": 443,
        "src_mac": "02:00:00:00:00:02",
        "dst_mac": "02:00:00:00:00:01",
        "state": "established",
        "packets_fwd": 5,
        "packets_rev": 7,
        "bytes_fwd": 500,
        "bytes_rev": 7000,
        "wire_bytes_fwd": 710,
        "wire_bytes_rev": 7294,
        "first_seen": pd.Timestamp("2026-01-02T03:04:05.123456789Z"),
        "last_seen": pd.Timestamp("2026-01-02T03:04:06.623456790Z"),
        "duration_s": 1.500000001,
        "retransmissions_fwd": 0,
        "retransmissions_rev": 2,
        "out_of_order_fwd": 1,
        "out_of_order_rev": 0,
        "lost_segments_fwd": 0,
        "lost_segments_rev": 3,
        "acked_unseen_fwd": 4,
        "acked_unseen_rev": 0,
        "duplicates_fwd": 0,
        "duplicates_rev": 0,
        "duplicate_acks_fwd": 0,
        "duplicate_acks_rev": 0,
        "zero_windows_fwd": 0,
        "zero_windows_rev": 0,
        "resets_fwd": 0,
        "resets_rev": 0,
        "handshake_rtt_ms": 1.234567,
        "mss_fwd": 1400,
        "mss_rev": 1460,
        "window_scale_fwd": None,
        "window_scale_rev": 7,
        "dscp_fwd": (0,),
        "dscp_rev": (10, 46),
        "tunnels": 2,
        "flow_ids": 2,
        "pa_src": "2001:db8:1::1",
        "pa_dst": "192.0.2.2",
        "reverse_flow": None,
        "anomalies": ("header-truncated", "duplicate-packet"),
    }


def test_traffic_outside_any_tunnel(tables):
    row = cells(tables.flows, 1)
    assert (row["encap"], row["vsid"], row["stack"]) == ("none", None, None)
    assert (row["protocol"], row["vlan"], row["state"]) == ("arp", "10.20", "active")
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]) == (None,) * 4
    assert (row["src_mac"], row["dst_mac"]) == ("02:00:00:00:00:03", "ff:ff:ff:ff:ff:ff")
    assert (row["tunnels"], row["flow_ids"], row["pa_src"], row["pa_dst"]) == (0, 0, None, None)
    assert row["handshake_rtt_ms"] is None
    assert (row["lost_segments_fwd"], row["anomalies"]) == (0, ())


def test_ping_has_its_identifier_as_source_port_whichever_side_asks(tables):
    row = cells(tables.flows, 2)
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]) == ("2001:db8::2", 77, "2001:db8::1", None)
    assert (row["protocol"], row["stack"], row["vsid"]) == ("icmpv6", "gre", None)
    assert (row["src_mac"], row["pa_src"]) == (None, None)


def test_only_a_reverse_placement_gives_its_addresses_swapped():
    made = example()
    made.placements["pa_src"][5], made.placements["pa_dst"][5] = 0, 1
    row = snapshot(made, []).flows.iloc[2]
    assert (row["pa_src"], row["pa_dst"]) == ("192.0.2.1", "192.0.2.2")


def test_addresses_sort_by_number():
    made = state(
        stacks=rows(model.STACK, stack()),
        flows=rows(
            model.FLOW,
            *(
                {"family": 4, "protocol": 17, "addr_a": words(a), "addr_b": words("10.0.0.1")}
                for a in ("10.0.0.9", "10.0.0.10")
            ),
            *({"family": 6, "protocol": 17, "addr_a": words(a), "addr_b": words("::")} for a in ("fe80::1", "::2")),
        ),
    )
    frame = snapshot(made, []).flows
    assert frame.sort_values("src_ip")["src_ip"].tolist() == ["10.0.0.9", "10.0.0.10", "::2", "fe80::1"]
    assert (frame["src_ip"] == "10.0.0.10").sum() == 1


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"family": 4, "protocol": 132}, "sctp"),
        ({"family": 6, "protocol": 253}, "253"),
        ({"ethertype": 0x88CC}, "lldp"),
        ({"ethertype": 0x88B5}, "0x88b5"),
        ({"ethertype": 0}, "llc"),
        ({}, None),
    ],
)
def test_protocol_names(fields, name):
    made = state(stacks=rows(model.STACK, stack()), flows=rows(model.FLOW, fields))
    assert cells(snapshot(made, []).flows, 0)["protocol"] == name


def test_tenants(tables):
    first, second, third = (cells(tables.tenants, i) for i in range(3))
    assert first | {"first_seen": 0, "last_seen": 0} == {
        "encap": "nvgre",
        "vsid": 5001,
        "name": "blue",
        "flows": 1,
        "endpoints": 2,
        "tunnels": 2,
        "packets": 12,
        "bytes": 7500,
        "wire_bytes": 8004,
        "overhead_pct": pytest.approx(100 * 504 / 8004),
        "retransmission_pct": 25.0,
        "first_seen": 0,
        "last_seen": 0,
        "anomalies": ("header-truncated", "duplicate-packet"),
    }
    assert (second["encap"], second["vsid"], second["name"], second["endpoints"]) == ("none", None, None, 1)
    assert (second["overhead_pct"], second["retransmission_pct"]) == (0.0, None)
    assert (third["encap"], third["vsid"], third["name"], third["tunnels"]) == ("gre", None, "transit", 1)


def test_tunnels(tables):
    assert cells(tables.tunnels, 0) == {
        "tunnel": 1,
        "encap": "nvgre",
        "pa_src": "192.0.2.2",
        "pa_dst": "192.0.2.1",
        "vsids": 1,
        "flows": 1,
        "flow_ids": 2,
        "packets_fwd": 5,
        "packets_rev": 7,
        "wire_bytes_fwd": 500,
        "wire_bytes_rev": 700,
        "max_wire_len": 1542,
        "fragments": 3,
        "icmp_errors": 2,
        "ttl_fwd": (64,),
        "ttl_rev": (63, 255),
        "dscp": (0, 46),
        "first_seen": pd.Timestamp(T0, tz="UTC"),
        "last_seen": pd.Timestamp(T0 + 1, tz="UTC"),
        "anomalies": ("underlay-fragment",),
    }
    assert (tables.tunnels["vsids"].tolist(), tables.tunnels["flows"].tolist()) == ([1, 0, 1], [1, 1, 1])


def test_endpoints(tables):
    rows_ = [cells(tables.endpoints, i) for i in range(3)]
    assert [row["pas"] for row in rows_] == [("192.0.2.2", "192.0.2.1"), (), ("2001:db8:1::1",)]
    assert [row["mac"] for row in rows_] == ["02:00:00:00:00:01", "02:00:00:00:00:03", None]
    assert [row["ip"] for row in rows_] == ["10.0.0.1", None, "2001:db8::9"]
    assert [row["moves"] for row in rows_] == [1, 0, 0]


def test_placements(tables):
    frame = tables.placements
    assert frame["direction"].tolist() == ["fwd", "fwd", "fwd", "rev", "fwd", "rev"]
    assert [cells(frame, i)["path"] for i in range(3)] == [None, "16004/16005", "2001:db8::b 2001:db8::a"]
    assert [cells(frame, i)["tunnel"] for i in range(6)] == [1, 3, 1, 1, None, 2]
    overflow = cells(frame, 4)
    assert (overflow["flow"], overflow["pa_src"], overflow["flow_id"], overflow["packets"]) == (1, None, None, 100)


def test_timeline_shows_bins_with_packets_by_time():
    bins = np.zeros((2, BINS, 4), np.int64)
    bins[0, 3] = (1, 10, 20, 0)
    bins[1, 0] = (2, 30, 40, 1)
    bins[1, 3] = (5, 50, 60, 0)
    made = state(
        series=rows(model.SERIES, {"encap": encaps.NVGRE, "vsid": 5001}, {"encap": encaps.GRE, "tunnel": 0}),
        bins=bins,
        bin_start_ns=T0,
        bin_width_ns=1000,
    )
    frame = snapshot(made, []).timeline
    assert [t.value - T0 for t in frame["start"]] == [0, 3000, 3000]
    assert frame["encap"].tolist() == ["gre", "nvgre", "gre"]
    assert [cells(frame, i)["tunnel"] for i in range(3)] == [1, None, 1]
    assert frame[["packets", "bytes", "wire_bytes", "retransmissions"]].to_numpy().tolist() == [
        [2, 30, 40, 1],
        [1, 10, 20, 0],
        [5, 50, 60, 0],
    ]


def test_findings(tables):
    first, second = cells(tables.findings, 0), cells(tables.findings, 1)
    assert first == {
        "code": "header-truncated",
        "severity": "note",
        "title": "the packet itself ends inside a header",
        "encap": "nvgre",
        "vsid": 5001,
        "tunnel": 1,
        "flow": 1,
        "count": 3,
        "frames": (4, 9),
        "summary": "3 frames, 4 to 9",
        "advice": "look at frame 4 with dissect",
    }
    assert (second["code"], second["encap"], second["tunnel"], second["flow"]) == (
        "timestamp-backward",
        "none",
        None,
        None,
    )
    assert (second["frames"], second["summary"]) == ((6,), "1 frame, 6")


def test_captures():
    interfaces = [
        InterfaceInfo(
            "a.pcapng", 0, "eth0", 1, 65535, packets=9, bytes=900, first_ns=T0, last_ns=T0 + 1, dropped_kernel=0
        ),
        InterfaceInfo("a.pcapng", 1, "", 147, 0, unsupported=2, damage="cut at byte 99", dropped_interface=1 << 64),
    ]
    frame = snapshot(state(), interfaces).captures
    first, second = cells(frame, 0), cells(frame, 1)
    assert (first["file"], first["interface"], first["name"], first["linktype"]) == ("a.pcapng", 0, "eth0", "ethernet")
    assert (first["snaplen"], first["dropped_kernel"], first["damage"]) == (65535, 0, None)
    assert first["first_seen"].value == T0
    assert (second["interface"], second["name"], second["linktype"], second["snaplen"]) == (1, None, "user0", None)
    assert (second["first_seen"], second["dropped_kernel"], second["damage"]) == (None, None, "cut at byte 99")
    assert second["dropped_interface"] == (1 << 63) - 1


def test_unknown_kinds_and_anomalies_keep_a_name():
    made = state(
        stacks=rows(model.STACK, stack((99, 7))),
        flows=rows(model.FLOW, {"encap": 99, "vsid": 7, "anomalies": 1 << 39}),
    )
    row = cells(snapshot(made, []).flows, 0)
    assert (row["encap"], row["stack"], row["anomalies"]) == ("user-99", "user-99:7", ("anomaly-39",))


def test_a_snapshot_builds_each_table_once_and_knows_no_others():
    view = snapshot(example(), [])
    assert view.flows is view.table("flows")
    for name in ("packets", "nonsense"):
        with pytest.raises(KeyError):
            view.table(name)


def test_many_flows_add_up():
    made = many_flows(200_000)
    view = snapshot(made, [])
    flows, tenants = view.flows, view.tenants
    assert len(flows) == 200_000
    assert len(tenants) == 64
    assert flows["packets_fwd"].sum() + flows["packets_rev"].sum() == made.flows["packets"].sum()
    assert tenants["packets"].sum() == made.flows["packets"].sum()
    assert tenants["flows"].sum() == 200_000
    assert view.tunnels["flows"].sum() == 200_000
    assert (flows["tunnels"] == 1).all()
    sample = flows.iloc[123_456]
    raw = made.flows[123_456]
    source = raw["addr_b"] if raw["initiator"] else raw["addr_a"]
    assert sample["src_ip"] == ".".join(str(b) for b in int(source[3]).to_bytes(4, "big"))
    assert sample["packets_fwd"] == raw["packets"][raw["initiator"]]
