"""SidesTable: counters of both directions side by side, and what there is to say besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.style import Style
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from nvgre_inspect.display.sides import Line
from nvgre_inspect.display.text import cells, fit, pad

_LABEL, _VALUE = 15, 11
#: Columns of the terminal: where values begin, the two arrows' middle, where values end.
_LEFT, _RIGHT = _LABEL + 1, _LABEL + 2 * (1 + _VALUE)
_MIDDLE = _RIGHT - 1 - (1 + _VALUE) // 2
#: One word, its text, and the style of the text.
Word = tuple[str, str, str | None]


class SidesTable(VerticalScroll, can_focus=False):
    """Lines of label, forward and reverse."""

    DEFAULT_CSS = """
    SidesTable { padding: 0 1; height: 1fr; scrollbar-size: 0 1; }
    SidesTable > Static { width: 1fr; height: auto; }
    """

    def compose(self) -> Iterable[Static]:
        """One text."""
        yield Static(markup=False)

    def show(
        self,
        lines: Sequence[Line],
        style_of: Callable[[str], Style],
        *,
        above: Iterable[Word] = (),
        below: Iterable[Word] = (),
        heading: str = "",
    ) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles; `heading` stands beside the arrows.

        What stands `below` is of both directions together, and so between their columns.
        """
        text = Text()
        for word in above:
            _word(text, word, style_of)
        _row(text, heading, [("→", "heading"), ("←", "heading")], style_of)
        for line in lines:
            _row(text, line.label, [(line.fwd, line.fwd_style), (line.rev, line.rev_style)], style_of)
        for word in below:
            _shared(text, word, style_of)
        text.right_crop(1)
        self.query_one(Static).update(text)


def _word(text: Text, word: Word, style_of: Callable[[str], Style]) -> None:
    label, value, style = word
    text.append(pad(label, _LABEL) + " ").append(value + "\n", _style(style, style_of))


def _shared(text: Text, word: Word, style_of: Callable[[str], Style]) -> None:
    label, value, style = word
    width = cells(value)
    start = max(min(_MIDDLE - width // 2, _RIGHT - width), _LEFT)
    text.append(pad(label, start)).append(value + "\n", _style(style, style_of))


def _row(text: Text, label: str, values: Sequence[tuple[str, str | None]], style_of: Callable[[str], Style]) -> None:
    text.append(pad(label, _LABEL))
    for value, style in values:
        shown = fit(value, _VALUE)
        text.append(" " * (1 + _VALUE - cells(shown))).append(shown, _style(style, style_of))
    text.append("\n")


def _style(name: str | None, style_of: Callable[[str], Style]) -> Style:
    return Style.null() if name is None else style_of(name)
