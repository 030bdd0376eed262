"""Writing captures: pcap with nanoseconds, and pcapng with interfaces, comments and statistics.

Both writers take frames one by one or by the batch, and write little-endian. A writer used as a context
manager finishes the file at the end of the block, and leaves nothing behind if the block raises.

What a format cannot hold is brought into its range rather than refused, since frames come from strangers:
times are clamped (pcap: 1970 to 2106; pcapng: from 1970 on), frames are cut to the snapshot length, and a
length on the wire is never below the captured one.
"""

from __future__ import annotations

import functools
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import STANDARD_SNAPLEN
from nvgre_inspect.capture.output import Output
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.batch import PacketBatch

_NS = 1_000_000_000
_UINT16_MAX = (1 << 16) - 1
_UINT32_MAX = (1 << 32) - 1
_INT64_MAX = (1 << 63) - 1

_PCAP_NANO = 0xA1B23C4D
_RECORD = struct.Struct("<IIII")

_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_LENGTH = struct.Struct("<I")
#: What fills up a block to a multiple of four bytes, by how many are missing.
_PADDING = tuple(bytes(missing) for missing in range(4))
_PACKET = struct.Struct("<IIIIIII")
_OPT_COMMENT = 1
_SHB_USERAPPL = 4
_IF_NAME = 2
_IF_DESCRIPTION = 3
_IF_TSRESOL = 9
_ISB_IFRECV = 4
#: Records of a name resolution block.
_NAME_IP4, _NAME_IP6 = 1, 2
_ISB_IFDROP = 5
_ISB_OSDROP = 7
_NANOSECONDS = b"\x09"
_END_OF_OPTIONS = bytes(4)


class Comments(NamedTuple):
    """Comments on the frames of a batch, each different text once."""

    texts: Sequence[str]
    #: int64 per frame, a row of `texts`; -1: no comment.
    rows: npt.NDArray[np.int64]


