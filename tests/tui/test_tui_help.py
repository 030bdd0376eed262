"""Help, the command palette and the `:` line: all of them from the registry of actions."""

import re

import pytest
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from nvgre_inspect.actions import ACTIONS, Context
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.keys import Keys, remapped
from nvgre_inspect.tui.commands import Command, CommandedApp, parse_command
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.mouse import mouse_works
from nvgre_inspect.tui.screens.command import CommandDialog
from nvgre_inspect.tui.screens.help import EXAMPLES, HelpScreen, help_text, key_help
from nvgre_inspect.tui.theme import install


class Table(Static, can_focus=True):
    BINDINGS = bindings("table")

    def action_mark(self):
        self.app.done.append("mark")


class Main(Screen):
    BINDINGS = bindings("screen")

    def compose(self) -> ComposeResult:
        yield Table()

    def action_drill_down(self):
        self.app.done.append("drill_down")


class Small(CommandedApp):
    BINDINGS = bindings("app")

    def __init__(self, keys=None):
        super().__init__(keys)
        self.done = []

    def on_mount(self):
        install(self, "dark")
        self.push_screen(Main())

    def go_to_frame(self, number):
        self.done.append(number)

    def action_show_flows(self):
        self.done.append("show_flows")

    async def action_quit(self):
        self.done.append("quit")


async def ready(app, pilot, *presses):
    app.screen.query_one(Table).focus()
    await pilot.pause()
    await pilot.press(*presses)
    await pilot.pause()


@pytest.mark.parametrize(("table", "text", "meaning"), EXAMPLES)
def test_every_example_is_a_filter(table, text, meaning):
    compile_filter(text, table=table)
    assert meaning


def test_the_help_says_each_action_with_its_keys():
    groups = key_help(["mark", "top", "help"], remapped({"mark": "m"}))
    rows = [row for _, group in groups for row in group]
    assert ("m", "Mark", ACTIONS["mark"].meaning) in rows
    assert ("gg Home", "Top", ACTIONS["top"].meaning) in rows
    assert not any(row[1] == "Export" for row in rows)
    # How the filter bar is used is said everywhere.
    assert any(row[2] == ACTIONS["filter_complete"].meaning for row in rows)
    text = help_text(list(ACTIONS), Keys()).plain
    assert all(action.meaning in text for action in ACTIONS.values())
    assert all(example[1] in text for example in EXAMPLES)


def test_the_help_fits_eighty_columns():
    assert max(map(len, help_text(list(ACTIONS), Keys()).plain.split("\n"))) <= 75


@pytest.mark.asyncio
async def test_the_help_is_about_where_one_is():
    app = Small()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = app.screen.query_one(Static).content.plain
        assert ACTIONS["mark"].meaning in text
        assert ACTIONS["cycle_inner_outer"].meaning not in text
        await pilot.press("escape")
        assert isinstance(app.screen, Main)


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["escape", "question_mark", "f1", "q", "enter"])
async def test_whatever_closes_things_closes_the_help(key):
    app = Small()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "f1")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press(key)
        assert isinstance(app.screen, Main)
        assert app.done == []


@pytest.mark.asyncio
async def test_the_help_scrolls():
    app = Small()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "f1")
        box = app.screen.query_one("VerticalScroll")
        for key, moved in (("j", True), ("k", False), ("ctrl+d", True), ("ctrl+u", False), ("G", True)):
            await pilot.press(key)
            await pilot.wait_for_scheduled_animations()
            assert (box.scroll_y > 0) is moved, key
        assert box.scroll_y == box.max_scroll_y
        await pilot.press("g", "g")
        await pilot.wait_for_scheduled_animations()
        assert box.scroll_y == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", Command(frame=12)),
        (" :12 ", Command(frame=12)),
        ("mark", Command(action="mark")),
        ("show_flows", Command(action="show_flows")),
        ("flows", Command(action="show_flows")),
        ("FLOWS", Command(action="show_flows")),
        ("save packets", Command(action="save_packets")),
        ("tun", Command(action="show_tunnels")),
        ("q", Command(action="quit_now")),
        ("next-theme", Command(action="next_theme")),
    ],
)
def test_commands(text, expected):
    assert parse_command(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing is neither a frame's number nor an action"),
        ("exprt", "exprt is neither a frame's number nor an action; did you mean export?"),
        ("sort", "sort is neither a frame's number nor an action; did you mean sort_previous or sort_next or sort_rev"),
        ("\x1b[31m", r"\x1b[31m is neither"),
        ("9" * 13, "no capture has that many frames"),
        ("²", "² is neither"),
        ("filter_apply", "filter_apply is neither"),
    ],
)
def test_what_is_no_command(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        parse_command(text)


@pytest.mark.asyncio
async def test_the_line_goes_to_frames_and_runs_actions():
    app = Small()
    async with app.run_test() as pilot:
        for text, done in (("120", 120), ("flows", "show_flows"), ("mark", "mark"), ("drill_down", "drill_down")):
            await ready(app, pilot, "colon")
            assert isinstance(app.screen, CommandDialog)
            app.screen.query_one(Input).value = text
            await pilot.press("enter")
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert app.done[-1] == done


@pytest.mark.asyncio
async def test_the_line_says_what_is_wrong():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "colon")
        app.screen.query_one(Input).value = "exprt"
        await pilot.press("enter")
        wrong = app.screen.query_one(Static)
        assert wrong.display
        assert "did you mean export?" in str(wrong.content)
        await pilot.press("x")
        await pilot.pause()
        assert not wrong.display
        await pilot.press("escape")
        assert isinstance(app.screen, Main)
        assert app.done == []


@pytest.mark.asyncio
async def test_an_action_that_does_nothing_here_says_so():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot)
        await app.run_or_explain("cycle_inner_outer")
        await pilot.pause()
        assert [note.message for note in app._notifications] == ["Inner/outer does nothing on this screen"]


@pytest.mark.asyncio
async def test_the_palette_has_all_actions_and_runs_them():
    app = Small()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "ctrl+p")
        assert isinstance(app.screen, CommandPalette)
        await app.workers.wait_for_complete()
        await pilot.pause()
        found = app.screen.query_one(OptionList).option_count
        named = [action for action in ACTIONS.values() if not set(action.contexts) <= {Context.FILTER, Context.DIALOG}]
        assert found == len(named) - 1
        await pilot.press(*"mark the row")
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter")
        if isinstance(app.screen, CommandPalette):
            await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.done == ["mark"]


@pytest.mark.asyncio
async def test_themes_and_mouse():
    app = Small()
    async with app.run_test() as pilot:
        await ready(app, pilot, "ctrl+t")
        assert app.theme == "light"
        await pilot.press("ctrl+t", "ctrl+t")
        assert app.theme == "dark"
        assert mouse_works(app)
        await pilot.press("M")
        assert not mouse_works(app)
        await pilot.press("M")
        assert mouse_works(app)
