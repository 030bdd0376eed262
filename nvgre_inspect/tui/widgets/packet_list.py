"""PacketList: the packets of a capture or a part of it, a line each; only what is on the screen is asked for and drawn.

The list knows the numbers of its packets, which may be millions; their rows are asked for a page at a time (`Wanted`),
come when they come (`put`), and few are kept. Until a row is there its number stands alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from nvgre_inspect.display.text import cells, fit, pad
from nvgre_inspect.display.values import Texts
from nvgre_inspect.tui.keymap import bindings

Numbers = range | npt.NDArray[np.int64]

#: Rows that are asked for, kept and let go together.
PAGE = 32
_PAGES = 24
MARK = "●"
_GUTTER = 2
_GAP = 1
_WAITING = "…"
#: The column that takes the room that is left, and how much at least before the line becomes longer than the screen.
_FLEXIBLE = ("info", "stack")
_FLEXIBLE_CELLS = 16
#: No other column is wider.
_WIDEST = 40


@dataclass(slots=True)
class _Page:
    """Rows of the packets table, after `before` rows of the page before: some times are differences."""

    rows: pd.DataFrame
    before: int
    #: Texts of a column, made when it is first drawn.
    texts: dict[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a list stands, to come back to: the packet under the cursor, the column, the marked packets."""

    number: int | None = None
    column: str = ""
    marked: frozenset[int] = frozenset()


