"""Loss recovery: what is sent again, when, and how much of the network is used meanwhile."""

from __future__ import annotations

import itertools
import math
import random
import struct
from collections.abc import Callable

import pytest

from nvgre_inspect.traffic.scenario import TCPOptions
from nvgre_inspect.traffic.stack import checksum, ip
from tests.builders.machine_pair import A4, B4, MAC_A, MAC_B, MS, MTU, SECOND, US, MachinePair, Sent, Sink, Source

MSS = MTU - 40


def lose_data(*numbers: int, times: int = 1) -> Callable[[Sent], bool]:
    """Lose the n-th data segments of `a` (from 0), each so often."""
    first: dict[int, int] = {}
    left: dict[int, int] = {}

    def lose(sent: Sent) -> bool:
        if sent.sender != "a" or sent.info is None or not sent.info.length:
            return False
        seq = sent.info.seq
        if seq not in first:
            first[seq] = len(first)
            left[seq] = times if first[seq] in numbers else 0
        left[seq] -= 1
        return left[seq] >= 0

    return lose


def again(pair: MachinePair) -> list[Sent]:
    return [sent for sent in pair.segments("a") if sent.info is not None and sent.info.retransmission]


@pytest.mark.parametrize("sack", [True, False])
def test_fast_retransmit_at_the_third_duplicate(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack), lose=lose_data(20))
    _, sink = pair.transfer(100 * MSS)
    assert sink.got == 100 * MSS
    [resent] = again(pair)
    lost = next(sent for sent in pair.sent if sent.lost)
    assert resent.tcp.seq == lost.tcp.seq
    # Within two round trips, so without a timeout.
    assert resent.ns - lost.ns < 5 * MS
    duplicates = [
        sent for sent in pair.segments("b") if sent.ns < resent.ns and sent.tcp.ack == lost.tcp.seq and not sent.lost
    ]
    arrived = [sent for sent in duplicates if sent.ns + len(sent.frame) * 80 + 500 * US <= resent.ns]
    # The acknowledgement of what was before, if that did not cover the segment before too, and three duplicates.
    assert len(arrived) in (3, 4)


@pytest.mark.parametrize("sack", [True, False])
def test_several_holes_in_one_window(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack), lose=lose_data(40, 42, 45, 50))
    _, sink = pair.transfer(150 * MSS)
    assert sink.got == 150 * MSS
    assert len(again(pair)) == 4
    if sack:
        # All within one recovery: a round trip is enough.
        assert again(pair)[-1].ns - again(pair)[0].ns < 3 * MS
    assert again(pair)[-1].ns - again(pair)[0].ns < 20 * MS


@pytest.mark.parametrize("sack", [True, False])
def test_lost_tail_needs_a_timeout(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack), lose=lose_data(9))
    _, sink = pair.transfer(10 * MSS)
    assert sink.got == 10 * MSS
    [resent] = again(pair)
    lost = next(sent for sent in pair.sent if sent.lost)
    # The timer starts anew with the acknowledgement of what was before, which waited for 40 ms.
    assert 240 * MS <= resent.ns - lost.ns < 250 * MS


def test_timeouts_back_off() -> None:
    pair = MachinePair(lose=lose_data(9, times=5))
    _, sink = pair.transfer(10 * MSS)
    assert sink.got == 10 * MSS
    times = [sent.ns for sent in again(pair)]
    gaps = [round((after - before) / (100 * MS)) for before, after in itertools.pairwise(times)]
    assert gaps == [4, 8, 16, 32]


def test_given_up_after_retries() -> None:
    pair = MachinePair(TCPOptions(retries=4), lose=lose_data(9, times=100))
    source, _ = pair.transfer(10 * MSS)
    assert source.events == ["connected", "failed"]
    assert len(again(pair)) == 4


@pytest.mark.parametrize("sack", [True, False])
def test_whole_window_is_lost(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack), lose=lose_data(*range(20, 60)))
    _, sink = pair.transfer(200 * MSS)
    assert sink.got == 200 * MSS
    # Slow start: one, then two and so on, not all at once.
    times = [sent.ns for sent in again(pair)]
    assert times[0] < times[1]
    assert len({sent.tcp.seq for sent in again(pair)}) >= 40


@pytest.mark.parametrize("held", [1, 2])
def test_slightly_out_of_order_is_no_loss(held: int) -> None:
    """Less than three duplicates: nothing is sent again (RFC 5681 section 3.2)."""
    pair = MachinePair()
    late: list[bytes] = []

    def lose(sent: Sent) -> bool:
        if sent.info is None or not sent.info.length or sent.sender != "a":
            return False
        if len(pair.data("a")) == 30:
            # It arrives behind the next ones.
            pair.simulator.after(500 * US + (held + 1) * 118 * US, pair.b.receive, sent.frame)
            late.append(sent.frame)
            return True
        return False

    pair.lose = lose
    _, sink = pair.transfer(100 * MSS)
    assert late
    assert sink.got == 100 * MSS
    assert again(pair) == []


@pytest.mark.parametrize("sack", [True, False])
def test_window_is_halved_once_for_losses_of_one_window(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack, receive_buffer=1 << 20), lose=lose_data(60, 63), delay_ns=10 * MS)
    pair.b.tcp.listen(80, lambda connection: Sink())
    source = Source(2000 * MSS)
    connection = pair.a.tcp.connect(B4, 80, source)
    pair.run(20 * MS)
    flight = 0
    while not again(pair):
        flight = connection.sender.in_flight
        pair.run(pair.simulator.now_ns + 50 * US)
    assert connection.sender.ssthresh == pytest.approx(flight / 2, rel=0.05)
    pair.run(pair.simulator.now_ns + 200 * MS)
    # Linear from there on: about a segment a round trip.
    assert flight / 2 < connection.sender.cwnd < flight / 2 + 14 * MSS


