"""Which frames belong to a tenant, a tunnel, a flow, a FlowID: as the packets table has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.packet_scope import find_frames, frames_of
from nvgre_inspect.flows.packet_scope import test_of as asked_of
from nvgre_inspect.flows.scoped import Narrow

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="module", params=["fabric.pcapng", "fragments.pcap", "nested-vxlan.pcap"])
def capture(request):
    """Snapshot, pages and the whole table of a sample."""
    with nvgre_inspect.open(SAMPLES / request.param) as session:
        session.read()
        pages = session.pages()
        yield session.snapshot(), pages, pages.page(pages.numbers())


def found(capture, narrow, chosen=None, after=0):
    snapshot, pages, _ = capture
    frames, finding = find_frames(pages, snapshot, narrow, chosen, after)
    if finding is None:
        return np.asarray(frames).tolist()
    return [number for some in finding for number in some.numbers.tolist()]


def same(column, value):
    return (column == value).fillna(False).to_numpy(bool)


def test_everything(capture):
    snapshot, pages, table = capture
    assert frames_of(pages, snapshot, Narrow()) == range(1, len(table) + 1)
    assert found(capture, Narrow()) == table["number"].tolist()


def test_each_flow_and_tenant(capture):
    snapshot, _, table = capture
    for flow in snapshot.flows["flow"].tolist():
        assert found(capture, Narrow(flow=flow)) == table.loc[same(table["flow"], flow), "number"].tolist()
    flows = snapshot.flows.set_index("flow")
    for encap, vsid in zip(snapshot.tenants["encap"], snapshot.tenants["vsid"], strict=True):
        of_vsid = flows["vsid"].isna() if vsid is pd.NA else flows["vsid"] == vsid
        members = flows.index[same(flows["encap"], encap) & of_vsid.fillna(False)]
        expected = table.loc[table["flow"].isin(members), "number"].tolist()
        assert found(capture, Narrow(tenant=(encap, None if vsid is pd.NA else vsid))) == expected


def test_each_tunnel_has_as_many_frames_as_the_tables_say(capture):
    snapshot, _, _ = capture
    for row in snapshot.tunnels.itertuples():
        frames = found(capture, Narrow(tunnel=row.tunnel))
        # A packet that was fragmented on the underlay is one packet in the table, and several frames.
        assert len(frames) == row.packets_fwd + row.packets_rev + _later_fragments(capture, frames)


def _later_fragments(capture, frames):
    if not frames:
        return 0
    _, records = capture[1].decoded(np.array(frames))
    return int(((records["frag_a_off"] > 0) & (records["encap"] == 0)).sum())


def test_each_flow_id_of_a_flow(capture):
    snapshot, _, table = capture
    placements = snapshot.placements.dropna(subset=["flow_id"])
    for flow, flow_id in set(zip(placements["flow"], placements["flow_id"], strict=True)):
        frames = found(capture, Narrow(flow=flow, flow_id=flow_id))
        rows = table.set_index("number").loc[frames]
        assert set(rows["flow"]) == {flow}
        whole = table.loc[same(table["flow"], flow) & same(table["flow_id"], flow_id), "number"]
        assert set(whole) <= set(frames)
        # Besides them only fragments that do not tell.
        assert rows.loc[~rows.index.isin(whole), "flow_id"].isna().all()


def test_what_is_asked_of_frames_only_where_flows_do_not_tell(capture):
    snapshot, _, _ = capture
    placed = snapshot.placements.groupby("flow")["tunnel"].nunique()
    for row in snapshot.placements.itertuples():
        one = Narrow(flow=row.flow, tunnel=row.tunnel)
        assert (asked_of(snapshot, one) is None) == (placed[row.flow] == 1)
    assert asked_of(snapshot, Narrow(flow=1)) is None


def test_filters_and_going_on_after_a_frame(capture):
    _, _, table = capture
    chosen = compile_filter("frame.len > 150", table="packets")
    expected = table.loc[table["length"] > 150, "number"].tolist()
    assert found(capture, Narrow(), chosen) == expected
    half = len(table) // 2
    assert found(capture, Narrow(), chosen, half) == [number for number in expected if number > half]
    flow = int(table["flow"].dropna().iloc[0])
    numbers = set(table.loc[same(table["flow"], flow), "number"])
    assert found(capture, Narrow(flow=flow), chosen, half) == [n for n in expected if n > half and n in numbers]
