"""PacketCells: the texts of a list of packets, of which only the rows that are looked at are ever there.

The list is known by the numbers of its packets, which may be millions. Their rows of the packets table come a page at a
time and few are kept; a column's texts are made when it is first drawn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import cells
from nvgre_inspect.display.values import Texts

Numbers = range | npt.NDArray[np.int64]

#: Rows that are asked for, kept and let go together.
PAGE = 32
_PAGES = 24
_WAITING = "…"
#: Columns are no wider than this, but for the flexible one.
_WIDEST = 40
#: The column that takes the room that the others leave, and how much it takes at least.
_FLEXIBLE = ("info", "stack")
_FLEXIBLE_CELLS = 16
#: Between two columns.
GAP = 1


@dataclass(slots=True)
class _Page:
    """Rows of the packets table, after `before` rows of the page before: some times are differences."""

    rows: pd.DataFrame
    before: int
    texts: dict[str, Texts] = field(default_factory=dict)


class PacketCells:
    """Rows by their place in the list, columns by name."""

    def __init__(self) -> None:
        self.numbers: Numbers = range(0)
        #: Changes when rows that were asked for are no longer those of the list.
        self.version = 0
        self.presented: Mapping[str, Presented] = {}
        self.shown: list[str] = []
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self._widths: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    # --- packets -----------------------------------------------------------------------------------------------------

    def replace(self, numbers: Numbers) -> bool:
        """Other packets, in the order of their numbers. Where the list only grows, which is answered, rows stay."""
        grows = _begins_with(numbers, self.numbers)
        if grows:
            # The last page may have been cut short.
            self._pages.pop(len(self.numbers) // PAGE, None)
        else:
            self.version += 1
            self._pages.clear()
        self.numbers = numbers
        if len(numbers):
            self._widths["number"] = len(str(numbers[-1]))
        return grows

    def row_of(self, number: int) -> int | None:
        """The row of the packet with that number; None if it is not in the list."""
        row = self.nearest(number)
        return row if row < len(self) and int(self.numbers[row]) == number else None

    def nearest(self, number: int) -> int:
        """The row of that packet, else of the next one that is there, else the last."""
        if isinstance(self.numbers, range):
            row = number - self.numbers.start
        else:
            row = int(np.searchsorted(self.numbers, number))
        return min(max(row, 0), max(len(self) - 1, 0))

    # --- rows --------------------------------------------------------------------------------------------------------

    def missing(self, first: int, end: int) -> tuple[int, npt.NDArray[np.int64]] | None:
        """What is not there of the rows from `first` to before `end`: the row to begin with, and numbers; None: all is.

        Whole pages, and the row before them, from which times may be counted.
        """
        end = min(end, len(self))
        pages = [page for page in range(first // PAGE, -(-end // PAGE)) if not self.is_there(page * PAGE)]
        if not pages or end <= first:
            return None
        begin = max(pages[0] * PAGE - 1, 0)
        return begin, np.array(self.numbers[begin : (pages[-1] + 1) * PAGE], dtype=np.int64)

    def put(self, first: int, rows: pd.DataFrame) -> None:
        """The rows that were `missing`, from row `first` on."""
        before = 1 if first else 0
        number = (first + before) // PAGE
        for begin in range(before, len(rows), PAGE):
            self._pages[number] = _Page(rows.iloc[begin - before : begin + PAGE], before)
            self._pages.move_to_end(number)
            self._widen(number)
            before, number = 1, number + 1
        while len(self._pages) > _PAGES:
            self._pages.popitem(last=False)

    def is_there(self, row: int) -> bool:
        """Whether the page of that row is there; it is kept longest then."""
        if row // PAGE not in self._pages:
            return False
        self._pages.move_to_end(row // PAGE)
        return True

    def value(self, row: int, name: str) -> Any:
        """The value of one of the registry's columns; None: null, or not yet there."""
        page = self._pages.get(row // PAGE)
        place = row % PAGE + (page.before if page else 0)
        if page is None or place >= len(page.rows):
            return None
        value = page.rows[name].iloc[place]
        if not isinstance(value, tuple) and pd.isna(value):
            return None
        return value.item() if isinstance(value, np.generic) else value

    # --- columns -----------------------------------------------------------------------------------------------------

    def present(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        """Which columns there are, and which of them are shown, in that order."""
        self.presented = columns
        self.shown = [name for name in shown if name in columns]
        self._widths = {name: width for name, width in self._widths.items() if name == "number"}
        for number, page in self._pages.items():
            page.texts.clear()
            self._widen(number)

    def text(self, row: int, name: str) -> tuple[str, str | None]:
        """Text of a cell and its style by name; a number is always known."""
        if name == "number":
            return str(self.numbers[row]), None
        page = row // PAGE
        if page not in self._pages:
            return _WAITING, "dim"
        texts, styles = self._texts(page, name)
        if row % PAGE >= len(texts):
            return _WAITING, "dim"
        return texts[row % PAGE], None if styles is None else styles[row % PAGE]

    def width(self, name: str, room: int) -> int:
        """Cells of a column where there are `room` cells for all. The flexible one takes what the others leave."""
        natural = max(self._widths.get(name, 0), cells(self.presented[name].heading))
        if name not in _FLEXIBLE:
            return min(natural, _WIDEST)
        others = sum(self.width(other, room) + GAP for other in self.shown if other not in _FLEXIBLE)
        return max(natural, room - others - GAP, _FLEXIBLE_CELLS)

    def _texts(self, number: int, name: str) -> Texts:
        page = self._pages[number]
        if name not in page.texts:
            texts, styles = self.presented[name].texts(page.rows)
            page.texts[name] = texts[page.before :], None if styles is None else styles[page.before :]
        return page.texts[name]

    def _widen(self, number: int) -> None:
        for name in self.shown:
            widest = max(map(cells, self._texts(number, name)[0]), default=0)
            self._widths[name] = max(self._widths.get(name, 0), widest)


def _begins_with(numbers: Numbers, before: Numbers) -> bool:
    """Whether all of `before`, in its order, stands at the front of `numbers`."""
    if len(before) > len(numbers):
        return False
    if isinstance(numbers, range) and isinstance(before, range):
        return not before or before.start == numbers.start
    return np.array_equal(numbers[: len(before)], before)
