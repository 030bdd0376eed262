"""The stream of payload, and checksums of its slices without looking at them."""

from __future__ import annotations

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.traffic.stack import checksum, payload

OFFSETS = st.integers(0, 1 << 40)
LENGTHS = st.integers(0, payload.LONGEST)


def words(data: bytes) -> int:
    """RFC 1071's sum, by its definition."""
    data += b"\0" * (len(data) % 2)
    return sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)) % 0xFFFF


@given(st.binary(max_size=100))
def test_partial_is_the_sum_of_words(data: bytes) -> None:
    assert checksum.partial(data) == words(data)


@given(st.binary(min_size=1, max_size=100).filter(any))
def test_field_is_what_dpkt_computes(data: bytes) -> None:
    assert checksum.field(checksum.partial(data)) == dpkt.in_cksum(data)


def test_no_udp_checksum_of_zero() -> None:
    assert checksum.udp_field(0) == checksum.udp_field(0xFFFF) == 0xFFFF
    assert checksum.udp_field(1) == checksum.field(1) == 0xFFFE


@given(OFFSETS, LENGTHS)
def test_sum_of_a_piece(offset: int, length: int) -> None:
    assert payload.piece_sum(offset, length) == words(payload.piece(offset, length))


@given(OFFSETS, st.integers(0, 3000), st.integers(0, 3000))
def test_pieces_join(offset: int, first: int, second: int) -> None:
    joined = payload.piece(offset, first) + payload.piece(offset + first, second)
    assert joined == payload.piece(offset, first + second)


@pytest.mark.parametrize("offset", [0, 1, payload.PERIOD - 1, payload.PERIOD, 10**15])
def test_longest_piece_is_complete(offset: int) -> None:
    assert len(payload.piece(offset, payload.LONGEST)) == payload.LONGEST


@given(OFFSETS, st.binary(min_size=1, max_size=200))
def test_sum_of_other_data(offset: int, data: bytes) -> None:
    assert payload.sum_of(data, offset) == words(data)


def test_stream_is_readable_and_has_no_lines() -> None:
    assert payload.piece(0, payload.PERIOD).decode().replace(" ", "").isalnum()
