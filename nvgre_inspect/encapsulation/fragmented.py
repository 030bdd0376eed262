"""A fragmented IP packet: its pieces, and its header once it is whole (RFC 791 section 3.2, RFC 8200 section 4.5).

Limits: of several fragment headers in one IPv6 chain only the first counts; a packet with more stays a fragment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from dissectors import offsets
from dissectors.checksum import internet_checksum
from dissectors.ipv4 import Fragment, IPv4
from dissectors.ipv6 import IPv6
from dissectors.ipv6_extension import FragmentHeader

_LONGEST = 0xFFFF


class Piece(NamedTuple):
    """What a fragment contributes to the payload: from `start` to `end`, as far as it was captured."""

    start: int
    end: int
    data: bytes


@dataclass(slots=True)
class Payload:
    """The pieces of a packet's payload that are there; they never overlap."""

    pieces: list[Piece] = field(default_factory=list)
    covered: int = 0
    #: None: the last fragment is missing.
    length: int | None = None

    def add(self, piece: Piece, *, last: bool) -> bool:
        """Put a piece into its place; False where it contradicts those that are there."""
        at = bisect_left(self.pieces, piece)
        if at < len(self.pieces) and self.pieces[at] == piece:
            return True  # a copy
        before = self.pieces[at - 1].end if at else 0
        behind = self.pieces[at].start if at < len(self.pieces) else piece.end
        if piece.start < before or piece.end > behind:
            return False
        length = piece.end if last else self.length
        end = max(piece.end, self.pieces[-1].end if self.pieces else 0)
        if length is not None and (end > length or self.length not in (None, length)):
            return False
        self.pieces.insert(at, piece)
        self.covered += piece.end - piece.start
        self.length = length
        return True

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there, captured or not."""
        return self.covered == self.length

    def captured(self) -> bytes:
        """Its bytes up to the first that was not captured."""
        parts = []
        for piece in self.pieces:
            parts.append(piece.data)
            if len(piece.data) < piece.end - piece.start:
                break
        return b"".join(parts)


def parse(packet: bytes) -> tuple[Hashable, Fragment] | None:
    """What all fragments of a packet have in common, and what this one says; None for a whole packet.

    `packet` begins with an IP header that decoding has found to be all there.
    """
    if packet[0] >> 4 == 4:
        four = IPv4(packet)
        fragment = four.fragment
        return None if fragment is None else ((four.src, four.dst, four.id, four.protocol), fragment)
    six = IPv6(packet)
    fragments = six.fragments
    return ((six.src, six.dst, fragments[0].id), fragments[0]) if fragments else None


def whole_header(packet: bytes, length: int) -> bytes | None:
    """The header of a packet of which `packet` is the first fragment and `length` the payload's length.

    None: it would be too long for the length field.
    """
    return _whole_ipv4(packet, length) if packet[0] >> 4 == 4 else _whole_ipv6(packet, length)


def _whole_ipv4(packet: bytes, length: int) -> bytes | None:
    header = IPv4(packet)
    total = header.header_len + length
    if total > _LONGEST:
        return None
    header.total_length = total
    header.mf = header.offset = header.checksum = 0
    header.checksum = internet_checksum(header.pack_hdr() + header.options)
    return bytes(header.pack_hdr() + header.options)


def _whole_ipv6(packet: bytes, length: int) -> bytes | None:
    announced = offsets.IP6_NEXT
    for start, extension in IPv6(packet).located_extensions():
        if isinstance(extension, FragmentHeader):
            payload = start - offsets.IP6_LEN + length
            if payload > _LONGEST:
                return None
            header = bytearray(packet[:start])
            header[announced] = extension.next_header
            header[offsets.IP6_PAYLOAD_LEN : offsets.IP6_PAYLOAD_LEN + 2] = payload.to_bytes(2, "big")
            return bytes(header)
        announced = start
    return None
