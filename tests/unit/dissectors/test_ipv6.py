"""IPv6 and its extension headers."""

from __future__ import annotations

import struct
from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.ipv4 import Fragment
from dissectors.ipv6 import IPv6
from dissectors.ipv6_extension import (
    EXTENSIONS,
    HIP,
    SRH,
    DestinationOptions,
    ExtensionHeader,
    FragmentHeader,
    HopByHop,
    Mobility,
    RoutingHeader,
    Shim6,
    read_extension,
)
from tests.unit.dissectors.header_contract import HeaderContract, exercise

SRC = bytes.fromhex("20010db8000000000000000000000001")
DST = bytes.fromhex("20010db8000000000000000000000002")
SEGMENTS = tuple(bytes.fromhex(f"fc00000000000000000000000000000{i}") for i in (1, 2, 3))


def ipv6(next_header: int, rest: bytes, payload_length: int | None = None) -> bytes:
    """A packet, by hand."""
    length = len(rest) if payload_length is None else payload_length
    return struct.pack("!IHBB", 0x60000000, length, next_header, 64) + SRC + DST + rest


def options(next_header: int, units: int = 0) -> bytes:
    """Hop-by-hop or destination options of `units` + 1 times 8 bytes, filled with one PadN."""
    return bytes([next_header, units, 1, units * 8 + 4]) + bytes(units * 8 + 4)


def fragment(next_header: int, offset: int, more: int, ident: int = 0x01020304) -> bytes:
    return struct.pack("!BBHI", next_header, 0, offset | more, ident)


def srh(next_header: int, left: int = 1, segments: tuple[bytes, ...] = SEGMENTS) -> bytes:
    head = bytes([next_header, 2 * len(segments), 4, left, len(segments) - 1, 0, 0, 0])
    return head + b"".join(segments)


class TestIPv6(HeaderContract):
    cls = IPv6
    raw = struct.pack("!IHBB", 0x6B9ABCDE, 0x1234, 17, 63) + SRC + DST
    values: ClassVar = {
        "version": 6,
        "dscp": 46,
        "ecn": 1,
        "flow_label": 0xABCDE,
        "payload_length": 0x1234,
        "next_header": 17,
        "hop_limit": 63,
        "src": SRC,
        "dst": DST,
    }
    derived: ClassVar = {"tos": 0xB9, "protocol": 17, "payload_len": 0x1234, "fragments": (), "extensions": ()}
    header_len = offsets.IP6_LEN
    info = "UDP"

    def test_flow_label_is_under_its_mask(self) -> None:
        assert IPv6(b"\x6f\xff\xff\xff" + self.raw[4:]).flow_label == offsets.IP6_FLOW_LABEL_MASK


class TestHopByHop(HeaderContract):
    cls = HopByHop
    raw = bytes.fromhex("3a01 0502abcd 0101ff c20400010203 00")
    values: ClassVar = {"next_header": 58, "hdr_ext_len": 1, "body": raw[2:]}
    header_len = 16
    info = ""

    def test_options_are_listed_up_to_the_one_that_does_not_fit(self) -> None:
        header = HopByHop(bytes.fromhex("3b01 05020000 00 0100 c2040001 0000 63ff"))
        listed = [(f.value, f.start, f.length) for f in header.fields() if f.name == "ipv6.opt.type"]
        assert listed == [(5, 2, 4), (0, 6, 1), (1, 7, 2), (0xC2, 9, 6)]


class TestDestinationOptions(HeaderContract):
    cls = DestinationOptions
    raw = bytes.fromhex("0601 0104a1a2a3a4 c90400010203 0100")
    values: ClassVar = {"next_header": 6, "hdr_ext_len": 1, "body": raw[2:]}
    header_len = 16
    info = ""


class TestRoutingHeader(HeaderContract):
    cls = RoutingHeader
    raw = bytes.fromhex("0602 0201 00000000") + DST
    values: ClassVar = {
        "next_header": 6,
        "hdr_ext_len": 2,
        "routing_type": 2,
        "segments_left": 1,
        "body": bytes(4) + DST,
    }
    derived: ClassVar = {"final_destination": DST}
    header_len = 24
    info = ""


