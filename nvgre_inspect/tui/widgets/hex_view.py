"""HexView: the bytes of one packet, with a cursor, and the bytes lit that somebody else points at.

Only the lines on the screen are made. Rows are 16 bytes long, 8 or 4 where there is little room. Bytes of headers that
carry the tenant's packet are fainter than its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nvgre_inspect.actions import Context
from nvgre_inspect.display.text import counted
from nvgre_inspect.tui.keymap import bindings

_WIDTHS = (16, 8, 4)
#: Bytes between which there is one more space.
_GROUP = 8


class HexView(ScrollView, can_focus=True, inherit_bindings=False):
    """Bytes by offset, in hexadecimal and as ASCII."""

    BINDINGS = bindings(Context.HEX)
    COMPONENT_CLASSES: ClassVar[set[str]] = {"hex--cursor"}
    DEFAULT_CSS = """
    HexView {
        background: $background;
        scrollbar-size: 0 1;
        & > .hex--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    @dataclass
    class Moved(Message):
        """The cursor went to another byte."""

        view: HexView
        offset: int

    def __init__(
        self,
        *,
        style_of: Callable[[str], Style] = lambda _: Style.null(),
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__(id=id)
        self._style_of = style_of
        self._data = b""
        self._wire_len = 0
        self._inner_start = 0
        self._lit = range(0)
        self._cursor = 0
        self._width = _WIDTHS[0]

    # --- what is shown -----------------------------------------------------------------------------------------------

    def show(self, data: bytes, wire_len: int, inner_start: int = 0) -> None:
        """Show the captured bytes of a packet of `wire_len` bytes, whose own headers begin at `inner_start`."""
        self._data, self._wire_len, self._inner_start = data, wire_len, inner_start
        self._cursor = 0
        self._lit = range(0)
        self._layout()
        self.scroll_to(0, 0, animate=False)

    def highlight(self, start: int, length: int) -> None:
        """Light these bytes, put the cursor on the first and have it on the screen. Posts nothing."""
        self.light(start, length)
        if self._lit:
            self._cursor = start
            last = min(self._lit[-1], start + self._width * max(self.size.height - 1, 0))
            self._scroll_to_bytes(start, last)

    def light(self, start: int, length: int) -> None:
        """Light these bytes; the cursor stays where it is."""
        self._lit = range(start, min(start + length, len(self._data)))
        self.refresh()

    @property
    def offset_at_cursor(self) -> int | None:
        """Offset of the byte under the cursor; None if there is no byte."""
        return self._cursor if self._data else None

    @property
    def highlighted(self) -> range:
        """Offsets of the bytes that are lit."""
        return self._lit

    @property
    def data(self) -> bytes:
        """The bytes that are shown."""
        return self._data

    @property
    def bytes_per_row(self) -> int:
        """How many bytes stand in one line."""
        return self._width

    # --- layout ------------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """As many bytes in a line as there is room for."""
        self._layout()
        self._scroll_to_bytes(self._cursor, self._cursor)

    def _layout(self) -> None:
        room = self.scrollable_content_region.width
        self._width = next((width for width in _WIDTHS if self._cells(width) <= room), _WIDTHS[-1])
        self.virtual_size = Size(self._cells(self._width), self._rows + self._cut)
        self.refresh()

    @property
    def _digits(self) -> int:
        """Of an offset."""
        return max(4, len(f"{max(len(self._data) - 1, 0):x}"))

    def _cells(self, width: int) -> int:
        return self._digits + 2 + 3 * width - 1 + (width - 1) // _GROUP + 2 + width

    @property
    def _rows(self) -> int:
        return -(-len(self._data) // self._width)

    @property
    def _cut(self) -> bool:
        """Whether a last line says that not all was captured."""
        return len(self._data) < self._wire_len

    def _scroll_to_bytes(self, first: int, last: int) -> None:
        top, bottom = first // self._width, last // self._width
        self.scroll_to_region(Region(0, top, 1, bottom - top + 1), animate=False, force=True)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        row = y + top
        base = self.rich_style
        if row < self._rows:
            strip = self._row(row, base)
        elif row == self._rows and self._cut:
            cut = f"{len(self._data):,} of {counted(self._wire_len, 'byte')} were captured"
            strip = Strip([Segment(cut, base + self._style_of("note"))])
        else:
            strip = Strip([])
        return strip.crop_extend(left, left + self.size.width, base)

    def _row(self, row: int, base: Style) -> Strip:
        start = row * self._width
        data = self._data[start : start + self._width]
        faint, bright = base + self._style_of("outer"), base + self._style_of("inner")
        lit = base + self._style_of("highlight")
        cursor = base + self.get_component_rich_style("hex--cursor")
        styles = []
        for offset in range(start, start + len(data)):
            style = faint if offset < self._inner_start else bright
            if offset in self._lit:
                style = lit
            if offset == self._cursor and (self.has_focus or not self._lit):
                style = cursor if self.has_focus else lit
            styles.append(style)
        segments = [Segment(f"{start:0{self._digits}x}  ", faint)]
        for i, byte in enumerate(data):
            segments.append(Segment(f"{byte:02x}", styles[i]))
            # Between two lit bytes the space is lit too; not so between groups, which are to be seen.
            joined = i + 1 < len(data) and styles[i] is lit and styles[i + 1] is lit
            segments.append(Segment(" ", lit if joined else base))
            if (i + 1) % _GROUP == 0 and i + 1 < self._width:
                segments.append(Segment(" ", base))
        missing = range(len(data), self._width)
        blank = sum(3 + ((i + 1) % _GROUP == 0 and i + 1 < self._width) for i in missing)
        segments.append(Segment(" " * (blank + 1), base))
        for byte, style in zip(data, styles, strict=True):
            segments.append(Segment(chr(byte) if 0x20 <= byte < 0x7F else ".", style))
        return Strip(segments)

    # --- moving ------------------------------------------------------------------------------------------------------

    def _move(self, offset: int) -> None:
        offset = min(max(offset, 0), len(self._data) - 1)
        if offset < 0 or offset == self._cursor:
            return
        self._cursor = offset
        self._scroll_to_bytes(offset, offset)
        self.refresh()
        self.post_message(self.Moved(self, offset))

    def action_cursor_left(self) -> None:
        """One byte back."""
        self._move(self._cursor - 1)

    def action_cursor_right(self) -> None:
        """One byte on."""
        self._move(self._cursor + 1)

    def action_cursor_up(self) -> None:
        """One row up."""
        if self._cursor >= self._width:
            self._move(self._cursor - self._width)

    def action_cursor_down(self) -> None:
        """One row down; from the row before a short last one to its end."""
        if self._cursor // self._width < self._rows - 1:
            self._move(self._cursor + self._width)

    def _page(self) -> int:
        return self._width * max(self.size.height - 1, 1)

    def action_page_up(self) -> None:
        """A page up."""
        self._move(self._cursor - self._page())

    def action_page_down(self) -> None:
        """A page down."""
        self._move(self._cursor + self._page())

    def action_top(self) -> None:
        """To the first byte."""
        self._move(0)

    def action_bottom(self) -> None:
        """To the last byte."""
        self._move(len(self._data) - 1)

    def on_click(self, event: events.Click) -> None:
        """The byte under the mouse, in either column."""
        at = event.get_content_offset(self)
        if at is None:
            return
        x, row = at.x + self.scroll_offset.x - self._digits - 2, at.y + self.scroll_offset.y
        place = self._place(x)
        if place is not None and row < self._rows:
            self._move(row * self._width + place)

    def _place(self, x: int) -> int | None:
        """Which byte of its row stands `x` cells behind the offset."""
        ascii_at = self._cells(self._width) - self._digits - 2 - self._width
        if ascii_at <= x < ascii_at + self._width:
            return x - ascii_at
        for place in range(self._width):
            begin = 3 * place + place // _GROUP
            if begin <= x < begin + 2:
                return place
        return None
