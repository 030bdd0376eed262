"""RowsScreen: a screen that is one table. Scope, filter and order decide its rows, which a worker finds."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static
from textual.worker import get_current_worker
from textual_fastdatatable import DataTable

from nvgre_inspect.display.presented import Presented, usual
from nvgre_inspect.display.search import find_text
from nvgre_inspect.display.states import nothing
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.filter.writing import ROW_KEYS, cell_filter
from nvgre_inspect.flows.query import Found, Query, find
from nvgre_inspect.flows.scoped import Narrow
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.tui.latest import Latest
from nvgre_inspect.tui.live_columns import columns_of
from nvgre_inspect.tui.messages import MatchFound, Selection
from nvgre_inspect.tui.row_sharing import packets_of, rows_of, texts_of
from nvgre_inspect.tui.screens.columns import ColumnsDialog
from nvgre_inspect.tui.screens.filtered import FilteredScreen
from nvgre_inspect.tui.sharing import Copyable, Packets, Rows
from nvgre_inspect.tui.theme import style
from nvgre_inspect.tui.widgets.filter_bar import FilterBar
from nvgre_inspect.tui.widgets.table import FrameTable
from nvgre_inspect.tui.widgets.table_view import View

Asked = tuple[Snapshot, Query]
#: Ordering and filtering more rows takes long enough to say so.
_MANY = 50_000


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the screen stands: what is filtered, and where the table is."""

    filter: str = ""
    view: View = field(default_factory=View)


