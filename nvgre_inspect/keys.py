"""Keys: which ask for which action by default, and what the `[keys]` table of the configuration file makes of it.

A key is written as a character (`y`, `G`, `?`), a name (`enter`, `f1`, `pagedown`), either of them with modifiers
(`ctrl+p`, `shift+tab`), or a sequence of those with spaces between them (`g g`). No Textual here: `tui.keymap` turns
keys into its bindings.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nvgre_inspect.actions import ACTIONS, SEPARATE, Action, Context

DEFAULTS: dict[str, tuple[str, ...]] = {
    "show_overview": ("1",),
    "show_tenants": ("2",),
    "show_tunnels": ("3",),
    "show_flows": ("4",),
    "show_packets": ("5",),
    "show_findings": ("6",),
    "show_correlate": ("7",),
    "drill_down": ("enter",),
    "back": ("escape",),
    "underlay": ("u",),
    "overlay": ("o",),
    "cursor_down": ("j", "down"),
    "cursor_up": ("k", "up"),
    "cursor_left": ("h", "left"),
    "cursor_right": ("l", "right"),
    "top": ("g g", "home"),
    "bottom": ("G", "end"),
    "page_down": ("ctrl+d", "pagedown"),
    "page_up": ("ctrl+u", "pageup"),
    "next_pane": ("tab",),
    "previous_pane": ("shift+tab",),
    "maximise": ("\\",),
    "filter": ("/",),
    "filter_on_cell": ("=",),
    "search": ("ctrl+f",),
    "next_match": ("n",),
    "previous_match": ("N",),
    "command": (":",),
    "palette": ("ctrl+p",),
    "mark": ("space",),
    "sort_previous": ("<",),
    "sort_next": (">",),
    "sort_reverse": ("z",),
    "hide_column": ("-",),
    "move_column_left": ("[", "shift+left"),
    "move_column_right": ("]", "shift+right"),
    "show_columns": ("c",),
    "copy": ("y",),
    "export": ("e",),
    "save_packets": ("s",),
    "deep": ("d",),
    "follow_stream": ("F",),
    "open_wireshark": ("w",),
    "follow": ("f",),
    "pause": ("p",),
    "cancel_loading": ("ctrl+c",),
    "cycle_inner_outer": ("i",),
    "raw_numbers": ("r",),
    "zoom_in": ("+",),
    "zoom_out": ("_",),  # "-" hides a column
    "zoom_all": ("0",),
    "time_format": ("T",),
    "next_theme": ("ctrl+t",),
    "toggle_mouse": ("M",),
    "help": ("?", "f1"),
    "quit": ("q",),
    "quit_now": ("ctrl+q",),
    "filter_apply": ("enter",),
    "filter_leave": ("escape",),
    "filter_complete": ("tab",),
    "filter_next": ("down",),
    "filter_previous": ("up",),
    "dialog_confirm": ("enter",),
    "dialog_cancel": ("escape",),
}

_NAMED = {
    *("enter", "escape", "tab", "space", "backspace", "delete", "insert", "comma"),
    *("home", "end", "pageup", "pagedown", "up", "down", "left", "right"),
    *(f"f{number}" for number in range(1, 25)),
}
_MODIFIERS = ("ctrl", "alt", "shift")
#: Other ways to write a key.
_SPELLINGS = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
    "ins": "insert",
    "del": "delete",
    "control": "ctrl",
    "backslash": "\\",
    "plus": "+",
    ",": "comma",
    " ": "space",
}
#: What terminals cannot tell apart.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+[": "escape"}
#: Keys in a sequence.
_LONGEST = 4
_SIGNS = {"ctrl": "^", "alt": "Alt+", "shift": "Shift+"}
_SHOWN = {
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "backspace": "Backspace",
    "delete": "Del",
    "insert": "Ins",
    "comma": ",",
}


class KeysError(ValueError):
    """Keys that cannot be; one sentence that begins with the path of the key in the configuration file."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys ask for which action."""

    #: Action -> its keys, the first of which is shown first; every action has at least one.
    by_action: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULTS)

    def __getitem__(self, action: str) -> tuple[str, ...]:
        """The keys of that action; KeyError if there is no such action."""
        return self.by_action[action]

    @property
    def changed(self) -> dict[str, tuple[str, ...]]:
        """The actions whose keys are not the default ones."""
        return {name: keys for name, keys in self.by_action.items() if keys != DEFAULTS[name]}

    def shown(self, action: str) -> str:
        """All keys of that action as people see them: `gg Home`."""
        return " ".join(map(shown, self[action]))


def remapped(table: Mapping[str, Any], path: str = "keys") -> Keys:
    """The default keys with those of `table`, action -> key or list of keys, in their place.

    Raises KeysError for an unknown action, for what is no key, and for keys that would contradict each other.
    """
    by_action = dict(DEFAULTS)
    for name, value in table.items():
        where = f"{path}.{name}"
        if name not in ACTIONS:
            near = difflib.get_close_matches(name, ACTIONS, n=1, cutoff=0.5)
            hint = f"did you mean {path}.{near[0]}?" if near else "`nvgre-inspect config` lists all"
            raise KeysError(f"{where}: no action is called {name}; {hint}")
        by_action[name] = _keys(value, where)
    for name in table:
        _check_typed(ACTIONS[name], by_action[name], path)
    for contexts in _spaces():
        _check_contradictions(by_action, contexts, set(table), path)
    return Keys(by_action)


