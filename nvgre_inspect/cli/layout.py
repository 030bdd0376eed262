"""Aligned columns for people: which fit the terminal, how wide each is, and the lines they make.

Where nobody looks at the output directly (a pipe, a file) nothing is dropped and nothing is cut. On a terminal short
forms are taken first, then the least important columns are dropped, then long texts are cut, so that no line wraps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.text import cells, fit, pad

GAP = "  "
#: A flexible column is cut to this many cells before another column is dropped for its sake.
FLEXIBLE_CELLS = 16
#: The last resort, when only the most important columns are left.
NARROWEST_CELLS = 6


@dataclass(slots=True)
class Cells:
    """One column of a chunk of rows, ready to print: escaped text, one entry per row."""

    heading: str
    texts: list[str]
    #: Style of each text (`terminal.STYLES`); None: all plain.
    styles: list[str | None] | None = None
    #: Second heading above this column and its neighbours with the same one (`packets` over `fwd` and `rev`).
    group: str = ""
    right: bool = False
    #: 1 is kept longest, 9 dropped first; columns of one group go together.
    rank: int = 1
    #: Long text, which may be cut before other columns are dropped.
    flexible: bool = False
    #: The same texts in a form that takes less room and may say less; None: there is none.
    short: list[str] | None = None


@dataclass(slots=True)
class Layout:
    """Positions (in the list of columns) and widths of what is shown; made from the first chunk of rows."""

    shown: list[int]
    widths: dict[int, int]
    #: Nothing may be wider than this; None: no limit.
    limit: int | None
    dropped: list[str] = field(default_factory=list)
    #: Positions of columns of which the short form is shown.
    shortened: set[int] = field(default_factory=set)

    @classmethod
    def choose(cls, columns: Sequence[Cells], limit: int | None) -> Layout:
        """Decide what of `columns` fits into `limit` terminal cells."""
        natural = {i: _natural(column) for i, column in enumerate(columns)}
        layout = cls(list(natural), natural, limit)
        layout._room_for_groups(columns)
        if limit is None:
            return layout
        if layout._total(layout.widths) > limit:
            layout._shorten(columns)
        while layout._least(columns) > limit and (victim := layout._victim(columns)) is not None:
            column = columns[victim]
            gone = [i for i in layout.shown if i == victim or (column.group and columns[i].group == column.group)]
            layout.shown = [i for i in layout.shown if i not in gone]
            layout.dropped.append(column.group or column.heading)
        layout._cut(columns, limit)
        return layout

    def widen(self, columns: Sequence[Cells]) -> None:
        """Take a further chunk: without a limit columns grow as needed; with one, texts are cut instead."""
        if self.limit is None:
            for i in self.shown:
                self.widths[i] = max(self.widths[i], _natural(columns[i]))

    def _shorten(self, columns: Sequence[Cells]) -> None:
        for i, column in enumerate(columns):
            if column.short is not None:
                self.shortened.add(i)
                self.widths[i] = _natural(column, column.short)

    def _room_for_groups(self, columns: Sequence[Cells]) -> None:
        """A group's heading stands over all of its columns; what they lack in width goes to the first."""
        for first, members in self._groups(columns):
            lack = cells(columns[first].group) - self._span(members)
            if columns[first].group and lack > 0:
                self.widths[first] += lack

    def _groups(self, columns: Sequence[Cells]) -> list[tuple[int, list[int]]]:
        """Neighbours with the same group heading, as (first, all of them); others stand alone."""
        groups: list[tuple[int, list[int]]] = []
        for i in self.shown:
            if groups and columns[i].group and columns[groups[-1][0]].group == columns[i].group:
                groups[-1][1].append(i)
            else:
                groups.append((i, [i]))
        return groups

    def _span(self, members: Sequence[int]) -> int:
        return sum(self.widths[i] for i in members) + len(GAP) * (len(members) - 1)

    def _total(self, widths: dict[int, int]) -> int:
        return sum(widths[i] for i in self.shown) + len(GAP) * (len(self.shown) - 1)

    def _least(self, columns: Sequence[Cells]) -> int:
        return self._total(
            {i: min(self.widths[i], FLEXIBLE_CELLS) if columns[i].flexible else self.widths[i] for i in self.shown}
        )

    def _victim(self, columns: Sequence[Cells]) -> int | None:
        """The least important column, of equals the rightmost; None if only the most important are left."""
        position = max(self.shown, key=lambda i: (columns[i].rank, i))
        return position if columns[position].rank > 1 else None

    def _cut(self, columns: Sequence[Cells], limit: int) -> None:
        """Narrow the widest flexible column until all fits; if that is not enough, the widest of all."""
        for candidates, floor in (
            ([i for i in self.shown if columns[i].flexible], FLEXIBLE_CELLS),
            (self.shown, NARROWEST_CELLS),
        ):
            while (excess := self._total(self.widths) - limit) > 0:
                wide = sorted((i for i in candidates if self.widths[i] > floor), key=lambda i: self.widths[i])
                if not wide:
                    break
                second = self.widths[wide[-2]] if len(wide) > 1 else floor
                step = min(excess, max(self.widths[wide[-1]] - second, 1))
                self.widths[wide[-1]] -= step
        while self._total(self.widths) > limit and len(self.shown) > 1:
            column = columns[self.shown.pop()]
            self.dropped.append(" ".join(filter(None, (column.group, column.heading))))

    def head(self, columns: Sequence[Cells], paint: Paint) -> Iterator[str]:
        """The heading: a line for groups if there are any, and one for the columns."""
        if any(columns[i].group for i in self.shown):
            groups = self._groups(columns)
            yield _heading([(columns[first].group, self._span(all_), True) for first, all_ in groups], paint)
        yield _heading([(columns[i].heading, self.widths[i], columns[i].right) for i in self.shown], paint)

    def _texts(self, columns: Sequence[Cells], i: int) -> list[str]:
        short = columns[i].short if i in self.shortened else None
        return columns[i].texts if short is None else short

    def rows(self, columns: Sequence[Cells], paint: Paint) -> Iterator[str]:
        """One line per row."""
        filled = [
            _filled(self._texts(columns, i), columns[i].styles, self.widths[i], columns[i].right, paint)
            for i in self.shown
        ]
        for row in zip(*filled, strict=True):
            yield GAP.join(row).rstrip()


