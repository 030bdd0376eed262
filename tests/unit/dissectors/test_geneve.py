"""Geneve and its options."""

from __future__ import annotations

import struct
from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.geneve import Geneve, Option
from tests.unit.dissectors.header_contract import HeaderContract, exercise

_OPTIONS = bytes.fromhex("0102 81 e1 a1b2c3d4") + bytes.fromhex("0103 02 20")


class TestGeneve(HeaderContract):
    cls = Geneve
    # Version 1 is unknown but non-zero, which is what shows a wrong shift.
    raw = bytes.fromhex("43 ff 6558 abcdef 99") + _OPTIONS
    values: ClassVar = {
        "version": 1,
        "option_words": 3,
        "oam": 1,
        "critical": 1,
        "reserved6": 0x3F,
        "type": 0x6558,
        "vni": 0xABCDEF,
        "reserved": 0x99,
        "options": _OPTIONS,
    }
    header_len = offsets.GENEVE_LEN + 12
    info = "VNI 11259375"
    anomalies = 1 << anomalies.GENEVE_VERSION_UNKNOWN

    def test_options(self) -> None:
        assert Geneve(self.raw).option_list() == [
            Option(0x0102, 0x81, bytes.fromhex("a1b2c3d4"), 7),
            Option(0x0103, 0x02, b"", 1),
        ]
        shown = [field for field in Geneve(self.raw).fields() if field.name == "geneve.option"]
        assert [(field.start, field.length) for field in shown] == [(8, 8), (16, 4)]


def test_fixed_part_and_vni_are_where_offsets_say() -> None:
    raw = bytes(Geneve(vni=0x123456, type=0x0800))
    assert len(raw) == offsets.GENEVE_LEN
    assert raw[offsets.GENEVE_VNI : offsets.GENEVE_VNI + 3] == b"\x12\x34\x56"
    assert raw[offsets.GENEVE_PROTOCOL : offsets.GENEVE_PROTOCOL + 2] == b"\x08\x00"


@pytest.mark.parametrize(
    ("first", "options", "expected"),
    [
        ("0000", "", 0),
        ("0200", "0102 01 01 a1b2c3d4", 0),
        ("0240", "0102 81 01 a1b2c3d4", 0),
        ("0200", "0102 81 01 a1b2c3d4", anomalies.GENEVE_CRITICAL_MISMATCH),
        ("0240", "0102 01 01 a1b2c3d4", anomalies.GENEVE_CRITICAL_MISMATCH),
        ("0040", "", anomalies.GENEVE_CRITICAL_MISMATCH),
        ("0200", "0102 01 02 a1b2c3d4", anomalies.GENEVE_OPTIONS_INVALID),
        ("0300", "0102 01 01 a1b2c3d4 0102 81 1f", anomalies.GENEVE_OPTIONS_INVALID),
    ],
)
def test_anomalies(first: str, options: str, expected: int) -> None:
    header = Geneve(bytes.fromhex(first + "6558 00138900" + options))
    assert header.anomalies == (1 << expected if expected else 0)


def test_compute_sets_length_and_critical_bit() -> None:
    header = Geneve(vni=1)
    header.set_options([Option(0x0102, 0x80, bytes(8)), Option(0x0102, 1)])
    assert header.option_words == 0
    header.compute()
    assert (header.option_words, header.critical) == (4, 1)
    assert header.anomalies == 0
    header.set_options([])
    header.compute()
    assert (header.option_words, header.critical) == (0, 0)


def test_options_that_cannot_be_written() -> None:
    for data in (b"abc", bytes(128)):
        with pytest.raises(struct.error):
            bytes(Option(1, 1, data))
    assert len(bytes(Option(1, 1, bytes(124)))) == 128


def test_more_options_than_the_length_can_say() -> None:
    header = Geneve(options=bytes(256))
    with pytest.raises(ValueError, match="too large"):
        header.compute()


def test_hostile_option_lengths() -> None:
    exercise(Geneve(bytes.fromhex("3f00 6558 00138900") + b"\xff" * 252))
