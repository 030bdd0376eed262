"""PacketBatch: what every source of frames yields, and all that the decoder needs; and how one is made of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PacketBatch:
    """Consecutive frames of one or more sources, in the order in which they are numbered.

    The arrays all have one entry per frame. `buffer[offset[i] : offset[i] + caplen[i]]` are the captured bytes of
    frame i; the batch may be a view of a reader's chunk, so a consumer that keeps it keeps the chunk.
    """

    #: uint8, the captured bytes of all frames (and whatever lies between them).
    buffer: npt.NDArray[np.uint8]
    #: int64, where each frame starts in `buffer`.
    offset: npt.NDArray[np.int64]
    #: int64, bytes captured; `offset + caplen <= len(buffer)` always.
    caplen: npt.NDArray[np.int64]
    #: int64, bytes on the wire; never below `caplen`.
    wirelen: npt.NDArray[np.int64]
    #: int64, nanoseconds since the epoch, UTC; within 2^62 of it, so that differences fit as well.
    ts_ns: npt.NDArray[np.int64]
    #: uint16, LINKTYPE_ number of each frame.
    linktype: npt.NDArray[np.uint16]
    #: int32, row of the `captures` table (one per file and interface, in order of appearance).
    interface: npt.NDArray[np.int32]
    #: int64, where the frame can be read again: file number in the upper 16 bits, byte position of its record or
    #: block within the (decompressed) file in the lower 48.
    position: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)

    def frame(self, i: int) -> bytes:
        """The captured bytes of frame `i`."""
        start = int(self.offset[i])
        return self.buffer[start : start + int(self.caplen[i])].tobytes()

    def at_interfaces(self, interface: npt.NDArray[np.int32]) -> PacketBatch:
        """The same frames, said to be of these interfaces."""
        return replace(self, interface=interface)


class SingleFrame(Protocol):
    """A frame by itself, with what a batch says of it."""

    @property
    def data(self) -> bytes:
        """The captured bytes."""
        ...

    @property
    def wirelen(self) -> int:
        """Bytes on the wire."""
        ...

    @property
    def ts_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...

    @property
    def linktype(self) -> int:
        """LINKTYPE_ number."""
        ...

    @property
    def interface(self) -> int:
        """Row of the `captures` table."""
        ...


def packed(frames: Sequence[bytes]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`buffer`, `offset` and `caplen` of a batch of these frames, one after the other; the buffer is never empty."""
    caplen = np.array([len(frame) for frame in frames], np.int64)
    # A bytearray can be written to: kernels are compiled for such memory, and bytes would be copied for them.
    buffer = np.frombuffer(bytearray().join(frames) or bytearray(1), np.uint8)
    return buffer, np.cumsum(caplen) - caplen, caplen


def batch_of(frames: Sequence[SingleFrame], positions: npt.NDArray[np.int64] | Sequence[int]) -> PacketBatch:
    """These frames, and where each can be read again, as a batch."""
    buffer, offset, caplen = packed([frame.data for frame in frames])
    return PacketBatch(
        buffer,
        offset,
        caplen,
        np.array([frame.wirelen for frame in frames], np.int64),
        np.array([frame.ts_ns for frame in frames], np.int64),
        np.array([frame.linktype for frame in frames], np.uint16),
        np.array([frame.interface for frame in frames], np.int32),
        np.asarray(positions, np.int64),
    )


#: A batch without frames, of the types that all batches have.
NO_FRAMES: Final = batch_of([], [])


def concatenated(batches: Sequence[PacketBatch]) -> PacketBatch:
    """The frames of all batches (at least one) one after the other. Nothing is copied if they share their buffer."""
    buffers: list[npt.NDArray[np.uint8]] = []
    starts: list[int] = []
    for batch in batches:
        at = 0
        for buffer in buffers:
            if buffer is batch.buffer:
                break
            at += len(buffer)
        else:
            buffers.append(batch.buffer)
        starts.append(at)
    return PacketBatch(
        buffers[0] if len(buffers) == 1 else np.concatenate(buffers),
        np.concatenate([batch.offset + start for batch, start in zip(batches, starts, strict=True)]),
        np.concatenate([batch.caplen for batch in batches]),
        np.concatenate([batch.wirelen for batch in batches]),
        np.concatenate([batch.ts_ns for batch in batches]),
        np.concatenate([batch.linktype for batch in batches]),
        np.concatenate([batch.interface for batch in batches]),
        np.concatenate([batch.position for batch in batches]),
    )
