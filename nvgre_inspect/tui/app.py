"""InspectApp: owns the session's loading, the Snapshot and the scope, and goes from screen to screen.

Going on (`go`) leaves the place where one was behind, with its selection; `back` returns to it. A place is a screen
and a scope. There is one screen object per kind of screen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from textual.binding import BindingType
from textual.worker import Worker, WorkerCancelled

from nvgre_inspect.actions import Context
from nvgre_inspect.config import TIME_CHOICES, Config
from nvgre_inspect.display.live import PacketRate, counters
from nvgre_inspect.display.progress import Compiling, describe
from nvgre_inspect.display.text import escape
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.session import Progress, Session
from nvgre_inspect.tui.commands import CommandedApp
from nvgre_inspect.tui.history import History
from nvgre_inspect.tui.keymap import bindings, first_key
from nvgre_inspect.tui.loading import Event, Loader, Outcome
from nvgre_inspect.tui.messages import Loaded, Loading, SnapshotTaken
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens import SCREENS, import_all, screen_class
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.theme import install
from nvgre_inspect.wireshark.tshark import end_all

#: Columns of a terminal from which on there is room for live counters in full.
_WIDE = 110
#: Places that `back` can return to.
_PLACES = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where one was."""

    screen: str
    scope: Scope
    #: What the screen itself remembers.
    memory: Any


