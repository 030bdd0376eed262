"""SequencePlot: how far each direction of a flow has come over time, and where it stumbled.

TCP by sequence numbers, everything else by bytes sent. Braille dots, of which there are as many as the plot has room
for; what is marked is drawn over them as a character.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.events import Resize
from textual.reactive import reactive
from textual_plot import HiResMode, PlotWidget
from textual_plot.axis_formatter import AxisFormatter

from nvgre_inspect.actions import Context
from nvgre_inspect.display.axis import byte_axis, time_axis
from nvgre_inspect.flows import flow_packets as marks
from nvgre_inspect.flows.flow_packets import FlowPackets, Points, points
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.column_chart import MakeAxis

#: Mark -> character, style, what it is; later ones are drawn over earlier ones.
_SIGNS = {
    marks.DUPLICATE: ("d", "note", "duplicate"),
    marks.ZERO_WINDOW: ("0", "note", "zero window"),
    marks.OUT_OF_ORDER: ("o", "note", "out of order"),
    marks.GAP: ("?", "bad", "gap"),
    marks.RETRANSMISSION: ("x", "bad", "retransmission"),
    marks.RESET: ("R", "bad", "reset"),
}
#: Direction -> style, sign at its end.
_DIRECTIONS = (("accent", "→"), ("marked", "←"))
#: Dots that are joined by lines.
_FEW = 300
#: Dots of a braille character.
_DOTS_WIDE, _DOTS_HIGH = 2, 4


class MadeTicks(AxisFormatter):
    """Ticks of `display.axis`."""

    def __init__(self, make: MakeAxis, most: int) -> None:
        self._make, self._most = make, most

    def get_ticks_and_labels(self, min_: float, max_: float, max_ticks: int = 8) -> tuple[list[float], list[str]]:
        """Ticks between two values."""
        ticks = self._make(min_, max_, self._most).ticks
        return [tick.at for tick in ticks], [tick.label for tick in ticks]

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where they are."""
        return self.get_ticks_and_labels(min_, max_)[0]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Not asked for: ticks come with their labels."""
        return [str(tick) for tick in ticks]


def signs(packets: FlowPackets, theme: str) -> Text:
    """The legend of what is there: `→ ← x retransmission`."""
    text = Text()
    for style, sign in _DIRECTIONS:
        text.append(f"{sign} ", themes.style(style, theme))
    for bit, (character, style, words) in _SIGNS.items():
        count = int(np.count_nonzero(packets.mark & bit))
        if count:
            text.append(f" {character} ", themes.style(style, theme)).append(f"{words} ({count:,})")
    return text


class SequencePlot(PlotWidget, can_focus=True, inherit_bindings=False):
    """Both directions over time. Arrows move what is seen; keys that turn pages elsewhere zoom, beside those for it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.CHART), *bindings(Context.PLOT)]
    DEFAULT_CSS = """
    SequencePlot { height: 1fr; }
    SequencePlot > .plot--axis { color: $border; }
    SequencePlot > .plot--tick { color: $text-muted; text-style: none; }
    SequencePlot:focus > .plot--axis { color: $accent; }
    SequencePlot:ansi > .plot--axis { color: ansi_default; text-style: dim; }
    SequencePlot:ansi > .plot--tick { color: ansi_default; text-style: dim; }
    """
    margin_top = reactive(0)
    margin_bottom = reactive(1)
    margin_left = reactive(9)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._packets: FlowPackets | None = None
        self._points: Points | None = None
        self._theme = ""
        #: What is seen of the plane: left, right, bottom, top; None: all.
        self._window: tuple[float, float, float, float] | None = None

    def show(self, packets: FlowPackets, theme: str) -> None:
        """Draw them, in the colours of that theme."""
        if packets is not self._packets:
            self._window = None
            self._points = points(packets)
        self._packets, self._theme = packets, theme
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """As many dots as there is room for."""
        self._draw()

    @on(PlotWidget.ScaleChanged)
    def _look_closer(self, message: PlotWidget.ScaleChanged) -> None:
        self._window = (message.x_min, message.x_max, message.y_min, message.y_max)
        self._draw()

    def _draw(self) -> None:
        if self._packets is None or self._points is None or not self.is_mounted or not self.size.area:
            return
        left, right, bottom, top = window = self._window or self._whole(self._points)
        self.clear()
        self.set_xlimits(left, right)
        self.set_ylimits(bottom, top)
        self.set_x_formatter(MadeTicks(time_axis, max(self.size.width // 14, 1)))
        self.set_y_formatter(MadeTicks(byte_axis, max(self.size.height // 3, 2)))
        inside = _inside(self._points, window)
        for direction, (style, _) in enumerate(_DIRECTIONS):
            chosen = self._thinned(inside & (self._packets.direction == direction), window)
            if len(chosen):
                color = themes.color(style, self._theme)
                # Few dots are hard to see, so a line shows how far it has come; what comes again is marked beside it.
                if len(chosen) <= _FEW:
                    seconds, reached = self._at(chosen)
                    self.plot(seconds, np.fmax.accumulate(reached), hires_mode=HiResMode.BRAILLE, line_style=color)
                else:
                    self.scatter(*self._at(chosen), hires_mode=HiResMode.BRAILLE, marker_style=color)
        for direction, (style, sign) in enumerate(_DIRECTIONS):
            rows = np.flatnonzero(inside & (self._packets.direction == direction))
            if len(rows):
                self.scatter(*self._at(rows[-1:]), sign, marker_style=f"bold {themes.color(style, self._theme)}")
        for bit, (character, style, _) in _SIGNS.items():
            rows = np.flatnonzero(inside & (self._packets.mark & bit != 0))
            if len(rows):
                color = themes.color(style, self._theme)
                self.scatter(*self._at(rows), character, marker_style=f"bold {color}")

    def _at(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        assert self._points is not None
        return self._points.seconds[rows], self._points.bytes[rows]

    def _thinned(
        self, chosen: npt.NDArray[np.bool_], window: tuple[float, float, float, float]
    ) -> npt.NDArray[np.int64]:
        """One packet per dot that there is."""
        rows = np.flatnonzero(chosen)
        if not len(rows):
            return rows
        left, right, bottom, top = window
        seconds, height = self._at(rows)
        wide, high = self.size.width * _DOTS_WIDE, self.size.height * _DOTS_HIGH
        x = ((seconds - left) / (right - left) * wide).astype(np.int64)
        y = ((height - bottom) / (top - bottom) * high).astype(np.int64)
        _, first = np.unique(x * (high + 1) + y, return_index=True)
        kept: npt.NDArray[np.int64] = rows[np.sort(first)]
        return kept

    @staticmethod
    def _whole(at: Points) -> tuple[float, float, float, float]:
        """All of it, with some room at the edges."""
        seconds, height = at.seconds, at.bytes[~np.isnan(at.bytes)]
        left, right = float(seconds.min(initial=0.0)), float(seconds.max(initial=0.0))
        bottom, top = float(height.min(initial=0.0)), float(height.max(initial=1.0))
        return left, max(right + (right - left) * 0.01, left + 1e-6), bottom, top + (top - bottom) * 0.05

    # --- looking closer ----------------------------------------------------------------------------------------------

    def action_cursor_left(self) -> None:
        """Further to the left."""
        self.action_pan_left()

    def action_cursor_right(self) -> None:
        """Further to the right."""
        self.action_pan_right()

    def action_cursor_up(self) -> None:
        """Further up."""
        self.action_pan_up()

    def action_cursor_down(self) -> None:
        """Further down."""
        self.action_pan_down()

    def action_page_up(self) -> None:
        """Closer."""
        self.action_zoom_in()

    def action_page_down(self) -> None:
        """Further away."""
        self.action_zoom_out()

    def action_zoom_all(self) -> None:
        """All of it."""
        self._window = None
        self._draw()

    action_top = action_bottom = action_drill_down = action_zoom_all


def _inside(at: Points, window: tuple[float, float, float, float]) -> npt.NDArray[np.bool_]:
    left, right, bottom, top = window
    # Comparisons with NaN are false.
    inside: npt.NDArray[np.bool_] = (
        (at.seconds >= left) & (at.seconds <= right) & (at.bytes >= bottom) & (at.bytes <= top)
    )
    return inside
