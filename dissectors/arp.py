"""ARP and RARP: the (Reverse) Address Resolution Protocol (RFC 826, RFC 903, RFC 5227).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------------------------------+-------------------------------+
    |         Hardware type         |         Protocol type         |
    +---------------+---------------+-------------------------------+
    | Hardware size | Protocol size |           Operation           |
    +---------------+---------------+-------------------------------+
    |  Sender hardware address, sender protocol address,
    |  target hardware address, target protocol address
    +---------------------------------------------------------------+

Limits: addresses other than Ethernet and IPv4 ones are shown as hexadecimal digits.
"""

from __future__ import annotations

from typing import Any

from dissectors import offsets
from dissectors.base import Field, FieldSpec, Header, show_ip, show_mac
from dissectors.ethernet import show_ethertype

REQUEST = 1
REPLY = 2
_REVERSE_REQUEST = 3
_REVERSE_REPLY = 4
_OPERATIONS = {
    REQUEST: "request",
    REPLY: "reply",
    _REVERSE_REQUEST: "reverse request",
    _REVERSE_REPLY: "reverse reply",
    8: "inverse request",
    9: "inverse reply",
}
_BROADCAST = b"\xff" * 6


def _show_operation(operation: int) -> str:
    return f"{_OPERATIONS.get(operation, 'unknown')} ({operation})"


class ARP(Header):
    """An ARP packet; its four addresses are the variable part."""

    TITLE = "Address Resolution Protocol"
    PROTOCOL = "arp"
    FIELDS = (
        FieldSpec("hardware_type", "arp.hw.type", "Hardware type", 0, 2),
        FieldSpec("protocol_type", "arp.proto.type", "Protocol type", 2, 2, show_ethertype),
        FieldSpec("hardware_size", "arp.hw.size", "Hardware size", 4, 1),
        FieldSpec("protocol_size", "arp.proto.size", "Protocol size", 5, 1),
        FieldSpec("operation", "arp.opcode", "Opcode", 6, 2, _show_operation),
    )

    hardware_type: int
    protocol_type: int
    hardware_size: int
    protocol_size: int
    operation: int
    #: Sender hardware, sender protocol, target hardware, target protocol address, as far as they are there.
    sha: bytes = bytes(6)
    spa: bytes = bytes(4)
    tha: bytes = bytes(6)
    tpa: bytes = bytes(4)
    __hdr__: Any = (
        ("hardware_type", "H", 1),
        ("protocol_type", "H", offsets.ETHERTYPE_IPV4),
        ("hardware_size", "B", 6),
        ("protocol_size", "B", 4),
        ("operation", "H", REQUEST),
    )

    def unpack(self, buf: bytes) -> None:
        """Reads the fixed part, and of the addresses what is there."""
        super().unpack(buf)
        position = self.__hdr_len__
        addresses = []
        for size in self._sizes():
            addresses.append(buf[position : position + size])
            position += size
        self.sha, self.spa, self.tha, self.tpa = addresses
        self.data = buf[position:]

    def _sizes(self) -> tuple[int, int, int, int]:
        return self.hardware_size, self.protocol_size, self.hardware_size, self.protocol_size

    def pack_variable(self) -> bytes:
        """The four addresses."""
        return self.sha + self.spa + self.tha + self.tpa

    @property
    def header_len(self) -> int:
        """8 bytes and the addresses: 28 for IPv4 over Ethernet."""
        return int(self.__hdr_len__) + sum(self._sizes())

    @property
    def is_ethernet_ipv4(self) -> bool:
        """Whether the addresses are MACs and IPv4 addresses, and all there."""
        return (
            self.hardware_type == 1
            and self.protocol_type == offsets.ETHERTYPE_IPV4
            and self._sizes() == (6, 4, 6, 4)
            and len(self.tpa) == 4
        )

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets both sizes by the sender's addresses."""
        self.hardware_size = len(self.sha)
        self.protocol_size = len(self.spa)

    def fields(self) -> list[Field]:
        """The fixed part, then the addresses that are there."""
        result = super().fields()
        ipv4 = self.protocol_type == offsets.ETHERTYPE_IPV4 and self.protocol_size == 4
        ethernet = self.hardware_type == 1 and self.hardware_size == 6
        hardware = "hw_mac" if ethernet else "hw"
        protocol = "proto_ipv4" if ipv4 else "proto"
        position = int(self.__hdr_len__)
        for name, label, value in (
            (f"arp.src.{hardware}", "Sender hardware address", self.sha),
            (f"arp.src.{protocol}", "Sender protocol address", self.spa),
            (f"arp.dst.{hardware}", "Target hardware address", self.tha),
            (f"arp.dst.{protocol}", "Target protocol address", self.tpa),
        ):
            if not value:
                continue
            if "hw" in name:
                shown = show_mac(value) if ethernet else value.hex()
            else:
                shown = show_ip(value) if ipv4 else value.hex()
            result.append(Field(name, value, f"{label}: {shown}", position, len(value)))
            position += len(value)
        return result

    def info(self) -> str:
        """As Wireshark words it: `Who has 10.0.0.2? Tell 10.0.0.1`, `10.0.0.2 is at 00:11:22:33:44:55`."""
        name = _OPERATIONS.get(self.operation, f"operation {self.operation}")
        if not self.is_ethernet_ipv4:
            return f"ARP {name}, protocol {show_ethertype(self.protocol_type)}"
        sender, target = show_ip(self.spa), show_ip(self.tpa)
        gratuitous = self.spa == self.tpa
        if self.operation == REQUEST:
            if self.spa == bytes(4):
                return f"Who has {target}? (ARP Probe)"
            return f"ARP Announcement for {sender}" if gratuitous else f"Who has {target}? Tell {sender}"
        if self.operation == REPLY:
            if gratuitous and self.tha in (_BROADCAST, bytes(6), self.sha):
                return f"Gratuitous ARP for {sender} (Reply)"
            return f"{sender} is at {show_mac(self.sha)}"
        if self.operation == _REVERSE_REQUEST:
            return f"Who is {show_mac(self.tha)}? Tell {show_mac(self.sha)}"
        if self.operation == _REVERSE_REPLY:
            return f"{show_mac(self.tha)} is at {target}"
        return f"ARP {name}"
