"""Scoreboard: what TCP has sent and what it knows of it (RFC 6675), one entry a segment.

Places are offsets in the connection's own stream, not modulo 2^32. `pipe` is RFC 6675's estimate of the bytes in the
network: each entry that is neither SACKed nor lost counts once, each that was sent again (and not SACKed) once more.
Without SACK the same entries serve NewReno: only what a sender declares lost is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: Duplicate acknowledgements, or segments SACKed above, after which a segment counts as lost.
DUPLICATES = 3


class Sent:
    """A segment that is not yet acknowledged."""

    __slots__ = ("end", "lost", "resent", "sacked", "sent_ns", "start", "times")

    def __init__(self, start: int, end: int, sent_ns: int) -> None:
        self.start, self.end, self.sent_ns = start, end, sent_ns
        self.sacked = self.lost = self.resent = False
        #: How often it was sent.
        self.times = 1

    @property
    def size(self) -> int:
        """Bytes of sequence space."""
        return self.end - self.start

    @property
    def in_pipe(self) -> int:
        """What it adds to the pipe."""
        if self.sacked:
            return 0
        return (self.end - self.start) * ((not self.lost) + self.resent)


class Scoreboard:
    """Segments in the order of their places."""

    __slots__ = ("_waiting", "highest_sacked", "pipe", "segments")

    def __init__(self) -> None:
        #: What is not yet acknowledged; to be changed here only.
        self.segments: deque[Sent] = deque()
        self.pipe = 0
        #: Behind the highest byte that was SACKed.
        self.highest_sacked = 0
        #: Segments that are lost and not sent again.
        self._waiting = 0

    @property
    def first(self) -> Sent:
        """The oldest."""
        return self.segments[0]

    def sent(self, start: int, end: int, now_ns: int) -> Sent:
        """Something new was sent."""
        segment = Sent(start, end, now_ns)
        self.segments.append(segment)
        self.pipe += end - start
        return segment

    def resent(self, segment: Sent, now_ns: int) -> None:
        """A segment was sent again."""
        before = segment.in_pipe
        self._waiting -= segment.lost and not segment.resent
        segment.resent = True
        segment.sent_ns = now_ns
        segment.times += 1
        self.pipe += segment.in_pipe - before

    def acknowledged(self, ack: int) -> tuple[int, int | None]:
        """Everything before `ack` arrived: how many segments that were, and when the last of them was sent.

        None as time: one of them was sent more than once (Karn's algorithm), or SACKed before.
        """
        count, sent_ns, clear = 0, None, True
        while self.segments and self.segments[0].end <= ack:
            segment = self.segments.popleft()
            self._forget(segment)
            count += 1
            clear = clear and segment.times == 1 and not segment.sacked
            sent_ns = segment.sent_ns
        if self.segments and self.segments[0].start < ack:
            segment = self.segments[0]
            before = segment.in_pipe
            segment.start = ack
            self.pipe += segment.in_pipe - before
        return count, sent_ns if clear else None

    def sacked(self, blocks: Sequence[tuple[int, int]]) -> tuple[int, int | None]:
        """The peer has these, too: how many bytes are new, and when the last of them was sent that was sent once."""
        found, sent_ns = 0, None
        for first, end in blocks:
            for segment in self.segments:
                if segment.start >= end:
                    break
                if segment.start >= first and segment.end <= end and not segment.sacked:
                    self._forget(segment)
                    segment.sacked = True
                    segment.lost = segment.resent = False
                    found += segment.size
                    self.highest_sacked = max(self.highest_sacked, segment.end)
                    if segment.times == 1:
                        sent_ns = segment.sent_ns
        return found, sent_ns

    def find_lost(self, mss: int) -> None:
        """Segments with so much SACKed above them that they must be lost (RFC 6675, IsLost)."""
        segments, size = 0, 0
        for segment in reversed(self.segments):
            if segment.sacked:
                segments += 1
                size += segment.size
            elif not segment.lost and (segments >= DUPLICATES or size > (DUPLICATES - 1) * mss):
                self.declare_lost(segment)

    def declare_lost(self, segment: Sent, *, again: bool = False) -> None:
        """A segment is lost; `again`: what was sent again of it, too."""
        if segment.sacked:
            return
        self._forget(segment)
        segment.lost = True
        segment.resent = segment.resent and not again
        self._waiting += not segment.resent
        self.pipe += segment.in_pipe

    def all_lost(self) -> None:
        """Nothing that the peer has not SACKed is believed to be in the network any more (RFC 6675 section 5.1)."""
        for segment in self.segments:
            self.declare_lost(segment, again=True)

    def next_lost(self) -> Sent | None:
        """The first segment that is lost and not sent again."""
        if not self._waiting:
            return None
        return next((segment for segment in self.segments if segment.lost and not segment.resent), None)

    def next_hole(self) -> Sent | None:
        """The first segment below something SACKed that is neither lost nor sent again (RFC 6675, NextSeg 3)."""
        for segment in self.segments:
            if segment.end > self.highest_sacked:
                return None
            if not (segment.sacked or segment.lost or segment.resent):
                return segment
        return None

    def last_hole(self) -> Sent | None:
        """The last segment that is not SACKed (RFC 6675, NextSeg 4)."""
        return next((segment for segment in reversed(self.segments) if not segment.sacked), None)

    def split(self, segment: Sent, place: int) -> None:
        """Make two of a segment, the second from `place` on: for what no longer fits."""
        rest = Sent(place, segment.end, segment.sent_ns)
        rest.sacked, rest.lost, rest.resent, rest.times = segment.sacked, segment.lost, segment.resent, segment.times
        segment.end = place
        self._waiting += segment.lost and not segment.resent
        self.segments.insert(self.segments.index(segment) + 1, rest)

    def _forget(self, segment: Sent) -> None:
        """Leave a segment out of what is counted."""
        self.pipe -= segment.in_pipe
        self._waiting -= segment.lost and not segment.resent and not segment.sacked
