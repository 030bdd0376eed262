"""Every capture at hand, hostile ones included: what overview and details draw is worked out without an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.facts import facts, losses, shares
from nvgre_inspect.display.sides import flow_sides, tunnel_sides, tunnel_words
from nvgre_inspect.flows.flow_ids import balance, binned, flow_ids
from nvgre_inspect.flows.flow_packets import in_parts, mark_words, packet_words, points
from nvgre_inspect.flows.on_tunnel import carried_by, flows_on, frames_on, tenants_on
from nvgre_inspect.flows.packet_sizes import mtu_words, packet_sizes, size_bins
from nvgre_inspect.session import open_session
from nvgre_inspect.tui.screens.flow_detail import detail, read_again
from nvgre_inspect.tui.screens.overview import glance
from nvgre_inspect.tui.widgets.blocks import stacked

SHARED = Path(__file__).parents[3] / "shared" / "captures"
#: Flows and tunnels of each capture that are looked at.
_FEW = 4


def printable(words):
    return words.isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["tcpdump", "zeek"])
def test_every_capture(folder):
    if not SHARED.is_dir():
        pytest.skip("the shared captures are not here")
    seen = 0
    # Every fourth: the tables behind all this are compared on all of them elsewhere.
    for path in sorted((SHARED / folder).iterdir())[::4]:
        try:
            session = open_session(path)
        except CaptureError:
            continue
        with session:
            session.read()
            look(session)
            seen += 1
    assert seen > 7


def look(session):
    view = session.snapshot()
    found = glance(view)
    assert all(map(printable, [*facts(view.captures), *losses(view.captures), shares(found.protocols)]))
    rates = found.throughput.rates(70)
    stacked(rates, 6, float(rates.sum(axis=0).max(initial=0.0)), labelled=True)
    pages = session.pages(view)
    for flow in range(1, min(len(view.flows), _FEW) + 1):
        of_flow = detail(view, flow)
        assert all(printable(line.fwd + line.rev) for line in flow_sides(of_flow.row))
        packets = read_again(pages, view, flow, lambda: False).first
        assert len(points(packets).bytes) == len(packets)
        assert all(
            printable(packet_words(packets, row) + mark_words(int(packets.mark[row]))) for row in range(len(packets))
        )
    for tunnel in range(1, min(len(view.tunnels), _FEW) + 1):
        look_at_tunnel(view, pages, tunnel)


def look_at_tunnel(view, pages, tunnel):
    row = view.tunnels.iloc[tunnel - 1].to_dict()
    assert all(printable(line.fwd + line.rev) for line in tunnel_sides(row))
    assert all(printable(label + text) for label, text, _ in tunnel_words(row))
    tenants_on(view, tunnel)
    flows_on(view, tunnel, 10)
    ids = flow_ids(view.state, tunnel)
    assert balance(ids)
    assert binned(ids, 60).counts.sum() == ids.packets.sum()
    numbers = frames_on(view.state, tunnel) + 1
    for part in in_parts(pages, numbers):
        sizes = packet_sizes(part.records[carried_by(view.state, tunnel, part.records)])
        assert mtu_words(sizes)
        assert size_bins(sizes.packet, 60).counts.sum() == len(sizes.packet)
        assert (np.asarray(sizes.packet) >= 0).all()
