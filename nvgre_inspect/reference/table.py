"""Table: rows in the order in which they were first needed, found by key, with a cap."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
#: New row of each old one that stays.
Moved = dict[int, int]


class Table(Generic[Row]):
    """Rows in the order in which they were first needed, found by key, at most `cap` of them."""

    def __init__(self, name: str, cap: int) -> None:
        self.name = name
        self.rows: list[Row] = []
        self._cap = cap
        self._numbers: dict[Hashable, int] = {}

    def find(self, key: Hashable) -> int:
        """Number of the newest row of this key, -1 if there is none."""
        return self._numbers.get(key, -1)

    def find_or_add(self, key: Hashable, make: Callable[[], Row]) -> int:
        """Number of the newest row of this key, made if needed; -1 if there is no room."""
        number = self.find(key)
        return number if number >= 0 else self.add(key, make)

    def add(self, key: Hashable, make: Callable[[], Row]) -> int:
        """Number of a new row, which from now on is the one of its key; -1 if there is no room."""
        if len(self.rows) >= self._cap:
            return -1
        self._numbers[key] = len(self.rows)
        self.rows.append(make())
        return len(self.rows) - 1

    def keep(self, moved: Moved, rekey: Callable[[Any], Hashable] = lambda key: key) -> None:
        """Only these rows stay, in their order, in the places that `moved` gives them; `rekey`: keys as they are now.

        A key of which the newest row has left finds none.
        """
        self.rows = [row for number, row in enumerate(self.rows) if number in moved]
        self._numbers = {rekey(key): moved[number] for key, number in self._numbers.items() if number in moved}