class _Writer:
    """What the two formats share: the output, and clearing up."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._closed = False
        self._scratch = np.empty(0, np.uint8)
        #: Frames written.
        self.frames = 0

    def close(self) -> None:
        """Finish the file and put it into its place. Raises CaptureError if that fails."""
        if not self._closed:
            self._closed = True
            self._output.commit()

    def discard(self) -> None:
        """Give up: no file is left behind."""
        if not self._closed:
            self._closed = True
            self._output.discard()

    def _room(self, size: int) -> npt.NDArray[np.uint8]:
        """Memory for records, the same again and again: touching new pages costs as much as filling them."""
        if len(self._scratch) < size:
            self._scratch = np.empty(size + size // 4, np.uint8)
        return self._scratch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class PcapWriter(_Writer):
    """Writes a pcap file of one link type, with nanoseconds (or microseconds, rounded down, for old readers)."""

    def __init__(
        self,
        target: str | Path | BinaryIO | Output,
        *,
        linktype: int = 1,
        snaplen: int = STANDARD_SNAPLEN,
        nanoseconds: bool = True,
        force: bool = False,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        """`inputs` are files that must not be overwritten. Raises CaptureError if `target` cannot be made."""
        super().__init__(_output(target, force=force, inputs=inputs))
        self._snaplen = snaplen or STANDARD_SNAPLEN
        self._factor = 1 if nanoseconds else 1000
        magic = _PCAP_NANO if nanoseconds else 0xA1B2C3D4
        self._output.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, self._snaplen, linktype))

    def write_frame(self, data: bytes, ts_ns: int, wirelen: int | None = None) -> None:
        """Write one frame; `wirelen` is its length on the wire, if not all of it was captured."""
        wire = _clamp(max(len(data), wirelen or 0), _UINT32_MAX)
        data = data[: self._snaplen]
        seconds, fraction = divmod(_clamp(ts_ns, _UINT32_MAX * _NS + _NS - 1), _NS)
        self._output.write(_RECORD.pack(seconds, fraction // self._factor, len(data), wire) + data)
        self.frames += 1

    def write_batch(self, batch: PacketBatch) -> None:
        """Write all frames of a batch, whatever their link type and interface."""
        caplen = np.minimum(batch.caplen, self._snaplen)
        ts_ns = np.clip(batch.ts_ns, 0, _UINT32_MAX * _NS + _NS - 1)
        wirelen = np.clip(batch.wirelen, caplen, _UINT32_MAX)
        if _kernels_loaded():
            from nvgre_inspect.kernels.walk import emit_pcap

            out = self._room(int(caplen.sum()) + len(batch) * cf.RECORD_HEADER)
            size = emit_pcap(batch.buffer, batch.offset, caplen, wirelen, ts_ns, self._factor, out)
            self._output.write(out.data[:size])
        else:
            view = batch.buffer.data
            pieces: list[bytes | memoryview] = []
            columns = (batch.offset.tolist(), caplen.tolist(), wirelen.tolist(), ts_ns.tolist())
            for start, captured, wire, ns in zip(*columns, strict=True):
                pieces.append(_RECORD.pack(ns // _NS, ns % _NS // self._factor, captured, wire))
                pieces.append(view[start : start + captured])
            self._output.write(b"".join(pieces))
        self.frames += len(batch)


class PcapngWriter(_Writer):
    """Writes a pcapng file of one section; interfaces are added as they come, all with nanoseconds."""

    def __init__(
        self,
        target: str | Path | BinaryIO | Output,
        *,
        application: str = "nvgre-inspect",
        comment: str = "",
        force: bool = False,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        """`comment` is on the section as a whole; else as `PcapWriter`."""
        super().__init__(_output(target, force=force, inputs=inputs))
        self._snaplens: list[int] = []
        content = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
        named = [(_OPT_COMMENT, comment), (_SHB_USERAPPL, application)]
        self._write_block(cf.SECTION_HEADER, content + _text_options(named))

    def add_interface(
        self,
        name: str = "",
        *,
        linktype: int = 1,
        snaplen: int = STANDARD_SNAPLEN,
        description: str = "",
        comment: str = "",
    ) -> int:
        """Describe an interface and return its number, from 0. A `snaplen` of 0 means unlimited."""
        options = _text_options([(_OPT_COMMENT, comment), (_IF_NAME, name), (_IF_DESCRIPTION, description)])
        resolution = _option(_IF_TSRESOL, _NANOSECONDS)
        end = options or _END_OF_OPTIONS
        content = struct.pack("<HHI", linktype, 0, snaplen)
        self._write_block(cf.INTERFACE_DESCRIPTION, content + resolution + end)
        self._snaplens.append(snaplen or STANDARD_SNAPLEN)
        return len(self._snaplens) - 1

    def write_frame(
        self, data: bytes, ts_ns: int, *, interface: int = 0, wirelen: int | None = None, comment: str = ""
    ) -> None:
        """Write one frame of an interface that was added before (else IndexError)."""
        wire = max(len(data), wirelen or 0)
        data = data[: self._snaplens[interface]]
        captured = len(data)
        tail = _PADDING[-captured & 3]
        if comment:
            tail += _comment_option(comment)
        if not (wire <= _UINT32_MAX and 0 <= ts_ns <= _INT64_MAX):
            wire, ts_ns = _clamp(wire, _UINT32_MAX), _clamp(ts_ns, _INT64_MAX)
        length = cf.PACKET_DATA + captured + len(tail) + 4
        head = _PACKET.pack(cf.ENHANCED_PACKET, length, interface, ts_ns >> 32, ts_ns & _UINT32_MAX, captured, wire)
        self._output.write(b"".join((head, data, tail, _LENGTH.pack(length))))
        self.frames += 1

    def write_batch(
        self,
        batch: PacketBatch,
        interfaces: Sequence[int] | npt.NDArray[np.int64] | None = None,
        comments: Comments | None = None,
    ) -> None:
        """Write all frames of a batch; `interfaces` maps the batch's interface numbers to this file's.

        Without `interfaces` they are the same. Raises IndexError for an interface that was not added.
        """
        interface = batch.interface.astype(np.int64)
        if interfaces is not None:
            interface = np.array(interfaces, np.int64)[interface]
        snaplen = np.array(self._snaplens, np.int64)[interface]
        caplen = np.minimum(batch.caplen, snaplen)
        wirelen = np.clip(batch.wirelen, caplen, _UINT32_MAX)
        ts_ns = np.maximum(batch.ts_ns, 0)
        if _kernels_loaded():
            from nvgre_inspect.kernels.walk import emit_pcapng

            texts, text_at, text_len = _encoded(comments, len(batch))
            blocks = int(((caplen + 3) // 4 * 4).sum()) + int(text_len.sum()) + len(batch) * (cf.PACKET_DATA + 4)
            out = self._room(blocks)
            size = emit_pcapng(
                batch.buffer, batch.offset, caplen, wirelen, ts_ns, interface, texts, text_at, text_len, out
            )
            self._output.write(out.data[:size])
        else:
            self._output.write(_packet_blocks(batch, caplen, wirelen, ts_ns, interface, comments))
        self.frames += len(batch)

    def write_names(self, names: Mapping[bytes, str]) -> None:
        """Write what hosts are called, by their packed addresses, as a name resolution block; nothing without names."""
        records = b""
        for address, name in names.items():
            value = address + name.encode("utf-8", "replace") + b"\0"
            records += _option(_NAME_IP4 if len(address) == 4 else _NAME_IP6, value)
        if records:
            self._write_block(cf.NAME_RESOLUTION, records + _END_OF_OPTIONS)

    def write_statistics(
        self,
        interface: int,
        ts_ns: int,
        *,
        received: int | None = None,
        dropped_interface: int | None = None,
        dropped_kernel: int | None = None,
    ) -> None:
        """Write the counters of an interface since the start of the capture; None: not known."""
        counters = [(_ISB_IFRECV, received), (_ISB_IFDROP, dropped_interface), (_ISB_OSDROP, dropped_kernel)]
        options = b"".join(_option(code, struct.pack("<Q", value)) for code, value in counters if value is not None)
        time = _clamp(ts_ns, _INT64_MAX)
        content = struct.pack("<III", interface, time >> 32, time & _UINT32_MAX)
        self._write_block(cf.INTERFACE_STATISTICS, content + options + (_END_OF_OPTIONS if options else b""))

    def _write_block(self, kind: int, content: bytes) -> None:
        length = struct.pack("<I", cf.BLOCK_OVERHEAD + len(content))
        self._output.write(struct.pack("<I", kind) + length + content + length)


def _output(target: str | Path | BinaryIO | Output, *, force: bool, inputs: Iterable[str | Path]) -> Output:
    return target if isinstance(target, Output) else Output(target, force=force, inputs=inputs)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _text_options(options: list[tuple[int, str]]) -> bytes:
    """The options that have a text (cut to 65,535 bytes), and the end of options; nothing if none has."""
    found = b"".join(_option(code, text.encode("utf-8", "replace")[:_UINT16_MAX]) for code, text in options if text)
    return found + _END_OF_OPTIONS if found else b""


def _packet_blocks(
    batch: PacketBatch,
    caplen: npt.NDArray[np.int64],
    wirelen: npt.NDArray[np.int64],
    ts_ns: npt.NDArray[np.int64],
    interface: npt.NDArray[np.int64],
    comments: Comments | None,
) -> bytes:
    """What `kernels.walk.emit_pcapng` writes, without numba."""
    view = batch.buffer.data
    pieces: list[bytes | memoryview] = []
    # The last of them is for row -1.
    texts = [*_comment_options(comments), b""]
    rows = comments.rows.tolist() if comments is not None else [-1] * len(batch)
    columns = (interface.tolist(), ts_ns.tolist(), batch.offset.tolist(), caplen.tolist(), wirelen.tolist(), rows)
    for number, ns, start, captured, wire, row in zip(*columns, strict=True):
        padding = -captured % 4
        length = cf.PACKET_DATA + captured + padding + len(texts[row]) + 4
        pieces.append(_PACKET.pack(cf.ENHANCED_PACKET, length, number, ns >> 32, ns & _UINT32_MAX, captured, wire))
        pieces.append(view[start : start + captured])
        pieces.append(bytes(padding) + texts[row] + struct.pack("<I", length))
    return b"".join(pieces)


def _comment_options(comments: Comments | None) -> list[bytes]:
    """The options of a block for each text."""
    return list(map(_comment_option, comments.texts)) if comments is not None else []


@functools.lru_cache(maxsize=1 << 16)
def _comment_option(text: str) -> bytes:
    # The same few hundred FlowIDs come again and again.
    return _text_options([(_OPT_COMMENT, text)])


def _encoded(
    comments: Comments | None, frames: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All options in a row; where those of each frame start, and how long they are."""
    nothing = np.zeros(frames, np.int64)
    if comments is None:
        return np.zeros(1, np.uint8), nothing, nothing
    options = [*_comment_options(comments), b""]
    lengths = np.array([len(option) for option in options], np.int64)
    # A copy, since the kernel is compiled for memory that can be written to.
    texts = np.frombuffer(b"".join(options) + b"\0", np.uint8).copy()
    return texts, (np.cumsum(lengths) - lengths)[comments.rows], lengths[comments.rows]


def _kernels_loaded() -> bool:
    """Whether the compiled emitters cost nothing to load: small outputs are not worth it otherwise."""
    return "nvgre_inspect.kernels.walk" in sys.modules


def _clamp(value: int, largest: int) -> int:
    return min(max(value, 0), largest)
