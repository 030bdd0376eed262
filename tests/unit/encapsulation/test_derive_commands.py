"""By the commands: encap, then policy derive, decap and encap again give the same file, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvgre_inspect import config
from nvgre_inspect.cli.main import main
from nvgre_inspect.encapsulation.policy import KINDS, Encapsulation, Kind
from nvgre_inspect.encapsulation.policy_file import dump, load

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
OPTIONS: dict[str, dict[str, Any]] = {
    "nvgre": {"flow_id": 200, "dscp": 12, "ttl": 9, "df": False},
    "vxlan": {"checksum": True, "vlan": 12, "vlan_priority": 3},
    "gretap": {"checksum": True, "sequence": True},
    "gre": {"key": True, "sequence": True, "dscp": 7},
}


@pytest.fixture(autouse=True)
def _nobodys_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv(config.ENVIRONMENT, str(tmp_path / "config.toml"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A command that succeeds, and what it said on standard error."""

    def run(*words: object) -> str:
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "name", ["tcp-lab.pcap", "ipv6-overlay.pcap", "ipv6-underlay.pcap", "arp-broadcast.pcap", "fabric.pcapng"]
)
def test_a_capture_of_our_own_comes_back(name: str, tmp_path: Path, run: Callable[..., str]) -> None:
    run("policy", "derive", SAMPLES / name, "-o", tmp_path / "first.toml")
    run("decap", SAMPLES / name, "-o", tmp_path / "inner.pcapng")
    run("encap", tmp_path / "inner.pcapng", "-o", tmp_path / "own.pcap", "--policy", tmp_path / "first.toml")
    run("policy", "derive", tmp_path / "own.pcap", "-o", tmp_path / "second.toml")
    assert load(tmp_path / "second.toml") == load(tmp_path / "first.toml")
    run("decap", tmp_path / "own.pcap", "-o", tmp_path / "inner-again.pcapng")
    run("encap", tmp_path / "inner-again.pcapng", "-o", tmp_path / "again.pcap", "--policy", tmp_path / "second.toml")
    assert (tmp_path / "again.pcap").read_bytes() == (tmp_path / "own.pcap").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_encapsulation_comes_back(kind: Kind, tmp_path: Path, run: Callable[..., str]) -> None:
    name = "tcp-lab.pcap"
    run("policy", "derive", SAMPLES / name, "-o", tmp_path / "nvgre.toml")
    learnt = load(tmp_path / "nvgre.toml")
    subnets = tuple(replace(subnet, vsid=None if kind == "ipip" else subnet.vsid) for subnet in learnt.subnets)
    made = replace(learnt, encapsulation=Encapsulation(kind, **OPTIONS.get(kind, {})), subnets=subnets)
    (tmp_path / "made.toml").write_text(dump(made))
    run("decap", SAMPLES / name, "-o", tmp_path / "inner.pcap")
    run(
        "encap", tmp_path / "inner.pcap", "-o", tmp_path / "own.pcap", "--policy", tmp_path / "made.toml", "--by-policy"
    )
    said = run("policy", "derive", tmp_path / "own.pcap", "-o", tmp_path / "derived.toml")
    derived = load(tmp_path / "derived.toml")
    # Kinds that carry IP leave the tenants' MAC addresses behind.
    if kind not in ("gre", "ipip"):
        assert derived == made
    assert (derived.encapsulation, derived.hosts) == (made.encapsulation, made.hosts)
    assert [line for line in said.splitlines() if "our hash" in line] == []
    run("decap", tmp_path / "own.pcap", "-o", tmp_path / "inner.pcapng")
    run("encap", tmp_path / "inner.pcapng", "-o", tmp_path / "again.pcap", "--policy", tmp_path / "derived.toml")
    assert (tmp_path / "again.pcap").read_bytes() == (tmp_path / "own.pcap").read_bytes()
