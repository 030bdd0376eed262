"""The packets table and single frames: read again from files, compressed files, pipes and several files at once."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

import nvgre_inspect
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.flows.building import concat
from nvgre_inspect.model.columns import PACKETS
from nvgre_inspect.session import Session, UsageError

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"
FABRIC, FRAGMENTS = SAMPLES / "fabric.pcapng", SAMPLES / "fragments.pcap"
ENGINES = ("reference", "kernels")
needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def packets(session: Session, filter_: str | None = None) -> pd.DataFrame:
    return concat(PACKETS, list(session.packets(filter_)))


@pytest.fixture(scope="module")
def fabric() -> pd.DataFrame:
    with nvgre_inspect.open(FABRIC, engine="reference") as session:
        return packets(session)


@contextmanager
def pipe(folder: Path, content: bytes) -> Iterator[Path]:
    """A pipe that gives `content` once."""
    path = folder / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    try:
        yield path
    finally:
        writer.join(30)


def test_every_frame_has_a_row(fabric):
    assert fabric["number"].tolist() == list(range(1, 2300))
    with nvgre_inspect.open(FABRIC) as session:
        per_flow = fabric.groupby("flow").size()
        flows = session.flows.set_index("flow")
        assert per_flow.to_dict() == (flows["packets_fwd"] + flows["packets_rev"]).to_dict()
        assert fabric["time"].min() == session.captures["first_seen"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_show_the_same_packets(engine, fabric):
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        pd.testing.assert_frame_equal(packets(session), fabric)
        pd.testing.assert_frame_equal(packets(session), fabric)  # as often as asked for


@pytest.mark.parametrize("engine", ENGINES)
def test_a_filter_on_packets_chooses_rows(engine, fabric):
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        found = packets(session, "vsid == 5001 && tcp.flags.syn == 1")
        assert 0 < len(found) < 200
        rows = fabric.set_index("number").loc[found["number"]].reset_index()
        assert found["info"].tolist() == rows["info"].tolist()
        assert found["flow"].tolist() == rows["flow"].tolist()
        assert set(found["vsid"]) == {5001}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_filter_that_needs_flows(engine, fabric):
    """Columns of the flow that a packet belongs to, known only when all was counted."""
    with nvgre_inspect.open(FABRIC, engine=engine) as session:
        flows = session.flows
        troubled = set(flows.loc[flows["retransmissions_fwd"] > 0, "flow"])
        found = packets(session, "retransmissions_fwd > 0")
        assert troubled
        assert found["number"].tolist() == fabric.loc[fabric["flow"].isin(troubled), "number"].tolist()
        one = packets(session, f"flow == {min(troubled)}")
        assert one["number"].tolist() == fabric.loc[fabric["flow"] == min(troubled), "number"].tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_frames_that_were_not_counted_are_not_there(engine, fabric):
    """-R: the others keep their numbers and times, and their flows are those of what was counted."""
    with nvgre_inspect.open(FABRIC, engine=engine, read_filter="vsid == 5002") as session:
        found = packets(session)
        expected = fabric[fabric["vsid"] == 5002]
        for column in ("number", "time", "info", "src_port", "length"):
            assert found[column].tolist() == expected[column].tolist()
        assert set(found["flow"]) == set(session.flows["flow"])
        assert packets(session, "frame.number < 1000")["number"].tolist() == [
            number for number in expected["number"] if number < 1000
        ]
        late = int(expected["number"].iloc[-1])
        assert session.frame(late).ts_ns == expected["time"].iloc[-1].value
        with pytest.raises(UsageError, match="no packet"):
            session.frame(int(fabric.loc[fabric["vsid"] == 5001, "number"].iloc[0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_relative_times_count_from_the_first_frame_of_the_input(engine):
    """Not from the first that was counted."""
    with nvgre_inspect.open(FABRIC, engine=engine, read_filter="frame.time_relative > 20") as session:
        numbers = packets(session)["number"].tolist()
        assert packets(session, "frame.time_relative > 20")["number"].tolist() == numbers
        assert 0 < len(numbers) < 2299


@needs_fifo
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"read_filter": "vsid == 5002"}, {"count": 700}], ids=["all", "-R", "-c"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_pipe_shows_what_the_file_does(engine, options, compress, tmp_path):
    with nvgre_inspect.open(FABRIC, engine=engine, **options) as session:
        expected, frame = packets(session), session.frame(int(packets(session)["number"].iloc[-1]))
        flows = session.flows
    with (
        pipe(tmp_path, compress(FABRIC.read_bytes())) as path,
        nvgre_inspect.open(path, engine=engine, **options) as session,
    ):
        assert session.frame(int(expected["number"].iloc[-1])).data == frame.data
        pd.testing.assert_frame_equal(session.flows, flows)
        pd.testing.assert_frame_equal(packets(session), expected)
        found = packets(session, "flow < 9")
        assert found["number"].tolist() == expected.loc[expected["flow"] < 9, "number"].tolist()


@needs_fifo
def test_a_pipe_of_which_nothing_is_kept(tmp_path):
    """Tables need no second reading; frames do."""
    with (
        pipe(tmp_path, FRAGMENTS.read_bytes()) as path,
        nvgre_inspect.open(path, spool=False) as session,
    ):
        assert len(session.flows) > 0
        with pytest.raises(CaptureError):
            list(session.packets())


@needs_fifo
def test_a_pipe_and_a_compressed_file_together(tmp_path):
    compressed = tmp_path / "fabric.pcapng.gz"
    compressed.write_bytes(gzip.compress(FABRIC.read_bytes()))
    with nvgre_inspect.open([FABRIC, FRAGMENTS]) as session:
        expected = packets(session)
    with (
        pipe(tmp_path, FRAGMENTS.read_bytes()) as path,
        nvgre_inspect.open([compressed, path], read_filter="frame.number > 0") as session,
    ):
        pd.testing.assert_frame_equal(packets(session), expected)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_frames_of_files_by_number(compress, tmp_path, fabric):
    """Before and after counting; a compressed file is read through again."""
    path = tmp_path / "fabric"
    path.write_bytes(compress(FABRIC.read_bytes()))
    with nvgre_inspect.open(path) as session:
        before = [session.frame(number) for number in (2299, 1, 500)]
        assert [frame.ts_ns for frame in before] == [fabric["time"][number - 1].value for number in (2299, 1, 500)]
        session.read()
        after = [session.frame(number) for number in (2299, 1, 500)]
        assert [frame.data for frame in after] == [frame.data for frame in before]
        assert len(packets(session)) == 2299
        assert "NVGRE" in session.dissect(500).tree() or "GRE" in session.dissect(500).tree()


@pytest.mark.parametrize("engine", ENGINES)
def test_several_files_by_time(engine):
    """Numbers and flows are those of the merged order; interfaces are rows of `captures`."""
    files = [SAMPLES / "ipv6-overlay.pcap", FABRIC, SAMPLES / "ipv6-underlay.pcap"]
    with nvgre_inspect.open(files, engine=engine) as session:
        found = packets(session)
        captures = session.captures
        assert found["number"].tolist() == list(range(1, captures["packets"].sum() + 1))
        assert found["time"].is_monotonic_increasing
        assert found.groupby("interface").size().tolist() == captures["packets"].tolist()
        assert [Path(name).name for name in captures["file"]] == [path.name for path in files]
        last = session.frame(len(found))
        assert (last.ts_ns, last.interface) == (found["time"].iloc[-1].value, found["interface"].iloc[-1])


PROGRAM = """
import sys
import nvgre_inspect
with nvgre_inspect.open("-", read_filter="vsid == 5001") as capture:
    rows = list(capture.packets("tcp.flags.syn == 1"))
    print(sum(map(len, rows)), rows[-1]["number"].iloc[-1], capture.frame(int(rows[-1]["number"].iloc[-1])).wirelen)
"""


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("redirected", [False, True], ids=["pipe", "file"])
def test_standard_input(compress, redirected, tmp_path):
    """A pipe, or a file that the shell opened, which can be read again."""
    (tmp_path / "in").write_bytes(compress(FABRIC.read_bytes()))
    (tmp_path / "-").write_bytes(b"a file of this name is not standard input")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM]
    with (tmp_path / "in").open("rb") as file:
        given = {"stdin": file} if redirected else {"input": file.read()}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, **given)
    with nvgre_inspect.open(FABRIC) as session:
        expected = packets(session, "vsid == 5001 && tcp.flags.syn == 1")
    assert done.stderr == b""
    assert done.stdout.decode().split()[:2] == [str(len(expected)), str(expected["number"].iloc[-1])]
