"""One walk in a real terminal: open, filter, from a flow to its tunnel and back to flows, export, leave."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "overlapping-tenants.pcap"
PATIENCE_SECONDS = 60

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: apt install tmux")


class Tmux:
    """A terminal of its own on a server of its own."""

    def __init__(self, socket, folder, environment):
        self._server = ["tmux", "-S", str(socket), "-f", os.devnull]
        self._environment = environment
        self._run("new-session", "-d", "-x", "100", "-y", "30", "-c", str(folder), "sh")

    def _run(self, *words):
        return subprocess.run(
            [*self._server, *words], env=self._environment, capture_output=True, text=True, check=True
        ).stdout

    def screen(self):
        return self._run("capture-pane", "-p")

    def ask(self, what):
        return self._run("display-message", "-p", what).strip()

    def type(self, *keys):
        self._run("send-keys", *keys)

    def wait_for(self, *texts):
        """Until all of these are on the screen; what is there then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
        raise AssertionError(f"{texts} are not on the screen:\n{self.screen()}")

    def close(self):
        subprocess.run([*self._server, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def tmux(tmp_path):
    environment = {
        **os.environ,
        "TERM": "screen-256color",
        "PYTHONPATH": str(ROOT),
        "NVGRE_INSPECT_STATE": str(tmp_path / "state"),
        "PS1": "$ ",
    }
    environment.pop("TMUX", None)
    terminal = Tmux(tmp_path / "socket", tmp_path, environment)
    yield terminal
    terminal.close()


def command(*words):
    return shlex.join([sys.executable, "-m", "nvgre_inspect", *map(str, words)])


def test_a_walk_through_overlapping_tenants(tmux, tmp_path):
    tmux.type(f"{command(SAMPLE)}; echo left with $?", "Enter")
    tmux.wait_for("Overview", "overlapping-tenants.pcap", "nvgre 5001", "nvgre 5002")

    # The same addresses and ports, in two tenants: one of them by a filter.
    tmux.type("4")
    tmux.wait_for("of 12 flows")
    tmux.type("/")
    # The keys of the filter bar: it has the keyboard.
    tmux.wait_for("Enter Apply")
    tmux.type("-l", "tcp.port == 22 && vsid == 5002")
    tmux.wait_for("✓ 1 of 12")
    tmux.type("Enter")
    flow = tmux.wait_for("1 of 1 flow", "12 without the filter")
    assert "nvgre 5002" in flow
    assert "nvgre 5001" not in flow

    # What carries it, and what else that carries: both tenants.
    tmux.type("u")
    tmux.wait_for("Tunnels", "192.168.50.1", "1 of 1 tunnel")
    tmux.type("o")
    tmux.wait_for("192.168.50.1 ↔ 192.168.50.2", "of 12 flows", "nvgre 5001", "nvgre 5002")
    tmux.type("Escape")
    tmux.wait_for("1 of 1 tunnel")
    tmux.type("Escape")
    tmux.wait_for("1 of 1 flow", "12 without the filter", "tcp.port == 22 && vsid == 5002")

    tmux.type("e")
    tmux.wait_for("Export 1 flow")
    tmux.type("Enter")
    tmux.wait_for("1 row written to overlapping-tenants-flows.csv")

    tmux.type("C-q")
    tmux.wait_for("left with 0")
    with (tmp_path / "overlapping-tenants-flows.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["vsid"], row["flow"]) == ("5002", "12")


def test_damage_is_shown_and_said_when_one_leaves(tmux):
    damaged = ROOT / "samples" / "truncated.pcap"
    tmux.type(f"cat {shlex.quote(str(damaged))} | {command('-')}; echo left with $?", "Enter")
    tmux.wait_for("standard input", "ends early, at byte 30988")
    tmux.type("4")
    tmux.wait_for("of 10 flows")
    tmux.type("C-q")
    tmux.wait_for("standard input ends early, at byte 30988", "left with 3")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(tmux, number):
    tmux.type(f"{command(SAMPLE)}; echo left with $?", "Enter")
    tmux.wait_for("Overview", "nvgre 5001", "nvgre 5002")
    shell = tmux.ask("#{pane_pid}")
    (process,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    os.kill(int(process), number)
    tmux.wait_for("left with 130")
    assert tmux.ask("#{alternate_on} #{mouse_any_flag}") == "0 0"
