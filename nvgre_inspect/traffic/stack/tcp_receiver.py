"""The receiving half of a TCP connection: what has come, what is acknowledged when, and how much may come.

Acknowledgements: every second full segment or after the delay (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2), at
once for what is out of order, fills a gap, came before, or does not fit. SACK blocks as RFC 2018, most recent first,
with what came twice in front (RFC 2883). The window never shrinks and grows by steps worth an announcement (RFC 9293
section 3.8.6.2.2).

Places are offsets in the peer's stream, as in `tcp_sender`. Nothing is stored but places.
"""

from __future__ import annotations

from nvgre_inspect.traffic.stack.tcp_wire import MOST_BLOCKS


class Receiver:
    """State of one direction, from the handshake on."""

    def __init__(self, buffer: int, scale: int) -> None:
        self._buffer = buffer
        self._scale = scale
        #: The next place that is expected.
        self.next = 1
        #: Full segments have this size.
        self.mss = 0
        #: Bytes that the application has not taken.
        self.unread = 0
        #: The place of the peer's FIN, once it is known, and whether everything before it has come.
        self.fin: int | None = None
        self.finished = False
        #: How far the window that was announced reaches.
        self._edge = 1 + buffer
        #: What came beyond a gap: [start, end], in order; and the same, most recent first, as (start, end).
        self._ahead: list[list[int]] = []
        self._recent: list[int] = []
        self._twice: tuple[int, int] | None = None
        #: Bytes that came since the last acknowledgement.
        self._unacknowledged = 0
        #: An acknowledgement is due at once, or after the delay.
        self.due = False
        self.delayed = False

    @property
    def acknowledgement(self) -> int:
        """Up to where everything has come, the FIN included."""
        return self.next + self.finished

    def came(self, start: int, end: int, fin: bool) -> int:
        """Data from `start` to `end` came, and a FIN behind it or not; answers how many bytes are now in order."""
        if fin:
            self.fin = end
        if end <= self.next and not (fin and not self.finished and end == self.next):
            # Came before.
            self._twice = (start, end) if start < end else None
            self.due = True
            return 0
        # What does not fit into the window is not taken.
        fits = min(end, self._edge)
        if fits < end or start > self._edge:
            self.due = True
            if self.fin == end:
                self.fin = None
        if start >= self._edge and start != self.next:
            return 0
        if start > self.next:
            self.due = True
            self._keep(start, max(fits, start))
            return 0
        return self._in_order(start, max(fits, self.next))

    def _in_order(self, start: int, end: int) -> int:
        before = self.next
        self.next = end
        if self._ahead:
            # A gap is filled, or a part of it (RFC 5681 section 4.2).
            self.due = True
            while self._ahead and self._ahead[0][0] <= self.next:
                first, last = self._ahead.pop(0)
                self._recent = [place for place in self._recent if not first <= place < last]
                self.next = max(self.next, last)
        came = self.next - before
        self.unread += came
        self._unacknowledged += came
        if start < before:
            self._twice = (start, before)
            self.due = True
        if self.fin == self.next and not self.finished:
            self.finished = self.due = True
        if self._unacknowledged >= 2 * self.mss:
            self.due = True
        self.delayed = self.delayed or came > 0
        return came

    def _keep(self, start: int, end: int) -> None:
        """Remember what came beyond a gap."""
        if start == end:
            return
        merged = [start, end]
        others = []
        for piece in self._ahead:
            if piece[0] <= start and end <= piece[1]:
                self._twice = (start, end)
            if piece[1] < merged[0] or piece[0] > merged[1]:
                others.append(piece)
            else:
                merged = [min(merged[0], piece[0]), max(merged[1], piece[1])]
        self._ahead = sorted([*others, merged])
        self._recent = [start, *(place for place in self._recent if not merged[0] <= place < merged[1])]

    def blocks(self) -> list[tuple[int, int]]:
        """What the next acknowledgement says has come beyond the gap; what came twice first, once."""
        if not self._ahead and self._twice is None:
            return []
        found = [] if self._twice is None else [self._twice]
        self._twice = None
        for place in self._recent[:MOST_BLOCKS]:
            found += [(first, end) for first, end in self._ahead if first <= place < end]
        return found

    # --- the window -----------------------------------------------------------------------------------------
    def window(self) -> int:
        """The window field of what is sent now, scaled."""
        edge = self.next + self._buffer - self.unread
        if edge - self._edge >= min(self._buffer // 2, self.mss):
            self._edge = edge
        # Rounded up, so that the edge never moves back.
        scaled = min(-(-(self._edge - self.next) >> self._scale), 0xFFFF)
        self._edge = max(self._edge, self.next + (scaled << self._scale))
        return scaled

    def read(self, size: int) -> bool:
        """The application took so many bytes; answers whether the peer should be told at once."""
        self.unread -= size
        room = self.next + self._buffer - self.unread - self._edge
        return room >= min(self._buffer // 2, 2 * self.mss)

    def acknowledged(self) -> None:
        """An acknowledgement was sent."""
        self._unacknowledged = 0
        self.due = self.delayed = False
