"""Rows of packets for the frames that somebody looks at: the same as in the whole table, wherever frames come from."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.flows.building import concat
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.model.columns import PACKETS
from nvgre_inspect.session import Session

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"
FABRIC = SAMPLES / "fabric.pcapng"
ENGINES = ("reference", "kernels")
#: Options, and which of the frames they leave.
CHOICES = {"all": {}, "-R": {"read_filter": "vsid == 5002"}, "-c": {"count": 900}}


def whole(session: Session, filter_: str | None = None) -> pd.DataFrame:
    return concat(PACKETS, list(session.packets(filter_)))


def assert_same_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """As values: which categories a column has besides depends on the chunk."""
    pd.testing.assert_frame_equal(
        found.astype(object).reset_index(drop=True), expected.astype(object).reset_index(drop=True)
    )


def found_by(pages: PacketPages, text: str, among: np.ndarray | None = None) -> list[int]:
    found = list(pages.matching(compile_filter(text, table="packets"), among))
    total = len(pages) if among is None else len(among)
    assert {one.total for one in found} <= {total}
    assert [one.done for one in found] == sorted(one.done for one in found)
    assert not found or found[-1].done == total
    return np.concatenate([np.zeros(0, np.int64), *[one.numbers for one in found]]).tolist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", CHOICES.values(), ids=CHOICES.keys())
def test_a_page_has_the_rows_of_the_table(engine, options):
    with nvgre_inspect.open(FABRIC, engine=engine, **options) as session:
        table = whole(session)
        pages = session.pages()
        numbers = pages.numbers()
        assert numbers.tolist() == table["number"].tolist()
        assert pages.last == numbers[-1]
        for choice in (numbers[:50], numbers[-7:], numbers[5:300:41], numbers[[40, 3, 17]], numbers[:0]):
            expected = table.set_index("number", drop=False).loc[choice]
            assert_same_rows(pages.page(choice), expected)


def test_numbers_that_were_not_counted_have_no_row():
    with nvgre_inspect.open(FABRIC, read_filter="vsid == 5002") as session:
        session.read()
        pages = session.pages()
        others = np.setdiff1d(np.arange(-1, 2400), pages.numbers())
        assert len(pages.page(others)) == 0
        for number in (0, int(others[-1])):
            with pytest.raises(KeyError):
                pages.frame(number)
            with pytest.raises(KeyError):
                pages.decoded(np.array([number]))
            assert pages.flow_of(number) is None


def test_a_capture_without_packets(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes((SAMPLES / "vlan.pcap").read_bytes()[:24])
    with nvgre_inspect.open(path, read_filter="vsid == 1") as session:
        session.read()
        pages = session.pages()
        assert (len(pages), pages.last, pages.numbers().tolist()) == (0, 0, [])
        assert len(pages.page(np.array([1]))) == 0
        assert found_by(pages, "ip") == []


@pytest.mark.parametrize("options", CHOICES.values(), ids=CHOICES.keys())
def test_frames_of_flows(options):
    with nvgre_inspect.open(FABRIC, **options) as session:
        table = whole(session)
        pages = session.pages()
        flows = table["flow"].dropna().unique()[[0, -1]].to_numpy(np.int64)
        expected = table[table["flow"].isin(flows)]
        assert pages.numbers_of(flows - 1).tolist() == expected["number"].tolist()
        assert pages.numbers_of(flows[:0]).tolist() == []
        number = int(expected["number"].iloc[0])
        assert pages.flow_of(number) == int(expected["flow"].iloc[0]) - 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", CHOICES.values(), ids=CHOICES.keys())
@pytest.mark.parametrize("text", ["tcp.flags.syn == 1", "retransmissions_fwd > 0", "frame.time_relative < 5", "!ip"])
def test_a_search_finds_what_the_table_has(engine, options, text):
    with nvgre_inspect.open(FABRIC, engine=engine, **options) as session:
        expected = whole(session, text)["number"].tolist()
        pages = session.pages()
        assert found_by(pages, text) == expected
        numbers = pages.numbers()
        for among in (numbers[::2], numbers[::40], numbers[-3:], numbers[:0]):  # read through, by position, none
            chosen = set(among.tolist())
            assert found_by(pages, text, among) == [number for number in expected if number in chosen]


def test_a_search_by_number_in_frames_far_apart():
    """Frames that are read by position are not numbered one after the other."""
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        assert found_by(session.pages(), "frame.number >= 1000", np.array([3, 999, 1000, 2001])) == [1000, 2001]


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_while_the_file_is_being_read(compress, tmp_path, monkeypatch):
    """What a Snapshot counted can be looked at from another thread while more is read, compressed files too."""
    monkeypatch.setattr("nvgre_inspect.capture.reader.CHUNK", 64 << 10)
    path = tmp_path / "fabric"
    path.write_bytes(compress(FABRIC.read_bytes()))
    with nvgre_inspect.open(FABRIC) as session:
        table = whole(session)
    with nvgre_inspect.open(path, engine="reference") as session:
        steps = session.steps()
        next(steps)
        pages = session.pages(session.snapshot())
        rows: list[pd.DataFrame] = []
        reader = threading.Thread(target=lambda: rows.append(pages.page(pages.numbers()[-20:])))
        reader.start()
        for _ in steps:
            pass
        reader.join(30)
        expected = table[(table["number"] > len(pages) - 20) & (table["number"] <= len(pages))]
        assert rows[0]["info"].tolist() == expected["info"].tolist()
        assert 0 < len(pages) <= len(session.pages()) == len(table)


def test_a_compressed_file_is_decompressed_once(tmp_path, monkeypatch):
    """And no further than frames are asked for."""
    path = tmp_path / "fabric.gz"
    path.write_bytes(gzip.compress(FABRIC.read_bytes()))
    opened = []
    from nvgre_inspect.capture import captures

    class Counted(captures.Unpacked):
        def __init__(self, *given: object) -> None:
            opened.append(self)
            super().__init__(*given)

    monkeypatch.setattr(captures, "Unpacked", Counted)
    with nvgre_inspect.open([path, SAMPLES / "ipv6-overlay.pcap"]) as session:
        session.read()
        assert opened == []
        first = session.pages().page(np.array([2, 1, 400]))
        again = [session.frame(number).data for number in (2, 1, 400)]
        table = whole(session).set_index("number", drop=False)
        assert_same_rows(first, table.loc[[2, 1, 400]])
        assert list(map(len, again)) == table.loc[[2, 1, 400], "length"].tolist()
        assert len(opened) == 1


def test_a_compressed_file_for_which_there_is_no_room(tmp_path, monkeypatch):
    """Single frames are still to be had by reading it through."""
    path = tmp_path / "fabric.gz"
    path.write_bytes(gzip.compress(FABRIC.read_bytes()))
    monkeypatch.setattr("nvgre_inspect.capture.stream.spool_folder", lambda _limits: tmp_path / "missing")
    with nvgre_inspect.open(FABRIC) as plain, nvgre_inspect.open(path) as session:
        session.read()
        with pytest.raises(CaptureError, match="TMPDIR"):
            session.pages().page(np.array([1]))
        assert session.frame(7).data == plain.frame(7).data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(FABRIC.read_bytes(),))
    writer.start()
    with nvgre_inspect.open(path) as session, nvgre_inspect.open(FABRIC) as plain:
        session.read()
        plain.read()
        numbers = np.arange(2200, 2240)
        assert_same_rows(session.pages().page(numbers), plain.pages().page(numbers))
        assert found_by(session.pages(), "vsid == 5001") == found_by(plain.pages(), "vsid == 5001")
    writer.join(30)


def test_a_file_that_is_gone(tmp_path):
    path = tmp_path / "fabric.pcapng"
    path.write_bytes(FABRIC.read_bytes())
    with nvgre_inspect.open(path) as session:
        session.read()
        os.truncate(path, 1000)
        with pytest.raises(CaptureError, match="changed"):
            session.pages().page(np.array([2000]))
    with pytest.raises(CaptureError, match="closed"):
        session.pages().page(np.array([1]))


def test_a_packet_as_layers():
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        stack = session.pages().dissect(500)
        assert stack.to_dict() == session.dissect(500).to_dict()
        batch, records = session.pages().decoded(np.array([500]))
        assert batch.frame(0) == stack.frame
        assert records["wire_len"].tolist() == [stack.wire_len]
