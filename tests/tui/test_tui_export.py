"""What leaves the terminal UI: files that are never overwritten unasked, and texts for the clipboard."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from textual.widgets import Input, OptionList, Static

from nvgre_inspect.config import Config
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.tui import sharing
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.screens.copy import CopyDialog
from nvgre_inspect.tui.screens.file import FileDialog

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "overlapping-tenants.pcap"

pytestmark = pytest.mark.asyncio


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def app():
    with open_session(SAMPLE, options=SessionOptions(engine="reference")) as session:
        app = InspectApp(session, Config(), [str(SAMPLE)])
        yield app
        app.loader.cancel()
        app.loader.wait(5.0)


async def settled(app, pilot):
    """All was read, and nothing is being worked on."""
    while app.loading or not all(worker.is_finished for worker in app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


async def shows(app, pilot, *keys):
    await settled(app, pilot)
    for key in keys:
        await pilot.press(key)
        await settled(app, pilot)


def words(app):
    return str(app.current.query_one("#status", Static).content)


async def answered(app, pilot, name, *keys):
    """Another name in the dialog, and keys there."""
    assert isinstance(app.screen, FileDialog)
    app.screen.query_one(Input).value = str(name)
    await pilot.pause()
    await pilot.press(*keys)
    await settled(app, pilot)


async def test_a_table_becomes_csv(app, here):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "e")
        assert app.screen.query_one(Input).value == "overlapping-tenants-flows.csv"
        await shows(app, pilot, "enter")
        assert words(app) == "12 rows written to overlapping-tenants-flows.csv"
        flows = app.snapshot.flows
    with (here / "overlapping-tenants-flows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    heaviest = (flows["bytes_fwd"] + flows["bytes_rev"]).sort_values(ascending=False, kind="stable").index
    assert [int(row["flow"]) for row in rows] == flows["flow"][heaviest].tolist()
    assert [path.name for path in here.iterdir()] == ["overlapping-tenants-flows.csv"]


async def test_what_is_filtered_marked_and_sorted_is_what_is_written(app, here):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4")
        app.current.apply_filter("vsid == 5001")
        await shows(app, pilot, "e")
        await answered(app, pilot, "filtered.json", "enter")
        rows = json.loads((here / "filtered.json").read_text())
        assert {row["vsid"] for row in rows} == {5001}
        assert len(rows) == 6
        await shows(app, pilot, "space", "j", "space", "e")
        assert "2 marked flows" in str(app.screen.query_one("Vertical").border_title)
        await answered(app, pilot, "marked.parquet", "enter")
        marked = pd.read_parquet(here / "marked.parquet")
        assert set(marked["flow"]) == app.current.table.marked
        assert len(marked) == 2


async def test_a_file_is_replaced_only_when_that_was_said_twice(app, here):
    (here / "old.csv").write_text("precious")
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "2", "e")
        await answered(app, pilot, "old.csv", "enter")
        assert isinstance(app.screen, FileDialog)
        assert "old.csv exists: Enter once more replaces it" in str(app.screen.query_one("#file-words").content)
        # Another name, and the first one again: it has to be said twice again.
        await answered(app, pilot, "new.txt", "enter")
        await answered(app, pilot, "old.csv", "enter")
        assert isinstance(app.screen, FileDialog)
        assert (here / "old.csv").read_text() == "precious"
        await shows(app, pilot, "enter")
        assert (here / "old.csv").read_text().startswith("encap,vsid,")
        assert [path.name for path in here.iterdir()] == ["old.csv"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "a file needs a name"),
        ("flows", "the name has to end in .csv or .json or .jsonl or .parquet"),
        ("flows.xlsx", "the name has to end in .csv or .json or .jsonl or .parquet"),
        ("folder.csv", "folder.csv is a folder: name a file in it"),
        ("none/flows.csv", "there is no folder none"),
        ("\x1b[31m.csv", "the name has characters that cannot be shown"),
        ("a\x00.csv", "the name has characters that cannot be shown"),
    ],
)
async def test_names_that_cannot_be(app, here, name, sentence):
    (here / "folder.csv").mkdir()
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "e")
        await answered(app, pilot, name, "enter")
        shown = app.screen.query_one("#file-words", Static)
        assert shown.has_class("-wrong")
        assert str(shown.content) == sentence
        await pilot.press("escape")
        assert not isinstance(app.screen, FileDialog)
    assert [path.name for path in here.iterdir()] == ["folder.csv"]


async def test_an_input_is_never_overwritten(app, here):
    copy = here / "in.csv"
    copy.symlink_to(SAMPLE)
    before = SAMPLE.read_bytes()
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "e")
        await answered(app, pilot, "in.csv", "enter", "enter")
        notes = [note.message for note in app._notifications]
    assert notes == ["in.csv is an input: an input is never overwritten"]
    assert SAMPLE.read_bytes() == before


async def test_what_fails_while_writing_leaves_nothing_behind(app, here, monkeypatch):
    def fails(frames, table, stream, fields):
        stream.write(b"half")
        raise sharing.CaptureError("the disk is full")

    monkeypatch.setitem(sharing.WRITERS, "csv", fails)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "e", "enter")
        assert [note.message for note in app._notifications] == ["the disk is full"]
        assert words(app) == ""
    assert list(here.iterdir()) == []


async def test_a_screen_without_rows_says_so(app, here):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "6", "e", "s", "y")
        assert [note.message for note in app._notifications] == [
            "there are no rows to export here",
            "there are no packets to save here",
            "there is nothing to copy here",
        ]


@pytest.mark.parametrize("key", ["2", "3", "4"])
async def test_the_packets_of_rows_become_a_capture(app, here, key):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, key, "space", "s")
        await answered(app, pilot, "some.pcapng", "enter")
        assert words(app).endswith("packets written to some.pcapng")
        table = app.current.TABLE
        frame = app.snapshot.table(table)
        (marked,) = app.current.table.marked
        if table == "tenants":
            encap, vsid = marked
            row = frame[(frame["encap"] == encap) & (frame["vsid"] == vsid)].iloc[0]
            expected = row["packets"]
        else:
            row = frame[frame[table.removesuffix("s")] == marked].iloc[0]
            expected = row["packets_fwd"] + row["packets_rev"]
    with open_session(here / "some.pcapng", options=SessionOptions(engine="reference")) as again:
        assert again.captures["packets"].sum() == expected


# --- copying ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(monkeypatch):
    texts = []

    async def copy(app, text):
        texts.append(text)
        return f"copied {len(text)} characters by a test"

    monkeypatch.setattr(sharing, "copy", copy)
    return texts


async def test_texts_of_a_row(app, copied):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "y")
        assert isinstance(app.screen, CopyDialog)
        titles = [
            app.screen.query_one(OptionList).get_option_at_index(place).prompt.plain.split("  ")[0]
            for place in range(app.screen.query_one(OptionList).option_count)
        ]
        assert titles == [
            "value",
            "filter for this value",
            "filter for this row",
            "this row as CSV",
            "this row as JSON",
        ]
        await shows(app, pilot, "enter")
        assert words(app) == f"copied {len(copied[0])} characters by a test"
        for place in range(1, 5):
            await shows(app, pilot, "y", *["j"] * place, "y")
        flow = app.current.selection().keys[0]
    assert copied[:3] == [str(flow), f"flow == {flow}", f"flow == {flow}"]
    header, line = csv.reader(copied[3].splitlines())
    assert line[header.index("flow")] == str(flow)
    assert json.loads(copied[4])["flow"] == flow


async def test_the_filter_of_marked_rows_selects_them(app, copied):
    async with app.run_test(size=(100, 30)) as pilot:
        for key, table in (("4", "flows"), ("2", "tenants")):
            await shows(app, pilot, key, "space", "j", "space", "y", "j", "j", "enter")
            frame = app.snapshot.table(table)
            found = frame[compile_filter(copied[-1], table=table).mask(frame)]
            assert len(found) == 2
            names = ["flow"] if table == "flows" else ["encap", "vsid"]
            keys = {key if isinstance(key, tuple) else (key,) for key in app.current.table.marked}
            assert set(found[names].itertuples(index=False, name=None)) == keys


async def test_the_filter_as_it_is(app, copied):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4")
        app.current.apply_filter("vsid == 5002 && tcp")
        await shows(app, pilot, "y")
        app.screen.query_one(OptionList).highlighted = 5
        await shows(app, pilot, "enter")
    assert copied == ["vsid == 5002 && tcp"]


async def test_nothing_is_copied_unasked(app, copied):
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(app, pilot, "4", "y", "escape")
        assert not isinstance(app.screen, CopyDialog)
    assert copied == []
