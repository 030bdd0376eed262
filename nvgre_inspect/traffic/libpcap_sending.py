"""Sending frames through libpcap (pcap_inject(3PCAP), by cypcap): where there are no packet sockets of Linux.

    sender = LibpcapSender(find("en0"))

macOS and the BSDs have it in the system, Windows with Npcap; cypcap's wheels bring libpcap itself.

Limits: a call for each frame, a microsecond or two of Python. libpcap tells no MTU (0 here): what is too long is found
when it is sent, and counted. It tells errors as texts, which are compared with the system's own.
"""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from typing import Any, Final, Self

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live import bpf
from nvgre_inspect.capture.live.privileges import missing_rights
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.traffic.sending import AT_ONCE, RETRY_S, Interface, SendError, missing

#: Nothing is to be received: a small buffer, and a filter that takes no frame.
_BUFFER: Final = 1 << 16
_SNAPLEN: Final = 64


def library() -> Any:
    """cypcap. SendError if it is not installed."""
    try:
        return bpf.library()
    except CaptureError as error:
        raise SendError(f"{error}, or write a file with -o and send that with tcpreplay") from None


def find(name: str) -> Interface:
    """The interface of that name, its MTU unknown. SendError if there is none; needs no rights on most systems."""
    cypcap = library()
    try:
        known = {one.name: one for one in cypcap.findalldevs()}
    except cypcap.Error as error:
        raise SendError(f"{name}: libpcap does not tell the interfaces: {error.msg}") from None
    if name not in known:
        raise missing(name, known)
    return Interface(name, 0, bool(known[name].flags & cypcap.PcapIfFlags.UP))


class LibpcapSender:
    """libpcap. See `sending.Sender`."""

    def __init__(self, interface: Interface) -> None:
        """SendError where that cannot be."""
        self.interface = interface
        self.refused: Counter[str] = Counter()
        #: Of the frame that was refused last.
        self._why = ""
        self._error: type[Any] = library().Error
        self._handle = _activated(interface.name)

    def send(self, batch: PacketBatch, first: int, last: int) -> int:
        """See `sending.Sender`."""
        last = min(last, first + AT_ONCE)
        starts, lengths = batch.offset[first:last].tolist(), batch.caplen[first:last].tolist()
        frames = batch.buffer.data
        for sent, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            if not self._send(frames[start : start + length]):
                if not sent:
                    # As with packet sockets, a frame is refused when it is the first.
                    self.refused[self._why] += 1
                return sent
        return last - first

    def _send(self, frame: memoryview) -> bool:
        """Send a frame; False if it is refused, for the reason `_why`. SendError: no use."""
        while True:
            try:
                self._handle.inject(frame)
            except self._error as error:
                if _says(error, errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
                    time.sleep(RETRY_S)
                    continue
                if not _says(error, errno.EMSGSIZE, errno.EINVAL):
                    raise SendError(f"{self.interface.name} takes no more frames: {error.msg}") from None
                self._why = "over-mtu" if _says(error, errno.EMSGSIZE) else "refused"
                return False
            return True

    def close(self) -> None:
        """See `sending.Sender`."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _activated(name: str) -> Any:
    """A handle of libpcap on an Ethernet interface, on which nothing is received."""
    cypcap = library()
    handle = cypcap.create(name)
    try:
        handle.set_snaplen(_SNAPLEN)
        handle.set_buffer_size(_BUFFER)
        handle.activate()
        if int(handle.datalink()) != offsets.DLT_ETHERNET:
            raise SendError(f"{name} does not take Ethernet frames")
        handle.setfilter(cypcap.BpfProgram(list(bpf.nothing().instructions)))
    except cypcap.Error as error:
        handle.close()
        codes = cypcap.ErrorCode
        if error.code in (codes.PERM_DENIED, codes.PROMISC_PERM_DENIED):
            raise SendError(f"{name}: {missing_rights('sending raw frames')}") from None
        raise SendError(f"{name} cannot be opened: {error.msg}") from None
    except SendError:
        handle.close()
        raise
    return handle


def _says(error: Any, *codes: int) -> bool:
    """Whether libpcap passes on one of these errors of the system."""
    return any(os.strerror(code) in str(error.msg) for code in codes)
