"""The pcapng format (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces, frames.

    block          type, length of the whole block: 32 bits each; content; length again

Enhanced, simple and obsolete packet blocks are frames; interface descriptions and statistics, section
headers and name resolution are read; other blocks are skipped. A simple packet has no time stamp and takes
that of the frame before it.

Limits: blocks above 64 MiB, more than 65,536 interfaces or sections, and whatever contradicts itself
(lengths that differ, a frame of an interface not described) count as damage.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from nvgre_inspect.capture import pcapng_block
from nvgre_inspect.capture.clock import Clock
from nvgre_inspect.capture.limits import MAX_INTERFACES, MAX_RECORD
from nvgre_inspect.capture.walked import BATCH_FRAMES, Int64, ReadAgain, Scratch, Walked
from nvgre_inspect.kernels import capture_format as cf
from nvgre_inspect.model.source import Frame, InterfaceInfo

MAGIC = cf.SECTION_HEADER.to_bytes(4, "big")

_MIN_LENGTH = {
    cf.SECTION_HEADER: 28,
    cf.INTERFACE_DESCRIPTION: 20,
    cf.OBSOLETE_PACKET: cf.PACKET_DATA + 4,
    cf.SIMPLE_PACKET: cf.SIMPLE_PACKET_DATA + 4,
    cf.INTERFACE_STATISTICS: 24,
    cf.ENHANCED_PACKET: cf.PACKET_DATA + 4,
}
#: In an obsolete packet block: how many frames were lost before this one is not known.
_DROPS_UNKNOWN = 0xFFFF
#: Blocks that the compiled walk leaves alone.
_NOT_COMPILED = frozenset(
    {
        cf.SECTION_HEADER,
        cf.INTERFACE_DESCRIPTION,
        cf.OBSOLETE_PACKET,
        cf.NAME_RESOLUTION,
        cf.INTERFACE_STATISTICS,
    }
)
#: More clocks than this in one batch are nobody's capture: their frames are converted one by one.
_MANY_CLOCKS = 64
#: Characters of comments and entries of names kept of one file.
_COMMENTS_KEPT = 1 << 20
_NAMES_KEPT = 65_536


class _DamagedError(Exception):
    """A block contradicts itself; the message completes "… bytes into the file, …"."""


class PcapngFormat:
    """A pcapng file and what its blocks have said so far."""

    start = 0

    def __init__(self, file: str) -> None:
        self.interfaces: list[InterfaceInfo] = []
        #: Names of addresses from name resolution blocks.
        self.names: dict[str, str] = {}
        self._file = file
        self._clocks: list[Clock] = []
        self._clock_numbers: dict[Clock, int] = {}
        #: One entry per interface: the number of its clock, and its link type.
        self._clock_of = array("q")
        self._linktype_of = array("H")
        self._comments_left = _COMMENTS_KEPT
        # The current section, and where each began: position, byte order, number of its first interface.
        self._order = "<"
        self._first = 0
        self._section_comments: list[str] = []
        self._sections: list[tuple[int, str, int]] = []
        # Times given to simple packets, as runs: position of the first block, nanoseconds.
        self._last_ns = 0
        self._untimed_positions = array("q")
        self._untimed_ns = array("q")
        self._scratch = Scratch()

    # --- walking ---------------------------------------------------------------------------------------

    def walk(self, buf: npt.NDArray[np.uint8], start: int, end: int, base: int, compiled: bool) -> Walked:
        """See `Format.walk`."""
        view = buf.data
        at, count, status, need, problem = start, 0, cf.MORE, cf.BLOCK_OVERHEAD, ""
        while True:
            if compiled and self._is_run(view, at, end):
                found, at, status = self._walk_compiled(buf, at, end, count)
                count += found
                if status == cf.FULL:
                    break
            # Whatever stopped the compiled walk, one block is looked at here, which also finds out why.
            if end - at < cf.BLOCK_OVERHEAD:
                status = cf.MORE
                break
            try:
                length = self._block_length(view, at)
                need = length
                if at + length > end:
                    status = cf.MORE
                    break
                kind = self._check_block(view, at, length)
                if kind in (cf.ENHANCED_PACKET, cf.SIMPLE_PACKET, cf.OBSOLETE_PACKET):
                    if count == BATCH_FRAMES:
                        status = cf.FULL
                        break
                    self._packet(view, at, length, kind, count)
                    count += 1
                elif kind in _MIN_LENGTH or kind == cf.NAME_RESOLUTION:
                    self._describe(kind, bytes(view[at : at + length]), base + at)
            except _DamagedError as error:
                status, problem = cf.OTHER, str(error)
                break
            at += length
            need = cf.BLOCK_OVERHEAD
        return self._walked(at, status, need, problem, count, base)

    def _is_run(self, view: memoryview, at: int, end: int) -> bool:
        """Whether the compiled walk gets anywhere from `at`: calling it costs as much as several blocks here."""
        return at + 4 <= end and struct.unpack_from(self._order + "I", view, at)[0] not in _NOT_COMPILED

    def _walk_compiled(self, buf: npt.NDArray[np.uint8], at: int, end: int, count: int) -> tuple[int, int, int]:
        """Frames of the current section from `at` on, into the scratch arrays from `count` on."""
        from nvgre_inspect.kernels.walk import walk_pcapng

        to = self._scratch
        interface = to.interface[count:]
        found, at, status = walk_pcapng(
            buf,
            at,
            end,
            self._order == ">",
            len(self.interfaces) - self._first,
            self._section_snaplen(),
            MAX_RECORD,
            to.block[count:],
            to.offset[count:],
            to.caplen[count:],
            to.wirelen[count:],
            to.high[count:],
            to.low[count:],
            interface,
        )
        interface[:found] += self._first
        return int(found), int(at), int(status)

    def _block_length(self, view: memoryview, at: int) -> int:
        order = self._order
        kind = int.from_bytes(view[at : at + 4], "big")
        if kind == cf.SECTION_HEADER:
            new_order = pcapng_block.byte_order(bytes(view[at : at + 12]))
            if new_order is None:
                raise _DamagedError("a section header has no byte-order magic")
            order = new_order
        length = int(struct.unpack_from(order + "I", view, at + 4)[0])
        if length < cf.BLOCK_OVERHEAD or length % 4:
            raise _DamagedError(f"a block has the impossible length {length}")
        if length > MAX_RECORD:
            raise _DamagedError(f"a block claims {length} bytes, more than the {MAX_RECORD} it may have")
        return length

    def _check_block(self, view: memoryview, at: int, length: int) -> int:
        """The type of a block that is there as a whole. A section header takes effect at once."""
        order = self._order
        if bytes(view[at : at + 4]) == MAGIC:
            order = pcapng_block.byte_order(bytes(view[at : at + 12])) or order
        kind, _ = struct.unpack_from(order + "II", view, at)
        (again,) = struct.unpack_from(order + "I", view, at + length - 4)
        if again != length:
            raise _DamagedError(f"a block gives its length as {length} at its start and {again} at its end")
        if length < _MIN_LENGTH.get(kind, 0):
            raise _DamagedError(f"a block of type {kind} is only {length} bytes long")
        return int(kind)

    def _packet(self, view: memoryview, at: int, length: int, kind: int, i: int) -> None:
        """Enter the frame of a packet block into the scratch arrays."""
        first = self._first
        interface, high, low, captured, wire = _packet_fields(
            view, at, length, kind, self._order, len(self.interfaces) - first, self._section_snaplen()
        )
        header = cf.SIMPLE_PACKET_DATA if kind == cf.SIMPLE_PACKET else cf.PACKET_DATA
        to = self._scratch
        to.block[i], to.offset[i] = at, at + header
        to.caplen[i], to.wirelen[i] = captured, wire
        to.high[i], to.low[i] = high, low
        to.interface[i] = first + interface
        if kind == cf.OBSOLETE_PACKET:
            (drops,) = struct.unpack_from(self._order + "H", view, at + 10)
            if drops != _DROPS_UNKNOWN:
                info = self.interfaces[first + interface]
                info.dropped_kernel = (info.dropped_kernel or 0) + drops

    def _walked(self, at: int, status: int, need: int, problem: str, count: int, base: int) -> Walked:
        scratch = self._scratch
        interface = scratch.interface[:count].astype(np.int32)
        block = scratch.block[:count].copy()
        ts_ns, clamped = self._times(count, interface)
        untimed = np.flatnonzero(scratch.high[:count] == cf.NO_TIME)
        if len(untimed):
            self._time_the_untimed(untimed, ts_ns, block + base)
        if count:
            self._last_ns = int(ts_ns[-1])
        if len(self.interfaces) == 1:
            linktype = np.full(count, self._linktype_of[0], np.uint16)
        else:
            linktype = np.frombuffer(self._linktype_of.tobytes(), np.uint16)[interface]
        return Walked(
            next=at,
            status=status,
            need=need,
            problem=problem,
            block=block,
            offset=scratch.offset[:count].copy(),
            caplen=scratch.caplen[:count].copy(),
            wirelen=scratch.wirelen[:count].copy(),
            ts_ns=ts_ns,
            linktype=linktype,
            interface=interface,
            clamped=clamped,
        )

    def _time_the_untimed(self, untimed: npt.NDArray[np.intp], ts_ns: Int64, position: Int64) -> None:
        """Give frames without a time stamp the time of the frame before, and remember it for `read_frame`."""
        source = np.arange(len(ts_ns))
        source[untimed] = -1
        source = np.maximum.accumulate(source)  # of each frame: the last one up to it that has a time
        ts_ns[untimed] = np.where(source[untimed] < 0, self._last_ns, ts_ns[source[untimed]])
        times = ts_ns[untimed]
        before = self._untimed_ns[-1] if self._untimed_ns else None
        changed = np.flatnonzero(np.diff(times, prepend=times[0]) != 0)
        if times[0] != before:
            changed = np.concatenate([[0], changed])
        self._untimed_positions.extend(position[untimed[changed]].tolist())
        self._untimed_ns.extend(times[changed].tolist())

    def _times(self, count: int, interface: npt.NDArray[np.int32]) -> tuple[Int64, dict[int, int]]:
        """Nanoseconds of the frames in the scratch arrays, and how many were clamped per interface."""
        high = np.maximum(self._scratch.high[:count], 0).astype(np.uint64)  # NO_TIME is below 0
        units = high << np.uint64(32) | self._scratch.low[:count].astype(np.uint64)
        if len(self._clocks) == 1:
            ts_ns, clamped_frames = self._clocks[0].many(units)
        else:
            ts_ns, clamped_frames = self._times_of_many(units, interface)
        if not clamped_frames:
            return ts_ns, {}
        clamped: dict[int, int] = {}
        for number, value in zip(interface.tolist(), units.tolist(), strict=True):
            if self._clocks[self._clock_of[number]].one(value)[1]:
                clamped[number] = clamped.get(number, 0) + 1
        return ts_ns, clamped

    def _times_of_many(self, units: npt.NDArray[np.uint64], interface: npt.NDArray[np.int32]) -> tuple[Int64, int]:
        clock_of = np.frombuffer(self._clock_of.tobytes(), np.int64)[interface]
        present = np.unique(clock_of)
        if len(present) > _MANY_CLOCKS:
            pairs = [
                self._clocks[number].one(value) for number, value in zip(clock_of.tolist(), units.tolist(), strict=True)
            ]
            return np.array([ns for ns, _ in pairs], np.int64), sum(was for _, was in pairs)
        ts_ns = np.empty(len(units), np.int64)
        clamped = 0
        for number in present.tolist():
            mask = clock_of == number
            ts_ns[mask], more = self._clocks[number].many(units[mask])
            clamped += more
        return ts_ns, clamped

    # --- blocks that describe --------------------------------------------------------------------------

    def _describe(self, kind: int, block: bytes, position: int) -> None:
        if kind == cf.SECTION_HEADER:
            self._begin_section(block, position)
        elif kind == cf.INTERFACE_DESCRIPTION:
            self._add_interface(block)
        elif kind == cf.INTERFACE_STATISTICS:
            self._add_statistics(block)
        elif kind == cf.NAME_RESOLUTION:
            for address, name in pcapng_block.parse_names(block, self._order):
                if len(self.names) < _NAMES_KEPT:
                    self.names.setdefault(address, name)

    def _begin_section(self, block: bytes, position: int) -> None:
        order = pcapng_block.byte_order(block)
        assert order is not None  # checked with the block's length
        major, minor = struct.unpack_from(order + "HH", block, 12)
        if major != 1 or minor not in (0, 2):  # 1.2 is 1.0, as some writers had it
            raise _DamagedError(f"a section has version {major}.{minor}, which is not known here")
        if len(self._sections) == MAX_INTERFACES:
            raise _DamagedError(f"there are more than {MAX_INTERFACES} sections")
        self._order = order
        self._first = len(self.interfaces)
        self._sections.append((position, order, self._first))
        found = pcapng_block.comments(block, pcapng_block.SECTION_OPTIONS, len(block) - 4, order)
        self._section_comments = self._keep(found)

    def _add_interface(self, block: bytes) -> None:
        if len(self.interfaces) == MAX_INTERFACES:
            raise _DamagedError(f"there are more than {MAX_INTERFACES} interfaces")
        found = pcapng_block.parse_interface(block, self._order)
        clock = Clock(found.resolution, found.offset_s)
        number = self._clock_numbers.setdefault(clock, len(self._clocks))
        if number == len(self._clocks):
            self._clocks.append(clock)
        # Before the interface is counted: another thread may be reading a frame again.
        self._clock_of.append(number)
        self._linktype_of.append(found.linktype)
        self.interfaces.append(
            InterfaceInfo(
                file=self._file,
                interface=len(self.interfaces),
                name=found.name,
                linktype=found.linktype,
                snaplen=found.snaplen,
                description=found.description,
                comments=self._section_comments + self._keep(found.comments),
            )
        )
        self._section_comments = []  # said once, with the section's first interface

    def _add_statistics(self, block: bytes) -> None:
        found = pcapng_block.parse_statistics(block, self._order)
        number = self._first + found.interface
        if number >= len(self.interfaces):
            return  # statistics of nothing: no reason to give up the frames that follow
        info = self.interfaces[number]
        if found.received is not None:
            info.received = found.received
        if found.dropped_interface is not None:
            info.dropped_interface = found.dropped_interface
        if found.dropped_kernel is not None:
            info.dropped_kernel = found.dropped_kernel

    def _keep(self, comments: list[str]) -> list[str]:
        """As many of the comments as the memory for them allows."""
        kept = []
        for comment in comments:
            if len(comment) > self._comments_left:
                break
            self._comments_left -= len(comment) + 1
            kept.append(comment)
        return kept

    # --- reading again ---------------------------------------------------------------------------------

    def read_frame(self, read: ReadAgain, position: int) -> Frame | None:
        """See `Format.read_frame`."""
        section = bisect_right(self._sections, position, key=lambda entry: entry[0]) - 1
        if section < 0:
            return None
        _, order, first = self._sections[section]
        is_last = section + 1 == len(self._sections)
        following = len(self.interfaces) if is_last else self._sections[section + 1][2]
        head = read(position, cf.BLOCK_OVERHEAD)
        if len(head) < cf.BLOCK_OVERHEAD:
            return None
        kind, length, _ = struct.unpack(order + "III", head)
        if kind not in (cf.ENHANCED_PACKET, cf.SIMPLE_PACKET, cf.OBSOLETE_PACKET):
            return None
        if not _MIN_LENGTH[kind] <= length <= MAX_RECORD:
            return None
        block = read(position, length)
        if len(block) < length:
            return None
        try:
            interface, high, low, captured, wire = _packet_fields(
                block, 0, length, kind, order, following - first, self._section_snaplen(first)
            )
        except _DamagedError:
            return None
        number = first + interface
        if kind == cf.SIMPLE_PACKET:
            ts_ns, data_at = self._untimed(position), cf.SIMPLE_PACKET_DATA
            comment = ""
        else:
            ts_ns, _ = self._clocks[self._clock_of[number]].one(high << 32 | low)
            data_at = cf.PACKET_DATA
            options_at = data_at + captured + -captured % 4
            comment = "\n".join(pcapng_block.comments(block, options_at, length - 4, order))
        data = block[data_at : data_at + captured]
        return Frame(data, ts_ns, wire, self.interfaces[number].linktype, number, comment)

    def _section_snaplen(self, first: int | None = None) -> int:
        """Snapshot length of a section's first interface (by default of the current section); 0: none."""
        first = self._first if first is None else first
        return self.interfaces[first].snaplen if first < len(self.interfaces) else 0

    def _untimed(self, position: int) -> int:
        run = bisect_right(self._untimed_positions, position) - 1
        return self._untimed_ns[run] if run >= 0 else 0


