"""ThroughputChart: bits per second on the wire over time, stacked by tenant, and who is who.

The legend stands in the order of the bands, from below, and has the digits that are written into them: colours repeat,
and not everybody sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from nvgre_inspect.display.axis import rate_axis, time_axis
from nvgre_inspect.display.text import counted, duration, escape, rate
from nvgre_inspect.flows.throughput import Throughput
from nvgre_inspect.model.names import Names
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.widgets.column_chart import ColumnChart, Columns

_SWATCH = "█"
_BETWEEN = "  "


class ThroughputChart(Vertical):
    """The chart, with a heading that is its legend."""

    DEFAULT_CSS = """
    ThroughputChart {
        height: 1fr;
        & > #legend { height: auto; padding: 0 1; background: $panel; }
        & > ColumnChart { height: 1fr; }
        &.-empty > ColumnChart { visibility: hidden; }
    }
    """

    def __init__(self) -> None:
        # Until there is something to draw: axes of nothing say nothing.
        super().__init__(classes="-empty")
        self._entries: list[Text] = []

    def compose(self) -> ComposeResult:
        """Heading and chart."""
        yield Static("Throughput", id="legend", markup=False)
        yield ColumnChart(id="columns", labelled=True)

    def show(self, throughput: Throughput, names: Names, theme: str) -> None:
        """Draw it in the colours of that theme."""
        self.set_class(not throughput.tenants, "-empty")
        colors = [themes.tenant(tenant.vsid, theme) for tenant in throughput.tenants]
        if throughput.others:
            colors.append(themes.color("dim", theme))
        seconds = throughput.duration_ns / 1e9
        self.query_one(ColumnChart).show(
            lambda columns: Columns(throughput.rates(columns), 0.0, seconds),
            colors,
            horizontal=time_axis,
            vertical=rate_axis,
        )
        self._entries = legend(throughput, names, colors)
        self._show_legend()

    def on_resize(self) -> None:
        """More or fewer entries fit on a line."""
        self._show_legend()

    def _show_legend(self) -> None:
        if self._entries:
            self.query_one("#legend", Static).update(filled(self._entries, self.size.width - 2))


def legend(throughput: Throughput, names: Names, colors: Sequence[str]) -> list[Text]:
    """The heading, and an entry per band: `1█ nvgre 5002 36 %`."""
    totals = throughput.wire_bytes.sum(axis=1)
    everything = max(int(totals.sum()), 1)
    labels = [escape(tenant.words(names)) for tenant in throughput.tenants]
    if throughput.others:
        labels.append(counted(throughput.others, "other"))
    peak = throughput.wire_bytes.sum(axis=0).max(initial=0) * 8e9 / max(throughput.width_ns, 1)
    words = f" peak {rate(float(peak))} in {duration(throughput.width_ns / 1e9)}"
    entries = [Text.assemble(("Throughput", "bold"), words if labels else "")]
    for number, (label, color, total) in enumerate(zip(labels, colors, totals.tolist(), strict=True), start=1):
        share = 100 * total / everything
        entries.append(Text.assemble(str(number), (_SWATCH, Style(color=color)), f" {label} {share:.0f} %"))
    return entries


def filled(entries: Sequence[Text], width: int) -> Text:
    """Entries side by side, on as many lines as they take; none is broken."""
    text, used = Text(), 0
    for entry in entries:
        entry.truncate(max(width, 1), overflow="ellipsis")
        needed = entry.cell_len + (len(_BETWEEN) if used else 0)
        if used and used + needed > width:
            text.append("\n")
            needed, used = entry.cell_len, 0
        text.append(_BETWEEN if used else "").append_text(entry)
        used += needed
    return text
