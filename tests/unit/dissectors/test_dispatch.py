"""Dispatch tables: defaults, `-d` rules, users' descriptors."""

from __future__ import annotations

from typing import Any

import pytest

from dissectors import encaps, offsets
from dissectors.dispatch import NEXT_CODES, DispatchTables, FixedHeader

DEFAULT = DispatchTables.DEFAULT


def test_default_ports() -> None:
    assert {port: kind for port, kind in enumerate(DEFAULT.udp) if kind} == {
        offsets.PORT_VXLAN: encaps.VXLAN,
        offsets.PORT_VXLAN_LINUX: encaps.VXLAN,
        offsets.PORT_VXLAN_GPE: encaps.VXLAN_GPE,
        offsets.PORT_GENEVE: encaps.GENEVE,
        offsets.PORT_GRE_IN_UDP: encaps.GRE_IN_UDP,
        offsets.PORT_MPLS_IN_UDP: encaps.MPLS_IN_UDP,
        offsets.PORT_ESP_IN_UDP: encaps.ESP,
    }
    assert not any(DEFAULT.ip)
    assert not any(DEFAULT.ethertype)
    assert (len(DEFAULT.udp), len(DEFAULT.ip), len(DEFAULT.ethertype)) == (65536, 256, 65536)


def test_decode_as_gives_new_tables() -> None:
    changed = DEFAULT.decode_as("udp.port==8473,vxlan").decode_as("udp.port == 0x10-0x12 , geneve")
    assert changed.udp[8473] == encaps.VXLAN
    assert changed.udp[15:20] == bytes([0, encaps.GENEVE, encaps.GENEVE, encaps.GENEVE, 0])
    assert DEFAULT.udp[8473] == 0
    assert changed.decode_as("udp.port==4789,none").udp[4789] == 0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("udp.port==8473", "expected something like"),
        ("udp.port=8473,vxlan", "expected something like"),
        ("udp.port==x,vxlan", "'x' is not a number"),
        ("udp.port==,vxlan", "is not a number"),
        ("udp.port==65536,vxlan", "not within 0 to 65535"),
        ("udp.port==9-1,vxlan", "not within 0 to 65535"),
        ("udp.port==8473,vxlam", "did you mean vxlan?"),
        ("udp.port==8473,zzzzzz", "known are"),
        ("tcp.port==8473,vxlan", "none of udp.port, ip.proto, ethertype"),
        ("ip.proto==115,vxlan", "no dissector 'vxlan' here"),
        ("ip.proto==256,none", "IP protocol 256 is not within 0 to 255"),
    ],
)
def test_rules_that_are_wrong_say_why(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?").replace(".", r"\.")):
        DEFAULT.decode_as(rule)


def test_users_kinds() -> None:
    one = FixedHeader("one", 4)
    two = FixedHeader("two-2", 8, "ethertype", next_offset=6, id_offset=1, id_length=3, id_shift=4, id_mask=0xFFFF)
    tables = DEFAULT.add_user(one, udp_ports=[9999]).add_user(two, ip_protocols=[253], ethertypes=[0x88B5])
    assert tables.udp[9999] == encaps.USER
    assert tables.ip[253] == tables.ethertype[0x88B5] == encaps.USER + 1
    assert tables.fixed(encaps.USER + 1) is two
    assert tables.names[encaps.USER] == "one"
    assert tables.names[encaps.VXLAN] == "vxlan"
    assert tables.rows() == [
        (4, -1, 4, 0, 0xFFFFFFFF, NEXT_CODES["ethernet"], -1),
        (8, 1, 3, 4, 0xFFFF, NEXT_CODES["ethertype"], 6),
    ]
    assert two.id_of(bytes.fromhex("ff abcdef ff 000000")) == 0xABCDEF >> 4 & 0xFFFF
    assert one.id_of(bytes(4)) is None
    assert tables.decode_as("udp.port==7,two-2").udp[7] == encaps.USER + 1
    assert tables.decode_as("ethertype==0x88b6,one").ethertype[0x88B6] == encaps.USER


def test_names_and_numbers_that_are_taken_or_impossible() -> None:
    tables = DEFAULT.add_user(FixedHeader("one", 4))
    for name in ("one", "vxlan"):
        with pytest.raises(ValueError, match="exists already"):
            tables.add_user(FixedHeader(name, 4))
    with pytest.raises(ValueError, match="UDP port 70000 is not within"):
        tables.add_user(FixedHeader("two", 4), udp_ports=[70000])


def test_no_more_kinds_than_a_record_can_hold() -> None:
    tables = DEFAULT
    for number in range(encaps.LIMIT - encaps.USER):
        tables = tables.add_user(FixedHeader(f"user-{number}", 4))
    with pytest.raises(ValueError, match="more than 96"):
        tables.add_user(FixedHeader("one-more", 4))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "Two Words"}, "lower-case"),
        ({"name": ""}, "lower-case"),
        ({"length": 0}, "length 0"),
        ({"length": 257}, "length 257"),
        ({"next": "tcp"}, "'tcp' is none of"),
        ({"next": "ethertype"}, "EtherType at -1"),
        ({"next": "ethertype", "next_offset": 7}, "EtherType at 7"),
        ({"id_offset": 5}, "id at 5"),
        ({"id_offset": -2}, "id at -2"),
        ({"id_offset": 0, "id_length": 5}, "id_length 5"),
        ({"id_offset": 0, "id_shift": 32}, "id_shift"),
        ({"id_offset": 0, "id_mask": 0}, "id_mask"),
    ],
)
def test_descriptors_that_do_not_fit_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FixedHeader(**{"name": "one", "length": 8} | values)
