"""Times for people, by `-t`: from int64 nanoseconds since the epoch, without a float on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

#: What `numpy` says for a time that is not known (NaT as int64).
UNKNOWN = -(1 << 63)
SECOND = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeFormat:
    """Formats one column of times. Holds what goes from row to row: the previous time, and how many digits."""

    def __init__(self, style: str, digits: int | None = None) -> None:
        """`style` is one of a, ad, d, e, u; `digits` of the fraction are shown, cut, not rounded. None: 6, and 9
        from the first time on that needs them.
        """
        self._style = style
        self._previous: int | None = None
        self._fixed = digits is not None
        self._digits = 6 if digits is None else digits

    @property
    def suffix(self) -> str:
        """What the heading has to say about the times below it."""
        return {"a": "", "ad": "", "d": " (delta)", "e": " (epoch)", "u": " (UTC)"}[self._style]

    @property
    def date_length(self) -> int:
        """Characters that the date takes at the front of each text."""
        return len("2026-01-02 ") if self._style in ("ad", "u") else 0

    def __call__(self, values: Sequence[int]) -> list[str]:
        """Text for each time; an unknown one is empty."""
        if not self._fixed and any(value % 1000 for value in values if value != UNKNOWN):
            self._digits = 9
        write = {"a": self._local, "ad": self._local, "d": self._delta, "e": self._epoch, "u": self._utc}[self._style]
        return ["" if value == UNKNOWN else write(value) for value in values]

    def _fraction(self, nanoseconds: int) -> str:
        return f"{nanoseconds:09d}"[: self._digits]

    def _local(self, value: int) -> str:
        seconds, rest = divmod(value, SECOND)
        pattern = "%H:%M:%S" if self._style == "a" else "%Y-%m-%d %H:%M:%S"
        return f"{time.strftime(pattern, time.localtime(seconds))}.{self._fraction(rest)}"

    def _utc(self, value: int) -> str:
        seconds, rest = divmod(value, SECOND)
        return f"{(EPOCH + timedelta(seconds=seconds)):%Y-%m-%d %H:%M:%S}.{self._fraction(rest)}"

    def _epoch(self, value: int) -> str:
        return self._signed(value)

    def _delta(self, value: int) -> str:
        previous = value if self._previous is None else self._previous
        self._previous = value
        return self._signed(value - previous)

    def _signed(self, value: int) -> str:
        seconds, rest = divmod(abs(value), SECOND)
        return f"{'-' if value < 0 else ''}{seconds}.{self._fraction(rest)}"
