"""KeyLine: the keys of where the focus is, on the last line; a click on one presses it.

Textual's own Footer is a widget a key, some twenty, that are made anew whenever the focus moves: a third of the time
that showing a screen takes. This one draws a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class _Key:
    """The first key of an action."""

    #: What the terminal sends.
    key: str
    shown: str
    title: str
    meaning: str
    works: bool


class KeyLine(Widget):
    """The bindings that are to be shown, in their order; what there is no room for is cut off (the help has all)."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key", "key-line--title", "key-line--hover"}
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom; height: 1; background: $footer-background; color: $footer-foreground;
        & > .key-line--key { color: $footer-key-foreground; background: $footer-key-background; text-style: bold; }
        & > .key-line--title { color: $footer-description-foreground; background: $footer-description-background; }
        & > .key-line--hover { color: $footer-key-foreground; background: $block-hover-background; }
    }
    """
    #: The key under the mouse, by its place in the line.
    hovered: reactive[int | None] = reactive(None)

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[_Key, ...] = ()

    def on_mount(self) -> None:
        """Show the keys, and hear when others do something."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        first: dict[str, _Key] = {}
        for _node, binding, enabled, tooltip in screen.active_bindings.values():
            if binding.show:
                key = _Key(binding.key, self.app.get_key_display(binding), binding.description, tooltip, enabled)
                first.setdefault(binding.action, key)
        shown = tuple(first.values())
        if shown != self._keys:
            self._keys = shown
            self.refresh()

    def render(self) -> Text:
        """` key title`, one after the other."""
        key_style, title_style, hover = (
            self.get_component_rich_style(f"key-line--{part}") for part in ("key", "title", "hover")
        )
        line = Text(no_wrap=True)
        for place, key in enumerate(self._keys):
            name, title = Text(f" {key.shown} ", key_style), Text(f"{key.title} ", title_style)
            for part in (name, title):
                if place == self.hovered:
                    part.stylize(hover)
                if not key.works:
                    part.stylize("dim")
                line.append_text(part)
        return line

    def _place_at(self, x: int) -> int | None:
        """Whose key is in that column."""
        right = 0
        for place, key in enumerate(self._keys):
            right += Text(f" {key.shown} {key.title} ").cell_len
            if x < right:
                return place
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show which key a click would press, and what it is for."""
        self.hovered = self._place_at(event.x)
        self.tooltip = None if self.hovered is None else self._keys[self.hovered].meaning

    def on_leave(self) -> None:
        """No key would be pressed."""
        self.hovered = None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key."""
        place = self._place_at(event.x)
        if place is None:
            return
        if self._keys[place].works:
            self.app.simulate_key(self._keys[place].key)
        else:
            self.app.bell()
