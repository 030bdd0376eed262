"""The progress line: how far a long read has come. On stderr, on a terminal, for work over a second only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from nvgre_inspect.display.text import amount, clock

#: Nothing is shown before this many seconds: short work should not flicker.
QUIET_SECONDS = 1.0
#: At most one line in this many seconds.
INTERVAL_SECONDS = 0.1


class Progress(Protocol):
    """What the session reports while it reads."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the input consumed so far."""

    @property
    def total_bytes(self) -> int | None:
        """Bytes of the whole input; None for a pipe."""

    @property
    def packets(self) -> int:
        """Packets accounted so far."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since reading began."""

    @property
    def activity(self) -> str:
        """`reading`, or `compiling`: the kernels, once per installation."""


class ProgressLine:
    """Callable that a session reports to; draws over one line and clears it at the end."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._drawn_at = float("-inf")
        self._on_screen = False
        self._compiling_since: float | None = None
        self._compiling_s = 0.0

    def __call__(self, progress: Progress) -> None:
        """Draw the line again, if it is time."""
        now = self._now()
        self._count_compiling(progress)
        # Compiling takes seconds, and reports only when it begins.
        if progress.activity == "reading" and (
            progress.elapsed_s < QUIET_SECONDS or now - self._drawn_at < INTERVAL_SECONDS
        ):
            return
        self._drawn_at = now
        self._on_screen = True
        # \r and erase-to-end-of-line: the line is drawn over, not scrolled.
        self._stream.write(f"\r{describe(progress, self._compiling_s)}\x1b[K")
        self._stream.flush()

    def _count_compiling(self, progress: Progress) -> None:
        """Time that went into compiling says nothing about the rate of reading."""
        if progress.activity == "compiling":
            self._compiling_since = progress.elapsed_s
        elif self._compiling_since is not None:
            self._compiling_s += progress.elapsed_s - self._compiling_since
            self._compiling_since = None

    def clear(self) -> None:
        """Take the line off the screen; what is printed next starts on a clean line."""
        if self._on_screen:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._on_screen = False


def describe(progress: Progress, apart_s: float = 0.0) -> str:
    """`reading  42 %  126 MB of 300 MB  1,203,000 packets/s  3 s left`, without what is not known; `apart_s` of the
    elapsed seconds went into something else.
    """
    if progress.activity != "reading":
        return f"{progress.activity} for this machine, once: some seconds"
    parts = ["reading"]
    total = progress.total_bytes
    if total:
        share = min(progress.bytes_read / total, 1.0)
        parts.append(f"{share:4.0%}".replace("%", " %"))
        parts.append(f"{amount(progress.bytes_read)} of {amount(total)}")
    else:
        parts.append(amount(progress.bytes_read))
    elapsed_s = progress.elapsed_s - apart_s
    if elapsed_s > 0:
        parts.append(f"{progress.packets / elapsed_s:,.0f} packets/s")
        if total and progress.bytes_read:
            left = (total - progress.bytes_read) * elapsed_s / progress.bytes_read
            parts.append(f"{clock(max(left, 0.0))} left")
    return "  ".join(parts)