def _natural(column: Cells, texts: Sequence[str] | None = None) -> int:
    texts = column.texts if texts is None else texts
    length = len if all(map(str.isascii, texts)) else cells
    return max(max(map(length, texts), default=0), cells(column.heading))


def _heading(parts: Sequence[tuple[str, int, bool]], paint: Paint) -> str:
    return GAP.join(_filled([text], ["heading"], width, right, paint)[0] for text, width, right in parts).rstrip()


def _filled(
    texts: Sequence[str], styles: Sequence[str | None] | None, width: int, right: bool, paint: Paint
) -> list[str]:
    """Each text cut or filled up to `width`; the filling is outside of the colours."""
    if styles is not None and paint.enabled:
        made = []
        for text, style in zip(texts, styles, strict=True):
            shown = fit(text, width)
            space = " " * (width - cells(shown))
            made.append(space + paint(shown, style) if right else paint(shown, style) + space)
        return made
    if all(map(str.isascii, texts)) and max(map(len, texts), default=0) <= width:
        # A million rows come by here: 4 times faster than measuring each text.
        return [text.rjust(width) for text in texts] if right else [text.ljust(width) for text in texts]
    return [pad(fit(text, width), width, right=right) for text in texts]


def table(columns: Sequence[Cells], paint: Paint, limit: int | None) -> Iterator[str]:
    """The lines of a whole small table."""
    layout = Layout.choose(columns, limit)
    yield from layout.head(columns, paint)
    yield from layout.rows(columns, paint)