class TestSRH(HeaderContract):
    cls = SRH
    raw = bytes.fromhex("2907 0402 0281 abcd") + b"".join(SEGMENTS) + bytes.fromhex("0506 010203040506")
    values: ClassVar = {
        "next_header": 41,
        "hdr_ext_len": 7,
        "routing_type": offsets.SRH_ROUTING_TYPE,
        "segments_left": 2,
        "last_entry": 2,
        "flags": 0x81,
        "tag": 0xABCD,
        "body": raw[8:],
    }
    derived: ClassVar = {
        "segments": SEGMENTS,
        "tlvs": bytes.fromhex("0506 010203040506"),
        "final_destination": SEGMENTS[0],
    }
    header_len = offsets.SRH_LEN + 3 * 16 + 8
    info = "SRv6, 3 segments, 2 left"

    def test_offsets(self) -> None:
        assert SRH.__hdr_len__ == offsets.SRH_LEN
        assert self.raw[offsets.SRH_TYPE] == 4
        assert self.raw[offsets.SRH_SEGMENTS_LEFT] == self.raw[offsets.SRH_LAST_ENTRY] == 2

    def test_segments_are_listed_and_the_current_one_marked(self) -> None:
        texts = [f.text for f in SRH(self.raw).fields() if f.name == "ipv6.routing.srh.addr"]
        assert texts == ["Address[0]: fc00::1", "Address[1]: fc00::2", "Address[2]: fc00::3 [current]"]

    def test_built_from_segments(self) -> None:
        header = SRH(next_header=41, segments=SEGMENTS, segments_left=1)
        header.compute()
        assert bytes(header) == srh(41)
        assert header.anomalies == 0

    @pytest.mark.parametrize(
        ("hdr_ext_len", "last_entry", "left", "invalid"),
        [(6, 2, 3, False), (6, 2, 4, True), (5, 2, 0, True), (2, 0, 1, False), (0, 0, 0, True)],
    )
    def test_invalid(self, hdr_ext_len: int, last_entry: int, left: int, invalid: bool) -> None:
        header = SRH(hdr_ext_len=hdr_ext_len, last_entry=last_entry, segments_left=left)
        assert header.anomalies == (1 << anomalies.SRH_INVALID if invalid else 0)


class TestMobility(HeaderContract):
    cls = Mobility
    raw = bytes.fromhex("3b01 0506 0708090a0b0c0d0e0f101112")
    values: ClassVar = {"next_header": 59, "hdr_ext_len": 1, "body": raw[2:]}
    header_len = 16
    info = ""


class TestFragmentHeader(HeaderContract):
    cls = FragmentHeader
    raw = bytes.fromhex("1181 05af 01020304")
    values: ClassVar = {
        "next_header": 17,
        "reserved": 0x81,
        "offset": 0x05AF >> 3,
        "reserved_bits": 3,
        "more": 1,
        "id": 0x01020304,
    }
    derived: ClassVar = {"fragment_offset": 0x05A8}
    header_len = offsets.IP6_FRAGMENT_LEN
    info = "IPv6 fragment (off=1448 more=y ident=0x01020304 nxt=17)"


def test_each_extension_has_its_class() -> None:
    assert {cls.PROTOCOL for cls in EXTENSIONS.values()} == {
        "ipv6.hopopts", "ipv6.routing", "ipv6.fraghdr", "ipv6.dstopts", "mipv6", "hip", "shim6"
    }  # fmt: skip
    raw = bytes([6, 0]) + bytes(6)
    assert isinstance(read_extension(offsets.IPPROTO_HIP, raw), HIP)
    assert isinstance(read_extension(offsets.IPPROTO_SHIM6, raw), Shim6)
    assert type(read_extension(offsets.IPPROTO_ROUTING, raw)) is RoutingHeader


def test_a_chain_of_every_kind() -> None:
    chain = options(43) + srh(60) + options(44, 1) + fragment(60, 0, 1) + options(17)
    packet = ipv6(0, chain + b"payload!")
    header = IPv6(packet)
    assert [type(e) for e in header.extensions] == [
        HopByHop, SRH, DestinationOptions, FragmentHeader, DestinationOptions
    ]  # fmt: skip
    assert header.header_len == 40 + len(chain)
    assert header.protocol == 17
    assert header.data == b"payload!"
    assert header.payload_len == 8
    assert header.anomalies == 0
    assert header.fragments == (Fragment(0x01020304, 0, True, 40 + len(chain) - 8),)
    assert [start for start, _ in header.srhs] == [48]
    assert header.final_destination == SEGMENTS[0]
    assert bytes(header) == packet
    starts = {field.name: field.start for field in header.fields()}
    assert starts["ipv6.routing.type"] == 48 + offsets.SRH_TYPE
    assert starts["ipv6.fraghdr.ident"] == 40 + len(chain) - 16 + 4


