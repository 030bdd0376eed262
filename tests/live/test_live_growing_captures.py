"""`live -` and `live --follow`: captures that grow while they are read. Needs no rights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import nvgre_inspect
from tests.builders.namespaces import CHECKOUT, Namespace
from tests.live.running import Running

SAMPLE = CHECKOUT / "samples" / "overlapping-tenants.pcap"


@contextmanager
def reading(*words: str | Path) -> Iterator[Running]:
    command = [
        sys.executable,
        "-m",
        "nvgre_inspect",
        "live",
        "--headless",
        "--jsonl",
        "--interval",
        "0.1",
        *map(str, words),
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, cwd=CHECKOUT, text=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, **pipes
    ) as process:
        running = Running(process, Namespace("none"))
        try:
            yield running
        finally:
            process.kill()
            running.join()


def packets(lines: list[str]) -> int:
    """What all tenants have so far, by the last interval."""
    if not lines:
        return 0
    end = json.loads(lines[-1])["interval_end"]
    return sum(row["packets"] for row in map(json.loads, lines[-9:]) if row["interval_end"] == end)


@pytest.fixture(scope="module")
def parts() -> tuple[bytes, bytes, int]:
    """The sample in two, cut in the middle of a record, and its packets."""
    whole = SAMPLE.read_bytes()
    with nvgre_inspect.open(SAMPLE) as session:
        count = int(session.captures["packets"].sum())
    return whole[: len(whole) // 2], whole[len(whole) // 2 :], count


def test_a_pipe_is_shown_while_it_is_silent_and_to_its_end(parts):
    first, second, count = parts
    with reading("-") as running:
        stdin = running.process.stdin.buffer
        stdin.write(first)
        stdin.flush()
        running.wait_for(lambda lines: 0 < packets(lines) < count)
        stdin.write(second)
        stdin.close()
        assert running.join() == 0, running.words
        assert packets(running.lines) == count


def test_what_is_no_capture_is_said(tmp_path):
    with reading("-") as running:
        running.process.stdin.write("this is no capture, is it?\n" * 9)
        running.process.stdin.close()
        assert running.join() in (1, 3)
    assert "standard input" in running.words
    assert "Traceback" not in running.words


def test_a_file_is_followed_while_it_grows_and_when_it_is_replaced(parts, tmp_path):
    first, second, count = parts
    path = tmp_path / "grows.pcap"
    path.write_bytes(first)
    with reading("--follow", path) as running:
        running.wait_for(lambda lines: 0 < packets(lines) < count)
        with path.open("ab") as file:
            file.write(second)
        running.wait_for(lambda lines: packets(lines) == count)
        path.rename(tmp_path / "grows.pcap.1")
        path.write_bytes(first + second)
        running.wait_for(lambda lines: packets(lines) == 2 * count)
        assert running.end(signal.SIGTERM) == 0, running.words


@pytest.mark.parametrize("words", [["-w", "-"], ["--decap-to", "-"]])
def test_packets_on_standard_output_are_nothing_but_packets(tmp_path, words):
    command = [sys.executable, "-m", "nvgre_inspect", "live", "-", "--headless", "--vsid", "5001", *words]
    for silence in ([], ["-q"]):
        with SAMPLE.open("rb") as sample:
            done = subprocess.run([*command, *silence], cwd=CHECKOUT, stdin=sample, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        (tmp_path / "tenant").write_bytes(done.stdout)
        with nvgre_inspect.open(SAMPLE) as session, nvgre_inspect.open(tmp_path / "tenant") as written:
            tenant = session.tenants[session.tenants["vsid"] == 5001]
            assert written.tenants["packets"].tolist() == tenant["packets"].tolist()
            assert written.damage == []
        # Tables for people are on the other stream.
        assert (b"nvgre 5001" in done.stderr) is (silence == [])
