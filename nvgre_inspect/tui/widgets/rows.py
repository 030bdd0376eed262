"""Rows: a DataFrame in some order as cells of text, formatted a page at a time, when they are drawn.

What is not looked at is neither formatted nor copied: a page is 64 rows, and few pages are kept. It serves
textual-fastdatatable as its backend; what that asks for changes to data is refused, since Snapshots never change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.cells import cell_len
from textual_fastdatatable.backend import DataTableBackend

from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import fit
from nvgre_inspect.display.values import Texts

PAGE = 64
_PAGES = 8
#: Columns are no wider than this; what is longer ends in an ellipsis.
WIDEST = 48
#: Rows whose texts decide how wide a column is at first; later pages may widen it.
_SAMPLE = 128


class Rows(DataTableBackend[pd.DataFrame]):
    """Rows of `frame` at `positions` (int64; None: all, in order), as `columns`."""

    def __init__(
        self,
        frame: pd.DataFrame,
        columns: Sequence[Presented] = (),
        positions: npt.NDArray[np.int64] | None = None,
        widths: Mapping[str, int] | None = None,
    ) -> None:
        """`widths`: cells that columns have at least, by name: what they had before."""
        self._render_markup = None
        self.data = frame
        self.shown = tuple(columns)
        self.positions = positions
        self._pages: OrderedDict[int, list[Texts]] = OrderedDict()
        self._widths = [max((widths or {}).get(c.name, 0), cell_len(c.heading)) for c in self.shown]
        #: Counts how often a column was widened.
        self.widened = 0
        self._measure()

    def _measure(self) -> None:
        """Widths from a sample: the first rows, and some from all over."""
        count = self.row_count
        chosen = np.unique(
            np.concatenate([np.arange(min(PAGE, count)), np.linspace(0, max(count - 1, 0), _SAMPLE // 2)])
        )
        if count:
            for texts, place in zip(self._texts(chosen.astype(np.int64)), range(len(self.shown)), strict=True):
                self._widen(place, texts[0])

    def _widen(self, place: int, texts: Iterable[str]) -> None:
        width = min(max(map(cell_len, texts), default=0), WIDEST)
        if width > self._widths[place]:
            self._widths[place] = width
            self.widened += 1

    def _texts(self, rows: npt.NDArray[np.int64]) -> list[Texts]:
        places = rows if self.positions is None else self.positions[rows]
        # Column by column: rows of the whole frame would be gathered from all of its columns.
        names = {name for column in self.shown for name in column.needs}
        few = pd.DataFrame({name: self.data[name].take(places) for name in names if name in self.data}, copy=False)
        return [column.texts(few) for column in self.shown]

    def _page(self, number: int) -> list[Texts]:
        page = self._pages.get(number)
        if page is None:
            start = number * PAGE
            # Times that are differences need the row before.
            before = 1 if start else 0
            texts = self._texts(np.arange(start - before, min(start + PAGE, self.row_count)))
            page = [(words[before:], None if styles is None else styles[before:]) for words, styles in texts]
            for place, (words, _) in enumerate(page):
                self._widen(place, words)
            self._pages[number] = page
            while len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page

    def text(self, row: int, column: int) -> tuple[str, str | None]:
        """Text of a cell and its style by name, cut to the width of the column."""
        words, styles = self._page(row // PAGE)[column]
        return fit(words[row % PAGE], WIDEST), None if styles is None else styles[row % PAGE]

    def source_row(self, row: int) -> int:
        """Position in the frame of the row that is shown there."""
        return row if self.positions is None else int(self.positions[row])

    def shown_row(self, source: int) -> int | None:
        """Where the frame's row is shown; None if it is not."""
        if self.positions is None:
            return source if 0 <= source < len(self.data) else None
        found = np.flatnonzero(self.positions == source)
        return int(found[0]) if len(found) else None

    def value(self, row: int, name: str) -> Any:
        """The value of one of the registry's columns; None where it is null."""
        value = self.data[name].iloc[self.source_row(row)]
        if not isinstance(value, tuple) and pd.isna(value):
            return None
        return value.item() if isinstance(value, np.generic) else value

    @property
    def widths(self) -> dict[str, int]:
        """Cells of each column's widest text so far, by name."""
        return {column.name: width for column, width in zip(self.shown, self._widths, strict=True)}

    # --- what the library asks for -----------------------------------------------------------------------------------

    @classmethod
    def from_pydict(
        cls, data: Mapping[str, Sequence[Any]], max_rows: int | None = None, column_names: Sequence[str] | None = None
    ) -> NoReturn:
        """Refused: rows come from a DataFrame."""
        raise TypeError("rows come from a DataFrame")

    @property
    def source_data(self) -> pd.DataFrame:
        """The whole frame."""
        return self.data

    @property
    def source_row_count(self) -> int:
        """Rows of the whole frame."""
        return len(self.data)

    @property
    def row_count(self) -> int:
        """Rows that are shown."""
        return len(self.data) if self.positions is None else len(self.positions)

    @property
    def columns(self) -> Sequence[str]:
        """The headings."""
        return [column.heading for column in self.shown]

    @property
    def column_content_widths(self) -> Sequence[int]:
        """Cells of each column's widest text so far."""
        return list(self._widths)

    def get_row_at(self, index: int) -> Sequence[str]:
        """Texts of one row."""
        return [self.text(index, column)[0] for column in range(len(self.shown))]

    def get_column_at(self, index: int) -> Sequence[str]:
        """Texts of one column: of all rows, so not for large tables."""
        return [self.text(row, index)[0] for row in range(self.row_count)]

    def get_cell_at(self, row_index: int, column_index: int) -> str:
        """Text of one cell, not cut: what the mouse's tooltip shows."""
        if not (0 <= row_index < self.row_count and 0 <= column_index < len(self.shown)):
            raise IndexError(f"no cell {row_index}, {column_index}")
        return self._page(row_index // PAGE)[column_index][0][row_index % PAGE]

    def append_column(self, label: str, default: Any | None = None) -> NoReturn:
        """Refused: a Snapshot does not change."""
        raise TypeError("a Snapshot does not change")

    def append_rows(self, records: Iterable[Iterable[Any]]) -> NoReturn:
        """Refused: a Snapshot does not change."""
        raise TypeError("a Snapshot does not change")

    def drop_row(self, row_index: int) -> NoReturn:
        """Refused: a Snapshot does not change."""
        raise TypeError("a Snapshot does not change")

    def update_cell(self, row_index: int, column_index: int, value: Any) -> NoReturn:
        """Refused: a Snapshot does not change."""
        raise TypeError("a Snapshot does not change")

    def sort(self, by: object) -> NoReturn:
        """Refused: rows are ordered by their positions."""
        raise TypeError("rows are ordered by their positions")
