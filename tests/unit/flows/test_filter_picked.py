"""Rows of which something else picked a packet: as a filter, on every table that the terminal UI shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.flows.filter.picked import picked
from nvgre_inspect.flows.query import Query, find
from nvgre_inspect.session import SessionOptions, open_session

SAMPLES = Path(__file__).parents[3] / "samples"


def of(*numbers: int) -> np.ndarray:
    return np.array(sorted(numbers), dtype=np.int64)


@pytest.fixture(scope="module")
def session():
    with open_session(SAMPLES / "fabric.pcapng") as opened:
        yield opened.read()


@pytest.fixture(scope="module")
def packets(session):
    (table,) = session.packets()
    return table


def test_packets(session):
    chosen = picked("x", "packets", of(3, 700, 2299, 5000), session.snapshot())
    found = [number for part in session.pages().selected(chosen) for number in part.numbers[part.mask].tolist()]
    assert found == [3, 700, 2299]
    assert (chosen.text, chosen.needs_flows) == ("x", False)


@pytest.mark.parametrize("numbers", [(1,), (50, 51, 52), tuple(range(1, 2300)), (2299,), (9999,), ()])
def test_flows_and_tenants_are_those_of_the_packets(session, packets, numbers):
    mine = packets[packets["number"].isin(numbers)]
    flows = session.flows[picked("x", "flows", of(*numbers), session.snapshot()).mask(session.flows)]
    assert set(flows["flow"]) == set(mine["flow"].dropna())
    tenants = session.tenants[picked("x", "tenants", of(*numbers), session.snapshot()).mask(session.tenants)]
    assert set(zip(tenants["encap"], tenants["vsid"].astype(str), strict=True)) == set(
        zip(mine["encap"], mine["vsid"].astype(str), strict=True)
    )


@pytest.mark.parametrize("number", [1, 700, 2299])
def test_tunnels_are_those_that_carry_such_a_flow(session, packets, number):
    flow = int(packets.loc[packets["number"] == number, "flow"].iloc[0])
    placed = session.placements[session.placements["flow"] == flow]["tunnel"].dropna()
    tunnels = session.tunnels[picked("x", "tunnels", of(number), session.snapshot()).mask(session.tunnels)]
    assert set(tunnels["tunnel"]) == set(placed)


def test_findings_are_those_that_name_such_a_flow_or_packet():
    with open_session(SAMPLES / "vlan.pcap") as session:
        findings = session.findings
        assert len(findings) > 1
        for _, row in findings.iterrows():
            numbers = of(*row["frames"])
            found = findings[picked("x", "findings", numbers, session.snapshot()).mask(findings)]
            assert row["code"] in set(found["code"])
        assert not picked("x", "findings", of(), session.snapshot()).mask(findings).any()


def test_numbers_of_a_session_that_counts_some_packets_only():
    with open_session(SAMPLES / "fabric.pcapng", options=SessionOptions(read_filter="udp")) as session:
        (table,) = session.packets()
        number, flow = int(table["number"].iloc[5]), int(table["flow"].iloc[5])
        mask = picked("x", "flows", of(number), session.snapshot()).mask(session.flows)
        assert session.flows["flow"][mask].tolist() == [flow]


def test_the_query_of_a_screen(session):
    chosen = picked("x", "flows", of(1, 2), session.snapshot())
    found = find(session.snapshot(), Query("flows", filter=chosen, by=("flow",), descending=True))
    assert len(found) == int(chosen.mask(session.flows).sum())


def test_tables_without_packets(session):
    with pytest.raises(KeyError):
        picked("x", "captures", of(1), session.snapshot())
