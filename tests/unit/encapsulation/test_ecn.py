"""RFC 6040: every cell of its tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.encapsulation.ecn import CE, ECT0, ECT1, NOT_ECT, egress, ingress, set_ecn
from nvgre_inspect.encapsulation.inner_frame import read
from tests.builders import build
from tests.builders.overlay import udp_frame

#: Figure 4 of RFC 6040: inner, and what leaves for outer Not-ECT, ECT(0), ECT(1), CE.
EGRESS = {
    NOT_ECT: (NOT_ECT, NOT_ECT, NOT_ECT, None),
    ECT0: (ECT0, ECT0, ECT1, CE),
    ECT1: (ECT1, ECT1, ECT1, CE),
    CE: (CE, CE, CE, CE),
}


def test_codepoints() -> None:
    """RFC 3168 section 5."""
    assert (NOT_ECT, ECT1, ECT0, CE) == (0, 1, 2, 3)


@pytest.mark.parametrize("inner", EGRESS)
def test_egress(inner: int) -> None:
    assert tuple(egress(inner, outer) for outer in (NOT_ECT, ECT0, ECT1, CE)) == EGRESS[inner]


@pytest.mark.parametrize("inner", EGRESS)
def test_ingress(inner: int) -> None:
    assert ingress(inner, "normal") == inner
    assert ingress(inner, "compatibility") == NOT_ECT


@given(st.sampled_from([4, 6]), st.integers(0, 255), st.integers(0, 3), st.lists(st.integers(0, 4095), max_size=2))
def test_set_ecn_changes_nothing_else(family: int, tos: int, ecn: int, vlans: list[int]) -> None:
    frame = udp_frame(family=family, tos=tos, vlans=tuple(vlans))
    expected = udp_frame(family=family, tos=tos & 0xFC | ecn, vlans=tuple(vlans))
    assert set_ecn(frame, read(frame, len(frame)).payload, ecn) == expected


def test_a_wrong_checksum_stays_wrong() -> None:
    frame = bytearray(udp_frame())
    frame[24] ^= 0xFF
    marked = set_ecn(bytes(frame), 14, CE)
    assert marked[15] == CE
    assert build.checksum(marked[14:34]) != 0
