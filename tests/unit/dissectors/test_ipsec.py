"""AH, ESP, and the look into null-encrypted ESP."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors import anomalies, offsets
from dissectors.ipsec import AH, ESP, NullEncrypted, carries_esp, null_encrypted
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.tcp import TCP
from dissectors.udp import UDP
from tests.unit.dissectors.header_contract import HeaderContract

SRC, DST = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])


class TestESP(HeaderContract):
    cls = ESP
    raw = bytes.fromhex("c0ffee01 0badcafe")
    values: ClassVar = {"spi": 0xC0FFEE01, "sequence": 0x0BADCAFE}
    header_len = offsets.ESP_LEN
    info = "ESP (SPI=0xc0ffee01)"


class TestAH(HeaderContract):
    cls = AH
    raw = bytes.fromhex("0604 8001 c0ffee01 0badcafe 0102030405060708090a0b0c")
    values: ClassVar = {
        "next_header": 6,
        "payload_len": 4,
        "reserved": 0x8001,
        "spi": 0xC0FFEE01,
        "sequence": 0x0BADCAFE,
        "icv": bytes(range(1, 13)),
    }
    header_len = 24
    info = "AH (SPI=0xc0ffee01)"

    def test_minimum_is_that_of_offsets(self) -> None:
        assert AH.__hdr_len__ == offsets.AH_MIN_LEN
        assert AH(payload_len=1).header_len == offsets.AH_MIN_LEN
        assert AH(payload_len=1).anomalies == 0

    def test_too_short_a_length(self) -> None:
        header = AH(self.raw[:1] + b"\x00" + self.raw[2:])
        assert header.anomalies == 1 << anomalies.AH_LENGTH_INVALID
        assert header.header_len == offsets.AH_MIN_LEN
        assert header.icv == b""

    def test_compute(self) -> None:
        header = AH(icv=bytes(13))
        header.compute()
        assert header.payload_len == 5
        assert len(bytes(header)) == header.header_len == 28


def built(header: IPv4 | IPv6 | TCP | UDP, pseudo: bytes = b"") -> bytes:
    header.compute(pseudo)
    return bytes(header)


def tcp_segment(src: bytes = SRC, dst: bytes = DST) -> bytes:
    segment = TCP(sport=1, dport=2, data=b"hello")
    return built(segment, IPv4(src=src, dst=dst).pseudo_header(6, 25))


PACKETS = [
    (4, built(IPv4(protocol=17, data=b"some payload"))),
    (41, built(IPv6(next_header=17, data=b"some payload"))),
    (17, built(UDP(sport=1, dport=2, data=b"some payload"))),
    (6, tcp_segment()),
]


def esp_payload(packet: bytes, next_header: int, padding: int, icv: bytes) -> bytes:
    return packet + bytes(range(1, padding + 1)) + bytes([padding, next_header]) + icv


@pytest.mark.parametrize("icv_length", offsets.ESP_ICV_LENGTHS)
@pytest.mark.parametrize("padding", [0, 1, 3, 255])
@pytest.mark.parametrize(("next_header", "packet"), PACKETS, ids=["ipv4", "ipv6", "udp", "tcp"])
def test_null_encryption_is_found(next_header: int, packet: bytes, padding: int, icv_length: int) -> None:
    payload = esp_payload(packet, next_header, padding, b"\xa5" * icv_length)
    assert null_encrypted(payload, SRC, DST) == NullEncrypted(next_header, len(packet), icv_length)


@pytest.mark.parametrize(("next_header", "packet"), PACKETS, ids=["ipv4", "ipv6", "udp", "tcp"])
def test_near_misses(next_header: int, packet: bytes) -> None:
    icv = b"\xa5" * 12
    good = esp_payload(packet, next_header, 2, icv)
    assert null_encrypted(good, SRC, DST) is not None
    wrong_padding = packet + b"\x01\x01\x02" + bytes([next_header]) + icv
    too_long = esp_payload(packet + b"\x00\x00", next_header, 2, icv)
    too_short = esp_payload(packet[:-2], next_header, 2, icv)
    other_protocol = esp_payload(packet, 89, 2, icv)
    for payload in (wrong_padding, too_long, too_short, other_protocol):
        assert null_encrypted(payload, SRC, DST) is None
    for length in range(len(packet) + 4):
        assert null_encrypted(good[:length], SRC, DST) is None, length


def test_tcp_is_believed_by_its_checksum_only() -> None:
    payload = esp_payload(tcp_segment(), 6, 2, bytes(12))
    assert null_encrypted(payload, SRC, DST) is not None
    assert null_encrypted(payload, SRC, bytes([192, 0, 2, 3])) is None


def test_versions_and_headers_have_to_fit() -> None:
    ipv4, ipv6 = PACKETS[0][1], PACKETS[1][1]
    assert null_encrypted(esp_payload(ipv4, 41, 0, b""), SRC, DST) is None
    assert null_encrypted(esp_payload(ipv6, 4, 0, b""), SRC, DST) is None
    assert null_encrypted(esp_payload(b"\x45\x00\x00\x04", 4, 0, b""), SRC, DST) is None
    assert null_encrypted(esp_payload(b"\x00\x01\x00\x02\x00\x04\x00\x00"[:4], 17, 0, b""), SRC, DST) is None
    short_offset = bytearray(tcp_segment())
    short_offset[offsets.TCP_OFFSET] = 0x40
    assert null_encrypted(esp_payload(bytes(short_offset), 6, 0, b""), SRC, DST) is None


@given(st.binary(max_size=120))
def test_any_bytes(payload: bytes) -> None:
    found = null_encrypted(payload, SRC, DST)
    assert found is None or 8 <= found.end <= len(payload) - 2 - found.icv_length


@pytest.mark.parametrize(
    ("payload", "wire_length", "expected"),
    [
        (bytes.fromhex("c0ffee01 0badcafe"), 8, True),
        (bytes.fromhex("c0ffee01"), 100, True),
        (bytes.fromhex("00000000 0102030405060708"), 12, False),
        (b"\xff", 1, False),
        (bytes.fromhex("c0ffee01 0badca"), 7, False),
    ],
)
def test_esp_in_udp_is_neither_ike_nor_keepalive(payload: bytes, wire_length: int, expected: bool) -> None:
    assert carries_esp(payload, wire_length) is expected
