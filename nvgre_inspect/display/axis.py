"""Axes of charts: where to put ticks, and what they say.

Numbers go by 1, 2 or 5 times a power of ten, times from a minute on as clocks count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

#: Steps of a time axis in seconds from a minute on; below it decimal steps will do.
_CLOCK_STEPS = (
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200),
    *(86400, 2 * 86400, 7 * 86400, 30 * 86400),
)
_TIME_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_RATE_UNITS = tuple(
    (factor, f"{prefix}bit/s") for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
)
_COUNT_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_BYTE_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    label: str


class Axis(NamedTuple):
    """Ticks, and the unit that all of them are in."""

    ticks: list[Tick]
    unit: str


def step_of(span: float, most: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that divides `span` into at most `most` parts."""
    if not (span > 0 and math.isfinite(span)) or most < 1:
        return 1.0
    rough = span / most
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def count_axis(low: float, high: float, most: int) -> Axis:
    """Ticks for a number of things: `0`, `2`, `10 k`; never between two whole numbers."""
    step = max(step_of(high - low, most), 1.0)
    values = _multiples(low, high, step)
    factor, unit = _unit(max(abs(low), abs(high)), _COUNT_UNITS)
    return Axis(
        [Tick(value, f"{_number(value / factor, step / factor)}{unit if value else ''}") for value in values], ""
    )


def value_axis(low: float, high: float, most: int) -> Axis:
    """Ticks for what has a number as its name, a FlowID or a size in bytes: `0`, `1500`, `49152`."""
    values = _multiples(low, high, max(step_of(high - low, most), 1.0))
    return Axis([Tick(value, f"{value:.0f}") for value in values], "")


def rate_axis(low: float, high: float, most: int) -> Axis:
    """Ticks for bits per second: `0`, `500 kbit/s`."""
    return _with_unit(_measured(low, high, most, _RATE_UNITS))


def byte_axis(low: float, high: float, most: int) -> Axis:
    """Ticks for bytes: `0`, `1,500 B`, `20 kB`."""
    return _with_unit(_measured(low, high, most, _BYTE_UNITS))


def time_axis(low: float, high: float, most: int) -> Axis:
    """Ticks for seconds since some moment, each with its unit: `0`, `200 ms`, `5 s`, `10 min`, `3 h`."""
    span = high - low
    step = step_of(span, most)
    if step >= 60:
        step = next((clock for clock in _CLOCK_STEPS if span / clock <= most), step_of(span / 86400, most) * 86400)
    # Clocks by their step (90 min), shorter times by how long they are (1.2 ms).
    size = step if step >= 60 else max(abs(low), abs(high))
    factor, unit = _unit(size * (1 + 1e-9), _TIME_UNITS if step >= 60 else _TIME_UNITS[3:])
    values = _multiples(low, high, step)
    return Axis(
        [Tick(value, f"{_number(value / factor, step / factor)} {unit}" if value else "0") for value in values], unit
    )


def _measured(low: float, high: float, most: int, units: Iterable[tuple[float, str]]) -> Axis:
    step = step_of(high - low, most)
    factor, unit = _unit(max(abs(low), abs(high)), units)
    return Axis([Tick(value, _number(value / factor, step / factor)) for value in _multiples(low, high, step)], unit)


def _with_unit(axis: Axis) -> Axis:
    return Axis([Tick(at, f"{label} {axis.unit}" if at else "0") for at, label in axis.ticks], axis.unit)


def _unit(size: float, units: Iterable[tuple[float, str]]) -> tuple[float, str]:
    listed = list(units)
    return next((entry for entry in listed if size >= entry[0]), listed[-1])


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Each once: far from 0 floats lie further apart than fine steps.
    return list(dict.fromkeys(number * step for number in range(first, last + 1)))


def _number(value: float, step: float) -> str:
    """With as many digits as the step has, so that labels of one axis look alike."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{digits}f}"
