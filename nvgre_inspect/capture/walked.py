"""What one walk over a piece of a capture file found, and the arrays it is written into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.source import Frame, InterfaceInfo

#: Most frames of a batch: its arrays stay within a megabyte.
BATCH_FRAMES = 16_384

Int64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Scratch:
    """Arrays that walks fill, reused from walk to walk; all int64, one entry per frame."""

    block: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    offset: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    caplen: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    wirelen: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    ts_ns: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    high: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    low: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))
    interface: Int64 = field(default_factory=lambda: np.empty(BATCH_FRAMES, np.int64))


@dataclass(slots=True)
class Walked:
    """Frames found in a buffer, as arrays of their own, and where and why the walk stopped."""

    #: Where the first byte lies that was not used.
    next: int
    #: `MORE`, `FULL` or `OTHER` (damage, which `problem` describes) of `kernels.capture_format`.
    status: int
    #: With `MORE`: bytes from `next` on that the next record or block is known to need.
    need: int
    problem: str
    #: Start of the record or block, and of the frame, in the buffer.
    block: Int64
    offset: Int64
    caplen: Int64
    wirelen: Int64
    ts_ns: Int64
    linktype: npt.NDArray[np.uint16]
    #: Number of the interface within the file.
    interface: npt.NDArray[np.int32]
    #: How many time stamps of which interface were clamped.
    clamped: dict[int, int]

    def __len__(self) -> int:
        return len(self.offset)


class ReadAgain(Protocol):
    """Reads up to `size` bytes at a position of the decompressed file."""

    def __call__(self, position: int, size: int) -> bytes:
        """Fewer bytes than `size` only at the end."""
        ...


class Format(Protocol):
    """A capture file format, with what it has learnt about the file so far."""

    #: Of this file, in order of appearance; grows while walking.
    interfaces: list[InterfaceInfo]
    #: Bytes before the first record or block.
    start: int

    def walk(self, buf: npt.NDArray[np.uint8], start: int, end: int, base: int, compiled: bool) -> Walked:
        """Find frames in `buf[start:end]`; `base` is the position of `buf[0]` in the file.

        `compiled` chooses between two walks that find the same.
        """
        ...

    def read_frame(self, read: ReadAgain, position: int) -> Frame | None:
        """The frame of the record or block at `position`, its interface numbered within the file.

        None if no frame that was walked over lies there.
        """
        ...