def _packet_fields(
    view: memoryview | bytes,
    at: int,
    length: int,
    kind: int,
    order: str,
    interfaces: int,
    snaplen: int,
) -> tuple[int, int, int, int, int]:
    """Interface within the section, halves of the time stamp, captured length and length on the wire.

    The section has `interfaces`, of which the first has the snapshot length `snaplen`.
    """
    if kind == cf.SIMPLE_PACKET:
        (wire,) = struct.unpack_from(order + "I", view, at + 8)
        if interfaces == 0:
            raise _DamagedError("a simple packet comes before any interface")
        captured = min(wire, length - cf.SIMPLE_PACKET_DATA - 4, snaplen or wire)
        return 0, cf.NO_TIME, 0, captured, wire
    if kind == cf.OBSOLETE_PACKET:
        interface, _drops, high, low, captured, wire = struct.unpack_from(order + "HHIIII", view, at + 8)
    else:
        interface, high, low, captured, wire = struct.unpack_from(order + "IIIII", view, at + 8)
    if interface >= interfaces:
        raise _DamagedError(f"a frame is of interface {interface}, which is not described")
    if captured > length - cf.PACKET_DATA - 4:
        raise _DamagedError(f"a frame of {captured} bytes does not fit into its block of {length}")
    return interface, high, low, captured, max(captured, wire)
