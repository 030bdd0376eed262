"""Arranging: the actions by which the columns of a table are hidden and moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvgre_inspect.display.presented import Presented


class Arranging:
    """For tables that show some of the columns that there are, with a cursor on one of them."""

    @property
    def presented(self) -> Mapping[str, Presented]:
        """Every column that can be shown, by name."""
        raise NotImplementedError

    @property
    def shown(self) -> Sequence[str]:
        """The names of the columns that are shown, in order."""
        raise NotImplementedError

    @property
    def cursor_place(self) -> int:
        """Which of the shown columns is under the cursor."""
        raise NotImplementedError

    def present(self, columns: Mapping[str, Presented], shown: Sequence[str]) -> None:
        """Which columns there are, and which of them are shown, in that order."""
        raise NotImplementedError

    def put_cursor(self, place: int) -> None:
        """Put the cursor on that one of the shown columns."""
        raise NotImplementedError

    @property
    def column(self) -> str:
        """The name of the column under the cursor; empty if there is none."""
        return self.shown[self.cursor_place] if self.cursor_place < len(self.shown) else ""

    @property
    def cell_column(self) -> str:
        """The registry's column under the cursor; of several that are shown as one, the one that tells most."""
        columns = self.presented[self.column].columns
        return "vsid" if "vsid" in columns else columns[0]

    def action_hide_column(self) -> None:
        """Hide the column under the cursor; one stays."""
        if len(self.shown) > 1:
            place = self.cursor_place
            self.present(self.presented, [name for i, name in enumerate(self.shown) if i != place])
            self.put_cursor(min(place, len(self.shown) - 1))

    def action_move_column_left(self) -> None:
        """Move the column under the cursor to the left."""
        self._move_column(-1)

    def action_move_column_right(self) -> None:
        """Move the column under the cursor to the right."""
        self._move_column(1)

    def _move_column(self, step: int) -> None:
        place, names = self.cursor_place, list(self.shown)
        if 0 <= place + step < len(names):
            names[place], names[place + step] = names[place + step], names[place]
            self.present(self.presented, names)
            self.put_cursor(place + step)
