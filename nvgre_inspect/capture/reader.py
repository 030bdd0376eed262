"""CaptureReader: one capture file, whatever its format and compression, as a sequence of PacketBatches.

Files are read in chunks, never mapped: a mapped file counts as this process's memory. A record that
straddles two chunks is moved to the front of the next one. What cannot be read ends the file with a
`Damage`, after everything before it.

Small files are walked in plain Python, since importing numba takes longer than that; larger ones by
`kernels.walk`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture import pcapng
from nvgre_inspect.capture.limits import CaptureError, Limits
from nvgre_inspect.capture.linktype import SUPPORTED
from nvgre_inspect.capture.recognition import HEAD, recognise
from nvgre_inspect.capture.stream import Stream
from nvgre_inspect.capture.walked import Format, Walked
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.kernels import compiled as kernel_cache
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import Damage, Frame, InterfaceInfo

#: Bytes read at a time: large enough to make calls cheap, small enough to stay in a processor's cache.
CHUNK = 2 << 20
#: Frames after which the compiled walk is worth loading numba (0.5 s; Python takes 1.5 µs a frame).
_COMPILED_AFTER = 100_000

POSITION_BITS = 48
_MAX_FILES = 1 << 15

Keep = Callable[[InterfaceInfo], bool]


def open_capture(
    path: str | Path,
    *,
    file_number: int = 0,
    first_interface: int = 0,
    limits: Limits | None = None,
    spool: bool = True,
    compiled: bool | None = None,
) -> CaptureReader:
    """Open a pcap or pcapng file, plain or compressed with gzip, zstd, xz or LZ4; `-` is standard input.

    `file_number` (below 32768) goes into the positions of frames, `first_interface` is the row of this
    file's first interface in the `captures` table. Without `spool`, nothing is kept of pipes and compressed
    files, and their frames cannot be read again. `compiled` chooses the walk; by default small files are
    walked in Python.

    Raises CaptureError for what is not a capture or cannot be opened; a file that is damaged further on is
    not an error here.
    """
    if not 0 <= file_number < _MAX_FILES:
        raise CaptureError(f"{path}: more than {_MAX_FILES} capture files at once; merge some of them first")
    return CaptureReader(path, file_number, first_interface, limits or Limits(), spool, compiled)


class CaptureReader:
    """An open capture file. `batches` reads it through once; `read_frame` goes back to what was read."""

    def __init__(
        self,
        path: str | Path,
        file_number: int,
        first_interface: int,
        limits: Limits,
        spool: bool,
        compiled: bool | None,
    ) -> None:
        self.file_number = file_number
        self.first_interface = first_interface
        #: Why reading ended before the file did; None if it did not, or not yet.
        self.damage: Damage | None = None
        #: Frames read so far.
        self.frames = 0
        self._compiled = compiled
        self._started = False
        self._stream = Stream(path, limits, spool)
        self.name = self._stream.name
        try:
            self._head = self._read_head()
            self._format = self._recognise(str(path))
        except BaseException:
            self._stream.close()
            raise

    @property
    def interfaces(self) -> list[InterfaceInfo]:
        """The interfaces found so far, with their counters; those of pcapng files appear while reading."""
        return self._format.interfaces if self._format is not None else []

    @property
    def names(self) -> dict[str, str]:
        """Names of addresses that the capture itself gives (pcapng name resolution blocks)."""
        return self._format.names if isinstance(self._format, pcapng.PcapngFormat) else {}

    @property
    def bytes_read(self) -> int:
        """Bytes of the file (as it is on disk) read so far, of `total_bytes`."""
        return self._stream.bytes_read

    @property
    def total_bytes(self) -> int | None:
        """Size of the file on disk; None for pipes."""
        return self._stream.total_bytes

    @property
    def can_read_again(self) -> bool:
        """Whether `read_frame` can be used: not of pipes and compressed files of which nothing is kept."""
        return self._stream.can_read_again

    @property
    def notes(self) -> list[str]:
        """Sentences about what was odd, but is no damage."""
        return [
            f"{self.name}: {info.clamped} time stamps of interface {info.interface} lie outside the years"
            " 1823 to 2116 and were set to the nearest end"
            for info in self.interfaces
            if info.clamped
        ]

    # --- opening ---------------------------------------------------------------------------------------

    def _read_head(self) -> bytes:
        head = bytearray(HEAD)
        filled = 0
        while filled < HEAD and (count := self._stream.readinto(memoryview(head)[filled:])):
            filled += count
        return bytes(head[:filled])

    def _recognise(self, file: str) -> Format | None:
        codec = self._stream.codec
        try:
            return recognise(self._head, file, self.name, codec.name if codec is not None else "")
        except CaptureError:
            if self._stream.failure is not None:
                raise CaptureError(f"{self.name} {self._stream.failure}") from None
            raise

    # --- reading through -------------------------------------------------------------------------------

    def batches(self, *, keep: Keep | None = None, chunk: int = CHUNK) -> Iterator[PacketBatch]:
        """The frames of the file in its order; at most 16,384 frames and about `chunk` bytes a batch.

        `keep` chooses interfaces: frames of others are left out of the batches, but counted in
        `interfaces`. Can be called once. Never raises on the content of the file: see `damage` afterwards.
        """
        if self._started:
            raise RuntimeError("a capture is read through once; open it again")
        self._started = True
        if self._format is None:
            self._end_within(0, len(self._head), HEAD, "its header, before frame 1,")
            return
        yield from self._read(self._format, keep, chunk)

    def _read(self, form: Format, keep: Keep | None, chunk: int) -> Iterator[PacketBatch]:
        buf = np.empty(max(chunk, len(self._head)), np.uint8)
        # `base` is the position in the file of buf[0]; buf[start:filled] waits to be walked.
        base, start, filled = 0, form.start, len(self._head)
        buf[:filled] = np.frombuffer(self._head, np.uint8)
        while True:
            walked = form.walk(buf[:filled], start, filled, base, self._use_compiled())
            if len(walked):
                self._count(walked)
                batch = self._batch(buf[:filled], walked, base, keep)
                if batch is not None:
                    yield batch
            start, status, need, problem = walked.next, walked.status, walked.need, walked.problem
            if status == cf.OTHER:
                where = f"at byte {base + start}, frame {self.frames + 1}"
                self._damaged(base + start, f"is damaged {where}: {problem}")
                return
            if status == cf.FULL:
                continue
            if len(buf) - filled < max(chunk // 2, need - (filled - start)):
                tail = buf[start:filled]
                # A length is a claim: the buffer grows towards it only as fast as data comes.
                buf = np.empty(max(chunk, min(need, 2 * len(buf))), np.uint8)
                buf[: len(tail)] = tail
                base, start, filled = base + start, 0, len(tail)
            count = self._stream.readinto(buf.data[filled:])
            filled += count
            if count == 0:
                if self._stream.failure is not None:
                    where = f"(byte {base + filled}, frame {self.frames + 1})"
                    self._damaged(base + filled, f"{self._stream.failure} {where}")
                elif filled > start:
                    self._end_within(base + start, filled - start, need, f"frame {self.frames + 1}")
                return

    def _use_compiled(self) -> bool:
        if self._compiled is None:
            worth_it = self.frames >= _COMPILED_AFTER or ("numba" in sys.modules and kernel_cache.is_warm("walk"))
            if not worth_it or os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":
                return False
            self._compiled = True
        return self._compiled

    def _batch(self, buf: npt.NDArray[np.uint8], walked: Walked, base: int, keep: Keep | None) -> PacketBatch | None:
        position = walked.block + (base | self.file_number << POSITION_BITS)
        interface = walked.interface
        if self.first_interface:
            interface = interface + np.int32(self.first_interface)
        batch = PacketBatch(
            buffer=buf,
            offset=walked.offset,
            caplen=walked.caplen,
            wirelen=walked.wirelen,
            ts_ns=walked.ts_ns,
            linktype=walked.linktype,
            interface=interface,
            position=position,
        )
        if keep is None:
            return batch
        present = np.unique(walked.interface)
        kept = [number for number in present.tolist() if keep(self.interfaces[number])]
        if len(kept) == len(present):
            return batch
        return select(batch, np.isin(walked.interface, kept)) if kept else None

    def _count(self, walked: Walked) -> None:
        """Add the frames of a walk to the counters of their interfaces."""
        self.frames += len(walked)
        count_frames(self.interfaces, walked.interface, walked.wirelen, walked.ts_ns)
        for number, clamped in walked.clamped.items():
            self.interfaces[number].clamped += clamped

    def _end_within(self, position: int, there: int, need: int, what: str) -> None:
        """The file ends `there` bytes into something at `position` that takes `need` bytes."""
        end = position + there
        self._damaged(end, f"ends early, at byte {end}: {there} of {need} bytes of {what} are there")

    def _damaged(self, position: int, what: str) -> None:
        read = f"{self.frames} frame{'s' * (self.frames != 1)} before it could be read"
        self.damage = Damage(position, self.frames + 1, f"{self.name} {what}; {read}")
        for info in self.interfaces:
            info.damage = self.damage.sentence

    # --- reading again ---------------------------------------------------------------------------------

    def read_frame(self, position: int) -> Frame:
        """The frame that had this `position` in a batch of this reader. May be called from any thread.

        Raises CaptureError if the position is not of a frame of this file, or the file cannot be read again.
        """
        where = position & (1 << POSITION_BITS) - 1
        frame = None
        if self._format is not None and position >> POSITION_BITS == self.file_number:
            frame = self._format.read_frame(self._stream.read_again, where)
        if frame is None:
            raise CaptureError(f"{self.name}: there is no frame at byte {where}, or the file has changed since")
        if not self.first_interface:
            return frame
        return Frame(
            frame.data,
            frame.ts_ns,
            frame.wirelen,
            frame.linktype,
            frame.interface + self.first_interface,
            frame.comment,
        )

    def close(self) -> None:
        """Close the file and remove what was kept of it on disk."""
        self._stream.close()

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def select(batch: PacketBatch, choice: npt.NDArray[np.bool_ | np.signedinteger[Any]] | slice) -> PacketBatch:
    """The chosen frames of a batch, in the same buffer."""
    return PacketBatch(
        buffer=batch.buffer,
        offset=batch.offset[choice],
        caplen=batch.caplen[choice],
        wirelen=batch.wirelen[choice],
        ts_ns=batch.ts_ns[choice],
        linktype=batch.linktype[choice],
        interface=batch.interface[choice],
        position=batch.position[choice],
    )


def count_frames(
    interfaces: Sequence[InterfaceInfo],
    interface: npt.NDArray[np.int32],
    wirelen: npt.NDArray[np.int64],
    ts_ns: npt.NDArray[np.int64],
) -> None:
    """Add frames to the counters of their interfaces; the arrays have one entry per frame, `interface` is a row."""
    if len(interfaces) == 1 and len(interface):
        _count_of_one(interfaces[0], wirelen, ts_ns)
        return
    order = np.argsort(interface, kind="stable")
    numbers, starts = np.unique(interface[order], return_index=True)
    wirelen, ts_ns = wirelen[order], ts_ns[order]
    ends = [*starts[1:].tolist(), len(interface)]
    for number, first, end in zip(numbers.tolist(), starts.tolist(), ends, strict=False):
        _count_of_one(interfaces[number], wirelen[first:end], ts_ns[first:end])


def _count_of_one(info: InterfaceInfo, wirelen: npt.NDArray[np.int64], ts_ns: npt.NDArray[np.int64]) -> None:
    info.packets += len(wirelen)
    info.bytes += int(wirelen.sum())
    first, last = int(ts_ns.min()), int(ts_ns.max())
    info.first_ns = first if info.first_ns is None else min(info.first_ns, first)
    info.last_ns = last if info.last_ns is None else max(info.last_ns, last)
    if info.linktype not in SUPPORTED:
        info.unsupported += len(wirelen)
