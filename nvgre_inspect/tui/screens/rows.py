"""RowsScreen: a screen that is one table: scope, filter and order decide its rows, which a worker finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult

from nvgre_inspect.display.presented import presented, usual
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.order import order
from nvgre_inspect.flows.scoped import Narrow, rows_within
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.theme import style
from nvgre_inspect.tui.widgets.table import FrameTable, View

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.snapshot import Snapshot

#: What tells a row from all others, in every Snapshot of one session.
KEYS = {
    "flows": ("flow",),
    "tunnels": ("tunnel",),
    "tenants": ("encap", "vsid"),
    "findings": ("code", "encap", "vsid", "tunnel"),
}


class RowsScreen(InspectScreen):
    """A screen that is one table."""

    #: The table in `model.columns`.
    TABLE: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameTable(KEYS[self.TABLE], style_of=self._style, id="table")

    def _style(self, name: str) -> Style:
        return style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """The table."""
        yield self.table

    def on_mount(self) -> None:
        """Columns are known before there are rows."""
        columns = presented(TABLES[self.TABLE], self.app.settings.names, self.app.time_style)
        self.table.present(columns, usual(columns))
        self.table.focus()

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Find the rows again."""
        self.find_rows(snapshot)

    def _narrow(self) -> Narrow:
        scope = self.app.scope
        return Narrow(scope.tenant, scope.tunnel, scope.flow, scope.flow_id)

    @work(thread=True, exclusive=True, group="rows")
    def find_rows(self, snapshot: Snapshot) -> None:
        """Find the rows and their order, in a thread."""
        frame = snapshot.table(self.TABLE)
        positions = rows_within(snapshot, self.TABLE, self._narrow())
        sorting = self.table.sorting
        if sorting is not None:
            columns = self.table.presented[sorting.column].columns
            rows = frame if positions is None else frame.iloc[positions]
            ordered = order(rows, TABLES[self.TABLE], columns, descending=sorting.descending)
            positions = ordered if positions is None else positions[ordered]
        self.app.call_from_thread(self._show_rows, frame, positions)

    def _show_rows(self, frame: pd.DataFrame, positions: npt.NDArray[np.int64] | None) -> None:
        self.table.show(frame, positions)
        self._say()

    @on(FrameTable.Sorted)
    def _sort(self, message: FrameTable.Sorted) -> None:
        self.table.show_sorting(message.sorting)
        if self.app.snapshot is not None:
            self.find_rows(self.app.snapshot)

    @on(FrameTable.Moved)
    def _say(self) -> None:
        rows = self.table.row_count
        words = [f"{self.table.cursor_row + 1:,} of {counted(rows, *_NOUNS[self.TABLE])}" if rows else "no rows"]
        if self.table.marked:
            words.append(f"{len(self.table.marked):,} marked")
        self.show_status(" · ".join(words))

    def selection(self) -> Selection | None:
        """The marked rows, else the one under the cursor."""
        if not self.table.row_count:
            return None
        keys = tuple(self.table.marked) or (self.table.cursor_key,)
        name = self.table.cell_column
        return Selection(self.TABLE, keys, name, self.table.rows.value(self.table.cursor_row, name))

    def remember(self) -> View:
        """Cursor, marks and columns."""
        return self.table.view()

    def recall(self, place: Any) -> None:
        """The cursor where it was."""
        self.table.recall(place or View())

    # --- steps of the scope ------------------------------------------------------------------------------------------

    def value(self, name: str) -> Any:
        """The value of a column in the row under the cursor."""
        return self.table.rows.value(self.table.cursor_row, name)

    def into(self, kind: Kind, key: Any, label: str) -> Scope:
        """The app's scope with one step more."""
        return self.app.scope.into(Step(kind, key, label))


_NOUNS = {
    "flows": ("flow", "flows"),
    "tunnels": ("tunnel", "tunnels"),
    "tenants": ("tenant", "tenants"),
    "findings": ("finding", "findings"),
}
