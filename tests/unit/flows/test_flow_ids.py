"""FlowIDs of a tunnel: both directions, bins, and what the spread means."""

from __future__ import annotations

import numpy as np
import pytest

from dissectors import encaps
from nvgre_inspect.flows.flow_ids import balance, binned, flow_ids
from nvgre_inspect.model import state as model
from tests.unit.flows.state_builder import address, rows, state


def tunnel_with(*placements, initiator=0):
    """A State with tunnel 1 between addresses 0 and 1; placements are (flow, pa_src, flow_id, packets)."""
    return state(
        addresses=rows(model.ADDRESS, address("192.0.2.1"), address("192.0.2.2")),
        tunnels=rows(model.TUNNEL, {"encap": encaps.NVGRE, "pa_a": 0, "pa_b": 1, "initiator": initiator}),
        placements=rows(
            model.PLACEMENT,
            *(
                {"flow": f, "tunnel": 0, "pa_src": src, "pa_dst": 1 - src, "flow_id": i, "packets": n}
                for f, src, i, n in placements
            ),
            {"flow": 99, "tunnel": 5, "flow_id": 1, "packets": 1000},
        ),
    )


def test_directions_are_those_of_the_tunnel():
    placements = [(0, 0, 7, 10), (0, 1, 9, 3), (1, 0, 9, 5), (1, 1, 7, 2)]
    found = flow_ids(tunnel_with(*placements), 1)
    assert found.flow_id.tolist() == [7, 9]
    assert found.packets.tolist() == [[10, 5], [2, 3]]
    assert found.flows.tolist() == [2, 2]
    swapped = flow_ids(tunnel_with(*placements, initiator=1), 1)
    assert swapped.packets.tolist() == [[2, 3], [10, 5]]


def test_packets_without_a_flow_id_are_counted_apart():
    found = flow_ids(tunnel_with((0, 0, -1, 4), (0, 0, 3, 6)), 1)
    assert found.flow_id.tolist() == [3]
    assert found.without == 4


def test_no_such_tunnel():
    with pytest.raises(IndexError):
        flow_ids(tunnel_with((0, 0, 1, 1)), 2)


def test_the_axis_of_nvgre_shows_all_256_values():
    bins = binned(flow_ids(tunnel_with((0, 0, 0, 1), (1, 0, 200, 2), (2, 1, 203, 4)), 1), 64)
    assert (bins.start, bins.width, bins.counts.shape) == (0, 4, (2, 64))
    assert bins.counts[0, 0] == 1
    assert bins.counts[:, 50].tolist() == [2, 4]
    assert bins.counts.sum() == 7


def test_the_axis_of_ports_shows_those_that_were_seen():
    bins = binned(flow_ids(tunnel_with((0, 0, 49152, 1), (1, 0, 65535, 2)), 1), 100)
    assert bins.start == 49152
    assert bins.width == 164
    assert bins.counts.shape[1] <= 100
    assert bins.counts[0, 0] == 1
    assert bins.counts[0, -1] == 2


def test_every_packet_is_in_a_bin_whatever_the_width():
    generator = np.random.default_rng(5)
    placements = [(f, 0, int(i), 1) for f, i in enumerate(generator.integers(0, 1 << 20, 200))]
    ids = flow_ids(tunnel_with(*placements), 1)
    for most in (1, 2, 3, 17, 64, 300):
        bins = binned(ids, most)
        assert bins.counts.sum() == 200
        assert bins.counts.shape[1] <= most


def test_no_flow_ids_no_bins():
    assert binned(flow_ids(tunnel_with((0, 0, -1, 4)), 1), 10).counts.shape == (2, 0)


@pytest.mark.parametrize(
    ("placements", "words"),
    [
        ([(0, 0, -1, 4)], "no FlowIDs"),
        ([(0, 0, 0, 4)], "one FlowID, 0 (RFC 7637 3.2: not generated): one path a direction"),
        ([(0, 0, 17, 4)], "one FlowID, 17: one path a direction"),
        ([(f, 0, f, 10) for f in range(8)], "8 FlowIDs, evenly spread"),
        ([(0, 0, 8, 19), *((f, 0, f, 10) for f in range(8))], "9 FlowIDs, evenly spread"),
        ([(0, 0, 8, 22), *((f, 0, f, 10) for f in range(8))], "9 FlowIDs, unevenly spread: 8 has 22%"),
        ([(0, 0, 64, 1_500), *((f, 0, f, 1_000) for f in range(64))], "65 FlowIDs, evenly spread"),
        ([(0, 0, 64, 1_600), *((f, 0, f, 1_000) for f in range(64))], "65 FlowIDs, unevenly spread: 64 has 2%"),
        ([(0, 0, 5, 1000), *((f, 0, f + 10, 10) for f in range(8))], "9 FlowIDs, unevenly spread: 5 has 93%"),
    ],
)
def test_what_the_spread_means(placements, words):
    assert balance(flow_ids(tunnel_with(*placements), 1)).startswith(words)
