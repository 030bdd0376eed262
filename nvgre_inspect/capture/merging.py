"""Several captures as one: their frames by time, those of each file in the file's own order.

A file is not always in order of time. As in a merge that always takes the earliest of the frames that stand
first, a frame that is earlier than one before it in its file comes right after that one; so the sort key is
the latest time up to there. Equal times go by the order of the readers.

Frames are merged by whole stretches: between two points at which another file takes over nothing is done
per frame but a sort by NumPy, and the bytes are copied in one piece per file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import CHUNK, POSITION_BITS, CaptureReader, Keep, select
from nvgre_inspect.capture.walked import BATCH_FRAMES
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import Frame, InterfaceInfo

#: Bytes of chunks that all readers together hold, and the least that one of them may.
_CHUNKS_TOTAL = 8 << 20
_CHUNK_MIN = 128 << 10


def merge(readers: Sequence[CaptureReader], *, keep: Keep | None = None) -> Merge:
    """The batches of all readers by time; see `Merge`. `keep` is as in `CaptureReader.batches`."""
    return Merge(readers, keep)


class Merge(Iterator[PacketBatch]):
    """Iterates over the batches of several readers, merged by time.

    `interface` of a batch is the row of its interface in `interfaces`: rows are numbered as interfaces
    appear. The `first_interface` of the readers is not used. With a single reader its batches are passed
    through as they are.
    """

    def __init__(self, readers: Sequence[CaptureReader], keep: Keep | None = None) -> None:
        #: The interfaces of all files: the rows of the `captures` table.
        self.interfaces: list[InterfaceInfo] = []
        self._readers = readers
        self._by_file = {reader.file_number: i for i, reader in enumerate(readers)}
        if len(self._by_file) < len(readers):
            raise ValueError("readers to be merged need file numbers of their own")
        #: Per reader: row of each of its interfaces.
        self._rows: list[list[int]] = [[] for _ in readers]
        self._batches = self._single(readers[0], keep) if len(readers) == 1 else self._merged(keep)

    def __next__(self) -> PacketBatch:
        return next(self._batches)

    def read_frame(self, position: int) -> Frame:
        """See `CaptureReader.read_frame`; the interface of the frame is its row in `interfaces`."""
        return self.placed(self._readers[self.reader_of(position)].read_frame(position), position)

    def reader_of(self, position: int) -> int:
        """Which of the readers has the frame at that position. ValueError if none has."""
        i = self._by_file.get(position >> POSITION_BITS)
        if i is None:
            raise ValueError(f"no file has number {position >> POSITION_BITS}")
        return i

    def placed(self, frame: Frame, position: int) -> Frame:
        """A frame as its reader numbers interfaces, with its interface's row in `interfaces`."""
        i = self.reader_of(position)
        row = self._rows[i][frame.interface - self._readers[i].first_interface]
        return Frame(frame.data, frame.ts_ns, frame.wirelen, frame.linktype, row, frame.comment)

    def _number_interfaces(self) -> None:
        """Give rows to the interfaces that have appeared since."""
        for reader, rows in zip(self._readers, self._rows, strict=True):
            for info in reader.interfaces[len(rows) :]:
                rows.append(len(self.interfaces))
                self.interfaces.append(info)

    def _single(self, reader: CaptureReader, keep: Keep | None) -> Iterator[PacketBatch]:
        self._number_interfaces()
        for batch in reader.batches(keep=keep):
            self._number_interfaces()
            yield batch if reader.first_interface == 0 else self._with_rows(batch, 0)
        self._number_interfaces()

    def _with_rows(self, batch: PacketBatch, i: int) -> PacketBatch:
        rows = np.array(self._rows[i], np.int32)
        return PacketBatch(
            buffer=batch.buffer,
            offset=batch.offset,
            caplen=batch.caplen,
            wirelen=batch.wirelen,
            ts_ns=batch.ts_ns,
            linktype=batch.linktype,
            interface=rows[batch.interface - self._readers[i].first_interface],
            position=batch.position,
        )

    def _merged(self, keep: Keep | None) -> Iterator[PacketBatch]:
        chunk = min(CHUNK, max(_CHUNK_MIN, _CHUNKS_TOTAL // max(1, len(self._readers))))
        cursors = [_Cursor(i, reader.batches(keep=keep, chunk=chunk)) for i, reader in enumerate(self._readers)]
        for cursor in cursors:
            cursor.advance()
        self._number_interfaces()
        waiting = [cursor for cursor in cursors if cursor.batch is not None]
        while waiting:
            # No frame still unread comes before the earliest last frame of the batches at hand.
            limit = min((int(cursor.keys[-1]), cursor.number) for cursor in waiting)
            parts = [(cursor.number, *cursor.take(limit)) for cursor in waiting]
            merged = _interleave([(self._with_rows(batch, i), keys) for i, batch, keys in parts if len(batch)])
            for start in range(0, len(merged), BATCH_FRAMES):
                yield select(merged, slice(start, start + BATCH_FRAMES))
            for cursor in waiting:
                if cursor.used_up:
                    cursor.advance()
            self._number_interfaces()
            waiting = [cursor for cursor in waiting if cursor.batch is not None]


@dataclass(slots=True)
class _Cursor:
    """How far the merge has come in one file."""

    number: int
    batches: Iterator[PacketBatch]
    batch: PacketBatch | None = None
    #: The sort keys of the batch: the latest time up to each frame.
    keys: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    at: int = 0
    latest: int | None = None

    @property
    def used_up(self) -> bool:
        return self.at == len(self.keys)

    def advance(self) -> None:
        """Go to the next batch, None after the last."""
        self.batch = next(self.batches, None)
        self.at = 0
        if self.batch is None:
            self.keys = np.empty(0, np.int64)
            return
        self.keys = np.maximum.accumulate(self.batch.ts_ns)
        if self.latest is not None:
            self.keys = np.maximum(self.keys, self.latest)
        self.latest = int(self.keys[-1])

    def take(self, limit: tuple[int, int]) -> tuple[PacketBatch, npt.NDArray[np.int64]]:
        """The frames not yet taken whose (key, reader) is at most `limit`, and their keys."""
        assert self.batch is not None
        key, number = limit
        end = int(np.searchsorted(self.keys, key, side="right" if self.number <= number else "left"))
        start, self.at = self.at, max(self.at, end)
        part = slice(start, self.at)
        return select(self.batch, part), self.keys[part]


def _interleave(parts: list[tuple[PacketBatch, npt.NDArray[np.int64]]]) -> PacketBatch:
    """One batch out of several that are sorted by key each; equal keys stay in the order of the parts."""
    if len(parts) == 1:
        return parts[0][0]
    buffers, offsets = [], []
    size = 0
    for batch, _ in parts:
        # Frames of a file lie in its order: the stretch from the first to the last holds no more than them.
        first, last = int(batch.offset[0]), int(batch.offset[-1] + batch.caplen[-1])
        buffers.append(batch.buffer[first:last])
        offsets.append(batch.offset + (size - first))
        size += last - first
    order = np.argsort(np.concatenate([keys for _, keys in parts]), kind="stable")
    batches = [batch for batch, _ in parts]
    return PacketBatch(
        buffer=np.concatenate(buffers),
        offset=np.concatenate(offsets)[order],
        caplen=np.concatenate([batch.caplen for batch in batches])[order],
        wirelen=np.concatenate([batch.wirelen for batch in batches])[order],
        ts_ns=np.concatenate([batch.ts_ns for batch in batches])[order],
        linktype=np.concatenate([batch.linktype for batch in batches])[order],
        interface=np.concatenate([batch.interface for batch in batches])[order],
        position=np.concatenate([batch.position for batch in batches])[order],
    )
