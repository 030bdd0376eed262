"""FilterBar: one line in which a filter is typed, checked as it is typed, completed, and applied.

The language is that of `-Y`. What is typed is green where it is a filter, red with a caret under the place where it is
none, cyan where no row passes it; a sign says the same. The bar evaluates nothing: it posts what is typed and applied,
and is told how many rows pass (`show_matches`) and which values are present (`values`).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import DescendantBlur, DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from nvgre_inspect.actions import Context
from nvgre_inspect.display.text import escape
from nvgre_inspect.flows.filter import Filter, FilterError, compile_filter
from nvgre_inspect.flows.filter.completion import NOTHING, Candidate, complete_at
from nvgre_inspect.flows.filter.parser import MAX_LENGTH
from nvgre_inspect.flows.filter.present import Values
from nvgre_inspect.tui.history import History
from nvgre_inspect.tui.keymap import bindings, first_key
from nvgre_inspect.tui.widgets.candidates import CandidateList

#: A control character that was pasted would be shown as such.
_NO_CONTROLS = r"[^\x00-\x1f\x7f-\x9f]*"
_STATES = ("-valid", "-invalid", "-nothing")


class FilterLine(Input, inherit_bindings=False):
    """The line itself; Enter is the bar's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in Input.BINDINGS if getattr(binding, "action", "") != "submit"
    ]


#: What a Wireshark display filter begins with, which tshark is asked about.
WIRESHARK = "wireshark:"


def wireshark_filter(text: str) -> str | None:
    """The display filter behind the prefix; None: the line is a filter of ours."""
    text = text.strip()
    return text.removeprefix(WIRESHARK).strip() if text.startswith(WIRESHARK) else None


