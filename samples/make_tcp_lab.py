"""tcp-lab.pcap: every way in which TCP goes wrong (or only looks so), one connection each, with nanoseconds.

The server port says which; `CASES` below lists them, README.md says what is true about each. All are tenant
5001's, from 10.0.0.1 to 10.0.0.2, half a second apart, with a round-trip time of 1 ms; times between packets
matter.
"""

from collections.abc import Callable

import build
from build import ACK, FIN, PSH, RST, SYN
from capture_file import destination, pcap
from conversation import Tcp
from overlay import MS, SECOND, US, Host, Overlay, Vm

EPOCH = 1_710_000_000 * SECOND + 7
CLIENT = Vm("10.0.0.1", "00:15:5d:01:00:01", Host("192.168.50.1", "00:15:5d:00:50:01"))
SERVER = Vm("10.0.0.2", "00:15:5d:01:00:02", Host("192.168.50.2", "00:15:5d:00:50:02"))
RTT = 1 * MS


def data(tcp: Tcp, count: int) -> bytes:
    """`count` segments' worth of payload."""
    return build.noise(f"lab {tcp.ports}", count * (tcp.mss - 12))


def segments(tcp: Tcp, count: int) -> list[tuple[int, bytes]]:
    """(sequence number, payload) of the client's next `count` segments, which are then counted as sent."""
    size, payload, first = tcp.mss - 12, data(tcp, count), tcp.seq[CLIENT]
    tcp.seq[CLIENT] += len(payload)
    return [(first + i * size, payload[i * size : (i + 1) * size]) for i in range(count)]


def clean(tcp: Tcp) -> None:
    tcp.open().send(CLIENT, data(tcp, 6)).send(SERVER, data(tcp, 6)).close(CLIENT)


def fast_retransmission(tcp: Tcp) -> None:
    tcp.open().send_with_loss(CLIENT, data(tcp, 6)).close(CLIENT)


def timeout_retransmission(tcp: Tcp) -> None:
    tcp.open().send(CLIENT, data(tcp, 2))
    ((seq, payload),) = segments(tcp, 1)
    for wait in (210 * MS, 420 * MS, 0):
        tcp.segment(CLIENT, PSH | ACK, payload, seq=seq)
        tcp.wait(wait)
    tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


def lost_before_capture(tcp: Tcp) -> None:
    """The capture never sees the first copy of a segment; the second fills the gap much later than 3 ms."""
    tcp.open().send(CLIENT, data(tcp, 2))
    (hole, lost), *rest = segments(tcp, 4)
    for index, (seq, payload) in enumerate(rest):
        tcp.segment(CLIENT, ACK, payload, seq=seq)
        sack = (rest[0][0], rest[0][0] + (index + 1) * len(lost))
        tcp.acknowledge(SERVER, ack=hole, sack=sack)
        tcp.wait(12 * US)
    tcp.wait(20 * MS).segment(CLIENT, PSH | ACK, lost, seq=hole)
    tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


def swapped(tcp: Tcp) -> None:
    tcp.open().send_swapped(CLIENT, data(tcp, 6)).close(CLIENT)


def captured_twice(tcp: Tcp) -> None:
    """A mirror copies a data segment and an ACK: the very same packets, IP-ID and all, 40 µs later."""
    tcp.open()
    for payload in (data(tcp, 1), b""):
        tcp.segment(CLIENT, PSH | ACK, payload)
        *_, (at_ns, src, dst, vsid, frame, _) = tcp.overlay.events
        tcp.overlay.send(at_ns + 40 * US, src, dst, vsid, frame)
        tcp.wait(100 * US).acknowledge(SERVER)
        tcp.wait(2 * RTT)
    tcp.close(CLIENT)


def never_arrived(tcp: Tcp) -> None:
    """A hole that is neither filled nor acknowledged: the connection stalls and is reset."""
    tcp.open().send(CLIENT, data(tcp, 2))
    (hole, _), *rest = segments(tcp, 3)
    for seq, payload in rest:
        tcp.segment(CLIENT, ACK, payload, seq=seq)
        tcp.acknowledge(SERVER, ack=hole)
        tcp.wait(12 * US)
    tcp.wait(50 * MS).segment(SERVER, RST | ACK, ack=hole, window=0)


def acked_unseen(tcp: Tcp) -> None:
    """The capture drops two segments that the server did get, as its ACKs show."""
    tcp.open().send(CLIENT, data(tcp, 2))
    for index, (seq, payload) in enumerate(segments(tcp, 6)):
        tcp.segment(CLIENT, ACK, payload, seq=seq, captured=index not in (1, 2))
        tcp.acknowledge(SERVER, ack=seq + len(payload))
        tcp.wait(12 * US)
    tcp.wait(2 * RTT).close(CLIENT)


def keep_alive(tcp: Tcp) -> None:
    """With no byte (as Linux does) and with one byte (as others do) before the next expected one."""
    tcp.open().send(CLIENT, data(tcp, 1))
    for payload in (b"", b"", data(tcp, 1)[-1:]):
        tcp.wait(300 * MS).segment(CLIENT, ACK, payload, seq=tcp.seq[CLIENT] - 1)
        tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


def zero_window(tcp: Tcp) -> None:
    tcp.open().send_against_zero_window(CLIENT, data(tcp, 4)).send(CLIENT, data(tcp, 2)).close(CLIENT)


def zero_window_probe(tcp: Tcp) -> None:
    """Probes with one new byte, which the server does not take until its window opens."""
    tcp.open().send(CLIENT, data(tcp, 4))
    tcp.segment(SERVER, ACK, window=0)
    payload = data(tcp, 1)
    for wait in (200 * MS, 400 * MS):
        tcp.wait(wait).segment(CLIENT, ACK, payload[:1], seq=tcp.seq[CLIENT])
        tcp.acknowledge(SERVER, window=0)
    tcp.wait(100 * MS).segment(SERVER, ACK)
    tcp.wait(tcp.NEAR_NS).send(CLIENT, payload).close(CLIENT)


