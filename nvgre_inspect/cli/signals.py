"""Signals as a clean end: what goes on until somebody ends it says its last words, and closes what it writes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def ended_by_signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Within the block Ctrl-C (SIGINT), SIGTERM, and SIGHUP of a terminal that goes away call `stop`, which may
    raise: the first of them, once. Which came.

    SIGHUP stays ignored where it is: nohup(1).
    """
    came: list[int] = []

    def end(number: int, _frame: object) -> None:
        came.append(number)
        if len(came) == 1:
            stop()

    before = {number: signal.signal(number, end) for number in _ending()}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave() -> NoReturn:
    """What `stop` does within an event loop: the one exception besides KeyboardInterrupt that it lets through, so that
    the terminal is put back on the way.
    """
    raise SystemExit


def _ending() -> Iterator[signal.Signals]:
    yield from (signal.SIGINT, signal.SIGTERM)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Windows has none
        yield signal.SIGHUP
