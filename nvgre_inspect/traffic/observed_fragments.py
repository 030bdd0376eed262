"""FragmentSets: which fragments belong together, as they pass a point (docs/accounting.md, "Fragments").

A set is what passed of one fragmented packet. What comes before its first fragment waits, for 30 s at most.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from nvgre_inspect.traffic.frame_facts import Facts
from nvgre_inspect.traffic.observed_flow import ObservedFlow, Tunnel

_GIVE_UP_NS = 30_000_000_000


class Sighting(NamedTuple):
    """A frame that passed a point."""

    ns: int
    facts: Facts
    tunnel: Tunnel | None
    #: Bytes of the tenant's frame.
    length: int
    wire_length: int
    #: Anomalies, a mask.
    mask: int
    #: Number of the packet, and of its TCP connection (0: none that is known).
    serial: int
    connection: int = 0


class Place(NamedTuple):
    """To which flow a packet belongs, and the side that sent it."""

    flow: ObservedFlow
    side: int


@dataclass(slots=True, eq=False)
class FragmentSet:
    """What was seen of one packet's fragments."""

    since_ns: int
    #: That of the first fragment; None: it was not seen.
    place: Place | None = None
    waiting: list[Sighting] = field(default_factory=list)
    #: Bytes that were seen, and how many there are; -1: not known.
    seen: int = 0
    total: int = -1


class FragmentSets:
    """Those of one point, in the order in which they began."""

    def __init__(self) -> None:
        self._sets: dict[Hashable, FragmentSet] = {}

    def place(self, key: Hashable) -> Place | None:
        """That of the first fragment, if it was seen."""
        known = self._sets.get(key)
        return None if known is None else known.place

    def of_first(self, key: Hashable, ns: int) -> FragmentSet:
        """The set of a first fragment that passes at `ns`: a new one, if one with this key had its first already."""
        known = self._sets.get(key)
        if known is None or known.place is not None:
            self._sets.pop(key, None)
            known = self._sets[key] = FragmentSet(ns)
        return known

    def of_later(self, key: Hashable, ns: int) -> FragmentSet:
        """The set of a later fragment."""
        return self._sets.setdefault(key, FragmentSet(ns))

    def add(self, key: Hashable, offset: int, length: int, *, more: bool) -> None:
        """A fragment of the set was seen; once that is all, the set is forgotten."""
        known = self._sets[key]
        known.seen += length
        if not more:
            known.total = offset + length
        if known.place is not None and 0 <= known.total <= known.seen:
            del self._sets[key]

    def given_up(self, ns: int) -> Iterator[Sighting]:
        """What has waited for too long at `ns`; the sets are forgotten."""
        while self._sets:
            key, oldest = next(iter(self._sets.items()))
            if ns - oldest.since_ns <= _GIVE_UP_NS:
                return
            del self._sets[key]
            yield from oldest.waiting

    def all_waiting(self) -> Iterator[Sighting]:
        """Everything that waits; all sets are forgotten."""
        for known in self._sets.values():
            yield from known.waiting
        self._sets.clear()
