"""Pipes, files and signals: standard input, closed pipes, outputs that are whole or not there, Ctrl-C."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nvgre_inspect.cli import progress
from nvgre_inspect.session import Session

COMMAND = [sys.executable, "-m", "nvgre_inspect"]


def piped(words, **streams):
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, timeout=120, check=False, **streams)


def test_standard_input(overlapping):
    whole = piped(["tenants", overlapping, "--csv", "--fields", "vsid,packets"])
    result = piped(["tenants", "-", "--csv", "--fields", "vsid,packets"], input=overlapping.read_bytes())
    assert (result.returncode, result.stdout) == (0, whole.stdout)
    assert result.stdout.startswith(b"vsid,packets\n5001,")


def test_standard_input_that_is_no_capture():
    result = piped(["tenants", "-"], input=b"hello\n")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="pipes of a POSIX system")
@pytest.mark.parametrize("words", [["packets"], ["packets", "--csv"], ["packets", "--json"], []])
def test_a_closed_pipe_ends_quietly(overlapping, words):
    reading, writing = os.pipe()
    os.close(reading)
    with contextlib.closing(os.fdopen(writing, "wb")) as pipe:
        result = subprocess.run(
            [*COMMAND, *words, str(overlapping)], stdout=pipe, stderr=subprocess.PIPE, timeout=120, check=False
        )
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize(
    "words", [["--help"], ["man"], ["SAMPLE"], ["packets", "SAMPLE"], ["flows", "SAMPLE", "--csv"]]
)
def test_a_full_disk_behind_standard_output(overlapping, words):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [*COMMAND, *(str(overlapping) if word == "SAMPLE" else word for word in words)]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, timeout=120, check=False)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert b"standard output cannot be written" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="file descriptors of a POSIX system")
@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [(">&-", ["flows", "SAMPLE"], 0), (">&-", ["flows", "SAMPLE", "--csv"], 0), ("<&-", ["flows", "-"], 1)],
)
def test_closed_streams_lead_nowhere(overlapping, closed, words, code):
    line = shlex.join([*COMMAND, *(str(overlapping) if word == "SAMPLE" else word for word in words)])
    result = subprocess.run(f"{line} {closed}", shell=True, capture_output=True, timeout=120, check=False)
    assert result.returncode == code
    assert result.stderr.count(b"\n") == code
    assert b"Traceback" not in result.stderr


def test_a_folder_of_reports_in_the_place_of_a_file(run, overlapping, tmp_path):
    (tmp_path / "file").touch()
    for target in (tmp_path / "file", tmp_path / "file" / "reports"):
        result = run("export", overlapping, "-o", target)
        assert (result.code, result.out) == (1, "")
        assert f"{tmp_path / 'file'} is a file, not a folder" in result.err


def test_a_narrow_encoding_is_no_error(overlapping, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[names.vsid]\n5001 = "Zürich"\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = piped(["tenants", overlapping, "--config", config], env=environment)
    assert result.returncode == 0
    assert rb"nvgre 5001 (Z\xfcrich)" in result.stdout


def test_an_existing_file_needs_force(run, overlapping, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("precious\n")
    result = run("tenants", overlapping, "-o", path)
    assert (result.code, path.read_text()) == (1, "precious\n")
    assert "--force" in result.err
    assert run("tenants", overlapping, "-o", path, "--force").code == 0
    assert path.read_text().startswith("encap,vsid,")


def test_an_input_is_never_overwritten(run, overlapping, tmp_path):
    path = tmp_path / "input.pcap"
    path.write_bytes(overlapping.read_bytes())
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    for target in (path, link):
        result = run("tenants", path, "--csv", "-o", target, "--force")
        assert result.code == 1
        assert "input" in result.err
    assert path.read_bytes() == overlapping.read_bytes()


def test_a_failed_command_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam,\n")
    target = tmp_path / "out.csv"
    assert run("tenants", tmp_path / "letter.txt", "-o", target).code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt"]


def test_an_output_that_cannot_be_made(run, overlapping, tmp_path):
    result = run("tenants", overlapping, "-o", tmp_path / "no" / "such" / "folder.csv")
    assert (result.code, result.out) == (1, "")
    assert "folder.csv" in result.err


def test_text_to_a_file_has_no_colours_and_no_limits(run, overlapping, tmp_path):
    path = tmp_path / "flows.txt"
    assert run("flows", overlapping, "-o", path).code == 0
    assert "\x1b" not in path.read_text()
    assert "first seen" in path.read_text()


def test_dash_is_standard_output(run, overlapping):
    assert run("tenants", overlapping, "--csv", "-o", "-").out == run("tenants", overlapping, "--csv").out


def test_interrupted(run, overlapping, tmp_path, monkeypatch):
    def interrupted(_session):
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "read", interrupted)
    result = run("tenants", overlapping, "-o", tmp_path / "out.csv")
    assert (result.code, result.out, result.err) == (130, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals and FIFOs of a POSIX system")
def test_interrupted_while_waiting_for_input(tmp_path):
    fifo = tmp_path / "input"
    os.mkfifo(fifo)
    command = [*COMMAND, "tenants", str(fifo)]
    # Opening the writing end waits until the command has opened the other one: it is at work then.
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child,
        fifo.open("wb", buffering=0),
    ):
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, b"", b"")


def test_progress_is_for_terminals_only(run, overlapping, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    assert run("tenants", overlapping).err == ""
