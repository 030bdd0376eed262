"""IGMP, versions 1 to 3."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import checksum
from dissectors.igmp import IGMP, GroupRecord
from tests.unit.dissectors.header_contract import HeaderContract, exercise

GROUP = bytes([239, 1, 1, 1])
SOURCES = (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))


def report(*records: bytes) -> bytes:
    return bytes.fromhex("2200 0000 0000") + len(records).to_bytes(2, "big") + b"".join(records)


def record(kind: int, sources: tuple[bytes, ...] = (), aux: bytes = b"") -> bytes:
    return bytes([kind, len(aux) // 4, 0, len(sources)]) + GROUP + b"".join(sources) + aux


class TestIGMP(HeaderContract):
    cls = IGMP
    raw = bytes.fromhex("1664 beef") + GROUP
    values: ClassVar = {"type": 0x16, "max_response": 100, "checksum": 0xBEEF, "group": GROUP}
    header_len = 8
    info = "Membership Report group 239.1.1.1"


@pytest.mark.parametrize(
    ("message", "info"),
    [
        (IGMP(type=0x11), "Membership Query, general"),
        (IGMP(type=0x11, group=GROUP), "Membership Query, specific for group 239.1.1.1"),
        (IGMP(type=0x12, group=GROUP), "Membership Report group 239.1.1.1"),
        (IGMP(type=0x17, group=GROUP), "Leave Group 239.1.1.1"),
        (IGMP(type=0x13), "DVMRP"),
        (IGMP(type=0x99), "IGMP type 0x99"),
        (IGMP(report()), "Membership Report"),
        (IGMP(report(record(4))), "Membership Report / Join group 239.1.1.1 for any sources"),
        (IGMP(report(record(3))), "Membership Report / Leave group 239.1.1.1"),
        (
            IGMP(report(record(5, SOURCES), record(9))),
            "Membership Report / Group 239.1.1.1, Allow New Sources, 2 sources / Group 239.1.1.1, record 9, 0 sources",
        ),
    ],
)
def test_info(message: IGMP, info: str) -> None:
    assert message.info() == info


def test_many_records_are_not_all_named() -> None:
    assert IGMP(report(*[record(3)] * 5)).info().count("Leave") == 4
    assert IGMP(report(*[record(3)] * 5)).info().endswith(" / …")


def test_records_with_sources_and_aux_data() -> None:
    message = IGMP(report(record(1, SOURCES, b"auxiliar"), record(4)))
    assert message.records() == [GroupRecord(1, GROUP, SOURCES, 8, 24), GroupRecord(4, GROUP, (), 32, 8)]
    assert [field.start for field in message.fields() if field.name == "igmp.maddr"] == [8, 32]


def test_every_truncation_of_a_report() -> None:
    raw = report(record(1, SOURCES), record(4))
    for length in range(8, len(raw)):
        message = IGMP(raw[:length])
        assert len(message.records()) == (length >= 24)
        assert bytes(message) == raw[:length]
        exercise(message)


def test_records_beyond_their_number_are_not_read() -> None:
    raw = bytearray(report(record(3), record(3)))
    raw[7] = 1
    assert len(IGMP(bytes(raw)).records()) == 1


def test_compute() -> None:
    message = IGMP(type=0x17, group=GROUP, data=b"odd")
    message.compute()
    assert checksum.verifies(bytes(message))
    # A general query of version 2, as every router sends it.
    query = IGMP(type=0x11, max_response=100)
    query.compute()
    assert bytes(query) == bytes.fromhex("1164 ee9b 00000000")


@given(st.binary(max_size=100))
def test_any_report(data: bytes) -> None:
    message = IGMP(b"\x22\x00\x00\x00\x00\x00\xff\xff" + data)
    exercise(message)
    assert sum(r.length for r in message.records()) <= len(data)
