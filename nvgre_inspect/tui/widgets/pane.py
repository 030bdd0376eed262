"""Pane: a part of a screen with a heading, which says in words why it is empty where it is."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static


class Pane(Vertical):
    """A heading above some widgets."""

    DEFAULT_CSS = """
    Pane {
        height: 1fr;
        & > .heading { height: auto; max-height: 2; padding: 0 1; color: $foreground; background: $panel; }
        & > .reason { height: 1fr; padding: 0 1; color: $text-muted; display: none; }
        &.-empty > .reason { display: block; }
        &.-empty > .content { display: none; }
        &:focus-within > .heading { color: $accent; }
    }
    """

    def __init__(self, heading: str | Text, content: Iterable[Widget], *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        """`content` is below the heading."""
        super().__init__(id=id)
        self._heading = Static(_plain(heading), classes="heading", markup=False)
        self._reason = Static(classes="reason", markup=False)
        self._inside = list(content)

    def compose(self) -> ComposeResult:
        """The heading, what is below it, and the place for words instead of it."""
        yield self._heading
        for widget in self._inside:
            yield widget.add_class("content")
        yield self._reason

    def entitle(self, heading: str | Text) -> None:
        """Another heading."""
        self._heading.update(_plain(heading))

    def show(self, instead: str | Text = "") -> None:
        """Show the content, or `instead` of it why there is none."""
        self.set_class(bool(instead), "-empty")
        self._reason.update(_plain(instead))


def _plain(text: str | Text) -> Text:
    """Text as it stands: never markup."""
    return Text(text) if isinstance(text, str) else text
