"""Flows: one row per conversation; Enter goes into one, `underlay` to the tunnels that carry it."""

from __future__ import annotations

from textual import on

from nvgre_inspect.display.text import escape
from nvgre_inspect.tui.scope import Kind, Scope
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.widgets.table import FrameTable


class FlowsScreen(RowsScreen):
    """The table `flows`."""

    NAME = "flows"
    TABLE = "flows"
    TABLES = ("flows",)

    def _flow(self) -> Scope:
        number = self.value("flow")
        ends = [str(self.value(f"{side}_ip") or self.value(f"{side}_mac") or "-") for side in ("src", "dst")]
        return self.into(Kind.FLOW, number, f"{escape(' ↔ '.join(ends))} (flow {number})")

    @on(FrameTable.Opened)
    def _open(self) -> None:
        if self.table.row_count:
            self.app.go(next(filter(self.app.has_screen, ("flow_detail", "packets", "tunnels"))), self._flow())

    def action_underlay(self) -> None:
        """The tunnels that carry it."""
        if self.table.row_count:
            self.app.go("tunnels", self._flow())
