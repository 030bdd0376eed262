"""The per-tenant export, and files that appear whole or not at all."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from dissectors import encaps
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.reports import export as module
from nvgre_inspect.reports.export import export
from nvgre_inspect.reports.output import replacing
from tests.unit.flows.state_builder import many_flows, rows, stack, state

WHOLE = {"captures.csv", "tenants.csv", "tunnels.csv", "endpoints.csv", "placements.csv", "findings.csv"}


def tenants(*keys):
    """A snapshot with one flow per (encap, vsid)."""
    made = state(
        stacks=rows(state().stacks.dtype, stack()),
        flows=rows(state().flows.dtype, *({"encap": encap, "vsid": vsid} for encap, vsid in keys)),
    )
    return snapshot(made, [])


def flow_numbers(path):
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
        return [int(line["flow"]) for line in lines]


def test_one_file_of_flows_per_tenant(tmp_path):
    view = tenants(
        (encaps.NVGRE, 5001), (encaps.NONE, -1), (encaps.NVGRE, 5001), (encaps.VXLAN, 5001), (encaps.GRE, -1)
    )
    paths = export(view, tmp_path / "new" / "reports")
    flows = {"nvgre-5001.csv": [1, 3], "none.csv": [2], "vxlan-5001.csv": [4], "gre.csv": [5]}
    folder = tmp_path / "new" / "reports"
    assert {p.name for p in paths} == {p.name for p in folder.iterdir()} == WHOLE | set(flows)
    assert {name: flow_numbers(folder / name) for name in flows} == flows
    assert (folder / "nvgre-5001.csv").read_text().splitlines()[0] == ",".join(FLOWS.names)


def test_nothing_seen_still_writes_the_tables(tmp_path):
    assert {p.name for p in export(tenants(), tmp_path)} == WHOLE


def test_too_many_tenants_share_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_TENANT_FILES", 2)
    view = tenants(*((encaps.NVGRE, vsid) for vsid in (5003, 5001, 5002, 5003, 5004)))
    names = {p.name for p in export(view, tmp_path)} - WHOLE
    assert names == {"nvgre-5003.csv", "nvgre-5001.csv", "other-tenants.csv"}
    assert flow_numbers(tmp_path / "nvgre-5003.csv") == [1, 4]
    assert flow_numbers(tmp_path / "other-tenants.csv") == [3, 5]


def test_all_flows_arrive(tmp_path):
    made = many_flows(5000)
    export(snapshot(made, []), tmp_path)
    numbers = [n for path in tmp_path.glob("nvgre-*.csv") for n in flow_numbers(path)]
    assert sorted(numbers) == list(range(1, 5001))
    assert len(list(tmp_path.glob("nvgre-*.csv"))) == len(np.unique(made.flows["vsid"]))


def test_existing_files_need_force_and_nothing_is_written_before(tmp_path):
    old = tmp_path / "nvgre-5001.csv"
    old.write_text("mine")
    view = tenants((encaps.NVGRE, 5001))
    with pytest.raises(CaptureError, match="--force"):
        export(view, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["nvgre-5001.csv"]
    assert old.read_text() == "mine"
    export(view, tmp_path, force=True)
    assert flow_numbers(old) == [1]


def test_an_input_is_never_overwritten(tmp_path):
    source = tmp_path / "nvgre-5001.csv"
    source.write_text("a capture with an odd name")
    with pytest.raises(CaptureError, match="input"):
        export(tenants((encaps.NVGRE, 5001)), tmp_path, force=True, inputs=[source])
    assert source.read_text() == "a capture with an odd name"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CaptureError, match="cannot be made"):
        export(tenants(), tmp_path / "file")


def test_a_failed_write_leaves_the_place_as_it_was(tmp_path):
    place = tmp_path / "out.csv"
    place.write_text("old")

    def interrupted():
        with replacing(place, force=True) as output:
            output.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    assert place.read_text() == "old"


def test_the_file_appears_when_it_is_whole(tmp_path):
    place = tmp_path / "out.csv"
    with replacing(place) as output:
        output.write(b"all of it")
        assert not place.exists()
    assert place.read_bytes() == b"all of it"
