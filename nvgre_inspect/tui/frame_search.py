"""FrameSearch: finds the packets of a scope that pass a filter, in a thread, and tells of them as they are found.

What the State knows of each frame answers most questions at once. The others read the capture again: while it is still
being loaded, only what came since the last answer, and in the end once more all of it, since flows may have changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from textual.message import Message
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.states import nothing
from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.flows.packet_scope import Numbers, find_frames
from nvgre_inspect.flows.scoped import Narrow

if TYPE_CHECKING:
    from nvgre_inspect.flows.filter import Filter
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Session

#: What was found is told at most this often.
_INTERVAL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """Which packets are wanted."""

    snapshot: Snapshot
    narrow: Narrow
    filter: Filter | None
    #: What the scope is called.
    scope: str
    #: Whether there is no more to load.
    complete: bool

    def is_like(self, other: Asked | None) -> bool:
        """Whether the same is asked of another Snapshot."""
        return other is not None and self.narrow == other.narrow and self.filter == other.filter


@dataclass
class FramesFound(Message):
    """The numbers of the packets that were found so far."""

    asked: Asked
    pages: PacketPages
    numbers: Numbers
    #: Packets looked at, of so many within the scope.
    done: int
    total: int
    finished: bool
    #: Why there is none, or why not all could be looked at.
    words: str = ""


@dataclass(slots=True)
class _Known:
    """What was found of one question, up to a frame."""

    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    upto: int = 0
    done: int = 0


class FrameSearch:
    """Posts FramesFound to its owner."""

    def __init__(self, owner: Widget, session: Session) -> None:
        self._owner = owner
        self._session = session
        self._asked: Asked | None = None
        self._next: Asked | None = None
        self._known = _Known()
        self._worker: Worker[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is looking for packets now."""
        return self._worker is not None

    def ask(self, asked: Asked) -> None:
        """Find these packets. The same question of a newer Snapshot waits for the answer to the older one."""
        if self._worker is not None and asked.is_like(self._asked):
            self._next = asked
        else:
            self._start(asked)

    def stop(self) -> None:
        """Look no further."""
        self._next = None
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def took(self, message: FramesFound) -> bool:
        """Called with each message; whether it answers what was asked last."""
        if message.asked is not self._asked:
            return False
        if message.finished:
            self._worker = None
            upto = message.pages.last
            self._known = _Known(np.asarray(message.numbers, dtype=np.int64), upto, message.done)
            if self._next is not None:
                self._start(self._next)
        return True

    def _start(self, asked: Asked) -> None:
        self.stop()
        again = asked.complete or not asked.is_like(self._asked)
        known = _Known() if again else self._known
        # The list is exchanged when the last search is through: what is shown already stays until then.
        quiet = again and asked.is_like(self._asked) and len(self._known.numbers) > 0
        self._asked = asked
        work = partial(self._work, asked, known, quiet)
        self._worker = self._owner.run_worker(work, thread=True, group="frames", name="frames")

    def _work(self, asked: Asked, known: _Known, quiet: bool) -> None:
        worker = get_current_worker()
        pages = self._session.pages(asked.snapshot)
        candidates, finding = find_frames(pages, asked.snapshot, asked.narrow, asked.filter, known.upto)
        total = len(candidates)
        if finding is None:
            self._tell(FramesFound(asked, pages, candidates, total, total, finished=True))
            return
        parts, done, words = [known.numbers], known.done, ""
        told = time.monotonic()
        try:
            for some in finding:
                if worker.is_cancelled:
                    return
                parts.append(some.numbers)
                done = known.done + some.done
                if not quiet and time.monotonic() - told >= _INTERVAL_SECONDS:
                    told = time.monotonic()
                    parts = [np.concatenate(parts)]
                    self._tell(FramesFound(asked, pages, parts[0], done, total, finished=False))
        except CaptureError as error:
            words = str(error)
        self._tell(FramesFound(asked, pages, np.concatenate(parts), done, total, finished=True, words=words))

    def _tell(self, found: FramesFound) -> None:
        if found.finished and not len(found.numbers) and not found.words:
            options = self._session.options
            found.words = nothing(
                found.asked.snapshot,
                "packets",
                found.total,
                found.asked.scope,
                read_filter=options.read_filter,
                tshark_filter=options.tshark_filter,
                interface=options.interface,
            )
        self._owner.post_message(found)
