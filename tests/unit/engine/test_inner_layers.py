"""`DecodeOptions.inner`: both decoders describe the payload of the layer that was asked for and change nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dissectors.walk import Walk
from nvgre_inspect.kernels.codes import LONGEST_PACKET
from nvgre_inspect.model.options import DecodeOptions
from tests.unit.engine.agreement import decoded_alike
from tests.unit.engine.random_frames import options_of, random_batch, sample_frames

FRAMES = 600
INNERS = ["all", 1, 2, 3, 16, 99]


@pytest.fixture(scope="module")
def samples():
    return sample_frames()


@pytest.mark.parametrize("inner", INNERS)
def test_both_decoders_agree(inner, samples):
    batch = random_batch(len(INNERS) + INNERS.index(inner), FRAMES, samples)
    options = replace(options_of(INNERS.index(inner)), inner=inner)
    found = decoded_alike(batch, options)
    usual = decoded_alike(batch, replace(options, inner="tenant"))
    for name in usual.dtype.names:
        if name not in ("inner_off", "inner_len", "flow_hash"):
            assert np.array_equal(found[name], usual[name]), name
    assert (found["inner_off"] != usual["inner_off"]).any()


@pytest.mark.parametrize("inner", INNERS)
def test_it_is_the_payload_of_that_layer(inner, samples):
    batch = random_batch(77, FRAMES, samples)
    records = decoded_alike(batch, DecodeOptions(inner=inner))
    deep = 0
    for i, record in enumerate(records):
        wire_len = min(int(batch.wirelen[i]), LONGEST_PACKET)
        walk = Walk(batch.frame(i), wire_len, int(batch.linktype[i]))
        if not walk.layers:
            assert (record["inner_off"], record["inner_len"]) == (0, wire_len)
            continue
        number = len(walk.layers) if inner == "all" else min(inner, len(walk.layers))
        layer = walk.layers[number - 1]
        assert (record["inner_off"], record["inner_len"]) == (layer.payload, max(layer.end - layer.payload, 0))
        deep += len(walk.layers) > 1
    assert deep


@pytest.mark.parametrize("inner", [0, -1, "outer", 1.5, None])
def test_other_values_are_refused(inner):
    with pytest.raises(ValueError, match="inner"):
        DecodeOptions(inner=inner)
