"""Batches made by hand, for what takes batches of live sources; and what sources give, for what makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvgre_inspect.capture.live.source import LiveSource
from nvgre_inspect.model.batch import PacketBatch

#: A frame as (bytes, time, length on the wire, link type, interface).
Entry = tuple[bytes, int, int, int, int]


def batch_of(
    frames: Sequence[bytes],
    *,
    first_ns: int = 1_700_000_000_000_000_000,
    wirelen: Sequence[int] | None = None,
    interface: Sequence[int] | None = None,
    linktype: Sequence[int] | None = None,
) -> PacketBatch:
    """Frames a nanosecond apart, with other bytes between them as in a ring."""
    gap = b"\xa5" * 7
    caplen = np.array([len(frame) for frame in frames], np.int64)
    offset = np.cumsum(caplen + len(gap)) - caplen
    count = len(frames)
    return PacketBatch(
        np.frombuffer(b"".join(gap + frame for frame in frames) + gap, np.uint8).copy(),
        offset,
        caplen,
        caplen.copy() if wirelen is None else np.array(wirelen, np.int64),
        first_ns + np.arange(count, dtype=np.int64),
        np.array([1] * count if linktype is None else linktype, np.uint16),
        np.array([0] * count if interface is None else interface, np.int32),
        np.zeros(count, np.int64),
    )


def frames_of(batch: PacketBatch) -> list[Entry]:
    """The frames of a batch."""
    columns = (batch.ts_ns.tolist(), batch.wirelen.tolist(), batch.linktype.tolist(), batch.interface.tolist())
    return [(batch.frame(i), *row) for i, row in enumerate(zip(*columns, strict=True))]


class Reading:
    """A live source, read step by step by a test that writes in between."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self._batches = source.batches()

    def frames(self, count: int, ticks: int = 100) -> list[Entry]:
        """So many frames at least, unless nothing comes for so many ticks, or the source ends."""
        found: list[Entry] = []
        for batch in self._batches:
            found.extend(frames_of(batch))
            ticks -= not len(batch)
            if len(found) >= count or not ticks:
                break
        return found

    def data(self, count: int, ticks: int = 100) -> list[bytes]:
        """The bytes of so many frames, as `frames`."""
        return [entry[0] for entry in self.frames(count, ticks)]

    def nothing(self) -> bool:
        """Whether nothing comes for a while."""
        return self.frames(1, ticks=4) == []

    def rest(self) -> list[bytes]:
        """What still comes before the source ends, which was told to stop or ends by itself."""
        return [batch.frame(i) for batch in self._batches for i in range(len(batch))]
