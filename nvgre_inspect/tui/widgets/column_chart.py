"""ColumnChart: stacked columns with axes, drawn to an eighth of a cell on textual-plot's canvas.

The library's own bars end at whole or half cells, which at a height of five rows is too coarse to read; so the cells
are worked out here (`blocks`) and handed to it as single characters, in coordinates that are cells. Axes, ticks and
labels are the library's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from textual.binding import BindingType
from textual.events import Resize
from textual.reactive import reactive
from textual_plot import PlotWidget
from textual_plot.axis_formatter import AxisFormatter

from nvgre_inspect.display.axis import Axis
from nvgre_inspect.tui.widgets.blocks import NOTHING, Cell, stacked

#: Cells per tick: labels of an axis must not touch.
_TICK_WIDTH = 12
_TICK_HEIGHT = 3
#: The library draws a frame of one cell around what is plotted.
_FRAME = 2

#: Ticks between two values, at most so many.
MakeAxis = Callable[[float, float, int], Axis]


class Columns(NamedTuple):
    """What to draw: no more columns than were asked for, and where the axis below them begins and ends."""

    #: float64 [bands, columns], the lowest band first.
    values: npt.NDArray[np.float64]
    begin: float
    end: float


#: Asked for so many columns.
Resample = Callable[[int], Columns]


def widened(values: npt.NDArray[Any], columns: int) -> npt.NDArray[np.float64]:
    """Every column as many times as there is room for: float64 [bands, at most `columns`]."""
    count = values.shape[1]
    return np.repeat(values, max(columns // count, 1) if count else 1, axis=1).astype(np.float64)


class FixedLabels(AxisFormatter):
    """Labels that were worked out elsewhere."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = list(labels)

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """None: ticks are set along with their labels."""
        return []

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The labels, in the order of the ticks."""
        return self._labels


class ColumnChart(PlotWidget, can_focus=False, inherit_bindings=False):
    """Stacked columns over an axis. `show` says what, and is asked again for every width."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    ColumnChart { height: 1fr; }
    ColumnChart > .plot--axis { color: $border; }
    ColumnChart > .plot--tick { color: $text-muted; text-style: none; }
    ColumnChart:ansi > .plot--axis { color: ansi_default; text-style: dim; }
    ColumnChart:ansi > .plot--tick { color: ansi_default; text-style: dim; }
    """

    margin_top = reactive(0)
    margin_bottom = reactive(1)
    margin_left = reactive(11)  # `0.5 Mbit/s`

    def __init__(self, *, id: str | None = None, labelled: bool = False) -> None:  # noqa: A002 (Textual's name)
        """`labelled`: a digit in each band."""
        super().__init__(id=id, allow_pan_and_zoom=False)
        self._labelled = labelled
        self._resample: Resample | None = None
        self._colors: Sequence[str] = ()
        self._horizontal: MakeAxis | None = None
        self._vertical: MakeAxis | None = None

    def show(self, resample: Resample, colors: Sequence[str], *, horizontal: MakeAxis, vertical: MakeAxis) -> None:
        """`colors`: one per band, the lowest first."""
        self._resample, self._colors = resample, colors
        self._horizontal, self._vertical = horizontal, vertical
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """Columns are as many as there are cells."""
        self._draw()

    @property
    def plot_cells(self) -> tuple[int, int]:
        """Columns and rows inside the frame."""
        width = self.size.width - self.margin_left - _FRAME
        height = self.size.height - self.margin_top - self.margin_bottom - _FRAME
        return max(width, 0), max(height, 0)

    def _draw(self) -> None:
        columns, rows = self.plot_cells
        if not self.is_mounted or self._resample is None or not columns or not rows:
            return
        shown = self._resample(columns)
        full = float(shown.values.sum(axis=0).max(initial=0.0)) or 1.0
        self.clear()
        self.set_xlimits(0, columns)
        self.set_ylimits(0, rows)
        self._set_ticks(shown, columns, rows, full)
        groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
        for cell in stacked(shown.values, rows, full, labelled=self._labelled):
            groups[cell.text, self._style(cell)].append(cell)
        for (text, style), cells in groups.items():
            self.scatter(
                [cell.column + 0.5 for cell in cells], [cell.row + 0.5 for cell in cells], text, marker_style=style
            )

    def _style(self, cell: Cell) -> str:
        color = self._colors[cell.front]
        if cell.is_label:
            return f"bold reverse {color}"
        return color if cell.behind == NOTHING else f"{color} on {self._colors[cell.behind]}"

    def _set_ticks(self, shown: Columns, columns: int, rows: int, full: float) -> None:
        assert self._horizontal is not None
        assert self._vertical is not None
        count, span = shown.values.shape[1], shown.end - shown.begin
        ticks = self._horizontal(shown.begin, shown.end, max(count // _TICK_WIDTH, 1)).ticks if span > 0 else []
        places = [(tick.at - shown.begin) * count / span for tick in ticks]
        # The library centres labels, and the edge cuts them; at the very end it writes them to the left.
        fitting = [
            (place, tick.label)
            for place, tick in zip(places, ticks, strict=True)
            if place + len(tick.label) / 2 <= columns + 1 or place == columns
        ]
        self.set_xticks([place for place, _ in fitting])
        self.set_x_formatter(FixedLabels([label for _, label in fitting]))
        # With three parts or more there is always a tick besides 0.
        ticks = self._vertical(0.0, full, max(rows // _TICK_HEIGHT, 3)).ticks
        self.set_yticks([tick.at / full * rows for tick in ticks])
        self.set_y_formatter(FixedLabels([tick.label for tick in ticks]))
