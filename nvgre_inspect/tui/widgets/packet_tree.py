"""PacketTree: the headers of one packet and their fields, to be folded and unfolded.

What is unfolded and where the cursor stands is kept from packet to packet by name, so that one field can be followed
through many packets. Headers that carry the tenant's packet are fainter than its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from nvgre_inspect.display.packet_tree import Kind, Line, Section, at_byte, visible
from nvgre_inspect.display.text import cells
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.widgets.stepping import Stepping

_FOLDED, _UNFOLDED, _BARE = "▸ ", "▾ ", "  "
_INDENT = "    "
#: Cells by which a long line moves.
_SIDEWAYS = 20


class PacketTree(Stepping, ScrollView, can_focus=True, inherit_bindings=False):
    """Sections of lines; see `display.packet_tree`."""

    BINDINGS = bindings(Context.TREE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tree--cursor", "tree--line"}
    DEFAULT_CSS = """
    PacketTree {
        background: $background;
        scrollbar-size: 0 1;
        & > .tree--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & > .tree--line { background: $panel; }
    }
    """

    @dataclass
    class Moved(Message):
        """The cursor went to a line about these bytes; none where `length` is 0."""

        tree: PacketTree
        start: int
        length: int

    def __init__(
        self,
        *,
        style_of: Callable[[str], Style] = lambda _: Style.null(),
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__(id=id)
        self._style_of = style_of
        self._sections: Sequence[Section] = ()
        self._unfolded: set[tuple[str, int]] = set()
        self._lines: list[tuple[Section, Line]] = []
        self._cursor = 0

    # --- what is shown -----------------------------------------------------------------------------------------------

    def show(self, sections: Sequence[Section]) -> None:
        """Show another packet. The cursor goes to the line of the same name, if there is one."""
        known = self.line
        before = self._lines[self._cursor][0].key if self._lines else None
        self._sections = sections
        self._layout()
        self._cursor = self._named(before, known.name if known else "")
        self._show_cursor()

    def _named(self, key: tuple[str, int] | None, name: str) -> int:
        """The line of that name in the section with that key, else the section's first, else the first."""
        found = [row for row, (section, _) in enumerate(self._lines) if section.key == key]
        return next((row for row in found if self._lines[row][1].name == name), found[0] if found else 0)

    def select_byte(self, offset: int) -> None:
        """Put the cursor on the field that has that byte, unfolding its header. Posts nothing."""
        found = at_byte(self._sections, offset)
        if found is None:
            return
        section, line = found
        if line.kind is Kind.FIELD:
            self._unfolded.add(section.key)
            self._layout()
        self._cursor = next(row for row, shown in enumerate(self._lines) if shown[1] is line)
        self._show_cursor()

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return self._lines[self._cursor][1] if self._lines else None

    @property
    def lines(self) -> list[Line]:
        """The lines that are not folded away."""
        return [line for _, line in self._lines]

    def _layout(self) -> None:
        self._lines = visible(self._sections, self._unfolded)
        self._cursor = min(self._cursor, max(len(self._lines) - 1, 0))
        width = max((cells(self._text(section, line)) for section, line in self._lines), default=0)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def _show_cursor(self) -> None:
        self.scroll_to_region(Region(int(self.scroll_x), self._cursor, 1, 1), animate=False, force=True, x_axis=False)
        self.refresh()

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _text(self, section: Section, line: Line) -> str:
        if line is section.head:
            sign = _UNFOLDED if section.key in self._unfolded else _FOLDED
            sign = sign if _foldable(section) else _BARE
            return sign + line.text
        return f"{_INDENT}! {line.text}" if line.kind is Kind.ANOMALY else _INDENT + line.text

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        row = y + top
        base = self.rich_style
        if row >= len(self._lines):
            return Strip.blank(self.size.width, base)
        section, line = self._lines[row]
        style = base
        if row == self._cursor:
            style += self.get_component_rich_style("tree--cursor" if self.has_focus else "tree--line")
        if row != self._cursor or not self.has_focus:
            name = self._named_style(section, line)
            style += Style.null() if name is None else self._style_of(name)
        strip = Strip([Segment(self._text(section, line), style)])
        return strip.crop_extend(left, left + self.size.width, style)

    def _named_style(self, section: Section, line: Line) -> str | None:
        if line.kind in (Kind.ANOMALY, Kind.NOTE):
            return "note"
        if not line.inner:
            return "outer"
        return "inner" if line is section.head else None

    # --- moving ------------------------------------------------------------------------------------------------------

    def _move(self, row: int) -> None:
        row = min(max(row, 0), len(self._lines) - 1)
        if row < 0 or row == self._cursor:
            return
        self._cursor = row
        self._show_cursor()
        self._tell()

    def _tell(self) -> None:
        line = self.line
        if line is not None:
            self.post_message(self.Moved(self, line.start, line.length))

    @property
    def row_count(self) -> int:
        """Lines that are shown or scrolled away."""
        return len(self._lines)

    @property
    def page_rows(self) -> int:
        """One stays to be seen."""
        return max(self.size.height - 1, 1)

    def step(self, rows: int) -> None:
        """To another line."""
        self._move(self._cursor + rows)

    # --- folding -----------------------------------------------------------------------------------------------------

    def action_cursor_left(self) -> None:
        """To the beginning of a long line; from a field to its header; fold the header."""
        if not self._lines:
            return
        section, line = self._lines[self._cursor]
        if self.scroll_x:
            self.scroll_to(x=0, animate=False, force=True)
        elif line is not section.head:
            self._move(next(row for row, shown in enumerate(self._lines) if shown[1] is section.head))
        elif section.key in self._unfolded:
            self._fold(section, unfold=False)

    def action_cursor_right(self) -> None:
        """Unfold the header; along a line that is longer than the screen is wide; to the header's first field."""
        if not self._lines:
            return
        section, line = self._lines[self._cursor]
        if line is section.head and _foldable(section) and section.key not in self._unfolded:
            self._fold(section, unfold=True)
        elif cells(self._text(section, line)) > self.scroll_x + self.size.width:
            self.scroll_to(x=self.scroll_x + _SIDEWAYS, animate=False, force=True)
        elif line is section.head and section.lines:
            self._move(self._cursor + 1)

    def action_drill_down(self) -> None:
        """Unfold or fold the header that the cursor is in."""
        if self._lines:
            section = self._lines[self._cursor][0]
            self._fold(section, unfold=section.key not in self._unfolded)

    def _fold(self, section: Section, *, unfold: bool) -> None:
        (self._unfolded.add if unfold else self._unfolded.discard)(section.key)
        self._layout()
        self._cursor = next(row for row, shown in enumerate(self._lines) if shown[1] is section.head)
        self._show_cursor()
        self._tell()

    def unfold_all(self) -> None:
        """Unfold all headers of this packet."""
        self._unfolded |= {section.key for section in self._sections}
        self._layout()

    def on_click(self, event: events.Click) -> None:
        """Go to the line under the mouse; a click on a sign folds and unfolds."""
        at = event.get_content_offset(self)
        if at is None:
            return
        row = at.y + self.scroll_offset.y
        if row >= len(self._lines):
            return
        section, line = self._lines[row]
        if line is section.head and (event.chain == 2 or at.x + self.scroll_offset.x < len(_BARE)):
            self._fold(section, unfold=section.key not in self._unfolded)
        else:
            self._move(row)


def _foldable(section: Section) -> bool:
    return any(line.kind is Kind.FIELD for line in section.lines)
