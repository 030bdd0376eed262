"""ERSPAN: switches' mirrored frames in GRE (draft-foschiano-erspan-03).

Type I has no header: GRE protocol type 0x88BE without a sequence number, the mirrored frame follows. Type
II (0x88BE with a sequence number, section 4.2):

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-----------------------+-----+---+-+-------------------+
    | Ver=1 |          VLAN         | COS |En |T|    Session ID     |
    +-------+---------------+-------+-----+---+-+-------------------+
    |      Reserved         |                  Index                |
    +-----------------------+---------------------------------------+

Type III (0x22EB, section 4.3), with a platform specific subheader of 8 bytes if O is set:

    +-------+-----------------------+-----+---+-+-------------------+
    | Ver=2 |          VLAN         | COS |BSO|T|    Session ID     |
    +-------+-----------------------+-----+---+-+-------------------+
    |                          Timestamp                            |
    +-------------------------------+-+---------+-----------+-+---+-+
    |             SGT               |P|    FT   |   Hw ID   |D|Gra|O|
    +-------------------------------+-+---------+-----------+-+---+-+

Limits: the subheader is kept as bytes; time stamps are shown as their raw number.
"""

from __future__ import annotations

from typing import ClassVar

from dissectors import anomalies, offsets
from dissectors.base import Field, FieldSpec, Header

VERSION_II = 1
VERSION_III = 2
#: Frame types of type III.
FRAME_ETHERNET = 0
FRAME_IP = 2

_COMMON_FIELDS = (
    FieldSpec("version", "erspan.version", "Version", 0, 1),
    FieldSpec("vlan", "erspan.vlan", "Vlan", 0, 2),
    FieldSpec("cos", "erspan.cos", "COS", 2, 1),
)
_COMMON_BITS = (("version", 4), ("vlan", 12), ("cos", 3))


class ERSPAN2(Header):
    """ERSPAN type II."""

    TITLE = "Encapsulated Remote Switch Packet ANalysis Type II"
    PROTOCOL = "erspan"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        *_COMMON_FIELDS,
        FieldSpec("encap", "erspan.encap", "Encap", 2, 1),
        FieldSpec("truncated", "erspan.truncated", "Truncated", 2, 1),
        FieldSpec("session", "erspan.spanid", "SpanID", 2, 2),
        FieldSpec("index", "erspan.index", "Index", 4, 4),
    )
    __hdr__ = (("_word", "I", VERSION_II << 28), ("_index", "I", 0))
    __bit_fields__: ClassVar = {
        "_word": (*_COMMON_BITS, ("encap", 2), ("truncated", 1), ("session", 10)),
        "_index": (("reserved", 12), ("index", 20)),
    }
    version: int
    vlan: int
    cos: int
    encap: int
    truncated: int
    #: ERSPAN session id, 10 bits.
    session: int
    reserved: int
    index: int

    @property
    def anomalies(self) -> int:
        """A version that is not 1."""
        return 0 if self.version == VERSION_II else 1 << anomalies.ERSPAN_VERSION_UNKNOWN

    def info(self) -> str:
        """As "session 5, VLAN 10"."""
        return f"session {self.session}, VLAN {self.vlan}"


class ERSPAN3(Header):
    """ERSPAN type III."""

    TITLE = "Encapsulated Remote Switch Packet ANalysis Type III"
    PROTOCOL = "erspan"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        *_COMMON_FIELDS,
        FieldSpec("bso", "erspan.bso", "Bad/Short/Oversized", 2, 1),
        FieldSpec("truncated", "erspan.truncated", "Truncated", 2, 1),
        FieldSpec("session", "erspan.spanid", "SpanID", 2, 2),
        FieldSpec("timestamp", "erspan.timestamp", "Timestamp", 4, 4),
        FieldSpec("sgt", "erspan.sgt", "Security Group Tag", 8, 2),
        FieldSpec("pdu", "erspan.p", "Has Ethernet PDU", 10, 2),
        FieldSpec("frame_type", "erspan.ft", "Frame Type", 10, 2),
        FieldSpec("hardware_id", "erspan.hw", "Hardware ID", 10, 2),
        FieldSpec("direction", "erspan.direction", "Direction", 10, 2),
        FieldSpec("granularity", "erspan.gra", "Timestamp granularity", 10, 2),
        FieldSpec("optional", "erspan.o", "Optional Sub headers", 10, 2),
    )
    __hdr__ = (
        ("_word", "I", VERSION_III << 28),
        ("timestamp", "I", 0),
        ("sgt", "H", 0),
        ("_flags", "H", 0x8000),
    )
    __bit_fields__: ClassVar = {
        "_word": (*_COMMON_BITS, ("bso", 2), ("truncated", 1), ("session", 10)),
        "_flags": (
            ("pdu", 1),
            ("frame_type", 5),
            ("hardware_id", 6),
            ("direction", 1),
            ("granularity", 2),
            ("optional", 1),
        ),
    }
    version: int
    vlan: int
    cos: int
    bso: int
    truncated: int
    #: ERSPAN session id, 10 bits.
    session: int
    timestamp: int
    sgt: int
    pdu: int
    frame_type: int
    hardware_id: int
    direction: int
    granularity: int
    optional: int
    #: Platform specific subheader, 8 bytes if O is set and they are there.
    subheader: bytes = b""

    def unpack(self, buf: bytes) -> None:
        """The fixed part, and the subheader if it is announced and all there."""
        super().unpack(buf)
        if self.optional and len(self.data) >= offsets.ERSPAN3_SUBHEADER_LEN:
            self.subheader = self.data[: offsets.ERSPAN3_SUBHEADER_LEN]
            self.data = self.data[offsets.ERSPAN3_SUBHEADER_LEN :]

    def pack_variable(self) -> bytes:
        """The subheader."""
        return self.subheader

    @property
    def header_len(self) -> int:
        """12, or 20 with the subheader."""
        return offsets.ERSPAN3_LEN + (offsets.ERSPAN3_SUBHEADER_LEN if self.optional else 0)

    @property
    def anomalies(self) -> int:
        """A version that is not 2."""
        return 0 if self.version == VERSION_III else 1 << anomalies.ERSPAN_VERSION_UNKNOWN

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets O to whether there is a subheader."""
        self.optional = int(bool(self.subheader))

    def fields(self) -> list[Field]:
        """The fixed part and the subheader's bytes."""
        result = super().fields()
        if self.subheader:
            platform = self.subheader[0] >> 2
            text = f"Platform ID: {platform}, subheader {self.subheader.hex()}"
            start, length = offsets.ERSPAN3_LEN, offsets.ERSPAN3_SUBHEADER_LEN
            result.append(Field("erspan.platid", platform, text, start, length))
        return result

    def info(self) -> str:
        """As "session 5, VLAN 10"."""
        return f"session {self.session}, VLAN {self.vlan}"
