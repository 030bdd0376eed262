"""IPsec: Authentication Header (RFC 4302), Encapsulating Security Payload (RFC 4303), ESP in UDP (RFC 3948).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+-------------------------------+
    |  Next header  |  Payload len  |           Reserved            |  AH: (len + 2) * 4 bytes
    +---------------+---------------+-------------------------------+
    |                 Security parameters index                     |  ESP starts here
    +---------------------------------------------------------------+
    |                      Sequence number                          |
    +---------------------------------------------------------------+
    | AH: integrity check value | ESP: payload, padding, pad length, next header, integrity check value

The trailer of ESP can only be read where nothing is encrypted (RFC 2410), and nothing in the packet says that
it is so, nor how long its integrity check value is: `null_encrypted` tries, and believes only what fits
exactly.

Limits: nothing is decrypted or authenticated; an IV in front of a null-encrypted payload is not tried for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dissectors import anomalies, checksum, offsets
from dissectors.base import Field, FieldSpec, Header, show_hex
from dissectors.ipv4 import show_protocol


class ESP(Header):
    """SPI and sequence number: 8 bytes; what follows is as good as encrypted."""

    TITLE = "Encapsulating Security Payload"
    PROTOCOL = "esp"
    FIELDS = (
        FieldSpec("spi", "esp.spi", "ESP SPI", 0, 4, lambda spi: f"0x{spi:08x} ({spi})"),
        FieldSpec("sequence", "esp.sequence", "ESP Sequence", 4, 4),
    )

    spi: int
    sequence: int
    __hdr__: Any = (("spi", "I", 0), ("sequence", "I", 0))

    def info(self) -> str:
        """As Wireshark words it."""
        return f"ESP (SPI=0x{self.spi:08x})"


class AH(Header):
    """An authentication header with its integrity check value."""

    TITLE = "Authentication Header"
    PROTOCOL = "ah"
    FIELDS = (
        FieldSpec("next_header", "ah.next_header", "Next header", 0, 1, show_protocol),
        FieldSpec("payload_len", "ah.length", "Length", 1, 1, lambda n: f"{n} ({(n + 2) * 4} bytes)"),
        FieldSpec("reserved", "ah.reserved", "Reserved", 2, 2, show_hex(4)),
        FieldSpec("spi", "ah.spi", "AH SPI", 4, 4, show_hex(8)),
        FieldSpec("sequence", "ah.sequence", "AH Sequence", 8, 4),
    )

    next_header: int
    #: Length of the whole header in units of 4 bytes, minus 2.
    payload_len: int
    reserved: int
    spi: int
    sequence: int
    #: Integrity check value, as far as it is there.
    icv: bytes = b""
    __hdr__: Any = (
        ("next_header", "B", offsets.IPPROTO_NONE),
        ("payload_len", "B", 1),
        ("reserved", "H", 0),
        ("spi", "I", 0),
        ("sequence", "I", 0),
    )

    def unpack(self, buf: bytes) -> None:
        """Reads the header, and of its integrity check value what is there."""
        super().unpack(buf)
        length = self.header_len
        self.icv = buf[offsets.AH_MIN_LEN : length]
        self.data = buf[length:]

    def pack_variable(self) -> bytes:
        """The integrity check value."""
        return self.icv

    @property
    def header_len(self) -> int:
        """By the length field; 12 where that says less."""
        return max((self.payload_len + 2) * 4, offsets.AH_MIN_LEN)

    @property
    def anomalies(self) -> int:
        """`ah-length-invalid`."""
        return 1 << anomalies.AH_LENGTH_INVALID if (self.payload_len + 2) * 4 < offsets.AH_MIN_LEN else 0

    def compute(self, pseudo: bytes = b"") -> None:
        """Pads the integrity check value to 4 bytes and sets the length; the value itself needs a key."""
        self.icv += bytes(-len(self.icv) % 4)
        self.payload_len = (offsets.AH_MIN_LEN + len(self.icv)) // 4 - 2

    def fields(self) -> list[Field]:
        """The fixed part and the integrity check value."""
        result = super().fields()
        if self.icv:
            text = f"AH ICV: {self.icv.hex()}"
            result.append(Field("ah.icv", self.icv, text, offsets.AH_MIN_LEN, len(self.icv)))
        return result

    def info(self) -> str:
        """As Wireshark words it."""
        return f"AH (SPI=0x{self.spi:08x})"


class NullEncrypted(NamedTuple):
    """What `null_encrypted` found."""

    next_header: int
    #: Length of the inner packet: where it ends, from the start of the payload.
    end: int
    #: Length of the integrity check value behind the trailer.
    icv_length: int


def null_encrypted(payload: bytes, src: bytes, dst: bytes) -> NullEncrypted | None:
    """Looks whether ESP's payload is plain text; None where nothing fits.

    `payload` is everything behind the 8 bytes of `ESP` to the end of the packet: all of it, a payload that
    was cut has no trailer. `src` and `dst` are the addresses of the IP header in front (4 or 16 bytes), for
    the checksum of TCP. For each usual length of the integrity check value the trailer in front of it has to
    be right, and the packet before the trailer to be exactly as long as it says itself.
    """
    for icv_length in offsets.ESP_ICV_LENGTHS:
        trailer = len(payload) - icv_length - 2
        if trailer < 0:
            continue
        pad_length, next_header = payload[trailer], payload[trailer + 1]
        end = trailer - pad_length
        if end < 0 or payload[end:trailer] != _PADDING[:pad_length]:
            continue
        if _fits(next_header, payload[:end], src, dst):
            return NullEncrypted(next_header, end, icv_length)
    return None


#: RFC 4303 section 2.4: pad bytes count from 1.
_PADDING = bytes(range(1, 256))


def _fits(protocol: int, packet: bytes, src: bytes, dst: bytes) -> bool:
    length = len(packet)
    if protocol == offsets.IPPROTO_IPIP:
        if length < offsets.IP4_MIN_LEN or packet[0] >> 4 != 4:
            return False
        return int.from_bytes(packet[offsets.IP4_TOTAL_LEN : offsets.IP4_TOTAL_LEN + 2], "big") == length
    if protocol == offsets.IPPROTO_IPV6:
        if length < offsets.IP6_LEN or packet[0] >> 4 != 6:
            return False
        field = packet[offsets.IP6_PAYLOAD_LEN : offsets.IP6_PAYLOAD_LEN + 2]
        return offsets.IP6_LEN + int.from_bytes(field, "big") == length
    if protocol == offsets.IPPROTO_UDP:
        if length < offsets.UDP_LEN:
            return False
        return int.from_bytes(packet[offsets.UDP_LENGTH : offsets.UDP_LENGTH + 2], "big") == length
    if protocol == offsets.IPPROTO_TCP:
        if length < offsets.TCP_MIN_LEN:
            return False
        header = (packet[offsets.TCP_OFFSET] >> 4) * 4
        if not offsets.TCP_MIN_LEN <= header <= length:
            return False
        return checksum.transport_verifies(src, dst, protocol, packet)
    return False


def carries_esp(payload: bytes, wire_length: int) -> bool:
    """Whether the payload of UDP port 4500 is ESP: neither a keepalive nor IKE behind its non-ESP marker.

    `wire_length` is the length of the payload on the wire, of which `payload` may hold less.
    """
    return wire_length >= offsets.ESP_LEN and payload[:4] != bytes(4)
