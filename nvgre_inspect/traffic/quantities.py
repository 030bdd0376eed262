"""Quantities with units, as scenario files have them: `"20ms"`, `"10Gbit"`, `"64KiB"`, and numbers that are drawn.

Every one is a kind of value of `model.toml_keys`. Times are read exactly, to the nanosecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from nvgre_inspect.model.spelling import unknown_keys
from nvgre_inspect.model.toml_keys import Value, between, shown, value_of
from nvgre_inspect.traffic.workload_specs import Distribution

_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000, "h": 3_600_000_000_000}
_BITS = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_QUANTITY = re.compile(r"(-?\d{1,15}(?:\.\d{1,9})?)\s?([A-Za-z]{1,4})")
#: Ten years: more than any simulation lasts.
LONGEST_NS = 10 * 365 * 86_400 * 1_000_000_000
_LARGEST_BYTES = 1 << 40
_FASTEST_BPS = 10**13


def _quantity(given: object, units: Mapping[str, int], low: int, high: int) -> int:
    """The number of the smallest unit. Raises ValueError for what is none, or is not a whole number of it."""
    found = _QUANTITY.fullmatch(given) if isinstance(given, str) else None
    if found is None or found[2] not in units:
        raise ValueError
    number = Decimal(found[1]) * units[found[2]]
    if number != int(number) or not low <= number <= high:
        raise ValueError
    return int(number)


def nanoseconds(given: object) -> int:
    """The nanoseconds of a time as "20ms". Raises ValueError for what is none."""
    return _quantity(given, _NS, 0, LONGEST_NS)


def show(number: int, units: Mapping[str, int]) -> str:
    """The number with the largest unit of which it is a whole number; 0 with the smallest."""
    name = max((name for name in units if number % units[name] == 0 and number), key=units.__getitem__, default="")
    return f'"{number // units[name]}{name}"' if name else "0"


def _duration(low: int, rule: str) -> Value:
    return value_of(
        rule,
        lambda given: 0 if low <= 0 and _is_zero(given) else _quantity(given, _NS, low, LONGEST_NS),
        show=lambda ns: show(ns, _NS),
    )


#: Nanoseconds.
DURATION = _duration(0, 'a time as "20ms" (ns, us, ms, s, min, h)')
POSITIVE_DURATION = _duration(1, 'a time as "20ms" (ns, us, ms, s, min, h), more than 0')
OFFSET = _duration(-LONGEST_NS, 'a time as "20ms" or "-20ms" (ns, us, ms, s, min, h)')


def _rate(given: object) -> int:
    return 0 if _is_zero(given) else _quantity(given, _BITS, 1, _FASTEST_BPS)


def _is_zero(given: object) -> bool:
    return given == 0 and not isinstance(given, bool)


#: Bits per second.
BANDWIDTH = value_of('a rate per second as "10Gbit" (bit, kbit, Mbit, Gbit), or 0', _rate, lambda bps: show(bps, _BITS))


def size(low: int = 0, high: int = _LARGEST_BYTES) -> Value:
    """Bytes."""
    return value_of(
        f'{low} to {_in_words(high)} bytes, as 1500 or "64KiB" (B, kB, MB, GB, KiB, MiB, GiB)',
        lambda given: _bytes(given, low, high),
    )


def _in_words(number: int) -> str:
    return show(number, _BYTES).strip('"') if number >= 1 << 20 else str(number)


def _bytes(given: object, low: int, high: int) -> int:
    return _quantity(given, _BYTES, low, high) if isinstance(given, str) else between(given, low, high)


def _probability(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise ValueError
    return float(given)


PROBABILITY = value_of("a probability from 0 to 1", _probability)


# Numbers that are drawn

_KINDS = ("exponential", "pareto", "lognormal", "choice")
#: Keys that go with each.
_WITH = {
    "exponential": ("low", "high"),
    "pareto": ("shape", "low", "high"),
    "lognormal": ("sigma", "low", "high"),
    "choice": ("weights",),
}
_SHAPE = {"pareto": 1.5, "lognormal": 1.0}
_LARGEST_SHAPE = 100.0


def distribution(read_number: Value, example: str) -> Value:
    """Numbers that are drawn, each of which `read_number` reads."""
    rule = f"{read_number.rule}; or what it is drawn from, as {{ exponential = {example} }}"
    return Value(rule, lambda given, path, problems: _read(given, path, problems, read_number), _show(read_number))


def _read(given: object, path: str, problems: list[str], number: Value) -> Distribution | None:
    if not isinstance(given, dict):
        constant = number.read(given, path, problems)
        return None if constant is None else Distribution(mean=constant)
    kinds = [kind for kind in _KINDS if kind in given]
    if len(kinds) != 1:
        problems.append(f"{path}: has to have one of {', '.join(_KINDS)}, not {shown(given)}")
        return None
    kind = kinds[0]
    before = len(problems)
    problems.extend(unknown_keys(given, (kind, *_WITH[kind]), f"{path}."))
    read = _choice if kind == "choice" else _drawn
    result = read(kind, given, path, problems, number)
    return None if len(problems) > before else result


def _drawn(kind: Any, given: Mapping[str, Any], path: str, problems: list[str], number: Value) -> Distribution:
    name = "shape" if kind == "pareto" else "sigma"
    mean, low, high = (
        number.read(given[key], f"{path}.{key}", problems) if key in given else 0 for key in (kind, "low", "high")
    )
    shape = given.get(name, _SHAPE.get(kind, 0.0))
    least = 1.0 if kind == "pareto" else 0.0
    if not isinstance(shape, int | float) or isinstance(shape, bool) or not least <= shape <= _LARGEST_SHAPE:
        problems.append(f"{path}.{name}: has to be a number above {least:g}, not {shown(shape)}")
    elif kind == "pareto" and shape == least:
        problems.append(f"{path}.{name}: has to be above 1: below, the mean of a Pareto distribution is infinite")
    if low and high and low > high:
        problems.append(f"{path}.low: is above {path}.high")
    return Distribution(kind, mean or 0, float(shape) if isinstance(shape, int | float) else 0.0, low or 0, high or 0)


def _choice(kind: Any, given: Mapping[str, Any], path: str, problems: list[str], number: Value) -> Distribution:
    values, weights = given["choice"], given.get("weights", [])
    if not isinstance(values, list) or not values:
        problems.append(f"{path}.choice: has to be a list, not {shown(values)}")
        return Distribution(kind)
    read = tuple(number.read(item, f"{path}.choice[{i}]", problems) for i, item in enumerate(values))
    if not isinstance(weights, list) or (weights and len(weights) != len(values)):
        problems.append(f"{path}.weights: has to be a list as long as that of choice")
    elif not all(isinstance(weight, int) and not isinstance(weight, bool) and weight >= 0 for weight in weights):
        problems.append(f"{path}.weights: has to be whole numbers from 0 on")
    elif weights and not any(weights):
        problems.append(f"{path}.weights: one of them has to be above 0")
    else:
        return Distribution(kind, values=read, weights=tuple(weights))
    return Distribution(kind)


def _show(number: Value) -> Callable[[Any], str]:
    """As `number` is shown; the rest by name."""

    def text(drawn: Distribution) -> str:
        one = number.show or str
        if drawn.kind == "constant":
            return one(int(drawn.mean))
        named = {"pareto": "shape", "lognormal": "sigma"}.get(drawn.kind)
        parts = [f"{drawn.kind} = {one(int(drawn.mean))}"]
        parts += [f"{named} = {drawn.shape:g}"] if named else []
        parts += [f"{name} = {one(bound)}" for name, bound in (("low", drawn.low), ("high", drawn.high)) if bound]
        return "{ " + ", ".join(parts) + " }"

    return text
