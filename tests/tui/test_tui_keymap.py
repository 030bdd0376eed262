"""Keys in a running app: defaults, the user's changes, sequences, and actions by name."""

import pytest
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input, Static

from nvgre_inspect.actions import ACTIONS, Context
from nvgre_inspect.keys import Keys, remapped
from nvgre_inspect.tui.keymap import KeyedApp, bindings, textual_keys

pytestmark = pytest.mark.asyncio


class Table(Static, can_focus=True):
    BINDINGS = bindings(Context.TABLE)

    def action_top(self):
        self.app.done.append("top")

    def action_mark(self):
        self.app.done.append("mark")

    def action_sort_reverse(self):
        self.app.done.append("sort_reverse")


class Main(Screen):
    BINDINGS = bindings("screen")

    def compose(self) -> ComposeResult:
        yield Table()
        yield Input()

    def action_underlay(self):
        self.app.done.append("underlay")

    def action_overlay(self):
        self.app.done.append("overlay")


class Small(KeyedApp):
    BINDINGS = bindings("app")

    def __init__(self, keys=None):
        super().__init__(keys)
        self.done = []

    def on_mount(self):
        self.push_screen(Main())

    def action_help(self):
        self.done.append("help")

    def action_show_flows(self):
        self.done.append("show_flows")


async def pressed(keys, *presses):
    app = Small(keys)
    async with app.run_test() as pilot:
        app.screen.query_one(Table).focus()
        await pilot.pause()
        await pilot.press(*presses)
        return app.done


async def test_default_keys():
    done = await pressed(None, "space", "z", "u", "question_mark", "f1", "4")
    assert done == ["mark", "sort_reverse", "underlay", "help", "help", "show_flows"]


async def test_a_sequence_and_what_breaks_it():
    assert await pressed(None, "g", "g") == ["top"]
    assert await pressed(None, "g", "z", "g", "g", "g") == ["sort_reverse", "top"]
    assert await pressed(None, "home") == ["top"]


async def test_remapped_keys_take_the_place_of_the_default_ones():
    keys = remapped({"mark": ["m", "ctrl+a"], "show_flows": "g f", "help": "&"})
    assert await pressed(keys, "m", "ctrl+a", "space", "g", "f", "4", "g", "g", "ampersand", "f1") == [
        "mark",
        "mark",
        "show_flows",
        "top",
        "help",
    ]


async def test_swapped_keys():
    assert await pressed(remapped({"underlay": "o", "overlay": "u"}), "o", "u") == ["underlay", "overlay"]


async def test_sequences_are_text_in_a_text_field():
    app = Small()
    async with app.run_test() as pilot:
        app.screen.query_one(Input).focus()
        await pilot.press("g", "g", "z")
        assert app.screen.query_one(Input).value == "ggz"
        assert app.done == []


async def test_the_footer_shows_the_keys_in_use():
    app = Small(remapped({"help": ["g h", "f1"], "underlay": "U"}))
    async with app.run_test() as pilot:
        await pilot.pause()
        shown = {
            active.binding.id: app.get_key_display(active.binding) for active in app.screen.active_bindings.values()
        }
    assert shown["help"] == "gh"
    assert shown["underlay"] == "U"
    assert shown["back"] == "Esc"


async def test_actions_by_name_run_where_they_live():
    app = Small()
    async with app.run_test() as pilot:
        app.screen.query_one(Table).focus()
        await pilot.pause()
        assert await app.run_named("mark")
        assert await app.run_named("underlay")
        assert await app.run_named("help")
        assert not await app.run_named("filter_apply")
        assert app.done == ["mark", "underlay", "help"]


async def test_each_binding_is_an_action_of_its_context():
    for context in Context:
        made = bindings(context)
        assert [binding.id for binding in made] == [
            name for name, action in ACTIONS.items() if context in action.contexts
        ]


async def test_keys_as_textual_writes_them():
    assert textual_keys(["?", "g g", "ctrl+p", "\\", "+", "ctrl++", "shift+left"]) == (
        "question_mark,g g,ctrl+p,backslash,plus,ctrl+plus,shift+left"
    )
    assert Keys().changed == {}
