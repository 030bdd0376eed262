"""Internet checksums and CRC32c, against known answers and the definition word by word."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import checksum

#: RFC 1071 section 3 sums these up to 0xddf2.
RFC_1071 = bytes.fromhex("0001 f203 f4f5 f6f7")


def by_definition(data: bytes) -> int:
    """RFC 1071, word by word, with the carries folded at each step."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_the_example_of_rfc_1071() -> None:
    assert checksum.ones_complement_sum(RFC_1071) == 0xDDF2
    assert checksum.internet_checksum(RFC_1071) == 0x220D


@given(st.binary(max_size=200))
def test_sum_is_as_defined(data: bytes) -> None:
    assert checksum.ones_complement_sum(data) == by_definition(data)


@given(st.binary(max_size=60).filter(lambda b: len(b) % 2 == 0), st.binary(max_size=60))
def test_a_sum_can_be_continued(first: bytes, second: bytes) -> None:
    total = checksum.ones_complement_sum(first)
    assert checksum.ones_complement_sum(second, total) == checksum.ones_complement_sum(first + second)


@given(st.binary(max_size=60).filter(lambda b: len(b) % 2 == 0))
def test_what_was_computed_verifies(data: bytes) -> None:
    value = checksum.internet_checksum(data)
    assert checksum.verifies(data + value.to_bytes(2, "big"))
    assert not checksum.verifies(data + (value ^ 1).to_bytes(2, "big"))


def test_extremes() -> None:
    assert checksum.internet_checksum(b"") == 0xFFFF
    assert checksum.internet_checksum(bytes(40)) == 0xFFFF
    assert checksum.internet_checksum(b"\xff\xff") == 0
    assert checksum.ones_complement_sum(b"\x12") == 0x1200
    assert checksum.ones_complement_sum(memoryview(RFC_1071)) == 0xDDF2


def test_pseudo_headers() -> None:
    assert checksum.pseudo_header(b"\x01\x02\x03\x04", b"\x05\x06\x07\x08", 6, 0x1234) == bytes.fromhex(
        "01020304 05060708 00 06 1234"
    )
    src, dst = bytes(range(16)), bytes(range(16, 32))
    assert checksum.pseudo_header(src, dst, 58, 0x12345) == src + dst + bytes.fromhex("00012345 000000 3a")
    with pytest.raises(ValueError, match="4 and 16"):
        checksum.pseudo_header(bytes(4), bytes(16), 6, 0)
    with pytest.raises(ValueError, match="6 and 6"):
        checksum.pseudo_header(bytes(6), bytes(6), 6, 0)


def test_transport_checksum_of_an_odd_segment() -> None:
    src, dst = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    segment = bytes.fromhex("1234 5678 000b 0000 616263")
    value = checksum.transport_checksum(src, dst, 17, segment)
    assert value == ~by_definition(src + dst + bytes.fromhex("0011 000b") + segment) & 0xFFFF
    filled = segment[:6] + value.to_bytes(2, "big") + segment[8:]
    assert checksum.transport_verifies(src, dst, 17, filled)
    assert not checksum.transport_verifies(src, dst, 6, filled)
    assert not checksum.transport_verifies(src, bytes([10, 0, 0, 3]), 17, filled)


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=2, max_size=2))
def test_update_equals_computing_anew(data: bytes, new: bytes) -> None:
    before = checksum.internet_checksum(data + b"\x45\x00")
    changed = data[:4] + new + data[6:] + b"\x45\x00"
    after = checksum.update(before, data[4:6], new)
    # Zero has two forms in ones' complement; both verify.
    assert checksum.verifies(changed + after.to_bytes(2, "big"))


def test_the_example_of_rfc_1624() -> None:
    assert checksum.update(0xDD2F, b"\x55\x55", b"\x32\x85") == 0x0000


def test_crc32c() -> None:
    assert checksum.crc32c([b"123456789"]) == 0xE3069283
    assert checksum.crc32c([b"1234", b"", memoryview(b"56789")]) == 0xE3069283
    # RFC 3720 appendix B.4.
    assert checksum.crc32c([bytes(32)]) == 0x8A9136AA
    assert checksum.crc32c([b"\xff" * 32]) == 0x62A8AB43


def test_sctp_checksum_ignores_its_own_field() -> None:
    packet = bytes(range(40))
    value = checksum.sctp_checksum(packet)
    zeroed = packet[:8] + bytes(4) + packet[12:]
    assert value == checksum.sctp_checksum(zeroed)
    assert value == int.from_bytes(checksum.crc32c([zeroed]).to_bytes(4, "little"), "big")
    assert checksum.sctp_checksum(b"short") >= 0
