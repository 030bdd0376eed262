"""Words for what was learnt: numbers of the tables as addresses and times, and lists that do not grow without end."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from nvgre_inspect.encapsulation.policy import Address

#: Items that a sentence lists.
LISTED = 5


def address_of(version: int, *words: int) -> Address | None:
    """The address of an IP version and four words; None for version 0."""
    if version == 4:
        return IPv4Address(words[3])
    return IPv6Address(struct.pack(">4I", *words)) if version == 6 else None


def mac_of(number: int) -> bytes | None:
    """The MAC address of a 48-bit number; None for -1 and for group addresses, which no station has."""
    return None if number < 0 or number >> 40 & 1 else number.to_bytes(6, "big")


def time_of(ts_ns: int) -> str:
    """UTC, as exports have it: `2026-01-02T03:04:05.123456789Z`."""
    return f"{np.datetime64(ts_ns, 'ns')}Z"


def listed(items: Sequence[str]) -> str:
    """`a, b, c and 12 more`."""
    more = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" and {more:,} more" if more > 0 else "")


def frames(count: int) -> str:
    """`1 frame`, `2,345 frames`."""
    return f"{count:,} frame{'' if count == 1 else 's'}"


class Notes:
    """Sentences for the user, of each kind only as many as somebody reads."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._told: Counter[str] = Counter()

    def add(self, sentence: str, kind: str = "") -> None:
        """`kind`: what there may be many of, in the plural: `addresses that moved`."""
        if kind:
            self._told[kind] += 1
        if not kind or self._told[kind] <= LISTED:
            self._sentences.append(sentence)

    def count(self, number: int, what: str) -> None:
        """`2 frames {what}`; nothing for 0."""
        if number:
            self.add(f"{frames(number)} {what}")

    def all(self) -> list[str]:
        """The sentences in their order, and how many more there were."""
        more = [f"{told - LISTED:,} more {kind}" for kind, told in self._told.items() if told > LISTED]
        return self._sentences + more
