"""Findings: what is odd; Enter goes to the first packet concerned."""

from __future__ import annotations

from textual import on

from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.widgets.table import FrameTable


class FindingsScreen(RowsScreen):
    """The table `findings`."""

    NAME = "findings"
    TABLE = "findings"
    TABLES = ("findings",)

    @on(FrameTable.Opened)
    def _open(self) -> None:
        frames = self.value("frames")
        if frames and self.app.has_screen("packets"):
            self.app.go("packets", Scope((Step(Kind.PACKET, frames[0], f"packet {frames[0]}"),)))
