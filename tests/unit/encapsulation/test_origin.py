"""Where a frame came from, as text and back."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import encaps
from nvgre_inspect.encapsulation.origin import Origin, entropy_comment, parse_entropy

KINDS = st.sampled_from([name for kind, name in encaps.NAMES.items() if kind != encaps.NONE])
IDS = st.integers(0, (1 << 32) - 1)
ADDRESSES = st.ip_addresses()


def test_the_description_of_the_page():
    origin = Origin("nvgre", 5001, ip_address("192.0.2.1"), ip_address("192.0.2.2"))
    assert origin.description() == "nvgre vsid=5001 pa=192.0.2.1>192.0.2.2"


@given(KINDS, st.none() | IDS, st.none() | st.tuples(ADDRESSES, ADDRESSES))
def test_every_origin_comes_back(encap, vsid, pair):
    origin = Origin(encap, vsid, *(pair or (None, None)))
    assert Origin.parse(origin.description()) == origin


def test_users_encapsulations_come_back_with_an_id_or_addresses():
    origin = Origin("my-tunnel", 7, None, None)
    assert Origin.parse(origin.description()) == origin
    assert Origin.parse("my-tunnel") is None  # any word would do


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text):
    found = Origin.parse(text)
    assert found is None or found.description() == Origin.parse(found.description()).description()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eth0",
        "none",
        "none vsid=5",
        "Ethernet adapter vEthernet (nat)",
        "nvgre vsid=4294967296",
        "nvgre vsid=-1",
        "nvgre vsid=5001 ",
        " nvgre",
        "nvgre vsid=5001 pa=192.0.2.1",
        "nvgre vsid=5001 pa=192.0.2.1>192.0.2.256",
        "nvgre vsid=5001 pa=fe80::1%eth0>fe80::2",
        "nvgre pa=192.0.2.1>192.0.2.2 vsid=5001",
        "nvgre vsid=\u0665",
    ],
)
def test_other_descriptions_are_none(text):
    assert Origin.parse(text) is None


@pytest.mark.parametrize("entropy", [0, 17, 255, 65535, (1 << 32) - 1])
def test_entropy_comes_back(entropy):
    assert parse_entropy(entropy_comment(entropy)) == entropy
    assert parse_entropy(f"a comment of somebody else's\n{entropy_comment(entropy)}") == entropy


def test_no_entropy_is_no_comment():
    assert entropy_comment(-1) == ""
    others = ["", "flowid=", "flowid=-1", "flowid=4294967296", "my flowid=5"]
    assert [parse_entropy(text) for text in others] == [None] * len(others)
