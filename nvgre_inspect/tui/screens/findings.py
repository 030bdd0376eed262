"""Findings: what is odd; Enter goes to the first packet concerned."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd
from textual import on

from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import escape
from nvgre_inspect.display.values import Texts
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.steps import tunnel_step
from nvgre_inspect.tui.theme import severity
from nvgre_inspect.tui.widgets.table import FrameTable


class FindingsScreen(RowsScreen):
    """The table `findings`."""

    NAME = "findings"
    TABLE = "findings"
    TABLES = ("findings",)

    def columns(self) -> dict[str, Presented]:
        """Severities have a symbol as well as a colour."""
        columns = super().columns()
        return columns | {"severity": replace(columns["severity"], texts=partial(_severities, columns["severity"]))}

    def status(self) -> list[str]:
        """The evidence and the advice of the finding under the cursor."""
        words = super().status()
        return [*words, escape(self.value("summary")), escape(self.value("advice"))] if self.table.row_count else words

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


def _severities(column: Presented, rows: pd.DataFrame) -> Texts:
    words, _ = column.texts(rows)
    shown = [severity(word) for word in words]
    return [f"{one.symbol} {word}" for one, word in zip(shown, words, strict=True)], [one.style for one in shown]
