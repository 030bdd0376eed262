"""Ladder: the packets of a flow as arrows between its two ends, a line each; only what is on the screen is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dissectors.offsets import TCP_ACK_FLAG
from nvgre_inspect.actions import Context
from nvgre_inspect.display.text import fit, pad
from nvgre_inspect.display.times import SECOND
from nvgre_inspect.flows import flow_packets as marks
from nvgre_inspect.flows.flow_packets import FlowPackets, mark_words, packet_words
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.stepping import Stepping

_TIME, _NUMBER, _MARKS = 13, 9, 17
#: From this width on there is room for the numbers of the frames.
_WIDE = 100
#: Marks that are no trouble by themselves.
_CALM = marks.DUPLICATE | marks.DUPLICATE_ACK | marks.OUT_OF_ORDER


class Ladder(Stepping, ScrollView, can_focus=True, inherit_bindings=False):
    """Arrows with a cursor. Time runs downwards, from the flow's first packet on."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.CHART)
    COMPONENT_CLASSES: ClassVar[set[str]] = {"ladder--header", "ladder--row", "ladder--cursor"}
    DEFAULT_CSS = """
    Ladder {
        height: 1fr;
        scrollbar-size: 0 1;
        & > .ladder--header { background: $panel; color: $foreground; text-style: bold; }
        & > .ladder--row { background: $panel; }
        & > .ladder--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    @dataclass
    class Opened(Message):
        """Enter or a double click on a packet."""

        ladder: Ladder
        #: Of the frame, from 1.
        number: int

    def __init__(self, *, style_of: Callable[[str], Style], id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__(id=id)
        self._style_of = style_of
        self._packets: FlowPackets | None = None
        self._ends = ("", "")
        self._cursor = 0

    def show(self, packets: FlowPackets, ends: tuple[str, str]) -> None:
        """Show these packets between the initiator (left) and the responder. The cursor stays with its packet."""
        before = self.cursor_number
        self._packets, self._ends = packets, ends
        self._cursor = self._row_of(before) or 0
        self.virtual_size = Size(0, len(packets) + 1)
        self.refresh()
        self._keep_in_sight()

    @property
    def cursor_number(self) -> int | None:
        """Number of the frame under the cursor; None without packets."""
        if self._packets is None or not len(self._packets):
            return None
        return int(self._packets.number[self._cursor])

    def select(self, number: int | None) -> None:
        """Put the cursor on the packet of that number, if it is here."""
        row = self._row_of(number)
        if row is not None:
            self.step(row - self._cursor)

    def _row_of(self, number: int | None) -> int | None:
        if self._packets is None or number is None:
            return None
        found = np.flatnonzero(self._packets.number == number)
        return int(found[0]) if len(found) else None

    # --- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the ends, or a packet."""
        width, base = self.size.width, self.rich_style
        if self._packets is None:
            return Strip.blank(width, base)
        row = y - 1 + int(self.scroll_offset.y)
        if y == 0:
            return self._header(width, base)
        if not 0 <= row < len(self._packets):
            return Strip.blank(width, base)
        return self._row(self._packets, row, width, base)

    @staticmethod
    def _lanes(width: int) -> tuple[int, int]:
        """Cells for the frame's number (0: none), and for the arrow between the ends."""
        number = _NUMBER if width >= _WIDE else 0
        return number, max(width - _TIME - number - _MARKS, 12)

    def _header(self, width: int, base: Style) -> Strip:
        style = base + self.get_component_rich_style("ladder--header")
        number, lane = self._lanes(width)
        left, right = self._ends
        half = lane // 2
        ends = pad(fit(left, half), half) + pad(fit(right, lane - half), lane - half, right=True)
        head = pad("time", _TIME - 1, right=True) + (pad("frame", number, right=True) if number else "") + " "
        return Strip([Segment(pad(head + ends, width), style)]).crop_extend(0, width, style)

    def _row(self, packets: FlowPackets, row: int, width: int, base: Style) -> Strip:
        under = row == self._cursor
        line = base + self.get_component_rich_style("ladder--row") if under else base
        number, lane = self._lanes(width)
        arrow_style = line
        if under and self.has_focus:
            arrow_style = line + self.get_component_rich_style("ladder--cursor")
        mark = int(packets.mark[row])
        if mark & ~_CALM:
            arrow_style += self._style_of("bad") if not (under and self.has_focus) else Style(bold=True)
        elif not under and packets.is_tcp[row] and packets.flags[row] == TCP_ACK_FLAG and not packets.length[row]:
            # Bare acknowledgements step back behind what they acknowledge.
            arrow_style += self._style_of("dim")
        time = _since(int(packets.ts_ns[row]) - int(packets.ts_ns[0]))
        head = pad(fit(time, _TIME - 1), _TIME - 1, right=True)
        if number:
            head += pad(str(int(packets.number[row])), number, right=True)
        meta = Style.from_meta({"row": row})
        segments = [
            Segment(f"{head} ", line + self._style_of("dim") + meta),
            Segment(arrow(packet_words(packets, row), int(packets.direction[row]), lane), arrow_style + meta),
            Segment(f" {mark_words(mark)}", line + self._style_of("note" if not mark & ~_CALM else "bad") + meta),
        ]
        return Strip(segments).crop_extend(0, width, line)

    # --- moving ------------------------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """Packets that there are."""
        return 0 if self._packets is None else len(self._packets)

    @property
    def page_rows(self) -> int:
        """One stays to be seen, below the heading."""
        return max(self.size.height - 2, 1)

    def step(self, rows: int) -> None:
        """To another packet."""
        if self._packets is not None and len(self._packets):
            self._cursor = min(max(self._cursor + rows, 0), len(self._packets) - 1)
            self._keep_in_sight()
            self.refresh()

    def _keep_in_sight(self) -> None:
        top, page = int(self.scroll_offset.y), max(self.size.height - 1, 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor is lit where keys go."""
        super().watch_has_focus(has_focus)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; twice opens the packet."""
        row = event.style.meta.get("row")
        if row is not None:
            self.step(int(row) - self._cursor)
            if event.chain > 1:
                self.action_drill_down()

    def action_drill_down(self) -> None:
        """Open the packet under the cursor."""
        number = self.cursor_number
        if number is not None:
            self.post_message(self.Opened(self, number))


def arrow(words: str, direction: int, width: int) -> str:
    """`│ words ────▶│` forward, `│◀──── words │` in reverse; exactly `width` cells."""
    room = width - 5  # both lines, the head, and a space on either side of the words
    shown = fit(words, max(room, 0))
    shaft = "─" * (width - 5 - len(shown))
    return f"│ {shown} {shaft}▶│" if direction == 0 else f"│◀{shaft} {shown} │"


def _since(nanoseconds: int) -> str:
    """Seconds with microseconds, without a float on the way."""
    seconds, rest = divmod(abs(nanoseconds), SECOND)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest // 1000:06d}"
