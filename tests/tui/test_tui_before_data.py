"""What the first screen says while nothing was read yet, and when nothing could be."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.config import Config
from nvgre_inspect.session import open_session
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.loading import Loader, Outcome
from nvgre_inspect.tui.messages import Loaded
from nvgre_inspect.tui.widgets.column_chart import ColumnChart
from tests.tui.shown import SAMPLES, text

pytestmark = pytest.mark.asyncio


class Waiting(Loader):
    """Reads nothing yet."""

    def start(self) -> None:
        pass


async def test_the_overview_says_that_it_is_reading_and_draws_no_axes():
    with open_session([SAMPLES / "fabric.pcapng"]) as session:
        app = InspectApp(session, Config(), ["fabric.pcapng"], Waiting(session))
        async with app.run_test(size=(80, 24)):
            assert "reading …" in text(app)
            assert not app.screen.query_one(ColumnChart).visible


async def test_the_overview_says_why_there_is_nothing():
    with open_session([SAMPLES / "fabric.pcapng"]) as session:
        app = InspectApp(session, Config(), ["fabric.pcapng"], Waiting(session))
        async with app.run_test(size=(80, 24)) as pilot:
            app.post_message(Loaded(Outcome(None, error=CaptureError("fabric.pcapng: [red]gone\x1b[31m"))))
            await pilot.pause()
            assert r"fabric.pcapng: [red]gone\x1b[31m" in str(app.screen.query_one("#facts", Static).content)
            assert "reading" not in text(app)
