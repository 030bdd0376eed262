"""Link layers other than Ethernet: Linux cooked v1 and v2, BSD null and loop, PPP, Cisco HDLC.

Sources: https://www.tcpdump.org/linktypes.html (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_NULL,
LINKTYPE_LOOP, LINKTYPE_PPP, LINKTYPE_C_HDLC), RFC 1661 and RFC 1662 (PPP).

    SLL  (16 bytes): packet type (2) | ARPHRD type (2) | address length (2) | address (8) | protocol (2)
    SLL2 (20 bytes): protocol (2) | reserved (2) | interface (4) | ARPHRD type (2) | packet type (1) |
                     address length (1) | address (8)
    Null, Loop (4):  address family, in the order of the capturing host (null) or big-endian (loop)
    PPP  (1 to 4):   [FF 03] | protocol (2, or 1 if its lowest bit is set)
    HDLC (4):        address (1) | control (1) | protocol (2)

Limits: PPP in HDLC-like framing is expected without flags and escapes, as capture files have it.
"""

from __future__ import annotations

from typing import Any

from dissectors import offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_mac
from dissectors.ethernet import ethertype_name, show_ethertype

_PACKET_TYPES = {
    0: "Unicast to us",
    1: "Broadcast",
    2: "Multicast",
    3: "Unicast to another host",
    4: "Sent by us",
}
_PPP_NAMES = {
    0x0021: "IPv4",
    0x002B: "IPX",
    0x003D: "Multilink",
    0x0057: "IPv6",
    0x00FD: "Compressed datagram",
    0x0281: "MPLS unicast",
    0x0283: "MPLS multicast",
    0x8021: "IP control protocol",
    0x8057: "IPv6 control protocol",
    0x80FD: "Compression control protocol",
    0xC021: "Link control protocol",
    0xC023: "Password authentication protocol",
    0xC223: "Challenge handshake authentication protocol",
}


def _show_packet_type(value: int) -> str:
    return f"{_PACKET_TYPES.get(value, 'Unknown')} ({value})"


def _show_ppp(value: int) -> str:
    return f"{_PPP_NAMES.get(value, 'Unknown')} (0x{value:04x})"


class SLL(Header):
    """Linux cooked capture v1: what `any` gives on Linux."""

    TITLE = "Linux cooked capture v1"
    PROTOCOL = "sll"
    FIELDS = (
        FieldSpec("packet_type", "sll.pkttype", "Packet type", 0, 2, _show_packet_type),
        FieldSpec("arphrd", "sll.hatype", "Link-layer address type", 2, 2),
        FieldSpec("address_len", "sll.halen", "Link-layer address length", offsets.SLL_ADDR_LEN, 2),
        FieldSpec("address", "sll.src.eth", "Source", offsets.SLL_ADDR, 8, show_mac),
        FieldSpec("protocol", "sll.etype", "Protocol", offsets.SLL_PROTOCOL, 2, show_ethertype),
    )

    packet_type: int
    arphrd: int
    address_len: int
    #: The 8 bytes of the field, of which the first `address_len` are the address.
    address: bytes
    #: An EtherType, or below 0x0600 a number of Linux's own (1: 802.3 without LLC, 4: 802.2).
    protocol: int
    __hdr__: Any = (
        ("packet_type", "H", 0),
        ("arphrd", "H", 1),
        ("address_len", "H", 6),
        ("address", "8s", bytes(8)),
        ("protocol", "H", offsets.ETHERTYPE_IPV4),
    )

    @property
    def src(self) -> bytes:
        """The sender's link-layer address: at most 8 bytes, a MAC if it is 6 long."""
        return self.address[: self.address_len]

    def info(self) -> str:
        """The name of what it carries."""
        return ethertype_name(self.protocol)


class SLL2(Header):
    """Linux cooked capture v2: as v1, and which interface it was."""

    TITLE = "Linux cooked capture v2"
    PROTOCOL = "sll"
    FIELDS = (
        FieldSpec("protocol", "sll.etype", "Protocol", offsets.SLL2_PROTOCOL, 2, show_ethertype),
        FieldSpec("reserved", "sll.unused", "Unused", 2, 2, show_hex(4)),
        FieldSpec("interface", "sll.ifindex", "Interface index", 4, 4),
        FieldSpec("arphrd", "sll.hatype", "Link-layer address type", 8, 2),
        FieldSpec("packet_type", "sll.pkttype", "Packet type", 10, 1, _show_packet_type),
        FieldSpec("address_len", "sll.halen", "Link-layer address length", offsets.SLL2_ADDR_LEN, 1),
        FieldSpec("address", "sll.src.eth", "Source", offsets.SLL2_ADDR, 8, show_mac),
    )

    protocol: int
    reserved: int
    interface: int
    arphrd: int
    packet_type: int
    address_len: int
    address: bytes
    __hdr__: Any = (
        ("protocol", "H", offsets.ETHERTYPE_IPV4),
        ("reserved", "H", 0),
        ("interface", "I", 0),
        ("arphrd", "H", 1),
        ("packet_type", "B", 0),
        ("address_len", "B", 6),
        ("address", "8s", bytes(8)),
    )

    @property
    def src(self) -> bytes:
        """The sender's link-layer address: at most 8 bytes, a MAC if it is 6 long."""
        return self.address[: self.address_len]

    def info(self) -> str:
        """The name of what it carries."""
        return ethertype_name(self.protocol)


