"""What the worker that reads captures, and those that order tables, tell the screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from nvgre_inspect.flows.filter.present import Values
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Progress
    from nvgre_inspect.tui.loading import Outcome


@dataclass
class Loading(Message):
    """How far reading has come."""

    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """Only the last of several that wait is worth showing."""
        return isinstance(message, Loading)


@dataclass
class SnapshotTaken(Message):
    """A new Snapshot; the tables that the screen shows are built."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer Snapshot has all that an older one has."""
        return isinstance(message, SnapshotTaken)


@dataclass
class Loaded(Message):
    """Reading has ended."""

    outcome: Outcome


@dataclass
class ValuesFound(Message):
    """The values that are present, for completion."""

    values: Values


@dataclass
class MatchFound(Message):
    """A worker found the next row that shows `text`; None: none does."""

    text: str
    row: int | None


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected: rows of one table by their keys; the marked ones, else the one under the cursor."""

    #: Name of the table in `model.columns`.
    table: str
    #: A flow's, tunnel's or packet's number; a tenant's (encap, vsid); a finding's (code, encap, vsid, tunnel).
    keys: tuple[Any, ...]
    #: The column under the cursor, and its value there; empty where there is none.
    column: str = ""
    value: Any = None
