"""PacketSocket: an AF_PACKET socket of Linux and what is set on it; packet(7), linux/if_packet.h.

It takes nothing until `start`, when filter, ring and options are in place: what is received was meant to be.
Limits: VLAN tags are put back only into Ethernet frames and cooked ones (`kernels/ring.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
from typing import Final, NamedTuple

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import hardware_time
from nvgre_inspect.capture.live.bpf import BpfProgram
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.capture.live.rtnetlink import Link

_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_TIMESTAMP: Final = 17
_PACKET_IGNORE_OUTGOING: Final = 23
_SO_ATTACH_FILTER: Final = 26
_TPACKET_V3: Final = 2
_PROMISCUOUS: Final = 1
_HARDWARE_TIME: Final = 1 << 6
_ETH_P_ALL: Final = 3
#: struct tpacket_req3: size and number of blocks, size and number of frames, milliseconds until a block that is not
#: full is handed over, private bytes, features.
_RING: Final = struct.Struct("=7I")
_STATISTICS: Final = struct.Struct("=3I")
#: The kernel wants frames of some size that divides blocks; with blocks of variable frames it means nothing else.
_FRAME_BYTES: Final = 2048


class Counters(NamedTuple):
    """Of the frames that passed the filter since the socket was made."""

    #: Those that were dropped included.
    received: int
    #: No room in the ring.
    dropped: int
    #: How often the ring became full.
    freezes: int


class PacketSocket:
    """Receives on one interface, or on all."""

    def __init__(self, name: str, *, cooked: bool) -> None:
        """`cooked`: packets without their link-layer header. CaptureError without rights."""
        self.name = name
        self._received = self._dropped = self._freezes = 0
        try:
            # Protocol 0: nothing is received yet.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM if cooked else socket.SOCK_RAW, 0)
        except PermissionError:
            raise CaptureError(f"{name}: {missing_rights('capturing')}") from None
        except OSError as error:
            raise CaptureError(f"{name}: this system has no packet sockets: {error.strerror}") from None

    def fileno(self) -> int:
        """For poll(2) and mmap(2)."""
        return self._socket.fileno()

    def make_ring(self, block_bytes: int, blocks: int, timeout_ms: int) -> int:
        """Give it a ring of that many blocks, or half as many until there is memory; returns how many it has."""
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        while True:
            frames = block_bytes // _FRAME_BYTES * blocks
            request = _RING.pack(block_bytes, blocks, _FRAME_BYTES, frames, timeout_ms, 0, 0)
            try:
                self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            except OSError as error:
                if error.errno != errno.ENOMEM or blocks == 1:
                    raise CaptureError(f"{self.name}: no ring can be made: {error.strerror}") from None
                blocks //= 2
                continue
            return blocks

    def attach(self, program: BpfProgram) -> None:
        """Let the kernel run this program on each frame, instead of the one before."""
        code = ctypes.create_string_buffer(program.packed())
        fprog = struct.pack("@HP", len(program.instructions), ctypes.addressof(code))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        except OSError as error:
            raise CaptureError(f"{self.name}: the kernel does not take the filter: {error.strerror}") from None

    def ignore_outgoing(self) -> None:
        """What the machine sends is not received. Older kernels (before 4.20) cannot."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)

    def use_hardware_time(self) -> None:
        """Time stamps are those of the network card, where it makes some. CaptureError if it makes none at all."""
        hardware_time.switch_on(self.name)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_TIMESTAMP, _HARDWARE_TIME)

    def start(self, link: Link | None, *, promiscuous: bool) -> None:
        """Receive on that interface from now on (None: on all). OSError if it is not there. Needs no rights."""
        # By number, which socket.bind cannot: a name may be another interface's by now, and all of them have none.
        index = link.index if link else 0
        address = struct.pack("=HHi12x", socket.AF_PACKET, socket.htons(_ETH_P_ALL), index)
        if ctypes.CDLL(None, use_errno=True).bind(self._socket.fileno(), address, len(address)):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        if promiscuous and link is not None and not link.is_loopback:
            membership = struct.pack("=iHH8x", link.index, _PROMISCUOUS, 0)
            with contextlib.suppress(OSError):  # tunnels and the like do not know it
                self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)

    def error(self) -> int:
        """What went wrong since the last call, as errno has it: ENETDOWN when the interface went down; 0: nothing."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def counters(self) -> Counters:
        """What it received until now. The kernel's own counters begin anew at each reading; these do not."""
        if self._socket.fileno() >= 0:
            answer = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
            received, dropped, freezes = _STATISTICS.unpack(answer)
            self._received += received
            self._dropped += dropped
            self._freezes += freezes
        return Counters(self._received, self._dropped, self._freezes)

    def close(self) -> None:
        """Receive no more."""
        self._socket.close()


def wait_for(readable: list[int], seconds: float) -> bool:
    """Until one of these has something, or the time is over; whether one has an error."""
    poll = select.poll()
    for descriptor in readable:
        poll.register(descriptor, select.POLLIN)
    return any(events & ~select.POLLIN for _, events in poll.poll(max(0.0, seconds) * 1000))
