"""How the filter bar and the dialogs look, cell by cell. Renewed by `pytest --snapshot-update`, and then looked at."""

import pytest
from textual.app import ComposeResult
from textual.widgets import Input, Static

from nvgre_inspect.actions import ACTIONS
from nvgre_inspect.flows.filter.present import Value
from nvgre_inspect.keys import Keys
from nvgre_inspect.tui.commands import parse_command
from nvgre_inspect.tui.keymap import KeyedApp
from nvgre_inspect.tui.screens.command import CommandDialog
from nvgre_inspect.tui.screens.copy import CopyDialog
from nvgre_inspect.tui.screens.file import FileDialog
from nvgre_inspect.tui.screens.help import HelpScreen
from nvgre_inspect.tui.theme import install
from nvgre_inspect.tui.widgets.filter_bar import FilterBar

SIZES = [(80, 24), (160, 48)]
VALUES = {"vsid": (Value("5001", "nvgre blue (6 flows)", "nvgre"), Value("5002", "nvgre [red]\x1b[31m", "nvgre"))}


class Small(KeyedApp):
    """The filter bar over something."""

    CSS = "#below { height: 1fr; }"

    def __init__(self, theme):
        super().__init__()
        self.begins_with = theme
        self.bar = FilterBar("flows")

    def compose(self) -> ComposeResult:
        yield self.bar
        yield Static("what is below\n" * 40, id="below")

    def on_mount(self):
        install(self, self.begins_with)
        self.bar.values = VALUES
        self.bar.take_focus()

    def on_filter_bar_edited(self, message):
        if message.filter is not None:
            message.bar.show_matches(message.text, 0, 1234)


def typing(text):
    async def run(pilot):
        await pilot.app.workers.wait_for_complete()
        line = pilot.app.query_one("#filter-line", Input)
        line.cursor_blink = False
        line.insert_text_at_cursor(text)
        await pilot.pause()

    return run


def showing(make):
    async def run(pilot):
        await pilot.app.workers.wait_for_complete()
        await pilot.app.push_screen(make())
        for line in pilot.app.screen.query(Input):
            line.cursor_blink = False
        await pilot.pause()

    return run


@pytest.mark.parametrize(
    ("theme", "size"), [("dark", SIZES[0]), ("dark", SIZES[1]), ("light", SIZES[0]), ("ansi", SIZES[0])]
)
@pytest.mark.parametrize("text", ["vsid == 5", "vsid == 50x1 and tcp"], ids=["list", "error"])
def test_the_filter_bar(snap_compare, text, theme, size):
    assert snap_compare(Small(theme), run_before=typing(text), terminal_size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_help(snap_compare, size):
    assert snap_compare(Small("dark"), run_before=showing(lambda: HelpScreen(ACTIONS, Keys())), terminal_size=size)


DIALOGS = {
    "file": lambda: FileDialog("Export 12 flows", "cap-flows.csv", ("csv", "json")),
    "copy": lambda: CopyDialog([("value", "10.0.0.1"), ("filter", "x == \x1b[31m[red]"), ("row as CSV", "")]),
    "command": lambda: CommandDialog(parse_command, list(ACTIONS)),
}


@pytest.mark.parametrize("dialog", DIALOGS)
def test_the_dialogs(snap_compare, dialog, monkeypatch):
    monkeypatch.setattr(FileDialog, "_hint", "in the current folder")
    assert snap_compare(Small("dark"), run_before=showing(DIALOGS[dialog]), terminal_size=SIZES[0])
