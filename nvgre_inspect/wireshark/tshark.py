"""An installed tshark: where it is, which version, and how it is run.

Wireshark's programs are run without a shell, with a limit of time, away from the user's preferences and plugins where
results are to be the same for everybody (`neutral`), and in a process group of their own, which is ended with them.
Whatever goes wrong is a `TsharkError` whose text is a sentence for people; values of `-o NAME:VALUE` that may be
secrets (paths of TLS keys, ESP keys) are taken out of it.

Limits: a child that tshark would start outside its process group is not ended; tshark starts none to read files.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn

INSTALL = (
    "tshark is not installed; it comes with Wireshark (Debian and Ubuntu: apt-get install tshark, macOS: brew install "
    "wireshark, Windows: the installer from wireshark.org)"
)
#: The oldest version that this is made for; older ones are tried, and said to be old.
OLDEST = (3, 6)
#: Seconds for a run whose output is small.
TIMEOUT_S = 120.0
#: Seconds without a byte of output after which a run that reads a capture is taken to hang.
SILENCE_S = 60.0

#: Where Wireshark's programs are if not in PATH.
_FOLDERS = {
    "darwin": ("/Applications/Wireshark.app/Contents/MacOS",),
    "win32": (r"C:\Program Files\Wireshark", r"C:\Program Files (x86)\Wireshark"),
}
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
#: Of what a program says on stderr: enough for its sentences, however often it repeats them.
_COMPLAINT_BYTES = 8192
_CHUNK_BYTES = 1 << 16
#: Said by programs of Wireshark although nothing is wrong.
_HARMLESS = ("Running as user", "resetting session")


_running: weakref.WeakSet[Running] = weakref.WeakSet()


class TsharkError(Exception):
    """tshark could not do what was asked; the text is a sentence for people."""


class TsharkMissingError(TsharkError):
    """There is no tshark; the text says how to get one."""


@dataclass(frozen=True, slots=True)
class Tshark:
    """An installed tshark."""

    path: str
    #: (major, minor, micro); (0, 0, 0) if it does not say.
    version: tuple[int, int, int]

    @property
    def name(self) -> str:
        """`tshark 4.0.17`."""
        return f"tshark {'.'.join(map(str, self.version))}" if any(self.version) else "tshark of an unknown version"

    @property
    def is_old(self) -> bool:
        """Whether it is older than what this tool is made for."""
        return self.version < OLDEST


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run."""

    output: bytes
    #: What it said on stderr, on one line, without what is always said; empty: nothing.
    complaint: str
    #: Exit status; negative: ended by that signal.
    status: int


def find(program: str = "tshark", *, path: str = "") -> str:
    """The path of a program of Wireshark's: beside `path`, which names tshark itself or its folder, else in PATH, else
    where the platform has it.

    Raises TsharkMissingError.
    """
    if path:
        return _beside(Path(path).expanduser(), program)
    found = shutil.which(program)
    for folder in _FOLDERS.get(sys.platform, ()):
        found = found or shutil.which(program, path=folder)
    if found is None:
        raise TsharkMissingError(
            INSTALL if program == "tshark" else f"{program} is not installed; it comes with Wireshark"
        )
    return found


def _beside(path: Path, program: str) -> str:
    if program == "tshark" and path.is_file():
        return str(path)
    folder = path if path.is_dir() else path.parent
    found = shutil.which(program, path=str(folder))
    if found is None:
        raise TsharkMissingError(f"there is no {program} at {path}")
    return found


def installed(path: str = "") -> Tshark:
    """The tshark to use, with its version. Raises TsharkMissingError, or TsharkError if it does not run."""
    return _asked(find(path=path))


@cache
def _asked(path: str) -> Tshark:
    with neutral() as environment:
        outcome = run([path, "--version"], environment=environment, timeout_s=30.0)
    found = _VERSION.search(outcome.output.decode(errors="replace"))
    if outcome.status and found is None:
        raise TsharkError(_failed(path, outcome))
    major, minor, micro = found.groups(default="0") if found else ("0", "0", "0")
    return Tshark(path, (int(major), int(minor), int(micro)))


@contextmanager
def neutral() -> Iterator[dict[str, str]]:
    """The environment of a run that nobody's preferences, plugins, language or time zone have a say in."""
    with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True) as folder:
        yield neutral_in(folder)


def neutral_in(folder: str | Path) -> dict[str, str]:
    """As `neutral`, with this (empty) folder in the place of the user's own."""
    at = str(folder)
    # HOME as well: plugins are looked for in ~/.local, whatever WIRESHARK_CONFIG_DIR says.
    return {**os.environ, "WIRESHARK_CONFIG_DIR": at, "HOME": at, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    secrets: Sequence[str] = (),
) -> Outcome:
    """Run to the end and return what it printed, whatever its status.

    `secrets` are texts (`NAME:VALUE`) whose values no sentence may show. Raises TsharkError if the program cannot be
    started or does not end in time; TsharkMissingError if it is not there.
    """
    with Running(command, environment=environment, silence_s=timeout_s, total_s=timeout_s, secrets=secrets) as running:
        output = b"".join(running.chunks())
        return Outcome(output, running.complaint, running.status)


