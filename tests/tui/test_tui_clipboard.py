"""Copying: which way is taken in which session, and what is said."""

import base64
import sys

import pytest
from textual.app import App

from nvgre_inspect.tui import clipboard
from nvgre_inspect.tui.clipboard import by_tool, copy, takes_osc52, tools

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "takes"),
    [
        (XTERM, True),
        ({}, True),
        ({"TERM": "linux"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, False),
        ({"TERM": "tmux-256color", "TMUX": "x,1,0"}, False),
    ],
)
def test_terminals_that_take_osc52(environ, takes):
    assert takes_osc52("text", environ) is takes


def test_osc52_has_a_limit_in_bytes():
    assert takes_osc52("x" * 56_000, XTERM)
    assert not takes_osc52("x" * 57_000, XTERM)
    assert not takes_osc52("€" * 20_000, XTERM)


@pytest.mark.parametrize(
    ("environ", "platform", "names"),
    [
        ({}, "linux", []),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux", ["wl-copy", "xclip"]),
        ({"DISPLAY": "localhost:10", "SSH_CONNECTION": "a b c d"}, "linux", []),
        ({"TMUX": "x", "SSH_TTY": "y"}, "linux", ["tmux"]),
        ({"TMUX": "x", "DISPLAY": ":0"}, "linux", ["tmux", "xclip"]),
        ({}, "darwin", ["pbcopy"]),
        ({}, "win32", ["clip.exe"]),
        ({"WSL_DISTRO_NAME": "Debian"}, "linux", ["clip.exe"]),
    ],
)
def test_tools_that_fit_the_session(environ, platform, names):
    assert [command[0] for command in tools(environ, platform)] == names


def command(tmp_path, name, body):
    """A tool of that name, as a Python program behind a path."""
    path = tmp_path / name
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def finds(tmp_path):
    if sys.platform == "win32":
        pytest.skip("needs executable scripts")
    return lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None


def test_the_first_tool_that_takes_it(tmp_path, finds):
    target = tmp_path / "taken"
    command(tmp_path, "fails", "sys.exit(1)")
    command(tmp_path, "takes", f"pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())")
    (tmp_path / "broken").write_text("no program")
    assert by_tool("a €", [("missing",), ("broken",), ("fails",), ("takes", "-x")], finds) == "takes"
    assert target.read_bytes() == "a €".encode()
    assert by_tool("a", [("missing",), ("fails",)], finds) is None


def test_windows_gets_the_encoding_it_knows(tmp_path, finds):
    target = tmp_path / "taken"
    command(tmp_path, "clip.exe", f"pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())")
    assert by_tool("ü", [("clip.exe",)], finds) == "clip.exe"
    assert target.read_bytes().decode("utf-16") == "ü"


def test_a_tool_that_hangs_is_not_waited_for(tmp_path, finds, monkeypatch):
    monkeypatch.setattr(clipboard, "_PATIENCE", 0.1)
    command(tmp_path, "hangs", "import signal; signal.pause()")
    assert by_tool("a", [("hangs",)], finds) is None


@pytest.mark.asyncio
async def test_osc52(monkeypatch, state_folder):
    app = App()
    async with app.run_test():
        written = []
        monkeypatch.setattr(app._driver, "write", written.append)
        assert await copy(app, "vsid == 5001 ü", environ=XTERM | {"SSH_TTY": "x"}) == "copied 14 characters by OSC 52"
    assert written == ["\x1b]52;c;" + base64.b64encode("vsid == 5001 ü".encode()).decode() + "\a"]
    assert not state_folder.exists()


@pytest.mark.asyncio
async def test_both_where_the_session_is_local(monkeypatch):
    monkeypatch.setattr(clipboard, "by_tool", lambda text, commands: commands[0][0])
    app = App()
    async with app.run_test():
        environ = {**XTERM, "DISPLAY": ":0"}
        assert await copy(app, "x", environ=environ) in (
            "copied 1 character by OSC 52 and xclip",
            "copied 1 character by OSC 52 and pbcopy",
        )


@pytest.mark.asyncio
async def test_a_file_where_there_is_nothing_else(state_folder):
    app = App()
    environ = {"TERM": "linux", "SSH_TTY": "x"}
    async with app.run_test():
        said = await copy(app, "10.0.0.1", environ=environ)
        path = state_folder / "copied.txt"
        assert said == f"copied 8 characters by a file, since no clipboard is known here: {path}"
        assert path.read_text() == "10.0.0.1"
        path.unlink()
        state_folder.rmdir()
        state_folder.write_text("")
        said = await copy(app, "10.0.0.1", environ=environ)
        assert said.startswith(f"not copied: no clipboard is known here, and {path} cannot be written: ")
