"""IPv6: the Internet Protocol, version 6, with its chain of extension headers (RFC 8200).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-----------+---+---------------------------------------+
    |Version|   DSCP    |ECN|              Flow label               |
    +-------+-----------+---+-------+---------------+---------------+
    |        Payload length         |  Next header  |   Hop limit   |
    +-------------------------------+---------------+---------------+
    |                     Source address (16)                       |
    +---------------------------------------------------------------+
    |                   Destination address (16)                    |
    +---------------------------------------------------------------+
    |            Extension headers (`ipv6_extension`)               |
    +---------------------------------------------------------------+

The chain is the variable part of `IPv6`. It ends at the first next header that is no extension header, behind
a fragment header with an offset (what follows belongs to the first fragment), at a header that is not all
there, and after 16 headers. `IPv6` is our own rather than dpkt's: that one parses its payload, raises on some
chains, and does not know the segment routing header.

Limits: a jumbo payload length (RFC 2675) is listed but not applied; reassembly is not done here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dissectors import anomalies, checksum, offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_ip
from dissectors.ipv4 import Fragment, protocol_name, show_dscp, show_ecn, show_protocol
from dissectors.ipv6_extension import EXTENSIONS, SRH, FragmentHeader, RoutingHeader, read_extension


class IPv6(Header):
    """An IPv6 header with its extension headers."""

    TITLE = "Internet Protocol Version 6"
    PROTOCOL = "ipv6"
    FIELDS = (
        FieldSpec("version", "ipv6.version", "Version", 0, 1),
        FieldSpec("dscp", "ipv6.tclass.dscp", "Differentiated Services Codepoint", 0, 2, show_dscp),
        FieldSpec("ecn", "ipv6.tclass.ecn", "Explicit Congestion Notification", 1, 1, show_ecn),
        FieldSpec("flow_label", "ipv6.flow", "Flow Label", 1, 3, show_hex(5)),
        FieldSpec("payload_length", "ipv6.plen", "Payload Length", offsets.IP6_PAYLOAD_LEN, 2),
        FieldSpec("next_header", "ipv6.nxt", "Next Header", offsets.IP6_NEXT, 1, show_protocol),
        FieldSpec("hop_limit", "ipv6.hlim", "Hop Limit", offsets.IP6_HOP_LIMIT, 1),
        FieldSpec("src", "ipv6.src", "Source Address", offsets.IP6_SRC, 16, show_ip),
        FieldSpec("dst", "ipv6.dst", "Destination Address", offsets.IP6_DST, 16, show_ip),
    )

    version: int
    dscp: int
    ecn: int
    flow_label: int
    #: Bytes behind the fixed header, extension headers included; 0 for a jumbogram, or before offload.
    payload_length: int
    next_header: int
    hop_limit: int
    src: bytes
    dst: bytes
    #: The extension headers that are all there.
    extensions: tuple[Header, ...] = ()
    #: Bytes of the extension header that comes next but is not all there (at least 8); 0: the chain is
    #: complete.
    missing: int = 0
    __hdr__: Any = (
        ("_version_class_flow", "I", 0x60000000),
        ("payload_length", "H", 0),
        ("next_header", "B", offsets.IPPROTO_NONE),
        ("hop_limit", "B", 64),
        ("src", "16s", bytes(16)),
        ("dst", "16s", bytes(16)),
    )
    __bit_fields__: ClassVar[Any] = {
        "_version_class_flow": (("version", 4), ("dscp", 6), ("ecn", 2), ("flow_label", 20)),
    }

    def unpack(self, buf: bytes) -> None:
        """Reads the header and its chain, which ends where the payload length says at the latest."""
        super().unpack(buf)
        if self.next_header not in EXTENSIONS:
            return
        end = len(buf)
        if self.payload_length:
            end = min(end, offsets.IP6_LEN + self.payload_length)
        position = offsets.IP6_LEN
        protocol = self.next_header
        chain: list[Header] = []
        while protocol in EXTENSIONS and len(chain) < offsets.IP6_MAX_EXTENSIONS:
            extension = read_extension(protocol, buf[position:end])
            if isinstance(extension, int):
                self.missing = extension
                break
            chain.append(extension)
            position += extension.header_len
            protocol = extension.next_header
            if isinstance(extension, FragmentHeader) and extension.offset:
                break
        self.extensions = tuple(chain)
        self.data = buf[position:]

    def pack_variable(self) -> bytes:
        """The extension headers."""
        return b"".join(map(bytes, self.extensions))

    @property
    def header_len(self) -> int:
        """40 bytes and the chain; where that breaks off, to the end of the header that is not all there."""
        return offsets.IP6_LEN + sum(extension.header_len for extension in self.extensions) + self.missing

    @property
    def tos(self) -> int:
        """Traffic class: DSCP << 2 | ECN."""
        return self.dscp << 2 | self.ecn

    @property
    def protocol(self) -> int:
        """The last next-header value that was read: the upper protocol, where the chain is complete."""
        return int(self.extensions[-1].next_header) if self.extensions else self.next_header

    @property
    def too_many_extensions(self) -> bool:
        """Whether an extension header follows the 16 that are read."""
        if len(self.extensions) < offsets.IP6_MAX_EXTENSIONS or self.protocol not in EXTENSIONS:
            return False
        last = self.extensions[-1]
        return not (isinstance(last, FragmentHeader) and last.offset)

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """What each fragment header says, in the order of the wire; atomic ones (RFC 6946) are whole packets."""
        result = []
        for start, extension in self.located_extensions():
            if isinstance(extension, FragmentHeader) and (extension.offset or extension.more):
                end = start + offsets.IP6_FRAGMENT_LEN
                result.append(Fragment(extension.id, extension.fragment_offset, bool(extension.more), end))
        return tuple(result)

    @property
    def srhs(self) -> list[tuple[int, SRH]]:
        """Segment routing headers, valid or not, each with its offset from the start of the IPv6 header."""
        return [(start, header) for start, header in self.located_extensions() if isinstance(header, SRH)]

    @property
    def final_destination(self) -> bytes:
        """Where the packet goes in the end: what the checksum of the upper protocol covers."""
        for extension in self.extensions:
            if isinstance(extension, RoutingHeader) and extension.final_destination is not None:
                return extension.final_destination
        return self.dst

    @property
    def payload_len(self) -> int:
        """Bytes behind the chain by the payload length, -1 where that is 0 or below the chain."""
        length = self.payload_length - (self.header_len - offsets.IP6_LEN)
        return length if self.payload_length and length >= 0 else -1

    @property
    def anomalies(self) -> int:
        """Version, a payload length of zero, and the chain.

        A payload length beyond the packet and an invalid fragment need to know where the packet ends: the
        walk's.
        """
        if self.version != 6:
            return 1 << anomalies.IP_VERSION_MISMATCH
        mask = 0
        if not self.payload_length and self.next_header not in (
            offsets.IPPROTO_HOPOPTS,
            offsets.IPPROTO_NONE,
        ):
            mask = 1 << anomalies.IP_TOTAL_LENGTH_ZERO
        if self.too_many_extensions:
            mask |= 1 << anomalies.IPV6_EXTENSION_INVALID
        for extension in self.extensions:
            mask |= extension.anomalies
        return mask

    def located_extensions(self) -> list[tuple[int, Header]]:
        """The extension headers, each with its offset from the start of the IPv6 header."""
        result = []
        position = offsets.IP6_LEN
        for extension in self.extensions:
            result.append((position, extension))
            position += extension.header_len
        return result

    def pseudo_header(self, protocol: int, length: int) -> bytes:
        """What the checksum of an upper protocol of `length` bytes covers beside them."""
        return checksum.pseudo_header(self.src, self.final_destination, protocol, length)

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the lengths of the extension headers and the payload length; next headers stay as they are.

        A payload length above 65,535 does not fit, and is set to 0, as captures made before segmentation
        offload have it.
        """
        for extension in self.extensions:
            extension.compute()
        length = len(self.pack_variable()) + len(self.data)
        self.payload_length = length if length <= 0xFFFF else 0

    def fields(self) -> list[Field]:
        """The fixed part, then those of the extension headers."""
        result = super().fields()
        for start, extension in self.located_extensions():
            result += [field._replace(start=start + field.start) for field in extension.fields()]
        return result

    def info(self) -> str:
        """The upper protocol's name, or what it is a fragment of."""
        for extension in self.extensions:
            if isinstance(extension, FragmentHeader) and (extension.offset or extension.more):
                return extension.info()
        return protocol_name(self.protocol)
