"""VXLAN with group policy, and VXLAN-GPE."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.vxlan import VXLAN, VXLANGPE
from tests.unit.dissectors.header_contract import HeaderContract

_RESERVED = 1 << anomalies.VXLAN_RESERVED_BITS
_NO_VNI = 1 << anomalies.VXLAN_NO_VNI


class TestVXLAN(HeaderContract):
    cls = VXLAN
    raw = bytes.fromhex("88 48 1234 abcdef 99")
    values: ClassVar = {
        "flags": 0x88,
        "policy_flags": 0x48,
        "policy": 0x1234,
        "vni": 0xABCDEF,
        "reserved": 0x99,
    }
    derived: ClassVar = {"has_vni": True, "has_policy": True, "dont_learn": True, "policy_applied": True}
    header_len = offsets.VXLAN_LEN
    info = "VNI 11259375"
    anomalies = _RESERVED


class TestVXLANGPE(HeaderContract):
    cls = VXLANGPE
    raw = bytes.fromhex("0c 1234 05 abcdef 99")
    values: ClassVar = {"flags": 0x0C, "reserved16": 0x1234, "next": 5, "vni": 0xABCDEF, "reserved": 0x99}
    derived: ClassVar = {"has_vni": True, "has_next": True}
    header_len = offsets.VXLAN_LEN
    info = "VNI 11259375"

    def test_without_vni(self) -> None:
        assert VXLANGPE(flags=offsets.GPE_P).anomalies == _NO_VNI
        assert VXLANGPE(flags=0).info() == "no VNI"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("08 00 0000 001389 00", 0),
        ("88 48 1234 001389 00", 0),
        ("00 00 0000 001389 00", _NO_VNI),
        ("0c 00 0000 001389 00", _RESERVED),
        ("08 01 0000 001389 00", _RESERVED),
        ("08 00 0001 001389 00", _RESERVED),
        ("88 00 0000 001389 01", _RESERVED),
        ("80 00 0000 001389 01", _RESERVED | _NO_VNI),
    ],
)
def test_anomalies(raw: str, expected: int) -> None:
    assert VXLAN(bytes.fromhex(raw)).anomalies == expected


def test_vni_is_where_offsets_say_and_has_24_bits() -> None:
    raw = bytes(VXLAN(vni=5001))
    assert raw[offsets.VXLAN_VNI : offsets.VXLAN_VNI + 3] == (5001).to_bytes(3, "big")
    with pytest.raises(ValueError, match="too large"):
        VXLAN(vni=1 << 24)