def _keys(value: object, where: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise KeysError(f'{where}: has to be a key as "ctrl+p", or a list of keys, not {value!r}')
    found = []
    for text in texts:
        try:
            found.append(parse_key(text))
        except ValueError as error:
            raise KeysError(f"{where}: {text!r} {error}") from None
    return tuple(dict.fromkeys(found))


def _spaces() -> list[frozenset[Context]]:
    """Sets of contexts that share keys: each separate one, and all others together."""
    return [*(frozenset({context}) for context in SEPARATE), frozenset(Context) - frozenset(SEPARATE)]


def _check_typed(action: Action, keys: Sequence[str], path: str) -> None:
    for key in keys:
        if any(context in SEPARATE for context in action.contexts) and is_typed(key):
            raise KeysError(f"{path}.{action.name}: {shown(key)} is text where {action.name} is asked for")


def is_typed(key: str) -> bool:
    """Whether the key writes a character into a text field."""
    first = key.split(" ")[0]
    return len(first) == 1 or first in ("space", "comma")


def _check_contradictions(
    by_action: Mapping[str, Sequence[str]], contexts: frozenset[Context], asked: set[str], path: str
) -> None:
    """Refuses keys of two actions, of which one hides the other: they are equal, or one begins the other."""
    taken: dict[str, str] = {}
    for name, keys in by_action.items():
        if contexts.isdisjoint(ACTIONS[name].contexts):
            continue
        for key in keys:
            for other, owner in taken.items():
                if owner != name and (f"{key} ".startswith(f"{other} ") or f"{other} ".startswith(f"{key} ")):
                    # The sentence is about what the user wrote, which may be either of them.
                    mine, theirs = ((name, key), (owner, other)) if name in asked else ((owner, other), (name, key))
                    raise KeysError(_contradiction(*mine, *theirs, path))
            taken[key] = name


def _contradiction(name: str, key: str, owner: str, other: str, path: str) -> str:
    begins = "" if key == other else f" begins with the same key as {shown(other)}, which"
    return f"{path}.{name}: {shown(key)}{begins} already is {owner}: give one of them another key, as in {path}.{owner}"


def parse_key(text: str) -> str:
    """`text` as this module writes keys: `Ctrl+P` -> `ctrl+p`, `esc` -> `escape`, `shift+g` -> `G`.

    Raises ValueError with the rest of a sentence that began with the key.
    """
    parts = [" "] if text == " " else text.split()
    if not parts:
        raise ValueError("names no key")
    if len(parts) > _LONGEST:
        raise ValueError(f"is a sequence of more than {_LONGEST} keys")
    return " ".join(map(_single, parts))


def _single(text: str) -> str:
    if text == "+" or text.endswith("++"):
        head, base = text[:-2], "+"
    else:
        head, _, base = text.rpartition("+")
    modifiers = [_SPELLINGS.get(word.lower(), word.lower()) for word in head.split("+") if head]
    for word in modifiers:
        if word not in _MODIFIERS:
            raise ValueError(f"has the modifier {word!r}; ctrl, alt and shift are known")
    base = _base(base, text)
    if "shift" in modifiers and len(base) == 1:
        modifiers.remove("shift")
        base = base.upper()
    if "ctrl" in modifiers:
        base = base.lower()
    key = "+".join([word for word in _MODIFIERS if word in modifiers] + [base])
    if key in _SAME:
        raise ValueError(f"is sent by terminals as {_SAME[key]}: use that name")
    return key


def _base(base: str, text: str) -> str:
    base = _SPELLINGS.get(base.lower(), base)
    if len(base) == 1 and base.isprintable():
        return base
    if base.lower() in _NAMED:
        return base.lower()
    near = difflib.get_close_matches(base.lower(), sorted(_NAMED), n=1, cutoff=0.6)
    if near:
        raise ValueError(f"is no key; did you mean {near[0]}?")
    if len(text) == len(base) and 1 < len(base) <= _LONGEST:
        raise ValueError(f'is no key; a sequence is written with spaces, "{" ".join(base)}"')
    raise ValueError("is no key")


def shown(key: str) -> str:
    """The key as people see it: `escape` -> `Esc`, `ctrl+p` -> `^p`, `g g` -> `gg`."""
    parts = [_shown_single(part) for part in key.split(" ")]
    return ("" if all(len(part) == 1 for part in parts) else " ").join(parts)


def _shown_single(key: str) -> str:
    for modifier, sign in _SIGNS.items():
        if key.startswith(f"{modifier}+") and len(key) > len(modifier) + 1:
            return sign + _shown_single(key.removeprefix(f"{modifier}+"))
    return _SHOWN.get(key, key.upper() if key in _NAMED else key)