class InspectApp(CommandedApp):
    """The terminal UI over one session."""

    TITLE = "nvgre-inspect"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.APP)

    def __init__(self, session: Session, settings: Config, files: Sequence[str], loader: Loader | None = None) -> None:
        """`session` is open; `files` are its inputs as the user named them. `loader` reads it; None: one of its own."""
        super().__init__(settings.keys)
        # Before anything is styled: with another theme all would be styled again.
        install(self, settings.tui.theme)
        self.session = session
        self.settings = settings
        self.files = tuple(files)
        self.source_name = _source_name(files)
        self.snapshot: Snapshot | None = None
        self.scope = Scope()
        self.progress: Progress | None = None
        self.outcome: Outcome | None = None
        self.time_style = settings.options.time
        #: Filters that were applied before, for all filter bars.
        self.history = History()
        #: Packets that Wireshark display filters picked, by what the filter bar says, and of how many.
        self.picks: dict[str, tuple[npt.NDArray[np.int64], int]] = {}
        #: Whether tables stay at their newest row.
        self.following = False
        self.loader = loader or Loader(session)
        self._compiling = Compiling()
        self._rate = PacketRate()
        self._screens: dict[str, InspectScreen] = {}
        self._current = ""
        self._places: deque[Place] = deque(maxlen=_PLACES)

    async def on_mount(self) -> None:
        """Show the first screen and begin to read."""
        self._current = next(iter(SCREENS))
        await self.push_screen(self.current)
        self.loader.attach(self._tell, self._wanted)
        self.loader.start()

    def on_unmount(self) -> None:
        """The app goes; the thread that reads may have something to tell still, others may wait for tshark."""
        self.loader.detach()
        end_all()

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def loading(self) -> bool:
        """Whether there is more to read."""
        return self.outcome is None

    def _tell(self, event: Event) -> None:
        """Called from the thread that reads."""
        if isinstance(event, Snapshot):
            self.post_message(SnapshotTaken(event))
        elif isinstance(event, Outcome):
            self.post_message(Loaded(event))
        else:
            self.post_message(Loading(event))

    def _wanted(self) -> Iterable[str]:
        """Called from the thread that reads."""
        screen = self._screens.get(self._current)
        return () if screen is None else screen.TABLES

    @property
    def progress_text(self) -> str:
        """How far reading is: `reading  42 %  1,203,000 packets/s  3 s left`; of live capture its counters; empty when
        all was read.
        """
        words: list[str] = []
        if self.loading and self.session.is_live:
            narrow = self.size.width < _WIDE
            words = [f"live  {counters(self.session.interfaces, self._rate.per_second, short=narrow)}"]
        elif self.loading and self.progress:
            words = [describe(self.progress, self._compiling.seconds)]
        return "  ".join([*words, *(["paused"] if self.loader.paused else [])])

    @property
    def notices(self) -> list[str]:
        """What to know of the input once it was read, a sentence each."""
        if self.outcome is None:
            return []
        error = [str(self.outcome.error)] if self.outcome.error is not None else []
        stopped = "capturing was stopped" if self.session.is_live else "reading was cancelled: this is a part"
        cancelled = [stopped] if self.outcome.cancelled else []
        return [escape(sentence) for sentence in (*error, *cancelled, *self.outcome.damage, *self.outcome.notes)]

    def on_loading(self, message: Loading) -> None:
        """Reading came further."""
        self.progress = message.progress
        self._compiling(message.progress)
        self._rate(message.progress)
        self.current.show_header()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """There is something new to show."""
        is_first = self.snapshot is None
        if self.loader.paused and not is_first:
            return  # it was under way when the user paused
        self.snapshot = message.snapshot
        self.current.catch_up()
        if is_first:
            self.run_worker(self._drawn(list(self.workers)))

    async def _drawn(self, workers: list[Worker[object]]) -> None:
        """Tell the loader when the first Snapshot is on the screen, which these workers prepare."""
        with suppress(WorkerCancelled):
            await self.workers.wait_for_complete(workers)
        # Behind what they posted to the screen.
        self.current.call_later(self.current.call_after_refresh, self.loader.drawn)

    def on_loaded(self, message: Loaded) -> None:
        """All was read, or what could be."""
        self.outcome = message.outcome
        if message.outcome.snapshot is not None and not self.loader.paused:
            self.snapshot = message.outcome.snapshot
        self.current.missed_something()
        self.current.catch_up()
        self.run_worker(import_all, thread=True, group="imports")

    def action_cancel_loading(self) -> None:
        """Read no further."""
        if self.loading:
            self.loader.cancel()
        else:
            self.say(f"nothing is being read; {first_key(self, 'quit_now')} leaves")

    def action_pause(self) -> None:
        """Take no Snapshots, or take them again."""
        pause = not self.loader.paused
        if pause and not self.loading:
            self.current.explain("all was read; nothing new comes")
            return
        self.loader.pause(paused=pause)
        if not pause and self.outcome is not None and self.outcome.snapshot is not None:
            self.snapshot = self.outcome.snapshot
        self.current.catch_up()

    def action_follow(self) -> None:
        """Stay at the newest row, or not any more."""
        self.following = not self.following
        self.notify("tables stay at their newest row" if self.following else "tables stay where they are", timeout=3)

    def next_time_style(self) -> None:
        """The next way to show times: a, ad, d, e, u."""
        self.time_style = TIME_CHOICES[(TIME_CHOICES.index(self.time_style) + 1) % len(TIME_CHOICES)]

    # --- from place to place -----------------------------------------------------------------------------------------

    @property
    def current(self) -> InspectScreen:
        """The main screen that is shown, perhaps with a dialog over it."""
        return self._screen(self._current)

    def has_screen(self, name: str) -> bool:
        """Whether there is a screen of that name."""
        return name in SCREENS

    def _screen(self, name: str) -> InspectScreen:
        """The screen of that name, made when it is first shown: that of the start is all that has to be imported."""
        if name not in self._screens:
            self._screens[name] = screen_class(name)()
            self.install_screen(self._screens[name], name)
        return self._screens[name]

    def go(self, name: str, scope: Scope | None = None) -> None:
        """Go on to the screen of that name, with another scope if one is given."""
        if name not in SCREENS:
            self.notify(f"{name.replace('_', ' ')} comes later", severity="warning", timeout=3)
            return
        self._places.append(Place(self._current, self.scope, self.current.remember()))
        self._show(name, self.scope if scope is None else scope, None)

    def back(self) -> bool:
        """Return to where one was before; whether there was such a place."""
        if not self._places:
            return False
        place = self._places.pop()
        self._show(place.screen, place.scope, place.memory)
        return True

    def _show(self, name: str, scope: Scope, memory: Any) -> None:
        self.scope = scope
        if name != self._current:
            self._current = name
            self.switch_screen(self.current)
        self.current.recall(memory)
        self.current.catch_up()

    def _go_to(self, name: str) -> None:
        if name == self._current:
            # Its key once more: the whole capture.
            if self.scope:
                self.go(name, Scope())
        else:
            self.go(name)

    def action_show_overview(self) -> None:
        """The capture as a whole."""
        self._go_to("overview")

    def action_show_tenants(self) -> None:
        """The tenants."""
        self._go_to("tenants")

    def action_show_tunnels(self) -> None:
        """The tunnels."""
        self._go_to("tunnels")

    def action_show_flows(self) -> None:
        """The flows."""
        self._go_to("flows")

    def action_show_packets(self) -> None:
        """The packets."""
        self._go_to("packets")

    def action_show_findings(self) -> None:
        """The findings."""
        self._go_to("findings")

    def action_show_correlate(self) -> None:
        """The same packets at several points."""
        self._go_to("correlate")

    def go_to_frame(self, number: int) -> None:
        """The packet of that number, among those that are shown or among all."""
        show = getattr(self.current, "go_to", None)
        if show is not None:
            show(number)
        else:
            self.go("packets", Scope((Step(Kind.PACKET, number, f"packet {number}"),)))

    def select(self, key: Hashable) -> None:
        """Put the cursor of the screen that is shown on the row with that key, if it has rows."""
        select = getattr(self.current, "select", None)
        if select is not None:
            select(key)

    async def action_quit(self) -> None:
        """Back; at the beginning out."""
        if not self.back():
            self.exit()

    def action_quit_now(self) -> None:
        """Out, from anywhere."""
        self.exit()


def _source_name(files: Sequence[str]) -> str:
    """The first part of the breadcrumb."""
    name = "standard input" if files[0] == "-" else escape(PurePath(files[0]).name)
    return name if len(files) == 1 else f"{name} and {len(files) - 1} more"
