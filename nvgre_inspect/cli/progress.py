"""The progress line: how far a long read has come. On stderr, on a terminal, for work over a second only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from nvgre_inspect.display.progress import Compiling, Progress, describe

#: Nothing is shown before this many seconds: short work should not flicker.
QUIET_SECONDS = 1.0
#: At most one line in this many seconds.
INTERVAL_SECONDS = 0.1


class Line:
    """A line of the terminal that is drawn over."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._on_screen = False

    def draw(self, text: str) -> None:
        """Show `text` in place of what the line showed before."""
        self._on_screen = True
        # \r and erase-to-end-of-line: the line is drawn over, not scrolled.
        self._stream.write(f"\r{text}\x1b[K")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line off the screen; what is printed next starts on a clean line."""
        if self._on_screen:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._on_screen = False


class ProgressLine:
    """Callable that a session reports to; draws over one line and clears it at the end."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._line = Line(stream)
        self._now = now
        self._drawn_at = float("-inf")
        self._compiling = Compiling()

    def __call__(self, progress: Progress) -> None:
        """Draw the line again, if it is time."""
        now = self._now()
        self._compiling(progress)
        # Compiling takes seconds, and reports only when it begins.
        if progress.activity == "reading" and (
            progress.elapsed_s < QUIET_SECONDS or now - self._drawn_at < INTERVAL_SECONDS
        ):
            return
        self._drawn_at = now
        self._line.draw(describe(progress, self._compiling.seconds))

    def clear(self) -> None:
        """Take the line off the screen; what is printed next starts on a clean line."""
        self._line.clear()
