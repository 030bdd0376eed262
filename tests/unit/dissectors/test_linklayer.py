"""Linux cooked v1 and v2, null and loop, PPP, Cisco HDLC."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import offsets
from dissectors.linklayer import HDLC, PPP, SLL, SLL2, Loop, Null
from tests.unit.dissectors.header_contract import PAYLOAD, HeaderContract


class TestSLL(HeaderContract):
    cls = SLL
    raw = bytes.fromhex("0004 0301 0006 0a1b2c3d4e5f0102 86dd")
    values: ClassVar = {
        "packet_type": 4,
        "arphrd": 0x0301,
        "address_len": 6,
        "address": bytes.fromhex("0a1b2c3d4e5f0102"),
        "protocol": 0x86DD,
    }
    derived: ClassVar = {"src": bytes.fromhex("0a1b2c3d4e5f")}
    header_len = offsets.SLL_LEN
    info = "IPv6"

    def test_construct(self) -> None:
        values: ClassVar = {name: value for name, value in self.values.items() if name != "src"}
        assert bytes(SLL(**values)) == self.raw

    def test_address_is_no_longer_than_its_field(self) -> None:
        assert len(SLL(address_len=200).src) == 8


class TestSLL2(HeaderContract):
    cls = SLL2
    raw = bytes.fromhex("0806 abcd 00010203 0301 03 06 0a1b2c3d4e5f0102")
    values: ClassVar = {
        "protocol": 0x0806,
        "reserved": 0xABCD,
        "interface": 0x00010203,
        "arphrd": 0x0301,
        "packet_type": 3,
        "address_len": 6,
        "address": bytes.fromhex("0a1b2c3d4e5f0102"),
    }
    header_len = offsets.SLL2_LEN
    info = "ARP"

    def test_source(self) -> None:
        assert SLL2(self.raw).src == bytes.fromhex("0a1b2c3d4e5f")


class TestNull(HeaderContract):
    cls = Null
    raw = bytes.fromhex("1e000000")
    values: ClassVar = {"raw_family": b"\x1e\x00\x00\x00"}
    header_len = offsets.NULL_LEN
    info = "IPv6"

    @pytest.mark.parametrize(
        ("raw", "family", "ethertype"),
        [
            ("02000000", 2, offsets.ETHERTYPE_IPV4),
            ("00000002", 2, offsets.ETHERTYPE_IPV4),
            ("0a000000", 10, offsets.ETHERTYPE_IPV6),
            ("00000018", 24, offsets.ETHERTYPE_IPV6),
            ("1c000000", 28, offsets.ETHERTYPE_IPV6),
            ("0000ffff", 0xFFFF, 0),
            ("00010000", 0x100, 0),
            ("07000000", 7, 0),
        ],
    )
    def test_family_in_either_byte_order(self, raw: str, family: int, ethertype: int) -> None:
        header = Null(bytes.fromhex(raw))
        assert (header.family, header.ethertype) == (family, ethertype)


class TestLoop(HeaderContract):
    cls = Loop
    raw = bytes.fromhex("00000018")
    values: ClassVar = {"raw_family": b"\x00\x00\x00\x18"}
    derived: ClassVar = {"family": 24}
    header_len = offsets.NULL_LEN
    info = "IPv6"

    def test_is_always_big_endian(self) -> None:
        assert Loop(bytes.fromhex("02000000")).family == 0x02000000
        assert Loop(bytes.fromhex("02000000")).ethertype == 0


class TestPPP(HeaderContract):
    cls = PPP
    raw = bytes.fromhex("ff03 0281")
    values: ClassVar = {"framing": b"\xff\x03", "raw_protocol": b"\x02\x81"}
    header_len = 4
    info = "MPLS unicast (0x0281)"

    @pytest.mark.parametrize(
        ("raw", "header_len", "protocol"),
        [
            ("ff030021", 4, offsets.PPP_IPV4),
            ("ff0321", 3, offsets.PPP_IPV4),
            ("0057", 2, offsets.PPP_IPV6),
            ("57", 1, offsets.PPP_IPV6),
            ("c021", 2, 0xC021),
        ],
    )
    def test_compressed_forms(self, raw: str, header_len: int, protocol: int) -> None:
        header = PPP(bytes.fromhex(raw) + PAYLOAD)
        assert (header.header_len, header.protocol, header.data) == (header_len, protocol, PAYLOAD)

    @pytest.mark.parametrize(("raw", "header_len"), [("", 1), ("ff03", 3), ("ff0300", 4), ("00", 2), ("ff", 1)])
    def test_cut_forms_claim_the_least_that_is_possible(self, raw: str, header_len: int) -> None:
        header = PPP(bytes.fromhex(raw))
        assert header.header_len == header_len
        assert bytes(header) == bytes.fromhex(raw)

    def test_every_truncation(self) -> None:
        # FF alone is a compressed protocol number of its own: only FF 03 is address and control.
        for length in (0, 2, 3):
            header = PPP(self.raw[:length])
            assert header.header_len > length
            assert header.protocol == -1
            assert bytes(header) == self.raw[:length]


class TestHDLC(HeaderContract):
    cls = HDLC
    raw = bytes.fromhex("0f 01 0800")
    values: ClassVar = {"address": 0x0F, "control": 1, "protocol": 0x0800}
    header_len = offsets.CHDLC_LEN
    info = "IPv4"
