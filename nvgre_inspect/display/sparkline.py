"""Sparklines: how something went lately, in one character a step."""

from __future__ import annotations

from collections.abc import Iterable

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[float]) -> str:
    """Each value (not negative) as a bar of its share of the largest; a space for none."""
    listed = list(values)
    largest = max(listed, default=0.0)
    if largest <= 0:
        return " " * len(listed)
    steps = len(_BARS) - 1
    return "".join(_BARS[min(int(value / largest * len(_BARS)), steps)] if value > 0 else " " for value in listed)
