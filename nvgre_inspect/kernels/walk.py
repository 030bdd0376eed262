"""Walk: from the bytes of a capture file to where its frames are, and back.

Each walk goes over `buf[start:end]`, fills one entry per frame of the arrays it is given, and returns
`(count, next, status)`: frames found, where it stopped, and why. Times and link types are left to the
caller where they need the file's tables. What a walk does not handle it leaves at `next` for
`capture/pcap.py` and `capture/pcapng.py`, whose plain-Python walks do the same without numba and also say
what is wrong.

    pcap record   seconds, fraction, captured length, length on the wire: 32 bits each; then the frame
    pcapng EPB    type 6, block length, interface, time high, time low, captured length, length on the wire:
                  32 bits each; the frame, padded to 32 bits; options; block length again
    pcapng SPB    type 3, block length, length on the wire; the frame, padded to 32 bits; block length again

Limits: `start` and `end` must lie within `buf` (asserted by callers); every length is checked before it is
used.
"""

from nvgre_inspect.kernels.capture_format import (
    BLOCK_OVERHEAD,
    ENHANCED_PACKET,
    FULL,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    LENGTHS_SWAPPED,
    LENGTHS_UNCLEAR,
    MORE,
    NO_TIME,
    OTHER,
    PACKET_DATA,
    SECTION_HEADER,
    SIMPLE_PACKET,
    SIMPLE_PACKET_DATA,
)
from nvgre_inspect.kernels.compiled import jit
from nvgre_inspect.kernels.copying import copy

_EPB_MIN = PACKET_DATA + 4
_SPB_MIN = SIMPLE_PACKET_DATA + 4


@jit
def _u32(buf, at, big):
    a, b, c, d = int(buf[at]), int(buf[at + 1]), int(buf[at + 2]), int(buf[at + 3])
    if big:
        return a << 24 | b << 16 | c << 8 | d
    return d << 24 | c << 16 | b << 8 | a


@jit
def walk_pcap(buf, start, end, big, header, factor, lengths, max_caplen, offset, caplen, wirelen, ts_ns):
    """Records of a pcap file.

    `header`: bytes of a record header (16, or 24 of the Kuznetzov variant); `factor`: nanoseconds of a unit
    of the fraction; `lengths`: what the two length fields mean (LENGTHS_…); `max_caplen`: a larger captured
    length is damage. The arrays are int64.
    """
    at = start
    count = 0
    room = len(offset)
    while at + header <= end:
        if count == room:
            return count, at, FULL
        seconds = _u32(buf, at, big)
        fraction = _u32(buf, at + 4, big)
        captured = _u32(buf, at + 8, big)
        wire = _u32(buf, at + 12, big)
        if lengths == LENGTHS_SWAPPED or (lengths == LENGTHS_UNCLEAR and captured > wire):
            captured, wire = wire, captured
        if captured > max_caplen:
            return count, at, OTHER
        if at + header + captured > end:
            return count, at, MORE
        offset[count] = at + header
        caplen[count] = captured
        wirelen[count] = max(wire, captured)
        ts_ns[count] = seconds * 1_000_000_000 + fraction * factor
        count += 1
        at += header + captured
    return count, at, MORE


