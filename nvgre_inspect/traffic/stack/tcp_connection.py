"""One end of a TCP connection: handshake, what goes to sender, receiver and application, teardown (RFC 9293).

What RFC 9293 calls states between ESTABLISHED and the end follows from which FINs were sent, acknowledged and received;
they are no states of their own here. TIME-WAIT lasts a minute, as with Linux. A RST is believed at exactly the next
sequence number (RFC 5961 section 3).

Limits: no simultaneous open, no urgent data, no keep-alives, no time stamps.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from nvgre_inspect.traffic import packet
from nvgre_inspect.traffic.stack import ip, tcp_wire
from nvgre_inspect.traffic.stack.tcp_receiver import Receiver
from nvgre_inspect.traffic.stack.tcp_rtt import INITIAL_NS, MOST_NS
from nvgre_inspect.traffic.stack.tcp_sender import Sender
from nvgre_inspect.traffic.stack.tcp_wire import ACK, CWR, ECE, FIN, PSH, RST, SYN
from nvgre_inspect.traffic.stack.timer import Timer

if TYPE_CHECKING:
    from nvgre_inspect.traffic.stack.tcp import TCP

_TIME_WAIT_NS = 60_000_000_000
_HALF, _WHOLE = 1 << 31, 1 << 32


class Application:
    """Who uses a connection; each method is called when that happens."""

    def connected(self, connection: Connection) -> None:
        """The handshake is done."""

    def received(self, connection: Connection, size: int) -> None:
        """So many bytes came, in order; they are read already unless `Connection.keeps_unread`."""

    def finished(self, connection: Connection) -> None:
        """The peer sends nothing more."""

    def ended(self, connection: Connection, failed: bool) -> None:
        """The connection is over; `failed`: reset, refused or given up."""


class State(Enum):
    """Where a connection is."""

    SYN_SENT = auto()
    SYN_RECEIVED = auto()
    OPEN = auto()
    TIME_WAIT = auto()
    CLOSED = auto()


class Connection:
    """One end; made by `TCP.connect` and `TCP.listen`."""

    def __init__(
        self, tcp: TCP, route: ip.Route, ports: tuple[int, int], application: Application, *, number: int, client: bool
    ) -> None:
        self._tcp = tcp
        self._route = route
        self.ports = ports
        self.application = application
        #: As both ends know it.
        self.number = number
        self.client = client
        self.state = State.SYN_SENT if client else State.SYN_RECEIVED
        options = tcp.options
        self._scale = _scale_for(options.receive_buffer) if options.window_scaling else None
        self._peer_scale = 0
        self._iss = tcp.random.getrandbits(32)
        self._irs = 0
        self.sender = Sender(tcp.simulator, options, self._transmit, self._give_up)
        self._receiver = Receiver(
            options.receive_buffer if self._scale is not None else min(options.receive_buffer, 0xFFFF), self._scale or 0
        )
        self._ack_timer = Timer(tcp.simulator, self._acknowledge)
        self._handshake = Timer(tcp.simulator, self._repeat_handshake)
        self._attempts = 0
        self._opened_ns = tcp.simulator.now_ns
        self._fin_first = False
        self._busy = False
        #: The application reads by `read`; until then what came counts against the window.
        self.keeps_unread = False
        # Agreed upon in the handshake.
        self._mss = 0
        self._sack = False
        self._ecn = False
        self._congestion_seen = False

    # --- for applications -----------------------------------------------------------------------------------
    @property
    def peer(self) -> tuple[bytes, int]:
        """Address and port of the other end."""
        return self._route.dst, self.ports[1]

    @property
    def alive(self) -> bool:
        """Whether anything may still be sent."""
        return self.state in (State.SYN_SENT, State.SYN_RECEIVED, State.OPEN)

    def write(self, size: int) -> None:
        """Send so many bytes more. Nothing after `close`."""
        if self.sender.closing or not self.alive:
            return
        self.sender.end += size
        self._push()

    def close(self) -> None:
        """Send nothing more; the other direction stays open until the peer closes it."""
        if self.sender.closing or not self.alive:
            return
        self.sender.closing = True
        self._fin_first = not self._receiver.finished
        self._push()

    def abort(self) -> None:
        """End it with a RST."""
        if self.state is State.OPEN:
            self._send(RST | ACK, self.sender.next)
        self._end(failed=False)

    def read(self, size: int) -> None:
        """The application takes so many of the bytes that came."""
        if self._receiver.read(size) and self.state is State.OPEN:
            self._acknowledge()

    def _push(self) -> None:
        if self.state is State.OPEN and not self._busy:
            self.sender.push()

    # --- handshake ------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Send the SYN."""
        self._repeat_handshake()

    def opened_by(self, syn: tcp_wire.Segment) -> None:
        """A SYN came for a port on which somebody listens: answer it."""
        self._irs = syn.seq
        self._negotiate(syn)
        self._ecn = self._tcp.options.ecn and syn.flags & (ECE | CWR) == ECE | CWR
        self._repeat_handshake()

    def _negotiate(self, syn: tcp_wire.Segment) -> None:
        said = syn.options
        if said.scale is None:
            self._scale = None
            self._receiver = Receiver(min(self._tcp.options.receive_buffer, 0xFFFF), 0)
        self._peer_scale = said.scale or 0 if self._scale is not None else 0
        peer = said.mss or tcp_wire.DEFAULT_MSS[len(self._route.dst)]
        self._mss = min(peer, self._tcp.mss(self._route))
        self._sack = said.sack and self._tcp.options.sack
        self._receiver.mss = min(self._tcp.mss(self._route), peer)

    def _repeat_handshake(self) -> None:
        if self._attempts > self._tcp.options.retries:
            self._end(failed=True)
            return
        again = self._attempts > 0
        self._attempts += 1
        options = self._tcp.options
        if self.client:
            said = tcp_wire.syn_options(
                self._tcp.mss(self._route, of_path=False),
                _scale_for(options.receive_buffer) if options.window_scaling else None,
                options.sack,
            )
            flags = SYN | (ECE | CWR if options.ecn else 0)
        else:
            said = tcp_wire.syn_options(self._tcp.mss(self._route, of_path=False), self._scale, self._sack)
            flags = SYN | ACK | (ECE if self._ecn else 0)
        window = min(options.receive_buffer, 0xFFFF)
        body = tcp_wire.emit(
            self._route.pseudo, self.ports, self._iss, 0 if self.client else self._irs + 1, flags, window, said
        )
        info = packet.Segment(self.number, self.client, self._iss, 0, again)
        self._handshake.start(min(INITIAL_NS << (self._attempts - 1), MOST_NS))
        self._tcp.output(self._route, body, info)

    def _establish(self, window: int) -> None:
        self._handshake.stop()
        self.state = State.OPEN
        if self._attempts == 1:
            self.sender.rtt.measured(self._tcp.simulator.now_ns - self._opened_ns)
        else:
            self.sender.rtt.handshake_repeated()
        self.sender.start(window, self._mss, self._sack)

    # --- what comes -----------------------------------------------------------------------------------------
    def receive(self, segment: tcp_wire.Segment, datagram: ip.Datagram) -> None:
        """A segment for this connection came; its checksum is not looked at yet."""
        start = self._place(segment.seq)
        if not tcp_wire.sound(self._route.pseudo + len(datagram.body), segment, start - 1):
            return
        if self.state is State.SYN_SENT:
            self._answered(segment)
        elif segment.flags & RST:
            self._reset(start)
        elif segment.flags & SYN:
            if self.state is State.SYN_RECEIVED and segment.seq == self._irs:
                self._repeat_handshake()
            else:
                self._acknowledge()
        elif segment.flags & ACK:
            self._came(segment, start, datagram.tos & ip.ECN_MASK == ip.CE)

    def _place(self, seq: int) -> int:
        """The offset of a sequence number in the peer's stream, near what is expected."""
        expected = self._receiver.next
        return expected + ((seq - self._irs - expected + _HALF) % _WHOLE - _HALF)

    def _answered(self, segment: tcp_wire.Segment) -> None:
        if not segment.flags & ACK or segment.ack != (self._iss + 1) % _WHOLE:
            return
        if segment.flags & RST:
            self._end(failed=True)
        elif segment.flags & SYN:
            self._irs = segment.seq
            self._negotiate(segment)
            self._ecn = self._tcp.options.ecn and segment.flags & (ECE | CWR) == ECE
            self._establish(segment.window)
            self._busy = True
            self.application.connected(self)
            self._busy = False
            self._acknowledge()
            self._push()

    def _reset(self, start: int) -> None:
        if start == self._receiver.acknowledgement:
            self._end(failed=True)
        elif self.state is State.OPEN:
            # RFC 5961 section 3.2: ask whether that is so.
            self._acknowledge()

    def _came(self, segment: tcp_wire.Segment, start: int, congestion: bool) -> None:
        ack = self.sender.next + ((segment.ack - self._iss - self.sender.next + _HALF) % _WHOLE - _HALF)
        window = segment.window << self._peer_scale
        if self.state is State.SYN_RECEIVED:
            if ack < 1:
                return
            self._establish(window)
            self._busy = True
            self.application.connected(self)
        self._busy = True
        size, flags = len(segment.data), segment.flags
        if self._ecn:
            self._congestion_seen = congestion or (self._congestion_seen and not flags & CWR)
            if flags & ECE:
                self.sender.congested()
        blocks = self._blocks(segment) if len(segment.header) > tcp_wire.HEADER_LEN else []
        self.sender.acknowledged(ack, blocks, window, not size and not flags & FIN)
        if size or flags & FIN:
            self._data(start, size, bool(flags & FIN))
        self._busy = False
        if self.state is State.CLOSED:
            return
        self._push()
        if self._receiver.due or (not size and start < self._receiver.next):
            self._acknowledge()
        elif self._receiver.delayed and not self._ack_timer.running:
            self._ack_timer.start(self._tcp.options.delayed_ack_ns)
        self._maybe_over()

    def _blocks(self, segment: tcp_wire.Segment) -> list[tuple[int, int]]:
        una = self.sender.una
        shift = (self._iss + una) % _WHOLE
        places = [
            (una + ((first - shift + _HALF) % _WHOLE - _HALF), una + ((end - shift + _HALF) % _WHOLE - _HALF))
            for first, end in segment.blocks
        ]
        # What came twice (RFC 2883) is below what is acknowledged.
        return [(first, end) for first, end in places if una <= first < end]

    def _data(self, start: int, size: int, fin: bool) -> None:
        was_finished = self._receiver.finished
        came = self._receiver.came(start, start + size, fin)
        if came:
            if not self.keeps_unread:
                self._receiver.read(came)
            self.application.received(self, came)
        if self._receiver.finished and not was_finished:
            self.application.finished(self)

    def too_big(self, mtu: int) -> None:
        """Packets to the peer must be at most `mtu` bytes (RFC 1191, RFC 8201)."""
        if self.state is State.OPEN:
            self.sender.smaller(mtu - self._route.header_len - tcp_wire.HEADER_LEN)

    # --- what goes ------------------------------------------------------------------------------------------
    def _transmit(self, start: int, end: int, again: bool, probe: bool) -> None:
        last = self.sender.end
        size = min(end, last) - start
        flags = ACK
        if end > last and not probe:
            flags |= FIN
        if size and end >= last:
            flags |= PSH
        ecn = 0
        if self._ecn and size and not again and not probe:
            ecn = ip.ECT0
            if self.sender.reduced:
                flags |= CWR
                self.sender.reduced = False
        self._send(flags, start, size, again=again, probe=probe, ecn=ecn)

    def _acknowledge(self) -> None:
        self._send(ACK, self.sender.next)

    def _send(
        self, flags: int, place: int, size: int = 0, *, again: bool = False, probe: bool = False, ecn: int = 0
    ) -> None:
        receiver, options = self._receiver, b""
        if self._sack and (blocks := receiver.blocks()):
            options = tcp_wire.sack_option([(self._irs + first, self._irs + end) for first, end in blocks])
            if size + len(options) > self.sender.mss:
                # Data goes first (RFC 6691).
                options = b""
        if self._congestion_seen:
            flags |= ECE
        seq = (self._iss + place) % _WHOLE
        body = tcp_wire.emit(
            self._route.pseudo,
            self.ports,
            seq,
            self._irs + receiver.acknowledgement,
            flags,
            receiver.window(),
            options,
            place - 1,
            size,
        )
        receiver.acknowledged()
        self._ack_timer.stop()
        self._tcp.output(self._route, body, packet.Segment(self.number, self.client, seq, size, again, probe), ecn)

    # --- the end --------------------------------------------------------------------------------------------
    def _maybe_over(self) -> None:
        if self.state is not State.OPEN or not (self.sender.finished and self._receiver.finished):
            return
        if not self._fin_first:
            self._end(failed=False)
            return
        self._stop()
        self.state = State.TIME_WAIT
        self._tcp.simulator.after(_TIME_WAIT_NS, self._tcp.forget, self)
        self.application.ended(self, failed=False)

    def _give_up(self) -> None:
        self._end(failed=True)

    def _end(self, *, failed: bool) -> None:
        if self.state is State.CLOSED:
            return
        waited = self.state is State.TIME_WAIT
        self._stop()
        self.state = State.CLOSED
        self._tcp.forget(self)
        if not waited:
            self.application.ended(self, failed)

    def _stop(self) -> None:
        self.sender.stop()
        self._ack_timer.stop()
        self._handshake.stop()


def _scale_for(buffer: int) -> int:
    """The least shift with which the window field can say `buffer` (RFC 7323 section 2.3)."""
    return max(0, buffer.bit_length() - 16)
