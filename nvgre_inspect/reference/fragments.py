"""Sets of IP fragments: which fragments belong together, which of them wait for their first, and for how long.

Nothing is reassembled. Only a first fragment has ports (and, on the underlay, the whole tenant), so what the accountant
found for it is remembered, and later fragments are added to that. What is kept is bounded: sets, and fragments that
wait, have caps and a time limit (RFC 8200 section 4.5 allows 60 s), after which they are accounted on their own.

Limit: bytes are added up without looking at overlaps. Where fragments were captured twice, a set can be complete, and
forgotten, before its last fragment came; that one is then accounted on its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nvgre_inspect.kernels.codes import FRAGMENT_TIMEOUT_NS
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.reference.frame import Fragment, FrameRecord

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class FragmentSet(Generic[T]):
    """The fragments of one packet."""

    key: Hashable
    #: Time of the fragment that came first.
    created_ns: int
    #: What was found for the fragment at offset 0; None as long as it has not come.
    first: T | None = None
    #: Whether the fragments make one packet (underlay) or are one each (inner).
    merged: bool = False
    #: Fragments that came before the first, in order of arrival.
    waiting: list[tuple[FrameRecord, Fragment]] = field(default_factory=list)
    #: Bytes of all fragments so far, and of the whole packet once the last fragment told.
    received: int = 0
    total: int | None = None

    def count(self, fragment: Fragment) -> None:
        """Adds a fragment's bytes."""
        self.received += fragment.length
        if not fragment.more:
            self.total = fragment.offset + fragment.length


class FragmentSets(Generic[T]):
    """All sets, oldest first. Frames that waited in sets that were given up are collected until they are taken."""

    def __init__(self, options: AccountOptions) -> None:
        self._options = options
        self._sets: dict[Hashable, FragmentSet[T]] = {}
        self._waiting = 0
        self._given_up: list[FrameRecord] = []

    def expire(self, now_ns: int) -> None:
        """Gives up sets that are too old. Only the oldest is looked at: order is that of creation."""
        while self._sets:
            oldest = next(iter(self._sets.values()))
            if now_ns - oldest.created_ns <= FRAGMENT_TIMEOUT_NS:
                return
            self._give_up_oldest()

    def give_up_all(self) -> None:
        """At the end of the input."""
        while self._sets:
            self._give_up_oldest()

    def take_given_up(self) -> list[FrameRecord]:
        """The frames that have been given up since the last call."""
        taken, self._given_up = self._given_up, []
        return taken

    def firsts(self) -> list[T]:
        """What was found for the first fragments of packets of which further ones are expected."""
        return [known.first for known in self._sets.values() if known.first is not None]

    def open_first(self, key: Hashable, now_ns: int) -> FragmentSet[T]:
        """The set of a first fragment. One that has a first already is another packet's, and forgotten."""
        known = self._known(key)
        if known is not None:
            self._forget(known)
        return self._open(key, now_ns)

    def continue_known(self, key: Hashable, fragment: Fragment) -> FragmentSet[T] | None:
        """The set of a later fragment if its first is known; forgotten if this was the last that it needed."""
        known = self._known(key)
        if known is not None:
            known.count(fragment)
            self._forget_if_complete(known)
        return known

    def wait(self, key: Hashable, frame: FrameRecord, fragment: Fragment) -> None:
        """Keeps a fragment that came before its first."""
        while self._waiting >= self._options.pending_fragments:
            self._give_up_oldest()
        fragments = self._open(key, frame.ts_ns)
        fragments.count(fragment)
        fragments.waiting.append((frame, fragment))
        self._waiting += 1

    def remember_first(
        self, fragments: FragmentSet[T], fragment: Fragment, first: T, *, merged: bool
    ) -> list[tuple[FrameRecord, Fragment]]:
        """The first fragment was accounted. Returns those that waited for it."""
        fragments.first, fragments.merged = first, merged
        fragments.count(fragment)
        waiting = self._release(fragments)
        self._forget_if_complete(fragments)
        return waiting

    def _known(self, key: Hashable) -> FragmentSet[T] | None:
        found = self._sets.get(key)
        return found if found is not None and found.first is not None else None

    def _open(self, key: Hashable, now_ns: int) -> FragmentSet[T]:
        """The set of this key, made if needed."""
        while key not in self._sets and len(self._sets) >= self._options.fragment_sets:
            self._give_up_oldest()
        return self._sets.setdefault(key, FragmentSet(key, now_ns))

    def _give_up_oldest(self) -> None:
        oldest = next(iter(self._sets.values()))
        self._forget(oldest)
        self._given_up += [frame for frame, _ in self._release(oldest)]

    def _release(self, fragments: FragmentSet[T]) -> list[tuple[FrameRecord, Fragment]]:
        waiting, fragments.waiting = fragments.waiting, []
        self._waiting -= len(waiting)
        return waiting

    def _forget_if_complete(self, fragments: FragmentSet[T]) -> None:
        if fragments.total is not None and fragments.received >= fragments.total:
            self._forget(fragments)

    def _forget(self, fragments: FragmentSet[T]) -> None:
        """Drops a set, unless it was given up and another one has its key by now."""
        if self._sets.get(fragments.key) is fragments:
            del self._sets[fragments.key]
