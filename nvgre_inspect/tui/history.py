"""The history of filters: the last ones that were applied, kept from run to run.

One filter a line, the latest last, each once. A filter's text is the user's own, but the file may be anybody's by the
time it is read: lines that are too long or not printable are left out.
"""

from __future__ import annotations

import threading
from pathlib import Path

from nvgre_inspect.tui import state_files

FILE = "filters"
MOST = 200
#: Characters; longer filters work, and are not kept.
LONGEST = 2_000
#: Bytes that reading takes at most.
_LARGEST = 2 * MOST * LONGEST


class History:
    """Filters that were applied, oldest first. Reading and writing may block; use them in a worker."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the file; None: the usual one."""
        self.path = path or state_files.folder() / FILE
        self.entries: list[str] = []
        self._lock = threading.Lock()

    def load(self) -> str | None:
        """Read the file; a sentence if that fails. A file that does not exist is an empty history."""
        with self._lock:
            try:
                self.entries = _merged(self._read(), self.entries)
            except (OSError, UnicodeError) as error:
                return f"the history of filters cannot be read: {self.path}: {state_files.why(error)}"
        return None

    def add(self, text: str) -> None:
        """Remember a filter that was applied; `save` writes it."""
        with self._lock:
            self.entries = _merged(self.entries, [text])

    def save(self) -> str | None:
        """Write the file, with what others have written meanwhile; a sentence if that fails."""
        with self._lock:
            try:
                self.entries = _merged(self._read(), self.entries)
                state_files.write(self.path, "".join(f"{entry}\n" for entry in self.entries))
            except (OSError, UnicodeError) as error:
                return f"the history of filters cannot be kept: {self.path}: {state_files.why(error)}"
        return None

    def _read(self) -> list[str]:
        try:
            with self.path.open("rb") as stream:
                return stream.read(_LARGEST).decode("utf-8").splitlines()
        except FileNotFoundError:
            return []


def _merged(older: list[str], newer: list[str]) -> list[str]:
    """The last MOST of both, each text once, at its latest place."""
    latest = dict.fromkeys(reversed([*older, *newer]))
    kept = [text for text in latest if text.strip() and len(text) <= LONGEST and text.isprintable()]
    return kept[:MOST][::-1]
