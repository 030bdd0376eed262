"""Ways of frames by their addresses: the policy is asked once for each pair, and remembered as arrays."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import Address, Encapsulation
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.encapsulation.wrapping import Ints
from nvgre_inspect.kernels import inner_frame, rewrite
from nvgre_inspect.kernels.intern import intern, reindex

_NOTHING = np.zeros(0, np.int64)


class Way(NamedTuple):
    """What becomes of the frames between two addresses: a reason, or the subnet and the legs (rows) that they take."""

    reason: str | None
    vsid: int | None = None
    legs: tuple[int, ...] = ()


class Keys:
    """Numbers of keys, over `kernels.intern`."""

    def __init__(self) -> None:
        self._seed = secrets.randbits(63)
        self.used = 0
        self._table = np.zeros((0, inner_frame.KEY_WORDS), np.uint32)
        self._index = np.zeros(0, np.int32)

    def numbers(self, keys: npt.NDArray[np.uint32]) -> Ints:
        """int64[len(keys)]: their numbers; new ones follow those that were there."""
        self._make_room(len(keys))
        out = np.empty(len(keys), np.int64)
        self.used = int(intern(keys, self._seed, self._table, self._index, self.used, out))
        return out

    def words(self, number: int) -> list[int]:
        """The words of a key."""
        words: list[int] = self._table[number].tolist()
        return words

    def _make_room(self, more: int) -> None:
        if self.used + more <= len(self._table):
            return
        room = max(2 * (self.used + more), 1 << 12)
        table = np.zeros((room, inner_frame.KEY_WORDS), np.uint32)
        table[: self.used] = self._table[: self.used]
        self._table = table
        self._index = np.full(1 << (2 * room - 1).bit_length(), -1, np.int32)
        reindex(self._table, self._seed, self.used, self._index)


class Ways:
    """The ways that were found, as arrays with one entry per way."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        #: Of each way: how many legs it has (0: there is a reason), where they are in `flat`, and the identifier or -1.
        self.legs, self.first, self.vsid = _NOTHING, _NOTHING, _NOTHING
        self.flat = _NOTHING

    @property
    def count(self) -> int:
        """Ways so far."""
        return len(self.reasons)

    def add(self, ways: list[Way]) -> None:
        """More of them."""
        if not ways:
            return
        legs = np.array([len(way.legs) for way in ways], np.int64)
        flat = np.array([leg for way in ways for leg in way.legs], np.int64)
        vsid = np.array([-1 if way.vsid is None else way.vsid for way in ways], np.int64)
        self.reasons += [way.reason or "" for way in ways]
        self.legs = np.concatenate([self.legs, legs])
        self.first = np.concatenate([self.first, len(self.flat) + np.cumsum(legs) - legs])
        self.vsid = np.concatenate([self.vsid, vsid])
        self.flat = np.concatenate([self.flat, flat])


class Legs:
    """The legs in use: what of their frames is always the same, and the counters of their senders and tunnels."""

    def __init__(self, encapsulation: Encapsulation) -> None:
        self._encapsulation = encapsulation
        self._rows: dict[tuple[Address, Address, int | None], int] = {}
        self._senders: dict[Address, int] = {}
        self._prefixes: list[bytes] = []
        self._sender_of: list[int] = []
        self._families: list[int] = []
        self._idents = np.zeros(0, np.int64)
        self._sequences = np.zeros(0, np.int64)
        self._arrays: tuple[npt.NDArray[np.uint8], Ints, Ints, Ints, Ints] | None = None

    def row(self, leg: Leg, vsid: int | None) -> int:
        """The number of a leg for the frames of one subnet."""
        way = (leg.src.pa, leg.dst, vsid)
        row = self._rows.get(way)
        if row is None:
            row = self._rows[way] = len(self._rows)
            self._prefixes.append(outer.prefix(self._encapsulation, leg))
            self._sender_of.append(self._senders.setdefault(leg.src.pa, len(self._senders)))
            self._families.append(leg.dst.version)
            self._arrays = None
        return row

    def arrays(self) -> tuple[npt.NDArray[np.uint8], Ints, Ints, Ints, Ints]:
        """All prefixes in a row; of each leg, where its own starts and how long it is, its sender, its IP version."""
        if self._arrays is None:
            lengths = np.array([len(prefix) for prefix in self._prefixes], np.int64)
            self._arrays = (
                np.frombuffer(b"".join(self._prefixes) + b"\0", np.uint8).copy(),
                np.cumsum(lengths) - lengths,
                lengths,
                np.array(self._sender_of, np.int64),
                np.array(self._families, np.int64),
            )
        return self._arrays

    def count(self, legs: Ints) -> tuple[Ints, Ints]:
        """IPv4 identifications and sequence numbers of the next frames on these legs."""
        self._idents = _longer(self._idents, len(self._senders))
        self._sequences = _longer(self._sequences, len(self._rows))
        senders = self.arrays()[3]
        idents, sequences = np.empty(len(legs), np.int64), np.empty(len(legs), np.int64)
        rewrite.number(senders[legs], self._idents, idents)
        rewrite.number(legs, self._sequences, sequences)
        return idents, sequences


def _longer(array: Ints, size: int) -> Ints:
    return np.concatenate([array, np.zeros(max(size - len(array), 0), np.int64)])
