"""Pages of packets where only the newest frames are kept, and their flows leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nvgre_inspect.capture import Captures
from nvgre_inspect.capture.live.kept import KeptFrames
from nvgre_inspect.capture.reader import select
from nvgre_inspect.engine.decoder import KernelDecoder
from nvgre_inspect.engine.ledger import LedgerAccountant
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.options import DecodeOptions

SAMPLE = Path(__file__).parents[3] / "samples" / "overlapping-tenants.pcap"
KEPT = 60


@pytest.fixture
def pages(tmp_path):
    """The frames of a sample as if they came live, ten at a time; fewer are kept to be read than are known."""
    kept, decoder = KeptFrames(40, 1 << 20, tmp_path), KernelDecoder(DecodeOptions())
    accountant = LedgerAccountant(AccountOptions(evict=True, max_flows=3, max_packets=KEPT))
    captures = Captures([SAMPLE])
    for batch in captures.batches():
        for start in range(0, len(batch), 10):
            some = select(batch, np.arange(start, min(start + 10, len(batch))))
            some.position[:] = kept.append(some)
            accountant.account(some, decoder.decode(some))
    view = snapshot(accountant.state(), captures.interfaces)
    yield PacketPages(view, kept, lambda: KernelDecoder(DecodeOptions()))
    captures.close()
    kept.close()


def test_only_frames_that_are_kept_are_there(pages):
    state = pages._state
    assert state.frames > KEPT == len(pages) == len(pages.numbers())
    assert pages.last == state.frames
    assert pages.page(np.array([1, pages.last]))["number"].tolist() == [pages.last]
    with pytest.raises(KeyError):
        pages.frame(1)


def test_reading_through_gives_each_frame_its_own_number_and_flow(pages):
    state = pages._state
    frames = [rows.frame() for rows in pages.read_through()]
    rows = [row for one in frames for row in zip(one["number"], one["flow"], one["time"], strict=True)]
    assert 40 <= len(rows) < KEPT
    assert [number for number, _, _ in rows] == pages.numbers()[-len(rows) :].tolist()
    assert max(state.flow_numbers) > len(state.flows)
    for number, flow, time in rows:
        page = pages.page(np.array([number]))
        assert page["time"][0] == time
        row = pages.flow_of(number)
        assert (row is None) == (flow is pd.NA)
        if row is not None:
            assert state.flow_numbers[row] == flow


def test_filters_know_flows_by_their_numbers(pages):
    number = int(pages._state.flow_numbers[-1])
    chosen = compile_filter(f"flow == {number}", table="packets")
    found = np.concatenate([some.numbers for some in pages.matching(chosen)])
    mine = pages.numbers_of(np.array([pages._state.flow_row(number)]))
    assert len(found) > 0
    assert found.tolist() == mine[-len(found) :].tolist()
