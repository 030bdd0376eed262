"""Tunnels: one row per pair of provider addresses; Enter goes into one, `overlay` to the flows on it."""

from __future__ import annotations

from textual import on

from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.steps import tunnel_step
from nvgre_inspect.tui.widgets.table import FrameTable


class TunnelsScreen(RowsScreen):
    """The table `tunnels`."""

    NAME = "tunnels"
    TABLE = "tunnels"
    TABLES = ("tunnels",)

    @on(FrameTable.Opened)
    def _open(self) -> None:
        if self.table.row_count:
            self.app.go("tunnel_detail", self.app.scope.into(tunnel_step(self.row())))

    def action_overlay(self) -> None:
        """The flows on it, of all tenants; the flow that one came from stays selected."""
        if self.table.row_count:
            flow = self.app.scope.flow
            self.app.go("flows", Scope((tunnel_step(self.row()),)))
            if flow is not None:
                self.app.select(flow)