@jit
def walk_pcapng(
    buf, start, end, big, interfaces, snaplen, max_block, block, offset, caplen, wirelen, high, low, interface
):
    """Enhanced and simple packet blocks of one pcapng section, up to the next block that the caller must see.

    `interfaces`: how many the section has described; `snaplen`: that of the first of them. `high` and `low`
    are the halves of the time stamp in units of the interface (a simple packet has none: NO_TIME),
    `interface` its number in the section, `block` where the block starts; all arrays are int64.
    """
    at = start
    count = 0
    room = len(offset)
    while at + BLOCK_OVERHEAD <= end:
        kind = _u32(buf, at, big)
        length = _u32(buf, at + 4, big)
        if (
            kind == SECTION_HEADER
            or (kind >= INTERFACE_DESCRIPTION and kind <= INTERFACE_STATISTICS and kind != SIMPLE_PACKET)
            or length < BLOCK_OVERHEAD
            or length % 4 != 0
            or length > max_block
        ):
            return count, at, OTHER
        if at + length > end:
            return count, at, MORE
        if _u32(buf, at + length - 4, big) != length:
            return count, at, OTHER
        if kind == SIMPLE_PACKET:
            if count == room:
                return count, at, FULL
            if length < _SPB_MIN or interfaces == 0:
                return count, at, OTHER
            wire = _u32(buf, at + 8, big)
            captured = min(wire, length - _SPB_MIN)
            if snaplen > 0:
                captured = min(captured, snaplen)
            block[count] = at
            offset[count] = at + SIMPLE_PACKET_DATA
            caplen[count] = captured
            wirelen[count] = wire
            high[count] = NO_TIME
            low[count] = 0
            interface[count] = 0
            count += 1
        elif kind == ENHANCED_PACKET:
            if count == room:
                return count, at, FULL
            if length < _EPB_MIN:
                return count, at, OTHER
            number = _u32(buf, at + 8, big)
            captured = _u32(buf, at + 20, big)
            if number >= interfaces or captured > length - _EPB_MIN:
                return count, at, OTHER
            block[count] = at
            offset[count] = at + PACKET_DATA
            caplen[count] = captured
            wirelen[count] = max(_u32(buf, at + 24, big), captured)
            high[count] = _u32(buf, at + 12, big)
            low[count] = _u32(buf, at + 16, big)
            interface[count] = number
            count += 1
        at += length
    return count, at, MORE


@jit
def _put_u32(out, at, value):
    out[at] = value & 0xFF
    out[at + 1] = value >> 8 & 0xFF
    out[at + 2] = value >> 16 & 0xFF
    out[at + 3] = value >> 24 & 0xFF


@jit
def emit_pcap(buf, offset, caplen, wirelen, ts_ns, factor, out):
    """Write frames as little-endian pcap records into `out` (uint8, at least the sum of 16 + captured
    length).

    `ts_ns` must lie within 0 and 2**32 seconds. Returns the number of bytes written.
    """
    at = 0
    for i in range(len(offset)):
        seconds = ts_ns[i] // 1_000_000_000
        captured = caplen[i]
        _put_u32(out, at, seconds)
        _put_u32(out, at + 4, (ts_ns[i] - seconds * 1_000_000_000) // factor)
        _put_u32(out, at + 8, captured)
        _put_u32(out, at + 12, wirelen[i])
        copy(buf, offset[i], out, at + 16, captured)
        at += 16 + captured
    return at


@jit
def emit_pcapng(buf, offset, caplen, wirelen, ts_ns, interface, texts, text_at, text_len, out):
    """Write frames as little-endian enhanced packet blocks of nanosecond interfaces into `out` (uint8).

    `texts[text_at[i] : text_at[i] + text_len[i]]` are the options of frame i, whole multiples of 4 bytes. `out` holds
    at least the sum of 32 + captured length rounded up to 4 + options. Returns the number of bytes written.
    """
    at = 0
    for i in range(len(offset)):
        captured = caplen[i]
        padded = (captured + 3) // 4 * 4
        options = text_len[i]
        length = _EPB_MIN + padded + options
        _put_u32(out, at, ENHANCED_PACKET)
        _put_u32(out, at + 4, length)
        _put_u32(out, at + 8, interface[i])
        _put_u32(out, at + 12, ts_ns[i] >> 32)
        _put_u32(out, at + 16, ts_ns[i])
        _put_u32(out, at + 20, captured)
        _put_u32(out, at + 24, wirelen[i])
        copy(buf, offset[i], out, at + 28, captured)
        for k in range(captured, padded):
            out[at + 28 + k] = 0
        behind = at + 28 + padded
        for k in range(options):
            out[behind + k] = texts[text_at[i] + k]
        _put_u32(out, behind + options, length)
        at += length
    return at
