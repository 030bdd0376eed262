"""NVGRE, against the words of RFC 7637 section 3.2."""

from __future__ import annotations

from typing import ClassVar

import dpkt
import pytest

from dissectors import anomalies, offsets
from dissectors.gre import GRE, GRETAP
from dissectors.nvgre import NVGRE, parse_gre
from tests.unit.dissectors.header_contract import HeaderContract


class TestNVGRE(HeaderContract):
    cls = NVGRE
    raw = bytes.fromhex("2000 6558 123456 78")
    values: ClassVar = {"flags": 0x2000, "type": 0x6558, "vsid": 0x123456, "flow_id": 0x78}
    derived: ClassVar = {"key": 0x12345678}
    header_len = offsets.NVGRE_LEN
    info = "VSID 1193046, FlowID 120"

    def test_fields_of_the_key(self) -> None:
        fields = {field.name: field for field in NVGRE(self.raw).fields()}
        vsid = fields["nvgre.vsid"]
        assert (vsid.value, vsid.start, vsid.length) == (0x123456, 4, 3)
        assert (fields["nvgre.flowid"].value, fields["nvgre.flowid"].start) == (0x78, 7)
        assert fields["gre.key"].value == 0x12345678


class TestNVGREWithWhatItMustNotHave(HeaderContract):
    cls = NVGRE
    raw = bytes.fromhex("bff8 6558 aaaa bbbb 123456 78 01020304")
    values: ClassVar = {
        "flags": 0xBFF8,
        "type": 0x6558,
        "checksum": 0xAAAA,
        "offset": 0xBBBB,
        "vsid": 0x123456,
        "flow_id": 0x78,
        "sequence": 0x01020304,
    }
    header_len = 16
    info = "VSID 1193046, FlowID 120"
    anomalies = 1 << anomalies.NVGRE_FLAGS_INVALID | 1 << anomalies.GRE_RESERVED_BITS


def test_the_first_four_bytes_are_those_of_the_rfc() -> None:
    assert bytes(NVGRE(vsid=5001, flow_id=7)) == bytes.fromhex("20006558 001389 07")


def test_values_that_do_not_fit_are_refused() -> None:
    for name, value in (("vsid", 1 << 24), ("vsid", -1), ("flow_id", 256), ("flow_id", -1)):
        with pytest.raises(ValueError, match="does not fit"):
            NVGRE(**{name: value})


def test_vsid_and_flow_id_do_not_disturb_each_other() -> None:
    header = NVGRE(vsid=0xFFFFFE, flow_id=0xFF)
    header.vsid = 0x1000
    assert (header.vsid, header.flow_id) == (0x1000, 0xFF)
    header.flow_id = 0
    assert (header.vsid, header.flow_id) == (0x1000, 0)


@pytest.mark.parametrize(
    ("vsid", "reserved"), [(0, True), (0xFFF, True), (0x1000, False), (0xFFFFFE, False), (0xFFFFFF, True)]
)
def test_reserved_vsids(vsid: int, reserved: bool) -> None:
    assert NVGRE(vsid=vsid).anomalies == (1 << anomalies.NVGRE_VSID_RESERVED if reserved else 0)


def test_parse_decides_by_the_key() -> None:
    nvgre = bytes.fromhex("2000 6558 001000 00")
    small = bytes.fromhex("2000 6558 000fff ff")
    assert type(parse_gre(nvgre)) is NVGRE
    assert type(parse_gre(nvgre, "key32")) is GRETAP
    assert type(parse_gre(small)) is GRETAP
    assert type(parse_gre(small, "nvgre")) is NVGRE
    assert type(parse_gre(bytes.fromhex("0000 6558"))) is GRETAP
    assert type(parse_gre(nvgre[:7], "nvgre")) is GRETAP
    assert type(parse_gre(bytes.fromhex("2000 0800 001000 00"))) is GRE
    assert type(parse_gre(bytes.fromhex("2001 6558 001000 00"))) is GRE
    # The checksum stands in front of the key.
    assert type(parse_gre(bytes.fromhex("a000 6558 ffffffff 000001 00"))) is GRETAP


def test_parse_needs_four_bytes() -> None:
    with pytest.raises(dpkt.NeedData):
        parse_gre(b"\x20\x00\x65")
