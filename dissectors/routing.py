"""Routing and keepalive protocols that run inside tunnels: recognised, and said in one line each.

OSPF version 2 and 3 (RFC 2328, RFC 5340), BGP (RFC 4271), EIGRP (RFC 7868), BFD (RFC 5880), NHRP (RFC 2332),
PIM (RFC 7761), VRRP (RFC 9568), GRE keepalives (Cisco). Each class reads the header that all messages of its
protocol share; `IP_PROTOCOLS`, `TCP_PORTS`, `UDP_PORTS`, `ETHERTYPES` and `GRE_TYPES` say which numbers
announce it.

    OSPF : version (1) | type (1) | length (2) | router (4) | area (4) | checksum (2) | auth type or instance
    (2)
           version 2: | authentication (8)
    BGP  : marker (16) | length (2) | type (1) EIGRP: version (1) | opcode (1) | checksum (2) | flags (4) |
    sequence (4) | ack (4) | virtual router (2) | AS (2) BFD  : version, diagnostic (1) | state, flags (1) |
    multiplier (1) | length (1) | my, your discriminator (4, 4)
           | desired tx, required rx, required echo rx interval in microseconds (4, 4, 4)
    NHRP : address family (2) | protocol (2) | SNAP (5) | hops (1) | size (2) | checksum (2) | extensions (2)
           | version (1) | type (1) | source type and length, subaddress (1, 1)
    PIM  : version, type (1) | reserved (1) | checksum (2)
    VRRP : version, type (1) | router (1) | priority (1) | addresses (1) | interval (2) | checksum (2)

Limits: what follows these headers stays bytes; a BGP message that starts within a segment is not found.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dissectors import checksum, offsets
from dissectors.base import Field, FieldSpec, Header, show_hex, show_ip, show_mac
from dissectors.ethernet import show_ethertype


def _named(names: dict[int, str], value: int) -> str:
    return f"{names.get(value, 'Unknown')} ({value})"


def _ones_complement(header: Header, pseudo: bytes = b"") -> int:
    return checksum.internet_checksum(bytes(header), checksum.ones_complement_sum(pseudo))


_OSPF_TYPES = {1: "Hello Packet", 2: "DB Description", 3: "LS Request", 4: "LS Update", 5: "LS Acknowledge"}
_OSPF_AUTHENTICATION_LEN = 8


class OSPF(Header):
    """The OSPF header: 24 bytes in version 2, else 16."""

    TITLE = "Open Shortest Path First"
    PROTOCOL = "ospf"
    FIELDS = (
        FieldSpec("version", "ospf.version", "Version", 0, 1),
        FieldSpec("type", "ospf.msg", "Message Type", 1, 1, lambda v: _named(_OSPF_TYPES, v)),
        FieldSpec("length", "ospf.packet_length", "Packet Length", 2, 2),
        FieldSpec("router", "ospf.srcrouter", "Source OSPF Router", 4, 4, show_ip),
        FieldSpec("area", "ospf.area_id", "Area ID", 8, 4, show_ip),
        FieldSpec("checksum", "ospf.checksum", "Checksum", 12, 2, show_hex(4)),
    )

    version: int
    type: int
    length: int
    router: bytes
    area: bytes
    checksum: int
    #: Version 2: authentication type; version 3: instance id and a reserved byte.
    auth_or_instance: int
    #: Version 2: 8 bytes, as far as they are there.
    authentication: bytes = b""
    __hdr__: Any = (
        ("version", "B", 2),
        ("type", "B", 1),
        ("length", "H", 24),
        ("router", "4s", bytes(4)),
        ("area", "4s", bytes(4)),
        ("checksum", "H", 0),
        ("auth_or_instance", "H", 0),
    )

    def unpack(self, buf: bytes) -> None:
        """Reads the header; in version 2 with the authentication field as far as it is there."""
        super().unpack(buf)
        length = self.header_len
        self.authentication = buf[self.__hdr_len__ : length]
        self.data = buf[length:]

    def pack_variable(self) -> bytes:
        """The authentication field."""
        return self.authentication

    @property
    def header_len(self) -> int:
        """24 in version 2, else 16."""
        return int(self.__hdr_len__) + (_OSPF_AUTHENTICATION_LEN if self.version == 2 else 0)

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets length and checksum; the latter covers no authentication field in version 2, `pseudo` in 3."""
        self.length = len(self)
        self.checksum = 0
        if self.version == 2:
            covered = self.pack_hdr() + bytes(self.data)
            self.checksum = checksum.internet_checksum(covered)
        elif pseudo:
            self.checksum = _ones_complement(self, pseudo)

    def fields(self) -> list[Field]:
        """The header; its last two bytes are the authentication type or, in version 3, the instance id."""
        value = self.auth_or_instance
        if self.version == 2:
            last = Field("ospf.auth.type", value, f"Auth Type: {value}", 14, 2)
        else:
            last = Field("ospf.instance_id", value >> 8, f"Instance ID: {value >> 8}", 14, 1)
        return [*super().fields(), last]

    def info(self) -> str:
        """`Hello Packet`."""
        return _OSPF_TYPES.get(self.type, f"OSPF type {self.type}")


