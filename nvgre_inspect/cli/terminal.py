"""What is known of the terminal: its width, its colours, its characters."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

#: SGR parameters by meaning. The sixteen basic colours follow the user's own theme, light or dark.
STYLES = {
    "heading": "1",
    "title": "1;36",
    "dim": "2",
    "note": "33",
    "bad": "31",
    "good": "32",
    "accent": "36",
}


def width(stream: TextIO) -> int | None:
    """Columns of the terminal behind `stream`; None where it is no terminal, and nothing is to be cut."""
    if not is_terminal(stream):
        return None
    return max(shutil.get_terminal_size().columns, 40)


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody looks at `stream` directly."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


class Paint:
    """Puts SGR sequences around text, or leaves it alone."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    @classmethod
    def choose(cls, color: str, stream: TextIO) -> Paint:
        """For `--color`: `auto` on a terminal, unless it is dumb or NO_COLOR is set (and not empty)."""
        if color == "auto":
            plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
            return cls(enabled=is_terminal(stream) and not plain)
        return cls(enabled=color == "always")

    def __call__(self, text: str, style: str | None) -> str:
        """`text` in `style`: a name of STYLES, or SGR parameters; None: as it is."""
        if not self.enabled or style is None or not text:
            return text
        return f"\x1b[{STYLES.get(style, style)}m{text}\x1b[0m"


def prepare_streams() -> None:
    """No character may end a command with an encoding error: what cannot be shown becomes `\\uNNNN`.

    Streams that were closed by whoever started the command (`>&-`) lead nowhere.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 (open as long as the process)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
