"""Exit codes, and the error that ends a command with a sentence instead of a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Exit codes: a contract with scripts (README, man page).
DONE = 0
FAILED = 1
USAGE = 2
DAMAGED = 3
FOUND = 4
INTERRUPTED = 130


class CommandError(Exception):
    """Ends a command: its text goes to stderr as it stands, its code becomes the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def nearest(word: str, valid: Iterable[str]) -> str:
    """`; did you mean X?` for the valid name most like `word`, or an empty string if none is."""
    found = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""
