"""SCTP."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from dissectors import checksum, offsets
from dissectors.sctp import SCTP, Chunk
from tests.unit.dissectors.header_contract import HeaderContract


class TestSCTP(HeaderContract):
    cls = SCTP
    raw = bytes.fromhex("0b59 0b5a c0ffee01 0badcafe")
    values: ClassVar = {"sport": 2905, "dport": 2906, "verification_tag": 0xC0FFEE01, "checksum": 0x0BADCAFE}
    header_len = offsets.SCTP_LEN
    # The payload of the test is no chunk: its length cannot be told from that of one.
    info = "2905 → 2906 chunk 165"


def test_chunks() -> None:
    # DATA of 5 bytes with padding, then COOKIE_ACK, then an unknown one that reaches beyond the packet.
    data = bytes.fromhex("00030005 aa 000000 0b000004 4d01ffff")
    header = SCTP(sport=5000, dport=5001, data=data)
    assert header.chunks() == [Chunk(0, 3, 5, 12), Chunk(11, 0, 4, 20), Chunk(77, 1, 0xFFFF, 24)]
    assert header.info() == "5000 → 5001 DATA COOKIE_ACK chunk 77"


def test_a_chunk_of_impossible_length_ends_the_list() -> None:
    assert SCTP(data=bytes.fromhex("01000003 01000004")).chunks() == []
    assert SCTP().info() == "0 → 0"


def test_many_chunks_are_not_all_named() -> None:
    assert SCTP(data=bytes.fromhex("0b000004") * 9).info().endswith("COOKIE_ACK COOKIE_ACK …")


def test_compute() -> None:
    header = SCTP(sport=1, dport=2, verification_tag=3, data=bytes.fromhex("0b000004"))
    header.compute()
    assert header.checksum == checksum.sctp_checksum(bytes(header))
    assert header.checksum != 0
    header.verification_tag += 1
    assert header.checksum != checksum.sctp_checksum(bytes(header))


@given(st.binary(max_size=200))
def test_chunks_lie_within_the_packet(data: bytes) -> None:
    for chunk in SCTP(data=data).chunks():
        assert offsets.SCTP_LEN <= chunk.start <= offsets.SCTP_LEN + len(data) - 4
        assert chunk.length >= 4
