"""HelpScreen: the keys that work where one is, made from the registry of actions, and filters in short."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from nvgre_inspect.actions import ACTIONS, Context, Group
from nvgre_inspect.display.text import cells, pad
from nvgre_inspect.keys import Keys
from nvgre_inspect.tui.keymap import bindings, bindings_of

#: What stays in the help wherever one is: the keys there are part of what the bar can do.
_ALWAYS = (Group.FILTER,)
#: (table, filter, what it is): each is a filter of that table, which a test holds.
EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("flows", "vsid == 5001", "equal; also != < <= > >="),
    ("flows", "tcp.port in {80, 443, 8000..8999}", "one of these, or within a range"),
    ("flows", "ip.addr == 10.0.0.0/24", "any layer: underlay, overlay, in between"),
    ("packets", "inner.ip.src == 10.0.0.4", "the innermost packet; outer. the outermost"),
    ("flows", "pa.addr == 192.0.2.1", "provider addresses; ca.addr those of the tenant"),
    ("flows", "retransmissions_fwd > 0", "any column of the table by its name"),
    ("flows", 'tcp and not (state == closed or stack contains "vxlan")', "and or not, && || !, ( )"),
    ("flows", 'stack matches "vxlan|geneve"', "a regular expression, in either case"),
    ("packets", "tcp.flags & 0x12", "one of these bits is set"),
    ("packets", 'frame contains "GET"', "text or bytes occur in it"),
    ("packets", "state == reset and tcp.len > 0", "packets know their flow's columns too"),
)


def working_here(screen: Screen[Any]) -> frozenset[str]:
    """Names of the actions that do something on that screen, with what is focused there."""
    return frozenset(
        active.binding.id
        for active in screen.active_bindings.values()
        if active.binding.id in ACTIONS and active.enabled
    )


def key_help(names: Collection[str], keys: Keys) -> list[tuple[Group, list[tuple[str, str, str]]]]:
    """Per group, in the registry's order: (keys, title, meaning) of these actions."""
    found: dict[Group, list[tuple[str, str, str]]] = {}
    for name, action in ACTIONS.items():
        if name in names or action.group in _ALWAYS:
            found.setdefault(action.group, []).append((keys.shown(name), action.title, action.meaning))
    return list(found.items())


def help_text(names: Collection[str], keys: Keys) -> Content:
    """All that the help says."""
    return Content("\n").join([*_key_lines(names, keys), *_filter_lines()])


def _key_lines(names: Collection[str], keys: Keys) -> Iterator[Content]:
    groups = key_help(names, keys)
    rows = [row for _, group in groups for row in group]
    key_width = max((cells(row[0]) for row in rows), default=0)
    title_width = max((cells(row[1]) for row in rows), default=0)
    for group, lines in groups:
        yield Content.styled(str(group), "bold $accent")
        for shown, title, meaning in lines:
            yield Content.assemble(
                "  ", (pad(shown, key_width), "bold"), "  ", pad(title, title_width), "  ", (meaning, "dim")
            )
        yield Content("")


def _filter_lines() -> Iterator[Content]:
    yield Content.styled("Filters: Wireshark's language, on every table", "bold $accent")
    for _, text, meaning in EXAMPLES:
        yield Content.assemble("  ", (text, "bold"))
        yield Content.assemble("      ", (meaning, "dim"))


class HelpScreen(ModalScreen[None]):
    """Over the screen that it helps with; any of the keys that open or close things closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Context.DIALOG),
        *bindings_of("help", "back", "quit", "cursor_down", "cursor_up", "page_down", "page_up", "top", "bottom"),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > VerticalScroll {
            width: 100%; max-width: 100; height: 100%; max-height: 95%;
            border: round $border; border-title-color: $accent; border-subtitle-color: $text-muted;
            background: $surface; padding: 0 1; scrollbar-size-vertical: 1;
        }
        & Static { width: 1fr; text-wrap: wrap; }
    }
    """

    def __init__(self, names: Collection[str], keys: Keys) -> None:
        """`names` are the actions that work there."""
        super().__init__()
        self._text = help_text(names, keys)
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The text."""
        with VerticalScroll() as box:
            box.border_title = "Keys that work here, and filters"
            box.border_subtitle = f"{self._keys.shown('dialog_cancel')} closes"
            yield Static(self._text)

    def action_cursor_down(self) -> None:
        """A line down."""
        self.query_one(VerticalScroll).scroll_down()

    def action_cursor_up(self) -> None:
        """A line up."""
        self.query_one(VerticalScroll).scroll_up()

    def action_page_down(self) -> None:
        """A page down."""
        self.query_one(VerticalScroll).scroll_page_down()

    def action_page_up(self) -> None:
        """A page up."""
        self.query_one(VerticalScroll).scroll_page_up()

    def action_top(self) -> None:
        """To the beginning."""
        self.query_one(VerticalScroll).scroll_home()

    def action_bottom(self) -> None:
        """To the end."""
        self.query_one(VerticalScroll).scroll_end()

    def action_help(self) -> None:
        """Close."""
        self.dismiss()

    action_back = action_quit = action_dialog_confirm = action_dialog_cancel = action_help
