"""`live`: what cannot be is refused in one sentence before anything is opened; what was opened is closed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.live import kept, recording
from nvgre_inspect.engine import warm
from nvgre_inspect.kernels import compiled
from tests.builders.warm import warm_up

#: A live capture in which no kernel can be loaded any more once all were: rights, and root's folders, are gone then.
WITHOUT_RIGHTS = """
import sys
from numba.core import caching
from nvgre_inspect.cli import live_kernels
from nvgre_inspect.cli.main import main
live_kernels.load_all()
def refuse(*_):
    raise RuntimeError("a folder of root's")
caching.FunctionCache.__init__ = caching.FunctionCache.load_overload = caching.FunctionCache.save_overload = refuse
sys.exit(main(sys.argv[1:]))
"""
ELSEWHERE = (["-"], ["--follow", "grows.pcap"])


def refused(run, *words):
    result = run("live", "--headless", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    return result.err


def test_a_recording_is_finished_where_frames_cannot_be_kept(run, overlapping, monkeypatch, tmp_path):
    warm_up()
    closed = []

    class Watched(recording.Recorder):
        def close(self):
            super().close()
            closed.append(self.path)

    def refuse(*_):
        raise CaptureError("no room to keep anything")

    monkeypatch.setattr(recording, "Recorder", Watched)
    monkeypatch.setattr(kept, "KeptFrames", refuse)
    result = run("live", "--headless", "--follow", overlapping, "-w", tmp_path / "all.pcapng")
    assert (result.code, result.err) == (1, "nvgre-inspect: no room to keep anything\n")
    assert closed == [tmp_path / "all.pcapng"]


def test_all_kernels_are_loaded_before_rights_are_given_up(sample, tmp_path):
    warm_up()
    # pcapng is walked by the kernel that reads kept frames again.
    words = ["live", "--headless", "--follow", sample("fabric.pcapng"), "-c", "2299", "--max-flows", "100"]
    written = ["-w", tmp_path / "all.pcapng", "-o", tmp_path / "flows.csv"]
    command = [sys.executable, "-c", WITHOUT_RIGHTS, *map(str, [*words, *written])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "nvgre 5001" in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only packet sockets can be tried out")
def test_a_wrong_name_is_said_before_anything_is_compiled(run, monkeypatch):
    monkeypatch.setattr(compiled, "is_warm", lambda *_: False)
    monkeypatch.setattr(warm, "compile_all", lambda: pytest.fail("compiled in vain"))
    result = run("live", "--headless", "-i", "nosuch0")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("nvgre-inspect: no interface 'nosuch0'; ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("source", ELSEWHERE)
@pytest.mark.parametrize("words", [["-f", "tcp"], ["--tunnels-only"], ["--only-vsid", "5001"]])
def test_capture_filters_are_for_interfaces(run, source, words):
    sentence = f"{words[0]} is a filter of interfaces; what comes from elsewhere is narrowed by --vsid and -Y"
    assert sentence in refused(run, *source, *words)


@pytest.mark.parametrize("source", ELSEWHERE)
@pytest.mark.parametrize(
    "words", [["-s", "0"], ["-s", "96"], ["-p"], ["-B", "128"], ["--immediate-mode"], ["-j", "host"]]
)
def test_how_to_capture_is_for_interfaces(run, source, words):
    assert f"{words[0]} says how interfaces are captured from (-i)" in refused(run, *source, *words)


def test_a_name_alone_is_asked_what_it_is_of(run):
    assert "'eth0' is not standard input; -i eth0 captures from an interface, --follow eth0 reads a file" in refused(
        run, "eth0"
    )


def test_the_size_of_a_recording_needs_a_recording(run):
    assert "-a filesize: is the size of a recording: -w FILE names it" in refused(run, "-", "-a", "filesize:1MB")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-w", "-", "--vsid", "1", "--decap-to", "-"], "would both write to standard output"),
        (["-w", "-", "--csv"], "packets go to standard output, where --csv would write rows"),
        (
            ["--vsid", "1", "--decap-to", "-", "--jsonl"],
            "packets go to standard output, where --jsonl would write rows",
        ),
        (["-w", "-", "-b", "filesize:1MB"], "-b goes on in the next file, of which standard output (-w -) has none"),
    ],
)
def test_standard_output_is_for_one_thing(run, words, sentence):
    assert sentence in refused(run, "-i", "x0", *words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["-i", "x0", "-o", "flows.parquet"],
            "flows.parquet: parquet is not written while capturing; csv and jsonl are",
        ),
        (["-i", "x0", "-o", "flows.XLSX"], "flows.XLSX: xlsx is not written while capturing"),
        (["-i", "x0", "-w", "all", "-o", "./all", "--force"], "-w and -o name the same file"),
        (["--follow", "all", "-o", "all", "--force"], "--follow and -o name the same file"),
    ],
)
def test_where_flows_cannot_be_written(run, words, sentence):
    assert sentence in refused(run, *words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-B", "0"], "argument -B: '0' is not a number of MiB"),
        (["-B", "1.5"], "argument -B: '1.5' is not a number of MiB"),
        (["-s", "-1"], "argument -s: '-1' is not a number of bytes"),
        (["--idle-timeout", "nan"], "argument --idle-timeout: 'nan' is not a number of seconds"),
        (["--idle-timeout", "-1"], "argument --idle-timeout: '-1' is not a number of seconds"),
        (["--only-vsid", "4294967296"], "argument --only-vsid: '4294967296' is not a VSID"),
        (["--max-flows", "9"], "'9' is not a number of flows from 100 on"),
        (["--interval", "0"], "'0' is not a number of seconds from 0.1 on"),
    ],
)
def test_values_that_cannot_be(run, words, sentence):
    assert sentence in refused(run, "-i", "x0", *words)
