"""GrowingCapture: a pcap or pcapng stream that is handed over piece by piece, as it comes, and may end anywhere.

The formats are those of `CaptureReader`, which asks for bytes and waits for them; a live source must not wait in there,
so that it can tick, and stop. Frames come out as soon as they are whole.

Limits: compressed streams have to be decompressed by the user's pipe.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nvgre_inspect.capture import compression
from nvgre_inspect.capture.limits import MIB, CaptureError
from nvgre_inspect.capture.recognition import HEAD, recognise
from nvgre_inspect.capture.walked import Format, Walked
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

#: Bytes of a piece at most: what is decoded at once should stay in a processor's cache.
_PIECE = MIB
_LEAST = 64 << 10


class GrowingCapture:
    """Bytes in by `room` and `took`, frames out: views of one buffer, valid until more room is asked for."""

    def __init__(self, name: str, file: str) -> None:
        """`name` is what messages call it, `file` what the captures table does."""
        #: A sentence: why it cannot be read any further; then more bytes are of no use.
        self.damage = ""
        #: Frames so far.
        self.frames = 0
        self._name = name
        self._file = file
        self._format: Format | None = None
        self._buffer = np.empty(_PIECE, np.uint8)
        # `_base` is the position in the stream of the buffer's first byte; start:filled waits to be walked.
        self._base = self._start = self._filled = 0
        self._need = HEAD

    @property
    def interfaces(self) -> list[InterfaceInfo]:
        """Those of the stream; the list grows. Frames are not counted in them, time stamps that were clamped are."""
        return self._format.interfaces if self._format is not None else []

    @property
    def begun(self) -> bool:
        """Whether enough is there to know that it is a capture."""
        return self._format is not None

    @property
    def read(self) -> int:
        """Bytes taken so far."""
        return self._base + self._filled

    @property
    def notes(self) -> list[str]:
        """Sentences about what was odd, but is no damage."""
        clamped = sum(info.clamped for info in self.interfaces)
        if not clamped:
            return []
        return [
            f"{self._name}: {clamped} time stamps lie outside the years 1823 to 2116: they were set to the nearest end"
        ]

    def room(self) -> memoryview:
        """Where the next bytes belong, never empty; what `took` gave before is overwritten."""
        waiting = self._filled - self._start
        if len(self._buffer) - self._filled < _LEAST:
            # By what is there, not by what a length claims.
            size = max(_PIECE, 2 * waiting)
            buffer = self._buffer if size == len(self._buffer) else np.empty(size, np.uint8)
            buffer[:waiting] = self._buffer[self._start : self._filled]
            self._buffer = buffer
            self._base, self._start, self._filled = self._base + self._start, 0, waiting
        return self._buffer.data[self._filled :]

    def took(self, count: int) -> Iterator[PacketBatch]:
        """So many bytes were put into the room: the frames that they complete. To be used up.

        Raises CaptureError once it is clear that the stream is no capture; `damage` tells what is wrong further on.
        """
        self._filled += count
        if self._format is None:
            self._recognise()
        while self._format is not None and not self.damage:
            walked = self._format.walk(self._buffer[: self._filled], self._start, self._filled, self._base, True)
            self._start, self._need = walked.next, walked.need
            if len(walked):
                yield self._batch(walked)
            if walked.status == cf.OTHER:
                self._stop(f"is damaged at byte {self._base + self._start}, frame {self.frames + 1}: {walked.problem}")
            if walked.status != cf.FULL:
                return

    def end(self) -> None:
        """Nothing follows: `damage` then tells of what was begun. CaptureError if it had not become a capture."""
        missing = self._filled - self._start
        if self._format is None:
            recognise(self._head(), self._file, self._name)
        if missing and not self.damage:
            self._stop(
                f"ends early, at byte {self.read}: {missing} of {self._need} bytes of frame {self.frames + 1} are there"
            )

    def _head(self) -> bytes:
        return self._buffer[: min(self._filled, HEAD)].tobytes()

    def _recognise(self) -> None:
        head = self._head()
        codec = compression.detect(head)
        if codec is not None:
            raise CaptureError(
                f"{self._name} is compressed with {codec.name}: decompress it on the way, as in"
                f" `{_DECOMPRESS[codec.name]} | nvgre-inspect live -`"
            )
        if len(head) == HEAD:
            self._format = recognise(head, self._file, self._name)
            if self._format is not None:
                self._start = self._format.start

    def _batch(self, walked: Walked) -> PacketBatch:
        position = np.arange(self.frames, self.frames + len(walked), dtype=np.int64)
        self.frames += len(walked)
        for number, clamped in walked.clamped.items():
            self.interfaces[number].clamped += clamped
        return PacketBatch(
            self._buffer[: self._filled],
            walked.offset,
            walked.caplen,
            walked.wirelen,
            walked.ts_ns,
            walked.linktype,
            walked.interface,
            position,
        )

    def _stop(self, what: str) -> None:
        read = f"{self.frames} frame{'s' * (self.frames != 1)} before it could be read"
        self.damage = f"{self._name} {what}; {read}"
        for info in self.interfaces:
            info.damage = self.damage


_DECOMPRESS = {"gzip": "gzip -dc", "zstd": "zstd -dc", "xz": "xz -dc", "LZ4": "lz4 -dc"}
