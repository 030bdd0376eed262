"""Histograms of one tunnel: packets by FlowID, which ECMP spreads them by, and by size, which an MTU limits."""

from __future__ import annotations

from rich.text import Text

from nvgre_inspect.display.axis import count_axis, value_axis
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.flow_ids import FlowIds, balance, binned
from nvgre_inspect.flows.packet_sizes import Sizes, mtu_words, size_bins
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.widgets.column_chart import ColumnChart, Columns, widened
from nvgre_inspect.tui.widgets.pane import Pane


class FlowIdHistogram(Pane):
    """Packets by FlowID, forward below and reverse above."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        self._chart = ColumnChart()
        super().__init__("FlowIDs", [self._chart], id=id)

    def show_flow_ids(self, ids: FlowIds, theme: str) -> None:
        """Draw them in the colours of that theme."""
        forward, reverse = (themes.color(name, theme) for name in ("accent", "note"))
        heading = Text.assemble(("█", forward), "→ ", ("█", reverse), f"← {balance(ids)}")
        if ids.without:
            heading.append(f"; {counted(ids.without, 'packet')} without")
        self.entitle(heading)
        self.show("" if len(ids.flow_id) else "its packets have no FlowIDs, and nothing in their place")
        self._chart.show(
            lambda columns: _flow_id_columns(ids, columns),
            [forward, reverse],
            horizontal=value_axis,
            vertical=count_axis,
        )


def _flow_id_columns(ids: FlowIds, columns: int) -> Columns:
    bins = binned(ids, columns)
    return Columns(widened(bins.counts, columns), bins.start, bins.start + bins.width * bins.counts.shape[1])


class SizeHistogram(Pane):
    """Packets by their size on the underlay; those that an MTU of 1500 does not carry stand out."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        self._chart = ColumnChart()
        super().__init__("Sizes", [self._chart], id=id)

    def show_sizes(self, sizes: Sizes, theme: str, *, total: int) -> None:
        """Draw them in the colours of that theme; they are those of some of `total` packets."""
        fits, large = (themes.color(name, theme) for name in ("accent", "bad"))
        measured = len(sizes.packet)
        some = f" ({measured:,} of {counted(total, 'packet')})" if measured < total else ""
        self.entitle(Text.assemble(("Sizes", "bold"), some, f" in bytes of IP: {mtu_words(sizes)}"))
        self.show("" if measured else "no packets")
        self._chart.show(
            lambda columns: _size_columns(sizes, columns), [fits, large], horizontal=value_axis, vertical=count_axis
        )


def _size_columns(sizes: Sizes, columns: int) -> Columns:
    bins = size_bins(sizes.packet, columns)
    return Columns(widened(bins.counts, columns), 0, bins.width * bins.counts.shape[1])
