"""LineView: lines of text to be scrolled through, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nvgre_inspect.display.text import cells
from nvgre_inspect.tui.keymap import bindings_of


class Styled(NamedTuple):
    """A line that is safe to show, and the name of its style in `display`; None: an ordinary one."""

    text: str
    style: str | None = None


class LineView(ScrollView, can_focus=True, inherit_bindings=False):
    """The lines; the keys are those of lists."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(
        "cursor_down", "cursor_up", "cursor_left", "cursor_right", "page_down", "page_up", "top", "bottom"
    )
    DEFAULT_CSS = """
    LineView { background: $background; padding: 0 1; scrollbar-size: 1 1; }
    """

    def __init__(self, *, style_of: Callable[[str | None], Style] = lambda _: Style.null()) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__()
        self._style_of = style_of
        self._lines: Sequence[Styled] = ()

    def show(self, lines: Sequence[Styled]) -> None:
        """Show these, from the first on."""
        self._lines = lines
        self.virtual_size = Size(max((cells(line.text) for line in lines), default=0), len(lines))
        self.scroll_home(animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        left, top = (round(offset) for offset in self.scroll_offset)
        row, width = top + y, self.size.width
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[row]
        style = self.rich_style + self._style_of(line.style)
        return Strip([Segment(line.text, style)]).crop_extend(left, left + width, self.rich_style)

    def action_cursor_down(self) -> None:
        """A line down."""
        self.scroll_down(animate=False)

    def action_cursor_up(self) -> None:
        """A line up."""
        self.scroll_up(animate=False)

    def action_cursor_left(self) -> None:
        """To the left."""
        self.scroll_left(animate=False)

    def action_cursor_right(self) -> None:
        """To the right."""
        self.scroll_right(animate=False)

    def action_page_down(self) -> None:
        """A page down."""
        self.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """A page up."""
        self.scroll_page_up(animate=False)

    def action_top(self) -> None:
        """To the first line."""
        self.scroll_home(animate=False)

    def action_bottom(self) -> None:
        """To the last line."""
        self.scroll_end(animate=False)
