"""GRE: Generic Routing Encapsulation, versions 0 and 1.

Version 0: RFC 2784 with the key and sequence number of RFC 2890; where the routing bit is set, RFC 1701
(historic).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+---------------+-----+-------------------------------+
    |C|R|K|S| Reserved0       | Ver |         Protocol Type         |
    +-+-+-+-+-+---------------+-----+-------------------------------+
    |      Checksum (C or R)        |   Reserved1 / Offset (C or R) |
    |                      Key (K)                                  |
    |                Sequence Number (S)                            |
    |                  Source route entries (R) …                   |
    +---------------------------------------------------------------+

Version 1: RFC 2637 (PPTP). No checksum or routing; the key is a payload length and a call id and is read
even where K is not set; S and A (0x0080) announce a sequence and an acknowledgment number.

NVGRE (`dissectors.nvgre`) and GRETAP share this header byte for byte; `parse_gre` decides between them.

Limits: at most 16 source route entries are read; the checksum is computed, not verified.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, Literal

from dissectors import anomalies, offsets
from dissectors.base import Field, FieldSpec, Header, show_flag, show_hex
from dissectors.checksum import internet_checksum

#: How the key of GRE with protocol type 0x6558 is read: see docs/decoding.md.
GreKey = Literal["auto", "nvgre", "key32"]

#: Source route entries read, the closing one included.
MAX_ROUTES = 16
_ROUTE_LEN = 4


class GRE(Header):
    """A GRE header of any version; optional fields that are not there (or were cut off) are None.

    Built from keywords, the flags follow from the optional fields unless `flags` is given:
    `GRE(type=0x0800, key=7)`.
    """

    TITLE = "Generic Routing Encapsulation"
    PROTOCOL = "gre"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("flags", "gre.flags_and_version", "Flags and Version", 0, 2, show_hex(4)),
        FieldSpec("has_checksum", "gre.flags.checksum", "Checksum Bit", 0, 2, show_flag),
        FieldSpec("has_routing", "gre.flags.routing", "Routing Bit", 0, 2, show_flag),
        FieldSpec("has_key", "gre.flags.key", "Key Bit", 0, 2, show_flag),
        FieldSpec("has_sequence", "gre.flags.sequence_number", "Sequence Number Bit", 0, 2, show_flag),
        FieldSpec("version", "gre.flags.version", "Version", 0, 2),
        FieldSpec("type", "gre.proto", "Protocol Type", 2, 2, show_hex(4)),
    )

    __hdr__ = (("flags", "H", 0), ("type", "H", offsets.ETHERTYPE_IPV4))
    flags: int
    type: int

    checksum: int | None = None
    #: Reserved1, or the routing offset of RFC 1701.
    offset: int | None = None
    key: int | None = None
    sequence: int | None = None
    #: Acknowledgment number, version 1 only.
    acknowledgment: int | None = None
    #: Source route entries as on the wire, the closing one (family and length 0) included.
    routing: bytes = b""
    #: Whether `routing` is closed by its terminating entry.
    routing_complete: bool = False
    _routing_missing: int = 0

    def __init__(self, buf: bytes | None = None, /, **values: Any) -> None:
        super().__init__(buf, **values)
        if buf is None and "flags" not in values:
            self.set_flags()

    def unpack(self, buf: bytes) -> None:
        """Reads the optional fields in order, up to the first that is cut off."""
        flags, self.type = struct.unpack_from(">HH", buf)
        self.flags = flags
        end, off = len(buf), 4
        version = flags & offsets.GRE_VERSION_MASK
        wanted: tuple[tuple[int, str], ...] = ()
        if version == 0:
            wanted = (
                (flags & (offsets.GRE_C | offsets.GRE_R), "checksum"),
                (flags & offsets.GRE_K, "key"),
                (flags & offsets.GRE_S, "sequence"),
            )
        elif version == 1:
            wanted = (
                (1, "key"),
                (flags & offsets.GRE_S, "sequence"),
                (flags & offsets.GRE_A, "acknowledgment"),
            )
        whole = True
        for bit, name in wanted:
            if not bit:
                continue
            if off + 4 > end:
                whole = False
                break
            value = int.from_bytes(buf[off : off + 4], "big")
            if name == "checksum":
                self.checksum, self.offset = value >> 16, value & 0xFFFF
            else:
                setattr(self, name, value)
            off += 4
        if version == 0 and flags & offsets.GRE_R:
            off = self._unpack_routing(buf, off) if whole else off
        self.data = buf[off:]

    def _unpack_routing(self, buf: bytes, start: int) -> int:
        """Reads whole source route entries from `start`; returns where they end."""
        off = start
        for _ in range(MAX_ROUTES):
            if off + _ROUTE_LEN > len(buf):
                self._routing_missing = _ROUTE_LEN
                break
            family, length = int.from_bytes(buf[off : off + 2], "big"), buf[off + 3]
            if off + _ROUTE_LEN + length > len(buf):
                self._routing_missing = _ROUTE_LEN + length
                break
            off += _ROUTE_LEN + length
            if family == 0 and length == 0:
                self.routing_complete = True
                break
        self.routing = buf[start:off]
        return off

    def pack_variable(self) -> bytes:
        """The optional fields that have a value."""
        result = b""
        if self.checksum is not None:
            result = struct.pack(">HH", self.checksum, self.offset or 0)
        for value in (self.key, self.sequence, self.acknowledgment):
            if value is not None:
                result += struct.pack(">I", value)
        return result + self.routing

    @property
    def header_len_before_routing(self) -> int:
        """4 bytes and what the flags announce, without source route entries."""
        flags = self.flags
        version = flags & offsets.GRE_VERSION_MASK
        if version == 0:
            words: tuple[int, ...] = (offsets.GRE_C | offsets.GRE_R, offsets.GRE_K, offsets.GRE_S)
            return offsets.GRE_MIN_LEN + 4 * sum(1 for bits in words if flags & bits)
        if version == 1:
            words = (offsets.GRE_S, offsets.GRE_A)
            return offsets.GRE_MIN_LEN + 4 + 4 * sum(1 for bits in words if flags & bits)
        return offsets.GRE_MIN_LEN

    @property
    def header_len(self) -> int:
        """4 bytes, what the flags announce, and the source route entries up to the closing one."""
        length = self.header_len_before_routing
        if self.has_routing and self.version == 0:
            # Nothing of the routing was read where a field before it is cut off: one entry is the least.
            length += len(self.routing) + self._routing_missing or _ROUTE_LEN
        return length

    @property
    def version(self) -> int:
        """0, 1 (PPTP), or what the packet says."""
        return self.flags & offsets.GRE_VERSION_MASK

    @property
    def has_checksum(self) -> bool:
        """C."""
        return bool(self.flags & offsets.GRE_C)

    @property
    def has_routing(self) -> bool:
        """R (RFC 1701)."""
        return bool(self.flags & offsets.GRE_R)

    @property
    def has_key(self) -> bool:
        """K."""
        return bool(self.flags & offsets.GRE_K)

    @property
    def has_sequence(self) -> bool:
        """S."""
        return bool(self.flags & offsets.GRE_S)

    @property
    def gre_anomalies(self) -> int:
        """Unknown version; in version 0 also reserved bits and routing."""
        if self.version == 0:
            mask = 0
            if self.flags & offsets.GRE_RESERVED_MASK:
                mask |= 1 << anomalies.GRE_RESERVED_BITS
            if self.flags & offsets.GRE_R:
                mask |= 1 << anomalies.GRE_ROUTING_PRESENT
            return mask
        return 0 if self.version == 1 else 1 << anomalies.GRE_VERSION_UNKNOWN

    @property
    def anomalies(self) -> int:
        """`gre_anomalies`, and what a class for one use of GRE adds."""
        return self.gre_anomalies

    def set_flags(self) -> None:
        """Sets C, K, S, A and R to what the optional fields are, and leaves the other bits."""
        present = {
            offsets.GRE_C: self.checksum is not None and not self.routing,
            offsets.GRE_K: self.key is not None,
            offsets.GRE_S: self.sequence is not None,
            offsets.GRE_A: self.acknowledgment is not None,
            offsets.GRE_R: bool(self.routing),
        }
        if self.acknowledgment is not None:
            self.flags = self.flags & ~offsets.GRE_VERSION_MASK | 1
        for bit, there in present.items():
            self.flags = self.flags | bit if there else self.flags & ~bit

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum (RFC 2784 section 2.5: over header and payload) where C is set, and PPTP's
        payload length.
        """
        if self.version == 1 and self.key is not None:
            self.key = (len(self.data) & 0xFFFF) << 16 | self.key & 0xFFFF
        if self.version == 0 and self.flags & offsets.GRE_C:
            self.checksum = 0
            self.checksum = internet_checksum(bytes(self))

    def fields(self) -> list[Field]:
        """Flags, type, and the optional fields that are there."""
        result = super().fields()
        off = offsets.GRE_MIN_LEN
        if self.checksum is not None:
            result.append(Field("gre.checksum", self.checksum, f"Checksum: 0x{self.checksum:04x}", off, 2))
            result.append(Field("gre.offset", self.offset or 0, f"Offset: {self.offset}", off + 2, 2))
            off += 4
        if self.key is not None:
            result += self._key_fields(self.key, off)
            off += 4
        if self.sequence is not None:
            text = f"Sequence Number: {self.sequence}"
            result.append(Field("gre.sequence_number", self.sequence, text, off, 4))
            off += 4
        if self.acknowledgment is not None:
            text = f"Acknowledgment Number: {self.acknowledgment}"
            result.append(Field("gre.ack_number", self.acknowledgment, text, off, 4))
            off += 4
        if self.routing:
            text = f"Routing: {len(self.routing)} bytes"
            result.append(Field("gre.routing", self.routing, text, off, len(self.routing)))
        return result

    def _key_fields(self, key: int, off: int) -> list[Field]:
        if self.version == 1:
            return [
                Field("gre.key.payload_length", key >> 16, f"Payload Length: {key >> 16}", off, 2),
                Field("gre.key.call_id", key & 0xFFFF, f"Call ID: {key & 0xFFFF}", off + 2, 2),
            ]
        return [Field("gre.key", key, f"Key: 0x{key:08x}", off, 4)]

    def info(self) -> str:
        """As "Encapsulated 0x0800, key 0x00000007"."""
        key = f", key 0x{self.key:08x}" if self.key is not None and self.version == 0 else ""
        return f"Encapsulated 0x{self.type:04x}{key}"


class GRETAP(GRE):
    """GRE version 0 with protocol type 0x6558 whose key, if any, is one 32-bit number (see `parse_gre`)."""

    TITLE = "GRETAP (Ethernet in GRE)"
    __hdr__ = (("flags", "H", 0), ("type", "H", offsets.ETHERTYPE_TEB))


def is_nvgre(flags: int, protocol_type: int, key: int | None, gre_key: GreKey = "auto") -> bool:
    """Whether these are NVGRE rather than GRETAP; `key` is None where it is not there.

    The two are byte-identical. A key with a VSID that RFC 7637 reserves (below 0x1000) is unlikely to be
    NVGRE, and `gre_key` decides by hand: "nvgre" for every key, "key32" for none.
    """
    return (
        protocol_type == offsets.ETHERTYPE_TEB
        and flags & (offsets.GRE_K | offsets.GRE_VERSION_MASK) == offsets.GRE_K
        and key is not None
        and gre_key != "key32"
        and (gre_key == "nvgre" or key >> 8 >= offsets.NVGRE_MIN_VSID)
    )


def key_offset(flags: int) -> int:
    """Where the key of version 0 is, given that K is set."""
    return 8 if flags & (offsets.GRE_C | offsets.GRE_R) else 4
