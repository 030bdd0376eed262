"""AnswerLimit: how many ICMP errors a gateway gives (RFC 4443 section 2.4 (f), RFC 1812 section 4.3.2.8).

A token bucket, as Linux has it for its own (icmp_msgs_per_sec, icmp_msgs_burst): 1,000 a second, 50 at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

A_SECOND: Final = 1000
AT_ONCE: Final = 50


class AnswerLimit:
    """Asked before each answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that never run backward."""
        self._clock = clock
        self._tokens = float(AT_ONCE)
        self._then = clock()

    def allows(self) -> bool:
        """Whether one more may be given now; it then counts as given."""
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._then) * A_SECOND, float(AT_ONCE))
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
