"""The terminal UI while it captures: a source that the test feeds stands for the interface."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.live.captures import LiveCaptures
from nvgre_inspect.capture.live.kept import KeptFrames
from nvgre_inspect.capture.reader import select
from nvgre_inspect.config import Config
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.session import Session, SessionOptions
from nvgre_inspect.tui import loading
from nvgre_inspect.tui.app import InspectApp
from tests.builders.warm import warm_up
from tests.tui import waiting
from tests.tui.shown import SAMPLES, lines, press, settled, text


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


class Fed:
    """A live source whose frames come when the test says so: those of a sample, again and again later."""

    def __init__(self) -> None:
        with open_capture(SAMPLES / "fabric.pcapng", spool=False) as reader:
            self._frames = next(reader.batches())
        self.interfaces = [InterfaceInfo("live", 0, "eth0", 1, 0, received=0, dropped_kernel=0, dropped_interface=0)]
        self.notes: list[str] = []
        self.damage: list[str] = []
        self.closed = False
        self._orders: queue.Queue[PacketBatch | None] = queue.Queue()
        self._fed = 0

    def feed(self, frames: int) -> None:
        chosen = (np.arange(frames) + self._fed) % len(self._frames)
        self._fed += frames
        batch = select(self._frames, np.sort(chosen))
        self._orders.put(batch.at_interfaces(np.zeros(len(batch), np.int32)))

    def batches(self) -> Iterator[PacketBatch]:
        nothing = select(self._frames, np.zeros(0, np.int64))
        while True:
            try:
                batch = self._orders.get(timeout=0.02)
            except queue.Empty:
                yield nothing
                continue
            if batch is None:
                return
            yield batch

    def refresh(self) -> None:
        self.interfaces[0].received = self._fed

    def stop(self) -> None:
        self._orders.put(None)

    def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def capturing(size=(150, 40), **options):
    source = Fed()
    captures = LiveCaptures(source, KeptFrames(100_000, 1 << 28))
    session = Session(lambda: captures, SessionOptions(**options))
    app = InspectApp(session, Config(), ["eth0"])
    app.loader = loading.Loader(session)
    session._progress = app.loader.report
    try:
        async with app.run_test(size=size) as pilot:
            yield app, pilot, source
        assert app.loader.wait(waiting.PATIENCE_SECONDS)
    finally:
        session.close()
    assert source.closed


async def until(pilot, condition: Callable[[], bool]) -> None:
    """Threads capture meanwhile."""
    await waiting.until(pilot, condition)
    await settled(pilot)


async def counted(app, pilot, frames: int) -> None:
    await until(pilot, lambda: app.snapshot is not None and app.snapshot.state.frames >= frames)


async def test_the_header_counts_what_was_received_and_lost():
    async with capturing() as (app, pilot, source):
        source.feed(500)
        await counted(app, pilot, 500)
        await until(pilot, lambda: "received 500" in lines(app)[0])
        assert "packets/s" in lines(app)[0]
        assert "dropped by kernel 0, by interface 0" in lines(app)[0]
        source.interfaces[0].dropped_kernel = 17
        source.feed(1)
        await until(pilot, lambda: "dropped by kernel 17" in lines(app)[0])
        app.loader.cancel()


async def test_it_fits_into_80_columns():
    async with capturing((80, 24)) as (app, pilot, source):
        source.feed(500)
        await counted(app, pilot, 500)
        await until(pilot, lambda: "received 500  dropped 0+0" in lines(app)[0])
        app.loader.cancel()


async def test_tenants_tunnels_and_flows_have_rates_that_sort():
    async with capturing() as (app, pilot, source):
        source.feed(2_000)
        await counted(app, pilot, 2_000)
        for key in "234":
            await press(pilot, key)
            await until(pilot, lambda: "recent" in text(app))
            assert "packets/s" in lines(app)[1]
            assert "rate" in lines(app)[1]
        table = app.screen.table

        def rates() -> list[float]:
            return table.rows.data["packets_per_s"].iloc[table.rows.positions].tolist()

        table.sort_by("packets_per_s")
        source.feed(200)
        await until(pilot, lambda: table.sorting is not None and max(rates()) > 0)
        assert rates() == sorted(rates(), reverse=table.sorting.descending)
        app.loader.cancel()


async def test_pausing_shows_nothing_new_and_counting_goes_on():
    async with capturing() as (app, pilot, source):
        source.feed(300)
        await counted(app, pilot, 300)
        await press(pilot, "p")
        seen = app.snapshot
        source.feed(700)
        await until(pilot, lambda: app.progress is not None and app.progress.packets == 1_000)
        assert app.snapshot is seen
        assert "paused" in lines(app)[0]
        await press(pilot, "p")
        await counted(app, pilot, 1_000)
        assert "paused" not in lines(app)[0]
        app.loader.cancel()


async def test_packets_can_be_looked_at_while_others_come():
    async with capturing() as (app, pilot, source):
        source.feed(100)
        await counted(app, pilot, 100)
        await press(pilot, "5")
        await until(pilot, lambda: "1 of 100 packets" in text(app))
        source.feed(100)
        await counted(app, pilot, 200)
        await until(pilot, lambda: "1 of 200 packets" in text(app))
        frame = app.session.pages(app.snapshot).frame(150)
        assert frame.data
        app.loader.cancel()


async def test_stopping_keeps_what_came():
    async with capturing() as (app, pilot, source):
        source.feed(100)
        await counted(app, pilot, 100)
        app.action_cancel_loading()
        await until(pilot, lambda: not app.loading)
        assert "capturing was stopped" in " ".join(app.notices)
        assert app.snapshot.state.frames == 100
        assert source.closed


async def test_a_source_that_ends_is_said_and_shown_to_its_end():
    async with capturing() as (app, pilot, source):
        source.feed(100)
        source.notes.append("eth0 went away")
        source.stop()
        await until(pilot, lambda: not app.loading)
        assert app.snapshot.state.frames == 100
        assert "eth0 went away" in " ".join(app.notices)


async def test_no_filter_goes_by_a_rate():
    async with capturing() as (app, pilot, source):
        source.feed(100)
        await counted(app, pilot, 100)
        await press(pilot, "2")
        table = app.screen.table
        table.post_message(type(table).CellFiltered(table, (("packets_per_s", 1.0),)))
        await settled(pilot)
        assert "no filter goes by them" in " ".join(note.message for note in app._notifications)
        app.loader.cancel()


async def test_old_packets_and_idle_flows_leave():
    async with capturing(max_flows=20, max_packets=200) as (app, pilot, source):
        source.feed(2_000)
        await counted(app, pilot, 2_000)
        assert app.snapshot.state.frames == 2_000
        assert len(app.snapshot.flows) <= 20
        assert int(app.snapshot.tenants["packets"].sum()) == 2_000
        for key in "12345":
            await press(pilot, key)
        assert f"{2_000:,}" in text(app)
        app.loader.cancel()
