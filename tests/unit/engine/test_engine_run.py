"""One run of the engine: which of the two does the work, that they make the same tables, and how a run ends early."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.reader import select
from nvgre_inspect.engine import run
from nvgre_inspect.engine.run import Engine
from nvgre_inspect.flows.tables import snapshot
from nvgre_inspect.kernels import compiled
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.source import InterfaceInfo
from tests.builders.states import assert_states_equal
from tests.unit.engine.random_frames import SAMPLES, random_batch

ROOT = SAMPLES.parent
FILES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng"))
ENGINES = ("reference", "kernels")


class BrokenDiskError(Exception):
    """What a source of frames may raise."""


def batches_of(name: str) -> tuple[list[PacketBatch], list[InterfaceInfo]]:
    with open_capture(SAMPLES / name, spool=False) as reader:
        return list(reader.batches()), reader.interfaces


def pieces(batch: PacketBatch, size: int) -> list[PacketBatch]:
    return [select(batch, slice(start, start + size)) for start in range(0, len(batch), size)]


def process(batches: list[PacketBatch], which: str, **more) -> Engine:
    engine = Engine(which=which, **more)
    for _ in engine.process(batches):
        pass
    return engine


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nvgre-inspect-decode"]


# --- the two engines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_all_tables_are_the_same(name):
    batches, interfaces = batches_of(name)
    views = [snapshot(process(batches, which).state(), interfaces) for which in ENGINES]
    for table in sorted(set(TABLES) - {"packets"}):
        pd.testing.assert_frame_equal(views[0].table(table), views[1].table(table))


@pytest.mark.parametrize(
    ("frames", "warm", "kernels"), [(100, True, False), (101, True, True), (500, False, False), (501, False, True)]
)
def test_few_frames_go_to_the_reference(frames, warm, kernels, monkeypatch):
    """More of them as long as the kernels would have to be compiled first."""
    monkeypatch.setattr(run, "_SMALL_WARM", 100)
    monkeypatch.setattr(run, "_SMALL_COLD", 500)
    monkeypatch.setattr(compiled, "is_warm", lambda *_: warm)
    asked = []
    engine = process(pieces(random_batch(1, frames), 50), "auto", on_compile=lambda: asked.append(True))
    assert engine.uses_kernels is kernels
    assert engine.state().frames == engine.frames == frames
    assert bool(asked) == (kernels and not warm)


def test_large_frames_are_not_held_for_long(monkeypatch):
    monkeypatch.setattr(run, "_HELD_BYTES", 1000)
    monkeypatch.setattr(compiled, "is_warm", lambda *_: True)
    batches = pieces(random_batch(1, 40), 10)
    assert len(batches[0].buffer) > 1000
    engine = Engine()
    steps = engine.process(iter(batches))
    assert engine.uses_kernels is None
    next(steps)
    assert engine.uses_kernels
    assert engine.frames == 10
    assert sum(1 for _ in steps) == 3


def test_nothing_at_all():
    for which in ("auto", *ENGINES):
        engine = process([], which)
        assert (engine.frames, engine.state().frames, engine.uses_kernels) == (0, 0, which == "kernels")
    with pytest.raises(RuntimeError, match="nothing was processed"):
        Engine().state()


@pytest.mark.parametrize("which", ENGINES)
def test_states_on_the_way(which):
    """After each batch the state is that of the frames so far, and what was handed out stays as it was."""
    batch = random_batch(5, 600)
    engine = Engine(which=which)
    states = [engine.state() for _ in engine.process(pieces(batch, 100))]
    assert [state.frames for state in states] == [100, 200, 300, 400, 500, 600]
    for count, state in zip((100, 600), (states[0], states[-1]), strict=True):
        alone = Engine(which=which)
        for _ in alone.process([select(batch, slice(count))]):
            assert_states_equal(state, alone.state())


# --- frames that were chosen ---------------------------------------------------------------------------------------


def odd_frames(batch: PacketBatch, records: np.ndarray, first: int) -> np.ndarray:
    return (np.arange(first, first + len(batch)) % 2).astype(bool)


@pytest.mark.parametrize("which", ENGINES)
def test_chosen_frames_keep_their_numbers(which):
    batch = random_batch(6, 2000)
    chosen = select(batch, np.arange(0, 2000, 2))
    engine = process(pieces(batch, 300), which, choose=odd_frames)
    alone = process([chosen], which).state()
    state = engine.state()
    assert engine.frames == 2000
    assert engine.numbers().tolist() == list(range(1, 2001, 2))
    for name in ("first_frame", "last_frame"):
        assert len(state.anomalies) > 10
        assert state.anomalies[name].tolist() == (2 * alone.anomalies[name] - 1).tolist()
    assert state.frame_number is not None
    assert state.frame_number.tolist() == engine.numbers().tolist()
    assert alone.frame_number is None
    assert_states_equal(state, alone, without=["anomalies", "frame_number"])
    # Asked again, the numbers are not counted through once more.
    assert_states_equal(engine.state(), state)
    assert process([batch], which).numbers() is None


@pytest.mark.parametrize("which", ENGINES)
def test_states_on_the_way_keep_the_numbers(which):
    """The thread that decodes is ahead of what is accounted; no number may get lost by looking."""
    batch = random_batch(7, 1500)
    engine = Engine(which=which, choose=odd_frames)
    for _ in engine.process(pieces(batch, 20)):
        state = engine.state()
        assert len(engine.numbers()) == state.frames == (engine.frames + 1) // 2
        assert state.anomalies["last_frame"].max(initial=0) <= engine.frames
    assert engine.numbers().tolist() == list(range(1, 1501, 2))


def test_no_frame_is_chosen():
    for which in ENGINES:
        engine = process([random_batch(8, 50)], which, choose=lambda batch, *_: np.zeros(len(batch), bool))
        assert (engine.frames, engine.state().frames, len(engine.numbers())) == (50, 0, 0)


# --- the thread that reads and decodes -----------------------------------------------------------------------------


def endless(batch: PacketBatch) -> Iterator[PacketBatch]:
    while True:
        yield batch


@pytest.mark.parametrize("which", ENGINES)
def test_a_run_that_is_left_ends_its_thread(which):
    engine = Engine(which=which)
    steps = engine.process(endless(random_batch(9, 20)))
    next(steps)
    assert len(decoding_threads()) == (which == "kernels")
    steps.close()
    assert decoding_threads() == []
    assert engine.state().frames == engine.frames == 20


@pytest.mark.parametrize("which", ENGINES)
def test_what_the_source_raises_reaches_the_caller(which):
    def source() -> Iterator[PacketBatch]:
        yield batch
        yield batch
        raise BrokenDiskError

    batch = random_batch(10, 30)
    engine = Engine(which=which)
    with pytest.raises(BrokenDiskError):
        for _ in engine.process(source()):
            pass
    assert decoding_threads() == []
    assert engine.state().frames == 60


@pytest.mark.parametrize("which", ENGINES)
def test_what_a_choice_raises_reaches_the_caller(which):
    def choose(*_):
        raise BrokenDiskError

    with pytest.raises(BrokenDiskError):
        process([random_batch(11, 30)], which, choose=choose)
    assert decoding_threads() == []


@pytest.mark.parametrize("which", ENGINES)
def test_an_interruption_leaves_what_was_read(which):
    """Ctrl-C: KeyboardInterrupt comes up wherever the main thread is."""
    batch = random_batch(12, 20)

    def source() -> Iterator[PacketBatch]:
        for i in range(1_000_000):
            if i == 5:
                _thread.interrupt_main()
            yield batch

    engine = Engine(which=which)
    with pytest.raises(KeyboardInterrupt):
        for _ in engine.process(source()):
            pass
    assert decoding_threads() == []
    assert 0 <= engine.state().frames - engine.frames <= 20
    assert engine.frames < 20_000_000


def test_a_silent_source_holds_nobody_up(monkeypatch):
    """A pipe that says nothing any more: the thread that reads it cannot be ended, and is left behind."""
    monkeypatch.setattr(run, "_PATIENCE_SECONDS", 0.05)
    more = threading.Event()
    batch = random_batch(13, 20)

    def source() -> Iterator[PacketBatch]:
        yield batch
        more.wait()

    engine = Engine(which="kernels")
    steps = engine.process(source())
    next(steps)
    steps.close()
    assert engine.state().frames == 20
    (thread,) = decoding_threads()
    assert thread.daemon
    more.set()
    thread.join(10)
    assert decoding_threads() == []


def test_the_thread_is_not_far_ahead():
    """Batches wait in a queue of bounded length, whatever their number."""
    taken = []
    batch = random_batch(14, 5)

    def source() -> Iterator[PacketBatch]:
        for i in range(100):
            taken.append(i)
            yield batch

    engine = Engine(which="kernels")
    for step, _ in enumerate(engine.process(source())):
        assert len(taken) <= step + 1 + run._AHEAD + 2
    assert len(taken) == 100


# --- imports -------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
import nvgre_inspect
with nvgre_inspect.open(sys.argv[1]) as capture:
    print(len(capture.flows), len(capture.findings), sum(map(len, capture.packets())), capture.frame(5).wirelen)
    print(capture.dissect(5).tree()[:1])
print(sorted({"numba", "llvmlite", "lark", "textual"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("warm", [False, True], ids=["nothing compiled", "kernels compiled before"])
def test_a_small_file_needs_no_compiler(warm, tmp_path):
    """Numba alone takes longer to import than a small capture takes in all."""
    environment = dict(os.environ)
    if not warm:
        environment["NVGRE_INSPECT_CACHE"] = str(tmp_path)
    command = [sys.executable, "-c", PROGRAM, str(SAMPLES / "fabric.pcapng")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
    assert not list(tmp_path.rglob("*.nb*"))
