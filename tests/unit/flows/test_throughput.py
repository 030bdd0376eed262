"""Throughput by tenant: hand-made bins, and nothing lost or counted twice in any width."""

from __future__ import annotations

import numpy as np
import pytest

from dissectors import encaps
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.flows.throughput import Tenant, throughput
from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.model import state as model
from nvgre_inspect.model.names import Names
from tests.unit.flows.state_builder import rows, state

T0 = 1_767_323_045_123_456_789
WIDTH = 1_000_000_000


def made(*lines):
    """A Snapshot of series (encap, vsid, tunnel) with wire bytes by bin."""
    bins = np.zeros((len(lines), BINS, 4), np.int64)
    for i, (_, wire_bytes) in enumerate(lines):
        for number, count in wire_bytes.items():
            bins[i, number] = (1, count, count, 0)
    series = rows(model.SERIES, *({"encap": e, "vsid": v, "tunnel": t} for (e, v, t), _ in lines))
    return snapshot(state(series=series, bins=bins, bin_start_ns=T0, bin_width_ns=WIDTH), ())


def test_tunnels_of_a_tenant_are_one_row_and_the_largest_is_first():
    view = made(
        ((encaps.NVGRE, 5001, 0), {3: 100}),
        ((encaps.NVGRE, 5002, 0), {3: 500, 5: 1}),
        ((encaps.NVGRE, 5001, 1), {4: 50}),
        ((encaps.VXLAN, 5001, 2), {4: 7}),
    )
    found = throughput(view)
    assert found.tenants == (Tenant("nvgre", 5002), Tenant("nvgre", 5001), Tenant("vxlan", 5001))
    assert found.others == 0
    assert found.wire_bytes.tolist() == [[500, 0, 1], [100, 50, 0], [0, 7, 0]]
    assert found.start_ns == T0 + 3 * WIDTH
    assert found.duration_ns == 3 * WIDTH


def test_what_is_not_among_the_top_is_in_one_row():
    view = made(*(((encaps.NVGRE, 5000 + i, 0), {0: 10 + i, 1: i}) for i in range(5)))
    found = throughput(view, top=2)
    assert [tenant.vsid for tenant in found.tenants] == [5004, 5003]
    assert found.others == 3
    assert found.wire_bytes.tolist() == [[14, 4], [13, 3], [10 + 11 + 12, 0 + 1 + 2]]


def test_without_an_id_the_tenant_is_its_encapsulation():
    found = throughput(made(((encaps.GRE, -1, 0), {0: 1}), ((encaps.GRE, -1, 1), {0: 2})))
    assert found.tenants == (Tenant("gre", None),)
    assert found.wire_bytes.tolist() == [[3]]


def test_no_packets_no_tenants():
    found = throughput(snapshot(state(), ()))
    assert found.tenants == ()
    assert found.others == 0
    assert found.rates(10).shape == (0, 10)


@pytest.mark.parametrize("columns", [1, 3, 5, 40, 300])
def test_rates_add_up_to_the_bytes_in_every_width(columns):
    values = {i: (i * 7919) % 1000 for i in range(2, 99)}
    found = throughput(made(((encaps.NVGRE, 5001, 0), values), ((encaps.NVGRE, 5002, 0), {50: 3})))
    rates = found.rates(columns)
    assert rates.shape == (2, columns)
    seconds = found.duration_ns / columns / 1e9
    assert (rates * seconds / 8).sum(axis=1) == pytest.approx([sum(values.values()), 3])


def test_a_steady_stream_has_one_rate_everywhere():
    found = throughput(made(((encaps.NVGRE, 5001, 0), dict.fromkeys(range(10), 125))))
    assert found.rates(7) == pytest.approx(np.full((1, 7), 1000.0))


def test_no_columns_is_no_error():
    assert throughput(made(((encaps.NVGRE, 5001, 0), {0: 1}))).rates(0).shape == (1, 0)


def test_words_of_a_tenant():
    names = Names({"nvgre:5001": "blue"})
    assert Tenant("nvgre", 5001).words(names) == "nvgre 5001 (blue)"
    assert Tenant("none", None).words(names) == "none"