def test_every_truncation_of_a_chain() -> None:
    packet = ipv6(0, options(43) + srh(60) + options(17, 1))
    complete = [40, 48, 104, 120]
    for length in range(40, len(packet)):
        header = IPv6(packet[:length])
        reached = max(i for i, end in enumerate(complete) if end <= length)
        assert len(header.extensions) == reached
        assert header.protocol == (0, 43, 60)[reached]
        there = length - complete[reached]
        missing = 8 if there < 8 else complete[reached + 1] - complete[reached]
        assert header.missing == missing
        assert header.header_len == complete[reached] + missing > length
        assert bytes(header) == packet[:length]
        exercise(header)


def test_the_chain_ends_with_the_payload_length() -> None:
    header = IPv6(ipv6(0, options(60) + options(17), payload_length=8))
    assert len(header.extensions) == 1
    assert header.missing == 8
    header = IPv6(ipv6(0, options(60) + options(17), payload_length=15))
    assert len(header.extensions) == 1
    assert header.header_len == 56


def test_a_payload_length_of_zero_does_not_end_the_chain() -> None:
    assert len(IPv6(ipv6(60, options(60) + options(17), payload_length=0)).extensions) == 2


def test_a_later_fragment_ends_the_chain() -> None:
    header = IPv6(ipv6(44, fragment(60, 1448, 0) + options(17)))
    assert header.protocol == 60
    assert header.data == options(17)
    assert header.fragments == (Fragment(0x01020304, 1448, False, 48),)
    assert not header.too_many_extensions
    assert header.info() == "IPv6 fragment (off=1448 more=n ident=0x01020304 nxt=60)"


def test_an_atomic_fragment_is_a_whole_packet() -> None:
    header = IPv6(ipv6(44, fragment(17, 0, 0) + b"12345678"))
    assert header.fragments == ()
    assert header.info() == "UDP"


def test_sixteen_extensions_are_read_and_no_more() -> None:
    header = IPv6(ipv6(60, options(60) * 15 + options(6)))
    assert (len(header.extensions), header.protocol, header.anomalies) == (16, 6, 0)
    header = IPv6(ipv6(60, options(60) * 16 + options(6)))
    assert (len(header.extensions), header.protocol) == (16, 60)
    assert header.anomalies == 1 << anomalies.IPV6_EXTENSION_INVALID
    later_fragment = IPv6(ipv6(60, options(60) * 14 + options(44) + fragment(60, 8, 0)))
    assert len(later_fragment.extensions) == 16
    assert later_fragment.anomalies == 0


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (b"\x40" + ipv6(17, b"")[1:], anomalies.IP_VERSION_MISMATCH),
        (ipv6(17, b"x", 0), anomalies.IP_TOTAL_LENGTH_ZERO),
        (ipv6(43, srh(6, left=9)), anomalies.SRH_INVALID),
    ],
)
def test_anomalies(packet: bytes, code: int) -> None:
    assert IPv6(packet).anomalies == 1 << code


@pytest.mark.parametrize("next_header", [offsets.IPPROTO_HOPOPTS, offsets.IPPROTO_NONE])
def test_jumbograms_and_empty_packets_have_no_length(next_header: int) -> None:
    assert IPv6(ipv6(next_header, options(6), 0)).anomalies == 0


def test_compute() -> None:
    chain = (HopByHop(next_header=43, body=b"\x05\x02\x00\x00"), SRH(next_header=6, segments=SEGMENTS[:1]))
    packet = IPv6(next_header=0, extensions=chain, data=b"x" * 20)
    packet.compute()
    assert packet.payload_length == 8 + 24 + 20
    parsed = IPv6(bytes(packet))
    assert parsed.protocol == 6
    assert parsed.data == b"x" * 20
    assert parsed == packet
    packet.data = bytes(0x10000)
    packet.compute()
    assert packet.payload_length == 0


def test_pseudo_header_has_the_final_destination() -> None:
    packet = IPv6(ipv6(43, srh(6, left=1)))
    assert packet.pseudo_header(6, 0x12345) == SRC + SEGMENTS[0] + bytes.fromhex("00012345 00000006")
    arrived = IPv6(ipv6(43, srh(6, left=0)))
    assert arrived.final_destination == DST


def test_type_0_routing_goes_to_its_last_address() -> None:
    raw = bytes([6, 4, 0, 2]) + bytes(4) + SEGMENTS[0] + SEGMENTS[1]
    assert IPv6(ipv6(43, raw)).final_destination == SEGMENTS[1]
    assert RoutingHeader(raw[:20]).final_destination is None


def test_options_compute_pads_with_pad1() -> None:
    header = ExtensionHeader(body=b"\x05\x02\x00\x00\x01\x01\x00")
    header.compute()
    assert header.hdr_ext_len == 1
    assert len(bytes(header)) == header.header_len == 16
