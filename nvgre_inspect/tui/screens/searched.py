"""SearchedScreen: what screens over rows have in common when they are searched: the text, and from match to match."""

from __future__ import annotations

from typing import ClassVar

from nvgre_inspect.display.text import escape
from nvgre_inspect.tui.messages import MatchFound
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.screens.search import SearchDialog


class SearchedScreen(InspectScreen):
    """A screen whose rows are searched. Subclasses look for the text (`seek`), and post MatchFound."""

    #: What its rows are called.
    ROWS: ClassVar[str] = "rows"

    def __init__(self) -> None:
        super().__init__()
        self._sought = ""

    # --- hooks -------------------------------------------------------------------------------------------------------

    def seek(self, text: str, *, backwards: bool) -> None:
        """Let a worker find the next row that shows the text."""

    def show_match(self, row: int) -> None:
        """Put the cursor there."""

    def say(self) -> None:
        """The status line as it is when nothing is searched for."""

    # --- the search --------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Find text in what is shown."""

        def asked(text: str | None) -> None:
            if text:
                self._sought = text
                self.action_next_match()

        self.app.push_screen(SearchDialog(self._sought), asked)

    def action_next_match(self) -> None:
        """To the next row that shows the text."""
        self._seek(backwards=False)

    def action_previous_match(self) -> None:
        """To the row before that shows it."""
        self._seek(backwards=True)

    def _seek(self, *, backwards: bool) -> None:
        if not self._sought:
            self.explain("nothing was searched for yet")
            return
        self.show_status(f"searching for {escape(self._sought)} …")
        self.seek(self._sought, backwards=backwards)

    def on_match_found(self, message: MatchFound) -> None:
        """Go there."""
        if message.row is None:
            self.explain(f"{escape(message.text)} is not in these {self.ROWS}")
        else:
            self.show_match(message.row)
        self.say()
