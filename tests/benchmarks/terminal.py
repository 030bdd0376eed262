"""A program in a terminal (a pty), typed at and watched from outside: what a user waits for, measured."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_ESCAPES = re.compile(
    rb"\x1b(\[[0-9;:?<>=]*[A-Za-z~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[()][A-Z0-9]|[=>78])"
)
#: A repaint has ended when nothing was written for so long.
_SILENCE = 0.08
_CHUNK = 1 << 16


class Terminal:
    """One program in a terminal of its own. A context manager: in the end the program is killed."""

    def __init__(self, command: Sequence[str], columns: int = 160, rows: int = 48) -> None:
        self._began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LINES=str(rows), COLUMNS=str(columns))
            os.execvp(command[0], command)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._seen = b""

    @property
    def age(self) -> float:
        """Seconds since the program was started."""
        return time.perf_counter() - self._began

    def wait_for(self, text: str, seconds: float = 60.0) -> float:
        """Seconds until this is written from now on. TimeoutError if it is not."""
        began = time.perf_counter()
        wanted = text.encode()
        written = self._seen
        while wanted not in _ESCAPES.sub(b"", written):
            left = seconds - (time.perf_counter() - began)
            if left <= 0:
                raise TimeoutError(f"{text!r} is not on the screen after {seconds} s")
            written += self._read(left)
        self._seen = b""
        return time.perf_counter() - began

    def press(self, keys: str, seconds: float = 5.0) -> float:
        """Seconds from these keys to the last byte of the repaint that they cause; 0 if they cause none."""
        self.settle()
        began = last = time.perf_counter()
        os.write(self._fd, keys.encode())
        while (now := time.perf_counter()) - began < seconds:
            # A key may be answered late, but a repaint is written in one go.
            data = self._read(_SILENCE if last > began else seconds - (now - began))
            if not data:
                break
            self._seen += data
            last = time.perf_counter()
        return last - began

    def type(self, keys: str) -> None:
        """Press keys without waiting."""
        self.settle()
        os.write(self._fd, keys.encode())

    def settle(self) -> None:
        """Wait until nothing is written any more; forget what was."""
        while self._read(_SILENCE):
            pass
        self._seen = b""

    def _read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return b""
        try:
            return os.read(self._fd, _CHUNK)
        except OSError:  # the program has ended
            return b""

    @property
    def peak(self) -> float:
        """Peak of the program's resident memory so far, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    def close(self) -> None:
        """End the program."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
