"""KeptFrames: the newest frames of a live source, so that any of them can be read again.

A ring hands its memory back to the kernel after each batch, so what a person may look at later is kept here: in
files without a name (nothing stays behind, not even after SIGKILL), of which the oldest goes when there are too many
frames or bytes. They are in memory where the system has such files (Linux): a disk that is slow for a moment would
keep the thread that captures, while 2 Gbit/s come; elsewhere they are temporary files. Frames lie in them as pcapng
enhanced packet blocks, written by the kernel that writes captures; instead of an interface number a block has the row
of the interface in its upper 16 bits and the link type in its lower ones.

A position counts 32-bit words since the first frame, whether they are still there or not: positions only rise, and
48 bits suffice for a petabyte.

Limits: fewer than 65,536 interfaces; lengths below 4 GiB.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import GIB, CaptureError, Limits
from nvgre_inspect.capture.stream import spool_folder
from nvgre_inspect.capture.walked import BATCH_FRAMES, Scratch
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.batch import PacketBatch, batch_of
from nvgre_inspect.model.source import Frame

_BLOCK = struct.Struct("<IIIIIII")
_EPB_OVERHEAD = cf.PACKET_DATA + 4
_UINT32_MAX = (1 << 32) - 1
#: What is let go at a time: this part of all that may be kept.
_SEGMENTS = 16
#: Bytes read at once for a frame: one read suffices for most.
_AT_ONCE = 2048
#: Bytes read at once of many frames in a row.
_CHUNK = 1 << 20
#: Frames further apart than this are read one by one.
_SPARSE_BYTES = 16 << 10
_ONE_BY_ONE = 256
#: Disk space that is left to others: the less of these.
_MARGIN = GIB
_MARGIN_PART = 20


@dataclass(slots=True)
class _Segment:
    """One temporary file."""

    file: FileIO
    #: Position of its first block.
    first: int
    size: int = 0
    frames: int = 0


class KeptFrames:
    """Frames by position. One thread appends; all other methods may be called from any thread."""

    def __init__(self, max_packets: int, max_bytes: int, folder: Path | None = None) -> None:
        """Keep the newest `max_packets` frames, and up to a sixteenth more, as long as they take less than `max_bytes`.

        `folder` is where files are made on disk, by default where spools of pipes go, if they are not in memory. Raises
        CaptureError if they cannot be made.
        """
        if max_packets < 1 or max_bytes < 1:
            raise ValueError("something must be kept")
        #: Sentences for the user: that less is kept than was asked for.
        self.notes: list[str] = []
        self._max_packets = max_packets
        self._max_bytes = max_bytes
        self._in_memory = folder is None and hasattr(os, "memfd_create")
        self._folder = folder or spool_folder(Limits())
        self._segments: list[_Segment] = []
        #: Bytes and frames in all segments.
        self._bytes = 0
        self._frames = 0
        #: Position of the next block.
        self._next = 0
        self._out = np.empty(0, np.uint8)
        self._nothing = np.zeros(BATCH_FRAMES, np.int64)
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._begin()
        except OSError as error:
            raise CaptureError(
                f"cannot write temporary files in {self._folder} ({error.strerror}):"
                " set TMPDIR to a folder with room for the packets that are kept"
            ) from None

    def __len__(self) -> int:
        """Frames that can be read again."""
        return self._frames

    @property
    def first(self) -> int:
        """Frames below this position were let go."""
        with self._lock:
            return self._segments[0].first if self._segments else self._next

    # --- writing -------------------------------------------------------------------------------------------------

    def append(self, batch: PacketBatch) -> npt.NDArray[np.int64]:
        """Keep these frames (copied); their positions, int64[n], rising from batch to batch.

        Never raises for want of room: then older frames are let go, or these cannot be read again, and `notes` says so.
        """
        lengths = batch.caplen + 3 & -4
        lengths += _EPB_OVERHEAD
        ends = np.cumsum(lengths)
        if not len(ends):
            return ends
        size = int(ends[-1])
        blocks = self._blocks(batch, size)
        positions: npt.NDArray[np.int64] = (ends - lengths) // 4 + self._next
        with self._lock:
            if not self._closed:
                self._put(blocks, len(batch))
            self._next += size // 4
            gone = self._too_old()
        _close(gone)
        return positions

    def _blocks(self, batch: PacketBatch, size: int) -> memoryview:
        from nvgre_inspect.kernels.walk import emit_pcapng

        if len(self._out) < size:
            self._out = np.empty(size + size // 4, np.uint8)
        if len(self._nothing) < len(batch):
            self._nothing = np.zeros(len(batch), np.int64)
        options = self._nothing[: len(batch)]
        kind = batch.interface.astype(np.int64) << 16 | batch.linktype
        wirelen = np.minimum(batch.wirelen, _UINT32_MAX)
        no_text = self._out[:1]
        written = emit_pcapng(
            batch.buffer, batch.offset, batch.caplen, wirelen, batch.ts_ns, kind, no_text, options, options, self._out
        )
        return self._out.data[:written]

    def _put(self, blocks: memoryview, frames: int) -> None:
        """Write blocks behind the last ones, at the cost of the oldest if there is no room."""
        while True:
            try:
                if self._is_full() or not self._continues():
                    self._begin()
                segment = self._segments[-1]
                segment.file.seek(segment.size)
                left = blocks
                while left:
                    left = left[segment.file.write(left) :]
            except OSError as error:
                if not self._make_room(str(error.strerror)):
                    return
                continue
            segment.size += len(blocks)
            segment.frames += frames
            self._bytes += len(blocks)
            self._frames += frames
            return

    def _is_full(self) -> bool:
        """Whether the last segment is."""
        if not self._segments:
            return True
        last = self._segments[-1]
        return last.size >= self._max_bytes // _SEGMENTS or last.frames * _SEGMENTS >= self._max_packets

    def _continues(self) -> bool:
        """Whether the next block's position is that behind the last segment: not after frames that were not kept."""
        last = self._segments[-1]
        return last.first + last.size // 4 == self._next

    def _begin(self) -> None:
        self._segments.append(_Segment(self._in_memory_file() if self._in_memory else self._on_disk(), self._next))

    @staticmethod
    def _in_memory_file() -> FileIO:
        return FileIO(os.memfd_create("nvgre-inspect", os.MFD_CLOEXEC), "r+b")

    def _on_disk(self) -> FileIO:
        usage = shutil.disk_usage(self._folder)
        if usage.free < min(_MARGIN, usage.total // _MARGIN_PART) and self._segments:
            self._keep_less("the disk is nearly full")
        # Lives as long as the segment, which closes it.
        file: FileIO = tempfile.TemporaryFile(buffering=0, prefix="nvgre-inspect-", dir=self._folder)  # noqa: SIM115
        return file

    def _make_room(self, reason: str) -> bool:
        """Give up the oldest segment after a write failed; False: there is none with anything in it."""
        self._keep_less(reason)
        while self._segments:
            segment = self._segments.pop(0)
            self._bytes -= segment.size
            self._frames -= segment.frames
            _close([segment])
            if segment.size:
                return True
        return False

    def _keep_less(self, reason: str) -> None:
        """From now on keep no more than there is."""
        self._max_bytes = max(1, min(self._max_bytes, self._bytes))
        if not self.notes:
            where = "memory" if self._in_memory else f"{self._folder} (set TMPDIR to a folder with more room)"
            self.notes.append(
                f"only the newest packets can be looked at again, not as many as were asked for: {reason} in {where}"
            )

    def _too_old(self) -> list[_Segment]:
        """Takes out what is beyond the bounds, all but the last segment."""
        gone: list[_Segment] = []
        while len(self._segments) > 1 and (
            self._bytes > self._max_bytes or self._frames - self._segments[0].frames >= self._max_packets
        ):
            segment = self._segments.pop(0)
            self._bytes -= segment.size
            self._frames -= segment.frames
            gone.append(segment)
        return gone

    # --- reading again -------------------------------------------------------------------------------------------

    def read_frame(self, position: int) -> Frame:
        """The frame that `append` gave this position. CaptureError if it was let go."""
        frame = self._read(position)
        if frame is None:
            raise CaptureError(
                "the packet is no longer kept: only the newest packets of a live capture can be looked at again"
            )
        return frame

    def read_batch(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        """The frames at these positions, as a batch of their own; as `read_frame`."""
        return batch_of([self.read_frame(position) for position in positions.tolist()], positions)

    def again(self, count: int, positions: npt.NDArray[np.int64]) -> Iterator[PacketBatch]:
        """Of the frames at the first `count` of these positions (rising) those that are still kept, batch by batch.

        What was let go, before or meanwhile, is left out: `PacketBatch.position` tells which frames these are.
        """
        wanted = positions[:count]
        while len(wanted := wanted[np.searchsorted(wanted, self.first) :]):
            some = wanted[:BATCH_FRAMES]
            batch = None
            if int(some[-1] - some[0]) * 4 <= len(some) * _SPARSE_BYTES:
                batch = self._together(some)
            if batch is None:
                batch = self._one_by_one(some[:_ONE_BY_ONE])
            if len(batch):
                yield batch
            wanted = wanted[np.searchsorted(wanted, batch.position[-1], side="right") :] if len(batch) else wanted[1:]

    def _read(self, position: int) -> Frame | None:
        with self._lock:
            segment = self._segment_of(position)
            if segment is None:
                return None
            at = (position - segment.first) * 4
            block = self._bytes_at(segment, at, min(_AT_ONCE, segment.size - at))
            missing = cf.PACKET_DATA + _BLOCK.unpack_from(block)[5] - len(block)
            if missing > 0:
                block += self._bytes_at(segment, at + len(block), missing)
        _, _, kind, high, low, caplen, wirelen = _BLOCK.unpack_from(block)
        data = bytes(block[cf.PACKET_DATA : cf.PACKET_DATA + caplen])
        return Frame(data, _signed(high << 32 | low), wirelen, kind & 0xFFFF, kind >> 16, "")

    def _segment_of(self, position: int) -> _Segment | None:
        """Where that position is; to be called with the lock held."""
        number = bisect_right(self._segments, position, key=lambda segment: segment.first) - 1
        if number < 0:
            return None
        segment = self._segments[number]
        return segment if position < segment.first + segment.size // 4 else None

    def _one_by_one(self, positions: npt.NDArray[np.int64]) -> PacketBatch:
        found = [(position, frame) for position in positions.tolist() if (frame := self._read(position)) is not None]
        return batch_of([frame for _, frame in found], [position for position, _ in found])

    def _together(self, positions: npt.NDArray[np.int64]) -> PacketBatch | None:
        """The first of these frames, read in one piece; None where that does not get anywhere."""
        start = int(positions[0])
        with self._lock:
            segment = self._segment_of(start)
            if segment is None:
                return None
            at = (start - segment.first) * 4
            chunk = np.frombuffer(self._bytes_at(segment, at, min(_CHUNK, segment.size - at)), np.uint8)
        return _walked(chunk, start, positions)

    def _bytes_at(self, segment: _Segment, at: int, size: int) -> bytearray:
        """Bytes that were written to a segment; to be called with the lock held."""
        data = bytearray(size)
        try:
            segment.file.seek(at)
            got = segment.file.readinto(data)
        except OSError as error:
            raise CaptureError(f"packets that were kept cannot be read: {error.strerror}") from None
        if got < size:
            raise CaptureError("packets that were kept are not there any more")
        return data

    def close(self) -> None:
        """Let everything go; nothing can be read or kept from then on."""
        with self._lock:
            self._closed = True
            gone, self._segments = self._segments, []
            self._bytes = self._frames = 0
        _close(gone)


def _walked(chunk: npt.NDArray[np.uint8], start: int, positions: npt.NDArray[np.int64]) -> PacketBatch | None:
    """The frames at `positions` among the blocks in `chunk`, whose first has the position `start`."""
    from nvgre_inspect.kernels.walk import walk_pcapng

    to = Scratch()
    count, _, _ = walk_pcapng(
        chunk,
        0,
        len(chunk),
        False,
        1 << 32,
        0,
        _UINT32_MAX,
        to.block,
        to.offset,
        to.caplen,
        to.wirelen,
        to.high,
        to.low,
        to.interface,
    )
    position = to.block[:count] // 4 + start
    rows = np.flatnonzero(np.isin(position, positions, assume_unique=True))
    if not len(rows):
        return None
    kind = to.interface[rows]
    return PacketBatch(
        chunk,
        to.offset[rows],
        to.caplen[rows],
        to.wirelen[rows],
        to.high[rows] << 32 | to.low[rows],
        (kind & 0xFFFF).astype(np.uint16),
        (kind >> 16).astype(np.int32),
        position[rows],
    )


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _close(segments: list[_Segment]) -> None:
    for segment in segments:
        segment.file.close()
