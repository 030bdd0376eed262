"""`nvgre-inspect live` as a process inside a namespace: started, waited for, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.builders.namespaces import CHECKOUT, Namespace

#: More than anything here takes on a loaded machine.
PATIENCE_SECONDS = 60


class Running:
    """A process whose lines of standard output are looked at while it runs."""

    def __init__(self, process: subprocess.Popen[str], namespace: Namespace) -> None:
        self._namespace = namespace
        self.process = process
        self.lines: list[str] = []
        self.words = ""
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_words)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _read_words(self) -> None:
        assert self.process.stderr is not None
        self.words = self.process.stderr.read()

    def wait_for(self, condition: Callable[[list[str]], bool]) -> None:
        """Until the lines so far are such."""
        with self._news:
            done = self._news.wait_for(lambda: condition(self.lines), PATIENCE_SECONDS)
        assert done, (self.lines[-5:], self.process.poll(), self.words)

    def wait_for_capture(self, device: str | None = None) -> None:
        """Until it has a packet socket that is bound to an interface (of that name) and runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_capturing(device):
            assert self.process.poll() is None, self.words
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _is_capturing(self, device: str | None) -> bool:
        index = device and self._namespace.run("cat", f"/sys/class/net/{device}/ifindex", check=False).stdout.strip()
        folder = Path(f"/proc/{self.process.pid}/fd")
        own = {str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}
        lines = [line.split() for line in self._namespace.run("cat", "/proc/net/packet").stdout.splitlines()]
        interface, running, inode = (lines[0].index(name) for name in ("Iface", "R", "Inode"))
        # Others may capture there as well.
        mine = [line for line in lines[1:] if f"socket:[{line[inode]}]" in own]
        bound = [line[interface] for line in mine if line[running] == "1" and line[interface] != "0"]
        return index in bound if index else bool(bound)

    def rows(self) -> list[dict[str, Any]]:
        """The lines as JSON objects."""
        return [json.loads(line) for line in list(self.lines)]

    def received(self, packets: int) -> None:
        """Wait until so many packets have been received."""
        self.wait_for(lambda lines: bool(lines) and (json.loads(lines[-1])["received"] or 0) >= packets)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.join()

    def join(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return code


@contextmanager
def live(namespace: Namespace, *words: str | Path, interval: float = 0.2) -> Iterator[Running]:
    """`live --headless --jsonl` with these words, capturing already."""
    command = [sys.executable, "-m", "nvgre_inspect", "live", "--headless", "--jsonl", "--interval", str(interval)]
    with subprocess.Popen(
        namespace.command(*command, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    ) as process:
        running = Running(process, namespace)
        try:
            yield running
        finally:
            process.kill()
            running.join()
