"""GRE versions 0 and 1, with every optional field, and GRETAP."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.checksum import verifies
from dissectors.gre import GRE, GRETAP, MAX_ROUTES, is_nvgre
from tests.unit.dissectors.header_contract import HeaderContract, exercise

_ROUTE = bytes.fromhex("0800 01 04 0a0b0c0d")
_LAST_ROUTE = bytes(4)


class TestGREWithEverything(HeaderContract):
    cls = GRE
    raw = bytes.fromhex("fff8 0800 abcd 1234 01020304 a1b2c3d4") + _ROUTE + _LAST_ROUTE
    values: ClassVar = {
        "flags": 0xFFF8,
        "type": 0x0800,
        "checksum": 0xABCD,
        "offset": 0x1234,
        "key": 0x01020304,
        "sequence": 0xA1B2C3D4,
        "routing": _ROUTE + _LAST_ROUTE,
    }
    derived: ClassVar = {"version": 0, "routing_complete": True, "acknowledgment": None}
    header_len = 16 + 8 + 4
    info = "Encapsulated 0x0800, key 0x01020304"
    anomalies = 1 << anomalies.GRE_RESERVED_BITS | 1 << anomalies.GRE_ROUTING_PRESENT

    def test_fields_have_their_places(self) -> None:
        places = {field.name: (field.start, field.length) for field in GRE(self.raw).fields()}
        assert places["gre.checksum"] == (4, 2)
        assert places["gre.key"] == (8, 4)
        assert places["gre.sequence_number"] == (12, 4)
        assert places["gre.routing"] == (16, 12)


class TestPPTP(HeaderContract):
    cls = GRE
    raw = bytes.fromhex("3081 880b 0123 4567 01020304 a1b2c3d4")
    values: ClassVar = {
        "flags": 0x3081,
        "type": offsets.ETHERTYPE_PPP,
        "key": 0x01234567,
        "sequence": 0x01020304,
        "acknowledgment": 0xA1B2C3D4,
    }
    derived: ClassVar = {"version": 1}
    header_len = 16
    info = "Encapsulated 0x880b"

    def test_key_is_a_length_and_a_call(self) -> None:
        fields = {field.name: field.value for field in GRE(self.raw).fields()}
        assert fields["gre.key.payload_length"] == 0x0123
        assert fields["gre.key.call_id"] == 0x4567
        assert "gre.key" not in fields

    def test_compute_sets_the_payload_length(self) -> None:
        header = GRE(self.raw + bytes(300))
        header.compute()
        assert header.key == 300 << 16 | 0x4567


class TestGRETAP(HeaderContract):
    cls = GRETAP
    raw = bytes.fromhex("3000 6558 0000004d 00000001")
    values: ClassVar = {"flags": 0x3000, "type": 0x6558, "key": 77, "sequence": 1}
    header_len = 12
    info = "Encapsulated 0x6558, key 0x0000004d"


def test_fixed_part_is_as_long_as_offsets_say() -> None:
    assert GRE.__hdr_len__ == GRE().header_len == offsets.GRE_MIN_LEN


@pytest.mark.parametrize(
    ("flags", "length"),
    [(0, 4), (0x8000, 8), (0x2000, 8), (0x1000, 8), (0xB000, 16), (1, 8), (0x1081, 16), (2, 4), (0xFFFF, 4)],
)
def test_header_length_follows_from_the_flags(flags: int, length: int) -> None:
    header = GRE(flags.to_bytes(2, "big") + b"\x08\x00" + bytes(40))
    assert header.header_len == length
    assert len(header.data) == 44 - length


@pytest.mark.parametrize("version", range(2, 8))
def test_unknown_versions(version: int) -> None:
    header = GRE(bytes([0x20, version, 0x08, 0x00]) + bytes(8))
    assert header.anomalies == 1 << anomalies.GRE_VERSION_UNKNOWN
    assert header.key is None


def test_flags_follow_from_the_fields() -> None:
    assert GRE(key=7).flags == offsets.GRE_K
    assert GRE(checksum=1, sequence=2).flags == offsets.GRE_C | offsets.GRE_S
    assert GRE(key=1, acknowledgment=2).flags == offsets.GRE_K | offsets.GRE_A | 1
    assert GRE(routing=_LAST_ROUTE, checksum=0).flags == offsets.GRE_R
    assert bytes(GRE(key=7)) == bytes.fromhex("2000 0800 00000007")


def test_checksum_covers_header_and_payload() -> None:
    header = GRE(checksum=0, key=5, data=b"some payload!")
    assert header.checksum == 0
    header.compute()
    assert verifies(bytes(header))
    assert header.checksum != 0


def test_compute_leaves_a_header_without_checksum_alone() -> None:
    raw = bytes.fromhex("2000 0800 00000007") + b"payload"
    header = GRE(raw)
    header.compute()
    assert bytes(header) == raw


def test_routing_that_never_closes_ends_after_so_many_entries() -> None:
    raw = bytes.fromhex("4000 0800 00000000") + _ROUTE * (MAX_ROUTES + 3)
    header = GRE(raw)
    assert not header.routing_complete
    assert len(header.routing) == MAX_ROUTES * len(_ROUTE)
    assert header.header_len == 8 + MAX_ROUTES * len(_ROUTE)
    assert bytes(header) == raw


def test_routing_entry_that_is_cut_says_how_much_it_needs() -> None:
    header = GRE(bytes.fromhex("4000 0800 00000000") + _ROUTE[:6])
    assert header.routing == b""
    assert header.header_len == 8 + len(_ROUTE)
    exercise(header)


def test_is_nvgre() -> None:
    keyed, teb = offsets.GRE_K, offsets.ETHERTYPE_TEB
    assert is_nvgre(keyed, teb, 0x001000 << 8)
    assert not is_nvgre(keyed, teb, 0x000FFF << 8 | 0xFF)
    assert is_nvgre(keyed, teb, 1, "nvgre")
    assert not is_nvgre(keyed, teb, 0x001000 << 8, "key32")
    assert not is_nvgre(keyed, teb, None, "nvgre")
    assert not is_nvgre(0, teb, 0x001000 << 8)
    assert not is_nvgre(keyed | 1, teb, 0x001000 << 8)
    assert not is_nvgre(keyed, offsets.ETHERTYPE_IPV4, 0x001000 << 8)
