"""Which frames belong to a tenant, a tunnel, a flow or a FlowID.

A frame's flow is known without reading it. A flow that went over several tunnels, or with several FlowIDs, leaves some
of its frames to be asked themselves: `test_of` says what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dissectors import encaps
from nvgre_inspect.flows.on_tunnel import carried_by
from nvgre_inspect.flows.packet_pages import Found, PacketPages
from nvgre_inspect.flows.scoped import Narrow, rows_within
from nvgre_inspect.model.snapshot import Snapshot

if TYPE_CHECKING:
    from nvgre_inspect.flows.filter import Filter

Mask = npt.NDArray[np.bool_]
Numbers = range | npt.NDArray[np.int64]


def frames_of(pages: PacketPages, snapshot: Snapshot, narrow: Narrow) -> Numbers:
    """The numbers of the frames whose flows belong, rising; a range where that is all from 1 on."""
    flows = rows_within(snapshot, "flows", narrow)
    if flows is not None:
        return pages.numbers_of(flows)
    return range(1, len(pages) + 1) if pages.last == len(pages) else pages.numbers()


def test_of(snapshot: Snapshot, narrow: Narrow) -> Callable[[npt.NDArray[np.void]], Mask] | None:
    """What to ask the RECORDs of `frames_of`; None: all of them belong.

    Later fragments do not say with which FlowID they came: they belong wherever their flow does.
    """
    flows = rows_within(snapshot, "flows", narrow)
    if flows is None or (narrow.tunnel is None and narrow.flow_id is None):
        return None
    state = snapshot.state
    chosen = np.zeros(len(state.flows), dtype=bool)
    chosen[flows] = True
    placed = state.placements[chosen[state.placements["flow"]]]
    here = np.ones(len(placed), dtype=bool)
    if narrow.tunnel is not None:
        here &= placed["tunnel"] == narrow.tunnel - 1
    if narrow.flow_id is not None:
        here &= placed["flow_id"] == narrow.flow_id
    if here.all():
        return None

    def test(records: npt.NDArray[np.void]) -> Mask:
        belongs = np.ones(len(records), dtype=bool)
        if narrow.tunnel is not None:
            belongs &= carried_by(state, narrow.tunnel, records)
        if narrow.flow_id is not None:
            silent = (records["encap"] == encaps.NONE) & (records["frag_a_off"] > 0)
            belongs &= (records["flow_id"] == narrow.flow_id) | silent
        return belongs

    return test


def find_frames(
    pages: PacketPages, snapshot: Snapshot, narrow: Narrow, chosen: Filter | None, after: int = 0
) -> tuple[Numbers, Iterator[Found] | None]:
    """The frames whose flows belong; and what finds those of them that belong themselves and pass `chosen`.

    None: they all do, and nothing has to be read. `after`: only frames with larger numbers are looked at.
    """
    frames = frames_of(pages, snapshot, narrow)
    test = test_of(snapshot, narrow)
    if chosen is None and test is None:
        return frames, None
    if isinstance(frames, range):
        among = None if after == 0 else np.arange(after + 1, frames.stop, dtype=np.int64)
    else:
        among = frames[np.searchsorted(frames, after, side="right") :]
    return frames, pages.matching(chosen, among, test)
