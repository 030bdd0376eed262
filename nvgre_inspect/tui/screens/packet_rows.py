"""PacketRowsScreen: the packets within the scope as a list, with filter, columns, search, and what leaves.

`FrameSearch` finds which packets there are; their rows are read again by a worker when they come onto the screen.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

import pandas as pd
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Static
from textual.worker import get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.packet_columns import VIEWS, columns_of, packet_columns
from nvgre_inspect.display.packet_search import find_packet
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.flows.filter import Filter
from nvgre_inspect.flows.filter.writing import cell_filter
from nvgre_inspect.flows.packet_scope import find_frames
from nvgre_inspect.flows.relative_numbers import Origins, RelativePages
from nvgre_inspect.flows.scoped import Narrow
from nvgre_inspect.tui.frame_search import Asked, FrameSearch, FramesFound
from nvgre_inspect.tui.latest import Latest
from nvgre_inspect.tui.messages import MatchFound, Selection
from nvgre_inspect.tui.packet_sharing import packets_of, rows_of, texts_of
from nvgre_inspect.tui.screens.columns import ColumnsDialog
from nvgre_inspect.tui.screens.filtered import FilteredScreen
from nvgre_inspect.tui.sharing import Copyable, Packets, Rows
from nvgre_inspect.tui.theme import style
from nvgre_inspect.tui.widgets.filter_bar import FilterBar
from nvgre_inspect.tui.widgets.packet_cells import Numbers
from nvgre_inspect.tui.widgets.packet_list import PacketList

if TYPE_CHECKING:
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.tui.scope import Scope

#: Terminals of at least so many columns have room for all columns of a view.
_ROOMY = 110
#: And of so many for the date of each packet, beside what it says.
_DATED = 150
#: How long a filter that is being typed is tried.
_PATIENCE_SECONDS = 1.0

RowsAsked = tuple[RelativePages, PacketList.Wanted]
Tried = tuple["PacketPages", Asked]


class PacketRowsScreen(FilteredScreen):
    """A list of packets."""

    TABLE = ROWS = "packets"
    TABLES = ("flows", "tunnels")
    DEFAULT_CSS = """
    PacketRowsScreen {
        & #list { height: 1fr; min-height: 4; }
        & #nothing {
            display: none; height: 1fr; content-align: center middle; text-align: center; padding: 0 4;
            color: $text-muted;
        }
        &.-empty #list { display: none; }
        &.-empty #nothing { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.packet_list = PacketList(style_of=self.style_named, id="list")
        self.pages: PacketPages | None = None
        self._nothing = Static(id="nothing", markup=False)
        self._found: FramesFound | None = None
        self._view = next(iter(VIEWS))
        self._narrow = True
        self._dated = False
        self._raw_numbers = False
        self._origins = Origins()
        #: The packet to go to as soon as there is one.
        self._wanted: int | None = None
        self._search = FrameSearch(self, self.app.session)
        self._rows = Latest(self, self._read_rows, self._rows_read, "packet-rows")
        self._trying = Latest(self, self._try_filter, self._filter_tried, "filter")

    def style_named(self, name: str) -> Style:
        """Rich's style for one of `display`'s names."""
        return style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """The list, or why there is none; the filter."""
        yield self.packet_list
        yield self._nothing
        yield self.bar

    def on_mount(self) -> None:
        """Columns are known before there are packets."""
        self._present()
        self._show_nothing("reading …" if self.app.loading else "")
        self.packet_list.focus()

    def on_resize(self, event: Resize) -> None:
        """Columns that fit; those that somebody chose stay as long as they may."""
        width = event.size.width
        if self.is_mounted and (width < _ROOMY) != self._narrow:
            self._present()
        elif self.is_mounted and (width >= _DATED) != self._dated:
            self._present(list(self.packet_list.shown))

    # --- columns -----------------------------------------------------------------------------------------------------

    def _present(self, shown: list[str] | None = None) -> None:
        self._narrow = self.size.width < _ROOMY
        self._dated = self.size.width >= _DATED
        columns = packet_columns(
            self.app.settings.names,
            self.app.time_style,
            narrow=self._narrow,
            dated=self._dated,
            raw_numbers=self._raw_numbers,
        )
        self.packet_list.present(columns, shown or columns_of(self._view, narrow=self._narrow))

    def action_cycle_inner_outer(self) -> None:
        """The inner headers, the outer ones, both."""
        views = list(VIEWS)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._present()
        self.say()

    def action_time_format(self) -> None:
        """The next way to show times."""
        self.app.next_time_style()
        self._present(list(self.packet_list.shown))

    def action_raw_numbers(self) -> None:
        """TCP sequence numbers as on the wire, or relative to each direction's first."""
        self._raw_numbers = not self._raw_numbers
        self._present(list(self.packet_list.shown))
        self.say()

    @on(PacketList.ColumnsAsked)
    def _choose_columns(self) -> None:
        def chosen(names: list[str] | None) -> None:
            if names:
                self._present(names)

        self.app.push_screen(ColumnsDialog(self.packet_list.presented, self.packet_list.shown), chosen)

    @on(PacketList.Unsortable)
    def _explain_order(self) -> None:
        self.explain("packets stay in the order of the capture")

    # --- which packets -----------------------------------------------------------------------------------------------

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Find the packets again."""
        self.find_rows()

    def scope_changed(self, scope: Scope) -> None:
        """Other packets."""
        self._found = None
        self.packet_list.show(range(0))
        self._show_nothing("")

    def find_rows(self) -> None:
        """Let a worker find the packets."""
        if self.app.snapshot is not None:
            self._search.ask(self._asked(self.app.snapshot, self._filter))

    def _asked(self, snapshot: Snapshot, chosen: Filter | None) -> Asked:
        scope = self.app.scope
        narrow = Narrow(scope.tenant, scope.tunnel, scope.flow, scope.flow_id)
        return Asked(snapshot, narrow, chosen, str(scope), not self.app.loading)

    def on_frames_found(self, message: FramesFound) -> None:
        """Show what was found so far."""
        if not self._search.took(message):
            return
        self._found, self.pages = message, message.pages
        self.packet_list.following = self.app.following
        self.packet_list.show(message.numbers)
        if self._wanted is not None and self._is_decided(self._wanted):
            self._select(self._wanted)
        empty = message.finished and not len(message.numbers)
        self._show_nothing(message.words if empty else "")
        if message.words and not empty:
            self.explain(message.words)
        if message.finished:
            self.bar.show_matches(self.filter_text, len(message.numbers), message.total)
        self.cursor_moved()

    def _is_decided(self, number: int) -> bool:
        """Whether it is known if that packet is in the list."""
        found = self._found
        if found is None:
            return False
        last = int(found.numbers[-1]) if len(found.numbers) else 0
        return last >= number or (found.finished and found.asked.complete)

    def _select(self, number: int) -> None:
        self._wanted = None
        if not self.packet_list.select(number) and self.packet_list.row_count:
            self.explain(f"packet {number} is not among these; the cursor is at {self.packet_list.cursor_number}")

    def select(self, key: Hashable) -> None:
        """Put the cursor on the packet with that number, now or as soon as it is here."""
        if isinstance(key, int):
            self._wanted = key
            if self._is_decided(key):
                self._select(key)

    def go_to(self, number: int) -> None:
        """As `select`: what the `:` line asks for."""
        self.select(number)

    def _show_nothing(self, why: str) -> None:
        self._nothing.update(why + (" so far" if why and self.app.loading and self.app.snapshot else ""))
        self.set_class(bool(why), "-empty")

    # --- rows --------------------------------------------------------------------------------------------------------

    @property
    def _shown_pages(self) -> RelativePages | None:
        """What rows are read with as they are shown."""
        found = self._found
        return None if found is None else RelativePages(found.pages, found.asked.snapshot.state, self._origins)

    @on(PacketList.Wanted)
    def _ask_rows(self, message: PacketList.Wanted) -> None:
        if (pages := self._shown_pages) is not None:
            self._rows.ask((pages, message))

    @staticmethod
    def _read_rows(asked: RowsAsked) -> pd.DataFrame | CaptureError:
        pages, message = asked
        try:
            return pages.page(message.numbers)
        except CaptureError as error:
            return error

    def _rows_read(self, asked: RowsAsked, rows: pd.DataFrame | CaptureError) -> None:
        if isinstance(rows, CaptureError):
            self.explain(escape(str(rows)))
        else:
            self.packet_list.put(asked[1].version, asked[1].first, rows)

    def say(self) -> None:
        """The status line."""
        self.show_status(" · ".join(self.words()))

    def words(self) -> list[str]:
        """What the status line says."""
        rows, found = self.packet_list.row_count, self._found
        words = [f"{self.packet_list.cursor_row + 1:,} of {counted(rows, 'packet')}" if rows else "no packets"]
        if found is None or not found.finished:
            words.append("looking …" if found is None else f"looking {100 * found.done // max(found.total, 1)} %")
        elif found.total != rows:
            words.append(f"{found.total:,} without the filter")
        if self.packet_list.marked:
            words.append(f"{len(self.packet_list.marked):,} marked")
        words.append(f"{self._view} headers")
        return [*words, "raw sequence numbers"] if self._raw_numbers else words

    @on(PacketList.Moved)
    def _moved(self) -> None:
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """The cursor may be on another packet, packets may be marked, there may be others."""
        self.say()

    # --- filter ------------------------------------------------------------------------------------------------------

    def focus_rows(self) -> None:
        """To the list."""
        self.packet_list.focus()

    @on(FilterBar.Edited)
    def _edited(self, message: FilterBar.Edited) -> None:
        if message.filter is not None and self.pages is not None and self.app.snapshot is not None:
            self._trying.ask((self.pages, self._asked(self.app.snapshot, message.filter)))

    def _try_filter(self, asked: Tried) -> tuple[int, int] | None:
        """How many packets would pass, and of how many; None: that takes too long to say. In a thread."""
        pages, question = asked
        began, passing = time.monotonic(), 0
        frames, finding = find_frames(pages, question.snapshot, question.narrow, question.filter)
        try:
            for some in finding or ():
                passing += len(some.numbers)
                hurry = not self._trying.newest or time.monotonic() - began > _PATIENCE_SECONDS
                if hurry and some.done < some.total:
                    return None
        except CaptureError:
            return None
        return passing, len(frames)

    def _filter_tried(self, asked: Tried, matches: tuple[int, int] | None) -> None:
        tried = asked[1].filter
        if matches is not None and tried is not None:
            self.bar.show_matches(tried.text, *matches)

    @on(PacketList.CellFiltered)
    def _filter_on_cell(self, message: PacketList.CellFiltered) -> None:
        test = " && ".join(cell_filter("packets", name, value) for name, value in message.values)
        self.narrow_further(test)

    # --- search ------------------------------------------------------------------------------------------------------

    def seek(self, text: str, *, backwards: bool) -> None:
        """Let a worker find the next packet that shows the text."""
        if (pages := self._shown_pages) is not None:
            self._seek_text(pages, self.packet_list.numbers, text, backwards)

    def show_match(self, row: int) -> None:
        """Put the cursor there."""
        self.packet_list.go(row)

    @work(thread=True, exclusive=True, group="search")
    def _seek_text(self, pages: RelativePages, numbers: Numbers, text: str, backwards: bool) -> None:
        worker, shown = get_current_worker(), self.packet_list
        columns = [shown.presented[name] for name in shown.shown]
        start, stop = shown.cursor_row, lambda: worker.is_cancelled
        try:
            row = find_packet(pages, numbers, columns, text, start, backwards=backwards, stop=stop)
        except CaptureError as error:
            self.call_later(self.explain, escape(str(error)))
            return
        if not worker.is_cancelled:
            self.post_message(MatchFound(text, row))

    # --- what leaves -------------------------------------------------------------------------------------------------

    def selection(self) -> Selection | None:
        """The marked packets, else the one under the cursor."""
        number = self.packet_list.cursor_number
        if number is None:
            return None
        name = self.packet_list.cell_column
        keys = tuple(sorted(self.packet_list.marked)) or (number,)
        return Selection("packets", keys, name, self.packet_list.value(name))

    def rows_to_export(self) -> Rows | None:
        """The marked packets, else all of the list."""
        return None if self.pages is None else rows_of(self.packet_list, self.pages)

    def packets_to_save(self) -> Packets | None:
        """The marked packets, else all of the list."""
        return packets_of(self.packet_list)

    def copyables(self) -> list[Copyable]:
        """The cell under the cursor, the selected packets, the filter."""
        return [] if self.pages is None else texts_of(self.packet_list, self.pages, self.filter_text)