class Running:
    """A started program whose output is read as it comes. A context manager that leaves no process behind.

    `silence_s` and `total_s` are limits: seconds for which it may say nothing while somebody waits for it, and for
    which it may run at all (None: as long as it has something to say).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        silence_s: float = SILENCE_S,
        total_s: float | None = None,
        secrets: Sequence[str] = (),
        asked: bool = False,
        folder: str | Path | None = None,
    ) -> None:
        """`asked`: it waits for what `ask` sends to its standard input; `folder` is the current one of the program."""
        self.command = list(command)
        self._secrets = secrets
        self._silence_s = silence_s
        self._deadline = None if total_s is None else time.monotonic() + total_s
        self._waiting_since: float | None = None
        self._too_slow = False
        self._said = b""
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise TsharkMissingError(INSTALL) from None
        except OSError as error:
            raise TsharkError(f"{self.command[0]} cannot be started: {error.strerror}") from None
        _running.add(self)
        self._ended = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="nvgre-inspect-tshark-stderr", daemon=True)
        self._guard = threading.Thread(target=self._watch, name="nvgre-inspect-tshark-limit", daemon=True)
        self._listener.start()
        self._guard.start()

    def ask(self, request: bytes) -> None:
        """Send all that the program will be told; what it has to say to that is its output, or its end."""
        stream = self._process.stdin
        assert stream is not None
        with suppress(BrokenPipeError), stream:
            stream.write(request)

    def chunks(self) -> Iterator[bytes]:
        """The output to its end, in pieces. Raises TsharkError when a limit ended the program."""
        stream = self._process.stdout
        assert stream is not None
        while chunk := self._read(stream):
            yield chunk
        self._wait()

    def lines(self) -> Iterator[bytes]:
        """The output to its end, line by line, without line feeds; a part of a line at the end too."""
        rest = b""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
        if rest:
            yield rest

    @property
    def status(self) -> int:
        """The exit status, once the output was read to its end; negative: ended by that signal."""
        return self._process.wait()

    @property
    def complaint(self) -> str:
        """What was said on stderr, on one line, once the output was read to its end."""
        return " ".join(line.strip() for line in self.complaint_lines)

    @property
    def complaint_lines(self) -> list[str]:
        """Likewise, line by line, without what is always said and without line ends."""
        self._listener.join(timeout=5.0)
        lines = self._said.decode(errors="backslashreplace").splitlines()
        kept = (line for line in lines if line.strip() and not line.strip().startswith(_HARMLESS))
        return [without_secrets(line, self._secrets) for line in kept]

    def fail(self) -> NoReturn:
        """Raise the TsharkError that says why the program did not succeed."""
        raise TsharkError(_failed(self.command[0], Outcome(b"", self.complaint, self.status)))

    def end(self) -> None:
        """End the program from another thread; whoever reads its output sees the end of it."""
        self._kill()

    def close(self) -> None:
        """End the program and all that it started, if it still runs."""
        if not self._ended.is_set():
            self._ended.set()
            self._kill()
            self._process.wait()
        for thread in (self._guard, self._listener):
            thread.join(timeout=5.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, stream: IO[bytes]) -> bytes:
        self._waiting_since = time.monotonic()
        chunk = os.read(stream.fileno(), _CHUNK_BYTES)
        self._waiting_since = None
        return chunk

    def _wait(self) -> None:
        """The output has ended; the program has as long to end as it may be silent."""
        self._waiting_since = time.monotonic()
        self._process.wait()
        self._waiting_since = None
        self._ended.set()
        if self._too_slow:
            raise TsharkError(f"{Path(self.command[0]).name} did not answer in time and was ended")

    def _watch(self) -> None:
        """End a program that is silent for too long while somebody waits, or runs for too long."""
        while not self._ended.wait(min(self._silence_s / 4, 0.5)):
            now = time.monotonic()
            since = self._waiting_since
            silent = since is not None and now - since > self._silence_s
            if silent or (self._deadline is not None and now > self._deadline):
                self._too_slow = True
                self._kill()
                return

    def _listen(self) -> None:
        """Read stderr, so that a program that says much does not wait for us; keep its beginning."""
        stream = self._process.stderr
        assert stream is not None
        while chunk := os.read(stream.fileno(), _CHUNK_BYTES):
            self._said += chunk[: _COMPLAINT_BYTES - len(self._said)]

    def _kill(self) -> None:
        """End the process group, which still has the output open, or was never waited for: its number is its own."""
        try:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except (ProcessLookupError, PermissionError):
            pass


def end_all() -> None:
    """End all programs that run now: when an application ends, no thread shall wait for them."""
    for running in list(_running):
        running.end()


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """`text` in which the value of each `NAME:VALUE` is an ellipsis."""
    for secret in secrets:
        name, colon, value = secret.partition(":")
        if value:
            text = text.replace(f"{name}{colon}{value}", f"{name}{colon}…").replace(value, "…")
    return text


def _failed(path: str, outcome: Outcome) -> str:
    name = Path(path).name
    if outcome.status < 0:
        return f"{name} crashed (signal {-outcome.status})" + (f": {outcome.complaint}" if outcome.complaint else "")
    return outcome.complaint or f"{name} failed with exit status {outcome.status} and did not say why"
