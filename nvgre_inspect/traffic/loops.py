"""Loops: the frames of a replay again and again, with the addresses and VSIDs of each loop.

The first loop hands frames on as they come; they are kept in memory as far as KEPT_BYTES go, and in a temporary file
beyond, so that a replay of any size runs for ever in constant memory and the input is read once.
"""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.traffic.shift_rules import Shift
from nvgre_inspect.traffic.shifting import Shifter, packed

#: Bytes of frames that are kept in memory.
KEPT_BYTES = 256 << 20
#: Records (RECORD) of a batch of frames.
Decode = Callable[[PacketBatch], npt.NDArray[np.void]]


class Part(NamedTuple):
    """Consecutive frames of a loop."""

    #: From 0.
    loop: int
    batch: PacketBatch


def looped(
    batches: Iterable[PacketBatch],
    loops: int,
    *,
    step: Shift | None = None,
    decode: Decode | None = None,
    kept_bytes: int = KEPT_BYTES,
) -> Iterator[Part]:
    """`loops` times all frames (0: for ever). `step` is what is added per loop, for which `decode` is needed."""
    keeper = None if loops == 1 else _Keeper(kept_bytes, step or Shift(), decode)
    try:
        for batch in batches:
            if keeper is not None:
                keeper.keep(batch)
            yield Part(0, batch)
        if keeper is None or not keeper.has_frames:
            return
        for loop in itertools.count(1) if loops == 0 else range(1, loops):
            for batch in keeper.batches(loop):
                yield Part(loop, batch)
    finally:
        if keeper is not None:
            keeper.close()


class _Keeper:
    """Batches in memory and, beyond a limit, in a file."""

    def __init__(self, kept_bytes: int, step: Shift, decode: Decode | None) -> None:
        self._room = kept_bytes
        self._step = step
        self._decode = decode
        self._in_memory: list[PacketBatch | Shifter] = []
        self._file: IO[bytes] | None = None
        self._in_file = 0

    @property
    def has_frames(self) -> bool:
        """Whether there is anything to loop over."""
        return bool(self._in_memory) or self._in_file > 0

    def keep(self, batch: PacketBatch) -> None:
        """Remember the next batch."""
        batch = packed(batch)
        if self._file is None and len(batch.buffer) <= self._room:
            self._room -= len(batch.buffer)
            self._in_memory.append(self._shifter(batch) if self._step else batch)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="nvgre-inspect-")  # noqa: SIM115 (open as long as this)
        for field in dataclasses.fields(PacketBatch):
            np.save(self._file, getattr(batch, field.name), allow_pickle=False)
        self._in_file += 1

    def batches(self, loop: int) -> Iterator[PacketBatch]:
        """The frames of that loop."""
        for kept in self._in_memory:
            yield kept.shifted(loop) if isinstance(kept, Shifter) else kept
        if self._file is None:
            return
        self._file.seek(0)
        for _ in range(self._in_file):
            columns = [np.load(self._file, allow_pickle=False) for _ in dataclasses.fields(PacketBatch)]
            batch = PacketBatch(*columns)
            yield self._shifter(batch).shifted(loop) if self._step else batch

    def close(self) -> None:
        """Forget all."""
        self._in_memory.clear()
        if self._file is not None:
            self._file.close()

    def _shifter(self, batch: PacketBatch) -> Shifter:
        assert self._decode is not None  # rules need records
        return Shifter(batch, self._decode(batch), self._step)
