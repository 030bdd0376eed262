"""Handshake, acknowledgements, windows and the end of TCP connections, as they show on the wire."""

from __future__ import annotations

import itertools

import dpkt
import pytest

from nvgre_inspect.traffic.scenario import TCPOptions
from nvgre_inspect.traffic.stack.tcp_connection import Connection, State
from nvgre_inspect.traffic.stack.tcp_wire import ACK, FIN, PSH, RST, SYN
from tests.builders.machine_pair import B4, B6, MS, MTU, SECOND, US, MachinePair, Peer, Sent, Sink, Source

MSS = MTU - 40


class NeverReads(Sink):
    """What comes stays in the buffer until the test takes it."""

    def connected(self, connection: Connection) -> None:
        super().connected(connection)
        connection.keeps_unread = True


def flags(sent: list[Sent]) -> list[tuple[str, int]]:
    return [(segment.sender, segment.tcp.flags) for segment in sent if segment.info is not None]


def test_handshake_data_and_teardown() -> None:
    pair = MachinePair()
    source, sink = pair.transfer(100)
    assert flags(pair.sent) == [
        ("a", SYN),
        ("b", SYN | ACK),
        ("a", ACK),
        ("a", ACK | PSH | FIN),
        ("b", ACK | FIN),
        ("a", ACK),
    ]
    assert (source.events, sink.events) == (["connected", "finished", "ended"], ["connected", "finished", "ended"])
    assert sink.got == 100


def test_every_checksum_and_length_is_right() -> None:
    pair = MachinePair(lose=lambda sent: len(pair.sent) == 12)
    pair.transfer(50_001)
    for sent in pair.sent:
        if sent.info is not None:
            packet = sent.ip
            assert packet.len == len(sent.frame) - 14 <= MTU
            before = (packet.sum, packet.data.sum)
            packet.sum = packet.data.sum = 0
            bytes(packet)
            assert (packet.sum, packet.data.sum) == before


def test_identifications_are_never_zero_and_never_repeat_nearby() -> None:
    pair = MachinePair()
    pair.transfer(200_000)
    idents = [sent.ip.id for sent in pair.segments("a")]
    assert 0 not in idents
    assert len(set(idents)) == len(idents)


def test_what_a_sender_knows_of_its_segments() -> None:
    pair = MachinePair(lose=lambda sent: len(pair.sent) == 20)
    pair.transfer(100_000)
    for sender, client in (("a", True), ("b", False)):
        for sent in pair.segments(sender):
            assert sent.info is not None
            assert (sent.info.connection, sent.info.from_client) == (1, client)
            assert (sent.info.seq, sent.info.length) == (sent.tcp.seq, len(sent.tcp.data))
    seen: set[int] = set()
    for sent in pair.data("a"):
        assert sent.info is not None
        assert sent.info.retransmission == (sent.info.seq in seen)
        seen.add(sent.info.seq)


def test_by_ipv6() -> None:
    pair = MachinePair()
    source, sink = Source(50_000), Sink()
    pair.b.tcp.listen(80, lambda connection: sink)
    pair.a.tcp.connect(B6, 80, source, dscp=10)
    pair.run(SECOND)
    assert sink.got == 50_000
    segments = pair.segments("a")
    assert {sent.ip.fc >> 2 for sent in segments} == {10}
    assert max(len(sent.frame) for sent in segments) == MTU + 14
    for sent in segments:
        packet = sent.ip
        before = packet.data.sum
        packet.data.sum = 0
        bytes(packet)
        assert packet.data.sum == before


def test_refused() -> None:
    pair, peer = MachinePair(), Peer()
    pair.a.tcp.connect(B4, 81, peer)
    pair.run(SECOND)
    assert peer.events == ["failed"]
    assert flags(pair.sent) == [("a", SYN), ("b", RST | ACK)]
    refusal = pair.segments("b")[0]
    assert refusal.tcp.ack == pair.segments("a")[0].tcp.seq + 1
    assert refusal.info is not None
    assert (refusal.info.connection, refusal.info.from_client) == (1, False)


@pytest.mark.parametrize("flag", [SYN, SYN | ACK, ACK])
def test_lost_part_of_the_handshake(flag: int) -> None:
    lost: list[Sent] = []

    def lose(sent: Sent) -> bool:
        if sent.info is None or sent.tcp.flags != flag or lost:
            return False
        lost.append(sent)
        return True

    pair = MachinePair(lose=lose)
    source, sink = pair.transfer(1000)
    assert sink.got == 1000
    assert source.events[-1] == sink.events[-1] == "ended"
    if flag & SYN:
        again = next(
            sent for sent in pair.sent if sent.info is not None and sent.info.retransmission and sent.tcp.flags == flag
        )
        assert (again.ns - lost[0].ns, again.tcp.seq) == (SECOND, lost[0].tcp.seq)


