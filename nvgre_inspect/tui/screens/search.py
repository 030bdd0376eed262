"""SearchDialog: asks for the text to look for in what is shown."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from nvgre_inspect.actions import Context
from nvgre_inspect.tui.keymap import bindings


class SearchDialog(ModalScreen[str | None]):
    """One line at the bottom; answers with the text."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    DEFAULT_CSS = """
    SearchDialog {
        align: center bottom;
        background: transparent;
        & > Input { width: 100%; height: 3; border: round $border; background: $surface; margin-bottom: 1; }
    }
    """

    def __init__(self, before: str = "") -> None:
        super().__init__()
        self._before = before

    def compose(self) -> ComposeResult:
        """The line."""
        line = Input(self._before, placeholder="text in what is shown; n and N go on", select_on_focus=True)
        line.border_title = "Search"
        yield line

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Look for it."""
        self.dismiss(message.value)

    def action_dialog_confirm(self) -> None:
        """Look for it."""
        self.dismiss(self.query_one(Input).value)

    def action_dialog_cancel(self) -> None:
        """Do not."""
        self.dismiss(None)
