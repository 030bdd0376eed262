"""PanesScreen: a screen of several parts that can be gone through, of which one can fill it, and some are tables.

The tables show the largest of something, and have neither a filter nor an order of the user's own: the screens of all
rows do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from textual import on
from textual.widget import Widget

from nvgre_inspect.display.text import counted
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.tui.copyables import of_rows
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.row_sharing import packets_of, rows_of, texts_of
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.sharing import Copyable, Packets, Rows
from nvgre_inspect.tui.widgets.table import FrameTable


class PanesScreen(InspectScreen):
    """What moves between the parts, and what is selected in them."""

    # --- hooks -------------------------------------------------------------------------------------------------------

    def panes(self) -> Sequence[Widget]:
        """The parts that can have the focus, in order."""
        return ()

    def tables(self) -> Mapping[str, FrameTable]:
        """Those of them that are tables, by their names in `model.columns`."""
        return {}

    # --- between the parts -------------------------------------------------------------------------------------------

    def action_next_pane(self) -> None:
        """To the next pane."""
        self._beside(1)

    def action_previous_pane(self) -> None:
        """To the pane before."""
        self._beside(-1)

    def _beside(self, step: int) -> None:
        panes = [pane for pane in self.panes() if pane.focusable]
        if not panes:
            return
        place = panes.index(self.focused) + step if self.focused in panes else 0
        pane = panes[place % len(panes)]
        if self.maximized is not None:
            self.minimize()
            pane.focus()
            self.maximize(pane)
        else:
            pane.focus()

    def action_maximise(self) -> None:
        """The pane fills the screen, and back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None and self.focused in self.panes():
            self.maximize(self.focused)

    # --- what is selected --------------------------------------------------------------------------------------------

    def here(self) -> str | None:
        """The name of the table that has the focus, if it has rows."""
        return next((name for name, table in self.tables().items() if table.has_focus and table.row_count), None)

    def row(self, name: str) -> dict[str, Any]:
        """The row under the cursor of that table, by column."""
        table = self.tables()[name]
        return {column: table.rows.value(table.cursor_row, column) for column in table.rows.data.columns}

    def selection(self) -> Selection | None:
        """The marked rows of the table that has the focus, else the one under its cursor."""
        name = self.here()
        if name is None:
            return None
        table = self.tables()[name]
        column = table.cell_column
        value = table.rows.value(table.cursor_row, column) if column in TABLES[name] else None
        return Selection(name, tuple(table.marked) or (table.cursor_key,), column, value)

    def rows_to_export(self) -> Rows | None:
        """The rows of the table that has the focus."""
        name = self.here()
        return None if name is None else rows_of(name, self.tables()[name])

    def packets_to_save(self) -> Packets | None:
        """Those of what is selected."""
        selected, snapshot = self.selection(), self.app.snapshot
        if selected is None or snapshot is None:
            return None
        if selected.table == "packets":
            numbers = np.array(selected.keys, dtype=np.int64)
            return Packets(counted(len(numbers), "packet"), lambda _: numbers)
        return packets_of(selected.table, selected.keys, snapshot, self.app.session.pages(snapshot))

    def copyables(self) -> list[Copyable]:
        """The cell under the cursor, where it is a column of the table, and the selected rows."""
        selected = self.selection()
        if selected is None:
            return []
        table = self.tables().get(selected.table)
        if table is None:
            return self.copyables_of(selected)
        offers = texts_of(selected.table, table, selected.keys, "")
        return offers if selected.column in TABLES[selected.table] else offers[2:]

    def copyables_of(self, selected: Selection) -> list[Copyable]:
        """What can be copied of a selection that is in no table."""
        snapshot = self.app.snapshot
        if snapshot is None or selected.table not in ("flows", "tunnels"):
            return []
        number = int(selected.keys[0])
        row = snapshot.state.flow_row(number) if selected.table == "flows" else number - 1
        return of_rows(selected.table, selected.keys, lambda: snapshot.table(selected.table).iloc[row : row + 1])

    @on(FrameTable.Sorted)
    @on(FrameTable.CellFiltered)
    @on(FrameTable.ColumnsAsked)
    def _explain_tables(self) -> None:
        self.explain("this is a part, the largest first: 2, 3 and 4 have all rows, to sort and to filter")
