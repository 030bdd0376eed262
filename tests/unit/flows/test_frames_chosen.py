"""The frames of chosen rows are those that the tables count."""

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.flows.frames_chosen import frames_of_rows
from nvgre_inspect.session import SessionOptions, open_session

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="module", params=["overlapping-tenants.pcap", "fabric.pcapng"])
def session(request):
    with open_session(SAMPLES / request.param, options=SessionOptions(engine="reference")) as session:
        yield session.read()


def test_flows_and_tenants(session):
    snapshot, pages = session.snapshot(), session.pages()
    flows = snapshot.flows
    for row in flows.head(10).to_dict("records"):
        frames = frames_of_rows(pages, snapshot, "flows", [row["flow"]])
        assert len(frames) == row["packets_fwd"] + row["packets_rev"]
    both = frames_of_rows(pages, snapshot, "flows", [2, 1, 2])
    alone = [frames_of_rows(pages, snapshot, "flows", [flow]) for flow in (1, 2)]
    assert both.tolist() == sorted({*alone[0].tolist(), *alone[1].tolist()})
    for row in snapshot.tenants.astype(object).to_dict("records"):
        key = (row["encap"], row["vsid"] if isinstance(row["vsid"], int) else None)
        assert len(frames_of_rows(pages, snapshot, "tenants", [key])) == row["packets"]


def test_tunnels(session):
    snapshot, pages = session.snapshot(), session.pages()
    for row in snapshot.tunnels.head(5).to_dict("records"):
        frames = frames_of_rows(pages, snapshot, "tunnels", [row["tunnel"]])
        assert len(frames) == row["packets_fwd"] + row["packets_rev"]


def test_findings_name_their_frames(session):
    snapshot, pages = session.snapshot(), session.pages()
    for row in snapshot.findings.astype(object).to_dict("records"):
        numbers = [row[name] if isinstance(row[name], int) else None for name in ("vsid", "tunnel")]
        key = (row["code"], row["encap"], *numbers)
        assert frames_of_rows(pages, snapshot, "findings", [key]).tolist() == sorted(set(row["frames"]))


def test_nothing_chosen_and_no_such_table(session):
    snapshot, pages = session.snapshot(), session.pages()
    empty = frames_of_rows(pages, snapshot, "flows", [])
    assert empty.tolist() == []
    assert empty.dtype == np.int64
    with pytest.raises(KeyError):
        frames_of_rows(pages, snapshot, "captures", [1])


def test_it_stops_when_asked(session):
    snapshot, pages = session.snapshot(), session.pages()
    tunnel = int(snapshot.tunnels["tunnel"].iloc[0])
    whole = frames_of_rows(pages, snapshot, "tunnels", [tunnel])
    part = frames_of_rows(pages, snapshot, "tunnels", [tunnel], stop=lambda: True)
    assert set(part.tolist()) <= set(whole.tolist())
