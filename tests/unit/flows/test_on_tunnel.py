"""Who is on a tunnel, by its placements; which frames are its own, by their records; how large they are."""

from __future__ import annotations

import numpy as np
import pytest

import nvgre_inspect
from nvgre_inspect.flows.on_tunnel import carried_by, flows_on, frames_on, tenants_on
from nvgre_inspect.flows.packet_sizes import Sizes, mtu_words, needed_mtu, packet_sizes, size_bins
from tests.unit.flows.again import SAMPLES, frames_again

NAMES = ["fabric.pcapng", "neighbours.pcap", "nested-vxlan.pcap", "ipv6-underlay.pcap", "fragments.pcap"]


@pytest.fixture(params=NAMES)
def sample(request):
    with nvgre_inspect.open(SAMPLES / request.param) as session:
        yield request.param, session.read().snapshot()


def test_tenants_on_a_tunnel_add_up_to_it(sample):
    _, view = sample
    for tunnel in view.tunnels.to_dict("records"):
        tenants = tenants_on(view, tunnel["tunnel"])
        assert tenants["packets_on_tunnel"].sum() == tunnel["packets_fwd"] + tunnel["packets_rev"]
        assert tenants["on_tunnel"].sum() == tunnel["wire_bytes_fwd"] + tunnel["wire_bytes_rev"]
        assert tenants["flows_on_tunnel"].sum() == tunnel["flows"]
        assert len(tenants["vsid"].dropna().unique()) == tunnel["vsids"]
        assert tenants["on_tunnel"].is_monotonic_decreasing
        assert (tenants["packets_on_tunnel"] <= tenants["packets"]).all()


def test_tenants_on_a_tunnel_are_those_of_its_flows(sample):
    _, view = sample
    placements, flows = view.placements, view.flows.set_index("flow")
    for tunnel in view.tunnels["tunnel"]:
        on = flows.loc[placements.loc[placements["tunnel"] == tunnel, "flow"].unique()]
        expected = set(zip(on["encap"], on["vsid"].fillna(-1), strict=True))
        tenants = tenants_on(view, tunnel)
        assert set(zip(tenants["encap"], tenants["vsid"].fillna(-1), strict=True)) == expected


def test_flows_on_a_tunnel_are_its_largest(sample):
    _, view = sample
    placements = view.placements
    for tunnel in view.tunnels["tunnel"]:
        here = placements[placements["tunnel"] == tunnel].groupby("flow")["wire_bytes"].sum()
        top = flows_on(view, tunnel, 3)
        assert top["on_tunnel"].tolist() == sorted(here, reverse=True)[:3]
        assert (here[top["flow"]].to_numpy() == top["on_tunnel"].to_numpy()).all()


def test_every_packet_of_a_tunnel_is_found_and_no_other(sample):
    name, view = sample
    for tunnel in view.tunnels.to_dict("records"):
        rows = frames_on(view.state, tunnel["tunnel"])
        assert (np.diff(rows) > 0).all()
        _, records = frames_again(SAMPLES / name, rows)
        own = carried_by(view.state, tunnel["tunnel"], records)
        wire = records["wire_len"][own]
        assert wire.sum() == tunnel["wire_bytes_fwd"] + tunnel["wire_bytes_rev"]
        assert wire.max() == tunnel["max_wire_len"]


def test_the_usual_overhead_is_that_of_rfc_7637_section_4_4():
    for name, overhead in (("overlapping-tenants.pcap", 42), ("ipv6-underlay.pcap", 62)):
        with nvgre_inspect.open(SAMPLES / name) as session:
            view = session.read().snapshot()
        rows = frames_on(view.state, 1)
        _, records = frames_again(SAMPLES / name, rows)
        sizes = packet_sizes(records[carried_by(view.state, 1, records)])
        assert sizes.usual_overhead == overhead
        # Only the outer Ethernet header does not count against the MTU.
        assert sizes.packet.max() == view.tunnels["max_wire_len"].iloc[0] - 14


def test_no_packets_have_no_overhead():
    _, records = frames_again(SAMPLES / "fabric.pcapng", np.zeros(0, np.int64))
    assert packet_sizes(records).usual_overhead == 0


@pytest.mark.parametrize("most", [1, 7, 60])
def test_size_bins_hold_every_packet(most):
    sizes = np.array([0, 60, 1500, 1501, 8999, 65535])
    bins = size_bins(sizes, most)
    assert bins.counts.shape[0] == 2
    assert bins.counts.shape[1] <= most
    assert bins.counts.sum(axis=1).tolist() == [3, 3]
    for i, count in enumerate(bins.counts.sum(axis=0)):
        assert count == np.count_nonzero((sizes >= i * bins.width) & (sizes < (i + 1) * bins.width))


def test_size_bins_reach_an_ethernet_mtu_at_least():
    bins = size_bins(np.zeros(0, np.int64), 10)
    assert bins.width * bins.counts.shape[1] > 1500
    assert not bins.counts.any()


def test_words_about_the_mtu():
    fits = Sizes(np.array([60, 1500]), np.array([42, 42]))
    assert mtu_words(fits) == "largest 1,500 B, overhead 42 B: fit an MTU of 1,500"
    larger = Sizes(np.array([60, 1542, 1542]), np.array([46, 42, 42]))
    assert mtu_words(larger) == "largest 1,542 B, overhead 42 B: need an MTU of 1,600, 2 do not fit 1,500"
    assert mtu_words(Sizes(np.array([70000]), np.array([42]))).endswith("need an MTU beyond 9,216, 1 do not fit 1,500")
    assert mtu_words(Sizes(np.zeros(0, np.int64), np.zeros(0, np.int64))) == "no packets"


@pytest.mark.parametrize(
    ("size", "mtu"), [(0, 1500), (1500, 1500), (1501, 1600), (1601, 9000), (9001, 9216), (9217, None)]
)
def test_needed_mtu(size, mtu):
    assert needed_mtu(size) == mtu
