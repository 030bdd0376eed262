"""What tests of the terminal UI wait for: messages, not the clock.

Textual's pilot takes a process that used little CPU time during 20 ms for one that has nothing to do. That costs 60 ms
a key, up to a second while a thread works, and on a busy machine it is wrong. Here an app is idle when each of its
widgets waits for a message, and what was to be drawn is drawn. Threads are not waited for; `shown.settled` does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from textual._context import active_app
from textual.app import App
from textual.message_pump import MessagePump
from textual.pilot import Pilot

#: Nothing that is waited for takes so long.
PATIENCE_SECONDS: Final = 60


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Until threads have made it so: they get the processor meanwhile."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
            await pilot.pause()


async def until_idle(*_seconds: float) -> None:
    """In place of Textual's `wait_for_idle`: until the app of this context has nothing left to do."""
    app = active_app.get()
    while not app._exit:
        # Everything that is ready runs once before this goes on.
        await asyncio.sleep(0)
        if not any(map(_works, (app, *app._registry))) and not _draws(app):
            break


def _works(pump: MessagePump) -> bool:
    """Whether it has a message, or is not through with the last one: only then it does not wait for the next."""
    if pump._closed or pump._task is None or pump._task.done():
        return False
    ready = pump._message_queue.ready_event
    return ready.is_set() or not ready._waiters


def _draws(app: App[Any]) -> bool:
    """Do now what Textual does when timers of 1/60 and 1/120 s are over; whether there was anything."""
    if app._resize_timer is not None:
        app._check_resize()
        return True
    screen = app.screen
    if screen._update_timer._active.is_set() or screen._callbacks:
        screen._on_timer_update()
        return True
    return False
