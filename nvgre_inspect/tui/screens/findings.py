"""Findings: what is odd; Enter goes to the first packet concerned."""

from __future__ import annotations

from textual import on

from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.steps import tunnel_step
from nvgre_inspect.tui.widgets.table import FrameTable


class FindingsScreen(RowsScreen):
    """The table `findings`."""

    NAME = "findings"
    TABLE = "findings"
    TABLES = ("findings",)

    @on(FrameTable.Opened)
    def _open(self) -> None:
        if self.table.row_count:
            first = self.value("frames")[0]
            self.app.go("packets", Scope((Step(Kind.PACKET, first, f"packet {first}"),)))

    def action_underlay(self) -> None:
        """The tunnel that it was seen on."""
        number = self.value("tunnel") if self.table.row_count else None
        if number is None or self.app.snapshot is None:
            self.explain("this was seen outside any tunnel")
            return
        row = self.app.snapshot.tunnels.iloc[number - 1]
        self.app.go("tunnels", Scope((tunnel_step(row),)))
