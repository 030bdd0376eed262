"""TCP and its options."""

from __future__ import annotations

from typing import ClassVar

import pytest

from dissectors import anomalies, checksum, offsets
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.tcp import TCP, TCPOptions, flag_names
from tests.unit.dissectors.header_contract import HeaderContract

OPTIONS = bytes.fromhex("020405b4 0402 080a0000000a0000000b 01 030307")


def syn(options: bytes, **values: int) -> TCP:
    """A SYN as parsed, its data offset by the options that are there."""
    header = TCP(flags=offsets.TCP_SYN, options=options, **values)
    header.compute()
    return TCP(bytes(header))


class TestTCP(HeaderContract):
    cls = TCP
    raw = bytes.fromhex("c000 01bb 01020304 a1a2a3a4 abff 7fff beef 0102") + OPTIONS
    values: ClassVar = {
        "sport": 49152,
        "dport": 443,
        "seq": 0x01020304,
        "ack": 0xA1A2A3A4,
        "data_offset": 10,
        "reserved": 5,
        "ae": 1,
        "flags": 0xFF,
        "window": 0x7FFF,
        "checksum": 0xBEEF,
        "urgent": 0x0102,
        "options": OPTIONS,
    }
    header_len = offsets.TCP_MIN_LEN + 20
    info = (
        "49152 → 443 [FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE] Seq=16909060 Ack=2711790500 Win=32767 Urg=258 "
        "Len=10 MSS=1460 SACK_PERM TSval=10 TSecr=11 WS=128"
    )

    def test_offsets(self) -> None:
        assert TCP.__hdr_len__ == TCP().header_len == offsets.TCP_MIN_LEN
        places = {field.name: field.start for field in TCP(self.raw).fields()}
        assert places["tcp.seq_raw"] == offsets.TCP_SEQ
        assert places["tcp.ack_raw"] == offsets.TCP_ACK
        assert places["tcp.hdr_len"] == offsets.TCP_OFFSET
        assert places["tcp.flags"] == offsets.TCP_FLAGS
        assert places["tcp.window_size_value"] == offsets.TCP_WINDOW

    def test_options(self) -> None:
        assert TCP(self.raw).parsed_options() == TCPOptions(1460, 7, True, (), 10, 11)
        texts = [field.text for field in TCP(self.raw).fields() if field.name == "tcp.option_kind"]
        assert texts == [
            "TCP Option - Maximum segment size: 1460 bytes",
            "TCP Option - SACK permitted",
            "TCP Option - Timestamps: TSval 10, TSecr 11",
            "TCP Option - No-Operation",
            "TCP Option - Window scale: 7 (multiply by 128)",
        ]


@pytest.mark.parametrize(
    ("flags", "bit"),
    [
        ("FIN", offsets.TCP_FIN),
        ("SYN", offsets.TCP_SYN),
        ("RST", offsets.TCP_RST),
        ("PSH", offsets.TCP_PSH),
        ("ACK", offsets.TCP_ACK_FLAG),
        ("URG", offsets.TCP_URG),
        ("ECE", offsets.TCP_ECE),
        ("CWR", offsets.TCP_CWR),
        ("<None>", 0),
    ],
)
def test_flags(flags: str, bit: int) -> None:
    assert flag_names(bit) == flags
    assert TCP(flags=bit).pack_hdr()[offsets.TCP_FLAGS] == bit


def test_info_as_wireshark_words_it() -> None:
    options = bytes.fromhex("020405b4 01 030308")
    assert syn(options, sport=49152, dport=443, seq=7, window=64240).info() == (
        "49152 → 443 [SYN] Seq=7 Win=64240 Len=0 MSS=1460 WS=256"
    )
    plain = TCP(sport=80, dport=1024, seq=1, ack=2, flags=0x18, window=512, data=b"abc")
    assert plain.info() == "80 → 1024 [PSH, ACK] Seq=1 Ack=2 Win=512 Len=3"
    assert plain.info(payload_length=1400).endswith("Len=1400")


def test_sack_blocks() -> None:
    header = TCP(options=bytes.fromhex("0101 0512 00000001 00000002 00000003 00000004"), data_offset=10)
    assert header.parsed_options().sack == ((1, 2), (3, 4))
    assert header.info().endswith("SLE=1 SRE=2 SLE=3 SRE=4")
    # A length that is no whole number of blocks: only whole ones count.
    odd = TCP(options=bytes.fromhex("0101 0510 00000001 00000002 00000003 0000"), data_offset=10)
    assert odd.parsed_options().sack == ((1, 2),)


@pytest.mark.parametrize("options", ["02040000", "030300 00", "0402 0000"])
def test_zero_is_a_value(options: str) -> None:
    parsed = syn(bytes.fromhex(options)).parsed_options()
    assert parsed != TCPOptions()
    assert -1 in parsed


@pytest.mark.parametrize("options", ["0203ff 00", "0304ffff", "0403 00 00", "080400 00"])
def test_an_option_of_another_length_says_nothing(options: str) -> None:
    header = syn(bytes.fromhex(options))
    assert header.parsed_options() == TCPOptions()
    assert header.anomalies == 0


def test_of_several_the_last_counts() -> None:
    assert syn(bytes.fromhex("02040001 02040002")).parsed_options().mss == 2


@pytest.mark.parametrize("options", ["02000000", "02010000", "02050000", "01010102"])
def test_malformed_options_of_a_syn(options: str) -> None:
    header = syn(bytes.fromhex(options))
    assert header.anomalies == 1 << anomalies.TCP_OPTIONS_INVALID
    header.flags = offsets.TCP_ACK_FLAG
    assert header.anomalies == 0


def test_options_cut_by_the_capture_are_no_anomaly() -> None:
    raw = bytes(syn(bytes.fromhex("020405b4 0101 0402 080a000000010000000200 00")))
    for length in range(offsets.TCP_MIN_LEN, len(raw)):
        header = TCP(raw[:length])
        assert header.anomalies == 0
        assert header.parsed_options().mss == (1460 if length >= 24 else -1)


@pytest.mark.parametrize("data_offset", range(5))
def test_data_offset_below_the_minimum(data_offset: int) -> None:
    header = TCP(bytes(TCP(data_offset=data_offset, flags=offsets.TCP_SYN, data=b"\x02\x00")))
    assert header.header_len == offsets.TCP_MIN_LEN
    assert header.anomalies == 1 << anomalies.TCP_HEADER_LENGTH_INVALID
    assert header.data == b"\x02\x00"


def test_compute() -> None:
    for ip in (IPv4(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2"), IPv6(src=bytes(15) + b"\1", dst=bytes(15) + b"\2")):
        segment = TCP(sport=1, dport=2, flags=offsets.TCP_SYN, options=b"\x02\x04\x05\xb4\x01", data=b"odd")
        pseudo = ip.pseudo_header(6, 28 + 3)
        segment.compute(pseudo)
        assert segment.data_offset == 7
        assert len(segment) == 31
        assert checksum.verifies(pseudo + bytes(segment))
        segment.seq += 1
        assert not checksum.verifies(pseudo + bytes(segment))


def test_compute_without_pseudo_header_leaves_the_checksum() -> None:
    segment = TCP(checksum=0xBEEF)
    segment.compute()
    assert segment.checksum == 0xBEEF


def test_compute_refuses_options_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="too large"):
        TCP(options=bytes(41)).compute()
