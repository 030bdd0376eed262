"""PcapPipe: a pcap stream for a program that reads it now: standard output or a FIFO.

A capture must not wait for its readers: what a slow one has not taken waits here, up to a bound; beyond it whole frames
are left out and counted. Frames are handed over as soon as they come.

Limits: where the system cannot write without waiting (Windows), a slow reader makes the capture wait. Into a regular
file frames are written as they come, without a bound.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import time
from pathlib import Path
from typing import Final

from dissectors import offsets
from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.model.batch import PacketBatch

#: Bytes that wait for a slow reader: a second of 128 Mbit/s.
MAX_WAITING: Final = 16 << 20
#: How long the end of the stream waits for its reader.
_PATIENCE_S: Final = 1.0
#: Of a pipe, where the system lets us; by default it is 64 KiB, a hundred frames.
_PIPE_BYTES: Final = 1 << 20
_F_SETPIPE_SZ: Final = 1031


class PcapPipe:
    """Ethernet frames as pcap with nanoseconds. `name` is what sentences call it."""

    def __init__(self, descriptor: int, name: str) -> None:
        """Takes the descriptor, which is closed at the end."""
        self.name = name
        #: Why nobody gets anything any more; empty: somebody does.
        self.ended = ""
        #: Frames that found no room since their reader is slow.
        self.left_out = 0
        self._descriptor = descriptor
        self._waiting = bytearray()
        self._memory = io.BytesIO()
        self._writer = PcapWriter(self._memory, linktype=offsets.DLT_ETHERNET)
        self._hand_over(self._taken())

    def write(self, batch: PacketBatch) -> int:
        """Hand on all frames, or none; how many. Without frames what waits is tried again. Never raises."""
        if self.ended:
            return 0
        if len(batch) and len(self._waiting) > MAX_WAITING:
            self.left_out += len(batch)
            self._hand_over(b"")
            return 0
        self._writer.write_batch(batch)
        self._hand_over(self._taken())
        return 0 if self.ended else len(batch)

    def close(self) -> None:
        """End the stream; what waits is given a second."""
        until = time.monotonic() + _PATIENCE_S
        while self._waiting and not self.ended and (left := until - time.monotonic()) > 0:
            select.select([], [self._descriptor], [], left)
            self._hand_over(b"")
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _taken(self) -> bytes:
        """What the writer has made since."""
        data = self._memory.getvalue()
        self._memory.seek(0)
        self._memory.truncate()
        return data

    def _hand_over(self, data: bytes) -> None:
        self._waiting += data
        view = memoryview(self._waiting)
        at = 0
        try:
            while at < len(view):
                at += os.write(self._descriptor, view[at:])
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.ended = f"{self.name}: nobody reads any more"
        except OSError as error:
            self.ended = f"{self.name} cannot be written: {error.strerror}"
        finally:
            view.release()
        if self.ended:
            self._waiting.clear()
        else:
            del self._waiting[:at]


def open_standard_output() -> PcapPipe:
    """Frames on standard output. CaptureError if that is a terminal."""
    descriptor = 1
    if os.isatty(descriptor):
        raise CaptureError("a pcap stream is not for a terminal: pipe it, for example | tcpdump -n -r -")
    return PcapPipe(_without_waiting(descriptor), "standard output")


def open_fifo(path: Path) -> PcapPipe | None:
    """Frames into a FIFO; None as long as nobody has it open for reading. CaptureError for anything but a FIFO."""
    try:
        if not stat.S_ISFIFO(path.stat().st_mode):
            raise CaptureError(f"{path} is not a FIFO: mkfifo makes one; -w FILE writes a file")
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CaptureError(f"{path}: no such FIFO: mkfifo {path}") from None
    except OSError as error:
        # ENXIO: nobody reads.
        if error.errno == 6:
            return None
        raise CaptureError(f"{path} cannot be written: {error.strerror}") from None
    _widen(descriptor)
    return PcapPipe(descriptor, str(path))


def _without_waiting(descriptor: int) -> int:
    """A descriptor of the same pipe which does not wait. Other programs share the old one, and want to wait."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode):
        with contextlib.suppress(OSError, AttributeError):
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
            _widen(own)
            return own
    own = os.dup(descriptor)
    if not stat.S_ISREG(mode):
        with contextlib.suppress(OSError, AttributeError):
            os.set_blocking(own, False)
    return own


def _widen(descriptor: int) -> None:
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