_BGP_TYPES = {1: "OPEN", 2: "UPDATE", 3: "NOTIFICATION", 4: "KEEPALIVE", 5: "ROUTE-REFRESH"}
_BGP_MARKER = b"\xff" * 16


class BGP(Header):
    """Head of a BGP message: 19 bytes; of a segment that starts within a message they say nothing."""

    TITLE = "Border Gateway Protocol"
    PROTOCOL = "bgp"
    FIELDS = (
        FieldSpec("marker", "bgp.marker", "Marker", 0, 16, bytes.hex),
        FieldSpec("length", "bgp.length", "Length", 16, 2),
        FieldSpec("type", "bgp.type", "Type", 18, 1, lambda v: _named(_BGP_TYPES, v)),
    )

    marker: bytes
    length: int
    type: int
    __hdr__: Any = (("marker", "16s", _BGP_MARKER), ("length", "H", 19), ("type", "B", 4))

    @property
    def is_message(self) -> bool:
        """Whether a message starts here."""
        return self.marker == _BGP_MARKER

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the length."""
        self.length = len(self)

    def fields(self) -> list[Field]:
        """The head; nothing where no message starts here."""
        return super().fields() if self.is_message else []

    def info(self) -> str:
        """`KEEPALIVE Message`."""
        if not self.is_message:
            return "BGP Continuation"
        return f"{_BGP_TYPES[self.type]} Message" if self.type in _BGP_TYPES else f"BGP type {self.type}"


_EIGRP_OPCODES = {
    1: "Update",
    2: "Request",
    3: "Query",
    4: "Reply",
    5: "Hello",
    10: "SIA Query",
    11: "SIA Reply",
}
_EIGRP_HELLO = 5


class EIGRP(Header):
    """The EIGRP header: 20 bytes."""

    TITLE = "Enhanced Interior Gateway Routing Protocol"
    PROTOCOL = "eigrp"
    FIELDS = (
        FieldSpec("version", "eigrp.version", "Version", 0, 1),
        FieldSpec("opcode", "eigrp.opcode", "Opcode", 1, 1, lambda v: _named(_EIGRP_OPCODES, v)),
        FieldSpec("checksum", "eigrp.checksum", "Checksum", 2, 2, show_hex(4)),
        FieldSpec("flags", "eigrp.flags", "Flags", 4, 4, show_hex(8)),
        FieldSpec("sequence", "eigrp.seq", "Sequence", 8, 4),
        FieldSpec("acknowledge", "eigrp.ack", "Acknowledge", 12, 4),
        FieldSpec("virtual_router", "eigrp.vrid", "Virtual Router ID", 16, 2),
        FieldSpec("autonomous_system", "eigrp.as", "Autonomous System", 18, 2),
    )

    version: int
    opcode: int
    checksum: int
    flags: int
    sequence: int
    acknowledge: int
    virtual_router: int
    autonomous_system: int
    __hdr__: Any = (
        ("version", "B", 2),
        ("opcode", "B", _EIGRP_HELLO),
        ("checksum", "H", 0),
        ("flags", "I", 0),
        ("sequence", "I", 0),
        ("acknowledge", "I", 0),
        ("virtual_router", "H", 0),
        ("autonomous_system", "H", 0),
    )

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum, which covers no pseudo header."""
        self.checksum = 0
        self.checksum = _ones_complement(self)

    def info(self) -> str:
        """`Hello, AS 100`; a hello that acknowledges is `Hello (Ack)`."""
        name = _EIGRP_OPCODES.get(self.opcode, f"EIGRP opcode {self.opcode}")
        acknowledges = " (Ack)" if self.opcode == _EIGRP_HELLO and self.acknowledge else ""
        return f"{name}{acknowledges}, AS {self.autonomous_system}"


