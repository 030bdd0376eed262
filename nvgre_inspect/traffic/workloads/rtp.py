"""RTP headers (RFC 3550 section 5.1), so that voice and video look like what they are."""

from __future__ import annotations

import random
import struct

HEADER_LEN = 12
_HEADER = struct.Struct(">BBHII")
_VERSION = 2 << 6
_MARKER = 0x80
#: Payload types: G.711 mu-law (RFC 3551), and the first of those that are agreed upon.
PCMU, DYNAMIC = 0, 96


class Source:
    """A stream of one sender's; sequence number, time stamp and identifier begin at random."""

    def __init__(self, stream: random.Random, payload_type: int) -> None:
        self._type = payload_type
        self._sequence = stream.getrandbits(16)
        self._offset = stream.getrandbits(32)
        self._source = stream.getrandbits(32)

    def header(self, ticks: int, *, marker: bool = False) -> bytes:
        """The next packet's, sampled `ticks` of the payload's clock after the start."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        kind = self._type | (_MARKER if marker else 0)
        return _HEADER.pack(_VERSION, kind, self._sequence, (self._offset + ticks) & 0xFFFFFFFF, self._source)
