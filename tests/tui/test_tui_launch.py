"""From the command line: when the terminal UI opens, what is passed on to it, and what is said when it is left."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from nvgre_inspect import tui
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.cli.main import main
from nvgre_inspect.session import UsageError
from nvgre_inspect.tui import terminal
from nvgre_inspect.tui.loading import Outcome
from tests.tui.shown import SAMPLES

FABRIC = str(SAMPLES / "fabric.pcapng")


@pytest.fixture
def somebody_looks(monkeypatch):
    monkeypatch.setattr(terminal, "is_there", lambda files: True)


@pytest.fixture
def opened(monkeypatch, somebody_looks):
    """What the app was opened with; its outcome is `opened.outcome`."""
    seen = SimpleNamespace(outcome=Outcome(None), return_code=0, calls=[])

    def run_app(files, options, settings):
        seen.calls.append((files, options, settings))
        return SimpleNamespace(outcome=seen.outcome, return_code=seen.return_code)

    monkeypatch.setattr(tui, "run_app", run_app)
    return seen


def test_options_go_through(opened, capsys):
    words = ["-R", "tcp", "-c", "5", "-d", "udp.port==1,vxlan", "--gre-key", "key32", "--interface", "0"]
    assert main([FABRIC, *words, "--idle-timeout", "7", "-t", "e", "--theme", "light", "--no-mouse"]) == 0
    ((files, options, settings),) = opened.calls
    assert files == [FABRIC]
    assert (options.read_filter, options.count, options.decode_as) == ("tcp", 5, ["udp.port==1,vxlan"])
    assert (options.gre_key, options.interface, options.idle_timeout) == ("key32", "0", 7.0)
    assert options.spool, "packets of a pipe are looked at again"
    assert (settings.options.time, settings.tui.theme, settings.tui.mouse) == ("e", "light", False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("flag", ["--plain", "--no-tui"])
def test_plain_is_the_summary(opened, capsys, flag):
    assert main([FABRIC, flag]) == 0
    assert opened.calls == []
    assert "Tenants" in capsys.readouterr().out


def test_where_nobody_looks_it_is_the_summary(monkeypatch, capsys):
    monkeypatch.setattr(tui, "run_app", None)
    assert main([FABRIC]) == 0
    assert "Tenants" in capsys.readouterr().out


def test_damage_is_said_again_and_is_the_exit_code(opened, capsys):
    opened.outcome = Outcome(None, damage=("x.pcap ends early\x1b[31m",), notes=("a note",))
    assert main([FABRIC]) == 3
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["a note", r"x.pcap ends early\x1b[31m"]
    assert main([FABRIC, "-q"]) == 3
    assert capsys.readouterr().err.splitlines() == [r"x.pcap ends early\x1b[31m"]


@pytest.mark.parametrize(
    ("error", "code"), [(CaptureError("x: gone"), 1), (UsageError("no such interface"), 2), (OSError(5, "I/O"), 1)]
)
def test_an_error_while_reading_is_the_exit_code(opened, capsys, error, code):
    opened.outcome = Outcome(None, error=error)
    assert main([FABRIC]) == code
    assert capsys.readouterr().err.startswith("nvgre-inspect: ")


def test_reading_that_was_cancelled_is_the_exit_code(opened, capsys):
    opened.outcome = Outcome(None, cancelled=True, damage=("x.pcap ends early",))
    assert main([FABRIC]) == 130
    assert capsys.readouterr().err == "x.pcap ends early\n"


def test_left_before_the_end_nothing_is_wrong(opened, capsys):
    opened.outcome = None
    assert main([FABRIC]) == 0
    opened.return_code = 1
    assert main([FABRIC]) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["no-such-file.pcap"], 1, "no-such-file.pcap: no such file"),
        ([str(SAMPLES / "README.md")], 1, "is not a capture"),
        ([FABRIC, "-R", "tcp &&"], 2, "-R"),
        (["-", "-"], 2, "can be read only once"),
    ],
)
def test_what_cannot_be_opened_is_one_line_before_anything_is_drawn(
    somebody_looks, monkeypatch, capsys, words, code, sentence
):
    monkeypatch.setattr("nvgre_inspect.tui.loading.Loader.start", lambda self: pytest.fail("nothing is to be read"))
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err
    if sentence != "-R":
        assert sentence in captured.err
        assert len(captured.err.splitlines()) == 1


class Stream:
    def __init__(self, is_terminal):
        self.isatty = lambda: is_terminal


@pytest.mark.parametrize(
    ("stdin", "stdout", "stderr", "files", "there"),
    [
        (True, True, True, ["x.pcap"], True),
        (True, False, True, ["x.pcap"], False),
        (True, True, False, ["x.pcap"], False),
        (False, True, True, ["x.pcap"], False),
        (False, True, True, ["-"], True),
        (False, False, True, ["-"], False),
    ],
)
def test_somebody_looks_where_all_streams_are_the_terminal(monkeypatch, stdin, stdout, stderr, files, there):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "_can_open", lambda: True)
    for name, is_terminal in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
        monkeypatch.setattr(sys, name, Stream(is_terminal))
    assert terminal.is_there(files) is there
    if there:
        monkeypatch.setattr(terminal, "_can_open", lambda: False)
        assert terminal.is_there(files) is (files != ["-"]), "keys have to come from somewhere"
        monkeypatch.setenv("TERM", "dumb")
        assert not terminal.is_there(files)