class FilterBar(Widget):
    """A filter for one table."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.FILTER)
    DEFAULT_CSS = """
    FilterBar {
        dock: top;
        height: auto;
        & > Horizontal { height: 1; }
        & #filter-label { width: auto; padding: 0 1; color: $text-muted; }
        & FilterLine { width: 1fr; background: $surface; }
        & #filter-matches { width: auto; padding: 0 1; color: $text-muted; }
        & > #filter-error {
            display: none; overlay: screen; constrain: inside inside;
            width: 100%; height: auto; background: $panel; color: $text-error; text-wrap: nowrap;
        }
        &.-valid FilterLine, &.-valid #filter-matches { color: $text-success; }
        &.-invalid FilterLine, &.-invalid #filter-matches { color: $text-error; }
        &.-invalid:focus-within > #filter-error { display: block; }
        &.-nothing FilterLine, &.-nothing #filter-matches { color: $accent; }
    }
    """

    @dataclass
    class Edited(Message):
        """Something was typed. `filter`: what it means; None: everything passes, or it is no filter."""

        bar: FilterBar
        text: str
        filter: Filter | None

        @property
        def control(self) -> FilterBar:
            """The bar."""
            return self.bar

    @dataclass
    class Applied(Message):
        """Rows are to be narrowed to those that pass. `filter` None: everything passes."""

        bar: FilterBar
        text: str
        filter: Filter | None

        @property
        def control(self) -> FilterBar:
            """The bar."""
            return self.bar

    @dataclass
    class Left(Message):
        """The focus belongs elsewhere again."""

        bar: FilterBar

    @dataclass
    class Said(Message):
        """A sentence for the status line."""

        sentence: str

    @dataclass
    class ValuesWanted(Message):
        """Somebody begins to type: `values` should be those of now."""

        bar: FilterBar

    def __init__(self, table: str, history: History | None = None, *, id: str | None = None) -> None:  # noqa: A002
        """`table`: whose rows are filtered, as for `compile_filter`. `history` may be shared between bars."""
        super().__init__(id=id)
        self._table = table
        self.values: Values = {}
        self.applied = ""
        self._history = history or History()
        self._said: set[str] = set()
        self._line = FilterLine(
            compact=True, restrict=_NO_CONTROLS, max_length=MAX_LENGTH, select_on_focus=False, id="filter-line"
        )
        self._matches = Static(id="filter-matches", markup=False)
        self._error = Static(id="filter-error", markup=False)
        self._list = CandidateList()
        self._completion = NOTHING
        self._error_lines = 0
        self._filter: Filter | None = None
        #: Where in the history the line is, from the end; 0: it is what was typed, kept in `_draft`.
        self._back = 0
        self._draft = ""

    def compose(self) -> ComposeResult:
        """The line, what is wrong with it, and what it could go on with."""
        with Horizontal():
            yield Static("Filter", id="filter-label", markup=False)
            yield self._line
            yield self._matches
        yield self._error
        yield self._list

    def on_mount(self) -> None:
        """Read the history, and the grammar, before they are needed."""
        self.run_worker(self._prepare, thread=True, group="filter-history")

    def _prepare(self) -> None:
        compile_filter("", table=self._table)
        self.app.call_from_thread(self._say, self._history.load())

    def _say(self, sentence: str | None) -> None:
        """Once: a history that cannot be kept is no news with every filter."""
        if sentence is not None and sentence not in self._said:
            self._said.add(sentence)
            self.post_message(self.Said(escape(sentence)))

    # --- what others tell --------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What the line says, applied or not."""
        return self._line.value.strip()

    @property
    def table(self) -> str:
        """The table whose rows are filtered."""
        return self._table

    def show_applied(self, text: str) -> None:
        """The filter that is applied, by whatever way it came: a cell, a place that was returned to."""
        self.applied = text.strip()
        self._set(text)

    def show_matches(self, text: str, rows: int, of: int) -> None:
        """How many rows pass the filter `text`, and of how many; answers that come too late are ignored."""
        if text.strip() != self.text or self._state == "-invalid":
            return
        if not self.text:
            self._matches.update("")
        elif rows:
            self._show_state("-valid", f"✓ {rows:,} of {of:,}")
        else:
            leave = first_key(self.app, "filter_leave" if self.has_focus_within else "back")
            self._show_state("-nothing", f"∅ 0 of {of:,}, {leave} clears")

    def take_focus(self) -> None:
        """Go to the line, at once: `Widget.focus` would let keys that come meanwhile go to the table."""
        self.screen.set_focus(self._line)

    # --- typing ------------------------------------------------------------------------------------------------------

    def _set(self, text: str) -> None:
        """Put text into the line without opening the list."""
        with self.prevent(Input.Changed):
            self._line.value = text
            self._line.cursor_position = len(text)
        self._list.close()
        self._judge()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self._back = 0
        self._judge()
        self._offer()
        self.post_message(self.Edited(self, self.text, self._filter))

    def _judge(self) -> None:
        """Whether the line is a filter."""
        self._filter = None
        self._error_lines = 0
        if not self.text or wireshark_filter(self.text) is not None:
            asks = f"{first_key(self.app, 'filter_apply')} asks tshark"
            self._show_state("", asks if self.text not in ("", self.applied) else "")
            return
        try:
            self._filter = compile_filter(self._line.value, table=self._table)
        except FilterError as error:
            self._show_error(error)
        else:
            applies = "" if self.text == self.applied else f" {first_key(self.app, 'filter_apply')} applies"
            self._show_state("-valid", f"✓{applies}")

    def refuse(self, text: str, error: FilterError) -> None:
        """Somebody else found that `text`, if the line still says so, is no filter."""
        if text.strip() == self.text:
            self._show_error(error)

    def _show_error(self, error: FilterError) -> None:
        self._show_state("-invalid", "✗")
        explained = self._explained(error)
        self._error.update(explained)
        self._error_lines = explained.plain.count("\n") + 1

    @property
    def _state(self) -> str:
        return next((state for state in _STATES if self.has_class(state)), "")

    def _show_state(self, state: str, words: str) -> None:
        for other in _STATES:
            self.set_class(other == state, other)
        self._matches.update(words)

    def _explained(self, error: FilterError) -> Content:
        """A caret under the place, and the sentence."""
        width = max(self.size.width - 2, 1)
        column = min(self._column(error.position), width)
        marks = "^" + "~" * min(error.length - 1, width - column)
        sentence = textwrap.wrap(escape(str(error)), width) or [""]
        return Content("\n".join([" " * column + marks, *(f" {line}" for line in sentence)]))

    def _column(self, position: int) -> int:
        """The bar's column of that character of the line, or the edge of the line beyond which it is."""
        before = cell_len(self._line.value[:position]) - round(self._line.scroll_offset.x)
        left = self._line.region.x - self.region.x
        return left + min(max(before, 0), max(self._line.size.width - 1, 0))

    # --- completion --------------------------------------------------------------------------------------------------

    def _offer(self) -> None:
        if wireshark_filter(self._line.value) is not None:
            self._completion = NOTHING
            self._list.close()
            return
        self._completion = complete_at(self._line.value, self._line.cursor_position, self._table, self.values)
        self._list.open(self._completion, self._column(self._completion.start), self._error_lines)

    def _take(self, candidate: Candidate) -> None:
        text, cursor = self._completion.applied(self._line.value, candidate)
        with self.prevent(Input.Changed):
            self._line.value = text
            self._line.cursor_position = cursor
        self._judge()
        self._offer()
        self.post_message(self.Edited(self, self.text, self._filter))

    @on(CandidateList.OptionSelected)
    def _clicked(self, message: CandidateList.OptionSelected) -> None:
        message.stop()
        self._take(self._list.candidate(message.option_index))
        self._line.focus()

    # --- actions -----------------------------------------------------------------------------------------------------

    def action_filter_complete(self) -> None:
        """Take the chosen word, else the first; where no list is shown, show it."""
        candidate = self._list.first
        if candidate is not None:
            self._take(candidate)
            return
        self._offer()
        if not self._list.is_open:
            raise SkipAction  # the key goes on to the next pane

    def action_filter_next(self) -> None:
        """Down the list, else to a later filter."""
        if self._list.is_open:
            self._list.action_cursor_down()
        else:
            self._recall(self._back - 1)

    def action_filter_previous(self) -> None:
        """Up the list, else to an earlier filter."""
        if self._list.is_open:
            self._list.action_cursor_up()
        else:
            self._recall(self._back + 1)

    def _recall(self, back: int) -> None:
        entries = self._history.entries
        if not 0 <= back <= len(entries):
            return
        if self._back == 0:
            self._draft = self._line.value
        self._back = back
        self._set(entries[-back] if back else self._draft)
        self.post_message(self.Edited(self, self.text, self._filter))

    def action_filter_apply(self) -> None:
        """Take the chosen word, else apply the filter."""
        if self._list.chosen is not None:
            self._take(self._list.chosen)
        elif self._state == "-invalid":
            self._list.close()
        else:
            self._apply()
            self._leave()

    def _apply(self) -> None:
        self.applied = self.text
        self._set(self.text)
        self._back = 0
        if self.applied:
            self._history.add(self.applied)
            self.run_worker(self._keep, thread=True, group="filter-history")
        self.post_message(self.Applied(self, self.applied, self._filter))

    def _keep(self) -> None:
        self.app.call_from_thread(self._say, self._history.save())

    def action_filter_leave(self) -> None:
        """Close the list, else clear the line and what it filters, else leave."""
        if self._list.is_open:
            self._list.close()
        elif self._line.value:
            self._set("")
            self._apply()
        else:
            self._leave()

    def _leave(self) -> None:
        self._list.close()
        self.post_message(self.Left(self))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Somebody comes to type."""
        self._draft, self._back = self._line.value, 0
        self.post_message(self.ValuesWanted(self))

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """A list without a cursor would hang in the air."""
        self._list.close()
