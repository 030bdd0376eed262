"""Flows: one row per conversation; Enter goes into one, `underlay` to the tunnels that carry it.

The heaviest stand first, unless they are of traffic that still comes: rows that change places all the time cannot be
read.
"""

from __future__ import annotations

from textual import on

from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.steps import flow_step
from nvgre_inspect.tui.widgets.table import FrameTable
from nvgre_inspect.tui.widgets.table_view import Sorting


class FlowsScreen(RowsScreen):
    """The table `flows`."""

    NAME = "flows"
    TABLE = "flows"
    TABLES = ("flows",)

    def on_mount(self) -> None:
        """The order is there before the rows."""
        if not self.app.session.is_live:
            self.table.show_sorting(Sorting("bytes", descending=True))

    def _scope(self) -> Scope:
        return self.app.scope.into(flow_step(self.row()))

    @on(FrameTable.Opened)
    def _open(self) -> None:
        if self.table.row_count:
            self.app.go("flow_detail", self._scope())

    def action_underlay(self) -> None:
        """The tunnels that carry it."""
        if self.table.row_count:
            self.app.go("tunnels", self._scope())
