"""`make screenshots`: the pictures of README and docs, taken from the app itself.

    python -m tests.tui.screenshots [FOLDER]

SVG, so that they stay sharp; the same bytes each time, so that a picture changes only when the app does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from nvgre_inspect.model.names import Names
from nvgre_inspect.tui import state_files
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.steps import flow_step
from tests.tui.shown import press, settled, shown

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SIZE = (120, 34)
NAMES = Names(
    {"nvgre:5001": "blue", "nvgre:5002": "red", "nvgre:6001": "backup"},
    {"192.168.50.11": "host-a", "192.168.50.12": "host-b", "192.168.50.13": "host-c", "192.168.50.20": "gateway"},
)
Walk = Callable[[InspectApp, Pilot[None]], Awaitable[None]]


async def overview(app: InspectApp, pilot: Pilot[None]) -> None:
    """What one sees first."""


async def flows(app: InspectApp, pilot: Pilot[None]) -> None:
    """The flows of one tenant, the largest first, two of them marked."""
    await press(pilot, "4", "l", "=", "space", "j", "space")


async def filtering(app: InspectApp, pilot: Pilot[None]) -> None:
    """A filter while it is typed."""
    await press(pilot, "4", "/", *"vsid == 5001 && tcp")
    app.screen.query_one("#filter-line", Input).cursor_blink = False


async def tunnel(app: InspectApp, pilot: Pilot[None]) -> None:
    """One tunnel in detail."""
    await press(pilot, "3", "j", "enter")


async def flow(app: InspectApp, pilot: Pilot[None]) -> None:
    """One flow in detail: the one with the most bytes that was opened with a handshake."""
    assert app.snapshot is not None
    rows = app.snapshot.flows
    rows = rows[rows["handshake_rtt_ms"].notna()]
    largest = rows.loc[(rows["bytes_fwd"] + rows["bytes_rev"]).idxmax()]
    app.go("flow_detail", Scope((flow_step(largest),)))
    await settled(pilot)


async def packets(app: InspectApp, pilot: Pilot[None]) -> None:
    """One packet: its layers and its bytes."""
    await press(pilot, "5")
    app.go_to_frame(300)
    await settled(pilot)
    await press(pilot, "enter", "j", "j", "j")


PICTURES: dict[str, Walk] = {
    "overview": overview,
    "flows": flows,
    "filter": filtering,
    "tunnel": tunnel,
    "flow": flow,
    "packets": packets,
}


async def take(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, walk in PICTURES.items():
        async with shown("fabric.pcapng", SIZE, names=NAMES) as (app, pilot):
            await walk(app, pilot)
            await settled(pilot)
            path = folder / f"{name}.svg"
            path.write_text(app.export_screenshot(title="nvgre-inspect fabric.pcapng"), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        # Not the history of filters of whoever takes the pictures.
        os.environ[state_files.ENVIRONMENT] = state
        asyncio.run(take(Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
