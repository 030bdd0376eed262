"""The sending half of a TCP connection: what is sent when, and what is sent again.

Slow start and congestion avoidance as RFC 5681 with byte counting (RFC 3465, L = 2) and an initial window of ten
segments (RFC 6928); loss recovery with SACK as RFC 6675, without it as NewReno (RFC 6582), where each duplicate
acknowledgement stands for one segment that has left the network; limited transmit (RFC 3042) follows from both.
Timeouts as RFC 6298, zero-window probes of one byte as RFC 9293 section 3.8.6.1, ECN as RFC 3168.

Places are offsets in this direction's stream: the SYN is 0, the first byte of data 1, the FIN follows the last byte.
Nothing is stored but places, since payload can be made again.

Limits: Nagle's algorithm is off, as programs that care have it; losses of what was sent again are found by timeout only
(as in RFC 6675), and spurious timeouts are not undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from nvgre_inspect.traffic.scenario import TCPOptions
from nvgre_inspect.traffic.simulator import Simulator
from nvgre_inspect.traffic.stack.tcp_rtt import MOST_NS, RTT
from nvgre_inspect.traffic.stack.tcp_scoreboard import DUPLICATES, Scoreboard, Sent
from nvgre_inspect.traffic.stack.timer import Timer

#: Sends the bytes from one place to another: (start, end, sent before, is a zero-window probe).
Transmit = Callable[[int, int, bool, bool], object]

#: More would exceed MOST_NS anyway.
_MOST_DOUBLINGS = 10


class Phase(Enum):
    """What the sender is doing about losses."""

    OPEN = auto()
    #: Fast recovery.
    RECOVERY = auto()
    #: After a timeout, until what was sent before it is acknowledged.
    LOSS = auto()


class Sender:
    """State of one direction, from the handshake on."""

    def __init__(
        self, simulator: Simulator, options: TCPOptions, transmit: Transmit, give_up: Callable[[], object]
    ) -> None:
        self._simulator = simulator
        self._options = options
        self._transmit = transmit
        self._give_up = give_up
        self.rtt = RTT(options.min_rto_ns)
        self.board = Scoreboard()
        self._timer = Timer(simulator, self._expired)
        #: Oldest place that is not acknowledged; next new one; behind the highest that may be acknowledged.
        self.una = 0
        self.next = 0
        self._highest = 0
        #: Behind the last byte that the application has written, and whether a FIN follows.
        self.end = 1
        self.closing = False
        #: What the peer's window allows: up to here.
        self._edge = 0
        self.window = 0
        self.mss = 0
        self.sack = False
        self.cwnd = 0
        self.ssthresh = 1 << 30
        self.phase = Phase.OPEN
        self._recover = 0
        self._duplicates = 0
        self._acked = 0
        self._rescued = False
        self._limited = False
        self._timeouts = 0
        self._probes = 0
        self._last_sent_ns = 0
        self._reduced_at = 0
        #: The next segment with new data says that the window was reduced (RFC 3168).
        self.reduced = False

    @property
    def in_flight(self) -> int:
        """Bytes that are sent and not acknowledged."""
        return self.next - self.una

    @property
    def finished(self) -> bool:
        """Whether a FIN was sent and everything is acknowledged."""
        return self.closing and self.una == self.end + 1

    def start(self, window: int, mss: int, sack: bool) -> None:
        """The handshake is done: the SYN, the only thing sent so far, is acknowledged."""
        self.una = self.next = self._highest = self._recover = 1
        self.mss, self.sack = mss, sack
        self.cwnd = self._options.initial_window * mss
        self._last_sent_ns = self._simulator.now_ns
        self.window = window
        self._edge = self.una + window

    def stop(self) -> None:
        """The connection is over."""
        self._timer.stop()

    # --- acknowledgements -----------------------------------------------------------------------------------
    def acknowledged(self, ack: int, blocks: Sequence[tuple[int, int]], window: int, bare: bool) -> None:
        """The peer has everything before `ack` and what is in `blocks`; `bare`: it said nothing else.

        Does not send; `push` does.
        """
        if ack < self.una or ack > self._highest:
            return
        newly = 0
        if blocks and self.sack:
            newly, sent_ns = self.board.sacked(blocks)
            if sent_ns is not None:
                self.rtt.measured(self._simulator.now_ns - sent_ns)
        if ack > self.una:
            self._advanced(ack)
        elif self.board.segments and (newly if self.sack else bare and window == self.window):
            self._duplicates += 1
        # else it is no duplicate (RFC 5681 section 2, RFC 6675 section 2).
        self.window = window
        self._edge = max(self._edge, self.una + window)
        if not self.board.segments:
            # Whoever answers probes is alive.
            self._timeouts = 0
        if newly:
            self.board.find_lost(self.mss)
        if (
            self.phase is Phase.OPEN
            and self.board.segments
            and (self._duplicates >= DUPLICATES or (self.sack and self.board.first.lost))
        ):
            self._recover_fast()

    def _advanced(self, ack: int) -> None:
        acked = ack - self.una
        was_limited = self._limited
        count, sent_ns = self.board.acknowledged(ack)
        self.una = ack
        # A zero-window probe whose byte was taken.
        self.next = max(self.next, ack)
        self._timeouts = 0
        if sent_ns is not None:
            self.rtt.measured(self._simulator.now_ns - sent_ns)
        if self.phase is not Phase.OPEN and ack >= self._recover:
            if self.phase is Phase.RECOVERY and not self.sack:
                # RFC 6582 section 3.2, step 3, option 1: no burst.
                self.cwnd = min(self.ssthresh, max(self.in_flight, self.mss) + self.mss)
            self.phase = Phase.OPEN
            self._duplicates = 0
        elif self.phase is Phase.RECOVERY:
            if not self.sack:
                # A partial acknowledgement: the next hole begins here (RFC 6582 section 3.2, step 3).
                self._duplicates = max(0, self._duplicates - max(count - 1, 0))
                if self.board.segments:
                    self.board.declare_lost(self.board.first)
        else:
            self._duplicates = 0
            if was_limited or self.phase is Phase.LOSS:
                self._grow(acked)
        if self.board.segments:
            self._timer.start(self.rtt.timeout_ns)
        else:
            self._timer.stop()

    def _grow(self, acked: int) -> None:
        if self.cwnd < self.ssthresh:
            # RFC 3465 section 2.3: one segment at a time after a timeout.
            self.cwnd += min(acked, self.mss if self.phase is Phase.LOSS else 2 * self.mss)
            return
        self._acked += acked
        if self._acked >= self.cwnd:
            self._acked -= self.cwnd
            self.cwnd += self.mss

    def congested(self) -> None:
        """The peer saw CE: as if a packet had been lost, at most once a round trip (RFC 3168 section 6.1.2)."""
        if self.una >= self._reduced_at and self.phase is Phase.OPEN:
            self._reduced_at = self.next
            self.ssthresh = self.cwnd = max(self.in_flight // 2, 2 * self.mss)
            self.reduced = True

    def _recover_fast(self) -> None:
        self.phase = Phase.RECOVERY
        self._recover = self.next
        self._rescued = False
        self.ssthresh = self.cwnd = max(self.in_flight // 2, 2 * self.mss)
        self._acked = 0
        self.board.declare_lost(self.board.first)
        # RFC 6675 section 5, step 4.3: this one is sent whatever the pipe says.
        self._resend(self.board.first)

    # --- sending --------------------------------------------------------------------------------------------
    def push(self) -> None:
        """Send what may be sent."""
        outstanding = self.board.segments
        if not self.mss or not (outstanding or self._waits()):
            return
        if not outstanding and self._simulator.now_ns - self._last_sent_ns > self.rtt.timeout_ns:
            # RFC 5681 section 4.1: restart after idle.
            self.cwnd = min(self.cwnd, self._options.initial_window * self.mss)
        while not outstanding or self._room() >= self.mss:
            segment = self.board.next_lost()
            if segment is not None:
                self._resend(segment)
            elif not self._send_new() and not self._send_hole():
                self._limited = False
                break
        else:
            self._limited = True
        if not outstanding and self._waits() and not self._timer.running:
            self._probes = 0
            self._timer.start(self.rtt.timeout_ns)

    def _room(self) -> int:
        """Bytes that the congestion window allows."""
        room = self.cwnd - self.board.pipe
        if self.sack or self.phase is Phase.LOSS:
            return room
        return room + self._duplicates * self.mss

    def _waits(self) -> bool:
        """Whether there is something that was never sent."""
        return self.next < self.end + self.closing

    def _send_new(self) -> bool:
        if not self._waits():
            return False
        size = min(self.mss, self.end - self.next)
        if self.next + size > self._edge:
            size = self._edge - self.next
            # Silly window syndrome (RFC 9293 section 3.8.6.2.1): a small piece only if nothing is under way.
            if size <= 0 or self.board.segments:
                return False
        end = self.next + size
        if self.closing and end == self.end:
            end += 1
        if not self.board.segments:
            # It may still run for probes.
            self._timer.stop()
        # The byte of a probe was not sent for good: nothing here was sent before.
        start, self.next = self.next, end
        self._highest = max(self._highest, end)
        self.board.sent(start, end, self._simulator.now_ns)
        self._sending()
        self._transmit(start, end, False, False)
        return True

    def _send_hole(self) -> bool:
        """Where nothing is known to be lost and nothing new may be sent (RFC 6675, NextSeg 3 and 4)."""
        if self.phase is not Phase.RECOVERY or not self.sack:
            return False
        segment = self.board.next_hole()
        if segment is None and not self._rescued and self.board.highest_sacked > self.una:
            segment = self.board.last_hole()
            self._rescued = True
            if segment is not None and segment.resent:
                return False
        if segment is None:
            return False
        self._resend(segment)
        return True

    def _resend(self, segment: Sent) -> None:
        if segment.size > self.mss + (segment.end > self.end):
            # Smaller packets fit now than did when it was sent.
            self.board.split(segment, segment.start + self.mss)
        self.board.resent(segment, self._simulator.now_ns)
        self._sending()
        self._transmit(segment.start, segment.end, True, False)

    def _sending(self) -> None:
        self._last_sent_ns = self._simulator.now_ns
        if not self._timer.running:
            self._timer.start(self.rtt.timeout_ns)

    # --- timeouts -------------------------------------------------------------------------------------------
    def _expired(self) -> None:
        if self._timeouts >= self._options.retries:
            self._give_up()
            return
        if not self.board.segments:
            self._probe()
            return
        if not self._timeouts:
            # RFC 5681 section 3.1: not again for what was sent again by timeout.
            self.ssthresh = max(self.in_flight // 2, 2 * self.mss)
        self._timeouts += 1
        self.cwnd = self.mss
        self._acked = self._duplicates = 0
        self.phase = Phase.LOSS
        self._recover = self.next
        self.rtt.back_off()
        self.board.all_lost()
        self._resend(self.board.first)
        self._timer.start(self.rtt.timeout_ns)

    def _probe(self) -> None:
        if not self._waits():
            return
        # RFC 9293 section 3.8.6.1: as long as the peer answers, for ever.
        self._timeouts += 1
        self._probes += 1
        end = self.next + 1
        self._highest = max(self._highest, end)
        self._last_sent_ns = self._simulator.now_ns
        self._transmit(self.next, end, False, True)
        self._timer.start(min(self.rtt.timeout_ns << min(self._probes, _MOST_DOUBLINGS), MOST_NS))

    def smaller(self, mss: int) -> None:
        """Packets have to be smaller (RFC 1191): what was longer is lost, but not since the network is full."""
        if mss >= self.mss:
            return
        self.mss = mss
        for segment in list(self.board.segments):
            if segment.size > mss + (segment.end > self.end):
                self.board.declare_lost(segment, again=True)
        self.push()
