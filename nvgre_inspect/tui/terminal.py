"""The terminal itself: whether there is one to draw on, and keys from it where standard input is a capture."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

_TERMINAL = "/dev/tty"


def is_there(files: Sequence[str]) -> bool:
    """Whether somebody sits at a terminal that can be drawn on, and whose keys can be read beside these inputs.

    Textual draws on standard error, so all three streams have to be the terminal; but for standard input, if it is one
    of the inputs and the terminal can be opened by its name (not so on Windows).
    """
    if os.environ.get("TERM") == "dumb":
        return False
    streams = [sys.stdout, sys.stderr, *([] if "-" in files else [sys.stdin])]
    return all(stream.isatty() for stream in streams) and ("-" not in files or _can_open())


def _can_open() -> bool:
    with suppress(OSError):
        os.close(os.open(_TERMINAL, os.O_RDWR))
        return True
    return False


def take_keys() -> None:
    """From now on standard input is the terminal. Whoever reads the capture has a handle of its own. OSError if the
    terminal cannot be opened.
    """
    terminal = os.open(_TERMINAL, os.O_RDWR)
    os.dup2(terminal, 0)
    os.close(terminal)
