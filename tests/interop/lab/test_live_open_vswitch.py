"""Live, on the uplink of an Open vSwitch host: the same flows as in a file that tcpdump wrote at the same point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nvgre_inspect
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.reports.json import write_jsonl
from tests.builders.namespaces import Namespace
from tests.interop.lab.conftest import await_captures, lab, missing, talk
from tests.live.running import live

pytestmark = [pytest.mark.interop, pytest.mark.slow]
#: Its sockets give other times to the same packets (µs), and number flows by when they began to look.
OWN = {"flow", "first_seen", "last_seen", "duration_s", "handshake_rtt_ms", "reverse_flow"}


class _Lines(list[bytes]):
    def write(self, data: Any) -> None:
        self.append(bytes(data))


def conversations(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """TCP and UDP inside tenants, which both saw from the first to the last packet."""
    inside = [row for row in rows if row["encap"] == "nvgre" and row["protocol"] in ("tcp", "udp")]
    kept = [{name: value for name, value in row.items() if name not in OWN} for row in inside]
    return sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))


def of_file(path: Path) -> list[dict[str, Any]]:
    lines = _Lines()
    with nvgre_inspect.open(path) as session:
        write_jsonl([session.flows], FLOWS, lines)
    return [json.loads(line) for line in b"".join(lines).splitlines()]


def test_live_tables_are_those_of_a_file_of_the_same_traffic(tmp_path: Path) -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)
    flows = tmp_path / "flows.jsonl"
    try:
        lab("up", "nvgre")
        with live(Namespace("lab-hostA"), "-i", "ua", "--tunnels-only", "-o", flows) as running:
            running.wait_for_capture()
            lab("capture", tmp_path, "30")
            await_captures(tmp_path)
            for client, server in (("a1", "b1"), ("a2", "b2")):
                talk(client, server)
            assert running.end() == 0, running.words
    finally:
        lab("down")
    found = conversations([json.loads(line) for line in flows.read_text().splitlines()])
    assert len(found) >= 4
    assert {row["vsid"] for row in found} == {5001, 5002}
    assert found == conversations(of_file(tmp_path / "hostA.pcap"))
