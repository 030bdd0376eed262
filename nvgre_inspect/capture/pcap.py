"""The pcap format (draft-ietf-opsawg-pcap): both byte orders, micro- and nanoseconds, and Kuznetzov's
variant.

    file header    magic, version (16 + 16 bits), 8 unused bytes, snapshot length, link type: 24 bytes
    record         seconds, fraction, captured length, length on the wire: 32 bits each; then the frame

Seconds are unsigned and the fraction is taken as it is, even beyond a second. The lengths of files before
version 2.3 stand in the other order. Limits: frames above 262,144 bytes (or the snapshot length, if larger,
up to 64 MiB) count as damage, as they do for libpcap; variants of other vendors with the standard magic are
not guessed at.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture.limits import MAX_RECORD, STANDARD_SNAPLEN
from nvgre_inspect.capture.linktype import UNKNOWN
from nvgre_inspect.capture.walked import BATCH_FRAMES, ReadAgain, Scratch, Walked
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.source import Frame, InterfaceInfo

HEADER_LENGTH = 24

_MICRO = 0xA1B2C3D4
_NANO = 0xA1B23C4D
_MODIFIED = 0xA1B2CD34
_MAGICS: dict[bytes, tuple[str, int]] = {
    struct.pack(order + "I", magic): (order, magic) for order in "<>" for magic in (_MICRO, _NANO, _MODIFIED)
}
#: The upper bits of the link type field tell the length of the frame check sequence.
_LINKTYPE_MASK = 0x03FF_FFFF
#: Version of Digital Unix's tcpdump, which also wrote the lengths in the other order.
_VERSION_DIGITAL_UNIX = 543


def is_pcap(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcap file (possibly cut within its header)."""
    return head[:4] in _MAGICS


class PcapFormat:
    """A pcap file, described by its header (24 bytes)."""

    start = HEADER_LENGTH

    def __init__(self, head: bytes, file: str) -> None:
        order, magic = _MAGICS[head[:4]]
        major, minor, _, _, snaplen, network = struct.unpack_from(order + "HHiIII", head, 4)
        number = network & _LINKTYPE_MASK
        self.linktype = number if number < UNKNOWN else UNKNOWN
        self.interfaces = [InterfaceInfo(file, 0, "", self.linktype, snaplen)]
        self._big = order == ">"
        self._record = struct.Struct(order + "IIII")
        self._header = cf.RECORD_HEADER_MODIFIED if magic == _MODIFIED else cf.RECORD_HEADER
        self._factor = 1 if magic == _NANO else 1000
        self._lengths = _meaning_of_lengths(major, minor)
        self._max_caplen = min(max(snaplen, STANDARD_SNAPLEN), MAX_RECORD)
        self._scratch = Scratch()

    def walk(self, buf: npt.NDArray[np.uint8], start: int, end: int, base: int, compiled: bool) -> Walked:
        """See `Format.walk`."""
        if compiled:
            count, at, status = self._walk_compiled(buf, start, end)
        else:
            count, at, status = self._walk_python(buf, start, end)
        need = self._header
        problem = ""
        if end - at >= self._header:
            captured = self._captured_and_wire(buf.data, at)[0]
            need += captured
            if status == cf.OTHER:
                problem = f"it claims {captured} captured bytes, more than the {self._max_caplen} it may have"
        scratch = self._scratch
        offset = scratch.offset[:count].copy()
        return Walked(
            next=at,
            status=status,
            need=need,
            problem=problem,
            block=offset - self._header,
            offset=offset,
            caplen=scratch.caplen[:count].copy(),
            wirelen=scratch.wirelen[:count].copy(),
            ts_ns=scratch.ts_ns[:count].copy(),
            linktype=np.full(count, self.linktype, np.uint16),
            interface=np.zeros(count, np.int32),
            clamped={},
        )

    def _walk_compiled(self, buf: npt.NDArray[np.uint8], start: int, end: int) -> tuple[int, int, int]:
        from nvgre_inspect.kernels.walk import walk_pcap

        to = self._scratch
        count, at, status = walk_pcap(
            buf,
            start,
            end,
            self._big,
            self._header,
            self._factor,
            self._lengths,
            self._max_caplen,
            to.offset,
            to.caplen,
            to.wirelen,
            to.ts_ns,
        )
        return int(count), int(at), int(status)

    def _walk_python(self, buf: npt.NDArray[np.uint8], start: int, end: int) -> tuple[int, int, int]:
        """What `kernels.walk.walk_pcap` does, without numba: for files that end before it would be loaded."""
        view, to, header = buf.data, self._scratch, self._header
        at, count = start, 0
        while at + header <= end:
            if count == BATCH_FRAMES:
                return count, at, cf.FULL
            captured, wire = self._captured_and_wire(view, at)
            if captured > self._max_caplen:
                return count, at, cf.OTHER
            if at + header + captured > end:
                return count, at, cf.MORE
            to.offset[count] = at + header
            to.caplen[count] = captured
            to.wirelen[count] = wire
            to.ts_ns[count] = self._time(view, at)
            count += 1
            at += header + captured
        return count, at, cf.MORE

    def _captured_and_wire(self, view: memoryview | bytes, at: int) -> tuple[int, int]:
        captured: int
        wire: int
        _, _, captured, wire = self._record.unpack_from(view, at)
        if self._lengths == cf.LENGTHS_SWAPPED or (self._lengths == cf.LENGTHS_UNCLEAR and captured > wire):
            captured, wire = wire, captured
        return captured, max(captured, wire)

    def _time(self, view: memoryview | bytes, at: int) -> int:
        seconds, fraction, _, _ = self._record.unpack_from(view, at)
        return int(seconds * 1_000_000_000 + fraction * self._factor)

    def read_frame(self, read: ReadAgain, position: int) -> Frame | None:
        """See `Format.read_frame`."""
        head = read(position, self._header)
        if position < HEADER_LENGTH or len(head) < self._header:
            return None
        captured, wire = self._captured_and_wire(head, 0)
        if captured > self._max_caplen:
            return None
        data = read(position + self._header, captured)
        if len(data) < captured:
            return None
        return Frame(data, self._time(head, 0), wire, self.linktype, 0, "")


def _meaning_of_lengths(major: int, minor: int) -> int:
    """As libpcap has it."""
    meaning: int = cf.LENGTHS_USUAL
    if major == _VERSION_DIGITAL_UNIX or (major == 2 and minor < 3):
        meaning = cf.LENGTHS_SWAPPED
    elif major == 2 and minor == 3:
        meaning = cf.LENGTHS_UNCLEAR
    return meaning
