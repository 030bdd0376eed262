"""Placements of one flow against the whole table; protocols against the flows table."""

from __future__ import annotations

import pytest

import nvgre_inspect
from nvgre_inspect.flows.flow_placements import flow_placements
from nvgre_inspect.flows.shares import protocol_packets
from nvgre_inspect.model.names import UNKNOWN
from tests.unit.flows.again import SAMPLES
from tests.unit.flows.state_builder import state


@pytest.mark.parametrize("name", ["fabric.pcapng", "neighbours.pcap", "nested-vxlan.pcap"])
def test_placements_are_those_of_the_table(name):
    with nvgre_inspect.open(SAMPLES / name) as session:
        view = session.read().snapshot()
    placements = view.placements
    for flow in view.flows["flow"]:
        found = flow_placements(view, flow)
        expected = placements[placements["flow"] == flow]
        assert len(found) == len(expected)
        assert found["packets"].sum() == expected["packets"].sum()
        for way, rows in found.groupby("direction", observed=True):
            assert rows["share"].sum() == pytest.approx(100)
            assert rows["packets"].is_monotonic_decreasing
            assert rows["packets"].sum() == expected.loc[expected["direction"] == way, "packets"].sum()
        assert found["direction"].tolist() == sorted(found["direction"])
        assert found.columns.tolist() == [*placements.columns, "share"]


def test_a_flow_outside_tunnels_has_none():
    with nvgre_inspect.open(SAMPLES / "fabric.pcapng") as session:
        view = session.read().snapshot()
    flow = int(view.flows.loc[view.flows["encap"] == "none", "flow"].iloc[0])
    assert flow_placements(view, flow).empty


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcap*")), ids=lambda path: path.name)
def test_protocols_are_those_of_the_flows(path):
    with nvgre_inspect.open(path) as session:
        view = session.read().snapshot()
    flows = view.flows
    expected = (
        (flows["packets_fwd"] + flows["packets_rev"]).groupby(flows["protocol"].astype(object).fillna(UNKNOWN)).sum()
    )
    found = protocol_packets(view.state)
    assert found.to_dict() == expected.to_dict()
    assert found.is_monotonic_decreasing


def test_no_flows_no_protocols():
    assert protocol_packets(state()).empty