class PacketList(ScrollView, can_focus=True, inherit_bindings=False):
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
        self._numbers: Numbers = range(0)
        self._version = 0
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self._presented: Mapping[str, Presented] = {}
        self._shown: list[str] = []
        self._widths: dict[str, int] = {}
        self._row = 0
        self._column = 0
        self._marked: frozenset[int] = frozenset()
        #: Whether the cursor stays on the last packet as more come.
        self.following = False

    # --- what is shown -----------------------------------------------------------------------------------------------

    def present(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        """Which columns there are, and which of them are shown, in that order."""
        column = self.column
        self._presented = columns
        self._shown = [name for name in shown if name in columns]
        self._column = self._shown.index(column) if column in self._shown else 0
        self._widths.clear()
        for page in self._pages.values():
            page.texts.clear()
        self._layout()

    @property
    def presented(self) -> Mapping[str, Presented]:
        """Every column that can be shown, by name."""
        return self._presented

    @property
    def shown(self) -> Sequence[str]:
        """The names of the columns that are shown, in order."""
        return tuple(self._shown)

    def show(self, numbers: Numbers) -> None:
        """Show the packets with these numbers, which rise.

        The cursor stays on its packet, else goes to the next one that is here. Where the list only grows, the rows
        that are there stay.
        """
        number = self.cursor_number
        more = _begins_with(numbers, self._numbers)
        self._numbers, before = numbers, self._numbers
        if more:
            # The last page may have been cut short.
            self._pages.pop(len(before) // PAGE, None)
        else:
            self._version += 1
            self._pages.clear()
            self._marked &= frozenset(number for number in self._marked if self.row_of(number) is not None)
        self._layout()
        if self.following:
            self._go(len(numbers) - 1)
        elif number is not None and not more:
            self._go(self.nearest(number))
        self._ask()

    def put(self, version: int, first: int, rows: pd.DataFrame) -> None:
        """Rows that were `Wanted`. Those of numbers that are no longer shown are not taken."""
        if version != self._version:
            return
        before = 1 if first else 0  # see `_ask`
        number = (first + before) // PAGE
        for begin in range(before, len(rows), PAGE):
            self._pages[number] = _Page(rows.iloc[begin - before : begin + PAGE], before)
            self._pages.move_to_end(number)
            self._widen(number)
            before, number = 1, number + 1
        while len(self._pages) > _PAGES:
            self._pages.popitem(last=False)
        self._layout()

    @property
    def numbers(self) -> Numbers:
        """The numbers of all packets of the list."""
        return self._numbers

    @property
    def row_count(self) -> int:
        """Packets in the list."""
        return len(self._numbers)

    @property
    def cursor_row(self) -> int:
        """The row under the cursor, from 0."""
        return self._row

    @property
    def cursor_number(self) -> int | None:
        """The number of the packet under the cursor; None if there is none."""
        return int(self._numbers[self._row]) if self._row < len(self._numbers) else None

    @property
    def marked(self) -> frozenset[int]:
        """The numbers of the marked packets."""
        return self._marked

    @property
    def column(self) -> str:
        """The name of the column under the cursor; empty if there is none."""
        return self._shown[self._column] if self._column < len(self._shown) else ""

    @property
    def cell_column(self) -> str:
        """The registry's column under the cursor; of several that are shown as one, the one that tells most."""
        columns = self._presented[self.column].columns
        return "vsid" if "vsid" in columns else columns[0]

    def value(self, name: str) -> Any:
        """The value of one of the registry's columns in the row under the cursor; None: null, or not yet there."""
        page = self._pages.get(self._row // PAGE)
        if page is None:
            return None
        at = self._row % PAGE + page.before
        value = page.rows[name].iloc[at] if at < len(page.rows) else None
        if value is None or (not isinstance(value, tuple) and pd.isna(value)):
            return None
        return value.item() if isinstance(value, np.generic) else value

    def row_of(self, number: int) -> int | None:
        """The row of the packet with that number; None if it is not in the list."""
        row = self.nearest(number)
        return row if row < len(self._numbers) and int(self._numbers[row]) == number else None

    def nearest(self, number: int) -> int:
        """The row of that packet, else of the next one that is there, else the last."""
        if isinstance(self._numbers, range):
            row = number - self._numbers.start
        else:
            row = int(np.searchsorted(self._numbers, number))
        return min(max(row, 0), max(len(self._numbers) - 1, 0))

    def standing(self) -> Standing:
        """Where it stands, for `stand`."""
        return Standing(self.cursor_number, self.column, self._marked)

    def stand(self, standing: Standing) -> None:
        """Stand there again."""
        self._marked = standing.marked
        if standing.column in self._shown:
            self._column = self._shown.index(standing.column)
        self._go(0 if standing.number is None else self.nearest(standing.number))
        self.refresh()

    def select(self, number: int) -> bool:
        """Put the cursor on the packet with that number, or the next one; whether it is that one."""
        self._go(self.nearest(number))
        return self.cursor_number == number

    # --- asking for rows ---------------------------------------------------------------------------------------------

    @property
    def _body(self) -> int:
        """Rows on the screen."""
        return max(self.scrollable_content_region.height - 1, 0)

    def _ask(self) -> None:
        """Ask for the rows on the screen that are not there."""
        top = int(self.scroll_offset.y)
        bottom = min(top + self._body, len(self._numbers))
        missing = [page for page in range(top // PAGE, -(-bottom // PAGE)) if not self._is_there(page)]
        if missing and bottom > top:
            first = max(missing[0] * PAGE - 1, 0)  # the row before, for differences of time
            numbers = np.array(self._numbers[first : (missing[-1] + 1) * PAGE], dtype=np.int64)
            self.post_message(self.Wanted(self, self._version, first, numbers))

    def _is_there(self, number: int) -> bool:
        if number in self._pages:
            self._pages.move_to_end(number)
            return True
        return False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows come onto the screen."""
        super().watch_scroll_y(old_value, new_value)
        self._ask()

    def on_resize(self) -> None:
        """More rows, or less room for columns."""
        self._layout()
        self._scroll_to_cursor()
        self._ask()

    # --- layout ------------------------------------------------------------------------------------------------------

    def _texts(self, number: int, name: str) -> Texts:
        page = self._pages[number]
        if name not in page.texts:
            texts, styles = self._presented[name].texts(page.rows)
            page.texts[name] = texts[page.before :], None if styles is None else styles[page.before :]
        return page.texts[name]

    def _widen(self, number: int) -> None:
        for name in self._shown:
            widest = max(map(cells, self._texts(number, name)[0]), default=0)
            self._widths[name] = max(self._widths.get(name, 0), widest)

    def _layout(self) -> None:
        for number in list(self._pages):
            if self._shown and not self._pages[number].texts:
                self._widen(number)
        if len(self._numbers):
            self._widths["number"] = max(self._widths.get("number", 0), len(str(self._numbers[-1])))
        self._row = min(self._row, max(len(self._numbers) - 1, 0))
        width = _GUTTER + sum(self._width(name) + _GAP for name in self._shown)
        self.virtual_size = Size(width, len(self._numbers) + 1)  # one for the heading
        self.refresh()

    def _width(self, name: str) -> int:
        """Cells of a column. The flexible one takes what the others leave, or scrolls."""
        heading = cells(self._presented[name].heading)
        natural = max(self._widths.get(name, 0), heading)
        if name not in _FLEXIBLE:
            return min(natural, _WIDEST)
        others = sum(self._width(other) + _GAP for other in self._shown if other not in _FLEXIBLE)
        left = self.scrollable_content_region.width - _GUTTER - _GAP - others
        return max(natural, left, _FLEXIBLE_CELLS)

    def _scroll_to_cursor(self) -> None:
        top = int(self.scroll_y)
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, force=True)
        elif self._row >= top + self._body:
            self.scroll_to(y=self._row - self._body + 1, animate=False, force=True)
        if self._shown:
            left = sum(self._width(name) + _GAP for name in self._shown[: self._column]) + _GUTTER * (self._column > 0)
            right = min(left + self._width(self.column), left + self.size.width)
            x = min(max(int(self.scroll_x), right - self.size.width), left)
            self.scroll_to(x=x, animate=False, force=True)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the heading, or a packet."""
        base = self.rich_style
        row = int(self.scroll_offset.y) + y - 1
        left = int(self.scroll_offset.x)
        if y == 0:
            strip = self._heading(base)
        elif row < len(self._numbers):
            strip = self._line(row, base)
        else:
            strip = Strip([])
        return strip.crop_extend(left, left + self.size.width, base)

    def _heading(self, base: Style) -> Strip:
        style = base + self.get_component_rich_style("list--header")
        here = base + self.get_component_rich_style("list--column")
        segments = [Segment(" " * _GUTTER, style)]
        for place, name in enumerate(self._shown):
            column = self._presented[name]
            words = pad(column.heading, self._width(name), right=column.right)
            segments.append(Segment(words, here if place == self._column else style))
            segments.append(Segment(" " * _GAP, style))
        segments.append(Segment(" " * self.size.width, style))
        return Strip(segments)

    def _line(self, row: int, base: Style) -> Strip:
        under = row == self._row
        style = base + self.get_component_rich_style("list--row") if under else base
        marked = int(self._numbers[row]) in self._marked
        segments = [Segment(pad(MARK if marked else "", _GUTTER), style + self._style_of("marked"))]
        for place, name in enumerate(self._shown):
            column = self._presented[name]
            text, named = self._cell(row, name)
            cell = style if named is None else style + self._style_of(named)
            if under and place == self._column and self.has_focus:
                cell = base + self.get_component_rich_style("list--cursor")
            width = self._width(name)
            segments.append(Segment(pad(fit(text, width), width, right=column.right), cell))
            segments.append(Segment(" " * _GAP, style))
        segments.append(Segment(" " * self.size.width, style))
        return Strip(segments)

    def _cell(self, row: int, name: str) -> tuple[str, str | None]:
        if name == "number":
            return str(self._numbers[row]), None
        page = row // PAGE
        if page not in self._pages or row % PAGE >= len(self._texts(page, name)[0]):
            return _WAITING, "dim"
        texts, styles = self._texts(page, name)
        return texts[row % PAGE], None if styles is None else styles[row % PAGE]

    # --- moving ------------------------------------------------------------------------------------------------------

    def _go(self, row: int) -> None:
        row = min(max(row, 0), max(len(self._numbers) - 1, 0))
        moved = row != self._row
        self._row = row
        self._scroll_to_cursor()
        self.refresh()
        if moved:
            self.post_message(self.Moved(self))

    def _step(self, rows: int) -> None:
        self.following = False
        self._go(self._row + rows)

    def action_cursor_down(self) -> None:
        """One packet down."""
        self._step(1)

    def action_cursor_up(self) -> None:
        """One packet up."""
        self._step(-1)

    def action_page_down(self) -> None:
        """A page down."""
        self._step(max(self._body - 1, 1))

    def action_page_up(self) -> None:
        """A page up."""
        self._step(-max(self._body - 1, 1))

    def action_top(self) -> None:
        """To the first packet."""
        self._step(-self._row)

    def action_bottom(self) -> None:
        """To the last packet."""
        self._step(len(self._numbers))

    def action_cursor_left(self) -> None:
        """One column to the left."""
        self._beside(-1)

    def action_cursor_right(self) -> None:
        """One column to the right."""
        self._beside(1)

    def _beside(self, step: int) -> None:
        self._column = min(max(self._column + step, 0), max(len(self._shown) - 1, 0))
        self._scroll_to_cursor()
        self.refresh()

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
            self._step(1)

    def action_filter_on_cell(self) -> None:
        """Ask for the packets that have the value under the cursor."""
        if self._is_there(self._row // PAGE) and self.column:
            columns = self._presented[self.column].columns
            self.post_message(self.CellFiltered(self, tuple((name, self.value(name)) for name in columns)))

    def action_hide_column(self) -> None:
        """Hide the column under the cursor; one stays."""
        if len(self._shown) > 1:
            place = self._column
            self.present(self._presented, [name for i, name in enumerate(self._shown) if i != place])
            self._column = min(place, len(self._shown) - 1)

    def action_move_column_left(self) -> None:
        """Move the column under the cursor to the left."""
        self._move_column(-1)

    def action_move_column_right(self) -> None:
        """Move the column under the cursor to the right."""
        self._move_column(1)

    def _move_column(self, step: int) -> None:
        place, names = self._column, list(self._shown)
        if 0 <= place + step < len(names):
            names[place], names[place + step] = names[place + step], names[place]
            self.present(self._presented, names)
            self._scroll_to_cursor()

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
        if at is None or at.y == 0 or row >= len(self._numbers):
            return
        self.following = False
        self._go(row)
        if event.chain == 2:
            self.action_drill_down()


def _begins_with(numbers: Numbers, before: Numbers) -> bool:
    """Whether all of `before`, in its order, stands at the front of `numbers`."""
    if len(before) > len(numbers):
        return False
    if isinstance(numbers, range) and isinstance(before, range):
        return not before or before.start == numbers.start
    return np.array_equal(numbers[: len(before)], before)
