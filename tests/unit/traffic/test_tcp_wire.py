"""TCP segments as bytes: what is emitted is what dpkt reads and what is parsed again."""

from __future__ import annotations

import socket

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.traffic.stack import checksum, payload, tcp_wire
from nvgre_inspect.traffic.stack.tcp_wire import ACK, CWR, ECE, FIN, PSH, SYN

SRC, DST = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")
PSEUDO = checksum.partial(SRC + DST) + 6
NUMBERS = st.integers(0, 0xFFFFFFFF)


@given(NUMBERS, NUMBERS, st.integers(0, 0xFFFF), st.integers(0, 1 << 40), st.integers(0, 1460))
def test_emit(seq: int, ack: int, window: int, offset: int, length: int) -> None:
    flags = ACK | PSH | FIN | ECE | CWR
    body = tcp_wire.emit(PSEUDO, (40000, 80), seq, ack, flags, window, b"\1\1\5\x0a" + bytes(range(8)), offset, length)
    read = dpkt.tcp.TCP(body)
    assert (read.sport, read.dport, read.seq, read.ack, read.win) == (40000, 80, seq, ack, window)
    assert (read.flags, read.data) == (flags, payload.piece(offset, length))
    packet = dpkt.ip.IP(src=SRC, dst=DST, p=6, data=dpkt.tcp.TCP(body))
    packet.data.sum = 0
    bytes(packet)
    assert packet.data.sum == read.sum
    parsed = tcp_wire.parse(body)
    assert parsed is not None
    assert (parsed.seq, parsed.ack, parsed.flags, parsed.window) == (seq, ack, flags, window)
    assert tcp_wire.sound(PSEUDO + len(body), parsed, offset)
    assert tcp_wire.sound(PSEUDO + len(body), parsed, offset + 1)


def test_one_wrong_bit_shows() -> None:
    body = bytearray(tcp_wire.emit(PSEUDO, (40000, 80), 1, 2, ACK, 3, offset=0, length=100))
    for place in range(len(body)):
        if place == 12:
            continue  # The header's length: the segment is another one.
        body[place] ^= 0x10
        parsed = tcp_wire.parse(bytes(body))
        assert parsed is not None
        assert not tcp_wire.sound(PSEUDO + len(body), parsed, 0)
        body[place] ^= 0x10


@pytest.mark.parametrize("scale", [None, 0, 3, 14])
@pytest.mark.parametrize("sack", [True, False])
def test_syn_options(scale: int | None, sack: bool) -> None:
    body = tcp_wire.emit(PSEUDO, (1, 2), 3, 0, SYN, 4, tcp_wire.syn_options(1418, scale, sack))
    parsed = tcp_wire.parse(body)
    assert parsed is not None
    assert parsed.options == (1418, scale, sack)
    assert dpkt.tcp.parse_opts(parsed.header[20:])[0] == (dpkt.tcp.TCP_OPT_MSS, b"\x05\x8a")


def test_blocks_wrap_and_are_at_most_four() -> None:
    blocks = [(0xFFFFFFF0, 0x1_0000_0010), *((n * 100, n * 100 + 50) for n in range(1, 6))]
    parsed = tcp_wire.parse(tcp_wire.emit(PSEUDO, (1, 2), 3, 4, ACK, 5, tcp_wire.sack_option(blocks)))
    assert parsed is not None
    assert parsed.blocks == [(0xFFFFFFF0, 0x10), (100, 150), (200, 250), (300, 350)]


def test_too_short_at_every_length() -> None:
    body = tcp_wire.emit(PSEUDO, (1, 2), 3, 4, ACK, 5, tcp_wire.sack_option([(1, 2)]))
    assert [tcp_wire.parse(body[:length]) for length in range(len(body))] == [None] * len(body)


@given(st.binary(max_size=40))
def test_any_options_are_survived(options: bytes) -> None:
    options += b"\0" * (-len(options) % 4)
    parsed = tcp_wire.parse(tcp_wire.emit(PSEUDO, (1, 2), 3, 4, ACK, 5, options))
    assert parsed is not None
    assert parsed.options.mss is None or parsed.options.mss <= 0xFFFF
    assert all(len(block) == 2 for block in parsed.blocks)
