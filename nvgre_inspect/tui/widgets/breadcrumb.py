"""Breadcrumb: where one is, as the first line says it.

Where there is no room for all steps the outer ones go: the innermost say what is on the screen.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from nvgre_inspect.tui.scope import SEPARATOR

#: Stands for the steps that are left out.
_CUT = "…"


class Breadcrumb(Widget):
    """A screen's title, and the steps from the whole capture to what it shows. Texts are never taken for markup."""

    DEFAULT_CSS = """
    Breadcrumb { height: 1; width: 1fr; padding: 0 1; text-overflow: ellipsis; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as Textual's widgets name it
        super().__init__(id=id)
        self._title = ""
        self._steps: Sequence[str] = ()

    def say(self, title: str, steps: Sequence[str]) -> None:
        """Show these, the outermost step first."""
        self._title, self._steps = title, steps
        self.refresh()

    def render(self) -> Content:
        """As many of the innermost steps as there is room for, one at least."""
        for left_out in range(len(self._steps)):
            steps = [_CUT, *self._steps[left_out:]] if left_out else self._steps
            line = Content.assemble((self._title, "bold"), f"  {SEPARATOR.join(steps)}")
            if line.cell_length <= self.size.width or left_out == len(self._steps) - 1:
                return line
        return Content.styled(self._title, "bold")
