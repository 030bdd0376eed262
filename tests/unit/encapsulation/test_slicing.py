"""Decapsulation of batches equals the reference, frame by frame; and what is said of where frames came from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.inner_places import REASONS, find
from nvgre_inspect.encapsulation.reasons import SKIPPED
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from tests.unit.engine.random_frames import options_of, random_batch, sample_frames

FRAMES = 1500
TOTAL: Counter[str] = Counter()
INNERS = ["tenant", "all", 1, 2, 3]


@pytest.fixture(scope="module")
def samples():
    return sample_frames()


def records_of(batch: PacketBatch, options: DecodeOptions):
    records = np.empty(len(batch), dtype=RECORD)
    decode(batch, options, records)
    return records


def expected(batch: PacketBatch, options: DecodeOptions):
    reference = Decapsulator(options, layers=options.inner)
    return [
        reference.decapsulate(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i])) for i in range(len(batch))
    ]


@pytest.mark.parametrize("inner", INNERS)
@pytest.mark.parametrize("seed", range(4))
def test_random_frames_as_the_reference(seed, inner, samples):
    batch = random_batch(1000 + seed, FRAMES, samples)
    options = replace(options_of(seed), inner=inner)
    records = records_of(batch, options)
    places = find(batch, records, options)
    seen = Counter()
    for i, one in enumerate(expected(batch, options)):
        name = REASONS[places.reason[i]]
        seen[name] += 1
        if name:
            # A later fragment on its own may be that of a tunnel, which its packet's others would tell.
            assert one.reason == name or (one.reason, name) == ("incomplete", "no-encapsulation"), batch.frame(i).hex()
            continue
        assert one.reason is None, (one.reason, batch.frame(i).hex())
        start, end = int(places.start[i]), int(places.end[i])
        captured = batch.frame(i)[: int(batch.wirelen[i])][start:end]
        assert (one.frame, one.wirelen) == (captured, end - start), batch.frame(i).hex()
        assert one.linktype == (1 if places.is_ethernet[i] else 101)
    assert set(seen) <= {"", *SKIPPED}
    TOTAL.update(seen)


def test_every_reason_was_reached():
    """By the random frames of the tests before, and frames that come out in all ways."""
    if len(TOTAL) == 0:
        pytest.skip("the tests on random frames did not run")
    assert set(TOTAL) >= {"", "incomplete", "no-encapsulation", "encrypted", "unreadable", "not-a-frame"}
