"""Loader: reads the session's input in a thread of its own and tells the app how far it came.

The thread is the only one that reads and that takes Snapshots while there is something to read. It builds the tables
that the screens show as well, so that the UI's thread never does. It is a daemon: a silent pipe may keep it waiting
for ever, and quitting must not wait with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from textual.message import Message

from nvgre_inspect.display.states import encrypted
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.session import Progress, Session
from nvgre_inspect.tui.messages import Loaded, Loading, SnapshotTaken

#: Snapshots are taken at most this often, and cost at most a quarter of the time.
INTERVAL_SECONDS = 0.25
_SHARE = 4
#: How often progress is told.
_PROGRESS_SECONDS = 0.1


class Loader:
    """One reading of one session."""

    def __init__(
        self, session: Session, post: Callable[[Message], object], wanted: Callable[[], Iterable[str]]
    ) -> None:
        """`post` is called from the thread; `wanted` gives the names of the tables to build with each Snapshot."""
        self._session = session
        self._post = post
        self._wanted = wanted
        self._cancelled = threading.Event()
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nvgre-inspect-load", daemon=True)
        self._told = float("-inf")

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is more to read."""
        return self._thread.is_alive()

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

    def wait(self, seconds: float) -> bool:
        """Wait until the thread has ended; whether it has."""
        if self._thread.ident is not None:  # it was started
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def tell(self, progress: Progress) -> None:
        """What the session reports; called in the thread that reads."""
        now = time.monotonic()
        if progress.activity != "reading" or now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._post(Loading(progress))

    def _work(self) -> None:
        from nvgre_inspect.capture import CaptureError
        from nvgre_inspect.session import UsageError

        error: Exception | None = None
        try:
            self._read()
        except (CaptureError, UsageError, OSError, MemoryError) as reason:
            error = reason
        last = self._last()
        hidden = None if last is None else encrypted(last.state)
        notes = ([hidden] if hidden else []) + self._session.notes
        self._post(Loaded(last, self._cancelled.is_set(), error, tuple(self._session.damage), tuple(notes)))

    def _read(self) -> None:
        next_at = time.monotonic()
        for _ in self._session.steps():
            if self._cancelled.is_set():
                return
            began = time.monotonic()
            if began >= next_at and not self._paused.is_set():
                self._post(SnapshotTaken(self._take()))
                spent = time.monotonic() - began
                next_at = began + spent + max(INTERVAL_SECONDS, (_SHARE - 1) * spent)

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
