"""FilterError: what is wrong with a filter, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FilterError(ValueError):
    """A filter that cannot be used; the position is shown to the user under a caret.

    `position` and `length` count characters of `text`; `position == len(text)` means that something is missing at
    the end. `suggestion` is the nearest valid word, or None.
    """

    def __init__(self, message: str, text: str, position: int, length: int = 1, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.position = position
        self.length = max(length, 1)
        self.suggestion = suggestion

    def __str__(self) -> str:
        if self.suggestion is None:
            return self.message
        return f"{self.message} (did you mean {self.suggestion}?)"

    def render(self) -> str:
        """Three lines: the message, the filter, and a caret under the place.

        Characters that would disturb a terminal (or the caret's column) are shown as `?`.
        """
        line = "".join(c if c.isprintable() and c.isascii() else "?" for c in self.text)
        marks = "^" + "~" * (min(self.length, max(len(line) - self.position, 1)) - 1)
        return f"{self}\n  {line}\n  {' ' * self.position}{marks}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` most like `word`, None where nothing is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
