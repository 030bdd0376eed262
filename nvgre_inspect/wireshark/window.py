"""A Wireshark window on a capture that exists for it alone, with the profile of `wireshark install` if it is there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nvgre_inspect.wireshark import opened, profile
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError, TsharkMissingError, find, installed

#: Seconds in which a Wireshark that cannot work has ended.
_AT_ONCE_S = 0.5
_INSTEAD = "save the packets and open them elsewhere: nvgre-inspect decap, or s in the terminal UI"


class Window:
    """A file to write, and the window that will show it."""

    def __init__(self, wireshark: str, file: Path, options: Sequence[str] = ()) -> None:
        """`options` are words for Wireshark's command line."""
        self._wireshark = wireshark
        self._options = options
        #: Where the capture belongs.
        self.file = file
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether Wireshark has the file, which is removed when its window is closed."""
        return self._is_open

    def open(self) -> None:
        """Start Wireshark on the file, and do not wait for it. Raises TsharkError if it ends at once."""
        command = [sys.executable, "-I", str(opened.__file__), self._wireshark, str(self.file), *self._options]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise TsharkError(f"Wireshark cannot be started: {error.strerror}") from None
        self._is_open = True
        try:
            status = process.wait(_AT_ONCE_S)
        except subprocess.TimeoutExpired:
            return
        if status:
            raise TsharkError(f"Wireshark ended at once, with exit status {status}")


@contextmanager
def window(settings: Settings) -> Iterator[Window]:
    """A window to fill and to open; its file vanishes with it, or at the end of the block if it was not opened.

    Raises TsharkError where there is no Wireshark, or no display for it.
    """
    try:
        wireshark = find("wireshark", path=settings.path)
    except TsharkMissingError:
        raise TsharkMissingError(f"Wireshark is not installed here; {_INSTEAD}") from None
    if needs_display() and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise TsharkError(f"there is no display for Wireshark's window here; {_INSTEAD}")
    options = _profile(settings)
    folder = Path(tempfile.mkdtemp(prefix="nvgre-inspect-"))
    made = Window(wireshark, folder / "packets.pcapng", options)
    try:
        yield made
    finally:
        if not made.is_open:
            made.file.unlink(missing_ok=True)
            folder.rmdir()


def _profile(settings: Settings) -> list[str]:
    """The option for the profile of `wireshark install`, if it is there: Wireshark complains about one that is not."""
    try:
        at = profile.folders(tshark=installed(settings.path))
    except TsharkError:
        at = profile.folders()
    return ["-C", profile.NAME] if profile.is_installed(at) else []


def needs_display() -> bool:
    """Whether windows of this platform go to an X or Wayland server."""
    return sys.platform not in ("win32", "darwin")
