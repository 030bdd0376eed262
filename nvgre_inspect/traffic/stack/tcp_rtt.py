"""How long TCP waits for an acknowledgement (RFC 6298).

Limits: round trips are measured by segments that were sent once (Karn's algorithm), whether acknowledged or
SACKed; at most one of each an acknowledgement.
"""

from __future__ import annotations

_SECOND = 1_000_000_000
#: RFC 6298 section 2.1, and the most that it may become by backing off (section 2.5: at least 60 s).
INITIAL_NS = _SECOND
MOST_NS = 60 * _SECOND
#: RFC 6298 section 5.7: after a SYN that had to be sent again.
AFTER_SYN_NS = 3 * _SECOND
#: Clock granularity G: that of the timer of today's systems.
_GRANULARITY_NS = 1_000_000


class RTT:
    """Smoothed round trip, its variance, and the timeout that follows; all in nanoseconds."""

    __slots__ = ("_backed_off", "_least_ns", "_timeout_ns", "smoothed_ns", "variance_ns")

    def __init__(self, least_ns: int) -> None:
        self._least_ns = least_ns
        #: 0: nothing was measured.
        self.smoothed_ns = 0
        self.variance_ns = 0
        self._timeout_ns = INITIAL_NS
        self._backed_off = 0

    @property
    def timeout_ns(self) -> int:
        """The timeout now, with all backing off."""
        return min(self._timeout_ns << self._backed_off, MOST_NS)

    def measured(self, round_trip_ns: int) -> None:
        """A round trip took so long (section 2.2, 2.3); ends backing off."""
        if not self.smoothed_ns:
            self.smoothed_ns = max(round_trip_ns, 1)
            self.variance_ns = round_trip_ns >> 1
        else:
            self.variance_ns += (abs(self.smoothed_ns - round_trip_ns) - self.variance_ns) >> 2
            self.smoothed_ns += (round_trip_ns - self.smoothed_ns) >> 3
        timeout = self.smoothed_ns + max(_GRANULARITY_NS, 4 * self.variance_ns)
        self._timeout_ns = max(timeout, self._least_ns)
        self._backed_off = 0

    def handshake_repeated(self) -> None:
        """The SYN or its answer had to be sent again, so nothing is measured (section 5.7)."""
        if not self.smoothed_ns:
            self._timeout_ns = AFTER_SYN_NS
            self._backed_off = 0

    def back_off(self) -> None:
        """A timeout (section 5.5)."""
        if self.timeout_ns < MOST_NS:
            self._backed_off += 1
