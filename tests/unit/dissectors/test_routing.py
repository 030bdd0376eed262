"""Routing and keepalive protocols."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import checksum, offsets
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.routing import (
    BFD,
    BGP,
    EIGRP,
    ETHERTYPES,
    GRE_TYPES,
    IP_PROTOCOLS,
    NHRP,
    OSPF,
    PIM,
    TCP_PORTS,
    UDP_PORTS,
    VRRP,
    GREKeepalive,
)
from tests.unit.dissectors.header_contract import PAYLOAD, HeaderContract

MARKER = b"\xff" * 16


class TestOSPF(HeaderContract):
    cls = OSPF
    raw = bytes.fromhex("0201 0030 c0a80001 0a000001 beef 0001 0102030405060708")
    values: ClassVar = {
        "version": 2,
        "type": 1,
        "length": 48,
        "router": bytes([192, 168, 0, 1]),
        "area": bytes([10, 0, 0, 1]),
        "checksum": 0xBEEF,
        "auth_or_instance": 1,
        "authentication": bytes(range(1, 9)),
    }
    header_len = 24
    info = "Hello Packet"

    def test_version_3_has_no_authentication(self) -> None:
        header = OSPF(b"\x03" + self.raw[1:])
        assert header.header_len == 16
        assert header.authentication == b""
        assert (header.fields()[-1].name, header.fields()[-1].value) == ("ospf.instance_id", 0)

    def test_checksum_of_version_2_does_not_cover_authentication(self) -> None:
        header = OSPF(authentication=b"password", auth_or_instance=1, data=bytes(20))
        header.compute()
        assert header.length == 44
        assert checksum.verifies(header.pack_hdr() + bytes(20))

    def test_checksum_of_version_3_covers_the_pseudo_header(self) -> None:
        header = OSPF(version=3, data=bytes(20))
        pseudo = IPv6().pseudo_header(89, len(header))
        header.compute(pseudo)
        assert checksum.verifies(pseudo + bytes(header))


class TestBGP(HeaderContract):
    cls = BGP
    raw = MARKER + bytes.fromhex("0117 02")
    values: ClassVar = {"marker": MARKER, "length": 279, "type": 2}
    header_len = 19
    info = "UPDATE Message"

    def test_without_marker_it_says_nothing(self) -> None:
        header = BGP(b"\x00" + self.raw[1:])
        assert not header.is_message
        assert header.fields() == []
        assert header.info() == "BGP Continuation"

    def test_other_types(self) -> None:
        assert BGP(type=4).info() == "KEEPALIVE Message"
        assert BGP(type=99).info() == "BGP type 99"

    def test_compute(self) -> None:
        header = BGP(type=1, data=bytes(10))
        header.compute()
        assert header.length == 29


class TestEIGRP(HeaderContract):
    cls = EIGRP
    raw = bytes.fromhex("0205 beef 80000001 01020304 05060708 0a0b 0064")
    values: ClassVar = {
        "version": 2,
        "opcode": 5,
        "checksum": 0xBEEF,
        "flags": 0x80000001,
        "sequence": 0x01020304,
        "acknowledge": 0x05060708,
        "virtual_router": 0x0A0B,
        "autonomous_system": 100,
    }
    header_len = 20
    info = "Hello (Ack), AS 100"

    def test_compute(self) -> None:
        header = EIGRP(autonomous_system=100, data=PAYLOAD)
        header.compute()
        assert checksum.verifies(bytes(header))
        assert header.info() == "Hello, AS 100"
        assert EIGRP(opcode=99).info() == "EIGRP opcode 99, AS 0"


class TestBFD(HeaderContract):
    cls = BFD
    raw = bytes.fromhex("23 e9 05 18 00000001 a1a2a3a4 000f4240 001e8480 0000c350")
    values: ClassVar = {
        "version": 1,
        "diagnostic": 3,
        "state": 3,
        "flags": 0x29,
        "multiplier": 5,
        "length": 24,
        "my_discriminator": 1,
        "your_discriminator": 0xA1A2A3A4,
        "desired_tx": 1_000_000,
        "required_rx": 2_000_000,
        "required_echo": 50_000,
    }
    header_len = 24
    info = "Diag: Neighbor Signaled Session Down, State: Up, Flags: 0x29"

    def test_unknown_diagnostic(self) -> None:
        assert BFD(diagnostic=31, state=0).info() == "Diag: Unknown, State: AdminDown, Flags: 0x00"


class TestNHRP(HeaderContract):
    cls = NHRP
    raw = bytes.fromhex("0001 0800 0102030405 fe 0054 beef 0034 01 03 04 05")
    values: ClassVar = {
        "address_family": 1,
        "protocol_type": 0x0800,
        "snap_oui": b"\1\2\3",
        "snap_pid": 0x0405,
        "hops": 254,
        "size": 84,
        "checksum": 0xBEEF,
        "extensions": 52,
        "version": 1,
        "type": 3,
        "source_type": 4,
        "source_subaddress": 5,
    }
    header_len = 20
    # The payload of the tests begins with a5 70 61 79 | 6c 6f 61 64: a request id as good as any.
    info = "NHRP Registration Request, ID=1819238756"

    def test_request_id(self) -> None:
        mandatory = bytes.fromhex("0404 8002 0000000b")
        assert NHRP(type=1, data=mandatory).info() == "NHRP Resolution Request, ID=11"
        assert NHRP(type=7, data=mandatory).info() == "NHRP Error Indication"
        assert NHRP(type=1, data=mandatory[:7]).request_id == -1
        assert NHRP(type=99).info() == "NHRP type 99"

    def test_compute(self) -> None:
        header = NHRP(data=PAYLOAD)
        header.compute()
        assert header.size == 30
        assert checksum.verifies(bytes(header))


class TestPIM(HeaderContract):
    cls = PIM
    raw = bytes.fromhex("23 01 beef")
    values: ClassVar = {"version": 2, "type": 3, "reserved": 1, "checksum": 0xBEEF}
    header_len = 4
    info = "Join/Prune"

    def test_a_register_covers_its_own_header_only(self) -> None:
        header = PIM(type=1, data=bytes(4) + b"a whole packet")
        header.compute()
        assert checksum.verifies(bytes(header)[:8])
        assert not checksum.verifies(bytes(header))

    def test_only_ipv6_has_a_pseudo_header(self) -> None:
        header = PIM(data=PAYLOAD)
        header.compute(IPv4(src=b"\1\2\3\4").pseudo_header(103, len(header)))
        assert checksum.verifies(bytes(header))
        pseudo = IPv6(src=b"\1" * 16).pseudo_header(103, len(header))
        header.compute(pseudo)
        assert checksum.verifies(pseudo + bytes(header))


class TestVRRP(HeaderContract):
    cls = VRRP
    raw = bytes.fromhex("31 07 64 01 0064 beef")
    values: ClassVar = {
        "version": 3,
        "type": 1,
        "router": 7,
        "priority": 100,
        "count": 1,
        "interval": 100,
        "checksum": 0xBEEF,
    }
    header_len = 8
    info = "Announcement (v3), router 7, priority 100"

    def test_compute(self) -> None:
        pseudo = IPv4(src=b"\1\2\3\4").pseudo_header(112, 12)
        header = VRRP(data=bytes([10, 0, 0, 1]))
        header.compute()
        assert checksum.verifies(bytes(header))
        header.compute(pseudo)
        assert checksum.verifies(pseudo + bytes(header))
        header.version = 2
        header.compute(pseudo)
        assert checksum.verifies(bytes(header))


class TestGREKeepalive(HeaderContract):
    cls = GREKeepalive
    raw = b""
    values: ClassVar = {}
    header_len = 0
    info = "GRE Keepalive"


@pytest.mark.parametrize(
    ("table", "number", "cls"),
    [
        (IP_PROTOCOLS, offsets.IPPROTO_OSPF, OSPF),
        (IP_PROTOCOLS, offsets.IPPROTO_EIGRP, EIGRP),
        (IP_PROTOCOLS, offsets.IPPROTO_PIM, PIM),
        (IP_PROTOCOLS, offsets.IPPROTO_VRRP, VRRP),
        (TCP_PORTS, 179, BGP),
        (UDP_PORTS, 3784, BFD),
        (ETHERTYPES, offsets.ETHERTYPE_NHRP, NHRP),
        (GRE_TYPES, offsets.ETHERTYPE_GRE_KEEPALIVE, GREKeepalive),
    ],
)
def test_what_announces_them(table: dict[int, type], number: int, cls: type) -> None:
    assert table[number] is cls
