"""FilteredScreen: what screens over rows have in common: the filter bar, shown when it is used, and the search."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work

from nvgre_inspect.display.text import escape
from nvgre_inspect.flows.filter import Filter, FilterError, compile_filter
from nvgre_inspect.flows.filter.narrowing import narrowed
from nvgre_inspect.flows.filter.picked import picked
from nvgre_inspect.flows.filter.present import present
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.tui.asking import PICKING, Picked, pick_packets
from nvgre_inspect.tui.messages import ValuesFound
from nvgre_inspect.tui.screens.searched import SearchedScreen
from nvgre_inspect.tui.widgets.filter_bar import FilterBar, wireshark_filter


class FilteredScreen(SearchedScreen):
    """A screen with a filter. Subclasses put `bar` into their body, and find rows (`find_rows`)."""

    #: The table in `model.columns`; also what its rows are called.
    TABLE: ClassVar[str] = ""
    DEFAULT_CSS = """
    FilteredScreen {
        & FilterBar { display: none; }
        & FilterBar.-used, & FilterBar:focus-within { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.bar = FilterBar(self.TABLE, self.app.history, id="filter")
        self._filter: Filter | None = None

    # --- hooks -------------------------------------------------------------------------------------------------------

    def find_rows(self) -> None:
        """Find the rows that pass `_filter`."""

    def focus_rows(self) -> None:
        """Put the focus where it was before the filter was typed."""

    # --- the filter --------------------------------------------------------------------------------------------------

    @property
    def filter_text(self) -> str:
        """The filter that rows pass."""
        return self._filter.text if self._filter else ""

    def apply_filter(self, text: str) -> None:
        """Show rows that pass this filter only; an empty one lets all through. FilterError if it is none."""
        self.recall_filter(text)
        self.find_rows()

    def narrow_further(self, test: str) -> None:
        """Show rows that pass this filter and the one that is there."""
        if wireshark_filter(self.filter_text) is None:
            self.apply_filter(narrowed(self.filter_text, test))
        else:
            self.explain("a Wireshark filter stands alone; Esc clears it")

    def recall_filter(self, text: str) -> None:
        """Take a filter over without finding rows: for `recall`."""
        self._filter = self._compiled(text)
        if self.is_mounted:
            self._show_filter()

    def _compiled(self, text: str) -> Filter | None:
        if wireshark_filter(text) is None:
            return compile_filter(text, table=self.TABLE) if text.strip() else None
        known, snapshot = self.app.picks.get(text), self.app.snapshot
        return None if known is None or snapshot is None else picked(text, self.TABLE, known[0], snapshot)

    def _show_filter(self) -> None:
        self.bar.show_applied(self.filter_text)
        self._show_bar()

    def _show_bar(self) -> None:
        self.bar.set_class(self._filter is not None or bool(self.bar.applied), "-used")

    def on_mount(self) -> None:
        """A filter that was there before the bar was."""
        self._show_filter()

    def action_filter(self) -> None:
        """Go to the filter bar."""
        self.bar.add_class("-used")
        self.bar.take_focus()

    def action_back(self) -> None:
        """Clear the filter; without one, to where one was before."""
        if self._filter is not None or self.bar.applied:
            self.workers.cancel_group(self, PICKING)
            self.apply_filter("")
        else:
            super().action_back()

    @on(FilterBar.Applied)
    def _filter_applied(self, message: FilterBar.Applied) -> None:
        self.workers.cancel_group(self, PICKING)
        snapshot = self.app.snapshot
        if wireshark_filter(message.text) is None:
            self._filter = message.filter
        elif snapshot is not None and self.app.picks.get(message.text, (None, -1))[1] != snapshot.state.frames:
            self._show_bar()
            self.show_status("asking tshark …")
            pick_packets(self, message.text, snapshot)
            return
        else:
            self._filter = self._compiled(message.text)
        self._show_bar()
        self.find_rows()

    def on_picked(self, message: Picked) -> None:
        """tshark has answered; whether that is still the question."""
        if message.text != self.bar.applied:
            return
        if isinstance(message.answer, FilterError):
            self.bar.refuse(message.text, message.answer)
        if isinstance(message.answer, Exception):
            self._filter = None
            self.explain(escape(str(message.answer)))
        else:
            self.app.picks[message.text] = message.answer, message.frames
            self._filter = self._compiled(message.text)
        self.find_rows()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._show_bar()
        self.focus_rows()

    @on(FilterBar.Said)
    def _filter_said(self, message: FilterBar.Said) -> None:
        self.explain(message.sentence)

    @on(FilterBar.ValuesWanted)
    def _values_wanted(self) -> None:
        if self.app.snapshot is not None:
            self._look_for_values(self.app.snapshot)

    @work(thread=True, exclusive=True, group="values")
    def _look_for_values(self, snapshot: Snapshot) -> None:
        self.post_message(ValuesFound(present(snapshot, self.TABLE)))

    def on_values_found(self, message: ValuesFound) -> None:
        """Offer them."""
        self.bar.values = message.values
