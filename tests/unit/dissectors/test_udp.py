"""UDP, and the ports of UDP-Lite and DCCP."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, checksum, offsets
from dissectors.ipv4 import IPv4
from dissectors.udp import DCCP, UDP, UDPLite, application
from tests.unit.dissectors.header_contract import HeaderContract


class TestUDP(HeaderContract):
    cls = UDP
    raw = bytes.fromhex("c001 12b5 0111 beef")
    values: ClassVar = {"sport": 0xC001, "dport": 4789, "length": 0x0111, "checksum": 0xBEEF}
    header_len = offsets.UDP_LEN
    info = "49153 → 4789 Len=10"

    def test_offsets(self) -> None:
        places = {field.name: field.start for field in UDP(self.raw).fields()}
        assert places["udp.length"] == offsets.UDP_LENGTH


class TestUDPLite(HeaderContract):
    cls = UDPLite
    raw = bytes.fromhex("c001 12b5")
    values: ClassVar = {"sport": 0xC001, "dport": 4789}
    header_len = 4
    info = "49153 → 4789"


class TestDCCP(HeaderContract):
    cls = DCCP
    raw = bytes.fromhex("c001 12b5")
    values: ClassVar = {"sport": 0xC001, "dport": 4789}
    header_len = 4
    info = "49153 → 4789"


def test_dns_is_just_dns() -> None:
    assert UDP(sport=40000, dport=53, data=b"\x1b[31m").info() == "DNS 40000 → 53 Len=5"
    assert UDP(sport=53, dport=40000).info(payload_length=300) == "DNS 53 → 40000 Len=300"
    assert application(68, 67) == "DHCP"
    assert application(40000, 40001) == ""


@pytest.mark.parametrize("length", range(9))
def test_length(length: int) -> None:
    expected = 1 << anomalies.UDP_LENGTH_INVALID if 1 <= length <= 7 else 0
    assert UDP(length=length).anomalies == expected


def test_compute() -> None:
    datagram = UDP(sport=1, dport=2, data=b"odd")
    pseudo = IPv4(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2").pseudo_header(17, 11)
    datagram.compute(pseudo)
    assert datagram.length == 11
    assert checksum.verifies(pseudo + bytes(datagram))
    datagram.compute()
    assert datagram.checksum != 0


def test_a_checksum_of_zero_is_sent_as_all_ones() -> None:
    pseudo = IPv4().pseudo_header(17, 10)
    datagram = UDP(sport=0, dport=0)
    # Chosen so that everything sums up to 0xffff.
    datagram.data = (0xFFFF - 17 - 10 - 10).to_bytes(2, "big")
    datagram.compute(pseudo)
    assert datagram.checksum == 0xFFFF
    assert checksum.verifies(pseudo + bytes(datagram))


def test_a_length_that_does_not_fit() -> None:
    datagram = UDP(data=bytes(0x10000))
    datagram.compute()
    assert datagram.length == 0
