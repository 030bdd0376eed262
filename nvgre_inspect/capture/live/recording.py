"""Recorder: live frames into pcapng files that are whole at any moment, in one file or in a ring of them.

Files stand in their place from the start, and each batch is written by one call: whoever opens the file meanwhile, and
whoever finds it after this process was killed, has all frames up to the last batch (a kill in the middle of that call
leaves a part of a frame at the end, which readers leave out). The counters of the interfaces are at the end of each
file, as interface statistics since the start of the capture.

Files of a ring are named as dumpcap names them: `capture_00001_20261122201500.pcapng`, with the local time at which
they were begun. A file that has reached its limit is finished at once, but the next one begins with the next frame:
silence pushes nothing out of a ring.

Limits: frames are cut to the snapshot length of their interface; sizes are those of the files without the statistics.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.live.limits import Limits
from nvgre_inspect.capture.output import Output
from nvgre_inspect.capture.reader import select
from nvgre_inspect.capture.writer import PcapngWriter
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo

#: dumpcap's numbers have five digits.
_NUMBERS = 100_000


class Recorder:
    """A `Sink` of LiveCaptures that records what it is given. Only opening raises; see `notes` for what fails later."""

    def __init__(
        self,
        path: str | Path,
        interfaces: Sequence[InterfaceInfo],
        limits: Limits | None = None,
        *,
        force: bool = False,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        """`interfaces` are the rows that batches refer to; more may come. `inputs` are never overwritten, nor is any
        other file without `force`. CaptureError if the first file cannot be made.
        """
        #: Sentences for the user: why recording ended before its time.
        self.notes: list[str] = []
        #: Frames in all files, and those of them that were removed.
        self.frames = 0
        self._path = Path(path)
        self._interfaces = interfaces
        self._limits = limits or Limits()
        self._force = force
        self._inputs = list(inputs)
        self._finished = False
        self._closed = False
        self._began = time.monotonic()
        #: Bytes in the files before the current one, and how many files were begun.
        self._bytes_before = 0
        self._files = 0
        #: Of a ring: the files that are there, the oldest first.
        self._ring: deque[Path] = deque()
        self._file: _File | None = self._open()

    @property
    def finished(self) -> bool:
        """Whether a limit of the whole capture (`-a`) is reached."""
        return self._finished

    @property
    def path(self) -> Path:
        """The file that is written to, or was last."""
        return self._ring[-1] if self._ring else self._path

    def write(self, batch: PacketBatch, records: npt.NDArray[np.void] | None = None) -> None:
        """Record these frames. When a disk is full or a file cannot be begun, recording ends with a word in `notes`."""
        del records  # of use to other sinks
        while len(batch) and not self._closed:
            try:
                if self._file is None:
                    self._file = self._open()
                taken = self._frames_to_limit(batch, self._file)
                self._file.write(batch if taken == len(batch) else select(batch, slice(taken)))
            except (CaptureError, BrokenPipeError) as error:
                self._fail(error)
                return
            self.frames += taken
            batch = select(batch, slice(taken, None))
            self._check_limits()

    def tick(self) -> None:
        """Look at the clock: to be called at least every second."""
        if not self._closed:
            self._check_limits()

    def close(self) -> None:
        """Finish the file with the counters of the interfaces as they are now."""
        if not self._closed:
            self._closed = True
            self._finish_file()

    def _open(self) -> _File:
        path = self._path
        if self._limits.several_files:
            while self._limits.files is not None and len(self._ring) >= self._limits.files:
                with contextlib.suppress(OSError):  # somebody else has removed it, or taken the right to
                    self._ring.popleft().unlink()
            moment = time.strftime("%Y%m%d%H%M%S")
            path = path.with_name(f"{path.stem}_{(self._files + 1) % _NUMBERS:05d}_{moment}{path.suffix}")
        file = _File(path, self._interfaces, force=self._force, inputs=self._inputs)
        self._files += 1
        if self._limits.several_files:
            self._ring.append(path)
        return file

    def _frames_to_limit(self, batch: PacketBatch, file: _File) -> int:
        """How many of the frames go into this file before a limit is reached, the one that reaches it among them."""
        limits = self._limits
        taken = len(batch)
        for most, there in ((limits.file_packets, file.frames), (limits.stop_packets, self.frames)):
            if most is not None:
                taken = min(taken, most - there)
        for size, before in ((limits.file_bytes, 0), (limits.stop_bytes, self._bytes_before)):
            if size is not None:
                ends = np.cumsum((batch.caplen + 3 & -4) + cf.PACKET_DATA + 4)
                taken = min(taken, int(np.searchsorted(ends, size - before - file.size)) + 1)
        return max(1, taken)

    def _check_limits(self) -> None:
        limits, file = self._limits, self._file
        size = 0 if file is None else file.size
        self._finished = self._finished or (
            _reached(self.frames, limits.stop_packets)
            or _reached(self._bytes_before + size, limits.stop_bytes)
            or _reached(time.monotonic() - self._began, limits.stop_seconds)
        )
        if self._finished:
            self.close()
        elif file is not None and self._is_full(file):
            self._finish_file()
            if _reached(self._files, limits.stop_files):
                self._finished = self._closed = True

    def _is_full(self, file: _File) -> bool:
        limits = self._limits
        late = _reached(time.monotonic() - file.began, limits.file_seconds) or (
            limits.interval_seconds is not None
            and time.time() // limits.interval_seconds > file.began_at // limits.interval_seconds
        )
        if late and not file.frames:
            file.restart_clock()
            return False
        return late or _reached(file.frames, limits.file_packets) or _reached(file.size, limits.file_bytes)

    def _finish_file(self) -> None:
        if self._file is not None:
            self._bytes_before += self._file.size
            try:
                self._file.finish()
            except (CaptureError, BrokenPipeError) as error:
                self.notes.append(f"the recording has no interface statistics at its end: {error}")
            self._file = None

    def _fail(self, error: CaptureError | BrokenPipeError) -> None:
        self._closed = True
        reason = str(error) if isinstance(error, CaptureError) else "nobody reads it any more"
        self.notes.append(f"recording has stopped after {self.frames} packets, the analysis goes on: {reason}")
        if self._file is not None:
            with contextlib.suppress(CaptureError, BrokenPipeError):  # said already
                self._file.finish()
            self._file = None


def _reached(value: float, limit: float | None) -> bool:
    return limit is not None and value >= limit


class _File:
    """One file that is being recorded."""

    def __init__(
        self, path: Path, interfaces: Sequence[InterfaceInfo], *, force: bool, inputs: Iterable[str | Path]
    ) -> None:
        self._output = InPlace(path, force=force, inputs=inputs)
        self._writer = PcapngWriter(self._output)
        self._interfaces = interfaces
        self._described = 0
        self.restart_clock()
        self._describe()

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._output.size

    @property
    def frames(self) -> int:
        """Frames written."""
        return self._writer.frames

    def restart_clock(self) -> None:
        """The file begins now."""
        self.began = time.monotonic()
        self.began_at = time.time()

    def write(self, batch: PacketBatch) -> None:
        """All of these frames, or CaptureError or BrokenPipeError and none of them."""
        self._describe()
        self._writer.write_batch(batch)

    def finish(self) -> None:
        """Counters and end."""
        try:
            now = time.time_ns()
            self._describe()
            for number, info in enumerate(self._interfaces[: self._described]):
                self._writer.write_statistics(
                    number,
                    now,
                    received=info.received,
                    dropped_interface=info.dropped_interface,
                    dropped_kernel=info.dropped_kernel,
                )
            self._writer.close()
        finally:
            self._writer.discard()

    def _describe(self) -> None:
        """Add the interfaces that have appeared since: their numbers are their rows."""
        for info in self._interfaces[self._described :]:
            self._writer.add_interface(
                info.name,
                linktype=info.linktype,
                snaplen=info.snaplen,
                description=info.description,
                comment="\n".join(info.comments),
            )
            self._described += 1


class InPlace(Output):
    """An Output that is in its place from the start, unbuffered, and takes a piece as a whole or not at all."""

    def __init__(self, target: str | Path, *, force: bool = False, inputs: Iterable[str | Path] = ()) -> None:
        """As Output."""
        #: Bytes written.
        self.size = 0
        super().__init__(target, force=force, inputs=inputs)

    def _open(self, target: Path, inputs: Iterable[str | Path]) -> BinaryIO:
        try:
            if target.exists() and not target.is_file() and not target.is_dir():
                return target.open("wb", buffering=0)
            self._check(target, inputs)
            return target.open("wb" if self._force else "xb", buffering=0)
        except OSError as error:
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As Output; where it fails, the file ends where it did before."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._stream.write(left) :]
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            with contextlib.suppress(OSError, ValueError):  # no regular file
                self._stream.truncate(self.size)
                self._stream.seek(self.size)
            raise CaptureError(f"{self.name} cannot be written: {error.strerror}") from None
        self.size += len(data)
