"""Keys as Textual has them: bindings of a context, the user's changes, and sequences such as `gg`.

A binding's id is its action's name, which is what the user's remapping, the footer and the help go by. A sequence is a
binding too, under a "key" that no terminal sends ("g g"), so that everything Textual knows of bindings (which are
active, where their action lives, whether it is enabled) holds for it; `KeyedApp` puts such keys together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Key

from nvgre_inspect.actions import ACTIONS, Action, Context
from nvgre_inspect.keys import DEFAULTS, Keys, shown

#: Actions that Textual itself has, under its own name.
_TEXTUAL = {"palette": "command_palette"}
#: Asked for before a text field or a dialog sees the key.
_FIRST = {"quit_now"}


def bindings(context: Context | str) -> list[BindingType]:
    """The BINDINGS of a class that is that context, with default keys; the user's keys are laid over by the app."""
    return [_binding(action) for action in ACTIONS.values() if Context(context) in action.contexts]


def bindings_of(*names: str) -> list[BindingType]:
    """The bindings of these actions: for classes that take some actions of a context and not the others."""
    return [_binding(ACTIONS[name]) for name in names]


def _binding(action: Action) -> Binding:
    return Binding(
        textual_keys(DEFAULTS[action.name]),
        textual_action(action.name),
        action.title,
        show=action.footer,
        priority=action.name in _FIRST,
        tooltip=f"{action.title}: {action.meaning}",
        id=action.name,
    )


def textual_action(name: str) -> str:
    """What Textual calls the action: its method is `action_` and this."""
    return _TEXTUAL.get(name, name)


def textual_keys(keys: Iterable[str]) -> str:
    """Keys as Textual writes a list of them: `?`, `g g` -> `question_mark,g g`."""
    return ",".join(" ".join(map(_textual_key, key.split(" "))) for key in keys)


def _textual_key(key: str) -> str:
    """One key: a character by its name, as Textual names it in its events."""
    modifiers, plus, base = key[:-1].rpartition("+")
    base += key[-1]
    if len(base) == 1:
        (named,) = Binding.make_bindings([Binding(base, "")])
        base = named.key
    return modifiers + plus + base


class KeyedApp(App[None]):
    """An app whose keys come from the registry and can be remapped."""

    def __init__(self, keys: Keys | None = None) -> None:
        super().__init__()
        self.keys = keys or Keys()
        self._pending: tuple[str, ...] = ()
        self.set_keymap({name: textual_keys(changed) for name, changed in self.keys.changed.items()})

    def get_key_display(self, binding: Binding) -> str:
        """The key as the footer shows it: the first of the action's keys."""
        return shown(self.keys[binding.id][0]) if binding.id in ACTIONS else super().get_key_display(binding)

    async def on_key(self, event: Key) -> None:
        """Put sequences together. A key that continues none is an ordinary one, and what was begun is forgotten."""
        begun = (*self._pending, event.key)
        self._pending = ()
        sequences = {tuple(key.split(" ")): name for key, name in self._sequences()}
        if begun in sequences:
            event.prevent_default().stop()
            await self.run_named(sequences[begun])
        elif any(keys[: len(begun)] == begun for keys in sequences):
            event.prevent_default().stop()
            self._pending = begun

    def _sequences(self) -> Iterable[tuple[str, str]]:
        """Those that mean something where the focus is, and their actions."""
        for key, active in self.screen.active_bindings.items():
            if " " in key and active.binding.id is not None:
                yield key, active.binding.id

    async def run_named(self, name: str) -> bool:
        """Run an action of the registry where it is found first, from what is focused outwards; whether it was."""
        action = textual_action(name)
        for node in (self.focused or self.screen).ancestors_with_self:
            if await self.run_action(action, node):
                return True
        return False


def first_key(app: App[Any], action: str) -> str:
    """The key that asks for that action, as people see it: for words such as `Esc clears`."""
    keys = app.keys if isinstance(app, KeyedApp) else Keys()
    return shown(keys[action][0])
