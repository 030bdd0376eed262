"""Ethernet II and 802.3 framing (IEEE 802.3), VLAN tags (802.1Q, 802.1ad), LLC and SNAP (802.2, RFC 1042).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                     Destination address (6)                   |
    +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                               |                               |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+       Source address (6)      +
    |                                                               |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |         Type or length        |   VLAN tag, if type is a TPID:
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | PCP |D|        VLAN id        |         Type or length        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

A tag is a header of its own (`VLAN`), so that a run of any length needs no special form. A type below 0x0600
is the length of an 802.3 frame, whose payload starts with `LLC` or, as AA AA 03, `SNAP`.

Limits: preamble and FCS are not part of a frame here; padding is whatever the inner lengths leave over.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dissectors import offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_mac

#: SNAP with the OUI of encapsulated Ethernet (RFC 1042): an EtherType follows.
SNAP_ETHERNET = b"\xaa\xaa\x03\x00\x00\x00"

#: EtherType -> name, as people know it.
ETHERTYPE_NAMES: dict[int, str] = {
    offsets.ETHERTYPE_IPV4: "IPv4",
    offsets.ETHERTYPE_ARP: "ARP",
    0x0842: "Wake on LAN",
    offsets.ETHERTYPE_NHRP: "NHRP",
    0x22F0: "AVTP",
    0x22F3: "TRILL",
    offsets.ETHERTYPE_ERSPAN3: "ERSPAN III",
    offsets.ETHERTYPE_TEB: "Transparent Ethernet bridging",
    offsets.ETHERTYPE_RARP: "RARP",
    offsets.ETHERTYPE_VLAN: "802.1Q Virtual LAN",
    offsets.ETHERTYPE_IPV6: "IPv6",
    0x8808: "MAC control",
    offsets.ETHERTYPE_SLOW: "Slow protocols",
    offsets.ETHERTYPE_PPP: "PPP",
    offsets.ETHERTYPE_MPLS: "MPLS label switched packet",
    offsets.ETHERTYPE_MPLS_MCAST: "MPLS multicast label switched packet",
    0x8863: "PPPoE discovery",
    0x8864: "PPPoE session",
    offsets.ETHERTYPE_EAPOL: "802.1X authentication",
    offsets.ETHERTYPE_QINQ: "802.1ad provider bridge",
    offsets.ETHERTYPE_ERSPAN2: "ERSPAN II",
    offsets.ETHERTYPE_LLDP: "LLDP",
    0x88E5: "802.1AE MACsec",
    0x88E7: "802.1ah provider backbone bridge",
    0x88F7: "PTP",
    0x8902: "802.1ag CFM",
    0x8906: "FCoE",
    offsets.ETHERTYPE_NSH: "NSH",
    offsets.ETHERTYPE_QINQ_OLD: "802.1 QinQ",
    0x9000: "Loopback",
}

_LLC_SAP_NAMES = {0x42: "STP", 0xAA: "SNAP", 0xE0: "IPX", 0xF0: "NetBIOS", 0xFE: "OSI"}


def ethertype_name(ethertype: int) -> str:
    """`IPv4`, or `0x1234` where the number has no name here."""
    return ETHERTYPE_NAMES.get(ethertype, f"0x{ethertype:04x}")


def show_ethertype(ethertype: int) -> str:
    """`IPv4 (0x0800)`, or `Unknown (0x1234)`."""
    return f"{ETHERTYPE_NAMES.get(ethertype, 'Unknown')} (0x{ethertype:04x})"


def _type_or_length_field(value: int, prefix: str, type_name: str, start: int) -> Field:
    if value < offsets.ETHERTYPE_MIN:
        return Field(f"{prefix}.len", value, f"Length: {value}", start, 2)
    return Field(f"{prefix}.{type_name}", value, f"Type: {show_ethertype(value)}", start, 2)


class Ethernet(Header):
    """Destination, source and type or length: 14 bytes."""

    TITLE = "Ethernet"
    PROTOCOL = "eth"
    FIELDS = (
        FieldSpec("dst", "eth.dst", "Destination", offsets.ETH_DST, 6, show_mac),
        FieldSpec("src", "eth.src", "Source", offsets.ETH_SRC, 6, show_mac),
    )

    dst: bytes
    src: bytes
    #: EtherType, or below 0x0600 the length of an 802.3 frame.
    type: int
    __hdr__: Any = (
        ("dst", "6s", bytes(6)),
        ("src", "6s", bytes(6)),
        ("type", "H", offsets.ETHERTYPE_IPV4),
    )

    @property
    def is_8023(self) -> bool:
        """Whether the type field is a length, and LLC follows."""
        return self.type < offsets.ETHERTYPE_MIN

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the length of an 802.3 frame; an Ethernet II header has nothing to compute."""
        if self.is_8023:
            self.type = min(len(self.data), offsets.ETHERTYPE_MIN - 1)

    def fields(self) -> list[Field]:
        """Addresses, then `eth.type` or `eth.len`."""
        return [*super().fields(), _type_or_length_field(self.type, "eth", "type", offsets.ETH_TYPE)]

    def info(self) -> str:
        """The name of what it carries."""
        return f"802.3, length {self.type}" if self.is_8023 else ethertype_name(self.type)


