"""ColumnsDialog: which columns a table shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, SelectionList
from textual.widgets.selection_list import Selection

from nvgre_inspect.actions import Context
from nvgre_inspect.display.presented import Presented
from nvgre_inspect.tui.keymap import bindings


class ColumnsDialog(ModalScreen[list[str] | None]):
    """Answers with the names of the columns to show: those that were shown in their order, new ones behind them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    DEFAULT_CSS = """
    ColumnsDialog {
        align: center middle;
        & > Vertical { width: 76; max-width: 95%; height: 90%; border: round $border; background: $surface; }
        & SelectionList { height: 1fr; border: none; background: $surface; }
    }
    """

    def __init__(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        super().__init__()
        self._columns = columns
        self._shown = list(shown)

    def compose(self) -> ComposeResult:
        """All columns with what they mean."""
        width = max(len(column.heading) for column in self._columns.values())
        with Vertical() as box:
            box.border_title = "Columns: space chooses"
            yield SelectionList[str](
                *(
                    Selection(
                        Content.assemble(column.heading.ljust(width), "  ", (column.meaning, "dim")),
                        name,
                        name in self._shown,
                    )
                    for name, column in self._columns.items()
                )
            )
            yield Footer(show_command_palette=False)

    def action_dialog_confirm(self) -> None:
        """Show the chosen ones; none chosen changes nothing."""
        chosen = self.query_one(SelectionList).selected
        kept = [name for name in self._shown if name in chosen]
        self.dismiss(kept + [name for name in self._columns if name in chosen and name not in kept])

    def action_dialog_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
