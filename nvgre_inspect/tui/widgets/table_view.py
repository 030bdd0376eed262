"""How a table is looked at: the order of its rows, and where it stands."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sorting:
    """How the rows are ordered: by which shown column, and which way round."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What a table looks like and where it stands, to come back to. `cursor` is a row's key."""

    cursor: Hashable = None
    column: str = ""
    marked: frozenset[Hashable] = frozenset()
