"""Sending frames on an interface: the one module that knows which way a system has for it.

64-bit Linux: an AF_PACKET socket (packet(7)) and sendmmsg(2), up to 1,024 frames a call straight out of a batch's
buffer. The headers of the messages are made once; only address and length of each frame are filled in, for all at once.
Elsewhere: libpcap (`libpcap_sending`).

Limits: frames go through the queueing discipline, so a full queue makes this wait rather than lose frames. A VLAN tag
may make a frame 4 bytes longer than the MTU says, as Linux has it; frames with two tags may be refused by the driver.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Final, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import interfaces, rtnetlink
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.model.batch import PacketBatch

Ints = npt.NDArray[np.int64]
#: Frames handed over in one call; UIO_MAXIOV of the kernel.
AT_ONCE: Final = 1024
#: Reasons for which a frame is not sent, and what they mean.
SKIPPED: Final = {
    "over-mtu": "longer than the interface's MTU allows",
    "cut": "cut by the snapshot length: --pad fills them up with zeros",
    "not-ethernet": "not Ethernet, which is all that is sent",
    "too-short": "shorter than an Ethernet header",
    "refused": "refused by the interface",
}
#: ARPHRD_ETHER and ARPHRD_LOOPBACK: devices that take Ethernet frames.
_ETHERNET_DEVICES: Final = (1, 772)
#: struct mmsghdr of 64-bit Linux: pointer and length of the name, of the vector, of control data; flags; bytes sent.
_MESSAGE: Final = np.dtype(
    {
        "names": ["iov", "iovlen", "sent"],
        "formats": [np.uint64, np.uint64, np.uint32],
        "offsets": [16, 24, 56],
        "itemsize": 64,
    }
)
_VECTOR: Final = np.dtype([("base", np.uint64), ("length", np.uint64)])
#: Bytes that wait in the socket before sending blocks. The default (200 kB) is a hundred frames.
_SEND_BUFFER: Final = 4 << 20
#: While the queue of the device is full.
RETRY_S: Final = 50e-6


class SendError(Exception):
    """Frames cannot be sent on an interface; one sentence says why and, where rights are missing, how to get them."""


class Interface(NamedTuple):
    """What is known of an interface without any rights."""

    name: str
    #: Largest payload of a frame; 0: not known.
    mtu: int
    is_up: bool


class Sender(Protocol):
    """Takes frames that fit."""

    interface: Interface

    def send(self, batch: PacketBatch, first: int, last: int) -> int:
        """Send frames `first` to `last` (not included, at least one) or less, and return how many.

        0: the first of them was refused, which `refused` counts. SendError if the interface takes no frames any more.
        """
        ...

    #: Frames that the interface would not take, by reason.
    refused: Counter[str]

    def close(self) -> None:
        """Let the interface go."""
        ...


def find_interface(name: str) -> Interface:
    """The interface of that name. SendError if there is none that takes Ethernet frames; needs no rights."""
    return _find(name) if has_packet_sockets() else _libpcap().find(name)


def has_packet_sockets() -> bool:
    """Whether this system has the fast way."""
    return sys.platform.startswith("linux") and struct.calcsize("P") == 8


def _libpcap() -> ModuleType:
    # Not before it is needed: it is built on what is here.
    return import_module("nvgre_inspect.traffic.libpcap_sending")


def _find(name: str) -> Interface:
    try:
        link = interfaces.find(name, rtnetlink.links())
    except CaptureError as error:
        raise SendError(str(error)) from None
    if link.device_type not in _ETHERNET_DEVICES:
        raise SendError(f"{name} does not take Ethernet frames")
    return Interface(link.name, link.mtu, link.is_up)


def missing(name: str, known: Iterable[str]) -> SendError:
    """There is no interface of that name, but there are the `known` ones."""
    return SendError(interfaces.missing(name, list(known)))


def open_sender(name: str, *, libpcap: bool = False) -> Sender:
    """A sender on the interface of that name; `libpcap`: also where there is a faster way.

    SendError where that cannot be, in words that say what to do.
    """
    interface = find_interface(name)
    if not interface.is_up:
        raise SendError(f"{name} is down" + (f": ip link set {name} up" if has_packet_sockets() else ""))
    if libpcap or not has_packet_sockets():
        sender: Sender = _libpcap().LibpcapSender(interface)
        return sender
    try:
        return PacketSocket(interface)
    except PermissionError:
        raise SendError(f"{name}: {missing_rights('sending raw frames')}") from None
    except OSError as error:
        raise SendError(f"{name} cannot be opened: {error.strerror}") from None


class PacketSocket:
    """AF_PACKET and sendmmsg. See `Sender`."""

    def __init__(self, interface: Interface) -> None:
        """OSError as the system says it."""
        self.interface = interface
        self.refused: Counter[str] = Counter()
        # Protocol 0: nothing is received.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self._socket.bind((interface.name, 0))
        except OSError:
            self._socket.close()
            raise
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._vectors = np.zeros(AT_ONCE, _VECTOR)
        self._messages = np.zeros(AT_ONCE, _MESSAGE)
        self._messages["iov"] = self._vectors.ctypes.data + np.arange(AT_ONCE) * _VECTOR.itemsize
        self._messages["iovlen"] = 1
        self._at = ctypes.c_void_p(self._messages.ctypes.data)

    def send(self, batch: PacketBatch, first: int, last: int) -> int:
        """See `Sender`."""
        count = min(last - first, AT_ONCE)
        self._vectors["base"][:count] = batch.buffer.ctypes.data + batch.offset[first : first + count]
        self._vectors["length"][:count] = batch.caplen[first : first + count]
        while True:
            sent = int(self._sendmmsg(self._socket.fileno(), self._at, count, 0))
            if sent > 0:
                return sent
            if self._explain(ctypes.get_errno()):
                return 0

    def _explain(self, code: int) -> bool:
        """After an error: True, the first frame is given up; False, try again. SendError: no use."""
        if code in (errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
            time.sleep(RETRY_S)
            return False
        if code == errno.EMSGSIZE:
            self.refused["over-mtu"] += 1
            return True
        if code == errno.EINVAL:
            self.refused["refused"] += 1
            return True
        raise SendError(f"{self.interface.name} takes no more frames: {os.strerror(code)}")

    def close(self) -> None:
        """See `Sender`."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def longer_than(mtu: int, batch: PacketBatch) -> npt.NDArray[np.bool_]:
    """Which Ethernet frames an interface with this MTU does not take."""
    longest = mtu + offsets.ETH_LEN
    over = batch.caplen > longest
    for row in np.flatnonzero(over & (batch.caplen <= longest + offsets.VLAN_LEN)).tolist():
        at = int(batch.offset[row]) + offsets.ETH_LEN - 2
        ethertype = int.from_bytes(batch.buffer[at : at + 2].tobytes())
        over[row] = ethertype != offsets.ETHERTYPE_VLAN
    return over
