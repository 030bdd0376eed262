"""Neighbor Discovery, as ICMPv6 shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import ndp
from dissectors.icmp import ICMPv6
from tests.unit.dissectors.header_contract import exercise

TARGET = bytes.fromhex("fe80000000000000000000000000000a")
MAC = bytes.fromhex("0a1b2c3d4e5f")
SOURCE_OPTION = b"\x01\x01" + MAC
TARGET_OPTION = b"\x02\x01" + MAC
PREFIX_OPTION = bytes.fromhex("0304 40c0 00000e10 00000708 00000000 20010db8000000000000000000000000")
MTU_OPTION = bytes.fromhex("0501 0000 00000578")
RDNSS_OPTION = bytes.fromhex("1903 0000 00000e10") + TARGET

SOLICITATION = bytes.fromhex("8700 beef 00000000") + TARGET + SOURCE_OPTION
ADVERTISEMENT = bytes.fromhex("8800 beef e0000000") + TARGET + TARGET_OPTION
ROUTER_SOLICITATION = bytes.fromhex("8500 beef 00000000") + SOURCE_OPTION
ROUTER_ADVERTISEMENT = (
    bytes.fromhex("8600 beef 40 c0 0708 00007530 000003e8") + SOURCE_OPTION + MTU_OPTION + PREFIX_OPTION + RDNSS_OPTION
)
REDIRECT = bytes.fromhex("8900 beef 00000000") + TARGET + TARGET[:15] + b"\x0b" + TARGET_OPTION
MESSAGES = [SOLICITATION, ADVERTISEMENT, ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, REDIRECT]


@pytest.mark.parametrize(
    ("message", "info"),
    [
        (SOLICITATION, "Neighbor Solicitation for fe80::a from 0a:1b:2c:3d:4e:5f"),
        (SOLICITATION[:24], "Neighbor Solicitation for fe80::a"),
        (SOLICITATION[:23], "Neighbor Solicitation"),
        (ADVERTISEMENT, "Neighbor Advertisement fe80::a (rtr, sol, ovr) is at 0a:1b:2c:3d:4e:5f"),
        (ADVERTISEMENT[:4] + b"\x60" + ADVERTISEMENT[5:24], "Neighbor Advertisement fe80::a (sol, ovr)"),
        (ROUTER_SOLICITATION, "Router Solicitation from 0a:1b:2c:3d:4e:5f"),
        (ROUTER_SOLICITATION[:8], "Router Solicitation"),
        (ROUTER_ADVERTISEMENT, "Router Advertisement from 0a:1b:2c:3d:4e:5f"),
        (REDIRECT, "Redirect for fe80::b to fe80::a is at 0a:1b:2c:3d:4e:5f"),
        (REDIRECT[:8], "Redirect"),
    ],
)
def test_info(message: bytes, info: str) -> None:
    assert ICMPv6(message).info() == info


def test_fields_of_a_router_advertisement() -> None:
    fields = ICMPv6(ROUTER_ADVERTISEMENT).fields()
    values = {field.name: field.value for field in fields if field.name.startswith("icmpv6.nd.ra")}
    assert values == {
        "icmpv6.nd.ra.cur_hop_limit": 64,
        "icmpv6.nd.ra.flag.m": 1,
        "icmpv6.nd.ra.flag.o": 1,
        "icmpv6.nd.ra.router_lifetime": 1800,
        "icmpv6.nd.ra.reachable_time": 30000,
        "icmpv6.nd.ra.retrans_timer": 1000,
    }
    options = [(field.text, field.start, field.length) for field in fields if field.name == "icmpv6.opt.type"]
    assert options == [
        ("ICMPv6 Option (Source link-layer address): 0a:1b:2c:3d:4e:5f", 16, 8),
        ("ICMPv6 Option (MTU): 1400", 24, 8),
        ("ICMPv6 Option (Prefix information): 2001:db8::/64", 32, 32),
        ("ICMPv6 Option (Recursive DNS Server): fe80::a", 64, 24),
    ]


def test_fields_of_an_advertisement_and_a_redirect() -> None:
    values = {field.name: field.value for field in ICMPv6(ADVERTISEMENT).fields()}
    assert [values[f"icmpv6.nd.na.flag.{letter}"] for letter in "rso"] == [1, 1, 1]
    assert values["icmpv6.nd.na.target_address"] == TARGET
    fields = {field.name: field for field in ICMPv6(REDIRECT).fields()}
    assert fields["icmpv6.nd.rd.target_address"].start == 8
    assert fields["icmpv6.rd.na.destination_address"].start == 24


@pytest.mark.parametrize("message", MESSAGES)
def test_every_truncation(message: bytes) -> None:
    whole = ndp.options(message)
    assert whole
    for length in range(4, len(message)):
        header = ICMPv6(message[:length])
        exercise(header)
        assert bytes(header) == message[:length]
        assert ndp.options(message[:length]) == [o for o in whole if o.start + o.length <= length]


def test_an_option_of_length_zero_ends_the_list() -> None:
    message = SOLICITATION[:24] + bytes.fromhex("0100000000000000") + SOURCE_OPTION
    assert ndp.options(message) == []
    assert ndp.link_layer_address(message) is None


def test_other_messages_have_no_options() -> None:
    assert ndp.options(b"\x80" + SOLICITATION[1:]) == []
    assert ndp.target(b"\x80" + SOLICITATION[1:]) is None
    assert ndp.options(b"") == []


@given(st.sampled_from(list(ndp.MESSAGES)), st.binary(min_size=3, max_size=120))
def test_any_bytes(kind: int, rest: bytes) -> None:
    header = ICMPv6(bytes([kind]) + rest)
    exercise(header)
    assert bytes(header) == bytes([kind]) + rest