_BFD_STATES = ("AdminDown", "Down", "Init", "Up")
_BFD_DIAGNOSTICS = (
    "No Diagnostic",
    "Control Detection Time Expired",
    "Echo Function Failed",
    "Neighbor Signaled Session Down",
    "Forwarding Plane Reset",
    "Path Down",
    "Concatenated Path Down",
    "Administratively Down",
    "Reverse Concatenated Path Down",
)


def _show_diagnostic(value: int) -> str:
    return f"{_BFD_DIAGNOSTICS[value] if value < len(_BFD_DIAGNOSTICS) else 'Unknown'} ({value})"


class BFD(Header):
    """The mandatory part of a BFD control packet: 24 bytes."""

    TITLE = "Bidirectional Forwarding Detection Control"
    PROTOCOL = "bfd"
    FIELDS = (
        FieldSpec("version", "bfd.version", "Protocol Version", 0, 1),
        FieldSpec("diagnostic", "bfd.diag", "Diagnostic Code", 0, 1, _show_diagnostic),
        FieldSpec("state", "bfd.sta", "Session State", 1, 1, lambda v: f"{_BFD_STATES[v & 3]} ({v})"),
        FieldSpec("flags", "bfd.flags", "Message Flags", 1, 1, show_hex(2)),
        FieldSpec("multiplier", "bfd.detect_time_multiplier", "Detect Time Multiplier", 2, 1),
        FieldSpec("length", "bfd.message_length", "Message Length", 3, 1),
        FieldSpec("my_discriminator", "bfd.my_discriminator", "My Discriminator", 4, 4, show_hex(8)),
        FieldSpec("your_discriminator", "bfd.your_discriminator", "Your Discriminator", 8, 4, show_hex(8)),
        FieldSpec("desired_tx", "bfd.desired_min_tx_interval", "Desired Min TX Interval (µs)", 12, 4),
        FieldSpec("required_rx", "bfd.required_min_rx_interval", "Required Min RX Interval (µs)", 16, 4),
        FieldSpec("required_echo", "bfd.required_min_echo_interval", "Required Min Echo Interval (µs)", 20, 4),
    )

    version: int
    diagnostic: int
    state: int
    #: Poll, final, control plane independent, authentication, demand, multipoint: 0x20 to 0x01.
    flags: int
    multiplier: int
    length: int
    my_discriminator: int
    your_discriminator: int
    #: Microseconds.
    desired_tx: int
    required_rx: int
    required_echo: int
    __hdr__: Any = (
        ("_version_diagnostic", "B", 1 << 5),
        ("_state_flags", "B", 3 << 6),
        ("multiplier", "B", 3),
        ("length", "B", 24),
        ("my_discriminator", "I", 0),
        ("your_discriminator", "I", 0),
        ("desired_tx", "I", 0),
        ("required_rx", "I", 0),
        ("required_echo", "I", 0),
    )
    __bit_fields__: ClassVar[Any] = {
        "_version_diagnostic": (("version", 3), ("diagnostic", 5)),
        "_state_flags": (("state", 2), ("flags", 6)),
    }

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the length."""
        self.length = len(self)

    def info(self) -> str:
        """As Wireshark words it."""
        diagnostic = _show_diagnostic(self.diagnostic).rpartition(" (")[0]
        return f"Diag: {diagnostic}, State: {_BFD_STATES[self.state]}, Flags: 0x{self.flags:02x}"


_NHRP_TYPES = {
    1: "NHRP Resolution Request",
    2: "NHRP Resolution Reply",
    3: "NHRP Registration Request",
    4: "NHRP Registration Reply",
    5: "NHRP Purge Request",
    6: "NHRP Purge Reply",
    7: "NHRP Error Indication",
    8: "NHRP Traffic Indication",
}
#: Types without a request id: errors and traffic indications have something else in its place.
_NHRP_WITHOUT_ID = (7, 8)


class NHRP(Header):
    """The fixed header of NHRP: 20 bytes; the mandatory header behind it is read for the request id only."""

    TITLE = "Next Hop Resolution Protocol"
    PROTOCOL = "nhrp"
    FIELDS = (
        FieldSpec("address_family", "nhrp.hdr.afn", "Address Family Number", 0, 2),
        FieldSpec("protocol_type", "nhrp.hdr.pro.type", "Protocol Type (short form)", 2, 2, show_ethertype),
        FieldSpec("snap_oui", "nhrp.hdr.pro.snap.oui", "Protocol Type (long form), OUI", 4, 3, show_mac),
        FieldSpec("snap_pid", "nhrp.hdr.pro.snap.pid", "Protocol Type (long form), PID", 7, 2, show_hex(4)),
        FieldSpec("hops", "nhrp.hdr.hopcnt", "Hop Count", 9, 1),
        FieldSpec("size", "nhrp.hdr.pktsz", "Packet Length", 10, 2),
        FieldSpec("checksum", "nhrp.hdr.chksum", "NHRP Packet Checksum", 12, 2, show_hex(4)),
        FieldSpec("extensions", "nhrp.hdr.extoff", "Extension Offset", 14, 2),
        FieldSpec("version", "nhrp.hdr.version", "Version", 16, 1),
        FieldSpec("type", "nhrp.hdr.op.type", "NHRP Packet Type", 17, 1, lambda v: _named(_NHRP_TYPES, v)),
        FieldSpec("source_type", "nhrp.hdr.shtl", "Source Address Type/Len", 18, 1, show_hex(2)),
        FieldSpec("source_subaddress", "nhrp.hdr.sstl", "Source SubAddress Type/Len", 19, 1, show_hex(2)),
    )

    address_family: int
    protocol_type: int
    snap_oui: bytes
    snap_pid: int
    hops: int
    size: int
    checksum: int
    extensions: int
    version: int
    type: int
    source_type: int
    source_subaddress: int
    __hdr__: Any = (
        ("address_family", "H", 1),
        ("protocol_type", "H", offsets.ETHERTYPE_IPV4),
        ("snap_oui", "3s", bytes(3)),
        ("snap_pid", "H", 0),
        ("hops", "B", 255),
        ("size", "H", 0),
        ("checksum", "H", 0),
        ("extensions", "H", 0),
        ("version", "B", 1),
        ("type", "B", 1),
        ("source_type", "B", 4),
        ("source_subaddress", "B", 0),
    )

    @property
    def request_id(self) -> int:
        """Of the mandatory header, -1 where the message has none or it is not there."""
        data = bytes(self.data)[:8]
        if self.type in _NHRP_WITHOUT_ID or len(data) < 8:
            return -1
        return int.from_bytes(data[4:8], "big")

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets size and checksum, which covers no pseudo header."""
        self.size = len(self)
        self.checksum = 0
        self.checksum = _ones_complement(self)

    def info(self) -> str:
        """`NHRP Resolution Request, ID=1`."""
        name = _NHRP_TYPES.get(self.type, f"NHRP type {self.type}")
        return f"{name}, ID={self.request_id}" if self.request_id >= 0 else name


