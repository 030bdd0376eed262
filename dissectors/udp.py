"""UDP: the User Datagram Protocol (RFC 768), and the ports of its relatives UDP-Lite (RFC 3828) and DCCP (RFC 4340).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------------------------------+-------------------------------+
    |          Source port          |       Destination port        |
    +-------------------------------+-------------------------------+
    |            Length             |           Checksum            |   UDP-Lite: coverage | checksum
    +-------------------------------+-------------------------------+

Limits: of UDP-Lite and DCCP only the ports are read. Applications are named by their port, not looked into.
"""

from __future__ import annotations

from typing import Any

from dissectors import anomalies, checksum, offsets
from dissectors.base import FieldSpec, Header, show_hex

#: UDP port -> application, as Wireshark's Protocol column names it.
APPLICATIONS: dict[int, str] = {
    53: "DNS",
    67: "DHCP",
    68: "DHCP",
    69: "TFTP",
    123: "NTP",
    137: "NBNS",
    161: "SNMP",
    162: "SNMP",
    443: "QUIC",
    500: "ISAKMP",
    514: "Syslog",
    520: "RIP",
    521: "RIPng",
    546: "DHCPv6",
    547: "DHCPv6",
    1701: "L2TP",
    1812: "RADIUS",
    1813: "RADIUS",
    1900: "SSDP",
    2152: "GTP",
    3544: "Teredo",
    3784: "BFD Control",
    3785: "BFD Echo",
    4784: "BFD Control",
    5353: "MDNS",
    5355: "LLMNR",
    6343: "sFlow",
}


def application(sport: int, dport: int) -> str:
    """The application's name by either port, the destination's first; "" where none is known."""
    return APPLICATIONS.get(dport) or APPLICATIONS.get(sport) or ""


class UDP(Header):
    """A UDP header: 8 bytes."""

    TITLE = "User Datagram Protocol"
    PROTOCOL = "udp"
    FIELDS = (
        FieldSpec("sport", "udp.srcport", "Source Port", 0, 2),
        FieldSpec("dport", "udp.dstport", "Destination Port", 2, 2),
        FieldSpec("length", "udp.length", "Length", offsets.UDP_LENGTH, 2),
        FieldSpec("checksum", "udp.checksum", "Checksum", 6, 2, show_hex(4)),
    )

    sport: int
    dport: int
    #: Header and payload in bytes; 0 for a jumbogram, or before offload.
    length: int
    #: 0: none was computed.
    checksum: int
    __hdr__: Any = (
        ("sport", "H", 0),
        ("dport", "H", 0),
        ("length", "H", offsets.UDP_LEN),
        ("checksum", "H", 0),
    )

    @property
    def anomalies(self) -> int:
        """A length of 1 to 7; one beyond the packet is the walk's to see."""
        return 1 << anomalies.UDP_LENGTH_INVALID if 0 < self.length < offsets.UDP_LEN else 0

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the length (0 where it does not fit), and the checksum where a pseudo header is given."""
        length = len(self)
        self.length = length if length <= 0xFFFF else 0
        if pseudo:
            self.checksum = 0
            value = checksum.internet_checksum(bytes(self), checksum.ones_complement_sum(pseudo))
            self.checksum = value or checksum.UDP_ZERO

    def info(self, payload_length: int = -1) -> str:
        """`DNS` where the port says so, with the ports; else `49152 → 4000 Len=12`.

        `payload_length` is the length on the wire in bytes, where more of it is known than was captured.
        """
        length = payload_length if payload_length >= 0 else len(self.data)
        name = application(self.sport, self.dport)
        return f"{name + ' ' if name else ''}{self.sport} → {self.dport} Len={length}"


class _Ports(Header):
    """Source and destination port: 4 bytes."""

    sport: int
    dport: int
    __hdr__: Any = (("sport", "H", 0), ("dport", "H", 0))

    def info(self) -> str:
        """The ports."""
        return f"{self.sport} → {self.dport}"


class UDPLite(_Ports):
    """The ports of UDP-Lite."""

    TITLE = "Lightweight User Datagram Protocol"
    PROTOCOL = "udplite"
    FIELDS = (
        FieldSpec("sport", "udp.srcport", "Source Port", 0, 2),
        FieldSpec("dport", "udp.dstport", "Destination Port", 2, 2),
    )


class DCCP(_Ports):
    """The ports of the Datagram Congestion Control Protocol."""

    TITLE = "Datagram Congestion Control Protocol"
    PROTOCOL = "dccp"
    FIELDS = (
        FieldSpec("sport", "dccp.srcport", "Source Port", 0, 2),
        FieldSpec("dport", "dccp.dstport", "Destination Port", 2, 2),
    )
