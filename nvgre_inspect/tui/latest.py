"""Latest: work in a thread for which only the last request counts, one piece at a time.

A request that comes while a thread is busy waits, and takes the place of one that waits already. So a long sort is not
thrown away for each new Snapshot, and what was typed, or passed by the cursor, in between is never worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from textual.widget import Widget

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Latest(Generic[Request, Answer]):
    """The requests of one kind. Its methods are called in the UI's thread, but for `work`."""

    def __init__(
        self,
        node: Widget,
        work: Callable[[Request], Answer],
        done: Callable[[Request, Answer], object],
        group: str,
    ) -> None:
        """`work` answers a request, in a thread; `done` hears of it, in the UI's. `group` names the workers."""
        self._node = node
        self._work = work
        self._done = done
        self._group = group
        self._working = False
        self._waiting: list[Request] = []

    @property
    def newest(self) -> bool:
        """Whether nothing waits: what `done` hears is what was asked for last."""
        return not self._waiting

    def ask(self, request: Request) -> None:
        """Work on this, now or when what is worked on is done."""
        if self._working:
            self._waiting[:] = [request]
            return
        self._working = True
        self._node.run_worker(lambda: self._answer(request), thread=True, group=self._group)

    def _answer(self, request: Request) -> None:
        answer = self._work(request)
        self._node.call_later(self._answered, request, answer)

    def _answered(self, request: Request, answer: Answer) -> None:
        self._working = False
        self._done(request, answer)
        if self._waiting and not self._working:
            self.ask(self._waiting.pop())
