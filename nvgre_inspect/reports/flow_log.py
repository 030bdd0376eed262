"""FlowLog: all flows of a capture that goes on: those that leave to make room when they do, the others at the end.

A row is that of the table `flows`; rows that leave are in order of their leaving. The file appears whole at the end, as
every output does. What cannot be written any more (a full disk) ends the log with a sentence, and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nvgre_inspect.capture.limits import CaptureError
from nvgre_inspect.capture.output import Output
from nvgre_inspect.model.columns import FLOWS

if TYPE_CHECKING:
    from nvgre_inspect.model.rows import Rows

#: What can be written row by row.
FORMATS = ("csv", "jsonl")


class FlowLog:
    """One file. Raises CaptureError where it cannot be written or exists (without `force`)."""

    def __init__(self, path: str | Path, *, force: bool = False) -> None:
        """The format is that of the suffix; CSV where it is none of FORMATS."""
        suffix = Path(path).suffix.lower().removeprefix(".")
        self._format = suffix if suffix in FORMATS else "csv"
        self._output: Output | None = Output(path, force=force)
        self._name = str(path)
        #: Rows written so far.
        self.rows = 0
        #: Sentences for people.
        self.notes: list[str] = []
        self._begun = False

    def write(self, flows: Rows) -> None:
        """Add these rows."""
        if self._output is None:
            return
        try:
            self._write(self._output, flows)
        except CaptureError as error:
            self._give_up(error)

    def _write(self, output: Output, flows: Rows) -> None:
        if self._format == "jsonl":
            from nvgre_inspect.reports.json import write_jsonl

            write_jsonl([flows], FLOWS, output)
        else:
            from nvgre_inspect.reports.csv import write_csv

            write_csv([flows], FLOWS, output, header=not self._begun)
        self._begun = True
        self.rows += len(flows)

    def close(self) -> None:
        """The file is whole."""
        if self._output is not None:
            try:
                self._output.commit()
            except CaptureError as error:
                self._give_up(error)
            self._output = None

    def _give_up(self, error: CaptureError) -> None:
        assert self._output is not None
        self._output.discard()
        self._output = None
        self.notes.append(f"{error}; the flows of {self._name} are lost, the capture went on")
