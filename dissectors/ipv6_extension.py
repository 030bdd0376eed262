"""IPv6 extension headers (RFC 8200 section 4), with the Segment Routing Header (RFC 8754 section 2).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+-------------------------------+
    |  Next header  |  Hdr ext len  |  body: (len + 1) * 8 - 2 bytes    all but the fragment header
    +---------------+---------------+-------------------------------+
    |  Next header  |   Reserved    |     Fragment offset     |Res|M|   fragment header
    +---------------+---------------+-------------------------+---+-+
    |                        Identification                         |
    +---------------+---------------+---------------+---------------+
    |  Next header  |  Hdr ext len  | Routing type 4| Segments left |   segment routing header
    +---------------+---------------+---------------+---------------+
    |  Last entry   |     Flags     |              Tag              |
    +---------------+---------------+-------------------------------+
    |  Segment list: last entry + 1 addresses, the last segment of the path first; then TLVs
    +---------------------------------------------------------------+

AH (51) and ESP (50) are no extension headers here but layers (`dissectors.ipsec`).

Limits: the bodies of mobility, HIP and Shim6 headers, and the TLVs of an SRH, are kept as bytes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dissectors import anomalies, offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_ip
from dissectors.ipv4 import show_protocol

_SEGMENT = 16
_PAD1 = 0x00
_PADN = 0x01
_OPTION_NAMES = {
    _PAD1: "Pad1",
    _PADN: "PadN",
    0x04: "Tunnel Encapsulation Limit",
    0x05: "Router Alert",
    0x26: "Quick-Start",
    0x63: "RPL",
    0xC2: "Jumbo Payload",
    0xC9: "Home Address",
}


class ExtensionHeader(Header):
    """Any extension header with a length: what all of them share."""

    TITLE = "IPv6 extension header"
    PROTOCOL = "ipv6"
    #: Wireshark's names of next header and length, where they do not follow from the protocol's.
    NAMES: ClassVar[tuple[str, str] | None] = None

    next_header: int
    #: Length in units of 8 bytes, not counting the first 8.
    hdr_ext_len: int
    #: What follows the fixed part, as far as it is there.
    body: bytes = b""
    __hdr__: Any = (("next_header", "B", offsets.IPPROTO_NONE), ("hdr_ext_len", "B", 0))

    def unpack(self, buf: bytes) -> None:
        """Reads the header, and of its body what is there."""
        super().unpack(buf)
        length = self.header_len
        self.body = buf[self.__hdr_len__ : length]
        self.data = buf[length:]

    def pack_variable(self) -> bytes:
        """The body."""
        return self.body

    @property
    def header_len(self) -> int:
        """8 to 2,048 bytes."""
        return (self.hdr_ext_len + 1) * 8

    def compute(self, pseudo: bytes = b"") -> None:
        """Pads the header to a multiple of 8 bytes with zeros (as options: Pad1) and sets the length."""
        self.body += bytes(-(self.__hdr_len__ + len(self.body)) % 8)
        self.hdr_ext_len = (self.__hdr_len__ + len(self.body)) // 8 - 1

    def fields(self) -> list[Field]:
        """Next header and length; the names follow the form of `ipv6.hopopts.nxt`, or are those of `NAMES`."""
        next_name, length_name = self.NAMES or (f"{self.PROTOCOL}.nxt", f"{self.PROTOCOL}.len")
        text = f"Next Header: {show_protocol(self.next_header)}"
        length = f"Length: {self.hdr_ext_len} [{self.header_len} bytes]"
        return [
            Field(next_name, self.next_header, text, 0, 1),
            Field(length_name, self.hdr_ext_len, length, 1, 1),
            *super().fields(),
        ]


class _Options(ExtensionHeader):
    """Type, length, value options: at most one line a byte of the body."""

    def fields(self) -> list[Field]:
        """Next header, length, then one line an option, up to the first that does not fit."""
        result = super().fields()
        position = 0
        while position < len(self.body):
            kind, end = self.body[position], position + 1
            value = b""
            if kind != _PAD1:
                if end == len(self.body) or end + 1 + self.body[end] > len(self.body):
                    break
                end += 1 + self.body[end]
                value = self.body[position + 2 : end]
            text = _OPTION_NAMES.get(kind, f"Option 0x{kind:02x}")
            if value and kind != _PADN:
                text += f": {value.hex()}"
            result.append(Field("ipv6.opt.type", kind, text, position + 2, end - position))
            position = end
        return result


class HopByHop(_Options):
    """Hop-by-hop options (0)."""

    TITLE = "IPv6 Hop-by-Hop Options"
    PROTOCOL = "ipv6.hopopts"


class DestinationOptions(_Options):
    """Destination options (60)."""

    TITLE = "IPv6 Destination Options"
    PROTOCOL = "ipv6.dstopts"


class Mobility(ExtensionHeader):
    """Mobility header (135, RFC 6275)."""

    TITLE = "Mobile IPv6"
    PROTOCOL = "mipv6"
    NAMES = ("mip6.proto", "mip6.hlen")


class HIP(ExtensionHeader):
    """Host Identity Protocol (139, RFC 7401)."""

    TITLE = "Host Identity Protocol"
    PROTOCOL = "hip"
    NAMES = ("hip.proto", "hip.hdr_len")


class Shim6(ExtensionHeader):
    """Shim6 (140, RFC 5533)."""

    TITLE = "Shim6"
    PROTOCOL = "shim6"


class RoutingHeader(ExtensionHeader):
    """Routing header (43) of a type other than 4."""

    TITLE = "IPv6 Routing Header"
    PROTOCOL = "ipv6.routing"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("routing_type", "ipv6.routing.type", "Type", offsets.SRH_TYPE, 1),
        FieldSpec("segments_left", "ipv6.routing.segleft", "Segments Left", offsets.SRH_SEGMENTS_LEFT, 1),
    )

    routing_type: int
    segments_left: int
    __hdr__: Any = (
        ("next_header", "B", offsets.IPPROTO_NONE),
        ("hdr_ext_len", "B", 0),
        ("routing_type", "B", 0),
        ("segments_left", "B", 0),
    )

    @property
    def final_destination(self) -> bytes | None:
        """Where the packet goes in the end, while it is not there yet and the header says it (types 0, 2)."""
        if self.segments_left and self.routing_type in (0, 2) and len(self.body) >= 4 + _SEGMENT:
            return self.body[-_SEGMENT:]
        return None


class SRH(RoutingHeader):
    """Segment Routing Header: a routing header of type 4."""

    TITLE = "IPv6 Segment Routing Header"
    FIELDS = (
        *RoutingHeader.FIELDS,
        FieldSpec("last_entry", "ipv6.routing.srh.last_entry", "Last Entry", offsets.SRH_LAST_ENTRY, 1),
        FieldSpec("flags", "ipv6.routing.srh.flags", "Flags", 5, 1, show_hex(2)),
        FieldSpec("tag", "ipv6.routing.srh.tag", "Tag", 6, 2, show_hex(4)),
    )

    #: Index of the last segment in the list: one below their number.
    last_entry: int
    flags: int
    tag: int
    __hdr__: Any = (
        ("next_header", "B", offsets.IPPROTO_NONE),
        ("hdr_ext_len", "B", 0),
        ("routing_type", "B", offsets.SRH_ROUTING_TYPE),
        ("segments_left", "B", 0),
        ("last_entry", "B", 0),
        ("flags", "B", 0),
        ("tag", "H", 0),
    )

    @property
    def segments(self) -> tuple[bytes, ...]:
        """The segments that are there, 16 bytes each, as on the wire: the last one of the path first.

        Setting them sets `last_entry` too, and drops the TLVs; the length follows with `compute`.
        """
        count = min(self.last_entry + 1, len(self.body) // _SEGMENT)
        return tuple(self.body[i * _SEGMENT : (i + 1) * _SEGMENT] for i in range(count))

    @segments.setter
    def segments(self, segments: tuple[bytes, ...]) -> None:
        self.body = b"".join(segments)
        self.last_entry = max(len(segments) - 1, 0)

    @property
    def tlvs(self) -> bytes:
        """What follows the segment list, as bytes."""
        return self.body[(self.last_entry + 1) * _SEGMENT :]

    @property
    def final_destination(self) -> bytes | None:
        """The first entry of the list, as long as it is not the destination already."""
        return self.segments[0] if self.segments_left and self.segments else None

    @property
    def anomalies(self) -> int:
        """`srh-invalid`: the list is longer than the header, or more segments are left than it has."""
        count = self.last_entry + 1
        invalid = self.hdr_ext_len < 2 * count or self.segments_left > count
        return 1 << anomalies.SRH_INVALID if invalid else 0

    def fields(self) -> list[Field]:
        """The fixed part, the segments, and whether TLVs follow."""
        result = super().fields()
        for index, segment in enumerate(self.segments):
            current = " [current]" if index == self.segments_left else ""
            text = f"Address[{index}]: {show_ip(segment)}{current}"
            start = offsets.SRH_LEN + index * _SEGMENT
            result.append(Field("ipv6.routing.srh.addr", segment, text, start, _SEGMENT))
        if self.tlvs:
            start = offsets.SRH_LEN + (self.last_entry + 1) * _SEGMENT
            text = f"TLVs: {len(self.tlvs)} bytes"
            result.append(Field("ipv6.routing.srh.tlv", self.tlvs, text, start, len(self.tlvs)))
        return result

    def info(self) -> str:
        """How many segments there are, and how many are left."""
        return f"SRv6, {self.last_entry + 1} segments, {self.segments_left} left"


class FragmentHeader(Header):
    """Fragment header (44): 8 bytes."""

    TITLE = "IPv6 Fragment Header"
    PROTOCOL = "ipv6.fraghdr"
    FIELDS = (
        FieldSpec("next_header", "ipv6.fraghdr.nxt", "Next header", 0, 1, show_protocol),
        FieldSpec("reserved", "ipv6.fraghdr.reserved_octet", "Reserved octet", 1, 1, show_hex(2)),
        FieldSpec("fragment_offset", "ipv6.fraghdr.offset", "Offset", 2, 2),
        FieldSpec("reserved_bits", "ipv6.fraghdr.reserved_bits", "Reserved bits", 2, 2),
        FieldSpec("more", "ipv6.fraghdr.more", "More Fragments", 2, 2, lambda more: "Yes" if more else "No"),
        FieldSpec("id", "ipv6.fraghdr.ident", "Identification", 4, 4, show_hex(8)),
    )

    next_header: int
    reserved: int
    #: As on the wire, in units of 8 bytes.
    offset: int
    reserved_bits: int
    more: int
    id: int
    __hdr__: Any = (
        ("next_header", "B", offsets.IPPROTO_NONE),
        ("reserved", "B", 0),
        ("_offset_more", "H", 0),
        ("id", "I", 0),
    )
    __bit_fields__: ClassVar[Any] = {"_offset_more": (("offset", 13), ("reserved_bits", 2), ("more", 1))}

    @property
    def fragment_offset(self) -> int:
        """Fragment offset in bytes."""
        return self.offset * 8

    def info(self) -> str:
        """As Wireshark words it for a packet that it does not reassemble."""
        more = "y" if self.more else "n"
        return f"IPv6 fragment (off={self.fragment_offset} more={more} ident=0x{self.id:08x} nxt={self.next_header})"


#: Next-header values of extension headers, and their classes (a routing header of type 4 is an `SRH`).
EXTENSIONS: dict[int, type[Header]] = {
    offsets.IPPROTO_HOPOPTS: HopByHop,
    offsets.IPPROTO_ROUTING: RoutingHeader,
    offsets.IPPROTO_FRAGMENT: FragmentHeader,
    offsets.IPPROTO_DSTOPTS: DestinationOptions,
    offsets.IPPROTO_MOBILITY: Mobility,
    offsets.IPPROTO_HIP: HIP,
    offsets.IPPROTO_SHIM6: Shim6,
}


def read_extension(protocol: int, buf: bytes) -> Header | int:
    """The extension header that `buf` starts with, or how many bytes it needs where `buf` does not have them.

    `protocol` is a key of `EXTENSIONS`. The first 8 bytes are needed before the length is known.
    """
    if len(buf) < 8:
        return 8
    length = offsets.IP6_FRAGMENT_LEN if protocol == offsets.IPPROTO_FRAGMENT else (buf[1] + 1) * 8
    if len(buf) < length:
        return length
    is_srh = protocol == offsets.IPPROTO_ROUTING and buf[offsets.SRH_TYPE] == offsets.SRH_ROUTING_TYPE
    return (SRH if is_srh else EXTENSIONS[protocol])(buf[:length])
