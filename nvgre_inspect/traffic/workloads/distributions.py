"""Numbers that are drawn from a scenario's distributions: sizes, times and counts.

By inversion from `random()` alone, which has been the same in all versions of Python, and rounded to whole numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from nvgre_inspect.traffic.randomness import below
from nvgre_inspect.traffic.workload_specs import Distribution

#: Where there is no other bound: tails must not become numbers that nothing else can hold.
_MOST = 1 << 62
_LARGEST_EXPONENT = 60.0


def draw(distribution: Distribution, stream: random.Random) -> int:
    """One number, at least 0, within the distribution's bounds."""
    value = _KINDS[distribution.kind](distribution, stream)
    value = max(value, distribution.low, 0)
    return min(value, distribution.high or _MOST)


def _constant(distribution: Distribution, stream: random.Random) -> int:
    return round(distribution.mean)


def _exponential(distribution: Distribution, stream: random.Random) -> int:
    return round(-distribution.mean * math.log(1 - stream.random()))


def _pareto(distribution: Distribution, stream: random.Random) -> int:
    least = distribution.mean * (distribution.shape - 1) / distribution.shape
    stretch: float = (1 - stream.random()) ** (1 / distribution.shape)
    return round(least / stretch)


def _lognormal(distribution: Distribution, stream: random.Random) -> int:
    if distribution.mean <= 0:
        return 0
    # Box and Muller; the mean is that of what is drawn, not of its logarithm.
    normal = math.sqrt(-2 * math.log(1 - stream.random())) * math.cos(2 * math.pi * stream.random())
    location = math.log(distribution.mean) - distribution.shape**2 / 2
    return round(math.exp(min(location + distribution.shape * normal, _LARGEST_EXPONENT)))


def _choice(distribution: Distribution, stream: random.Random) -> int:
    values = distribution.values
    if not distribution.weights:
        return values[below(stream, len(values))]
    left = below(stream, sum(distribution.weights))
    for value, weight in zip(values, distribution.weights, strict=True):
        left -= weight
        if left < 0:
            return value
    return values[-1]


_KINDS: dict[str, Callable[[Distribution, random.Random], int]] = {
    "constant": _constant,
    "exponential": _exponential,
    "pareto": _pareto,
    "lognormal": _lognormal,
    "choice": _choice,
}
