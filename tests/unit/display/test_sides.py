"""Both directions side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

import nvgre_inspect
from nvgre_inspect.display.sides import Line, flow_sides, tunnel_sides, tunnel_words, values_seen

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture(scope="module")
def fabric():
    with nvgre_inspect.open(SAMPLES / "fabric.pcapng") as session:
        yield session.read()


def test_a_tcp_flow_has_every_counter(fabric):
    flow = fabric.flows[fabric.flows["retransmissions_fwd"] > 0].iloc[0].to_dict()
    lines = {line.label: line for line in flow_sides(flow)}
    assert list(lines) == [
        *("packets", "bytes", "on the wire", "retransmissions", "out of order", "lost segments", "acked unseen"),
        *("duplicates", "duplicate acks", "zero windows", "resets", "MSS", "window scale", "DSCP"),
    ]
    assert lines["packets"].fwd == f"{flow['packets_fwd']:,}"
    assert lines["packets"].rev == f"{flow['packets_rev']:,}"
    assert lines["retransmissions"].fwd_style == "note"
    assert lines["retransmissions"].rev_style == "dim"
    assert [lines[name].is_nothing for name in ("retransmissions", "packets", "zero windows")] == [False, False, True]


def test_what_only_tcp_has_is_left_out_of_others(fabric):
    flow = fabric.flows[fabric.flows["protocol"] == "udp"].iloc[0].to_dict()
    assert [line.label for line in flow_sides(flow)] == ["packets", "bytes", "on the wire", "duplicates", "DSCP"]


def test_nulls_are_dashes():
    with nvgre_inspect.open(SAMPLES / "asymmetric-vsid.pcap") as session:
        flows = session.flows
    half = flows[flows["reverse_flow"].notna() & (flows["protocol"] == "tcp")].iloc[0].to_dict()
    assert {line.label: line for line in flow_sides(half)}["lost segments"] == Line(
        "lost segments", "-", "-", "dim", "dim"
    )


def test_a_tunnel(fabric):
    tunnel = fabric.tunnels[fabric.tunnels["icmp_errors"] > 0].iloc[0].to_dict()
    assert [line.label for line in tunnel_sides(tunnel)] == ["packets", "on the wire", "TTL"]
    words = {label: (text, style) for label, text, style in tunnel_words(tunnel)}
    assert words["ICMP errors"] == ("1", "bad")
    assert words["fragments"] == ("0", "dim")
    assert words["longest frame"][0] == f"{tunnel['max_wire_len']:,} B"
    assert "anomalies" not in words


def test_anomalies_of_a_tunnel_are_named():
    with nvgre_inspect.open(SAMPLES / "vlan.pcap") as session:
        tunnel = next(row for row in session.tunnels.to_dict("records") if row["anomalies"])
    assert ("anomalies", " ".join(tunnel["anomalies"]), "note") in list(tunnel_words(tunnel))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((), "-"),
        ((64,), "64"),
        ((0, 10, 46), "0 10 46"),
        ((63, 64), "63 64"),
        ((*range(1, 65), 255), "1-64 255"),
    ],
)
def test_values_seen(values, text):
    assert values_seen(values) == text
