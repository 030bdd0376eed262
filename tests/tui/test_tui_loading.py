"""The thread that reads: what it tells, in which order, and how it is paused, cancelled and left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.session import Progress, SessionOptions, UsageError, open_session
from nvgre_inspect.tui import loading
from nvgre_inspect.tui.loading import Loader, Outcome, first_look

SAMPLES = Path(__file__).parents[2] / "samples"
FABRIC = str(SAMPLES / "fabric.pcapng")


class Steps:
    """A session whose steps wait for the test."""

    def __init__(self, session, count):
        self._session = session
        self.damage, self.notes = session.damage, session.notes
        self._count = count
        self.go = threading.Semaphore(0)

    def steps(self):
        inner = self._session.steps()
        next(inner)
        for _ in range(self._count):
            self.go.acquire()
            yield
        yield from inner

    def snapshot(self):
        return self._session.snapshot()


class Heard(list):
    """What was told, and a way to wait for it."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self.append(event)
            self._changed.notify_all()

    def wait_for(self, kind, count=1):
        def there():
            return sum(isinstance(event, kind) for event in self) >= count

        with self._changed:
            assert self._changed.wait_for(there, timeout=20)
        return [event for event in self if isinstance(event, kind)][count - 1]


@pytest.fixture
def session():
    with open_session([FABRIC]) as session:
        yield session


def test_all_is_read_and_told(session):
    heard = Heard()
    loader = Loader(session)
    loader.attach(heard, lambda: ["tenants"])
    loader.start()
    outcome = heard.wait_for(Outcome)
    assert loader.wait(5)
    assert outcome.snapshot.state.frames == 2299
    assert (outcome.cancelled, outcome.error, outcome.damage) == (False, None, ())
    assert heard[-1] is outcome, "nothing comes after the end"
    assert isinstance(heard[0], Snapshot), "the first rows come before the end"


def test_what_is_told_before_anybody_listens_is_kept(session):
    loader = Loader(session, lambda: "first look")
    loader.start()
    assert loader.wait(20)
    heard = Heard()
    loader.attach(heard, list)
    assert heard[0] == "first look"
    assert isinstance(heard[-1], Outcome)


def test_nobody_is_told_after_detach(session):
    heard = Heard()
    loader = Loader(session)
    loader.attach(heard, list)
    loader.detach()
    loader.start()
    assert loader.wait(20)
    assert heard == []


def test_the_tables_that_are_wanted_are_built_in_the_thread(session):
    heard = Heard()
    loader = Loader(session)
    loader.attach(heard, lambda: ["tunnels", "findings"])
    loader.start()
    snapshot = heard.wait_for(Outcome).snapshot
    assert {"tunnels", "findings"} <= set(snapshot._frames)


def test_cancelled_is_what_was_read_so_far(session):
    steps = Steps(session, 3)
    heard = Heard()
    loader = Loader(steps)
    loader.attach(heard, list)
    loader.start()
    steps.go.release()
    heard.wait_for(Snapshot)
    loader.cancel()
    steps.go.release()
    outcome = heard.wait_for(Outcome)
    assert outcome.cancelled
    assert outcome.snapshot.state.frames > 0


def test_paused_there_are_no_snapshots_but_reading_goes_on(session, monkeypatch):
    monkeypatch.setattr(loading, "INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(loading, "_SHARE", 1)
    steps = Steps(session, 3)
    heard = Heard()
    loader = Loader(steps)
    loader.attach(heard, list)
    loader.pause(paused=True)
    loader.start()
    for _ in range(3):
        steps.go.release()
    heard.wait_for(Outcome)
    assert not any(isinstance(event, Snapshot) for event in heard)
    assert loader.paused
    loader.pause(paused=False)
    assert not loader.paused


def test_progress_is_told_ten_times_a_second_at_most(session):
    heard = Heard()
    loader = Loader(session)
    loader.attach(heard, list)
    for packets in range(1000):
        loader.report(Progress(packets, None, packets, 0.1))
    assert 1 <= len(heard) < 1000
    loader.report(Progress(0, None, 0, 0.1, "compiling"))
    assert heard[-1].activity == "compiling", "which is told at once: nothing else comes for seconds"


def test_what_cannot_be_used_is_told_as_an_error():
    with open_session([FABRIC], options=SessionOptions(interface="nix")) as session:
        heard = Heard()
        loader = Loader(session)
        loader.attach(heard, list)
        loader.start()
        error = heard.wait_for(Outcome).error
    assert isinstance(error, UsageError)
    assert "no interface 'nix'" in str(error)


def test_damage_and_notes_are_told():
    with open_session([SAMPLES / "truncated.pcap"]) as session:
        heard = Heard()
        loader = Loader(session)
        loader.attach(heard, list)
        loader.start()
        outcome = heard.wait_for(Outcome)
    assert len(outcome.damage) == 1
    assert "54 frames before it could be read" in outcome.damage[0]


def test_a_silent_pipe_does_not_keep_anybody():
    reader, writer = os.pipe()
    # The head of a pcap, and then nothing.
    os.write(writer, (SAMPLES / "truncated.pcap").read_bytes()[:40])
    with open_session([f"/dev/fd/{reader}"]) as session:
        loader = Loader(session)
        loader.start()
        loader.cancel()
        assert not loader.wait(0.2)
        os.close(writer)
        assert loader.wait(20)
    os.close(reader)


def test_the_first_look_is_at_the_first_frames(monkeypatch):
    monkeypatch.setattr(loading, "_FIRST_BYTES", 1)
    snapshot = first_look([FABRIC], SessionOptions())
    assert snapshot.state.frames == 1000
    assert {"tenants", "tunnels"} <= set(snapshot._frames)
    assert first_look([FABRIC], SessionOptions(count=7)).state.frames == 7
    assert set(first_look([FABRIC], SessionOptions(read_filter="arp")).flows["protocol"]) == {"arp"}


def test_there_is_no_first_look_at_pipes_and_small_files():
    assert first_look([FABRIC], SessionOptions()) is None
    assert first_look(["-"], SessionOptions()) is None
    assert first_look([FABRIC, "-"], SessionOptions()) is None
    assert first_look(["/dev/null"], SessionOptions()) is None


def test_the_thread_that_reads_needs_no_textual():
    code = "import sys, nvgre_inspect.tui.loading; print([name for name in sys.modules if name.startswith('textual')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
