"""Captures: the inputs of one session as one source of frames, which can be read through more than once.

Files are opened again for another pass; what came from a pipe was kept in a temporary file and is read from there,
frame by frame (about 5 µs each). So are single frames of compressed files, once somebody asks for one (`unpacked`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.first import First
from nvgre_inspect.capture.merging import Merge, merge
from nvgre_inspect.capture.reader import CaptureReader, open_capture
from nvgre_inspect.capture.unpacked import Unpacked
from nvgre_inspect.model.batch import PacketBatch, batch_of
from nvgre_inspect.model.source import Frame, InterfaceInfo

#: Frames of a pipe that are read again at a time.
_FRAMES_AGAIN = 4096


class Captures:
    """Open captures, merged by time. Raises CaptureError for what is not a capture or cannot be opened."""

    def __init__(
        self, paths: Sequence[str | Path], *, count: int | None = None, keep: bool = True, note: bool = False
    ) -> None:
        """At most `count` frames are read. Without `keep`, what comes from a pipe can be read only once. `note`: the
        positions of a pipe's frames are noted here (8 bytes each), since the caller will not know all of them.
        """
        self._paths = list(paths)
        self._count = count
        self._keep = keep
        self._note = note
        self._started = False
        #: Of a pipe: where its frames can be read again, batch by batch.
        self._came: list[npt.NDArray[np.int64]] = []
        #: Compressed files of which a frame was asked for, by reader.
        self._unpacked: dict[int, Unpacked] = {}
        self._unpacking = threading.Lock()
        self._open()

    def _open(self) -> None:
        self._readers = _open_all(self._paths, self._keep)
        self._merge = merge(self._readers)
        self._source: Merge | First = self._merge if self._count is None else First(self._merge, self._count)

    @property
    def paths(self) -> Sequence[str | Path]:
        """The inputs as they were named."""
        return self._paths

    @property
    def readers(self) -> Sequence[CaptureReader]:
        """One per input, with what it has to say: damage, notes, bytes read."""
        return self._readers

    @property
    def interfaces(self) -> Sequence[InterfaceInfo]:
        """The rows of the `captures` table, as far as they are known."""
        return self._source.interfaces

    @property
    def described(self) -> Sequence[InterfaceInfo]:
        """What the captures say of their interfaces: a view that grows while they are read; its counters are of all
        frames that were looked at.
        """
        return _Described(self)

    @property
    def total_bytes(self) -> int | None:
        """Size of all inputs; None if one is a pipe."""
        totals = [reader.total_bytes for reader in self._readers]
        known = [total for total in totals if total is not None]
        return sum(known) if len(known) == len(totals) else None

    @property
    def bytes_read(self) -> int:
        """Bytes of all inputs (as they are on disk) read so far, of `total_bytes`."""
        return sum(reader.bytes_read for reader in self._readers)

    @property
    def known_interfaces(self) -> Sequence[InterfaceInfo] | None:
        """All interfaces, where the heads of the files name them, as in pcap; else None."""
        if not all(reader.interfaces for reader in self._readers):
            return None
        return [info for reader in self._readers for info in reader.interfaces]

    @property
    def damage(self) -> list[str]:
        """Why parts of the inputs could not be read, a sentence each."""
        return [reader.damage.sentence for reader in self._readers if reader.damage is not None]

    @property
    def notes(self) -> list[str]:
        """What a user should know of the inputs besides, a sentence each."""
        return [note for reader in self._readers for note in reader.notes]

    @property
    def keep(self) -> None:
        """Nothing needs to be kept by others: see `Input.keep`."""
        return None

    @property
    def overhear(self) -> None:
        """Nobody listens."""
        return None

    @property
    def can_reopen(self) -> bool:
        """Whether all inputs are files, which can be opened again."""
        return self.total_bytes is not None

    def batches(self) -> Iterator[PacketBatch]:
        """All frames from the first on. Files can be read from the start again; `interfaces` and `readers` are then
        those of the new reading. RuntimeError for a pipe that was read.
        """
        if self._started:
            if not self.can_reopen:
                raise RuntimeError("a pipe is read once")
            self.close()
            self._open()
        self._started = True
        return self._noted() if self._note and not self.can_reopen else iter(self._source)

    def again(self, count: int, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        """The first `count` frames once more, aside: `interfaces` and `readers` stay those of the reading before.

        `positions` are those of all frames, for a pipe that did not `note` them.
        """
        if self.can_reopen:
            return _aside(self._paths, count)
        if self._note:
            positions = np.concatenate([np.zeros(0, np.int64), *self._came])
        return self._kept(positions[:count])

    def read_frame(self, position: int) -> Frame:
        """One frame, by its batch's `position`; from any thread. CaptureError where it cannot be read again.

        The first frame of a compressed file costs decompressing it up to there, into a temporary file.
        """
        i = self._merge.reader_of(position)
        if self._readers[i].can_read_again or not self._keep or not self.can_reopen:
            return self._merge.read_frame(position)
        with self._unpacking:
            if i not in self._unpacked:
                self._unpacked[i] = Unpacked(self._paths[i], self._readers[i].file_number)
        return self._merge.placed(self._unpacked[i].read_frame(position), position)

    def read_batch(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        """The frames at these positions, as a batch of their own; as `read_frame`."""
        return batch_of([self.read_frame(position) for position in positions.tolist()], positions)

    def close(self) -> None:
        """Close the inputs and remove what was kept of them."""
        for unpacked in self._unpacked.values():
            unpacked.close()
        self._unpacked.clear()
        for reader in self._readers:
            reader.close()

    def _noted(self) -> Iterator[PacketBatch]:
        for batch in self._source:
            self._came.append(batch.position)
            yield batch

    def _kept(self, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        for start in range(0, len(positions), _FRAMES_AGAIN):
            yield self.read_batch(positions[start : start + _FRAMES_AGAIN])


class _Described(Sequence[InterfaceInfo]):
    """The interfaces of the reading that goes on, also after captures were opened again."""

    def __init__(self, captures: Captures) -> None:
        self._captures = captures

    def __len__(self) -> int:
        return len(self._captures._merge.interfaces)

    @overload
    def __getitem__(self, index: int) -> InterfaceInfo: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[InterfaceInfo]: ...

    def __getitem__(self, index: int | slice) -> InterfaceInfo | Sequence[InterfaceInfo]:
        return self._captures._merge.interfaces[index]


def _aside(paths: Sequence[str | Path], count: int) -> Iterator[PacketBatch]:
    readers = _open_all(paths, keep=False)
    try:
        yield from First(merge(readers), count)
    finally:
        for reader in readers:
            reader.close()


def _open_all(paths: Sequence[str | Path], keep: bool) -> list[CaptureReader]:
    # Where all are regular files they can be opened again, so nothing of them needs to be kept.
    keep = keep and not all(str(path) != "-" and Path(path).is_file() for path in paths)
    readers: list[CaptureReader] = []
    try:
        for number, path in enumerate(paths):
            readers.append(open_capture(path, file_number=number, spool=keep))
    except BaseException:
        for reader in readers:
            reader.close()
        raise
    return readers
