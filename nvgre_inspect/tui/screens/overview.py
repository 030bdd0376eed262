"""Overview: the capture as a whole. One look says what it is, who uses it, and whether something is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import get_current_worker

from nvgre_inspect.display import facts, states
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.shares import protocol_packets
from nvgre_inspect.flows.throughput import Throughput, throughput
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.compact import COMPACT
from nvgre_inspect.tui.live_columns import columns_of
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.panes import PanesScreen
from nvgre_inspect.tui.steps import tenant_step, tunnel_step
from nvgre_inspect.tui.widgets.pane import Pane
from nvgre_inspect.tui.widgets.table import FrameTable
from nvgre_inspect.tui.widgets.throughput import ThroughputChart

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot

#: Sentences about what is wrong that are shown; the rest is counted.
_SENTENCES = 4
_SEVERITIES = ("critical", "error", "warning", "note")
#: Columns of each table that one look needs; the screens of the same names have all.
_SHOWN = {
    "tenants": ("tenant", "wire", "retransmission_pct", "flows", "packets", "tunnels", "overhead_pct", "anomalies"),
    "tunnels": ("ends", "wire", "icmp_errors", "fragments", "flow_ids", "encap"),
    "findings": ("finding", "count", "tenant", "code"),
}
#: The same while capturing.
_RATES = {
    "tenants": ("tenant", "packets_per_s", "bits_per_s", "recent", "wire", "retransmission_pct", "flows", "anomalies"),
    "tunnels": ("ends", "packets_per_s", "bits_per_s", "recent", "icmp_errors"),
}


@dataclass(frozen=True, slots=True)
class Glance:
    """What the overview draws, worked out in a thread."""

    snapshot: Snapshot
    throughput: Throughput
    #: Packets by protocol, the largest first.
    protocols: pd.Series[int]
    #: Rows of the tables in the order in which they are shown.
    tenants: npt.NDArray[np.int64]
    tunnels: npt.NDArray[np.int64]
    findings: npt.NDArray[np.int64]


@dataclass
class Glanced(Message):
    """The worker has looked."""

    seen: Glance

    def can_replace(self, message: Message) -> bool:
        """Only the last look counts."""
        return isinstance(message, Glanced)


def glance(snapshot: Snapshot) -> Glance:
    """Order the tables, largest and gravest first."""
    tenants, tunnels, findings = snapshot.tenants, snapshot.tunnels, snapshot.findings
    grave = findings["severity"].astype(str).map(_SEVERITIES.index).to_numpy(np.int64)
    return Glance(
        snapshot,
        throughput(snapshot),
        protocol_packets(snapshot.state),
        np.argsort(-tenants["wire_bytes"].to_numpy(), kind="stable"),
        np.argsort(-(tunnels["wire_bytes_fwd"] + tunnels["wire_bytes_rev"]).to_numpy(), kind="stable"),
        np.lexsort((-findings["count"].to_numpy(), grave)),
    )


class OverviewScreen(PanesScreen):
    """The capture as a whole."""

    NAME = "overview"
    TABLES: ClassVar[tuple[str, ...]] = ("captures", "tenants", "tunnels", "findings")
    DEFAULT_CSS = """
    OverviewScreen {
        /* What it says is among the facts, where there is room for all of it. */
        & > #notice { height: 0; }
        & #facts { height: auto; max-height: 8; padding: 0 1; }
        & ThroughputChart { height: 5fr; }
        & #tops { height: 4fr; }
        & #findings-pane { height: 2fr; }
        & #tenants-pane { margin-right: 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tables = {
            "tenants": FrameTable(("encap", "vsid"), style_of=self._style, id="tenants"),
            "tunnels": FrameTable(("tunnel",), style_of=self._style, id="tunnels"),
            "findings": FrameTable(("code", "encap", "vsid", "tunnel"), style_of=self._style, id="findings"),
        }
        self._glance: Glance | None = None

    def _style(self, name: str) -> Any:
        return themes.style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """Facts, throughput, tenants and tunnels side by side, findings."""
        yield Static(id="facts", markup=False)
        yield ThroughputChart()
        with Horizontal(id="tops"):
            yield Pane("Tenants", [self._tables["tenants"]], id="tenants-pane")
            yield Pane("Tunnels", [self._tables["tunnels"]], id="tunnels-pane")
        yield Pane("Findings", [self._tables["findings"]], id="findings-pane")

    def on_mount(self) -> None:
        """Columns are known before there are rows."""
        rates = _RATES if self.app.session.is_live else {}
        for name, table in self._tables.items():
            table.present({**columns_of(self.app, name), **COMPACT[name]}, rates.get(name, _SHOWN[name]))
        self._tables["tenants"].focus()
        if self.app.loading:
            self.query_one("#facts", Static).update("reading …")
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def panes(self) -> Sequence[Widget]:
        """The parts that can have the focus."""
        return list(self._tables.values())

    def tables(self) -> Mapping[str, FrameTable]:
        """Those that are tables: all."""
        return self._tables

    # --- what is new -------------------------------------------------------------------------------------------------

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Look again."""
        self._look(snapshot)

    def nothing_read(self, why: str) -> None:
        """There is nothing to look at."""
        shown = themes.severity("warning")
        self.query_one("#facts", Static).update(Text(f"{shown.symbol} {why}", self._style(shown.style)))

    @work(thread=True, exclusive=True, group="glance")
    def _look(self, snapshot: Snapshot) -> None:
        seen = glance(snapshot)
        if not get_current_worker().is_cancelled:
            self.post_message(Glanced(seen))

    @on(Glanced)
    def _show(self, message: Glanced) -> None:
        self._glance = seen = message.seen
        self._show_facts(seen.snapshot)
        self._draw()
        snapshot = seen.snapshot
        for name, rows in (("tenants", seen.tenants), ("tunnels", seen.tunnels), ("findings", seen.findings)):
            self._tables[name].show(snapshot.table(name), rows)
            self.query_one(f"#{name}-pane", Pane).entitle(f"{name.capitalize()} ({len(rows):,})")
        self._show_reasons(seen)
        self.show_status(_verdict(snapshot, whole=not self.app.loading))

    def _draw(self) -> None:
        if self._glance is not None:
            chart = self.query_one(ThroughputChart)
            chart.show(self._glance.throughput, self.app.settings.names, self.app.theme)

    def _show_facts(self, snapshot: Snapshot) -> None:
        captures = snapshot.captures
        text = Text("\n".join(facts.facts(captures)))
        worries = [*self.app.notices, *facts.losses(captures)]
        shown = themes.severity("warning")
        for sentence in worries[:_SENTENCES]:
            text.append(f"\n{shown.symbol} {sentence}", self._style(shown.style))
        if len(worries) > _SENTENCES:
            text.append(f"\n… and {len(worries) - _SENTENCES:,} more")
        self.query_one("#facts", Static).update(text)

    def _show_reasons(self, seen: Glance) -> None:
        """Why a part is empty."""
        snapshot = seen.snapshot
        tenants = tunnels = findings = ""
        if not snapshot.state.frames:
            options = self.app.session.options
            packets = int(snapshot.captures["packets"].sum())
            asked_for = {name: getattr(options, name) for name in ("read_filter", "tshark_filter", "interface")}
            tenants = "" if self.app.loading else states.no_packets(packets, **asked_for)
        elif not len(seen.tunnels):
            tunnels = states.no_tunnels(snapshot.state, facts.shares(seen.protocols))
        if not len(seen.findings):
            findings = "none so far" if self.app.loading else "nothing odd was seen"
        for name, words in (("tenants", tenants), ("tunnels", tunnels), ("findings", findings)):
            self.query_one(f"#{name}-pane", Pane).show(words)

    # --- going on ----------------------------------------------------------------------------------------------------

    @on(FrameTable.Opened)
    def _open(self, message: FrameTable.Opened) -> None:
        name = str(message.table.id)
        row = self.row(name)
        if name == "tenants":
            self.app.go("flows", Scope((self._tenant(row),)))
        elif name == "tunnels":
            self.app.go("tunnel_detail", Scope((tunnel_step(row),)))
        elif row["frames"] and self.app.has_screen("packets"):
            number = row["frames"][0]
            self.app.go("packets", Scope((Step(Kind.PACKET, number, f"packet {number}"),)))

    def _tenant(self, row: Mapping[str, Any]) -> Step:
        return tenant_step(row["encap"], row["vsid"], self.app.settings.names)

    def action_underlay(self) -> None:
        """The tunnels that carry the tenant."""
        if self.here() == "tenants":
            self.app.go("tunnels", Scope((self._tenant(self.row("tenants")),)))
        else:
            super().action_underlay()

    def action_overlay(self) -> None:
        """The flows on the tunnel, or of the tenant."""
        name = self.here()
        if name == "tunnels":
            self.app.go("flows", Scope((tunnel_step(self.row(name)),)))
        elif name == "tenants":
            self.app.go("flows", Scope((self._tenant(self.row(name)),)))
        else:
            super().action_overlay()

    def remember(self) -> Any:
        """Which table has the focus, and where each stands."""
        focused = next((name for name, table in self._tables.items() if table.has_focus), "tenants")
        return focused, {name: table.view() for name, table in self._tables.items()}

    def recall(self, place: Any) -> None:
        """Stand there again."""
        if place is None:
            return
        focused, views = place
        for name, view in views.items():
            self._tables[name].recall(view)
        self._tables[focused].focus()


def _verdict(snapshot: Snapshot, *, whole: bool) -> str:
    """One line: whether something is wrong, as far as it is known: `whole` says whether all was read."""
    counts = snapshot.findings["severity"].astype(str).value_counts()
    parts = [counted(int(counts[name]), name) for name in _SEVERITIES if name in counts]
    if not parts:
        return "no findings" if whole else "no findings so far"
    return f"{', '.join(parts)}: 6 shows {'it' if int(counts.sum()) == 1 else 'them'}"
