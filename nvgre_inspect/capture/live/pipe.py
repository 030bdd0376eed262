"""Pipe: a LiveSource over a capture that comes on standard input or through a FIFO.

    ssh host tcpdump -U -w - | nvgre-inspect live -

Opening waits for the first bytes, which say that it is a capture: ssh may ask for a password until then. What comes in
small pieces is collected for a moment, so that a batch is worth its while.

Limits: Windows cannot tell whether a pipe has data: there nothing ticks, and stopping waits for the next piece.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nvgre_inspect.capture.limits import MIB
from nvgre_inspect.capture.live.growing import GrowingCapture
from nvgre_inspect.capture.stream import open_raw
from nvgre_inspect.model.batch import NO_FRAMES, PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

#: How long nothing may come before that is said.
_TICK_SECONDS = 0.1
#: How long pieces are collected.
_COLLECT_SECONDS = 0.02
_PIPE_BYTES = MIB


class Pipe:
    """See LiveSource."""

    def __init__(self, path: str | Path = "-") -> None:
        """Waits until it is clear that a capture comes; CaptureError if none does."""
        self.notes: list[str] = []
        self.damage: list[str] = []
        self._name = "standard input" if str(path) == "-" else str(path)
        self._growing = GrowingCapture(self._name, str(path))
        self._stopped = self._ended = False
        self._file = open_raw(path, self._name)
        try:
            _enlarge(self._file.fileno())
            #: Frames that came with the first bytes, in the buffer.
            self._first = list(self._until_begun())
            #: Those that the capture has described so far, with its own counters.
            self.interfaces: list[InterfaceInfo] = self._growing.interfaces
        except BaseException:
            self._file.close()
            raise

    def batches(self) -> Iterator[PacketBatch]:
        """See LiveSource; ends with the pipe, or with its first damage."""
        yield from self._first
        self._first = []
        while not self._ended:
            last = self._stopped
            count = self._collect(0 if last else _TICK_SECONDS)
            if count:
                yield from self._growing.took(count)
            if last or self._growing.damage:
                break
            if not count and not self._ended:
                yield NO_FRAMES
        if self._ended:
            self._growing.end()
        self._conclude()

    def refresh(self) -> None:
        """Nothing to do: counters come with the frames."""

    def stop(self) -> None:
        """See LiveSource."""
        self._stopped = True

    def close(self) -> None:
        """See LiveSource."""
        self._file.close()

    def _until_begun(self) -> Iterator[PacketBatch]:
        while not self._growing.begun:
            count = self._read(self._growing.room())
            yield from self._growing.took(count)
            if self._ended:
                self._growing.end()
                return

    def _collect(self, patience: float) -> int:
        """Bytes that come within `patience` seconds, and shortly after the first of them."""
        room = self._growing.room()
        done = 0
        until = time.monotonic() + patience
        while done < len(room) and not self._ended:
            if not self._readable(max(0.0, until - time.monotonic())):
                break
            if not done and patience:
                until = time.monotonic() + _COLLECT_SECONDS
            done += self._read(room[done:])
        return done

    def _read(self, room: memoryview) -> int:
        """What is there, or the next that comes; 0 at the end."""
        try:
            count = self._file.readinto(room) or 0
        except OSError as error:
            self.damage.append(f"{self._name} cannot be read further ({error.strerror})")
            count = 0
        self._ended = count == 0
        return count

    def _readable(self, seconds: float) -> bool:
        if os.name == "nt":
            return True
        return bool(select.select([self._file], [], [], seconds)[0])

    def _conclude(self) -> None:
        if self._growing.damage:
            self.damage.append(self._growing.damage)
        self.notes.extend(self._growing.notes)


def _enlarge(descriptor: int) -> None:
    """Let a pipe hold more than 64 KiB, which a sender fills in a fraction of a millisecond."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # no pipe, or more than the user may have
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
