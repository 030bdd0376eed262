"""Copying text: OSC 52, else the system's clipboard, else a file; a sentence says which.

OSC 52 asks the terminal to take the text, which works over SSH, but no terminal answers. So it is not relied on where
the terminal is known to ignore it, and where the session is local, the system's clipboard gets the text as well. tmux
keeps OSC 52 to itself by default, but passes on what is loaded into its buffer. Nothing here blocks Textual's thread.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import App

from nvgre_inspect.display.text import counted
from nvgre_inspect.tui import state_files

FILE = "copied.txt"
#: Bytes of text that every terminal with OSC 52 takes: 100,000 of base64 in xterm's sequence, 74,994 in others'.
_OSC52_BYTES = 74_994 // 4 * 3
#: Terminals without OSC 52, by TERM.
_WITHOUT_OSC52 = ("dumb", "linux", "vt100", "vt220", "ansi")
#: What a tool may take, in seconds.
_PATIENCE = 3.0


def takes_osc52(text: str, environ: Mapping[str, str]) -> bool:
    """Whether the terminal may be expected to take that text by OSC 52."""
    term = environ.get("TERM", "")
    if term in _WITHOUT_OSC52 or environ.get("TERM_PROGRAM") == "Apple_Terminal" or environ.get("VTE_VERSION"):
        return False
    if environ.get("TMUX"):
        return False
    return len(text.encode("utf-8", "replace")) <= _OSC52_BYTES


def tools(environ: Mapping[str, str], platform: str = sys.platform) -> list[tuple[str, ...]]:
    """Commands that take the text on their standard input, those that fit this session, the best first."""
    found: list[tuple[str, ...]] = []
    if environ.get("TMUX"):
        found.append(("tmux", "load-buffer", "-w", "-"))
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return found  # the clipboard of the machine over there is nobody's
    if environ.get("WAYLAND_DISPLAY"):
        found.append(("wl-copy",))
    if environ.get("DISPLAY"):
        found.append(("xclip", "-selection", "clipboard"))
    if platform == "darwin":
        found.append(("pbcopy",))
    if platform == "win32" or environ.get("WSL_DISTRO_NAME"):
        found.append(("clip.exe",))
    return found


def by_tool(
    text: str, commands: Sequence[Sequence[str]], which: Callable[[str], str | None] = shutil.which
) -> str | None:
    """The name of the first command that took the text; None if none did. Blocks, for some seconds at most each."""
    for name, *arguments in commands:
        path = which(name)
        if path is None:
            continue
        # clip.exe takes bytes for the console's code page unless they begin with a byte order mark.
        data = text.encode("utf-16" if name == "clip.exe" else "utf-8", "replace")
        try:
            # Nothing is captured: what stays behind to serve the clipboard would keep a pipe open.
            done = subprocess.run(
                [path, *arguments],
                input=data,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return name
    return None


async def copy(app: App[Any], text: str, *, environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> str:
    """Copy `text`; a sentence for the status line says how, or why not."""
    ways = []
    if takes_osc52(text, environ):
        app.copy_to_clipboard(text)
        ways.append("OSC 52")
    tool = await asyncio.to_thread(by_tool, text, tools(environ))
    if tool is not None:
        ways.append(tool)
    if not ways:
        path = (folder or state_files.folder()) / FILE
        try:
            await asyncio.to_thread(state_files.write, path, text)
        except (OSError, UnicodeError) as error:
            return f"not copied: no clipboard is known here, and {path} cannot be written: {state_files.why(error)}"
        ways.append(f"a file, since no clipboard is known here: {path}")
    return f"copied {counted(len(text), 'character')} by {' and '.join(ways)}"
