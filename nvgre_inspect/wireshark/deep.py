"""Deep dissection: all that tshark knows of one packet, through pyshark in a process of its own.

    with Deep(settings) as deep:                 # the process begins to load at once
        …                                        # meanwhile the packet is cut out, into deep.folder
        nodes = deep.tree(cut)

Whatever becomes of that process and the tshark that it starts, the caller gets a tree or a TsharkError in a limited
time, and no process is left behind (`tshark.Running`).
"""

from __future__ import annotations

import json
import os
import site
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nvgre_inspect.wireshark.settings import Settings, decode_as_arguments, environment
from nvgre_inspect.wireshark.tree import Node, from_json, renumbered
from nvgre_inspect.wireshark.tshark import Running, TsharkError, find, without_secrets

if TYPE_CHECKING:
    from nvgre_inspect.wireshark.cut import Cut

#: Seconds that the answer may take once it was asked for.
ANSWER_S = 30.0
WORKER = "nvgre_inspect.wireshark.deep_worker"


class Deep:
    """One question to tshark. A context manager; raises TsharkMissingError where there is no tshark."""

    def __init__(self, settings: Settings, *, answer_s: float = ANSWER_S) -> None:
        self._settings = settings
        self._resources = ExitStack()
        tshark = find(path=settings.path)
        with self._resources:
            surroundings = self._resources.enter_context(environment(settings))
            folder = tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True)
            #: A place for the capture to ask about; it vanishes at the end.
            self.folder = Path(self._resources.enter_context(folder))
            empty = self.folder / "empty"
            empty.mkdir()
            self._running = self._resources.enter_context(
                Running(
                    [sys.executable, "-m", WORKER, tshark],
                    environment=_importable(surroundings),
                    silence_s=answer_s,
                    secrets=settings.options,
                    asked=True,
                    folder=empty,
                )
            )
            self._resources = self._resources.pop_all()

    def tree(self, cut: Cut) -> tuple[Node, ...]:
        """The lines of the packet that `cut` was made for, protocol by protocol; once. Raises TsharkError."""
        request = {
            "file": str(cut.path),
            "frame": cut.place,
            "arguments": ["-n", *decode_as_arguments(self._settings)],
        }
        self._running.ask(json.dumps(request).encode() + b"\n")
        said = b"".join(self._running.chunks())
        try:
            answer = json.loads(said)
            if "error" in answer:
                raise TsharkError(without_secrets(str(answer["error"]), self._settings.options))
            fields, numbers = set(answer["packet_numbers"]), cut.numbers.tolist()
            return tuple(renumbered(from_json(item, fields), numbers) for item in answer["tree"])
        except (ValueError, KeyError):
            raise TsharkError(_unanswered(self._running)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()


def _unanswered(running: Running) -> str:
    """Why the process did not give an answer."""
    lines = running.complaint_lines
    if lines and lines[-1].startswith("ModuleNotFoundError"):
        return f"deep dissection needs pyshark, which is not installed ({lines[-1].partition(': ')[2]})"
    how = f"signal {-running.status}" if running.status < 0 else f"exit status {running.status}"
    return f"the process that asks tshark ended without an answer ({how}){': ' + lines[-1] if lines else ''}"


def _importable(surroundings: dict[str, str]) -> dict[str, str]:
    """The environment in which this package is found, and nothing in the current folder is."""
    package = str(Path(__file__).parents[2])
    known = surroundings.get("PYTHONPATH")
    return {
        **surroundings,
        "PYTHONPATH": f"{package}{os.pathsep}{known}" if known else package,
        "PYTHONSAFEPATH": "1",
        "PYTHONUSERBASE": site.getuserbase(),  # which follows from HOME otherwise
        "PYTHONWARNINGS": "ignore",
    }
