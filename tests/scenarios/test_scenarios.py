"""Every scenario of samples/scenarios: what the analyzer says is true, and it is the same on every run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from nvgre_inspect.traffic.fault_specs import FAULTS
from nvgre_inspect.traffic.observer import KINDS
from nvgre_inspect.traffic.scenario_file import load
from nvgre_inspect.traffic.scenario_rules import problems_of
from nvgre_inspect.traffic.workload_specs import WORKLOADS
from tests.builders import played
from tests.builders.played import HEALTHY, NAMES, SCENARIOS, Played, Player, play_scenario

CHECKOUT = Path(__file__).parents[2]
#: Columns in which only trouble is counted.
TROUBLES = ("retransmissions", "out_of_order", "lost_segments", "acked_unseen", "duplicates", "zero_windows")
#: What a healthy scenario shows all the same: a slow reader closes its window, and the copies of a broadcast to several
#: hosts are the same packet again.
COPIES = {"duplicates"}
EXPECTED = {"healthy-bulk": {"zero_windows"}, "healthy-broadcast": COPIES, "healthy-dhcp": COPIES}


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    return Player(tmp_path_factory.mktemp("played"))


def assert_tables_equal_truth(scenario: Played) -> None:
    assert scenario.truth["points"]
    for point, true in scenario.truth["points"].items():
        found = scenario.flows(point)
        assert sum(row["packets_fwd"] + row["packets_rev"] for row in found) <= true["packets"]
        for row, flow in zip(found, true["flows"], strict=False):
            assert row == flow, point
        assert len(found) == len(true["flows"]), point


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_equal_the_truth_at_every_point(player, name):
    assert_tables_equal_truth(player(name))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["fault-loss", "fault-mtu-black-hole-icmp", "healthy-dhcp"])
def test_the_tables_equal_the_truth_in_every_encapsulation(name, kind, family, tmp_path):
    scenario = load(SCENARIOS / f"{name}.toml")
    hosts = scenario.hosts
    if family == 6:
        hosts = [replace(host, pa=IPv6Address(f"2001:db8::{i + 1}")) for i, host in enumerate(hosts)]
    tags = {"vlan": 100} if kind == "geneve" else {}
    changed = replace(scenario, hosts=hosts, encapsulation=replace(scenario.encapsulation, kind=kind, **tags))
    assert problems_of(changed) == []
    assert_tables_equal_truth(play_scenario(changed, tmp_path / "played.pcapng"))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HEALTHY])
def test_every_fault_touches_frames_and_has_a_window(player, name):
    faults = player(name).truth["faults"]
    assert faults
    for fault in faults:
        assert any(fault["frames"].values()), fault["id"]


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_scenarios_have_no_trouble(player, name):
    scenario = player(name)
    assert scenario.truth["faults"] == []
    for point, true in scenario.truth["points"].items():
        for flow in true["flows"]:
            shown = {word for word in TROUBLES if flow[f"{word}_fwd"] or flow[f"{word}_rev"]}
            assert shown <= EXPECTED.get(name, set()), (point, flow)
            assert flow["anomalies"] == (["duplicate-packet"] if "duplicates" in shown else []), (point, flow)


def test_there_is_a_scenario_of_each_workload_and_each_fault(player):
    healthy = {type(w).KIND for name in HEALTHY for tenant in player(name).scenario.tenants for w in tenant.workloads}
    assert healthy == set(WORKLOADS)
    assert {type(fault).KIND for name in NAMES for fault in player(name).scenario.faults} == set(FAULTS)


def test_the_same_bytes_in_another_process_with_another_hash_seed(player, tmp_path):
    here = {name: player(name).digest() for name in NAMES}
    done = subprocess.run(
        [sys.executable, "-m", played.__name__, str(tmp_path), *NAMES],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    there = dict(line.split() for line in done.stdout.splitlines())
    assert there == here
