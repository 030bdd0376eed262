"""The first frames of captures (`-c`): batches up to so many frames, and the counters of those frames only.

Readers count all frames of a chunk when they walk over it, which is more than what is taken of it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nvgre_inspect.capture.merging import Merge
from nvgre_inspect.capture.reader import count_frames, select
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo


class First(Iterator[PacketBatch]):
    """Iterates over the batches of a Merge up to its first `count` frames; nothing is read beyond their batches."""

    def __init__(self, source: Merge, count: int) -> None:
        self._source = source
        self._left = count
        self._counted: list[InterfaceInfo] = []

    @property
    def interfaces(self) -> list[InterfaceInfo]:
        """As of the Merge, but with the counters of the frames that were handed out."""
        return [
            replace(
                info,
                packets=mine.packets,
                bytes=mine.bytes,
                first_ns=mine.first_ns,
                last_ns=mine.last_ns,
                unsupported=mine.unsupported,
            )
            for info, mine in zip(self._source.interfaces, self._counters(), strict=True)
        ]

    def _counters(self) -> list[InterfaceInfo]:
        """One for each interface that has appeared so far."""
        for info in self._source.interfaces[len(self._counted) :]:
            self._counted.append(InterfaceInfo(info.file, info.interface, info.name, info.linktype, info.snaplen))
        return self._counted

    def __next__(self) -> PacketBatch:
        if not self._left:
            raise StopIteration
        batch = next(self._source)
        if len(batch) > self._left:
            batch = select(batch, slice(self._left))
        self._left -= len(batch)
        count_frames(self._counters(), batch.interface, batch.wirelen, batch.ts_ns)
        return batch
