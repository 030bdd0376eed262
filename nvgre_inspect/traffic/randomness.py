"""Random numbers that depend on the seed and on their stream's name, and on nothing else.

    streams = Streams(seed)
    arrivals = streams.named("tenant/5001/web/arrivals")

Every part of a simulation draws from a stream of its own, so that adding a fault or a workload leaves the others'
numbers as they were. A stream is a `random.Random`; only `random()`, `getrandbits()` and the functions here may be
used: other methods of that class have changed between versions of Python.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


class Streams:
    """Independent random numbers by name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def named(self, name: str) -> random.Random:
        """The stream of that name from its start: asked for again, it begins again."""
        digest = hashlib.sha256(f"{self._seed}/{name}".encode()).digest()
        return random.Random(int.from_bytes(digest, "big"))


def streams(seed: int) -> Streams:
    """The streams of a seed."""
    return Streams(seed)


def below(stream: random.Random, limit: int) -> int:
    """A whole number from 0 to `limit` - 1, `limit` being at least 1 and at most 2^32."""
    return stream.getrandbits(64) * limit >> 64


def chance(stream: random.Random, probability: float) -> bool:
    """True with that probability; draws one number whatever it is."""
    return stream.random() < probability


def pick(stream: random.Random, items: Sequence[_Item]) -> _Item:
    """One of `items`, each as likely."""
    return items[below(stream, len(items))]
