"""CommandDialog: the `:` line, which asks for a frame's number or an action's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from nvgre_inspect.actions import Context
from nvgre_inspect.tui.keymap import bindings

if TYPE_CHECKING:
    from nvgre_inspect.tui.commands import Command


class CommandDialog(ModalScreen["Command | None"]):
    """One line at the bottom; answers with what was asked for, which is checked before."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    DEFAULT_CSS = """
    CommandDialog {
        align: center bottom;
        background: transparent;
        & > Vertical {
            width: 100%; height: auto; margin-bottom: 1; background: $surface;
            border: round $border; border-title-color: $accent;
        }
        & Input { width: 100%; background: $surface; }
        & Static { display: none; height: auto; color: $text-error; }
        & Static.-wrong { display: block; }
    }
    """

    def __init__(self, parse: Callable[[str], Command], names: Sequence[str]) -> None:
        """`parse` raises ValueError with a sentence for what cannot be done; `names` complete what is typed."""
        super().__init__()
        self._parse = parse
        self._names = names

    def compose(self) -> ComposeResult:
        """The line, and what is wrong with it."""
        with Vertical() as box:
            box.border_title = "Go to"
            yield Input(
                placeholder="a frame's number, or an action: flows, export, next_theme …",
                suggester=SuggestFromList(self._names, case_sensitive=False),
                compact=True,
            )
            yield Static(markup=False)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the line."""
        message.stop()
        self.action_dialog_confirm()

    def action_dialog_confirm(self) -> None:
        """Do it, or say why not."""
        try:
            command = self._parse(self.query_one(Input).value)
        except ValueError as error:
            wrong = self.query_one(Static)
            wrong.update(str(error))
            wrong.add_class("-wrong")
        else:
            self.dismiss(command)

    def on_input_changed(self) -> None:
        """Another try."""
        self.query_one(Static).remove_class("-wrong")

    def action_dialog_cancel(self) -> None:
        """Do nothing."""
        self.dismiss(None)
