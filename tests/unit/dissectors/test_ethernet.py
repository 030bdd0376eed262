"""Ethernet, VLAN tags, LLC and SNAP."""

from __future__ import annotations

from typing import ClassVar

from dissectors import offsets
from dissectors.ethernet import LLC, SNAP, VLAN, Ethernet, ethertype_name, show_ethertype
from tests.unit.dissectors.header_contract import HeaderContract


class TestEthernet(HeaderContract):
    cls = Ethernet
    raw = bytes.fromhex("0200deadbeef 0a1b2c3d4e5f 86dd")
    values: ClassVar = {
        "dst": bytes.fromhex("0200deadbeef"),
        "src": bytes.fromhex("0a1b2c3d4e5f"),
        "type": 0x86DD,
    }
    header_len = offsets.ETH_LEN
    info = "IPv6"

    def test_fields_have_wiresharks_names(self) -> None:
        names = [field.name for field in Ethernet(self.raw).fields()]
        assert names == ["eth.dst", "eth.src", "eth.type"]

    def test_a_small_type_is_a_length(self) -> None:
        frame = Ethernet(type=0x05FF)
        assert frame.is_8023
        assert frame.fields()[-1].name == "eth.len"
        assert not Ethernet(type=0x0600).is_8023

    def test_compute_sets_the_length_of_802_3_only(self) -> None:
        frame = Ethernet(type=1, data=b"x" * 40)
        frame.compute()
        assert frame.type == 40
        frame = Ethernet(type=0x0806, data=b"x" * 40)
        frame.compute()
        assert frame.type == 0x0806


class TestVLAN(HeaderContract):
    cls = VLAN
    raw = bytes.fromhex("b123 0800")
    values: ClassVar = {"pcp": 5, "dei": 1, "vid": 0x123, "type": 0x0800}
    header_len = offsets.VLAN_LEN
    info = "VLAN 291, priority 5"

    def test_id_is_under_its_mask(self) -> None:
        assert VLAN(b"\xff\xff\x08\x00").vid == offsets.VLAN_ID_MASK


class TestLLC(HeaderContract):
    cls = LLC
    raw = bytes.fromhex("42 43 03")
    values: ClassVar = {"dsap": 0x42, "ssap": 0x43, "control": 3}
    header_len = offsets.LLC_LEN
    info = "LLC STP"


class TestSNAP(HeaderContract):
    cls = SNAP
    raw = bytes.fromhex("aaab03 00000c 2000")
    values: ClassVar = {"dsap": 0xAA, "ssap": 0xAB, "control": 3, "oui": b"\x00\x00\x0c", "type": 0x2000}
    header_len = offsets.SNAP_LEN
    info = "SNAP OUI 00:00:0c, type 0x2000"

    def test_only_the_zero_oui_carries_an_ethertype(self) -> None:
        assert SNAP(bytes.fromhex("aaaa030000000800")).carries_ethertype
        assert not SNAP(bytes.fromhex("aaaa0300000c0800")).carries_ethertype
        assert not SNAP(bytes.fromhex("aaaa040000000800")).carries_ethertype


def test_names_of_ethertypes() -> None:
    assert ethertype_name(0x0800) == "IPv4"
    assert ethertype_name(0x1234) == "0x1234"
    assert show_ethertype(0x6558) == "Transparent Ethernet bridging (0x6558)"
    assert show_ethertype(0x1234) == "Unknown (0x1234)"
