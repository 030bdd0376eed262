"""ICMP, ICMPv6 and the packet that an error quotes."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import checksum, offsets
from dissectors.icmp import ICMP, ICMPv6, Quote, read_quote
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from tests.unit.dissectors.header_contract import HeaderContract

V6 = {"src": bytes.fromhex("fe80" + "00" * 13 + "01"), "dst": bytes.fromhex("ff02" + "00" * 13 + "01")}


class TestICMP(HeaderContract):
    cls = ICMP
    raw = bytes.fromhex("0801 beef 1234 0007")
    values: ClassVar = {"type": 8, "code": 1, "checksum": 0xBEEF, "rest": bytes.fromhex("12340007")}
    derived: ClassVar = {"identifier": 0x1234, "sequence": 7, "is_error": False, "quote": None, "mtu": -1}
    header_len = offsets.ICMP_LEN
    info = "Echo (ping) request id=0x1234, seq=7"

    def test_offsets(self) -> None:
        assert ICMP.__hdr_len__ == 4
        names = [(field.name, field.start) for field in ICMP(self.raw).fields()]
        assert names[-2:] == [("icmp.ident", 4), ("icmp.seq", 6)]


class TestICMPv6(HeaderContract):
    cls = ICMPv6
    raw = bytes.fromhex("8101 beef 1234 0007")
    values: ClassVar = {"type": 129, "code": 1, "checksum": 0xBEEF, "rest": bytes.fromhex("12340007")}
    derived: ClassVar = {"identifier": 0x1234, "sequence": 7, "is_error": False, "quote": None, "mtu": -1}
    header_len = offsets.ICMP_LEN
    info = "Echo (ping) reply id=0x1234, seq=7"


@pytest.mark.parametrize(
    ("message", "info"),
    [
        (ICMP(type=0, rest=b"\0\1\0\1"), "Echo (ping) reply id=0x0001, seq=1"),
        (ICMP(type=3, code=3), "Destination unreachable (Port unreachable)"),
        (ICMP(type=3, code=4, rest=b"\0\0\5\xdc"), "Destination unreachable (Fragmentation needed) MTU=1500"),
        (ICMP(type=3, code=99), "Destination unreachable"),
        (ICMP(type=5, code=1), "Redirect (Redirect for host)"),
        (ICMP(type=11, code=0), "Time-to-live exceeded (Time to live exceeded in transit)"),
        (ICMP(type=77, code=6), "ICMP type 77 code 6"),
        (ICMPv6(type=1, code=4), "Destination Unreachable (Port unreachable)"),
        (ICMPv6(type=2, rest=b"\0\0\5\x78"), "Packet Too Big MTU=1400"),
        (ICMPv6(type=3, code=0), "Time Exceeded (hop limit exceeded in transit)"),
        (ICMPv6(type=143), "Multicast Listener Report Message v2"),
        (ICMPv6(type=99, code=1), "ICMPv6 type 99 code 1"),
    ],
)
def test_info(message: ICMP | ICMPv6, info: str) -> None:
    assert message.info() == info


def test_what_the_rest_means_is_listed() -> None:
    redirect = ICMP(type=offsets.ICMP_REDIRECT, rest=b"\x0a\0\0\1").fields()[-1]
    assert (redirect.name, redirect.text) == ("icmp.redir_gw", "Gateway Address: 10.0.0.1")
    too_big = ICMPv6(type=offsets.ICMPV6_TOO_BIG, rest=b"\0\0\5\x78").fields()[-1]
    assert (too_big.name, too_big.value) == ("icmpv6.mtu", 1400)
    needed = ICMP(type=offsets.ICMP_UNREACHABLE, code=4, rest=b"\0\0\5\x78").fields()[-1]
    assert (needed.name, needed.value) == ("icmp.mtu", 1400)


@pytest.mark.parametrize(
    ("length", "identifier", "sequence"), [(4, -1, -1), (5, -1, -1), (6, 0x1234, -1), (7, 0x1234, -1), (8, 0x1234, 7)]
)
def test_a_cut_echo_says_what_is_there(length: int, identifier: int, sequence: int) -> None:
    message = ICMP(bytes.fromhex("0800 0000 1234 0007")[:length])
    assert (message.identifier, message.sequence) == (identifier, sequence)


QUOTED_V4 = bytes(IPv4(ttl=3, protocol=47, src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", ihl=6, options=b"\1\1\1\1"))
QUOTED_V6 = bytes(IPv6(hop_limit=3, next_header=17, **V6))
GRE = bytes.fromhex("20006558 00138907")


@pytest.mark.parametrize("kind", sorted(ICMP.ERRORS))
def test_errors_quote(kind: int) -> None:
    quote = ICMP(bytes([kind, 0, 0, 0, 0, 0, 0, 0]) + QUOTED_V4 + GRE).quote
    assert quote == Quote(4, b"\x0a\0\0\1", b"\x0a\0\0\2", 47, 3, 24, GRE)


@pytest.mark.parametrize("kind", sorted(ICMPv6.ERRORS))
def test_errors_of_version_6_quote(kind: int) -> None:
    quote = ICMPv6(bytes([kind, 0, 0, 0, 0, 0, 0, 0]) + QUOTED_V6 + GRE).quote
    assert quote == Quote(6, V6["src"], V6["dst"], 17, 3, 40, GRE)


def test_what_is_no_error_quotes_nothing() -> None:
    assert ICMP(bytes(8) + QUOTED_V4).quote is None
    assert ICMPv6(b"\x80" + bytes(7) + QUOTED_V6).quote is None


@pytest.mark.parametrize(("quoted", "header_len", "needed"), [(QUOTED_V4, 24, 20), (QUOTED_V6, 40, 40)])
def test_every_truncation_of_a_quote(quoted: bytes, header_len: int, needed: int) -> None:
    packet = quoted + GRE
    for length in range(len(packet)):
        quote = read_quote(packet[:length])
        if length < needed:
            assert quote is None
        else:
            assert quote is not None
            assert quote.payload == packet[header_len:length]


def test_what_is_no_ip_header_is_no_quote() -> None:
    assert read_quote(b"\x44" + QUOTED_V4[1:]) is None
    assert read_quote(b"\x55" + QUOTED_V4[1:]) is None
    assert read_quote(b"") is None


@given(st.binary(max_size=80))
def test_any_bytes_quoted(buf: bytes) -> None:
    quote = read_quote(buf)
    if quote is not None:
        assert len(quote.src) == len(quote.dst) == (4 if quote.family == 4 else 16)


def test_compute() -> None:
    # A ping as it was sent by a real host.
    real = bytes.fromhex("0800 4d56 0001 0005") + bytes(range(0x61, 0x78)) + bytes(range(0x61, 0x6A))
    message = ICMP(real)
    message.compute()
    assert bytes(message) == real
    message.rest = b"\0\1\0\6"
    message.compute()
    assert message.checksum == 0x4D55
    assert checksum.verifies(bytes(message))


def test_compute_of_version_6_covers_the_pseudo_header() -> None:
    message = ICMPv6(type=135, data=V6["src"])
    message.compute()
    assert message.checksum == 0
    pseudo = IPv6(**V6).pseudo_header(58, len(message))
    message.compute(pseudo)
    assert checksum.verifies(pseudo + bytes(message))
    assert not checksum.verifies(bytes(message))