class Null(Header):
    """BSD loopback: the address family as a number of the capturing host's byte order."""

    TITLE = "Null/Loopback"
    PROTOCOL = "null"

    raw_family: bytes
    __hdr__: Any = (("raw_family", "4s", b"\x02\x00\x00\x00"),)

    @property
    def family(self) -> int:
        """The address family. Families are small: what is below 0x10000 read big-endian was written so."""
        big = int.from_bytes(self.raw_family, "big")
        return big if big < 0x10000 else int.from_bytes(self.raw_family, "little")

    @property
    def ethertype(self) -> int:
        """0x0800, 0x86DD, or 0 for families that are not IP."""
        if self.family == offsets.NULL_AF_INET:
            return offsets.ETHERTYPE_IPV4
        return offsets.ETHERTYPE_IPV6 if self.family in offsets.NULL_AF_INET6 else 0

    def fields(self) -> list[Field]:
        """The family."""
        return [Field("null.family", self.family, f"Family: {self.info()} ({self.family})", 0, 4)]

    def info(self) -> str:
        """The family's name, where it is IP."""
        return ethertype_name(self.ethertype) if self.ethertype else f"address family {self.family}"


class Loop(Null):
    """OpenBSD loopback: as `Null`, always big-endian."""

    TITLE = "OpenBSD loopback"
    PROTOCOL = "loop"

    __hdr__: Any = (("raw_family", "4s", b"\x00\x00\x00\x02"),)

    @property
    def family(self) -> int:
        """The address family."""
        return int.from_bytes(self.raw_family, "big")


class PPP(Header):
    """PPP header: FF 03 where it is there, and a protocol number of 1 or 2 bytes."""

    TITLE = "Point-to-Point Protocol"
    PROTOCOL = "ppp"

    #: Address and control: FF 03, or nothing (RFC 1661 section 6.6: address-and-control-field compression).
    framing: bytes = b"\xff\x03"
    #: The protocol field as on the wire: 1 byte if compressed, 2, or fewer where the packet was cut.
    raw_protocol: bytes = b"\x00\x21"
    __hdr__: Any = ()

    def unpack(self, buf: bytes) -> None:
        """Reads as far as the bytes go; nothing is too short."""
        start = 2 if buf[:2] == b"\xff\x03" else 0
        length = 1 if buf[start : start + 1] and buf[start] & 1 else 2
        self.framing = buf[:start]
        self.raw_protocol = buf[start : start + length]
        self.data = buf[start + length :]

    @property
    def header_len(self) -> int:
        """1 to 4; where the protocol was cut off, the smallest length it can have."""
        first = self.raw_protocol[:1]
        return len(self.framing) + (1 if not first or first[0] & 1 else 2)

    @property
    def protocol(self) -> int:
        """The PPP protocol number, -1 where it was cut off."""
        return int.from_bytes(self.raw_protocol, "big") if self._complete else -1

    @property
    def _complete(self) -> bool:
        return bool(self.raw_protocol) and len(self.framing) + len(self.raw_protocol) >= self.header_len

    def pack_variable(self) -> bytes:
        """All of the header: it has no fixed part."""
        return self.framing + self.raw_protocol

    def fields(self) -> list[Field]:
        """Address and control where they are there, then the protocol."""
        start = len(self.framing)
        result = []
        if self.framing:
            result = [
                Field("ppp.address", 0xFF, "Address: 0xff", 0, 1),
                Field("ppp.control", 0x03, "Control: 0x03", 1, 1),
            ]
        if self._complete:
            length = len(self.raw_protocol)
            result.append(Field("ppp.protocol", self.protocol, f"Protocol: {_show_ppp(self.protocol)}", start, length))
        return result

    def info(self) -> str:
        """The name of what it carries."""
        return _show_ppp(self.protocol) if self._complete else ""


class HDLC(Header):
    """Cisco HDLC: the protocol is an EtherType, or one of Cisco's own (0x8035: SLARP, 0x2000: CDP)."""

    TITLE = "Cisco HDLC"
    PROTOCOL = "chdlc"
    FIELDS = (
        FieldSpec("address", "chdlc.address", "Address", 0, 1, show_hex(2)),
        FieldSpec("control", "chdlc.control", "Control", 1, 1, show_hex(2)),
        FieldSpec("protocol", "chdlc.protocol", "Protocol", offsets.CHDLC_PROTOCOL, 2, show_ethertype),
    )

    address: int
    control: int
    protocol: int
    __hdr__: Any = (("address", "B", 0x0F), ("control", "B", 0), ("protocol", "H", offsets.ETHERTYPE_IPV4))

    def info(self) -> str:
        """The name of what it carries."""
        return ethertype_name(self.protocol)
