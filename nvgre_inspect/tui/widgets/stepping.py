"""Stepping: the actions that move a cursor from row to row."""

from __future__ import annotations


class Stepping:
    """For widgets of rows with a cursor on one of them."""

    @property
    def row_count(self) -> int:
        """Rows that there are."""
        raise NotImplementedError

    @property
    def page_rows(self) -> int:
        """Rows that a page moves it by: at least one."""
        raise NotImplementedError

    def step(self, rows: int) -> None:
        """Move it down by so many rows, up where that is below 0; no further than to the last or first."""
        raise NotImplementedError

    def action_cursor_down(self) -> None:
        """One row down."""
        self.step(1)

    def action_cursor_up(self) -> None:
        """One row up."""
        self.step(-1)

    def action_page_down(self) -> None:
        """A page down."""
        self.step(self.page_rows)

    def action_page_up(self) -> None:
        """A page up."""
        self.step(-self.page_rows)

    def action_top(self) -> None:
        """To the first row."""
        self.step(-self.row_count)

    def action_bottom(self) -> None:
        """To the last row."""
        self.step(self.row_count)
