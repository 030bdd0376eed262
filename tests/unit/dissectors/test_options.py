"""Option lists of IPv4 and TCP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.options import Option, read_options


def test_options_paddings_and_the_end() -> None:
    raw = bytes.fromhex("01 020405b4 01 030307 00 02040001")
    options, malformed = read_options(raw, len(raw))
    assert options == (
        Option(1, b"", 0, 1),
        Option(2, b"\x05\xb4", 1, 4),
        Option(1, b"", 5, 1),
        Option(3, b"\x07", 6, 3),
        Option(0, b"", 9, 1),
    )
    assert not malformed


@pytest.mark.parametrize("raw", ["0200", "0201", "020505b4", "0101 02"])
def test_malformed(raw: str) -> None:
    data = bytes.fromhex(raw)
    options, malformed = read_options(data, len(data))
    assert malformed
    assert all(option.kind == 1 for option in options)


def test_reading_goes_on_up_to_the_malformed_one() -> None:
    options, malformed = read_options(bytes.fromhex("020405b4 0300"), 6)
    assert [option.kind for option in options] == [2]
    assert malformed


@pytest.mark.parametrize("there", range(4))
def test_what_was_cut_is_not_malformed(there: int) -> None:
    raw = bytes.fromhex("020405b4")
    assert read_options(raw[:there], 4) == ((), False)


@given(st.binary(max_size=40), st.integers(0, 60))
def test_options_follow_each_other_whatever_the_bytes(raw: bytes, claimed: int) -> None:
    options, _ = read_options(raw[:claimed], claimed)
    position = 0
    for option in options:
        assert option.start == position
        position += option.length
        assert raw[option.start] == option.kind
    assert position <= min(len(raw), claimed)
