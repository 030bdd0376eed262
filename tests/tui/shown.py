"""The app over a capture, read to its end, for tests of what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from nvgre_inspect.config import Config
from nvgre_inspect.model.names import Names
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.tui.app import InspectApp
from tests.tui.waiting import until

SAMPLES = Path(__file__).parents[2] / "samples"
SIZES = [(80, 24), (160, 48)]


@asynccontextmanager
async def shown(
    path: Path | str,
    size: tuple[int, int] = (80, 24),
    *,
    options: SessionOptions | None = None,
    names: Names | None = None,
) -> AsyncIterator[tuple[InspectApp, Pilot[None]]]:
    """The app when all was read and all workers are done; `path` is a file, or the name of a sample."""
    file = SAMPLES / path
    settings = Config(names=names or Names())
    with open_session([file], options=options) as session:
        app = InspectApp(session, settings, [str(file)])
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: not app.loading)
            await settled(pilot)
            yield app, pilot


async def settled(pilot: Pilot[None]) -> None:
    """Until nothing is under way. A worker that was replaced by a later one counts as done."""
    while True:
        await pilot.pause()
        running = [worker for worker in pilot.app.workers if not worker.is_finished]
        if not running:
            break
        try:
            await pilot.app.workers.wait_for_complete(running)
        except WorkerCancelled:
            continue
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Keys, one after the other, each when what the one before began is done."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def lines(app: InspectApp) -> list[str]:
    """What is on the screen."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def text(app: InspectApp) -> str:
    """What is on the screen, as one text."""
    return "\n".join(lines(app))
