"""Whole processes, measured from outside: wall and CPU seconds, and the peak of resident memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """What one process cost. Seconds; peak in MiB."""

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command to its end, its output thrown away. RuntimeError if it fails.

    Python keeps the byte code of what it imports, as for an installed user; whoever develops may have that switched
    off.
    """
    variables = {**os.environ, **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables) as process:
        assert process.stderr is not None
        words = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode not in (0, 3):
        raise RuntimeError(f"{command[0]} failed: {words.decode(errors='replace')[-500:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    return Run(
        statistics.median(r.wall for r in runs),
        statistics.median(r.cpu for r in runs),
        statistics.median(r.peak for r in runs),
    )


def in_turn(commands: Sequence[Sequence[str]], times: int) -> list[Run]:
    """Medians of several commands, run A B A B …, after one round that does not count."""
    rounds = [[run(command) for command in commands] for _ in range(times + 1)][1:]
    return [median([r[i] for r in rounds]) for i in range(len(commands))]


#: The command line of this project, as an installed user has it.
TOOL = [sys.executable, "-m", "nvgre_inspect"]
