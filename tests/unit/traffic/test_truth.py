"""The truth's document, and that it is what the analyzer finds: in every encapsulation, over IPv4 and IPv6."""

from __future__ import annotations

import io
import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from nvgre_inspect.model.columns import FLOWS, TABLES
from nvgre_inspect.reports.json import write_json
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.traffic import scenario_file
from nvgre_inspect.traffic.captures import OneFile
from nvgre_inspect.traffic.generate import generate
from nvgre_inspect.traffic.observer import KINDS
from nvgre_inspect.traffic.vnic import VNic

SCENARIO = """
[scenario]
name = "mixed"
seed = {seed}
duration = "1500ms"
[encapsulation]
kind = "{kind}"
[[host]]
name = "a"
pa = "{pas[0]}"
[[host]]
name = "b"
pa = "{pas[1]}"
[[path]]
name = "one"
[[path]]
name = "two"
delay = "150us"
[[tenant]]
vsid = 5001
subnet = ["10.0.0.0/24", "fd00::/64"]
vms = 4
[[tenant.workload]]
kind = "request-response"
every = "40ms"
response_size = {{ exponential = 20000 }}
[[tenant.workload]]
kind = "request-response"
port = 81
family = 6
every = "90ms"
close = "reset"
[[tenant.workload]]
kind = "ping"
size = 4000
every = "50ms"
[[tenant]]
vsid = 5002
vms = 4
[[tenant.workload]]
kind = "bulk"
every = "100ms"
size = 60000
read_rate = "4Mbit"
[[point]]
name = "up"
uplink = "a"
[[point]]
name = "one"
path = "one"
[[point]]
name = "nic"
vnic = "5001/vm2"
{faults}
"""
TROUBLE = """
[[fault]]
kind = "loss"
probability = 0.02
[[fault]]
kind = "reorder"
probability = 0.02
delay = "300us"
[[fault]]
kind = "duplicate"
probability = 0.02
[[fault]]
kind = "migration"
tenant = 5001
vm = "vm1"
to = "b"
from = "700ms"
stale = "100ms"
[[fault]]
kind = "capture-drops"
point = "up"
probability = 0.03
[[fault]]
kind = "mirror-duplicates"
point = "one"
probability = 0.2
"""
FRAGMENTS = """
[[fault]]
kind = "fragmentation"
mtu = 1000
"""
PAS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}


def played(
    tmp_path: Path, faults: str, *, kind: str = "nvgre", family: int = 4, seed: int = 1
) -> tuple[Path, dict[str, Any]]:
    """The capture and the truth."""
    text = SCENARIO.format(seed=seed, kind=kind, pas=PAS[family], faults=faults)
    scenario = scenario_file.loads(text.encode(), "mixed.toml", tmp_path)
    capture = tmp_path / "mixed.pcapng"
    with OneFile(capture, scenario, force=True) as sink:
        truth = generate(scenario, sink).truth
    return capture, json.loads(json.dumps(truth))


def found(capture: Path, point: str) -> list[dict[str, Any]]:
    with open_session([capture], options=SessionOptions(interface=point)) as session:
        stream = io.BytesIO()
        write_json([session.read().flows], TABLES["flows"], stream)
    rows: list[dict[str, Any]] = json.loads(stream.getvalue())
    return rows


@pytest.mark.parametrize(("kind", "family"), [(kind, family) for kind in KINDS for family in (4, 6)])
def test_the_tables_equal_the_truth_in_every_encapsulation(tmp_path, kind, family):
    faults = TROUBLE + (FRAGMENTS if family == 4 else "")
    capture, truth = played(tmp_path, faults, kind=kind, family=family, seed=family)
    for point, true in truth["points"].items():
        assert found(capture, point) == true["flows"], point
    outer = truth["points"]["up"]["flows"]
    assert {flow["encap"] for flow in outer} >= {kind}
    assert sum(flow["retransmissions_rev"] for flow in outer) > 0
    assert sum(flow["acked_unseen_rev"] + flow["acked_unseen_fwd"] for flow in outer) > 0
    assert sum(flow["duplicates_rev"] + flow["duplicates_fwd"] for flow in outer) > 0


@pytest.mark.parametrize("seed", range(3))
def test_senders_agree_where_everything_passes(tmp_path, monkeypatch, seed):
    """At the vNIC of a sender nothing is lost yet: retransmissions counted there are those that the sender knows."""
    known: dict[str, int] = {}
    send = VNic.send

    def count(vnic: VNic, frame: bytes, info: Any = None) -> None:
        if info is not None and info.retransmission and vnic.spec.name == "vm2" and vnic.tenant.vsid == 5001:
            known["vm2"] = known.get("vm2", 0) + 1
        send(vnic, frame, info)

    monkeypatch.setattr(VNic, "send", count)
    _, truth = played(tmp_path, '[[fault]]\nkind = "loss"\nprobability = 0.03\n', seed=seed)
    mine = str(ip_address("10.0.0.2")), str(ip_address("fd00::2"))
    sent = 0
    for flow in truth["points"]["nic"]["flows"]:
        sent += flow["retransmissions_fwd"] if flow["src_ip"] in mine else flow["retransmissions_rev"]
    assert sent == known["vm2"] > 0


def test_a_document_has_every_column_of_flows(tmp_path):
    _, truth = played(tmp_path, TROUBLE)
    assert (truth["scenario"], truth["seed"]) == ("mixed", 1)
    for point in truth["points"].values():
        assert all(set(flow) == {column.name for column in FLOWS.columns} for flow in point["flows"])
    assert [fault["kind"] for fault in truth["faults"]] == [
        *("loss", "reorder", "duplicate", "migration", "capture-drops", "mirror-duplicates")
    ]  # fmt: skip
    migration = truth["faults"][3]
    assert migration["id"] == "migration-3"
    assert migration["selection"]["vm"] == "vm1"
    assert migration["window"] == {"from_ns": 700_000_000, "until_ns": None}
    assert migration["parameters"] == {"to": "b", "stale_ns": 100_000_000, "announce": True}


def test_frames_are_those_of_the_capture(tmp_path):
    _, truth = played(tmp_path, TROUBLE)
    names = list(truth["points"])
    total = sum(point["packets"] for point in truth["points"].values())
    mirror, drops = truth["faults"][5], truth["faults"][4]
    assert [bool(mirror["frames"][name]) for name in names] == [False, True, False]
    assert drops["frames"]["one"]
    assert all(1 <= n <= total for fault in truth["faults"] for name in names for n in fault["frames"][name])
