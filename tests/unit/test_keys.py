"""The registry of actions, default keys, and what a user's [keys] table makes of them."""

import re
from pathlib import Path

import pytest

from nvgre_inspect.actions import ACTIONS, Context
from nvgre_inspect.keys import DEFAULTS, Keys, KeysError, parse_key, remapped, shown
from nvgre_inspect.keys_page import markdown, section


def test_every_action_has_keys_and_every_key_an_action():
    assert list(DEFAULTS) == list(ACTIONS)
    assert all(DEFAULTS.values())


def test_the_defaults_are_a_remapping_without_contradictions():
    assert remapped({name: list(keys) for name, keys in DEFAULTS.items()}) == Keys()
    assert Keys().changed == {}


def test_default_keys_are_written_as_parsing_writes_them():
    assert {key: parse_key(key) for keys in DEFAULTS.values() for key in keys} == {
        key: key for keys in DEFAULTS.values() for key in keys
    }


def test_actions_say_what_they_do():
    for action in ACTIONS.values():
        assert action.name.isidentifier()
        assert action.title
        assert not action.meaning.endswith(".")
        assert action.contexts


def test_every_context_has_actions():
    assert {context for action in ACTIONS.values() for context in action.contexts} == set(Context)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("G", "G"),
        ("shift+g", "G"),
        ("Ctrl+P", "ctrl+p"),
        ("CONTROL+x", "ctrl+x"),
        ("shift+alt+left", "alt+shift+left"),
        ("Esc", "escape"),
        ("F1", "f1"),
        ("  g   g ", "g g"),
        (" ", "space"),
        (",", "comma"),
        ("+", "+"),
        ("ctrl++", "ctrl++"),
        ("plus", "+"),
        ("PgDn", "pagedown"),
        ("ö", "ö"),
    ],
)
def test_keys_are_read(text, key):
    assert parse_key(text) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no key"),
        ("  ", "names no key"),
        ("gg", 'is no key; a sequence is written with spaces, "g g"'),
        ("entr", "is no key; did you mean enter?"),
        ("hyper+x", "has the modifier 'hyper'; ctrl, alt and shift are known"),
        ("ctrl+i", "is sent by terminals as tab: use that name"),
        ("a b c d e", "is a sequence of more than 4 keys"),
        ("\x1b", "is no key"),
        ("ctrl+", "is no key"),
        ("xyzzyplugh", "is no key"),
    ],
)
def test_what_is_no_key_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_key(text)


def test_keys_as_people_see_them():
    assert [
        shown(key) for key in ("escape", "ctrl+p", "g g", "shift+tab", "f1", "g enter", "+", "ctrl++", "alt+x")
    ] == [
        "Esc",
        "^p",
        "gg",
        "Shift+Tab",
        "F1",
        "g Enter",
        "+",
        "^+",
        "Alt+x",
    ]
    assert Keys().shown("top") == "gg Home"


def test_a_remapping():
    keys = remapped({"mark": ["m", "ctrl+a"], "quit": "Q"})
    assert keys["mark"] == ("m", "ctrl+a")
    assert keys["quit"] == ("Q",)
    assert keys["top"] == DEFAULTS["top"]
    assert keys.changed == {"mark": ("m", "ctrl+a"), "quit": ("Q",)}


def test_keys_can_be_swapped():
    keys = remapped({"underlay": "o", "overlay": "u"})
    assert (keys["underlay"], keys["overlay"]) == (("o",), ("u",))


def test_contexts_of_their_own_may_use_the_same_key():
    assert remapped({"filter_complete": "ctrl+f"})["filter_complete"] == DEFAULTS["search"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"marc": "m"}, "keys.marc: no action is called marc; did you mean keys.mark?"),
        ({"xyzzy": "m"}, "keys.xyzzy: no action is called xyzzy; `nvgre-inspect config` lists all"),
        ({"mark": 7}, 'keys.mark: has to be a key as "ctrl+p", or a list of keys, not 7'),
        ({"mark": []}, 'keys.mark: has to be a key as "ctrl+p", or a list of keys, not []'),
        ({"mark": [1]}, 'keys.mark: has to be a key as "ctrl+p", or a list of keys, not [1]'),
        ({"mark": "entr"}, "keys.mark: 'entr' is no key; did you mean enter?"),
        (
            {"mark": "z"},
            "keys.mark: z already is sort_reverse: give one of them another key, as in keys.sort_reverse",
        ),
        # The sentence is about the user's key, wherever it stands in the registry.
        ({"quit": "1"}, "keys.quit: 1 already is show_overview: "),
        ({"mark": "g"}, "keys.mark: g begins with the same key as gg, which already is top: "),
        ({"mark": "y x"}, "keys.mark: yx begins with the same key as y, which already is copy: "),
        ({"filter_apply": "x"}, "keys.filter_apply: x is text where filter_apply is asked for"),
        ({"dialog_cancel": "space"}, "keys.dialog_cancel: Space is text where dialog_cancel is asked for"),
        ({"filter_next": "tab"}, "keys.filter_next: Tab already is filter_complete: "),
    ],
)
def test_remappings_that_cannot_be(table, message):
    with pytest.raises(KeysError) as caught:
        remapped(table)
    assert str(caught.value).startswith(message)


def test_the_page_says_the_keys():
    page = (Path(__file__).resolve().parents[2] / "docs" / "tui.md").read_text("utf-8")
    assert section(page) == markdown(), "run: python -m nvgre_inspect.keys_page docs/tui.md"
