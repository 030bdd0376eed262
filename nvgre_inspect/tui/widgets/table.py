"""FrameTable: a table over a DataFrame of any length. Only the rows on the screen are formatted and drawn.

textual-fastdatatable gives scrolling, cursor and mouse; the cells come from `Rows`, and lines are drawn here: the
library renders each cell as a Rich renderable, which takes 80 ms for a page of 160 by 48 cells; this takes 15.

The table orders and filters nothing: it posts what is asked for, and is shown the rows that somebody found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.coordinate import Coordinate
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual_fastdatatable import DataTable
from textual_fastdatatable.column import Column

from nvgre_inspect.actions import Context
from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import cells, fit, pad
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.arranging import Arranging
from nvgre_inspect.tui.widgets.rows import WIDEST, Rows
from nvgre_inspect.tui.widgets.table_view import Sorting, View

MARK = "●"
_PADDING = 1


class FrameTable(Arranging, DataTable, inherit_bindings=False):
    """Rows of one table as columns of text, with a cursor, marks, and a sign at the column that orders them."""

    BINDINGS = bindings(Context.TABLE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--row",
        "table--column",
    }
    DEFAULT_CSS = """
    FrameTable {
        height: 1fr;
        scrollbar-size: 0 1;
        &.-empty { height: 2; }
        background: $background;
        & > .datatable--header { background: $panel; color: $foreground; text-style: bold; }
        & > .datatable--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & > .table--row { background: $panel; }
        &:focus > .table--row { text-style: bold; }
        & > .table--column { background: $panel; color: $accent; text-style: bold underline; }
    }
    """

    @dataclass
    class Opened(Message):
        """Enter or a double click on a row."""

        table: FrameTable

    @dataclass
    class Moved(Message):
        """The cursor stands elsewhere, or rows were marked."""

        table: FrameTable

    @dataclass
    class Sorted(Message):
        """Rows are to be ordered otherwise."""

        table: FrameTable
        sorting: Sorting

    @dataclass
    class CellFiltered(Message):
        """Rows are to be narrowed to those with these values of these columns."""

        table: FrameTable
        values: tuple[tuple[str, Any], ...]

    @dataclass
    class ColumnsAsked(Message):
        """Somebody wants to choose the columns."""

        table: FrameTable

    def __init__(
        self,
        key_columns: Sequence[str],
        *,
        style_of: Callable[[str], Style] = lambda _: Style.null(),
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """`key_columns` tell a row from all others, in every Snapshot; `style_of` makes a Rich style of `display`'s
        names of styles.
        """
        super().__init__(backend=Rows(pd.DataFrame()), cursor_type="cell", render_markup=False, id=id)
        self._key_columns = tuple(key_columns)
        self._style_of = style_of
        self._presented: Mapping[str, Presented] = {}
        self._shown: list[str] = []
        self._marked: frozenset[Hashable] = frozenset()
        self.sorting: Sorting | None = None
        self._waiting_for: View | None = None
        #: Whether somebody has put the cursor where it is; else it stays at the top, whichever row comes there.
        self._placed = False

    # --- what is shown -----------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """The rows that are shown."""
        assert isinstance(self.backend, Rows)
        return self.backend

    def present(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        """Which columns there are, and which of them are shown, in that order."""
        self._presented = columns
        self._shown = [name for name in shown if name in columns]
        self._replace(self.rows.data, self.rows.positions)

    @property
    def presented(self) -> Mapping[str, Presented]:
        """Every column that can be shown, by name."""
        return self._presented

    @property
    def shown(self) -> Sequence[str]:
        """The names of the columns that are shown, in order."""
        return tuple(self._shown)

    def show(self, frame: pd.DataFrame, positions: npt.NDArray[np.int64] | None = None) -> None:
        """Show the rows of `frame` at `positions` (None: all, in order). Cursor and marks stay with their rows."""
        before = self._waiting_for or self.view()
        if not self._placed:
            before = replace(before, cursor=None)
        self._replace(frame, positions)
        self.recall(before)

    def _replace(self, frame: pd.DataFrame, positions: npt.NDArray[np.int64] | None) -> None:
        column = self.column
        backend = Rows(frame, [self._presented[name] for name in self._shown], positions, self.rows.widths)
        backend.render_markup = False
        self.backend = backend
        self._layout()
        if column in self._shown:
            self.put_cursor(self._shown.index(column))

    def _layout(self) -> None:
        """Columns as wide as their texts so far. The library has no way to exchange its backend; this is all it keeps
        of the old one.
        """
        self._ordered_columns = [
            Column(Text(presented.heading), width=max(min(width, WIDEST), cells(self._heading(presented))))
            for presented, width in zip(self.rows.shown, self.rows.column_content_widths, strict=True)
        ]
        self._widened = self.rows.widened
        self._clear_caches()
        self._require_update_dimensions = True
        self.cursor_coordinate = self.cursor_coordinate  # within the new bounds
        self.refresh(layout=True)
        self.check_idle()

    @property
    def _sorted_by(self) -> str:
        return self.sorting.column if self.sorting else ""

    def show_sorting(self, sorting: Sorting | None) -> None:
        """Which column has the sign of the order."""
        self.sorting = sorting
        self._layout()

    # --- where it stands ---------------------------------------------------------------------------------------------

    @property
    def cursor_place(self) -> int:
        """Which of the shown columns is under the cursor."""
        return self.cursor_column

    def put_cursor(self, place: int) -> None:
        """Put the cursor on that one of the shown columns."""
        self.cursor_coordinate = Coordinate(self.cursor_row, place)

    def key_at(self, row: int) -> Hashable:
        """The key of the row that is shown there; one value, or a tuple of several."""
        values = tuple(self.rows.value(row, name) for name in self._key_columns)
        return values[0] if len(values) == 1 else values

    @property
    def cursor_key(self) -> Hashable:
        """The key of the row under the cursor; None if there is no row."""
        return self.key_at(self.cursor_row) if self.row_count else None

    @property
    def marked(self) -> frozenset[Hashable]:
        """The keys of the marked rows."""
        return self._marked

    def row_of(self, key: Hashable) -> int | None:
        """Where the row with that key is shown; None if it is not."""
        values = key if isinstance(key, tuple) else (key,)
        frame = self.rows.data
        if frame.empty or len(values) != len(self._key_columns):
            return None
        same = np.ones(len(frame), dtype=bool)
        for name, value in zip(self._key_columns, values, strict=True):
            column = frame[name]
            same &= column.isna().to_numpy() if value is None else (column == value).to_numpy(bool, na_value=False)
        found = np.flatnonzero(same)
        return self.rows.shown_row(int(found[0])) if len(found) else None

    def view(self) -> View:
        """Where it stands, for `recall`."""
        return View(self.cursor_key, self.column, self._marked)

    def recall(self, view: View) -> None:
        """Stand there again. If that row is not here yet, it is waited for until the cursor is moved."""
        row = self.row_of(view.cursor)
        self._waiting_for = view if row is None and view.cursor is not None else None
        self._marked = view.marked
        column = self._shown.index(view.column) if view.column in self._shown else self.cursor_column
        destination = Coordinate(0 if row is None else row, column)
        # Moving it brings it into view, from where somebody may have scrolled away.
        if destination != self.cursor_coordinate:
            self.move_cursor(row=destination.row, column=destination.column)
        self._clear_caches()
        self.refresh()

    def select(self, key: Hashable) -> None:
        """Put the cursor on the row with that key, as soon as it is here."""
        self._placed = True
        self.recall(View(key, self.column, self._marked))

    def watch_cursor_coordinate(self, old_coordinate: Coordinate, new_coordinate: Coordinate) -> None:
        """The whole row is lit, and the heading of its column."""
        super().watch_cursor_coordinate(old_coordinate, new_coordinate)
        if old_coordinate == new_coordinate:
            return
        self._placed = self._placed or old_coordinate.row != new_coordinate.row
        self.refresh_row(old_coordinate.row)
        self.refresh_row(new_coordinate.row)
        if old_coordinate.column != new_coordinate.column:
            self.refresh()
        self.post_message(self.Moved(self))

    # --- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the header, or a row."""
        width = self.size.width
        base = self.rich_style
        row = -1 if y == 0 else y - 1 + int(self.scroll_offset.y)
        if row >= self.row_count:
            return Strip.blank(width, base)
        strip = self._header(base) if row < 0 else self._row(row, base)
        if self.rows.widened != self._widened:
            self.call_next(self._layout)
        left = int(self.scroll_offset.x)
        return strip.crop_extend(left, left + width, base)

    def _heading(self, presented: Presented) -> str:
        if self.sorting is None or presented.name != self.sorting.column:
            return presented.heading
        return f"{presented.heading} {'▼' if self.sorting.descending else '▲'}"

    def _header(self, base: Style) -> Strip:
        style = base + self.get_component_rich_style("datatable--header")
        here = style + self.get_component_rich_style("table--column")
        segments = []
        for place, (presented, column) in enumerate(zip(self.rows.shown, self.ordered_columns, strict=True)):
            words = pad(fit(self._heading(presented), column.width), column.width, right=presented.right)
            lit = here if place == self.cursor_column and self.row_count else style
            segments.append(Segment(f" {words} ", lit + Style.from_meta({"row": -1, "column": place})))
        segments.append(Segment(" " * self.size.width, style))
        return Strip(segments)

    def _row(self, row: int, base: Style) -> Strip:
        under = row == self.cursor_row and self.show_cursor
        marked = bool(self._marked) and self.key_at(row) in self._marked
        line = base + self.get_component_rich_style("table--row") if under else base
        segments = []
        for place, (presented, column) in enumerate(zip(self.rows.shown, self.ordered_columns, strict=True)):
            text, named = self.rows.text(row, place)
            style = line if named is None else line + self._style_of(named)
            if under and place == self.cursor_column and self.has_focus:
                style = line + self.get_component_rich_style("datatable--cursor")
            first = " "
            if marked and place == 0:
                first = MARK
                style += self._style_of("marked")
            words = pad(fit(text, column.width), column.width, right=presented.right)
            segments.append(Segment(f"{first}{words} ", style + Style.from_meta({"row": row, "column": place})))
        segments.append(Segment(" " * self.size.width, line))
        return Strip(segments)

    def on_click(self, event: Click) -> None:
        """Twice on a row: open it."""
        if event.chain == 2 and event.style.meta.get("row", -1) >= 0:
            self.action_drill_down()

    # --- actions -----------------------------------------------------------------------------------------------------

    def _jump(self, rows: int) -> None:
        self._waiting_for = None
        self.cursor_coordinate = Coordinate(self.cursor_row + rows, self.cursor_column)

    def action_cursor_down(self, select: bool = False) -> None:
        """One row down."""
        self._jump(1)

    def action_cursor_up(self, select: bool = False) -> None:
        """One row up."""
        self._jump(-1)

    def action_page_down(self, select: bool = False) -> None:
        """A page down."""
        self._jump(max(self.size.height - 2, 1))

    def action_page_up(self, select: bool = False) -> None:
        """A page up."""
        self._jump(-max(self.size.height - 2, 1))

    def action_top(self) -> None:
        """To the first row."""
        self._jump(-self.row_count)

    def action_bottom(self) -> None:
        """To the last row."""
        self._jump(self.row_count)

    def action_cursor_left(self, select: bool = False) -> None:
        """One column to the left."""
        self.cursor_coordinate = self.cursor_coordinate.left()

    def action_cursor_right(self, select: bool = False) -> None:
        """One column to the right."""
        self.cursor_coordinate = self.cursor_coordinate.right()

    def action_drill_down(self) -> None:
        """Open the row under the cursor."""
        if self.row_count:
            self.post_message(self.Opened(self))

    def action_mark(self) -> None:
        """Mark the row, or take its mark away, and go on to the next."""
        if self.row_count:
            self._marked ^= {self.cursor_key}
            self.refresh_row(self.cursor_row)
            self._jump(1)
            self.post_message(self.Moved(self))

    def action_sort_next(self) -> None:
        """Sort by the column to the right of the one that the rows are sorted by."""
        self._sort_beside(1)

    def action_sort_previous(self) -> None:
        """Sort by the column to the left of it."""
        self._sort_beside(-1)

    def _sort_beside(self, step: int) -> None:
        if not self._shown:
            return
        place = self._shown.index(self._sorted_by) + step if self._sorted_by in self._shown else self.cursor_column
        self.sort_by(self._shown[place % len(self._shown)])

    def sort_by(self, name: str) -> None:
        """Ask for the rows sorted by that column: numbers largest first, all others smallest first."""
        self.post_message(self.Sorted(self, Sorting(name, self._presented[name].right)))

    def action_sort_reverse(self) -> None:
        """Turn the order of the rows round."""
        now = self.sorting or Sorting(self.column, self._presented[self.column].right)
        self.post_message(self.Sorted(self, Sorting(now.column, not now.descending)))

    def action_show_columns(self) -> None:
        """Ask for the choice of columns."""
        self.post_message(self.ColumnsAsked(self))

    def action_filter_on_cell(self) -> None:
        """Ask for the rows that show what is under the cursor."""
        if self.row_count and self.column:
            names = self._presented[self.column].columns
            values = tuple((name, self.rows.value(self.cursor_row, name)) for name in names)
            self.post_message(self.CellFiltered(self, values))
