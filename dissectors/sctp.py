"""SCTP: the common header and the list of chunks of the Stream Control Transmission Protocol (RFC 9260).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------------------------------+-------------------------------+
    |          Source port          |       Destination port        |
    +-------------------------------+-------------------------------+
    |                       Verification tag                        |
    +---------------------------------------------------------------+
    |                       Checksum (CRC32c)                       |
    +---------------+---------------+-------------------------------+
    |  Chunk type   |     Flags     |  Length, without padding to 4 |   for each chunk, in `data`
    +---------------+---------------+-------------------------------+

Limits: chunks are named and counted, not looked into.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dissectors import checksum, offsets
from dissectors.base import FieldSpec, Header, show_hex

_CHUNK_NAMES = {
    0: "DATA",
    1: "INIT",
    2: "INIT_ACK",
    3: "SACK",
    4: "HEARTBEAT",
    5: "HEARTBEAT_ACK",
    6: "ABORT",
    7: "SHUTDOWN",
    8: "SHUTDOWN_ACK",
    9: "ERROR",
    10: "COOKIE_ECHO",
    11: "COOKIE_ACK",
    12: "ECNE",
    13: "CWR",
    14: "SHUTDOWN_COMPLETE",
    15: "AUTH",
    64: "I_DATA",
    128: "ASCONF_ACK",
    130: "RE_CONFIG",
    132: "PAD",
    192: "FORWARD_TSN",
    193: "ASCONF",
    194: "I_FORWARD_TSN",
}
#: Chunks named in one line of info.
_INFO_CHUNKS = 8


class Chunk(NamedTuple):
    """Head of a chunk."""

    type: int
    flags: int
    #: Bytes, head included and padding not.
    length: int
    #: From the start of the SCTP header.
    start: int

    @property
    def name(self) -> str:
        """`INIT_ACK`, or `chunk 77`."""
        return _CHUNK_NAMES.get(self.type, f"chunk {self.type}")


class SCTP(Header):
    """The common header: 12 bytes."""

    TITLE = "Stream Control Transmission Protocol"
    PROTOCOL = "sctp"
    FIELDS = (
        FieldSpec("sport", "sctp.srcport", "Source port", 0, 2),
        FieldSpec("dport", "sctp.dstport", "Destination port", 2, 2),
        FieldSpec("verification_tag", "sctp.verification_tag", "Verification tag", 4, 4, show_hex(8)),
        FieldSpec("checksum", "sctp.checksum", "Checksum", 8, 4, show_hex(8)),
    )

    sport: int
    dport: int
    verification_tag: int
    checksum: int
    __hdr__: Any = (
        ("sport", "H", 0),
        ("dport", "H", 0),
        ("verification_tag", "I", 0),
        ("checksum", "I", 0),
    )

    def chunks(self) -> list[Chunk]:
        """Heads of the chunks in `data`, up to the first whose length cannot be (below 4), or that is not there."""
        data = bytes(self.data)
        result = []
        position = 0
        while position + 4 <= len(data):
            length = int.from_bytes(data[position + 2 : position + 4], "big")
            if length < 4:
                break
            start = offsets.SCTP_LEN + position
            result.append(Chunk(data[position], data[position + 1], length, start))
            position += length + -length % 4
        return result

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum, which covers no pseudo header."""
        self.checksum = checksum.sctp_checksum(bytes(self))

    def info(self) -> str:
        """`5000 → 5001 INIT`."""
        names = [chunk.name for chunk in self.chunks()]
        more = " …" if len(names) > _INFO_CHUNKS else ""
        return f"{self.sport} → {self.dport} {' '.join(names[:_INFO_CHUNKS])}".rstrip() + more