class RowsScreen(FilteredScreen):
    """A screen that is one table."""

    DEFAULT_CSS = """
    RowsScreen {
        & #nothing {
            height: 1fr;
            content-align: center middle;
            text-align: center;
            padding: 0 4;
            color: $text-muted;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameTable(ROW_KEYS[self.TABLE], style_of=self._style, id="table")
        self._nothing = Static(id="nothing", markup=False)
        self._belonging = 0
        self._finding = Latest(self, self._find_rows, self._rows_found, "rows")
        self._trying = Latest(self, self._try_filter, self._filter_tried, "filter")

    def _style(self, name: str) -> Style:
        return style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """The table, or why there is none; the filter."""
        yield self.table
        yield self._nothing
        yield self.bar

    def on_mount(self) -> None:
        """Columns are known before there are rows."""
        self._present()
        self._show_nothing("reading …" if self.app.loading else "")
        self.table.focus()

    def columns(self) -> dict[str, Presented]:
        """The columns that can be shown, with times as the app shows them."""
        return columns_of(self.app, self.TABLE)

    def _present(self) -> None:
        columns = self.columns()
        self.table.present(columns, self.table.shown or usual(columns))

    # --- rows --------------------------------------------------------------------------------------------------------

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Find the rows again."""
        self.find_rows()

    def nothing_read(self, why: str) -> None:
        """There is no table."""
        self._show_nothing(why)

    def _query(self) -> Query:
        scope, sorting = self.app.scope, self.table.sorting
        column = self.table.presented[sorting.column] if sorting else None
        return Query(
            self.TABLE,
            Narrow(scope.tenant, scope.tunnel, scope.flow, scope.flow_id),
            self._filter,
            column.columns if column else (),
            bool(sorting and sorting.descending),
            bool(column and column.summed),
        )

    def _find_rows(self, asked: Asked) -> tuple[Found, str]:
        """The rows; and why there are none, if so. In a thread."""
        snapshot, query = asked
        found = find(snapshot, query)
        if len(found):
            return found, ""
        options = self.app.session.options
        scope = str(self.app.scope)
        asked_for = {name: getattr(options, name) for name in ("read_filter", "tshark_filter", "interface")}
        return found, nothing(snapshot, self.TABLE, found.belonging, scope, **asked_for)

    def _rows_found(self, asked: Asked, answer: tuple[Found, str]) -> None:
        """Show them, unless others are wanted by now. Those of an older Snapshot are better than none."""
        found, why = answer
        if asked[1] != self._query():
            return
        self._belonging = found.belonging
        self.table.show(found.frame, found.positions)
        self._show_nothing(why)
        self.bar.show_matches(self.filter_text, len(found), found.belonging)
        if self.app.following and len(found):
            # Tables have their rows in the order in which they came.
            self.table.move_cursor(row=len(found) - 1 if found.positions is None else int(found.positions.argmax()))
        self.say()

    def _show_nothing(self, why: str) -> None:
        self._nothing.update(why + (" so far" if why and self.app.loading and self.app.snapshot else ""))
        self.table.set_class(bool(why), "-empty")
        self._nothing.display = bool(why)

    @on(FrameTable.Moved)
    def say(self) -> None:
        """Show the status line."""
        self.show_status(" · ".join(self.status()))

    def status(self) -> list[str]:
        """What the status line says."""
        rows, one = self.table.row_count, self.TABLE.removesuffix("s")
        words = [f"{self.table.cursor_row + 1:,} of {counted(rows, one, self.TABLE)}" if rows else f"no {self.TABLE}"]
        if rows != self._belonging:
            words.append(f"{self._belonging:,} without the filter")
        if self.table.sorting:
            words.append(f"by {self.table.presented[self.table.sorting.column].heading}")
        if self.table.marked:
            words.append(f"{len(self.table.marked):,} marked")
        return words

    @on(FrameTable.Sorted)
    def _sort(self, message: FrameTable.Sorted) -> None:
        self.table.show_sorting(message.sorting)
        self.find_rows()

    @on(DataTable.HeaderSelected)
    def _sort_by_header(self, message: DataTable.HeaderSelected) -> None:
        self.table.sort_by(self.table.shown[message.column_index])

    # --- filter ------------------------------------------------------------------------------------------------------

    def find_rows(self) -> None:
        """Let a worker find them."""
        if self.app.snapshot is not None:
            if len(self.app.snapshot.state.flows) > _MANY:
                self.show_status("finding rows …")
            self._finding.ask((self.app.snapshot, self._query()))

    def focus_rows(self) -> None:
        """To the table."""
        self.table.focus()

    @on(FilterBar.Edited)
    def _edited(self, message: FilterBar.Edited) -> None:
        if message.filter is not None and self.app.snapshot is not None:
            self._trying.ask((self.app.snapshot, replace(self._query(), filter=message.filter, by=())))

    @staticmethod
    def _try_filter(asked: Asked) -> tuple[int, int]:
        """Rows that would pass, and of how many. In a thread."""
        found = find(*asked)
        return len(found), found.belonging

    def _filter_tried(self, asked: Asked, rows: tuple[int, int]) -> None:
        filter = asked[1].filter  # noqa: A001 (the query's name)
        self.bar.show_matches(filter.text if filter else "", *rows)

    @on(FrameTable.CellFiltered)
    def _filter_on_cell(self, message: FrameTable.CellFiltered) -> None:
        if any(name not in TABLES[self.TABLE] for name, _ in message.values):
            self.explain("rates change all the time: no filter goes by them; < and > sort by them")
            return
        test = " && ".join(cell_filter(self.TABLE, name, value) for name, value in message.values)
        self.narrow_further(test)

    # --- columns, times, search --------------------------------------------------------------------------------------

    @on(FrameTable.ColumnsAsked)
    def _choose_columns(self) -> None:
        def chosen(names: list[str] | None) -> None:
            if names:
                self.table.present(self.table.presented, names)

        self.app.push_screen(ColumnsDialog(self.table.presented, self.table.shown), chosen)

    def action_time_format(self) -> None:
        """The next way to show times."""
        self.app.next_time_style()
        self._present()

    def seek(self, text: str, *, backwards: bool) -> None:
        """Let a worker find the next row that shows the text."""
        self._search(text, self.table.cursor_row, backwards)

    def show_match(self, row: int) -> None:
        """Put the cursor there."""
        self.table.move_cursor(row=row)

    @work(thread=True, exclusive=True, group="search")
    def _search(self, text: str, start: int, backwards: bool) -> None:
        rows, worker = self.table.rows, get_current_worker()
        row = find_text(
            rows.data, rows.positions, rows.shown, text, start, backwards=backwards, stop=lambda: worker.is_cancelled
        )
        if not worker.is_cancelled:
            self.post_message(MatchFound(text, row))

    # --- where it stands ---------------------------------------------------------------------------------------------

    def selection(self) -> Selection | None:
        """The marked rows, else the one under the cursor."""
        if not self.table.row_count:
            return None
        keys = tuple(self.table.marked) or (self.table.cursor_key,)
        name = self.table.cell_column
        return Selection(self.TABLE, keys, name, self.value(name))

    # --- what leaves -------------------------------------------------------------------------------------------------

    def rows_to_export(self) -> Rows | None:
        """The marked rows, else all that are shown, in their order."""
        return rows_of(self.TABLE, self.table)

    def packets_to_save(self) -> Packets | None:
        """Those of the selected rows."""
        selected, snapshot = self.selection(), self.app.snapshot
        if selected is None or snapshot is None:
            return None
        return packets_of(self.TABLE, selected.keys, snapshot, self.app.session.pages(snapshot))

    def copyables(self) -> list[Copyable]:
        """The cell under the cursor, the selected rows, the filter."""
        selected = self.selection()
        return [] if selected is None else texts_of(self.TABLE, self.table, selected.keys, self.filter_text)

    def remember(self) -> Stand:
        """Filter, cursor, marks."""
        return Stand(self.filter_text, self.table.view())

    def recall(self, place: Any) -> None:
        """The filter and the cursor as they were."""
        stand = place if isinstance(place, Stand) else Stand()
        self.recall_filter(stand.filter)
        self.table.recall(stand.view)
        self.missed_something()

    def select(self, key: Hashable) -> None:
        """Put the cursor on the row with that key, as soon as it is shown."""
        self.table.select(key)

    def value(self, name: str) -> Any:
        """The value of a column in the row under the cursor."""
        return self.table.rows.value(self.table.cursor_row, name)

    def row(self) -> dict[str, Any]:
        """The row under the cursor, by column."""
        return {column: self.value(column) for column in TABLES[self.TABLE].names}