@pytest.mark.parametrize("sack", [True, False])
def test_sender_without_sack_sends_no_blocks(sack: bool) -> None:
    pair = MachinePair(TCPOptions(sack=sack), lose=lose_data(20))
    pair.transfer(50 * MSS)
    assert any(len(sent.tcp.opts) for sent in pair.segments("b") if not sent.tcp.flags & 2) == sack


def test_congestion_is_signalled_by_ecn() -> None:
    """RFC 3168: CE, then ECE until CWR, and half the window; nothing is sent again."""

    def change(sent: Sent) -> bytes:
        if sent.info is None or not sent.info.length or len(pair.data("a")) != 50:
            return sent.frame
        header = bytearray(sent.frame)
        header[15] |= ip.CE
        header[24:26] = b"\0\0"
        header[24:26] = struct.pack(">H", checksum.field(checksum.partial(bytes(header[14:34]))))
        return bytes(header)

    pair = MachinePair(TCPOptions(ecn=True), change=change)
    _, sink = pair.transfer(300 * MSS)
    assert sink.got == 300 * MSS
    assert again(pair) == []
    assert all(sent.ip.tos & 3 == ip.ECT0 for sent in pair.data("a"))
    assert not any(sent.ip.tos & 3 for sent in pair.segments("b"))
    echoed = [sent for sent in pair.segments("b") if sent.tcp.flags & 0x40 and not sent.tcp.flags & 2]
    reduced = [sent for sent in pair.data("a") if sent.tcp.flags & 0x80]
    assert echoed
    assert len(reduced) == 1
    assert echoed[-1].ns < reduced[0].ns + 3 * MS


def too_big(packet: bytes, mtu: int) -> bytes:
    """What a router says of a packet: the frame for `a`."""
    body = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + packet[:28]
    body = body[:2] + struct.pack(">H", checksum.field(checksum.partial(body))) + body[4:]
    return ip.Route(MAC_B, B4, A4, 1).frame(MAC_A, body)


def test_path_mtu_is_learnt() -> None:
    """RFC 1191: a hop that carries 1,300 bytes and says so."""

    def lose(sent: Sent) -> bool:
        if len(sent.frame) - 14 <= 1300:
            return False
        pair.simulator.after(MS, pair.a.receive, too_big(sent.frame[14:], 1300))
        return True

    pair = MachinePair(lose=lose)
    source, sink = pair.transfer(100 * MSS)
    assert sink.got == 100 * MSS
    assert source.events[-1] == "ended"
    lost = [sent for sent in pair.sent if sent.lost]
    assert max(len(sent.frame) - 14 for sent in pair.data("a") if sent.ns > lost[-1].ns) == 1300
    # It did not take a timeout, nor did it count as congestion.
    assert again(pair)[0].ns - lost[0].ns < 2 * MS
    assert pair.a.mtu_to(B4) == 1300


def test_black_hole_is_given_up() -> None:
    """The same without a word: no progress, and an end."""
    pair = MachinePair(TCPOptions(retries=5), lose=lambda sent: len(sent.frame) - 14 > 1300)
    source, sink = pair.transfer(100 * MSS)
    assert sink.got == 0
    assert source.events == ["connected", "failed"]


# Goodput under random loss. The bound of Mathis et al. (1997): MSS/RTT * sqrt(3/2)/sqrt(p) with an acknowledgement for
# each segment, sqrt(3/4) with one for every second; timeouts make it less (Padhye et al., 1998).

RTT_NS = 40 * MS


def goodput_bps(loss: float, sack: bool, seed: int) -> float:
    """Of the second half of a transfer, so without the first slow start."""
    size = round(MSS * 60 / loss)
    stream = random.Random(seed)
    pair = MachinePair(
        TCPOptions(sack=sack, receive_buffer=1 << 20),
        delay_ns=RTT_NS // 2,
        bandwidth_bps=1_000_000_000,
        lose=lambda sent: sent.info is not None and sent.info.length > 0 and stream.random() < loss,
    )
    source, sink = pair.transfer(size)
    assert sink.got == size
    assert source.events[-1] == sink.events[-1] == "ended"
    news = [sent for sent in pair.data("a") if sent.info is not None and not sent.info.retransmission]
    half = len(news) // 2
    return (len(news) - half) * MSS * 8 * SECOND / (news[-1].ns - news[half].ns)


@pytest.mark.parametrize("sack", [True, False])
@pytest.mark.parametrize("loss", [0.003, 0.01, 0.03])
def test_goodput_under_loss(loss: float, sack: bool) -> None:
    runs = sorted(goodput_bps(loss, sack, seed) for seed in range(3))
    bound = MSS * 8 * SECOND / RTT_NS * math.sqrt(1.5 / loss)
    assert 0.4 * bound < runs[1] < 1.05 * bound


@pytest.mark.parametrize("loss", [0.05, 0.2, 0.3])
def test_nothing_gets_stuck(loss: float) -> None:
    """However bad the network (in both directions), a connection ends: done, or given up after its retries."""
    for seed in range(8):
        stream = random.Random(seed)
        pair = MachinePair(lose=lambda sent, stream=stream: sent.info is not None and stream.random() < loss)
        source, sink = pair.transfer(60_000, until_ns=3600 * SECOND)
        assert source.events[-1] in ("ended", "failed")
        if source.events[-1] == "ended":
            assert sink.got == 60_000
        if loss < 0.1:
            assert source.events[-1] == "ended"
