"""TCP segments as bytes (RFC 9293 section 3.1), and back.

Options: maximum segment size (RFC 9293), window scale (RFC 7323), SACK permitted and SACK blocks (RFC 2018). No time
stamps, as Windows guests have it by default.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from dissectors import offsets
from nvgre_inspect.traffic.stack import checksum, payload

FIN, SYN, RST, PSH, ACK, ECE, CWR = (
    offsets.TCP_FIN,
    offsets.TCP_SYN,
    offsets.TCP_RST,
    offsets.TCP_PSH,
    offsets.TCP_ACK_FLAG,
    offsets.TCP_ECE,
    offsets.TCP_CWR,
)
HEADER_LEN = offsets.TCP_MIN_LEN
_HEADER = struct.Struct(">HHIIHHHH")
_BLOCK = struct.Struct(">II")
_END, _NOP, _MSS, _SCALE, _SACK_PERMITTED, _SACK = 0, 1, 2, 3, 4, 5
#: As many as fit into 40 bytes of options without time stamps (RFC 2018 section 3).
MOST_BLOCKS = 4
#: What a sender may expect of a peer that does not say (RFC 9293 section 3.7.1).
DEFAULT_MSS = {4: 536, 16: 1220}
MASK = 0xFFFFFFFF


class Options(NamedTuple):
    """What a SYN can say beside its header."""

    mss: int | None = None
    scale: int | None = None
    sack: bool = False


class Segment(NamedTuple):
    """A segment that came."""

    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    #: As in the header.
    window: int
    #: Header with options.
    header: bytes
    data: bytes

    @property
    def options(self) -> Options:
        """Those of a SYN; what is malformed is left out."""
        mss, scale, sack = None, None, False
        for kind, value in _options(self.header):
            if kind == _MSS and len(value) == 2:
                mss = value[0] << 8 | value[1]
            elif kind == _SCALE and len(value) == 1:
                scale = min(value[0], 14)
            elif kind == _SACK_PERMITTED:
                sack = True
        return Options(mss, scale, sack)

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """SACK blocks: first sequence number, and the one behind the last."""
        for kind, value in _options(self.header):
            if kind == _SACK and not len(value) % _BLOCK.size:
                return list(_BLOCK.iter_unpack(value))
        return []


def _options(header: bytes) -> list[tuple[int, bytes]]:
    found, place = [], HEADER_LEN
    while place < len(header) and header[place] != _END:
        if header[place] == _NOP:
            place += 1
            continue
        length = header[place + 1] if place + 1 < len(header) else 0
        if length < 2 or place + length > len(header):
            break
        found.append((header[place], header[place + 2 : place + length]))
        place += length
    return found


def parse(body: bytes) -> Segment | None:
    """The segment in the payload of an IP packet; None: too short for what it says. Checksum: `sound`."""
    if len(body) < HEADER_LEN:
        return None
    src, dst, seq, ack, offset, window, _, _ = _HEADER.unpack_from(body)
    end = (offset >> 12) * 4
    if not HEADER_LEN <= end <= len(body):
        return None
    return Segment(src, dst, seq, ack, offset & 0xFF, window, body[:end], body[end:])


def sound(pseudo: int, segment: Segment, data_offset: int) -> bool:
    """Whether the checksum is right; `data_offset`: where its data should stand in the stream of payload."""
    data = segment.data
    total = pseudo + checksum.partial(segment.header)
    if data:
        total += payload.sum_of(data, data_offset)
    return total % 0xFFFF == 0


def syn_options(mss: int, scale: int | None, sack: bool) -> bytes:
    """The options of a SYN; `scale` None: no window scaling."""
    options = struct.pack(">BBH", _MSS, 4, mss)
    if sack:
        options += bytes((_NOP, _NOP, _SACK_PERMITTED, 2))
    if scale is not None:
        options += bytes((_NOP, _SCALE, 3, scale))
    return options


def sack_option(blocks: Sequence[tuple[int, int]]) -> bytes:
    """The option with the first of these blocks."""
    blocks = blocks[:MOST_BLOCKS]
    start = bytes((_NOP, _NOP, _SACK, 2 + _BLOCK.size * len(blocks)))
    return start + b"".join(_BLOCK.pack(first & MASK, end & MASK) for first, end in blocks)


def emit(
    pseudo: int,
    ports: tuple[int, int],
    seq: int,
    ack: int,
    flags: int,
    window: int,
    options: bytes = b"",
    offset: int = 0,
    length: int = 0,
) -> bytes:
    """A segment with `length` bytes of the stream of payload from `offset` on.

    `pseudo` is the sum of the pseudo-header without the length; `seq` and `ack` may be beyond 2^32.
    """
    header_len = HEADER_LEN + len(options)
    head = header_len << 10 | flags
    seq &= MASK
    ack &= MASK
    total = (
        pseudo
        + header_len
        + length
        + ports[0]
        + ports[1]
        + (seq >> 16)
        + (seq & 0xFFFF)
        + (ack >> 16)
        + (ack & 0xFFFF)
        + head
        + window
    )
    if options:
        total += checksum.partial(options)
    if length:
        total += payload.piece_sum(offset, length)
    header = _HEADER.pack(ports[0], ports[1], seq, ack, head, window, -total % 0xFFFF, 0)
    if length:
        return b"".join((header, options, payload.piece(offset, length)))
    return header + options