def repacketised(tcp: Tcp) -> None:
    """Two lost segments come again as one that begins inside the first and ends with the second."""
    tcp.open()
    (seq, first), (_, second) = segments(tcp, 2)
    first, second = first[:600], second[:600]
    tcp.seq[CLIENT] = seq + 1200
    tcp.segment(CLIENT, ACK, first, seq=seq)
    tcp.wait(12 * US).segment(CLIENT, PSH | ACK, second, seq=seq + 600)
    tcp.wait(220 * MS).segment(CLIENT, PSH | ACK, (first + second)[300:], seq=seq + 300)
    tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


def wrapped(tcp: Tcp) -> None:
    """Sequence numbers pass 2^32 in mid-transfer, and a segment on either side of it is sent again."""
    tcp.seq[CLIENT] = 0xFFFFFFFF - 3 * (tcp.mss - 12)
    tcp.open().send(CLIENT, data(tcp, 2))
    pair = segments(tcp, 3)
    for seq, payload in pair:
        tcp.segment(CLIENT, ACK, payload, seq=seq)
        tcp.wait(12 * US)
    tcp.wait(220 * MS)
    for seq, payload in pair[:2]:
        tcp.segment(CLIENT, ACK, payload, seq=seq)
        tcp.wait(12 * US)
    tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


def handshake_retransmitted(tcp: Tcp) -> None:
    tcp.segment(CLIENT, SYN, seq=tcp.seq[CLIENT])
    tcp.wait(100 * MS).segment(CLIENT, SYN)
    tcp.wait(RTT).segment(SERVER, SYN | ACK, seq=tcp.seq[SERVER])
    tcp.wait(100 * MS).segment(SERVER, SYN | ACK)
    tcp.wait(tcp.NEAR_NS).segment(CLIENT, ACK)
    tcp.send(CLIENT, data(tcp, 1)).close(CLIENT)


def refused(tcp: Tcp) -> None:
    tcp.segment(CLIENT, SYN)
    tcp.wait(RTT).reset(SERVER)


def unanswered(tcp: Tcp) -> None:
    for _ in range(3):
        tcp.segment(CLIENT, SYN, seq=tcp.seq[CLIENT])
        tcp.wait(120 * MS)


def midstream(tcp: Tcp) -> None:
    """The capture began after the handshake, in the middle of what the server sends."""
    tcp.send(SERVER, data(tcp, 4)).send(CLIENT, data(tcp, 1)).close(SERVER)


def ports_reused(tcp: Tcp) -> None:
    """Three connections with one pair of ports: the second after a full close, the third after a reset."""
    ports = (50000, tcp.ports[SERVER])
    tcp.open().send(CLIENT, data(tcp, 1)).close(CLIENT)
    again = Tcp(tcp.overlay, 5001, CLIENT, SERVER, ports, tcp.now + 50 * MS, rtt_ns=RTT).open()
    again.send(CLIENT, data(tcp, 2)).reset(SERVER)
    last = Tcp(tcp.overlay, 5001, CLIENT, SERVER, ports, again.now + 50 * MS, rtt_ns=RTT).open()
    last.send(SERVER, data(tcp, 2)).close(SERVER)


def simultaneous_close(tcp: Tcp) -> None:
    tcp.open().send(CLIENT, data(tcp, 1))
    fin = {side: tcp.seq[side] for side in (CLIENT, SERVER)}
    for side, late in ((CLIENT, 0), (SERVER, 30 * US)):
        tcp.segment(side, FIN | ACK, seq=fin[side], at_ns=tcp.now + late)
    for side in (CLIENT, SERVER):
        tcp.seq[side] += 1
        tcp.segment(side, ACK, ack=fin[tcp.peer(side)] + 1, seq=fin[side] + 1, at_ns=tcp.now + RTT)


def wide_gaps(tcp: Tcp) -> None:
    """Every second one of 160 small segments is missing, then they come in reverse: 80 gaps at once."""
    tcp.open()
    first, size = tcp.seq[CLIENT], 100
    payload = build.noise("gaps", 160 * size)
    for index in (*range(1, 160, 2), *range(158, -1, -2)):
        tcp.segment(CLIENT, ACK, payload[index * size : (index + 1) * size], seq=first + index * size)
        tcp.wait(5 * US)
    tcp.seq[CLIENT] += len(payload)
    tcp.acknowledge(SERVER)
    tcp.wait(2 * RTT).close(CLIENT)


#: Server port -> what happens there.
CASES: dict[int, Callable[[Tcp], None]] = {
    6001: clean,
    6002: fast_retransmission,
    6003: timeout_retransmission,
    6004: lost_before_capture,
    6005: swapped,
    6006: captured_twice,
    6007: never_arrived,
    6008: acked_unseen,
    6009: keep_alive,
    6010: zero_window,
    6011: zero_window_probe,
    6012: repacketised,
    6013: wrapped,
    6014: handshake_retransmitted,
    6015: refused,
    6016: unanswered,
    6017: midstream,
    6018: ports_reused,
    6019: simultaneous_close,
    6020: wide_gaps,
}


def main() -> None:
    overlay = Overlay(EPOCH)
    for index, (port, case) in enumerate(CASES.items()):
        case(Tcp(overlay, 5001, CLIENT, SERVER, (50000, port), index * SECOND // 2, rtt_ns=RTT))
    destination("tcp-lab.pcap").write_bytes(pcap(overlay.packets(), nanoseconds=True))


if __name__ == "__main__":
    main()
