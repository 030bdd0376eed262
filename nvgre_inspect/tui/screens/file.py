"""FileDialog: asks for the name of a file to write; what exists is replaced only when that was said twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from nvgre_inspect.actions import Context
from nvgre_inspect.display.text import escape
from nvgre_inspect.tui.keymap import bindings, first_key


@dataclass(frozen=True, slots=True)
class FileChoice:
    """Where to write."""

    path: Path
    #: One of the formats that were offered.
    format: str
    #: Whether what is there is to be replaced.
    force: bool


class FileDialog(ModalScreen[FileChoice | None]):
    """Answers with the place; None: nothing is to be written."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    DEFAULT_CSS = """
    FileDialog {
        align: center middle;
        & > Vertical {
            width: 70; max-width: 95%; height: auto; padding: 0 1; background: $surface;
            border: round $border; border-title-color: $accent; border-subtitle-color: $text-muted;
        }
        & Input { width: 100%; background: $panel; }
        & #file-words { height: auto; color: $text-muted; }
        & #file-words.-wrong { color: $text-error; }
        & #file-words.-sure { color: $text-warning; }
    }
    """

    def __init__(self, title: str, name: str, formats: Sequence[str]) -> None:
        """`name` is proposed; the name's end chooses among `formats`."""
        super().__init__()
        self._title = title
        self._name = name
        self._formats = tuple(formats)
        #: What would be replaced if it were said once more.
        self._exists: Path | None = None

    def compose(self) -> ComposeResult:
        """The name, and what to know about it."""
        with Vertical() as box:
            box.border_title = escape(self._title)
            box.border_subtitle = (
                f"{first_key(self.app, 'dialog_confirm')} writes, {first_key(self.app, 'dialog_cancel')} does not"
            )
            yield Input(self._name, compact=True, select_on_focus=False)
            yield Static(self._hint, id="file-words", markup=False)

    @property
    def _hint(self) -> str:
        formats = [f".{name}" for name in self._formats]
        known = formats[0] if len(formats) == 1 else f"{', '.join(formats[:-1])} or {formats[-1]}"
        return f"in {escape(str(Path.cwd()))} unless a folder is named; the name ends in {known}"

    def on_input_changed(self) -> None:
        """Another name."""
        self._exists = None
        self._say(self._hint, "")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the line."""
        message.stop()
        self.action_dialog_confirm()

    def action_dialog_confirm(self) -> None:
        """Answer, if it is a place where a file can be."""
        try:
            path = self._path(self.query_one(Input).value.strip())
            taken = path.exists()
        except (ValueError, OSError, RuntimeError) as error:
            self._say(escape(str(error)), "-wrong")
            return
        if taken and path != self._exists:
            self._exists = path
            again = first_key(self.app, "dialog_confirm")
            self._say(f"{escape(path.name)} exists: {again} once more replaces it", "-sure")
            return
        self.dismiss(FileChoice(path, path.suffix.lower().removeprefix("."), force=taken))

    def _path(self, text: str) -> Path:
        """ValueError with a sentence for what cannot be written."""
        if not text:
            raise ValueError("a file needs a name")
        if not text.isprintable():
            raise ValueError("the name has characters that cannot be shown")
        path = Path(text).expanduser()
        if path.is_dir():
            raise ValueError(f"{text} is a folder: name a file in it")
        if path.suffix.lower().removeprefix(".") not in self._formats:
            raise ValueError(f"the name has to end in {' or '.join(f'.{name}' for name in self._formats)}")
        if not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent}")
        return path

    def _say(self, sentence: str, kind: str) -> None:
        words = self.query_one("#file-words", Static)
        words.update(sentence)
        words.set_classes([kind] if kind else [])

    def action_dialog_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)
