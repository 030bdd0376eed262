"""The captures of samples/ are what their scenarios make, byte for byte, and the analyzer's tables equal the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nvgre_inspect.traffic.observer import KINDS
from nvgre_inspect.traffic.scenario import Tenant
from nvgre_inspect.traffic.scenario_file import load
from nvgre_inspect.traffic.workload_specs import Script
from samples.make import RECIPES
from tests.builders.played import play_scenario

SAMPLES = Path(__file__).parents[2] / "samples"
SCENARIOS = sorted(SAMPLES.glob("*.toml"))
#: Made by Open vSwitch.
OTHERS = {"ovs-nvgre.pcap", "ovs-vxlan.pcap", "ovs-geneve.pcap"}
#: Scripts with what the truth knows nothing of: IPv6 fragments and destination options (`frame_facts`).
BEYOND = {"ipv6-overlay"}


def without_scripts(tenant: Tenant) -> Tenant:
    return replace(tenant, workloads=tuple(each for each in tenant.workloads if not isinstance(each, Script)))


@pytest.mark.parametrize("name", RECIPES)
def test_scenarios_make_the_captures(name: str) -> None:
    assert RECIPES[name]() == (SAMPLES / name).read_bytes(), f"{name} is another one now: python -m samples.make"


def test_every_capture_has_a_scenario() -> None:
    captures = {path.name for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng")}
    assert captures == set(RECIPES) | OTHERS


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_tables_equal_the_truth(path: Path, tmp_path: Path) -> None:
    """Of all but the frames that are given as bytes, and whole."""
    scenario = load(path)
    assert scenario.encapsulation.kind in KINDS
    if path.stem in BEYOND:
        scenario = replace(scenario, tenants=[without_scripts(tenant) for tenant in scenario.tenants])
    points = [replace(point, snaplen=0) for point in scenario.points]
    played = play_scenario(replace(scenario, frames=(), points=points), tmp_path / "played.pcapng")
    for point in points:
        assert played.flows(point.name) == played.truth["points"][point.name]["flows"]
