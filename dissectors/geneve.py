"""Geneve: Generic Network Virtualization Encapsulation, RFC 8926 section 3.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---+-----------+-+-+-----------+-------------------------------+
    |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
    +---+-----------+-+-+-----------+---------------+---------------+
    |        Virtual Network Identifier (VNI)       |    Reserved   |
    +-----------------------------------------------+---------------+
    |  Options: Class (16), C + Type (8), Rsvd (3), Length (5), …   |
    +---------------------------------------------------------------+

Limits: option contents are kept as bytes, none is interpreted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from dissectors import anomalies, offsets
from dissectors.base import Field, FieldSpec, Header, show_flag, show_hex

_OPTION_LEN = 4
_CRITICAL = 0x80


class Option(NamedTuple):
    """One option; `type` has the critical bit 0x80 in it, `reserved` are the three bits before the
    length.
    """

    option_class: int
    type: int
    data: bytes = b""
    reserved: int = 0

    @property
    def critical(self) -> bool:
        """A receiver that does not know this option drops the packet."""
        return bool(self.type & _CRITICAL)

    def __bytes__(self) -> bytes:
        """The option as on the wire; its data must be a multiple of 4 bytes, at most 124 (struct.error
        otherwise).
        """
        if len(self.data) % 4:
            raise struct.error("Geneve option data is a multiple of 4 bytes")
        words = len(self.data) // 4
        if words > 0x1F:
            raise struct.error("Geneve option data is at most 124 bytes")
        return struct.pack(">HBB", self.option_class, self.type, self.reserved << 5 | words) + self.data


class Geneve(Header):
    """A Geneve header; `options` are its raw bytes, `option_list()` what they say."""

    TITLE = "Generic Network Virtualization Encapsulation"
    PROTOCOL = "geneve"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("version", "geneve.version", "Version", 0, 1),
        FieldSpec("option_words", "geneve.option_length", "Length of options in 4-byte words", 0, 1),
        FieldSpec("oam", "geneve.flags.oam", "Operations, Administration and Management Frame", 1, 1, show_flag),
        FieldSpec("critical", "geneve.flags.critical", "Critical Options Present", 1, 1, show_flag),
        FieldSpec("type", "geneve.proto_type", "Protocol Type", 2, 2, show_hex(4)),
        FieldSpec("vni", "geneve.vni", "Virtual Network Identifier (VNI)", 4, 3),
    )
    __hdr__ = (("_first", "H", 0), ("type", "H", offsets.ETHERTYPE_TEB), ("_vni", "I", 0))
    __bit_fields__: ClassVar = {
        "_first": (("version", 2), ("option_words", 6), ("oam", 1), ("critical", 1), ("reserved6", 6)),
        "_vni": (("vni", 24), ("reserved", 8)),
    }
    version: int
    option_words: int
    oam: int
    critical: int
    reserved6: int
    type: int
    vni: int
    reserved: int

    options: bytes = b""

    def unpack(self, buf: bytes) -> None:
        """The fixed part, and of the options what is there."""
        super().unpack(buf)
        length = 4 * self.option_words
        if length:
            self.options, self.data = self.data[:length], self.data[length:]

    def pack_variable(self) -> bytes:
        """The options."""
        return self.options

    @property
    def header_len(self) -> int:
        """8 bytes and the options' stated length."""
        return offsets.GENEVE_LEN + 4 * self.option_words

    def option_list(self) -> list[Option]:
        """The options up to the first that does not fit."""
        return [option for _, option in self._placed_options()]

    def _placed_options(self) -> Iterator[tuple[int, Option]]:
        raw, off = self.options, 0
        while off + _OPTION_LEN <= len(raw):
            option_class, option_type, last = struct.unpack_from(">HBB", raw, off)
            end = off + _OPTION_LEN + 4 * (last & 0x1F)
            if end > len(raw):
                return
            yield off, Option(option_class, option_type, raw[off + _OPTION_LEN : end], last >> 5)
            off = end

    @property
    def anomalies(self) -> int:
        """Unknown version; options that do not add up to their length; a C bit that disagrees with them."""
        if self.version:
            return 1 << anomalies.GENEVE_VERSION_UNKNOWN
        options = self.option_list() if self.options else []
        if sum(_OPTION_LEN + len(option.data) for option in options) != 4 * self.option_words:
            return 1 << anomalies.GENEVE_OPTIONS_INVALID
        if any(option.critical for option in options) != bool(self.critical):
            return 1 << anomalies.GENEVE_CRITICAL_MISMATCH
        return 0

    def set_options(self, options: list[Option]) -> None:
        """Replaces the options; `compute` then sets length and C bit. struct.error for data of a wrong
        length.
        """
        self.options = b"".join(bytes(option) for option in options)

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the options' length and the C bit; ValueError above 252 bytes of options."""
        self.option_words = (len(self.options) + 3) // 4
        self.critical = int(any(option.critical for option in self.option_list()))

    def fields(self) -> list[Field]:
        """The fixed part and one line per option."""
        result = super().fields()
        for off, option in self._placed_options():
            name = f"class 0x{option.option_class:04x}, type 0x{option.type:02x}"
            text = f"Option: {name}, {len(option.data)} bytes"
            raw = bytes(option)
            result.append(Field("geneve.option", raw, text, offsets.GENEVE_LEN + off, len(raw)))
        return result

    def info(self) -> str:
        """As "VNI 5001"."""
        return f"VNI {self.vni}"