class VLAN(Header):
    """One tag, without the TPID in front of it (that is the type field of the header before): 4 bytes."""

    TITLE = "802.1Q Virtual LAN"
    PROTOCOL = "vlan"
    FIELDS = (
        FieldSpec("pcp", "vlan.priority", "Priority", offsets.VLAN_TCI, 2),
        FieldSpec("dei", "vlan.dei", "Drop eligible", offsets.VLAN_TCI, 2),
        FieldSpec("vid", "vlan.id", "ID", offsets.VLAN_TCI, 2),
    )

    tci: int
    pcp: int
    dei: int
    vid: int
    type: int
    __hdr__: Any = (("tci", "H", 0), ("type", "H", offsets.ETHERTYPE_IPV4))
    __bit_fields__: ClassVar[Any] = {"tci": (("pcp", 3), ("dei", 1), ("vid", 12))}

    def fields(self) -> list[Field]:
        """Priority, drop eligible indicator, id, then `vlan.etype` or `vlan.len`."""
        return [*super().fields(), _type_or_length_field(self.type, "vlan", "etype", offsets.VLAN_TYPE)]

    def info(self) -> str:
        """`VLAN 100`, with the priority where there is one."""
        return f"VLAN {self.vid}" + (f", priority {self.pcp}" if self.pcp else "")


class LLC(Header):
    """IEEE 802.2 with a control field of one byte: 3 bytes.

    Control fields of two bytes (numbered frames) have their second byte in `data`.
    """

    TITLE = "Logical-Link Control"
    PROTOCOL = "llc"
    FIELDS = (
        FieldSpec("dsap", "llc.dsap", "DSAP", 0, 1, show_hex(2)),
        FieldSpec("ssap", "llc.ssap", "SSAP", 1, 1, show_hex(2)),
        FieldSpec("control", "llc.control", "Control", 2, 1, show_hex(2)),
    )

    dsap: int
    ssap: int
    control: int
    __hdr__: Any = (("dsap", "B", 0xAA), ("ssap", "B", 0xAA), ("control", "B", 0x03))

    def info(self) -> str:
        """`LLC STP`, or the two service access points."""
        name = _LLC_SAP_NAMES.get(self.dsap & 0xFE)
        return f"LLC {name}" if name else f"LLC DSAP 0x{self.dsap:02x} SSAP 0x{self.ssap:02x}"


class SNAP(Header):
    """LLC AA AA 03, an organisation's number and its protocol: 8 bytes."""

    TITLE = "Logical-Link Control, SNAP"
    PROTOCOL = "llc"
    FIELDS = (
        *LLC.FIELDS,
        FieldSpec("oui", "llc.oui", "Organization Code", 3, 3, show_mac),
        FieldSpec("type", "llc.type", "Type", 6, 2, show_ethertype),
    )

    dsap: int
    ssap: int
    control: int
    oui: bytes
    type: int
    __hdr__: Any = (
        ("dsap", "B", 0xAA),
        ("ssap", "B", 0xAA),
        ("control", "B", 0x03),
        ("oui", "3s", bytes(3)),
        ("type", "H", offsets.ETHERTYPE_IPV4),
    )

    @property
    def carries_ethertype(self) -> bool:
        """Whether `type` is an EtherType: AA AA 03 with the all-zero OUI (RFC 1042)."""
        return self.pack_hdr().startswith(SNAP_ETHERNET)

    def info(self) -> str:
        """The EtherType's name, or the organisation and its protocol number."""
        if self.carries_ethertype:
            return ethertype_name(self.type)
        return f"SNAP OUI {show_mac(self.oui)}, type 0x{self.type:04x}"
