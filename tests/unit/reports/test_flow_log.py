"""The file of flows of a capture that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nvgre_inspect
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.reports.flow_log import FlowLog

SAMPLE = Path(__file__).parents[3] / "samples" / "overlapping-tenants.pcap"


@pytest.fixture(scope="module")
def flows():
    with nvgre_inspect.open(SAMPLE) as session:
        return session.flows


def test_parts_make_one_table(flows, tmp_path):
    path = tmp_path / "flows.csv"
    log = FlowLog(path)
    log.write(flows.iloc[:1])
    assert not path.exists()
    log.write(flows.iloc[1:1])
    log.write(flows.iloc[1:])
    log.close()
    whole = tmp_path / "whole.csv"
    once = FlowLog(whole)
    once.write(flows)
    once.close()
    assert path.read_bytes() == whole.read_bytes()
    assert path.read_text().splitlines()[0] == ",".join(FLOWS.names)
    assert log.rows == len(flows) == len(path.read_text().splitlines()) - 1


def test_no_flows_are_a_heading_only(flows, tmp_path):
    log = FlowLog(tmp_path / "flows.csv")
    log.write(flows.iloc[:0])
    log.close()
    assert (tmp_path / "flows.csv").read_text() == ",".join(FLOWS.names) + "\n"


def test_json_lines_by_the_suffix(flows, tmp_path):
    log = FlowLog(tmp_path / "flows.jsonl")
    log.write(flows)
    log.close()
    rows = [json.loads(line) for line in (tmp_path / "flows.jsonl").read_text().splitlines()]
    assert [row["flow"] for row in rows] == flows["flow"].tolist()


def test_an_existing_file_needs_force(tmp_path):
    path = tmp_path / "flows.csv"
    path.write_text("mine")
    with pytest.raises(CaptureError, match="exists"):
        FlowLog(path)
    log = FlowLog(path, force=True)
    log.close()


def test_a_full_disk_costs_the_log_and_nothing_else(flows):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    log = FlowLog("/dev/full", force=True)
    log.write(flows)
    log.write(flows)
    log.close()
    (note,) = log.notes
    assert "No space left on device" in note
    assert "the capture went on" in note
