"""Actions by name: the command palette, the `:` line, and the actions of an app that are the same for all screens."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider

from nvgre_inspect.actions import ACTIONS, SEPARATE, Action
from nvgre_inspect.display.text import escape
from nvgre_inspect.keys import Keys
from nvgre_inspect.tui import theme
from nvgre_inspect.tui.keymap import KeyedApp
from nvgre_inspect.tui.mouse import mouse_works, set_mouse
from nvgre_inspect.tui.screens.command import CommandDialog
from nvgre_inspect.tui.screens.help import HelpScreen, working_here

#: What people type who know other programs.
_ALIASES = {"q": "quit_now", "q!": "quit_now", "quit": "quit_now", "exit": "quit_now", "h": "help"}


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked for on the `:` line: a frame to go to, or an action."""

    frame: int | None = None
    action: str | None = None


def parse_command(text: str) -> Command:
    """`12`, `mark`, `show_flows`, `flows` or `show flows`. ValueError with a sentence for anything else."""
    words = text.strip().lower().removeprefix(":").strip()
    if words.isascii() and words.isdigit():
        return Command(frame=_frame_number(words))
    name = words.replace(" ", "_").replace("-", "_")
    name = _ALIASES.get(name, name)
    for candidate in (name, f"show_{name}"):
        if candidate in _BY_NAME:
            return Command(action=candidate)
    beginning = [known for known in _BY_NAME if known.removeprefix("show_").startswith(name)] if name else []
    if len(beginning) == 1:
        return Command(action=beginning[0])
    near = beginning or difflib.get_close_matches(name, _BY_NAME, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near[:3])}?" if near else ""
    raise ValueError(f"{escape(text.strip()) or 'nothing'} is neither a frame's number nor an action{hint}")


def _frame_number(digits: str) -> int:
    if len(digits) > 12:
        raise ValueError("no capture has that many frames")
    return int(digits)


#: The actions that can be asked for by name: not those of text fields.
_BY_NAME: dict[str, Action] = {
    name: action for name, action in ACTIONS.items() if not set(action.contexts) <= set(SEPARATE)
}


class ActionCommands(Provider):
    """All actions in the command palette, with their keys; those that do nothing here say so."""

    def _commands(self) -> list[tuple[Action, str, Callable[[], Any]]]:
        keys = self.app.keys if isinstance(self.app, KeyedApp) else Keys()
        here = working_here(self.screen)
        return [
            (
                action,
                f"{keys.shown(name)}{'' if name in here else '   (not on this screen)'}",
                partial(_run, self.app, name),
            )
            for name, action in _BY_NAME.items()
            if name != "palette"
        ]

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action, help_, run in self._commands():
            yield DiscoveryHit(_described(action), run, help=help_)

    async def search(self, query: str) -> Hits:
        """Those that match what was typed."""
        matcher = self.matcher(query)
        for action, help_, run in self._commands():
            # A word of the title counts more than the same word of the meaning.
            score = max(matcher.match(action.title), matcher.match(_described(action)) / 2)
            if score > 0:
                yield Hit(score, matcher.highlight(_described(action)), run, help=help_)


def _described(action: Action) -> str:
    return f"{action.title}: {action.meaning}"


async def _run(app: App[Any], name: str) -> None:
    if isinstance(app, CommandedApp):
        await app.run_or_explain(name)


class CommandedApp(KeyedApp):
    """An app with help, a palette, a `:` line, themes, and a mouse that can be given back."""

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionCommands}

    def go_to_frame(self, number: int) -> None:
        """Show the frame of that number (from 1). Apps with packets know how."""
        raise NotImplementedError

    async def run_or_explain(self, name: str) -> None:
        """Run an action by name, or say that it does nothing here."""
        if not await self.run_named(name):
            self.say(f"{ACTIONS[name].title} does nothing on this screen")

    def say(self, sentence: str) -> None:
        """A sentence for a moment, never as markup."""
        self.notify(sentence, timeout=4, markup=False)

    def action_help(self) -> None:
        """The keys that work here."""
        self.push_screen(HelpScreen(working_here(self.screen), self.keys))

    def action_command(self) -> None:
        """Ask what to do."""

        def asked(command: Command | None) -> None:
            if command is None:
                return
            if command.frame is not None:
                self.go_to_frame(command.frame)
            elif command.action is not None:
                self.run_worker(self.run_or_explain(command.action))

        self.push_screen(CommandDialog(parse_command, list(_BY_NAME)), asked)

    def action_next_theme(self) -> None:
        """Dark, light, ansi."""
        self.theme = theme.following(self.theme)
        self.say(f"theme: {self.theme}")

    def action_toggle_mouse(self) -> None:
        """Give the mouse back, or take it."""
        if set_mouse(self, not mouse_works(self)):
            self.say("the mouse works here")
        else:
            self.say("the mouse is the terminal's: it selects text")
