"""Conversation: what an observer must count of a TCP connection, from the segments that pass the observer's place.

The rules of docs/accounting.md ("TCP"), written a second time and in other terms, so that the truth of a scenario is no
echo of the accountants that it is to judge. Sequence numbers are unwrapped to whole numbers, so that all
comparisons are plain; which connection a segment belongs to, its sender has said (`packet.Segment`).

Limits: no inner fragments ("resync" of that page), since machines of a simulation send none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from dissectors import anomalies, offsets
from nvgre_inspect.traffic.frame_facts import TCPFacts

_MODULUS, _HALF = 1 << 32, 1 << 31
_REORDER_NS = 3_000_000
_GAPS = 64
_SYN_OR_FIN = offsets.TCP_SYN | offsets.TCP_FIN


class Hole(NamedTuple):
    """Sequence numbers that were not seen: from `start` to before `end`, noticed at `ns`."""

    start: int
    end: int
    ns: int


@dataclass(slots=True)
class Direction:
    """What one side sends; numbers are unwrapped."""

    retransmissions: int = 0
    out_of_order: int = 0
    acked_unseen: int = 0
    duplicate_acks: int = 0
    zero_windows: int = 0
    resets: int = 0
    holes_given_up: int = 0
    mss: int = -1
    window_scale: int = -1
    holes: list[Hole] = field(default_factory=list)
    #: Behind the highest sequence number seen.
    next: int | None = None
    isn: int | None = None
    #: Any sequence number of this side, to unwrap others by.
    near: int | None = None
    #: Highest acknowledgement that this side sent, and the last one; in numbers of the other side.
    highest_ack: int | None = None
    last_ack: int | None = None
    last_window: int | None = None
    seen: bool = False
    fin: bool = False
    #: One byte behind `next` may be there: a probe or keep-alive had it.
    probed: bool = False
    #: The end of what was seen was acknowledged unseen, and has been counted.
    tail_acked: bool = False
    last_was_keep_alive: bool = False

    @property
    def lost_segments(self) -> int:
        """Holes that nothing explained."""
        return len(self.holes) + self.holes_given_up

    def unwrapped(self, number: int) -> int:
        """A sequence number of this side as a whole number."""
        if self.near is None:
            self.near = number
        result = self.near + (number - self.near + _HALF) % _MODULUS - _HALF
        if result > self.near:
            self.near = result
        return result

    def move_on(self, end: int) -> None:
        """Everything before `end` was seen or is in a hole."""
        self.next = end
        self.tail_acked = self.probed = False

    def fill(self, start: int, end: int) -> int | None:
        """Takes what was seen out of the holes; returns when the oldest of those was noticed, None: there is none."""
        touched = [hole for hole in self.holes if hole.start < end and start < hole.end]
        rest: list[Hole] = []
        behind: list[Hole] = []
        for hole in self.holes:
            before = Hole(hole.start, min(hole.end, start), hole.ns)
            after = Hole(max(hole.start, end), hole.end, hole.ns)
            parts = [part for part in (before, after) if part.start < part.end]
            if hole not in touched:
                parts = [hole]
            rest += parts[:1]
            behind += parts[1:]
        self.holes = rest + behind
        return min((hole.ns for hole in touched), default=None)

    def give_up_holes(self) -> bool:
        """Whether there were more than are tracked; the oldest of those count as lost for good."""
        excess = len(self.holes) - _GAPS
        if excess <= 0:
            return False
        del self.holes[:excess]
        self.holes_given_up += excess
        return True


class Conversation:
    """A TCP connection as it passes; sides are numbered 0 (the one that was seen first) and 1."""

    def __init__(self) -> None:
        self.sides = (Direction(), Direction())
        self.state = ""
        self.initiator = 0
        #: -1: not known.
        self.handshake_rtt_ns = -1
        #: What its ends call it; 0: not known.
        self.connection = 0
        self._initiator_is_sure = False
        self._syn_ns: int | None = None

    def is_over(self) -> bool:
        """Whether a SYN from now on starts another one."""
        return self.state in ("closed", "reset")

    def segment(self, number: int, ns: int, tcp: TCPFacts) -> int:
        """A segment of side `number` passes at `ns`; returns anomalies that follow, as a mask."""
        side, other, flags = self.sides[number], self.sides[1 - number], tcp.flags
        if flags & offsets.TCP_SYN:
            self._look_for_initiator(number, flags)
        if flags & offsets.TCP_RST:
            side.resets += 1
            side.seen = True
            self.state = self.state if self.state == "closed" else "reset"
            return 0
        seq = side.unwrapped(tcp.seq)
        end = seq + _length(tcp)
        bare = not flags & _SYN_OR_FIN
        overflow = False
        in_connection = not flags & offsets.TCP_SYN or self._syn(side, other, seq, ns, tcp)
        keep_alive = bare and tcp.payload <= 1 and side.next is not None and seq == side.next - 1
        # A window of 0 that the other side said last makes one byte in place a probe.
        if bare and tcp.payload == 1 and seq == side.next and other.last_window == 0:
            side.probed = True
        elif in_connection and not keep_alive:
            overflow = self._data(side, other, seq, end, ns)
        if flags & offsets.TCP_ACK_FLAG:
            ack = other.unwrapped(tcp.ack)
            self._acknowledgement(side, other, ack)
            again = ack == side.last_ack and tcp.window == side.last_window and tcp.window > 0
            if again and seq == end == side.next and not keep_alive and not other.last_was_keep_alive:
                side.duplicate_acks += 1
            side.last_ack = ack
        if tcp.window == 0 and bare:
            side.zero_windows += 1
        if not bare or self.state != "established":
            self._next_state(number, ns, tcp)
        side.last_window, side.last_was_keep_alive, side.seen = tcp.window, keep_alive, True
        return overflow << anomalies.TCP_GAPS_OVERFLOW

    def _look_for_initiator(self, number: int, flags: int) -> None:
        if not self._initiator_is_sure:
            answers = bool(flags & offsets.TCP_ACK_FLAG)
            self.initiator = 1 - number if answers else number
            self._initiator_is_sure = not answers

    def _syn(self, side: Direction, other: Direction, seq: int, ns: int, tcp: TCPFacts) -> bool:
        """What a SYN says; returns whether its number counts."""
        if side.isn is not None and side.isn != seq:
            if other.highest_ack is not None:
                return False
            side.next = None
            side.holes.clear()
        side.isn = seq
        side.mss = tcp.mss if tcp.mss >= 0 else side.mss
        side.window_scale = tcp.window_scale if tcp.window_scale >= 0 else side.window_scale
        if not tcp.flags & offsets.TCP_ACK_FLAG:
            self._syn_ns = ns
        return True

    def _data(self, side: Direction, other: Direction, seq: int, end: int, ns: int) -> bool:
        """Where a segment lies among those before; returns whether there are too many holes."""
        if side.next is None:
            side.move_on(end)
            # Without data it may be a keep-alive, whose number is one too low.
            side.probed = end == seq
            return False
        if end == seq:
            return False
        if side.probed and seq == side.next + 1:
            side.move_on(seq)
        if seq < side.next:
            self._old_data(side, seq, end, ns)
            if end > side.next:
                side.move_on(end)
        else:
            if seq > side.next:
                start = side.next if other.highest_ack is None else max(side.next, other.highest_ack)
                if seq > start:
                    side.holes.append(Hole(start, seq, ns))
            side.move_on(end)
        return side.give_up_holes()

    def _old_data(self, side: Direction, seq: int, end: int, ns: int) -> None:
        noticed_ns = side.fill(seq, end)
        patience = self.handshake_rtt_ns if self.handshake_rtt_ns > 0 else _REORDER_NS
        if noticed_ns is not None and ns - noticed_ns <= patience:
            side.out_of_order += 1
        else:
            side.retransmissions += 1

    def _acknowledgement(self, side: Direction, other: Direction, ack: int) -> None:
        if side.highest_ack is None or ack > side.highest_ack:
            side.highest_ack = ack
            if other.holes:
                other.acked_unseen += sum(hole.start < ack for hole in other.holes)
                other.holes = [Hole(max(h.start, ack), h.end, h.ns) for h in other.holes if h.end > ack]
        if other.next is not None and ack > other.next:
            if other.probed and ack == other.next + 1:
                other.move_on(ack)
            else:
                other.acked_unseen += not other.tail_acked
                other.tail_acked = True

    def _next_state(self, number: int, ns: int, tcp: TCPFacts) -> None:
        side, other = self.sides[number], self.sides[1 - number]
        answers = bool(tcp.flags & offsets.TCP_ACK_FLAG)
        if tcp.flags & offsets.TCP_SYN:
            if answers:
                self.state = "syn-received" if self.state in ("", "syn-sent", "midstream") else self.state
            elif self.state in ("", "midstream"):
                self.state = "established" if self.state and other.seen else "syn-sent"
        elif not self.state:
            self.state = "midstream"
        elif answers and self.state in ("syn-sent", "syn-received"):
            self._complete(number, ns, tcp)
        if tcp.flags & offsets.TCP_FIN:
            side.fin = True
            if not self.is_over():
                self.state = "closed" if other.fin else "closing"

    def _complete(self, number: int, ns: int, tcp: TCPFacts) -> None:
        """The acknowledgement of the SYN-ACK, or data of the responder's."""
        other = self.sides[1 - number]
        if number != self.initiator:
            self.state = "established" if tcp.payload > 0 else self.state
            return
        answers_syn = other.isn is not None and other.unwrapped(tcp.ack) == other.isn + 1
        if self.state == "syn-received" and answers_syn and self.handshake_rtt_ns < 0 and self._syn_ns is not None:
            self.handshake_rtt_ns = ns - self._syn_ns if ns >= self._syn_ns else -1
        self.state = "established"


def _length(tcp: TCPFacts) -> int:
    """Sequence numbers that a segment takes."""
    if not tcp.flags & _SYN_OR_FIN:
        return tcp.payload
    return tcp.payload + bool(tcp.flags & offsets.TCP_SYN) + bool(tcp.flags & offsets.TCP_FIN)
