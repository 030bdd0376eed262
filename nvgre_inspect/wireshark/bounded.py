"""Bounded: the packets of a stream that are kept for tshark: the first ones, and the latest.

The first hold handshakes and the keys of what follows, the latest what the last packet needs; of a stream of gigabytes
what lies between is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.reader import select
from nvgre_inspect.model.batch import PacketBatch, packed

Ints = npt.NDArray[np.int64]

#: Packets at the start, and at the end, that are kept; and bytes of either.
FIRST_PACKETS, LATEST_PACKETS = 2_000, 18_000
FIRST_BYTES, LATEST_BYTES = 4 << 20, 32 << 20


class Bounded:
    """Packets in order, as few as the limits say; what is kept does not hold on to the buffers that it came in."""

    def __init__(self, *, first: int = FIRST_PACKETS, latest: int = LATEST_PACKETS) -> None:
        self._room_first, self._room_latest = first, latest
        self._first: list[tuple[PacketBatch, Ints]] = []
        self._first_packets = self._first_bytes = 0
        self._latest: deque[tuple[PacketBatch, Ints]] = deque()
        self._latest_packets = self._latest_bytes = 0
        #: Packets that were left out.
        self.left_out = 0

    def add(self, batch: PacketBatch, numbers: Ints) -> None:
        """The next packets."""
        for start, end in _pieces(len(batch)):
            piece = _compact(batch, start, end)
            size = len(piece.buffer)
            whole = self._first_packets + len(piece) <= self._room_first and self._first_bytes + size <= FIRST_BYTES
            if whole and not self._latest:
                self._first.append((piece, numbers[start:end]))
                self._first_packets += len(piece)
                self._first_bytes += size
            else:
                self._latest.append((piece, numbers[start:end]))
                self._latest_packets += len(piece)
                self._latest_bytes += size
                self._forget()

    def _forget(self) -> None:
        while len(self._latest) > 1 and (
            self._latest_packets - len(self._latest[0][0]) >= self._room_latest or self._latest_bytes > LATEST_BYTES
        ):
            piece, _ = self._latest.popleft()
            self._latest_packets -= len(piece)
            self._latest_bytes -= len(piece.buffer)
            self.left_out += len(piece)

    def kept(self) -> Iterator[tuple[PacketBatch, Ints]]:
        """The packets that are kept and their numbers, in order."""
        yield from self._first
        yield from self._latest


#: Packets that are kept or forgotten together.
_PIECE = 64


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _PIECE, count)) for start in range(0, count, _PIECE))


def _compact(batch: PacketBatch, start: int, end: int) -> PacketBatch:
    """A copy of some packets in a buffer of their own."""
    buffer, offset, _ = packed([batch.frame(i) for i in range(start, end)])
    return replace(select(batch, slice(start, end)), buffer=buffer, offset=offset)
