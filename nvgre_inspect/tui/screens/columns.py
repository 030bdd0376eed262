"""ColumnsDialog: which columns a table shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList

from nvgre_inspect.actions import Context
from nvgre_inspect.display.presented import Presented
from nvgre_inspect.keys import shown
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from nvgre_inspect.tui.app import InspectApp

_KEYS = {"cursor_down", "cursor_up", "page_down", "page_up", "top", "bottom", "mark"}


class _Choice(OptionList, inherit_bindings=False):
    """Columns with a tick at the chosen ones; the keys are those of tables."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in bindings(Context.TABLE) if isinstance(binding, Binding) and binding.id in _KEYS
    ]

    def __init__(self, columns: Mapping[str, Presented], chosen: Sequence[str]) -> None:
        self._columns = list(columns.values())
        self._width = max(len(column.heading) for column in self._columns)
        self.chosen = set(chosen)
        super().__init__(*map(self._line, self._columns))

    def _line(self, column: Presented) -> Content:
        tick = "✓" if column.name in self.chosen else " "
        return Content.assemble((tick, "bold $success"), f" {column.heading:{self._width}}  ", (column.meaning, "dim"))

    def action_mark(self) -> None:
        """Choose the column, or not any more."""
        if self.highlighted is not None:
            column = self._columns[self.highlighted]
            self.chosen ^= {column.name}
            self.replace_option_prompt_at_index(self.highlighted, self._line(column))

    def action_top(self) -> None:
        """To the first column."""
        self.action_first()

    def action_bottom(self) -> None:
        """To the last column."""
        self.action_last()


def arranged(known: Sequence[str], before: Sequence[str], chosen: Collection[str]) -> list[str]:
    """The chosen names: those of `before` in their order, each new one behind its neighbour to the left in `known`."""
    names = [name for name in before if name in chosen]
    for place, name in enumerate(known):
        if name in chosen and name not in names:
            neighbour = next((left for left in reversed(known[:place]) if left in names), None)
            names.insert(0 if neighbour is None else names.index(neighbour) + 1, name)
    return names


class ColumnsDialog(ModalScreen[list[str] | None]):
    """Answers with the names of the columns to show, in order; None: as before."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    app: InspectApp
    DEFAULT_CSS = """
    ColumnsDialog {
        align: center middle;
        & > Vertical { width: 76; max-width: 95%; height: 90%; border: round $border; background: $surface; }
        & OptionList {
            height: 1fr;
            background: $surface;
            text-wrap: nowrap;
            text-overflow: ellipsis;
            border: none;
            &:focus { border: none; }
        }
    }
    """

    def __init__(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        super().__init__()
        self._columns = columns
        self._shown = list(shown)

    def compose(self) -> ComposeResult:
        """All columns with what they mean."""
        with Vertical() as box:
            box.border_title = "Columns"
            box.border_subtitle = f"{shown(self.app.keys['mark'][0])} chooses"
            yield _Choice(self._columns, self._shown)
            yield KeyLine()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """A click."""
        self.query_one(_Choice).action_mark()

    def action_dialog_confirm(self) -> None:
        """Show the chosen ones; none chosen changes nothing."""
        self.dismiss(arranged(list(self._columns), self._shown, self.query_one(_Choice).chosen))

    def action_dialog_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
