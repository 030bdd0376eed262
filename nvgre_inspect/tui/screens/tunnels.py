"""Tunnels: one row per pair of provider addresses; Enter goes into one, `overlay` to the flows on it."""

from __future__ import annotations

from textual import on

from nvgre_inspect.display.text import escape
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.widgets.table import FrameTable


class TunnelsScreen(RowsScreen):
    """The table `tunnels`."""

    NAME = "tunnels"
    TABLE = "tunnels"
    TABLES = ("tunnels",)

    def _step(self) -> Step:
        ends = [str(self.value(name) or "-") for name in ("pa_src", "pa_dst")]
        return Step(Kind.TUNNEL, self.value("tunnel"), escape(" ↔ ".join(ends)))

    @on(FrameTable.Opened)
    def _open(self) -> None:
        if self.app.has_screen("tunnel_detail"):
            self.app.go("tunnel_detail", self.app.scope.into(self._step()))
        else:
            self.action_overlay()

    def action_overlay(self) -> None:
        """The flows on it, of all tenants; the flow that one came from stays selected."""
        if self.table.row_count:
            flow = self.app.scope.flow
            self.app.go("flows", Scope((self._step(),)))
            if flow is not None:
                self.app.select(flow)
