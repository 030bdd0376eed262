"""KeyNumbers: numbers for keys of fixed width, a batch at a time: a dictionary without a Python step per frame.

A hash says where to look, the keys are compared whole. Its multipliers are this process's own; keys that share a hash
all the same are found by a dictionary, as are those of a batch that were not seen before.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


class KeyNumbers:
    """Numbers keys from 0 in the order in which they appear."""

    def __init__(self, width: int) -> None:
        """Keys are rows of `width` uint64, as few and as full as can be: each word takes its time."""
        self._multipliers = np.array([secrets.randbits(64) | 1 for _ in range(width)], dtype=np.uint64)
        self._numbers: dict[bytes, int] = {}
        self._keys: Keys = np.zeros((0, width), dtype=np.uint64)
        #: Hashes in order, and the number of each.
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._found = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        """How many keys have a number."""
        return len(self._numbers)

    def of(self, keys: Keys, limit: int) -> npt.NDArray[np.int64]:
        """int64 per row of `keys`; -1 for a key that is new when `limit` keys have a number."""
        hashes = (keys * self._multipliers).sum(axis=1, dtype=np.uint64)
        numbers = self._look_up(keys, hashes)
        missing = np.flatnonzero(numbers < 0)
        if len(missing):
            _, first, group = np.unique(keys[missing], axis=0, return_index=True, return_inverse=True)
            of_group = np.zeros(len(first), dtype=np.int64)
            for i in np.argsort(first).tolist():
                of_group[i] = self._number(keys[missing[first[i]]].tobytes(), limit)
            numbers[missing] = of_group[group.reshape(-1)]
            self._index()
        return numbers

    def key(self, number: int) -> list[int]:
        """The key that has the number."""
        words: list[int] = self._keys[number].tolist()
        return words

    def _look_up(self, keys: Keys, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        if not len(self._hashes):
            return np.full(len(keys), -1, dtype=np.int64)
        at = np.searchsorted(self._hashes, hashes)
        at[at == len(self._hashes)] = 0
        numbers = self._found[at]
        same = (self._hashes[at] == hashes) & (self._keys[numbers] == keys).all(axis=1)
        return np.where(same, numbers, -1)

    def _number(self, key: bytes, limit: int) -> int:
        number = self._numbers.get(key)
        if number is not None:
            return number
        if len(self._numbers) >= limit:
            return -1
        return self._numbers.setdefault(key, len(self._numbers))

    def _index(self) -> None:
        """Make what was added findable by hash."""
        added = len(self._numbers) - len(self._keys)
        if not added:
            return
        new = [key for key, _ in zip(reversed(self._numbers), range(added), strict=False)][::-1]
        self._keys = np.concatenate([self._keys, np.frombuffer(b"".join(new), np.uint64).reshape(added, -1)])
        hashes = (self._keys * self._multipliers).sum(axis=1, dtype=np.uint64)
        self._found = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._found]
