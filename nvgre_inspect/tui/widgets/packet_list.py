"""PacketList: the packets of a capture or a part of it, a line each; only what is on the screen is asked for and drawn.

The list knows the numbers of its packets, which may be millions; their rows are asked for a page at a time (`Wanted`)
and come when they come (`put`). Until a row is there its number stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nvgre_inspect.actions import Context
from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import fit, pad
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.arranging import Arranging
from nvgre_inspect.tui.widgets.packet_cells import GAP, Numbers, PacketCells
from nvgre_inspect.tui.widgets.stepping import Stepping

MARK = "●"
#: Cells to the left of the columns.
_GUTTER = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a list stands, to come back to: the packet under the cursor, the column, the marked packets."""

    number: int | None = None
    column: str = ""
    marked: frozenset[int] = frozenset()


class PacketList(Arranging, Stepping, ScrollView, can_focus=True, inherit_bindings=False):
    """Packets as columns of text, with a cursor and marks."""

    BINDINGS = bindings(Context.TABLE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--header", "list--column", "list--row", "list--cursor"}
    DEFAULT_CSS = """
    PacketList {
        background: $background;
        scrollbar-size: 0 1;
        & > .list--header { background: $panel; color: $foreground; text-style: bold; }
        & > .list--column { background: $panel; color: $accent; text-style: bold underline; }
        & > .list--row { background: $panel; }
        & > .list--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    @dataclass
    class Wanted(Message):
        """Rows are to be put: of these packets, the first of which is in row `first` of the list."""

        packets: PacketList
        version: int
        first: int
        numbers: npt.NDArray[np.int64]

    @dataclass
    class Moved(Message):
        """The cursor stands on another packet, or packets were marked."""

        packets: PacketList

    @dataclass
    class Opened(Message):
        """Enter or a double click on a packet."""

        packets: PacketList

    @dataclass
    class CellFiltered(Message):
        """Packets are to be narrowed to those with these values of these columns."""

        packets: PacketList
        values: tuple[tuple[str, Any], ...]

    @dataclass
    class ColumnsAsked(Message):
        """Somebody wants to choose the columns."""

        packets: PacketList

    @dataclass
    class Unsortable(Message):
        """An order was asked for: packets stay in that of the capture."""

        packets: PacketList

    def __init__(
        self,
        *,
        style_of: Callable[[str], Style] = lambda _: Style.null(),
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__(id=id)
        self._style_of = style_of
        self._cells = PacketCells()
        self._row = 0
        self._column = 0
        self._marked: frozenset[int] = frozenset()
        #: What was asked for last (version, first row, rows) and has not come.
        self._wanted: tuple[int, int, int] | None = None
        #: Whether the cursor stays on the last packet as more come.
        self.following = False

    # --- what is shown -----------------------------------------------------------------------------------------------

    def present(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        """Which columns there are, and which of them are shown, in that order."""
        column = self.column
        self._cells.present(columns, shown)
        self._column = self.shown.index(column) if column in self.shown else 0
        self._layout()

    @property
    def presented(self) -> Mapping[str, Presented]:
        """Every column that can be shown, by name."""
        return self._cells.presented

    @property
    def shown(self) -> Sequence[str]:
        """The names of the columns that are shown, in order."""
        return self._cells.shown

    def show(self, numbers: Numbers) -> None:
        """Show the packets with these numbers, which rise.

        The cursor stays on its packet, else goes to the next one that is here. Marks stay, also on packets that are
        not in the list now. Where the list only grows, the rows that are there stay.
        """
        number = self.cursor_number
        grows = self._cells.replace(numbers)
        self._layout()
        if self.following:
            self.go(len(numbers) - 1)
        elif number is not None and not grows:
            self.go(self._cells.nearest(number))
        self._ask()

    def put(self, version: int, first: int, rows: pd.DataFrame) -> None:
        """Rows that were `Wanted`. Those of packets that are no longer shown are not taken."""
        if version == self._cells.version:
            self._cells.put(first, rows)
            self._wanted = None
            self._layout()
            self._scroll_to_column()

    @property
    def numbers(self) -> Numbers:
        """The numbers of all packets of the list."""
        return self._cells.numbers

    @property
    def row_count(self) -> int:
        """Packets in the list."""
        return len(self._cells)

    @property
    def cursor_row(self) -> int:
        """The row under the cursor, from 0."""
        return self._row

    @property
    def cursor_number(self) -> int | None:
        """The number of the packet under the cursor; None if there is none."""
        return int(self.numbers[self._row]) if self._row < len(self._cells) else None

    @property
    def marked(self) -> frozenset[int]:
        """The numbers of the marked packets."""
        return self._marked

    @property
    def cursor_place(self) -> int:
        """Which of the shown columns is under the cursor."""
        return self._column

    def put_cursor(self, place: int) -> None:
        """Put the cursor on that one of the shown columns."""
        self._column = place
        self._scroll_to_column()
        self.refresh()

    def value(self, name: str) -> Any:
        """The value of one of the registry's columns in the row under the cursor; None: null, or not yet there."""
        return self._cells.value(self._row, name)

    def standing(self) -> Standing:
        """Where it stands, for `stand`."""
        return Standing(self.cursor_number, self.column, self._marked)

    def stand(self, standing: Standing) -> None:
        """Stand there again."""
        self._marked = standing.marked
        if standing.column in self.shown:
            self._column = self.shown.index(standing.column)
        self.go(0 if standing.number is None else self._cells.nearest(standing.number))
        self.refresh()

    def select(self, number: int) -> bool:
        """Put the cursor on the packet with that number, or the next one; whether it is that one."""
        self.go(self._cells.nearest(number))
        return self.cursor_number == number

    # --- layout ------------------------------------------------------------------------------------------------------

    @property
    def _body(self) -> int:
        """Rows on the screen."""
        return max(self.scrollable_content_region.height - 1, 0)

    @property
    def _room(self) -> int:
        """Cells for the columns."""
        return self.scrollable_content_region.width - _GUTTER

    def _width(self, name: str) -> int:
        return self._cells.width(name, self._room)

    def _ask(self) -> None:
        """Ask for the rows on the screen that are not there."""
        top = int(self.scroll_offset.y)
        missing = self._cells.missing(top, top + self._body)
        if missing is None:
            return
        wanted = (self._cells.version, missing[0], len(missing[1]))
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.Wanted(self, self._cells.version, *missing))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows come onto the screen."""
        super().watch_scroll_y(old_value, new_value)
        self._ask()

    def on_resize(self) -> None:
        """More rows, or less room for columns."""
        self._layout()
        self._scroll_to_row()
        self._scroll_to_column()
        self._ask()

    def _layout(self) -> None:
        self._row = min(self._row, max(len(self._cells) - 1, 0))
        width = _GUTTER + sum(self._width(name) + GAP for name in self.shown)
        self.virtual_size = Size(width, len(self._cells) + 1)  # one for the heading
        self.refresh()

    def _scroll_to_row(self) -> None:
        top = int(self.scroll_y)
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, force=True)
        elif self._row >= top + self._body:
            self.scroll_to(y=self._row - self._body + 1, animate=False, force=True)

    def _scroll_to_column(self) -> None:
        """All of the column, or its beginning."""
        left = _GUTTER + sum(self._width(name) + GAP for name in self.shown[: self._column])
        right = left + (self._width(self.column) if self.column else 0)
        left = 0 if self._column == 0 else left
        x = min(max(int(self.scroll_x), right - self.scrollable_content_region.width), left)
        self.scroll_to(x=x, animate=False, force=True)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the heading, or a packet."""
        base = self.rich_style
        row = int(self.scroll_offset.y) + y - 1
        left = int(self.scroll_offset.x)
        if y == 0:
            strip = self._heading(base)
        elif row < len(self._cells):
            strip = self._line(row, base)
        else:
            strip = Strip([])
        return strip.crop_extend(left, left + self.size.width, base)

    def _heading(self, base: Style) -> Strip:
        style = base + self.get_component_rich_style("list--header")
        here = base + self.get_component_rich_style("list--column")
        segments = [Segment(" " * _GUTTER, style)]
        for place, name in enumerate(self.shown):
            column = self.presented[name]
            words = pad(column.heading, self._width(name), right=column.right)
            segments.append(Segment(words, here if place == self._column else style))
            segments.append(Segment(" " * GAP, style))
        segments.append(Segment(" " * self.size.width, style))
        return Strip(segments)

    def _line(self, row: int, base: Style) -> Strip:
        under = row == self._row
        style = base + self.get_component_rich_style("list--row") if under else base
        marked = bool(self._marked) and int(self.numbers[row]) in self._marked
        segments = [Segment(pad(MARK if marked else "", _GUTTER), style + self._style_of("marked"))]
        for place, name in enumerate(self.shown):
            text, named = self._cells.text(row, name)
            cell = style if named is None else style + self._style_of(named)
            if under and place == self._column and self.has_focus:
                cell = base + self.get_component_rich_style("list--cursor")
            width = self._width(name)
            segments.append(Segment(pad(fit(text, width), width, right=self.presented[name].right), cell))
            segments.append(Segment(" " * GAP, style))
        segments.append(Segment(" " * self.size.width, style))
        return Strip(segments)

    # --- moving ------------------------------------------------------------------------------------------------------

    def go(self, row: int) -> None:
        """Put the cursor on that row, or the nearest that there is."""
        row = min(max(row, 0), max(len(self._cells) - 1, 0))
        moved = row != self._row
        self._row = row
        self._scroll_to_row()
        self.refresh()
        if moved:
            self.post_message(self.Moved(self))

    @property
    def page_rows(self) -> int:
        """One stays to be seen."""
        return max(self._body - 1, 1)

    def step(self, rows: int) -> None:
        """To another packet, which ends following the newest."""
        self.following = False
        self.go(self._row + rows)

    def action_cursor_left(self) -> None:
        """One column to the left."""
        self._beside(-1)

    def action_cursor_right(self) -> None:
        """One column to the right."""
        self._beside(1)

    def _beside(self, step: int) -> None:
        self.put_cursor(min(max(self._column + step, 0), max(len(self.shown) - 1, 0)))

    # --- actions -----------------------------------------------------------------------------------------------------

    def action_drill_down(self) -> None:
        """Open the packet under the cursor."""
        if self.row_count:
            self.post_message(self.Opened(self))

    def action_mark(self) -> None:
        """Mark the packet, or take its mark away, and go on to the next."""
        number = self.cursor_number
        if number is not None:
            self._marked ^= {number}
            self.post_message(self.Moved(self))
            self.step(1)

    def action_filter_on_cell(self) -> None:
        """Ask for the packets that have the value under the cursor."""
        if self._cells.is_there(self._row) and self.column:
            columns = self.presented[self.column].columns
            self.post_message(self.CellFiltered(self, tuple((name, self.value(name)) for name in columns)))

    def action_show_columns(self) -> None:
        """Ask for the columns to be chosen."""
        self.post_message(self.ColumnsAsked(self))

    def action_sort_next(self) -> None:
        """Refused."""
        self.post_message(self.Unsortable(self))

    def action_sort_previous(self) -> None:
        """Refused."""
        self.post_message(self.Unsortable(self))

    def action_sort_reverse(self) -> None:
        """Refused."""
        self.post_message(self.Unsortable(self))

    def on_click(self, event: events.Click) -> None:
        """Go to the packet under the mouse; a double click opens it."""
        at = event.get_content_offset(self)
        row = -1 if at is None else at.y - 1 + int(self.scroll_offset.y)
        if at is None or at.y == 0 or row >= len(self._cells):
            return
        self.following = False
        self.go(row)
        if event.chain == 2:
            self.action_drill_down()
