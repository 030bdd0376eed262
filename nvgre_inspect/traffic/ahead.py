"""ReadAhead: an iterator run ahead by a thread of its own, so that whoever takes from it does not wait.

with ReadAhead(batches, weigh=lambda batch: len(batch.buffer), limit=64 << 20) as ahead:
    ahead.fill(stopped)
    for batch in ahead: ...
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
#: While waiting for the thread, somebody may want to stop.
_WAIT_S = 0.1
#: A thread that waits for a pipe may not end; it is left behind then.
_PATIENCE_S = 2.0


class ReadAhead(Generic[Item]):
    """Items of an iterator in order. What it raises is raised by `__next__`, behind the items before it."""

    def __init__(
        self,
        items: Iterator[Item],
        *,
        weigh: Callable[[Item], int],
        limit: int,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Once `limit` of weight waits, the thread waits too. When `stopped`, no more items are waited for."""
        self._items = items
        self._weigh = weigh
        self._limit = limit
        self._stopped = stopped
        self._waiting: deque[Item] = deque()
        self._weight = 0
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="nvgre-inspect-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The thread ends as soon as it has the item at hand."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE_S)

    def fill(self) -> None:
        """Wait until as much as may wait is there, or the end."""
        with self._changed:
            while not (self._ended or self._weight >= self._limit or self._stopped()):
                self._changed.wait(_WAIT_S)

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            while not self._waiting:
                if self._error is not None:
                    raise self._error
                if self._ended or self._stopped():
                    raise StopIteration
                self._changed.wait(_WAIT_S)
            item = self._waiting.popleft()
            self._weight -= self._weigh(item)
            self._changed.notify_all()
            return item

    def _run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._waiting.append(item)
                    self._weight += self._weigh(item)
                    self._changed.notify_all()
                    while self._weight >= self._limit and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        break
        except BaseException as error:
            # Handed over: whoever takes the items raises it.
            self._error = error
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()
