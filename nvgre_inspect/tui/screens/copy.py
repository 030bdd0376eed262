"""CopyDialog: asks which text is to be copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList

from nvgre_inspect.actions import Context
from nvgre_inspect.display.text import cells, escape, fit, pad
from nvgre_inspect.tui.keymap import bindings, bindings_of, first_key

#: Cells of a text that the dialog shows.
_PREVIEW = 50


class _Offers(OptionList, inherit_bindings=False):
    """The texts; the keys are those of tables."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("cursor_down", "cursor_up", "page_down", "page_up")


class CopyDialog(ModalScreen[int | None]):
    """Answers with the place of the text in the list; None: nothing is copied."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.DIALOG), *bindings_of("copy")]
    DEFAULT_CSS = """
    CopyDialog {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 95%; height: auto; max-height: 90%; background: $surface;
            border: round $border; border-title-color: $accent; border-subtitle-color: $text-muted;
        }
        & OptionList { height: auto; background: $surface; border: none; padding: 0 1;
            text-wrap: nowrap; text-overflow: ellipsis; &:focus { border: none; } }
    }
    """

    def __init__(self, offers: Sequence[tuple[str, str]]) -> None:
        """Titles and texts; the texts may come from a capture, and may be empty where they are made later."""
        super().__init__()
        self._offers = offers

    def compose(self) -> ComposeResult:
        """The texts, by title."""
        width = max(cells(title) for title, _ in self._offers)
        with Vertical() as box:
            box.border_title = "Copy"
            box.border_subtitle = (
                f"{first_key(self.app, 'dialog_confirm')} copies, {first_key(self.app, 'dialog_cancel')} does not"
            )
            yield _Offers(
                *(
                    Content.assemble(pad(escape(title), width), "  ", (fit(escape(text), _PREVIEW), "dim"))
                    for title, text in self._offers
                ),
                compact=True,
                markup=False,
            )

    def on_mount(self) -> None:
        """The first one is what most people want."""
        self.query_one(_Offers).highlighted = 0

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """A click."""
        self.dismiss(message.option_index)

    def action_dialog_confirm(self) -> None:
        """Copy the one that is highlighted."""
        self.dismiss(self.query_one(_Offers).highlighted)

    def action_copy(self) -> None:
        """The key that opened it, once more."""
        self.action_dialog_confirm()

    def action_dialog_cancel(self) -> None:
        """Copy nothing."""
        self.dismiss(None)