_PIM_TYPES = {
    0: "Hello",
    1: "Register",
    2: "Register-stop",
    3: "Join/Prune",
    4: "Bootstrap",
    5: "Assert",
    6: "Graft",
    7: "Graft-Ack",
    8: "Candidate-RP-Advertisement",
}
_PIM_REGISTER = 1
_PIM_REGISTER_LEN = 8
_IPV6_PSEUDO_HEADER_LEN = 40


class PIM(Header):
    """The PIM header: 4 bytes."""

    TITLE = "Protocol Independent Multicast"
    PROTOCOL = "pim"
    FIELDS = (
        FieldSpec("version", "pim.version", "Version", 0, 1),
        FieldSpec("type", "pim.type", "Type", 0, 1, lambda v: _named(_PIM_TYPES, v)),
        FieldSpec("reserved", "pim.res_bytes", "Reserved", 1, 1, show_hex(2)),
        FieldSpec("checksum", "pim.cksum", "Checksum", 2, 2, show_hex(4)),
    )

    version: int
    type: int
    reserved: int
    checksum: int
    __hdr__: Any = (("_version_type", "B", 2 << 4), ("reserved", "B", 0), ("checksum", "H", 0))
    __bit_fields__: ClassVar[Any] = {"_version_type": (("version", 4), ("type", 4))}

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum: of a Register over its first 8 bytes only; it covers an IPv6 pseudo header."""
        self.checksum = 0
        covered = bytes(self)
        if self.type == _PIM_REGISTER:
            covered = covered[:_PIM_REGISTER_LEN]
        total = checksum.ones_complement_sum(pseudo) if len(pseudo) == _IPV6_PSEUDO_HEADER_LEN else 0
        self.checksum = checksum.internet_checksum(covered, total)

    def info(self) -> str:
        """`Hello`."""
        return _PIM_TYPES.get(self.type, f"PIM type {self.type}")


class VRRP(Header):
    """The VRRP header: 8 bytes."""

    TITLE = "Virtual Router Redundancy Protocol"
    PROTOCOL = "vrrp"
    FIELDS = (
        FieldSpec("version", "vrrp.version", "Version", 0, 1),
        FieldSpec("type", "vrrp.type", "Packet type", 0, 1),
        FieldSpec("router", "vrrp.virt_rtr_id", "Virtual Rtr ID", 1, 1),
        FieldSpec("priority", "vrrp.prio", "Priority", 2, 1),
        FieldSpec("count", "vrrp.addr_count", "Addr Count", 3, 1),
        FieldSpec("interval", "vrrp.adver_int", "Adver Int (version 2: auth type, interval)", 4, 2, show_hex(4)),
        FieldSpec("checksum", "vrrp.checksum", "Checksum", 6, 2, show_hex(4)),
    )

    version: int
    type: int
    router: int
    priority: int
    count: int
    interval: int
    checksum: int
    __hdr__: Any = (
        ("_version_type", "B", 0x31),
        ("router", "B", 1),
        ("priority", "B", 100),
        ("count", "B", 1),
        ("interval", "H", 100),
        ("checksum", "H", 0),
    )
    __bit_fields__: ClassVar[Any] = {"_version_type": (("version", 4), ("type", 4))}

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum: version 2 covers no pseudo header, version 3 the one that is given.

        Over IPv4 implementations of version 3 differ, most cover it: give none for those that do not.
        """
        self.checksum = 0
        self.checksum = _ones_complement(self, pseudo if self.version >= 3 else b"")

    def info(self) -> str:
        """`Announcement (v3), router 1, priority 100`."""
        name = "Announcement" if self.type == 1 else f"VRRP type {self.type}"
        return f"{name} (v{self.version}), router {self.router}, priority {self.priority}"


