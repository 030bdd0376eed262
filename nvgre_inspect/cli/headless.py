"""`live --headless`: what tenants, tunnels or flows did in an interval, printed when it is over.

SIGTERM, SIGHUP and Ctrl-C end the capture cleanly: what was received until then is counted, and the last interval is
printed. Intervals are of the clock on the wall; a packet belongs to the one in which it was counted. Rows without
packets in the interval are left out, but of tenants, of which silence is worth knowing. Where packets go to standard
output (`-w -`, `--decap-to -`) tables go to standard error.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, terminal
from nvgre_inspect.cli.errors import DONE, INTERRUPTED
from nvgre_inspect.cli.live_input import writes_packets
from nvgre_inspect.cli.signals import ended_by_signals
from nvgre_inspect.display.live import counters, dropped, received, totals
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.flows.rates import LiveSnapshot, Totals
from nvgre_inspect.model.live_columns import INTERVAL, INTERVAL_TABLES

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.capture.live.captures import LiveCaptures
    from nvgre_inspect.config import Config
    from nvgre_inspect.session import Session

#: Columns that the table for people leaves out, of those for programs: packets and rates of the interval stand there
#: instead of sizes and times since the capture began.
_LEFT_OUT = (
    "interval_wire_bytes",
    "packets",
    "packets_fwd",
    "packets_rev",
    "bytes",
    "wire_bytes",
    "first_seen",
    "last_seen",
    "duration_s",
    "overhead_pct",
)
#: Rows that are text at a time; more are of no use to people.
_TEXT_ROWS = 50


class Headless:
    """One capture, printed."""

    def __init__(
        self, arguments: argparse.Namespace, settings: Config, captures: LiveCaptures, session: Session
    ) -> None:
        self._arguments = arguments
        self._settings = settings
        self._captures = captures
        self._session = session
        self._table = INTERVAL_TABLES[arguments.table]
        self._before = Totals.nothing(time.monotonic())
        self._began_ns = time.time_ns()
        self._packets = 0
        self._header_written = False
        #: Sentences that were said while it went on.
        self.told: set[str] = set()
        self._out = sys.stderr if writes_packets(arguments) else sys.stdout

    def run(self) -> int:
        """Capture to the end; the exit code."""
        interval = self._arguments.interval
        with ended_by_signals(self._captures.stop) as signals:
            due = 0.0
            for _ in self._session.steps():
                # Not before the first step: what comes while kernels are loaded waits in the kernel.
                due = due or time.monotonic() + interval
                now = time.monotonic()
                if now >= due:
                    self._print()
                    self._tell()
                    # An interval that was missed is part of this one.
                    due = due + interval if due + interval > now else now + interval
            self._print()
        if not self._arguments.quiet:
            analysis.say(totals(self._captures.interfaces))
        return INTERRUPTED if signal.SIGINT in signals else DONE

    def _print(self) -> None:
        if self._out is sys.stderr and self._arguments.quiet:
            return
        snapshot = self._session.snapshot()
        assert isinstance(snapshot, LiveSnapshot)
        ended_ns = time.time_ns()
        more = snapshot.since(self._before, self._table.name)
        interfaces = self._captures.interfaces
        kernel, interface = dropped(interfaces)
        columns = {
            "interval_start": self._began_ns,
            "interval_end": ended_ns,
            "received": received(interfaces),
            "dropped_kernel": kernel,
            "dropped_interface": interface,
            "interval_packets": more.packets,
            "interval_wire_bytes": more.wire_bytes,
            **more.rates,
        }
        rows = snapshot.plain.table(self._table.name).assign(**columns)[self._table.names]
        rows = rows.astype({column.name: column.dtype for column in INTERVAL})
        if self._table.name != "tenants":
            rows = rows[more.packets > 0]
        rows = rows.sort_values("interval_packets", ascending=False, kind="stable")
        packets = snapshot.state.frames
        self._write(rows, ended_ns, (packets - self._packets) / more.seconds)
        self._before, self._began_ns, self._packets = snapshot.totals, ended_ns, packets

    def _tell(self) -> None:
        """What happened, when it happens: an interface went down, a recording has stopped."""
        words = self._captures.damage if self._arguments.quiet else [*self._captures.notes, *self._captures.damage]
        for sentence in words:
            if sentence not in self.told:
                self.told.add(sentence)
                analysis.say(sentence)

    def _write(self, rows: pd.DataFrame, at_ns: int, per_second: float) -> None:
        stream = self._out.buffer
        self._out.flush()
        if self._arguments.format == "csv":
            from nvgre_inspect.reports.csv import write_csv

            write_csv([rows], self._table, stream, header=not self._header_written)
            self._header_written = True
        elif self._arguments.format == "jsonl":
            from nvgre_inspect.reports.json import write_jsonl

            write_jsonl([rows], self._table, stream)
        else:
            stream.write(self._text(rows, at_ns, per_second).encode(self._out.encoding or "utf-8", "backslashreplace"))
        stream.flush()

    def _text(self, rows: pd.DataFrame, at_ns: int, per_second: float) -> str:
        from nvgre_inspect.cli.layout import Layout
        from nvgre_inspect.cli.present import Presenter

        style = self._arguments.time or self._settings.options.time
        form = TimeFormat(style, 3)
        lines = [f"{form([at_ns])[0]}  {counters(self._captures.interfaces, per_second)}"]
        if len(rows):
            paint = terminal.Paint.choose(self._arguments.color or self._settings.options.color, self._out)
            present = Presenter(self._table, self._settings.names, style, without=_LEFT_OUT)
            columns = present(rows.iloc[:_TEXT_ROWS])
            layout = Layout.choose(columns, terminal.width(self._out))
            lines += [*layout.head(columns, paint), *layout.rows(columns, paint)]
            if len(rows) > _TEXT_ROWS:
                lines.append(f"… and {len(rows) - _TEXT_ROWS:,} more (--csv and --jsonl have all)")
        return "\n".join(lines) + "\n\n"
