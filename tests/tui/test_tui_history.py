"""The history of filters, and the user's own files that it is kept in."""

import os
import stat
import sys

import pytest

from nvgre_inspect.tui import state_files
from nvgre_inspect.tui.history import LONGEST, MOST, History


def test_filters_are_kept_from_run_to_run(state_folder):
    history = History()
    assert history.load() is None
    assert history.entries == []
    for text in ("vsid == 1", "tcp", "vsid == 1"):
        history.add(text)
    assert history.save() is None
    assert (state_folder / "filters").read_text() == "tcp\nvsid == 1\n"
    again = History()
    assert again.load() is None
    assert again.entries == ["tcp", "vsid == 1"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nobody_else_reads_them(state_folder):
    history = History()
    history.add("vsid == 1")
    before = os.umask(0)
    try:
        assert history.save() is None
    finally:
        os.umask(before)
    assert stat.S_IMODE((state_folder / "filters").stat().st_mode) == 0o600
    assert stat.S_IMODE(state_folder.stat().st_mode) == 0o700
    assert [path.name for path in state_folder.iterdir()] == ["filters"]


def test_it_is_bounded():
    history = History()
    for number in range(MOST + 50):
        history.add(f"vsid == {number}")
    assert len(history.entries) == MOST
    assert history.entries[-1] == f"vsid == {MOST + 49}"
    history.add("x" * (LONGEST + 1))
    assert history.entries[-1] == f"vsid == {MOST + 49}"


def test_what_others_wrote_meanwhile_stays():
    one, other = History(), History()
    one.add("tcp")
    other.add("udp")
    assert one.save() is None
    assert other.save() is None
    again = History()
    again.load()
    assert again.entries == ["tcp", "udp"]


def test_a_file_that_somebody_spoilt(state_folder):
    state_folder.mkdir()
    (state_folder / "filters").write_text("tcp\n\x1b[31mred\n\n   \nudp\n")
    history = History()
    assert history.load() is None
    assert history.entries == ["tcp", "udp"]


@pytest.mark.parametrize("act", [History.load, History.save])
def test_failures_are_said(state_folder, act):
    state_folder.mkdir()
    (state_folder / "filters").write_bytes(b"\xff\n")
    history = History()
    history.add("tcp")
    sentence = act(history)
    assert sentence.startswith("the history of filters cannot be ")
    assert sentence.endswith("filters: not UTF-8 text")
    assert history.entries == ["tcp"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "filters")
    history.add("tcp")
    assert "cannot be kept" in history.save()


def test_the_folder_without_a_word_from_the_environment(monkeypatch):
    monkeypatch.delenv(state_files.ENVIRONMENT)
    assert state_files.folder().name == "nvgre-inspect"
