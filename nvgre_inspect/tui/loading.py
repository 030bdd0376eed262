"""Loader: reads the session's input in a thread of its own and tells the app how far it came.

The thread is the only one that reads on and takes Snapshots while there is something to read. It builds the tables that
the screens show as well, so that the UI's thread never does. It is a daemon: a silent pipe may keep it waiting for
ever, and quitting must not wait with it.

It starts before there is an app: Textual is imported meanwhile (so it must not be imported here: two threads that
import the same modules from different ends get them half made). What it has to tell then is kept until `attach`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.states import encrypted
from nvgre_inspect.session import Progress, Session, SessionOptions, UsageError, open_session

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot

#: Snapshots are taken at most this often, and cost at most a quarter of the time.
INTERVAL_SECONDS = 0.25
_SHARE = 4
#: Of more flows than this a Snapshot is taken at most that often: one of a million flows takes 0.8 GB, and while it is
#: made the one before is still shown.
_MANY_FLOWS = 100_000
_LONG_INTERVAL_SECONDS = 30.0
#: How often progress is told.
_PROGRESS_SECONDS = 0.1
#: The first look: so many frames (0.1 s), of inputs of at least so many bytes. Smaller ones are read as fast.
_FIRST_FRAMES = 1_000
_FIRST_BYTES = 4_000_000
#: Loading the kernels takes Python a second, and drawing would wait for it: so the first look is drawn before, unless
#: the app takes longer than this to come up.
_DRAWN_SECONDS = 2.0
#: Tables that the first screen shows.
_FIRST_TABLES = ("captures", "tenants", "tunnels", "timeline", "findings")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How reading ended: all was read, or it was cancelled, or `error` says why not."""

    snapshot: Snapshot | None
    cancelled: bool = False
    error: Exception | None = None
    #: Why parts of the input could not be read, and what else to know of it, a sentence each; not escaped.
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Event: TypeAlias = "Progress | Snapshot | Outcome"
Tell = Callable[[Event], object]


class Loader:
    """One reading of one session."""

    def __init__(self, session: Session, first_look: Callable[[], Snapshot | None] = lambda: None) -> None:
        """`session` is open and was not read yet. `first_look` gives something to show before that."""
        self._session = session
        self._first_look = first_look
        self._wanted: Callable[[], Iterable[str]] = lambda: _FIRST_TABLES
        self._tell: Tell | None = None
        self._held: list[Event] = []
        self._lock = threading.Lock()
        self._drawn = threading.Event()
        self._cancelled = threading.Event()
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nvgre-inspect-load", daemon=True)
        self._told = float("-inf")

    def start(self) -> None:
        """Begin to read, if that was not done yet."""
        if self._thread.ident is None:
            self._thread.start()

    def attach(self, tell: Tell, wanted: Callable[[], Iterable[str]]) -> None:
        """Tell everything from now on, and what there was to tell before: Progress, Snapshots, in the end the Outcome.
        `wanted` gives the names of the tables to build with each Snapshot. Both are called in the thread that reads.
        """
        with self._lock:
            self._wanted = wanted
            self._tell = tell
            for event in self._held:
                tell(event)
            self._held.clear()

    def drawn(self) -> None:
        """The first Snapshot is on the screen."""
        self._drawn.set()

    def detach(self) -> None:
        """Tell nobody any more; when this returns, nobody is being told."""
        with self._lock:
            self._tell = _nobody

    @property
    def paused(self) -> bool:
        """Whether Snapshots are withheld. Reading goes on."""
        return self._paused.is_set()

    def pause(self, *, paused: bool) -> None:
        """Withhold Snapshots, or take them again."""
        if paused:
            self._paused.set()
        else:
            self._paused.clear()

    def cancel(self) -> None:
        """Read no further; what was read stays."""
        self._cancelled.set()
        self._drawn.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the thread has ended; whether it has."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def report(self, progress: Progress) -> None:
        """What the session reports; called in the thread that reads."""
        now = time.monotonic()
        if progress.activity != "reading" or now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._say(progress)

    def _say(self, event: Event) -> None:
        with self._lock:
            if self._tell is None:
                self._held.append(event)
            else:
                self._tell(event)

    def _work(self) -> None:
        error: Exception | None = None
        try:
            first = self._first_look()
            if first is not None:
                self._say(first)
                self._drawn.wait(_DRAWN_SECONDS)
            self._read()
        except (CaptureError, UsageError, OSError, MemoryError) as reason:
            error = reason
        last = self._last()
        hidden = None if last is None else encrypted(last.state)
        notes = ([hidden] if hidden else []) + self._session.notes
        self._say(Outcome(last, self._cancelled.is_set(), error, tuple(self._session.damage), tuple(notes)))

    def _read(self) -> None:
        next_at = time.monotonic()
        for _ in self._session.steps():
            if self._cancelled.is_set():
                return
            began = time.monotonic()
            if began >= next_at and not self._paused.is_set():
                snapshot = self._take()
                self._say(snapshot)
                # What is live has no end to wait for.
                many = len(snapshot.state.flows) >= _MANY_FLOWS and not self._session.is_live
                interval = _LONG_INTERVAL_SECONDS if many else INTERVAL_SECONDS
                del snapshot
                spent = time.monotonic() - began
                next_at = began + spent + max(interval, (_SHARE - 1) * spent)

    def _take(self) -> Snapshot:
        snapshot = self._session.snapshot()
        for name in self._wanted():
            snapshot.table(name)
        return snapshot

    def _last(self) -> Snapshot | None:
        try:
            return self._take()
        except RuntimeError:  # nothing was read at all
            return None


def _nobody(_event: Event) -> None:
    """Hears, and does nothing."""


def first_look(files: Sequence[str], options: SessionOptions) -> Snapshot | None:
    """The tables of the first frames alone, decoded without kernels, whose loading takes a second.

    None where it would not help (small inputs, tshark to be asked) or nothing could be opened twice (pipes). Raises
    what `open_session` does.
    """
    if options.tshark_filter is not None:
        return None
    paths = [Path(name) for name in files]
    if "-" in files or not all(path.is_file() for path in paths):
        return None
    if sum(path.stat().st_size for path in paths) < _FIRST_BYTES:
        return None
    count = min(options.count or _FIRST_FRAMES, _FIRST_FRAMES)
    with open_session(files, options=replace(options, count=count, engine="reference", spool=False)) as session:
        session.read()
        snapshot = session.snapshot()
        for name in _FIRST_TABLES:
            snapshot.table(name)
        return snapshot
