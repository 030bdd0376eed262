"""Tunnel detail: both directions, tenants and flows on it, FlowIDs (ECMP), packet sizes against the MTU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.presented import presented
from nvgre_inspect.display.sides import tunnel_sides, tunnel_words
from nvgre_inspect.display.text import escape
from nvgre_inspect.display.values import pa_text
from nvgre_inspect.flows.flow_ids import FlowIds, flow_ids
from nvgre_inspect.flows.flow_packets import in_parts, thinned_rows
from nvgre_inspect.flows.on_tunnel import carried_by, flows_on, frames_on, tenants_on
from nvgre_inspect.flows.packet_sizes import Sizes, packet_sizes
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.compact import COMPACT
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.screens.panes import PanesScreen
from nvgre_inspect.tui.steps import flow_step, tenant_step, tunnel_step
from nvgre_inspect.tui.widgets.histogram import FlowIdHistogram, SizeHistogram
from nvgre_inspect.tui.widgets.pane import Pane
from nvgre_inspect.tui.widgets.sides import SidesTable
from nvgre_inspect.tui.widgets.table import FrameTable

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot

#: Packets that are read again for their sizes.
MOST_PACKETS = 20_000
#: Flows that are listed; `overlay` has all.
_TOP = 100


@dataclass(frozen=True, slots=True)
class Detail:
    """What is drawn of one tunnel, worked out in a thread."""

    row: dict[str, Any]
    tenants: pd.DataFrame
    flows: pd.DataFrame
    flow_ids: FlowIds


@dataclass
class Looked(Message):
    """The worker has looked at the tables."""

    found: Detail


@dataclass
class Measured(Message):
    """The worker has read packets of that tunnel again, or a sentence says why not."""

    tunnel: int
    found: Sizes | str


class TunnelDetailScreen(PanesScreen):
    """One tunnel: the last one in the scope."""

    NAME = "tunnel_detail"
    TITLE = "Tunnel"
    TABLES: ClassVar[tuple[str, ...]] = ("tunnels", "flows")
    DEFAULT_CSS = """
    TunnelDetailScreen {
        & #about { height: 11fr; }
        & #about > SidesTable { width: 42; }
        & #charts { height: 10fr; }
        & #flow-ids { margin-right: 1; }
        & #tenants-pane { height: 2fr; }
        & #flows-pane { height: 3fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tenants = FrameTable(("encap", "vsid"), style_of=self._style, id="tenants")
        self._flows = FrameTable(("flow",), style_of=self._style, id="flows")
        self._detail: Detail | None = None
        self._sizes: Sizes | None = None

    def _style(self, name: str) -> Style:
        return themes.style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """Counters beside tenants and flows; below them FlowIDs and sizes."""
        with Horizontal(id="about"):
            yield SidesTable()
            with Vertical():
                yield Pane("Tenants", [self._tenants], id="tenants-pane")
                yield Pane("Flows", [self._flows], id="flows-pane")
        with Horizontal(id="charts"):
            yield FlowIdHistogram(id="flow-ids")
            yield SizeHistogram(id="sizes")

    def on_mount(self) -> None:
        """Columns are known before there are rows."""
        names, time = self.app.settings.names, self.app.time_style
        for table, columns in (
            (self._tenants, ("tenant", "here", "here_packets", "here_flows")),
            (self._flows, ("source", "destination", "here", "tenant", "protocol", "state", "flow")),
        ):
            name = str(table.id)
            table.present({**presented(TABLES[name], names, time), **COMPACT[name]}, columns)
        self._flows.focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def panes(self) -> Sequence[Widget]:
        """The parts that can have the focus."""
        return self._tenants, self._flows

    def tables(self) -> Mapping[str, FrameTable]:
        """Those that are tables: all."""
        return {"tenants": self._tenants, "flows": self._flows}

    # --- what is new -------------------------------------------------------------------------------------------------

    def scope_changed(self, scope: Scope) -> None:
        """Another tunnel: nothing is known of it yet."""
        self._detail = self._sizes = None

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Look again. Packets are read again once, when all were counted."""
        tunnel = self.app.scope.tunnel
        if tunnel is None or tunnel > len(snapshot.state.tunnels):
            self.show_status("no tunnel is selected: 3 lists them")
            return
        self._look(snapshot, tunnel)
        if self._sizes is None:
            sizes = self.query_one(SizeHistogram)
            sizes.entitle("Sizes")
            sizes.show("when all is read" if self.app.loading else "reading packets …")
            if not self.app.loading:
                self._measure(snapshot, tunnel)

    @work(thread=True, exclusive=True, group="tunnel-detail")
    def _look(self, snapshot: Snapshot, tunnel: int) -> None:
        detail = Detail(
            {str(name): value for name, value in snapshot.tunnels.iloc[tunnel - 1].items()},
            tenants_on(snapshot, tunnel),
            flows_on(snapshot, tunnel, _TOP).reset_index(drop=True),
            flow_ids(snapshot.state, tunnel),
        )
        if not get_current_worker().is_cancelled:
            self.post_message(Looked(detail))

    @work(thread=True, exclusive=True, group="tunnel-sizes")
    def _measure(self, snapshot: Snapshot, tunnel: int) -> None:
        """Read packets of the tunnel again, evenly chosen where there are many."""
        worker = get_current_worker()
        state = snapshot.state
        rows = frames_on(state, tunnel)
        rows = rows[thinned_rows(len(rows), MOST_PACKETS)]
        numbers = rows + 1 if state.frame_number is None else state.frame_number[rows]
        packet, overhead = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        try:
            for part in in_parts(self.app.session.pages(snapshot), numbers):
                if worker.is_cancelled:
                    return
                some = packet_sizes(part.records[carried_by(state, tunnel, part.records)])
                packet.append(some.packet)
                overhead.append(some.overhead)
        except CaptureError as error:
            self.post_message(Measured(tunnel, escape(str(error))))
            return
        if not worker.is_cancelled:
            self.post_message(Measured(tunnel, Sizes(np.concatenate(packet), np.concatenate(overhead))))

    @on(Looked)
    def _show(self, message: Looked) -> None:
        detail = message.found
        if detail.row["tunnel"] != self.app.scope.tunnel:
            return
        self._detail = detail
        self._tenants.show(detail.tenants)
        self._flows.show(detail.flows)
        flows = int(detail.row["flows"])
        self.query_one("#tenants-pane", Pane).entitle(f"Tenants on it ({len(detail.tenants):,})")
        top = f"the {_TOP} largest of {flows:,}" if flows > _TOP else f"{flows:,}"
        self.query_one("#flows-pane", Pane).entitle(f"Flows on it ({top})")
        self.show_status(f"tunnel {detail.row['tunnel']}, {detail.row['encap']} · o shows all flows on it")
        self._draw()

    @on(Measured)
    def _show_sizes(self, message: Measured) -> None:
        if message.tunnel != self.app.scope.tunnel:
            return
        if isinstance(message.found, str):
            self.query_one(SizeHistogram).show(message.found)
        else:
            self._sizes = message.found
            self._draw()

    def _draw(self) -> None:
        """In the colours of the theme."""
        if self._detail is None:
            return
        row, names = self._detail.row, self.app.settings.names
        ends = [("→ to", _word(row["pa_dst"], names), None), ("← to", _word(row["pa_src"], names), None)]
        self.query_one(SidesTable).show(tunnel_sides(row), self._style, above=ends, below=tunnel_words(row))
        self.query_one(FlowIdHistogram).show_flow_ids(self._detail.flow_ids, self.app.theme)
        if self._sizes is not None:
            packets = int(row["packets_fwd"]) + int(row["packets_rev"])
            self.query_one(SizeHistogram).show_sizes(self._sizes, self.app.theme, total=packets)

    # --- going on ----------------------------------------------------------------------------------------------------

    @on(FrameTable.Opened)
    def _open(self, message: FrameTable.Opened) -> None:
        row = self.row(str(message.table.id))
        if message.table is self._flows:
            self.app.go("flow_detail", self.app.scope.into(flow_step(row)))
        else:
            tenant = tenant_step(row["encap"], row["vsid"], self.app.settings.names)
            self.app.go("flows", self.app.scope.into(tenant))

    def action_overlay(self) -> None:
        """All flows on it."""
        if self._detail is not None:
            self.app.go("flows", Scope((tunnel_step(self._detail.row),)))

    def action_underlay(self) -> None:
        """The tunnels that carry the selected flow."""
        if self._flows.has_focus and self._flows.row_count:
            self.app.go("tunnels", Scope((flow_step(self.row("flows")),)))
        else:
            super().action_underlay()

    def selection(self) -> Selection | None:
        """The flow or tenant under the cursor, else the tunnel itself."""
        tunnel = self.app.scope.tunnel
        return super().selection() or (None if tunnel is None else Selection("tunnels", (tunnel,)))

    def remember(self) -> Any:
        """Where both tables stand, and which has the focus."""
        return self._tenants.has_focus, self._tenants.view(), self._flows.view()

    def recall(self, place: Any) -> None:
        """Stand there again."""
        if place is not None:
            tenants_focused, tenants, flows = place
            self._tenants.recall(tenants)
            self._flows.recall(flows)
            (self._tenants if tenants_focused else self._flows).focus()


def _word(address: Any, names: Names) -> str:
    """A provider address with its name."""
    return "-" if pd.isna(address) else pa_text(str(address), names)