def test_nobody_answers() -> None:
    pair, peer = (
        MachinePair(TCPOptions(retries=3), lose=lambda sent: sent.sender == "b" and sent.info is not None),
        Peer(),
    )
    pair.b.tcp.listen(80, lambda connection: Peer())
    pair.a.tcp.connect(B4, 80, peer)
    pair.run(60 * SECOND)
    assert peer.events == ["failed"]
    first, *again = pair.segments("a")
    assert [(sent.ns - first.ns) // SECOND for sent in again] == [1, 3, 7]


@pytest.mark.parametrize("wait_ms", [10, 40, 200])
def test_delayed_acknowledgement(wait_ms: int) -> None:
    pair, peer = MachinePair(TCPOptions(delayed_ack_ns=wait_ms * MS)), Peer()
    pair.b.tcp.listen(80, lambda connection: Sink())
    connection = pair.a.tcp.connect(B4, 80, peer)
    pair.run(10 * MS)
    connection.write(100)
    pair.run(SECOND)
    data, answer = pair.data("a")[0], pair.segments("b")[-1]
    arrived = data.ns + len(data.frame) * 80 + 500 * US
    assert answer.ns - arrived == wait_ms * MS


def test_second_full_segment_is_acknowledged_at_once() -> None:
    pair = MachinePair()
    pair.transfer(10 * MSS)
    assert [sent.tcp.flags for sent in pair.segments("b")] == [SYN | ACK, ACK, ACK, ACK, ACK, ACK | FIN]


def test_initial_window() -> None:
    pair = MachinePair(delay_ns=50 * MS)
    pair.transfer(100_000)
    data = pair.data("a")
    assert data[9].ns == data[0].ns < data[10].ns


def test_slow_start_grows_by_half_with_delayed_acknowledgements() -> None:
    pair = MachinePair(delay_ns=50 * MS, bandwidth_bps=10_000_000_000)
    pair.transfer(300_000)
    start = pair.data("a")[0].ns
    rounds = [0] * 6
    for sent in pair.data("a"):
        rounds[min((sent.ns - start) // (90 * MS), 5)] += 1
    # Byte counting with L = 2 (RFC 3465) doubles all the same.
    assert rounds[:4] == [10, 20, 40, 80]


@pytest.mark.parametrize("scaling", [True, False])
def test_window_scaling(scaling: bool) -> None:
    pair = MachinePair(TCPOptions(window_scaling=scaling, receive_buffer=1 << 20), delay_ns=20 * MS)
    pair.transfer(3_000_000)
    acknowledged, most = 0, 0
    first = pair.segments("a")[0].tcp.seq + 1
    events = sorted([*pair.data("a"), *pair.segments("b")], key=lambda sent: sent.ns)
    for sent in events:
        if sent.sender == "b" and sent.tcp.flags & ACK:
            acknowledged = (sent.tcp.ack - first) % (1 << 32)
        elif sent.sender == "a":
            most = max(most, (sent.tcp.seq - first) % (1 << 32) + len(sent.tcp.data) - acknowledged)
    assert (most > 0xFFFF) == scaling
    syn = dpkt.tcp.parse_opts(pair.segments("a")[0].tcp.opts)
    assert (dpkt.tcp.TCP_OPT_WSCALE in dict(syn)) == scaling


def test_closed_window_is_probed_with_one_byte_and_opens() -> None:
    pair = MachinePair(TCPOptions(receive_buffer=20_000))
    sink = NeverReads()
    pair.b.tcp.listen(80, lambda connection: sink)
    pair.a.tcp.connect(B4, 80, Source(50_000))
    pair.run(3 * SECOND)
    assert sink.connection is not None
    probes = [sent for sent in pair.segments("a") if sent.info is not None and sent.info.probe]
    gaps = [(after.ns - before.ns) // MS for before, after in itertools.pairwise(probes)]
    assert gaps[:3] == [400, 800]
    assert {sent.info.length for sent in probes if sent.info is not None} == {1}
    assert {sent.tcp.seq for sent in probes} == {probes[0].tcp.seq}
    answers = [sent for sent in pair.segments("b") if sent.ns > probes[0].ns]
    assert {sent.tcp.win for sent in answers} == {0}
    sink.connection.keeps_unread = False
    sink.connection.read(sink.got)
    pair.run(6 * SECOND)
    assert sink.got == 50_000
    assert sink.events[-1] == "ended"


def test_lost_window_update_does_not_stop_it() -> None:
    updates: list[Sent] = []

    def lose(sent: Sent) -> bool:
        if sent.sender == "b" and reading and sent.info is not None and not updates:
            updates.append(sent)
            return True
        return False

    reading: list[bool] = []
    pair = MachinePair(TCPOptions(receive_buffer=20_000), lose=lose)
    sink = NeverReads()
    pair.b.tcp.listen(80, lambda connection: sink)
    pair.a.tcp.connect(B4, 80, Source(50_000))
    pair.run(100 * MS)
    assert sink.connection is not None
    reading.append(True)
    sink.connection.keeps_unread = False
    sink.connection.read(sink.got)
    pair.run(10 * SECOND)
    assert updates
    assert sink.got == 50_000


def test_reset_by_the_application() -> None:
    pair = MachinePair()
    peer, sink = Peer(), Sink()
    pair.b.tcp.listen(80, lambda connection: sink)
    connection = pair.a.tcp.connect(B4, 80, peer)
    pair.run(10 * MS)
    connection.write(100)
    pair.run(100 * MS)
    connection.abort()
    pair.run(SECOND)
    assert sink.events == ["connected", "failed"]
    assert connection.state is State.CLOSED
    assert pair.segments("a")[-1].tcp.flags == RST | ACK


def test_reset_elsewhere_in_the_window_is_asked_about() -> None:
    """RFC 5961 section 3.2."""

    def change(sent: Sent) -> bytes:
        if sent.info is None or not sent.tcp.flags & RST:
            return sent.frame
        packet = dpkt.ethernet.Ethernet(sent.frame)
        packet.data.data.seq += 1
        packet.data.sum = packet.data.data.sum = 0
        return bytes(packet)

    pair = MachinePair(change=change)
    peer, sink = Peer(), Sink()
    pair.b.tcp.listen(80, lambda connection: sink)
    connection = pair.a.tcp.connect(B4, 80, peer)
    pair.run(10 * MS)
    connection.abort()
    pair.simulator.run(11 * MS)
    assert sink.events == ["connected"]
    assert pair.segments("b")[-1].tcp.flags == ACK


def test_simultaneous_close() -> None:
    pair = MachinePair()
    peer, other = Peer(), Peer()
    pair.b.tcp.listen(80, lambda connection: other)
    connection = pair.a.tcp.connect(B4, 80, peer)
    pair.run(10 * MS)
    assert other.connection is not None
    connection.close()
    other.connection.close()
    pair.run(SECOND)
    assert peer.events == other.events == ["connected", "finished", "ended"]
    assert connection.state is other.connection.state is State.TIME_WAIT


def test_lost_last_acknowledgement_is_answered_in_time_wait() -> None:
    fins: list[Sent] = []

    def lose(sent: Sent) -> bool:
        if sent.sender == "b" and sent.info is not None and sent.tcp.flags & FIN:
            fins.append(sent)
        return sent.sender == "a" and len(fins) == 1

    pair = MachinePair(lose=lose)
    _, sink = pair.transfer(100)
    assert len(fins) == 2
    assert sink.events[-1] == "ended"


def test_half_closed() -> None:
    """A server that answers after the client's FIN."""
    pair = MachinePair()

    class Late(Peer):
        def finished(self, connection: object) -> None:
            assert self.connection is not None
            pair.simulator.after(50 * MS, self.connection.write, 10_000)
            pair.simulator.after(60 * MS, self.connection.close)

    late, source = Late(), Source(100)
    pair.b.tcp.listen(80, lambda connection: late)
    pair.a.tcp.connect(B4, 80, source)
    pair.run(SECOND)
    assert source.got == 10_000
    assert source.events == ["connected", "finished", "ended"]


def test_wrong_checksum_is_as_good_as_lost() -> None:
    broken: list[Sent] = []

    def change(sent: Sent) -> bytes:
        if sent.info is not None and sent.info.length and not broken:
            broken.append(sent)
            return sent.frame[:-1] + b"\0"
        return sent.frame

    pair = MachinePair(change=change)
    _, sink = pair.transfer(100_000)
    assert sink.got == 100_000
    assert sum(sent.info.retransmission for sent in pair.data("a") if sent.info is not None) == 1


def test_same_run_same_bytes() -> None:
    def run() -> list[tuple[int, bytes]]:
        pair = MachinePair(lose=lambda sent: len(pair.sent) % 37 == 0)
        pair.transfer(300_000)
        return [(sent.ns, sent.frame) for sent in pair.sent]

    assert run() == run()
