"""Sets of IP fragments: which fragments belong together, which of them wait for their first, and for how long.

Nothing is reassembled. Only a first fragment has ports (and, on the underlay, the whole tenant), so what the accountant
found for it is remembered, and later fragments are added to that. What is kept is bounded: sets, and fragments that
wait, have caps and a time limit (RFC 8200 section 4.5 allows 60 s), after which they are accounted on their own.

Limit: bytes are added up without looking at overlaps. Where fragments were captured twice, a set can be complete, and
forgotten, before its last fragment came; that one is then accounted on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nvgre_inspect.kernels.codes import FRAGMENT_TIMEOUT_NS
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.reference.frame import Fragment, FragmentKey, FrameRecord

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class FragmentSet(Generic[T]):
    """The fragments of one packet."""

    key: FragmentKey
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
    """All sets, oldest first. Methods that give sets up return the frames that waited in them."""

    def __init__(self, options: AccountOptions) -> None:
        self._options = options
        self._sets: dict[FragmentKey, FragmentSet[T]] = {}
        self._waiting = 0

    def known(self, key: FragmentKey) -> FragmentSet[T] | None:
        """The set of this key if its first fragment has come."""
        found = self._sets.get(key)
        return found if found is not None and found.first is not None else None

    def expire(self, now_ns: int) -> Iterator[FrameRecord]:
        """Gives up sets that are too old. Only the oldest is looked at: order is that of creation."""
        while self._sets:
            oldest = next(iter(self._sets.values()))
            if now_ns - oldest.created_ns <= FRAGMENT_TIMEOUT_NS:
                return
            yield from self.give_up_oldest()

    def give_up_all(self) -> Iterator[FrameRecord]:
        """At the end of the input."""
        while self._sets:
            yield from self.give_up_oldest()

    def give_up_oldest(self) -> list[FrameRecord]:
        """Forgets the oldest set."""
        oldest = next(iter(self._sets.values()))
        self.forget(oldest)
        return [frame for frame, _ in self.release(oldest)]

    def room_for_set(self, key: FragmentKey) -> Iterator[FrameRecord]:
        """Gives up sets until one of this key exists or can be made."""
        while key not in self._sets and len(self._sets) >= self._options.fragment_sets:
            yield from self.give_up_oldest()

    def room_for_waiting(self) -> Iterator[FrameRecord]:
        """Gives up sets until one more fragment can wait."""
        while self._waiting >= self._options.pending_fragments:
            yield from self.give_up_oldest()

    def open(self, key: FragmentKey, now_ns: int) -> FragmentSet[T]:
        """The set of this key, made if needed; call after `room_for_set`."""
        return self._sets.setdefault(key, FragmentSet(key, now_ns))

    def wait(self, fragments: FragmentSet[T], frame: FrameRecord, fragment: Fragment) -> None:
        """Keeps a fragment that came before its first; call after `room_for_waiting`."""
        fragments.waiting.append((frame, fragment))
        self._waiting += 1

    def release(self, fragments: FragmentSet[T]) -> list[tuple[FrameRecord, Fragment]]:
        """Takes out the fragments that wait."""
        waiting, fragments.waiting = fragments.waiting, []
        self._waiting -= len(waiting)
        return waiting

    def forget(self, fragments: FragmentSet[T]) -> None:
        """Drops a set, unless another one has its key by now."""
        if self._sets.get(fragments.key) is fragments:
            del self._sets[fragments.key]

    def forget_if_complete(self, fragments: FragmentSet[T]) -> None:
        """Drops a set of which all bytes have come."""
        if fragments.total is not None and fragments.received >= fragments.total:
            self.forget(fragments)
