"""`live --headless` on a veth pair, over which scenarios are replayed: what it says is the generator's truth."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nvgre_inspect
from nvgre_inspect.model.columns import FLOWS
from nvgre_inspect.model.live_columns import INTERVAL_TABLES
from tests.builders.namespaces import CHECKOUT, VethPair
from tests.builders.played import Played, play
from tests.live.running import PATIENCE_SECONDS, live

#: What depends on when a packet was sent, or captured.
TIMES = {"first_seen", "last_seen", "duration_s", "handshake_rtt_ms"}
SIDES = ("fwd", "rev")
#: TCP words that depend on how far apart segments are.
PACED = {"retransmissions", "out_of_order", "duplicates", "lost_segments", "duplicate_acks", "state"}


def replay(pair: VethPair, capture: Path, *words: str) -> None:
    command = [sys.executable, "-m", "nvgre_inspect", "replay", str(capture), "-i", pair.near, "--as-is", *words]
    done = subprocess.run(
        pair.namespace.command(*command), cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr


def captured(pair: VethPair, capture: Path, packets: int, tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    """The flows of the capture, replayed and captured live, in order of appearance."""
    flows = tmp_path / "flows.jsonl"
    with live(pair.namespace, "-i", pair.far, "-o", flows) as running:
        running.wait_for_capture()
        replay(pair, capture, *words)
        running.received(packets)
        assert running.end() == 0, running.words
        last = running.rows()[-1]
    assert last["received"] == packets
    assert last["dropped_kernel"] == 0
    assert "dropped by kernel 0" in running.words
    return [json.loads(line) for line in flows.read_text().splitlines()]


def without(rows: list[dict[str, Any]], columns: set[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


def one_point(scenario: Played, point: str, folder: Path) -> Path:
    """The frames of one observation point."""
    path = folder / "point.pcapng"
    with nvgre_inspect.open(scenario.capture) as session:
        names = session.captures["name"].tolist()
        frames = [i + 1 for i, at in enumerate(_interfaces(session)) if names[at] == point]
        session.save_packets(frames, path)
    return path


def _interfaces(session: Any) -> list[int]:
    return [int(at) for one in session.frames(inner=None) for at in one.batch.interface]


def sent_again(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Retransmissions and segments out of order as one number: which of them it is goes by 3 ms, which a machine that
    is busy with other tests does not keep.
    """
    return [
        {**row, **{f"again_{side}": row[f"retransmissions_{side}"] + row[f"out_of_order_{side}"] for side in SIDES}}
        for row in rows
    ]


@pytest.mark.parametrize("name", ["fault-loss", "healthy-request-response"])
def test_the_tables_equal_the_truth(veth_pair, tmp_path, name):
    scenario = play(name, tmp_path)
    point, true = next((point, true) for point, true in scenario.truth["points"].items() if "uplink" in point)
    capture = one_point(scenario, point, tmp_path)
    found = captured(veth_pair, capture, true["packets"], tmp_path)
    parts = {f"{word}_{side}" for word in ("retransmissions", "out_of_order") for side in SIDES}
    assert without(sent_again(found), TIMES | parts) == without(sent_again(true["flows"]), TIMES | parts)


def test_nothing_is_lost_at_20000_packets_a_second(veth_pair, tmp_path):
    scenario = play("healthy-bulk", tmp_path)
    point, true = next((point, true) for point, true in scenario.truth["points"].items() if "uplink" in point)
    capture = one_point(scenario, point, tmp_path)
    found = captured(veth_pair, capture, true["packets"], tmp_path, "--pps", "20000")
    paced = {f"{word}_{side}" for word in PACED for side in SIDES} | PACED
    assert without(found, TIMES | paced) == without(true["flows"], TIMES | paced)


def test_ctrl_c_ends_it_as_sigterm_does_and_the_exit_code_says_so(veth_pair):
    with live(veth_pair.namespace, "-i", veth_pair.far) as running:
        running.wait_for_capture()
        veth_pair.send([bytes(60)])
        running.received(1)
        assert running.end(signal.SIGINT) == 130
        assert running.rows()[-1]["interval_end"] > running.rows()[-1]["interval_start"]


def test_the_last_interval_is_written_when_it_is_ended_early(veth_pair):
    with live(veth_pair.namespace, "-i", veth_pair.far, "-c", "3", interval=3600) as running:
        running.wait_for_capture()
        veth_pair.send([bytes(60)] * 3)
        assert running.join() == 0, running.words
        (row,) = running.rows()
    assert row["interval_packets"] == 3
    assert list(row) == INTERVAL_TABLES["tenants"].names


def test_vsid_and_filter_narrow_what_is_kept_and_recorded(veth_pair, tmp_path):
    recording = tmp_path / "tenant.pcapng"
    sample = CHECKOUT / "samples" / "overlapping-tenants.pcap"
    with nvgre_inspect.open(sample) as session:
        expected = [one["packets"] for one in session.tenants.to_dict("records") if one["vsid"] == 5001]
        packets = int(session.captures["packets"].sum())
    with live(veth_pair.namespace, "-i", veth_pair.far, "--vsid", "5001", "-w", recording) as running:
        running.wait_for_capture()
        replay(veth_pair, sample, "--pps", "5000")
        running.wait_for(lambda lines: bool(lines) and json.loads(lines[-1])["received"] >= packets)
        assert running.end() == 0
        (row,) = [row for row in running.rows() if row["vsid"] == 5001][-1:]
    assert [row["packets"]] == expected
    with nvgre_inspect.open(recording) as session:
        assert session.tenants["vsid"].tolist() == [5001]
        assert session.tenants["packets"].tolist() == expected


def test_flows_that_left_are_in_the_file_of_flows(veth_pair, tmp_path):
    flows = tmp_path / "flows.csv"
    frames = [_udp(port) for port in range(1000, 4000)]
    with live(
        veth_pair.namespace, "-i", veth_pair.far, "--max-flows", "500", "-o", flows, "--table", "flows"
    ) as running:
        running.wait_for_capture()
        veth_pair.send(frames)
        running.wait_for(lambda lines: bool(lines) and json.loads(lines[-1])["received"] >= len(frames))
        assert running.end() == 0, running.words
    header, *rows = flows.read_text().splitlines()
    assert header == ",".join(FLOWS.names)
    assert sorted(int(row.split(",")[FLOWS.names.index("src_port")]) for row in rows) == list(range(1000, 4000))


def _udp(port: int) -> bytes:
    """A frame of UDP over IPv4 from that port."""
    ip = bytes.fromhex("4500001c00010000401100000a0000010a000002")
    return bytes(12) + b"\x08\x00" + ip + port.to_bytes(2, "big") + b"\x00\x35\x00\x08\x00\x00" + bytes(18)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "from where?"),
        (["-i", "x0", "-"], "are different sources"),
        (["-", "-f", "tcp"], "-f is a filter of interfaces"),
        (["-", "-b", "files:3"], "-b files: says how many files stay"),
        (["-", "-b", "filesize:1"], "-w FILE names it"),
        (["-", "-a", "hours:3"], "-a hours:3: not a limit"),
        (["-", "--decap-to", "tap9"], "--vsid says which"),
        (["-", "-o", "-"], "-o writes flows to a file"),
        (["-", "-Y", "vsid ="], "^"),
        (["-", "--vsid", "x"], "'x' is not a VSID"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened(words, sentence):
    command = [sys.executable, "-m", "nvgre_inspect", "live", "--headless", *words]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
