"""SIGINT and SIGTERM as a clean end: what goes on until somebody ends it says its last words."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Within the block Ctrl-C (SIGINT) and SIGTERM call `stop`; which of them came."""
    came: list[int] = []

    def end(number: int, _frame: object) -> None:
        came.append(number)
        stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
