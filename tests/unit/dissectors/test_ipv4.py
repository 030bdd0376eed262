"""IPv4."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, offsets
from dissectors.ipv4 import Fragment, IPv4, protocol_name, show_dscp, show_ecn, show_protocol
from tests.unit.dissectors.header_contract import HeaderContract

#: An example that is all over the literature: its checksum is 0xb861.
KNOWN = bytes.fromhex("4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7")


class TestIPv4(HeaderContract):
    cls = IPv4
    raw = bytes.fromhex("47b9 1234 abcd e7d1 3f11 beef 0a010203 ac100a0b 94040001 01070402")
    values: ClassVar = {
        "version": 4,
        "ihl": 7,
        "dscp": 46,
        "ecn": 1,
        "total_length": 0x1234,
        "id": 0xABCD,
        "reserved": 1,
        "df": 1,
        "mf": 1,
        "offset": 0x07D1,
        "ttl": 0x3F,
        "protocol": 17,
        "checksum": 0xBEEF,
        "src": bytes([10, 1, 2, 3]),
        "dst": bytes([172, 16, 10, 11]),
        "options": bytes.fromhex("94040001 01070402"),
    }
    derived: ClassVar = {
        "tos": 0xB9,
        "fragment_offset": 0x07D1 * 8,
        "payload_len": 0x1234 - 28,
        "fragment": Fragment(0xABCD, 0x07D1 * 8, True, 28),
    }
    header_len = offsets.IP4_MIN_LEN + 8
    info = "Fragmented IP protocol (proto=UDP 17, off=16008, ID=abcd)"

    def test_without_options_it_is_as_long_as_offsets_say(self) -> None:
        assert IPv4.__hdr_len__ == IPv4().header_len == offsets.IP4_MIN_LEN

    def test_offsets_name_the_places_of_the_fields(self) -> None:
        places = {field.name: field.start for field in IPv4(self.raw).fields()}
        assert places["ip.len"] == offsets.IP4_TOTAL_LEN
        assert places["ip.ttl"] == offsets.IP4_TTL
        assert places["ip.dst"] == offsets.IP4_DST
        assert self.raw[offsets.IP4_PROTOCOL] == 17

    def test_options_are_listed_with_their_places(self) -> None:
        options = [field for field in IPv4(self.raw).fields() if field.name == "ip.opt.type"]
        assert [(field.value, field.start, field.length) for field in options] == [
            (148, 20, 4),
            (1, 24, 1),
        ]
        assert options[0].text == "IP Option: Router Alert: 0001"

    def test_text(self) -> None:
        texts = {field.name: field.text for field in IPv4(self.raw).fields()}
        assert texts["ip.dsfield.dscp"] == "Differentiated Services Codepoint: EF (46)"
        assert texts["ip.src"] == "Source Address: 10.1.2.3"
        assert texts["ip.proto"] == "Protocol: UDP (17)"


def test_checksum_of_a_known_header() -> None:
    header = IPv4(KNOWN)
    assert header.checksum_ok
    header.data = bytes(95)
    header.compute()
    assert header.checksum == 0xB861
    assert bytes(header) == KNOWN + bytes(95)


def test_emit_corrects_nothing() -> None:
    header = IPv4(KNOWN)
    header.ttl -= 1
    assert header.checksum == 0xB861
    assert not header.checksum_ok
    header.compute()
    assert header.checksum_ok
    assert header.total_length == 20


def test_compute_pads_options_and_counts_them() -> None:
    header = IPv4(options=b"\x94\x04\x00\x00\x01", data=b"xyz")
    header.compute()
    assert (header.ihl, header.total_length, header.options) == (7, 31, b"\x94\x04\x00\x00\x01\x00\x00\x00")
    assert header.checksum_ok


def test_compute_refuses_options_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="too large"):
        IPv4(options=bytes(41)).compute()


def test_compute_of_a_packet_too_long_for_its_length_field() -> None:
    header = IPv4(data=bytes(0x10000))
    header.compute()
    assert header.total_length == 0
    assert header.anomalies == 1 << anomalies.IP_TOTAL_LENGTH_ZERO


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({0: 0x65}, anomalies.IP_VERSION_MISMATCH),
        ({0: 0x44}, anomalies.IP_HEADER_LENGTH_INVALID),
        ({2: 0, 3: 0}, anomalies.IP_TOTAL_LENGTH_ZERO),
        ({2: 0, 3: 19}, anomalies.IP_TOTAL_LENGTH_INVALID),
        ({0: 0x46, 3: 23}, anomalies.IP_TOTAL_LENGTH_INVALID),
    ],
)
def test_anomalies(patch: dict[int, int], code: int) -> None:
    raw = bytearray(KNOWN + bytes(8))
    for place, value in patch.items():
        raw[place] = value
    if patch.get(3) is not None:
        raw[2] = 0
    assert IPv4(bytes(raw)).anomalies == 1 << code


def test_a_cut_header_says_nothing_of_lengths() -> None:
    raw = bytearray(KNOWN)
    raw[0], raw[2], raw[3] = 0x4F, 0, 0
    header = IPv4(bytes(raw))
    assert header.header_len == 60
    assert header.anomalies == 0


def test_fragments() -> None:
    assert IPv4(df=1).fragment is None
    first = IPv4(id=7, mf=1).fragment
    assert first == Fragment(7, 0, True, 20)
    last = IPv4(id=7, offset=0x1FFF).fragment
    assert last == Fragment(7, 65528, False, 20)
    assert not last.invalid(7)
    assert last.invalid(8)
    assert first.invalid(0)
    assert not first.invalid(8)


def test_payload_length_of_nonsense() -> None:
    assert IPv4(total_length=0).payload_len == -1
    assert IPv4(total_length=19).payload_len == -1
    assert IPv4(total_length=20).payload_len == 0


def test_pseudo_header() -> None:
    header = IPv4(src=b"\x01\x02\x03\x04", dst=b"\x05\x06\x07\x08")
    assert header.pseudo_header(17, 0x1234) == bytes.fromhex("01020304 05060708 0011 1234")


def test_names() -> None:
    assert show_protocol(6) == "TCP (6)"
    assert show_protocol(255) == "Unknown (255)"
    assert protocol_name(255) == "protocol 255"
    assert show_dscp(1) == "1"
    assert show_ecn(3) == "CE (3)"
