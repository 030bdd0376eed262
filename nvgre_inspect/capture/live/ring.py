"""Rings of AF_PACKET (TPACKET_V3): memory that the Linux kernel writes frames into, read in place.

The rings of all interfaces are mapped one behind the other into one range of addresses. So frames of several
interfaces share a buffer, as a PacketBatch has it, and none is copied to merge them.

    block  ──kernel fills it──>  handed over  ──walked (kernels/ring.py)──>  Chunk  ──all passed on──>  given back
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import MIB, CaptureError
from nvgre_inspect.capture.walked import BATCH_FRAMES, Int64
from nvgre_inspect.kernels import ring as kernel

BLOCK_BYTES: Final = MIB
#: Blocks of a chunk, at most: a batch then costs little per frame and the kernel has its memory back soon.
_CHUNK_BLOCKS: Final = 8
_MAP_FIXED: Final = 0x10
_MAP_NORESERVE: Final = 0x4000
_USER: Final = 1


class RingMemory:
    """A range of addresses with room for the rings of all interfaces, as one array of bytes.

    It stays as long as somebody holds the array, or a view of it; after `close` it is all zeros.
    """

    def __init__(self, size: int) -> None:
        """Reserve addresses, not memory. CaptureError if the system has not that many."""
        self.size = size
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._address = self._map(None, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, -1)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """How NumPy makes an array of it, which keeps this object."""
        return {"shape": (self.size,), "typestr": "|u1", "data": (self._address, False), "version": 3}

    def place(self, at: int, size: int, descriptor: int) -> None:
        """Map a socket's ring at offset `at`."""
        self._map(self._address + at, size, mmap.MAP_SHARED | _MAP_FIXED, descriptor)

    def close(self) -> None:
        """Let the rings go, and with them their sockets."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED
        self._map(self._address, self.size, flags, -1)

    def _map(self, address: int | None, size: int, flags: int, descriptor: int) -> int:
        found = self._libc.mmap(address, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, descriptor, 0)
        if found == ctypes.c_void_p(-1).value:
            raise CaptureError(f"memory for frames cannot be mapped: {os.strerror(ctypes.get_errno())}")
        return int(found)

    def __del__(self) -> None:
        if hasattr(self, "_address"):
            self._libc.munmap(self._address, self.size)


def load_kernel() -> None:
    """Compile the walk, or load what was compiled: what comes meanwhile would be lost."""
    nothing = np.zeros(8, np.int64)
    views = nothing.view(np.uint8), nothing.view(np.uint32), nothing.view(np.uint16)
    kernel.walk_block(*views, 0, nothing.nbytes, kernel.PLAIN, 0, 0, 0, *[nothing] * 4, nothing)


@dataclass(slots=True)
class Chunk:
    """Frames of consecutive blocks that wait to be passed on, as PacketBatch has them."""

    offset: Int64
    caplen: Int64
    wirelen: Int64
    ts_ns: Int64
    #: What they are merged by: the latest time up to each frame.
    keys: Int64
    #: The last of these, and not below that of the chunk before.
    latest: int
    blocks: list[int]
    #: When it was fetched, by the monotonic clock.
    fetched: float
    #: How many of its frames were passed on.
    at: int = 0

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(slots=True)
class Ring:
    """The blocks of one socket within the memory of all rings."""

    words: npt.NDArray[np.uint32]
    halves: npt.NDArray[np.uint16]
    buffer: npt.NDArray[np.uint8]
    #: Offset of its first block in the buffer, and how many blocks it has.
    start: int
    blocks: int
    #: PLAIN, ETHERNET or COOKED of `kernels.ring`.
    form: int
    snaplen: int
    #: Index of the interface whose outgoing frames come a second time; 0: none.
    loopback: int
    #: Chunks in order; the first may have been passed on in part.
    waiting: deque[Chunk] = field(default_factory=deque)
    #: Whether a block was not what its header says. The frames before that were read.
    damaged: bool = False
    #: Frames that the network card gave no time stamp.
    unstamped: Int64 = field(default_factory=lambda: np.zeros(1, np.int64))
    _next: int = 0
    _held: int = 0
    _latest: int = -(1 << 62)

    def fetch(self) -> bool:
        """Walk blocks that the kernel handed over, as many as make a chunk; whether there was any."""
        if self.under_pressure:
            return False
        blocks: list[int] = []
        frames = 0
        while len(blocks) < min(_CHUNK_BLOCKS, max(1, self.blocks // 4)):
            block = (self._next + len(blocks)) % self.blocks
            if len(blocks) + self._held >= self.blocks or not self._is_ready(block):
                break
            frames += self._announced(block)
            if blocks and frames > BATCH_FRAMES:
                break
            blocks.append(block)
        if not blocks:
            return False
        self._next = (self._next + len(blocks)) % self.blocks
        self._held += len(blocks)
        self.waiting.append(self._walk(blocks))
        return True

    @property
    def under_pressure(self) -> bool:
        """Whether so many blocks wait here that the kernel may soon have too few."""
        return self._held * 2 > self.blocks

    def is_empty(self) -> bool:
        """Whether the block that the kernel fills now has no frame yet (as far as can be seen)."""
        return not self._is_ready(self._next) and self._announced(self._next) == 0

    def take(self, limit: int) -> list[tuple[Chunk, int, int]]:
        """What waits up to that key: chunks, and from and to which frame."""
        taken = []
        for chunk in self.waiting:
            end = int(np.searchsorted(chunk.keys, limit, side="right"))
            if end > chunk.at:
                taken.append((chunk, chunk.at, end))
                chunk.at = end
            if end < len(chunk):
                break
        return taken

    def give_back(self) -> None:
        """Give the kernel the blocks of which all frames were passed on."""
        while self.waiting and self.waiting[0].at == len(self.waiting[0]):
            for block in self.waiting.popleft().blocks:
                self.words[self._word(block) + kernel.BLOCK_STATUS_WORD] = 0
                self._held -= 1

    def _walk(self, blocks: list[int]) -> Chunk:
        # A frame takes 96 bytes or more of a block, so a number of frames beyond that is none.
        room = min(sum(map(self._announced, blocks)), len(blocks) * BLOCK_BYTES // 64)
        arrays = [np.empty(room, np.int64) for _ in range(4)]
        count = 0
        for block in blocks:
            at = self.start + block * BLOCK_BYTES
            how = self.form, self.snaplen, self.loopback
            count, complete = kernel.walk_block(
                self.buffer, self.words, self.halves, at, BLOCK_BYTES, *how, count, *arrays, self.unstamped
            )
            self.damaged |= not complete
        offset, caplen, wirelen, ts_ns = (array[:count] for array in arrays)
        keys = np.maximum(np.maximum.accumulate(ts_ns), self._latest)
        if count:
            self._latest = int(keys[-1])
        return Chunk(offset, caplen, wirelen, ts_ns, keys, self._latest, blocks, time.monotonic())

    def _word(self, block: int) -> int:
        return (self.start + block * BLOCK_BYTES) // 4

    def _is_ready(self, block: int) -> bool:
        return bool(self.words[self._word(block) + kernel.BLOCK_STATUS_WORD] & _USER)

    def _announced(self, block: int) -> int:
        return int(self.words[self._word(block) + kernel.BLOCK_COUNT_WORD])
