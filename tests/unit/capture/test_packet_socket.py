"""What an AF_PACKET socket is told and asked, with the test as the kernel."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live.packet_socket import PacketSocket

BLOCK = 1 << 20
RX_RING = 5


class Kernel:
    """Has memory for so many blocks; counts from 0 again after each answer."""

    def __init__(self, room: int, *, error: int = errno.ENOMEM) -> None:
        self.room = room
        self.error = error
        self.asked: list[int] = []
        self.counters = (0, 0, 0)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        if option != RX_RING:
            return
        assert isinstance(value, bytes)
        block_bytes, blocks, frame_bytes, frames, timeout_ms, private, features = struct.unpack("=7I", value)
        assert (block_bytes, timeout_ms, private, features) == (BLOCK, 50, 0, 0)
        assert frames == block_bytes // frame_bytes * blocks
        self.asked.append(blocks)
        if blocks > self.room:
            raise OSError(self.error, os.strerror(self.error))

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        answer = struct.pack("=3I", *self.counters)
        self.counters = (0, 0, 0)
        return answer[:size]

    def fileno(self) -> int:
        return 3


def made(kernel: Kernel) -> PacketSocket:
    sock = PacketSocket.__new__(PacketSocket)
    sock.name = "eth0"
    sock._socket = kernel  # type: ignore[assignment]
    sock._received = sock._dropped = sock._freezes = 0
    return sock


def test_a_ring_as_large_as_there_is_memory() -> None:
    kernel = Kernel(room=40)
    assert made(kernel).make_ring(BLOCK, 128, 50) == 32
    assert kernel.asked == [128, 64, 32]


@pytest.mark.parametrize("kernel", [Kernel(room=0), Kernel(room=1, error=errno.EINVAL)])
def test_no_ring(kernel: Kernel) -> None:
    with pytest.raises(CaptureError, match="eth0: no ring can be made: "):
        made(kernel).make_ring(BLOCK, 128, 50)


def test_counters_go_on() -> None:
    kernel = Kernel(room=1)
    sock = made(kernel)
    kernel.counters = (10, 2, 1)
    assert sock.counters() == (10, 2, 1)
    assert sock.counters() == (10, 2, 1)
    kernel.counters = (5, 4, 0)
    assert sock.counters() == (15, 6, 1)
