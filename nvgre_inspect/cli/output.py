"""Where a table goes and in which format: text for people, or CSV, JSON, JSON lines, Parquet; stdout or a file.

That is decided, and refused, before anything is read. What writes is imported while the input is read (`prepare`), and
pandas only for text and Parquet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nvgre_inspect.cli import terminal
from nvgre_inspect.cli.analysis import explained, say
from nvgre_inspect.cli.arguments import FORMATS
from nvgre_inspect.cli.errors import USAGE, CommandError
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.text import escape

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.config import Config
    from nvgre_inspect.model.columns import Table
    from nvgre_inspect.model.rows import Rows
    from nvgre_inspect.reports.output import Writable

#: Suffixes that promise what text for people is not; others are no promise.
OTHER_FORMATS = {
    *("arrow", "db", "feather", "html", "ods", "pcap", "pcapng", "sqlite", "tsv", "xls", "xlsx", "xml", "yaml", "yml"),
    *("bz2", "gz", "lz4", "xz", "zip", "zst"),
}
#: Formats for which no DataFrame is made.
WITHOUT_PANDAS = ("csv", "json", "jsonl")
#: Rows that become text at a time; the first of them decide the layout.
TEXT_ROWS = 5_000


class _Escaping:
    """Passes text on to a terminal: data may hold what must not drive it. Files and pipes get it as it is."""

    def __init__(self, stream: Writable) -> None:
        self._stream = stream

    def write(self, data: bytes | memoryview) -> None:
        """Writers hand over whole lines, so no character is cut in two."""
        text = bytes(data).decode("utf-8", "backslashreplace")
        self._stream.write("\n".join(map(escape, text.split("\n"))).encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Output:
    """One table's way out, decided before anything is read."""

    table: Table
    #: The columns that were asked for; None: all of them, or for people the usual ones.
    fields: Sequence[str] | None
    #: The columns that rows are sorted by.
    important: Sequence[str]
    #: A key of FORMATS; None: text for people.
    format: str | None
    #: `-` is standard output.
    path: str
    force: bool
    inputs: Sequence[str]
    quiet: bool
    color: str
    time: str
    settings: Config

    @classmethod
    def chosen(
        cls,
        arguments: argparse.Namespace,
        settings: Config,
        table: Table,
        fields: Sequence[str] | None,
        important: Sequence[str] = (),
    ) -> Output:
        """What the arguments ask for. Raises CommandError if it makes no sense."""
        path = arguments.output or "-"
        suffix = Path(path).suffix.lower().removeprefix(".")
        kind = arguments.format or (suffix if suffix in FORMATS else None)
        if kind is None and suffix in OTHER_FORMATS:
            raise CommandError(
                f"nvgre-inspect {table.name}: {path}: {suffix} is not written; {', '.join(FORMATS)} are, or .txt for a "
                "table as on the terminal",
                USAGE,
            )
        if kind == "parquet" and path == "-" and terminal.is_terminal(sys.stdout):
            raise CommandError(
                f"nvgre-inspect {table.name}: Parquet is binary: use -o PATH, or redirect the output", USAGE
            )
        return cls(
            table=table,
            fields=fields,
            important=important,
            format=kind,
            path=path,
            force=arguments.force,
            inputs=arguments.files,
            quiet=arguments.quiet,
            color=arguments.color or settings.options.color,
            time=arguments.time or settings.options.time,
            settings=settings,
        )

    def prepare(self, *, frames: bool) -> None:
        """Import what writing takes, while something else is waited for; `frames`: DataFrames come into it."""
        import nvgre_inspect.reports.formats  # noqa: F401
        from nvgre_inspect.session import prepare_frames, prepare_rows

        if frames or self.format not in WITHOUT_PANDAS:
            prepare_frames()
        else:
            prepare_rows()

    @contextmanager
    def opened(self) -> Iterator[Writable]:
        """The stream to write to: a file appears as a whole at the end, or not at all if the body raises."""
        from nvgre_inspect.reports.output import replacing

        sys.stdout.flush()
        with explained(), replacing(self.path, force=self.force, inputs=self.inputs) as stream:
            yield stream

    def write(self, frames: Iterable[pd.DataFrame | Rows], stream: Writable) -> int:
        """Write all rows; return how many."""
        if self.format is None:
            return self._write_text(frames, stream)
        from nvgre_inspect.reports.formats import WRITERS

        if self.path == "-" and self.format != "parquet" and terminal.is_terminal(sys.stdout):
            stream = _Escaping(stream)
        return WRITERS[self.format](frames, self.table, stream, self.fields)

    def _write_text(self, frames: Iterable[pd.DataFrame | Rows], stream: Writable) -> int:
        from nvgre_inspect.cli.layout import Layout
        from nvgre_inspect.cli.present import Presenter
        from nvgre_inspect.model.rows import Rows

        to_stdout = self.path == "-"
        paint = Paint.choose(self.color, sys.stdout) if to_stdout else Paint(enabled=self.color == "always")
        limit = terminal.width(sys.stdout) if to_stdout else None
        encoding = (sys.stdout.encoding if to_stdout else None) or "utf-8"
        present = Presenter(self.table, self.settings.names, self.time, self.fields, important=self.important)
        layout: Layout | None = None
        rows = 0
        for one in frames:
            frame = one.frame() if isinstance(one, Rows) else one
            for start in range(0, len(frame), TEXT_ROWS):
                columns = present(frame.iloc[start : start + TEXT_ROWS])
                lines: list[str] = []
                if layout is None:
                    layout = Layout.choose(columns, limit)
                    lines.extend(layout.head(columns, paint))
                else:
                    layout.widen(columns)
                lines.extend(layout.rows(columns, paint))
                stream.write(("\n".join(lines) + "\n").encode(encoding, "backslashreplace"))
                rows += len(columns[0].texts)
        if layout is not None and layout.dropped and not self.quiet:
            say(f"left out for lack of width: {', '.join(reversed(layout.dropped))} (--fields chooses what is shown)")
        return rows
