"""Spelling: words that nobody knows, and which known one was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator


def unknown_keys(table: Iterable[str], valid: Iterable[str], prefix: str) -> Iterator[str]:
    """A sentence for each key of `table` that is not in `valid`; `prefix` is the table's own path with its dot."""
    valid = list(valid)
    for key in table:
        if key not in valid:
            near = nearest(key, valid)
            hint = f"did you mean {prefix}{near}?" if near else f"known here: {', '.join(valid)}"
            yield f"{prefix}{key}: unknown key; {hint}"


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that is most like `word`; None: none is."""
    return next(iter(difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)), None)
