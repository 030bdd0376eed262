"""ERSPAN type II and III."""

from __future__ import annotations

from typing import ClassVar

from dissectors import anomalies, offsets
from dissectors.erspan import ERSPAN2, ERSPAN3
from tests.unit.dissectors.header_contract import HeaderContract


class TestERSPAN2(HeaderContract):
    cls = ERSPAN2
    # 1 | VLAN 0x234 | COS 5, encap 2, T 1, session 0x2a5 | reserved 0xabc, index 0x12345
    raw = bytes.fromhex("1234 b6a5 abc12345")
    values: ClassVar = {
        "version": 1,
        "vlan": 0x234,
        "cos": 5,
        "encap": 2,
        "truncated": 1,
        "session": 0x2A5,
        "reserved": 0xABC,
        "index": 0x12345,
    }
    header_len = offsets.ERSPAN2_LEN
    info = "session 677, VLAN 564"

    def test_version(self) -> None:
        assert ERSPAN2(version=3).anomalies == 1 << anomalies.ERSPAN_VERSION_UNKNOWN


_VALUES_3 = {
    "version": 2,
    "vlan": 0x345,
    "cos": 3,
    "bso": 1,
    "truncated": 1,
    "session": 0x3A5,
    "timestamp": 0x01020304,
    "sgt": 0xABCD,
    "pdu": 1,
    "frame_type": 0x15,
    "hardware_id": 0x2B,
    "direction": 1,
    "granularity": 2,
}
# COS 3 (011), BSO 1 (01), T 1, session 0x3a5: 0110 1111 1010 0101
# P 1, FT 10101, HW 101011, D 1, Gra 10, O: 1101 0110 1011 110x
_HEAD_3 = bytes.fromhex("2345 6fa5 01020304 abcd")


class TestERSPAN3(HeaderContract):
    cls = ERSPAN3
    raw = _HEAD_3 + bytes.fromhex("d6bd 1122334455667788")
    values: ClassVar = {**_VALUES_3, "optional": 1, "subheader": bytes.fromhex("1122334455667788")}
    header_len = offsets.ERSPAN3_LEN + offsets.ERSPAN3_SUBHEADER_LEN
    info = "session 933, VLAN 837"


class TestERSPAN3WithoutSubheader(HeaderContract):
    cls = ERSPAN3
    raw = _HEAD_3 + bytes.fromhex("d6bc")
    values: ClassVar = {**_VALUES_3, "optional": 0}
    zero = frozenset({"optional"})
    header_len = offsets.ERSPAN3_LEN
    info = "session 933, VLAN 837"

    def test_version(self) -> None:
        assert ERSPAN3(version=1).anomalies == 1 << anomalies.ERSPAN_VERSION_UNKNOWN

    def test_compute_announces_the_subheader(self) -> None:
        header = ERSPAN3(subheader=bytes(8))
        header.compute()
        assert header.optional == 1
        assert ERSPAN3(bytes(header)).subheader == bytes(8)