class GREKeepalive(Header):
    """What a GRE header of protocol type 0 says: nothing more.

    A router sends itself such a packet through the far end of its tunnel: the outer GRE header carries an
    IPv4 packet with the tunnel's addresses swapped, whose GRE header has protocol type 0 and no payload.
    """

    TITLE = "GRE Keepalive"
    PROTOCOL = "gre"

    __hdr__: Any = ()

    def info(self) -> str:
        """The name."""
        return "GRE Keepalive"


#: IP protocol -> class.
IP_PROTOCOLS: dict[int, type[Header]] = {
    54: NHRP,
    offsets.IPPROTO_EIGRP: EIGRP,
    offsets.IPPROTO_OSPF: OSPF,
    offsets.IPPROTO_PIM: PIM,
    offsets.IPPROTO_VRRP: VRRP,
}
#: TCP port -> class.
TCP_PORTS: dict[int, type[Header]] = {179: BGP}
#: UDP destination port -> class: BFD over one hop, several hops, the members of a link aggregation.
UDP_PORTS: dict[int, type[Header]] = {3784: BFD, 4784: BFD, 6784: BFD}
#: EtherType -> class.
ETHERTYPES: dict[int, type[Header]] = {offsets.ETHERTYPE_NHRP: NHRP}
#: GRE protocol type -> class, beside the EtherTypes.
GRE_TYPES: dict[int, type[Header]] = {offsets.ETHERTYPE_GRE_KEEPALIVE: GREKeepalive}
