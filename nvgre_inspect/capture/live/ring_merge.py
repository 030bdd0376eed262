"""RingMerge: the frames of several rings as one, by time, without a copy of any.

A ring hands its frames over when a block is full or some time is over. So where there are several, a frame is passed on
when the other interfaces have handed over what is earlier, or have had the time to.

Limits: what is more than that late comes out of order, as do frames while a ring runs out of room.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.live.ring import Chunk, Ring
from nvgre_inspect.capture.reader import select
from nvgre_inspect.capture.walked import Int64
from nvgre_inspect.model.batch import PacketBatch

#: Beyond all keys.
_NO_LIMIT: Final = 1 << 62
_NO_FRAMES: Final = np.empty(0, np.int64)


class RingMerge:
    """Rings that share their memory."""

    def __init__(self, rings: Sequence[Ring], linktypes: Sequence[int], patience: float) -> None:
        """At least one ring; its frames are of the interface with its number. `patience`: seconds after which a ring
        has handed over whatever was there.
        """
        self.rings = rings
        self._linktypes: npt.NDArray[np.uint16] = np.array(linktypes, np.uint16)
        self._patience = patience
        self._frames = 0

    def fetch(self) -> bool:
        """Take what was handed over, and whether anything was."""
        return sum(ring.fetch() for ring in self.rings) > 0  # of all of them

    def ready(self) -> PacketBatch:
        """The frames that may be passed on, maybe none."""
        return self._taken(self._limit())

    def rest(self) -> PacketBatch:
        """All frames that there are."""
        return self._taken(_NO_LIMIT)

    def give_back(self) -> None:
        """What was passed on is no longer needed."""
        for ring in self.rings:
            ring.give_back()

    def _limit(self) -> int:
        """The key up to which frames may be passed on: no earlier ones will come, as far as can be known."""
        waiting = [ring for ring in self.rings if ring.waiting]
        if not waiting:
            return -_NO_LIMIT
        limit = min(ring.waiting[-1].latest for ring in waiting)
        if len(waiting) < len(self.rings):
            # A ring without a frame may yet hand over some that are as old as those that were just fetched.
            since = time.monotonic() - self._patience
            old = [chunk.latest for ring in waiting for chunk in ring.waiting if chunk.fetched <= since]
            limit = min(limit, max(old, default=-_NO_LIMIT))
        # Room for what comes is worth more than order. A clock that was set back would hold frames for as long.
        return max([limit, *(ring.waiting[0].latest for ring in waiting if ring.under_pressure)])

    def _taken(self, limit: int) -> PacketBatch:
        """All frames up to that key, by time; those of one interface as they came."""
        parts = [(number, part) for number, ring in enumerate(self.rings) for part in ring.take(limit)]
        batch = self._batch([number for number, _ in parts], [part for _, part in parts])
        if len({number for number, _ in parts}) > 1:
            keys = np.concatenate([chunk.keys[first:last] for _, (chunk, first, last) in parts])
            batch = replace(select(batch, np.argsort(keys, kind="stable")), position=batch.position)
        self._frames += len(batch)
        return batch

    def _batch(self, numbers: Sequence[int], parts: Sequence[tuple[Chunk, int, int]]) -> PacketBatch:
        counts = [last - first for _, first, last in parts]
        interface = np.repeat(np.array(numbers, np.int32), counts)

        def joined(name: str) -> Int64:
            pieces = [getattr(chunk, name)[first:last] for chunk, first, last in parts]
            return pieces[0] if len(pieces) == 1 else np.concatenate([_NO_FRAMES, *pieces])

        return PacketBatch(
            buffer=self.rings[0].buffer,
            offset=joined("offset"),
            caplen=joined("caplen"),
            wirelen=joined("wirelen"),
            ts_ns=joined("ts_ns"),
            linktype=self._linktypes[interface],
            interface=interface,
            position=np.arange(self._frames, self._frames + sum(counts), dtype=np.int64),
        )
