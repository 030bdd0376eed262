"""Flow detail: both directions side by side, where it went, its health in words, sequence over time, and a ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import get_current_worker

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.presented import presented
from nvgre_inspect.display.sides import flow_sides
from nvgre_inspect.display.text import counted, duration, escape
from nvgre_inspect.display.values import ends
from nvgre_inspect.flows.flow_health import Remark, remarks
from nvgre_inspect.flows.flow_packets import FlowPackets, flow_packets, in_parts, thinned_rows
from nvgre_inspect.flows.flow_placements import flow_placements
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.compact import COMPACT
from nvgre_inspect.tui.copyables import of_packet
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens.panes import PanesScreen
from nvgre_inspect.tui.sharing import Copyable
from nvgre_inspect.tui.steps import flow_step, tunnel_step
from nvgre_inspect.tui.widgets.ladder import Ladder
from nvgre_inspect.tui.widgets.pane import Pane
from nvgre_inspect.tui.widgets.sequence_plot import SequencePlot, signs
from nvgre_inspect.tui.widgets.sides import SidesTable
from nvgre_inspect.tui.widgets.table import FrameTable

if TYPE_CHECKING:
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.model.snapshot import Snapshot

#: Packets of one flow that are read again, at 20 µs each and 100 bytes.
MOST_PACKETS = 20_000
_SHOWN = ("way", "tunnel", "flow_id", "share", "packets", "path", "from_to")
_GOOD = themes.Severity("✓", "good")


@dataclass(frozen=True, slots=True)
class Detail:
    """What is drawn of one flow, worked out in a thread."""

    row: dict[str, Any]
    #: Initiator and responder, as tables show them.
    ends: tuple[str, str]
    remarks: Sequence[Remark]
    placements: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Read:
    """Packets of the flow, read again."""

    #: Of the whole flow; where it is long some are left out, evenly.
    overall: FlowPackets
    #: The first packets, none left out.
    first: FlowPackets
    #: Packets of the flow.
    total: int


@dataclass
class Looked(Message):
    """The worker has looked at the tables."""

    found: Detail


@dataclass
class PacketsRead(Message):
    """The worker has read the packets of that flow, or a sentence says why not."""

    flow: int
    found: Read | str


def detail(snapshot: Snapshot, flow: int) -> Detail:
    """What the tables know of the flow of that number (from 1)."""
    place = snapshot.state.flow_row(flow)
    rows = snapshot.flows.iloc[place : place + 1]
    row = {str(name): value for name, value in rows.iloc[0].items()}
    shown = rows.astype({name: object for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)})
    (source,), (destination,) = ends(shown, "src")[0], ends(shown, "dst")[0]
    return Detail(row, (source, destination), remarks(row), flow_placements(snapshot, flow))


class FlowDetailScreen(PanesScreen):
    """One flow: the last one in the scope."""

    NAME = "flow_detail"
    TITLE = "Flow"
    TABLES: ClassVar[tuple[str, ...]] = ("flows",)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 (Textual declares no class variable)
    DEFAULT_CSS = """
    FlowDetailScreen {
        & #about { height: 16; max-height: 53%; }
        & #about > SidesTable { width: 43; }
        & #health { height: auto; max-height: 5; padding: 0 1; }
        & #packets { height: 1fr; }
        &.-wide #packets { layout: horizontal; }
        &.-wide #packets > * { width: 1fr; }
        &.-wide #plot-pane { margin-right: 1; }
        &.-wide #health { max-height: 9; }
        /* Where there is room for one of them, the other is its heading. */
        &.-narrow #packets > .-folded { height: 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._placements = FrameTable(
            ("direction", "tunnel", "pa_src", "pa_dst", "flow_id", "path"), style_of=self._style, id="placements"
        )
        self._plot = SequencePlot(id="plot")
        self._ladder = Ladder(style_of=self._style, id="ladder")
        self._detail: Detail | None = None
        self._read: Read | None = None

    def _style(self, name: str) -> Style:
        return themes.style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """Counters beside health and placements; below them the packets, as a plot and as a ladder."""
        with Horizontal(id="about"):
            yield SidesTable()
            with Vertical():
                yield Static(id="health", markup=False)
                yield Pane("Placements", [self._placements], id="placements-pane")
        with Container(id="packets"):
            yield Pane("Sequence", [self._plot], id="plot-pane")
            yield Pane("Ladder", [self._ladder], id="ladder-pane").add_class("-folded")

    def on_mount(self) -> None:
        """Columns are known before there are rows."""
        columns = presented(TABLES["placements"], self.app.settings.names, self.app.time_style)
        self._placements.present({**columns, **COMPACT["placements"]}, _SHOWN)
        self._plot.focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def on_resize(self) -> None:
        """There may be room for more now."""
        self.call_after_refresh(self._draw)

    def panes(self) -> Sequence[Widget]:
        """The parts that can have the focus."""
        return self._placements, self._plot, self._ladder

    def tables(self) -> Mapping[str, FrameTable]:
        """Those that are tables."""
        return {"placements": self._placements}

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The plot or the ladder, whichever was looked at last, has the room."""
        if event.widget in (self._plot, self._ladder):
            self.query_one("#plot-pane").set_class(event.widget is self._ladder, "-folded")
            self.query_one("#ladder-pane").set_class(event.widget is self._plot, "-folded")

    # --- what is new -------------------------------------------------------------------------------------------------

    def scope_changed(self, scope: Scope) -> None:
        """Another flow: nothing is known of it yet."""
        self._detail = self._read = None

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Look again. Packets are read again once, when all were counted."""
        flow = self.app.scope.flow
        if flow is None or snapshot.state.flow_row(flow) < 0:
            gone = flow is not None and flow <= snapshot.state.last_flow
            self.show_status(
                "this flow is not kept any more: 4 lists those that are"
                if gone
                else "no flow is selected: 4 lists them"
            )
            return
        self._look(snapshot, flow)
        if self._read is None:
            self._say("when all is read" if self.app.loading else "reading packets …")
            if not self.app.loading:
                self._read_again(snapshot, flow)

    @work(thread=True, exclusive=True, group="flow-detail")
    def _look(self, snapshot: Snapshot, flow: int) -> None:
        found = detail(snapshot, flow)
        if not get_current_worker().is_cancelled:
            self.post_message(Looked(found))

    @work(thread=True, exclusive=True, group="flow-packets")
    def _read_again(self, snapshot: Snapshot, flow: int) -> None:
        worker = get_current_worker()
        try:
            found = read_again(self.app.session.pages(snapshot), snapshot, flow, lambda: worker.is_cancelled)
        except CaptureError as error:
            self.post_message(PacketsRead(flow, escape(str(error))))
            return
        if not worker.is_cancelled:
            self.post_message(PacketsRead(flow, found))

    def _say(self, words: str) -> None:
        """Instead of packets."""
        self.query_one("#plot-pane", Pane).show(words)
        self.query_one("#ladder-pane", Pane).show(words)

    @on(Looked)
    def _show(self, message: Looked) -> None:
        found = message.found
        if found.row["flow"] != self.app.scope.flow:
            return
        self._detail = found
        self._placements.show(found.placements)
        pane = self.query_one("#placements-pane", Pane)
        pane.entitle(f"Placements ({len(found.placements):,})")
        pane.show("" if len(found.placements) else "outside any tunnel")
        self._draw()
        self._say_what(found.row)

    def _say_what(self, row: Mapping[str, Any]) -> None:
        tenant = row["encap"] if pd.isna(row["vsid"]) else f"{row['encap']} {row['vsid']}"
        words = [
            f"flow {row['flow']}",
            str(tenant),
            str(row["protocol"]),
            str(row["state"]),
            duration(row["duration_s"]),
        ]
        if not pd.isna(row["handshake_rtt_ms"]):
            words.append(f"round trip {duration(row['handshake_rtt_ms'] / 1000)}")
        self.show_status(escape(" · ".join(map(str, words))))

    @on(PacketsRead)
    def _show_packets(self, message: PacketsRead) -> None:
        if message.flow != self.app.scope.flow:
            return
        if isinstance(message.found, str):
            self._say(message.found)
        else:
            self._read = message.found
            self._say("")
            self._draw()

    def _draw(self) -> None:
        """In the colours of the theme."""
        if self._detail is None:
            return
        ends = [("→ to", self._detail.ends[1], None), ("← to", self._detail.ends[0], None)]
        lines, heading = flow_sides(self._detail.row), ""
        if self.has_class("-narrow"):
            lines, all_lines = [line for line in lines if not line.is_nothing], lines
            heading = "all others: 0" if len(lines) < len(all_lines) else ""
        self.query_one(SidesTable).show(lines, self._style, above=ends, heading=heading)
        self.query_one("#health", Static).update(self._health(self._detail.remarks))
        if self._read is not None:
            self._draw_packets(self._detail, self._read)

    def _draw_packets(self, found: Detail, read: Read) -> None:
        overall, first = read.overall, read.first
        kind = "Sequence" if overall.any_tcp else "Bytes sent"
        some = f" ({len(overall):,} of {counted(read.total, 'packet')}) " if len(overall) < read.total else " "
        heading = Text.assemble((kind, "bold"), some).append_text(signs(overall, self.app.theme))
        self.query_one("#plot-pane", Pane).entitle(heading)
        self._plot.show(overall, self.app.theme)
        part = f"the first {len(first):,} of {read.total:,} packets" if len(first) < read.total else f"{read.total:,}"
        self.query_one("#ladder-pane", Pane).entitle(Text.assemble(("Ladder", "bold"), f" ({part})"))
        self._ladder.show(first, found.ends)

    def _health(self, found: Sequence[Remark]) -> Text:
        lines = []
        for remark in found:
            shown = _GOOD if remark.severity == "good" else themes.severity(remark.severity)
            lines.append(Text.assemble((f"{shown.symbol} ", self._style(shown.style)), escape(remark.text)))
        return Text("\n").join(lines)

    # --- going on ----------------------------------------------------------------------------------------------------

    def _tunnel(self) -> Step | None:
        """The tunnel of the placement under the cursor; says why if there is none."""
        if not self._placements.row_count:
            self.explain("this flow is outside any tunnel")
            return None
        place = self.row("placements")
        if place["tunnel"] is None:
            self.explain("this row collects what exceeds 256 placements of a flow")
            return None
        return tunnel_step(place)

    @on(FrameTable.Opened)
    def _open_tunnel(self) -> None:
        step = self._tunnel()
        if step is not None:
            self.app.go("tunnel_detail", self.app.scope.into(step))

    @on(Ladder.Opened)
    def _open_packet(self, message: Ladder.Opened) -> None:
        step = Step(Kind.PACKET, message.number, f"packet {message.number}")
        self.app.go("packets", self.app.scope.into(step))

    def action_overlay(self) -> None:
        """The flows on the tunnel of the selected placement."""
        step = self._tunnel()
        if step is not None:
            self.app.go("flows", Scope((step,)))

    def action_underlay(self) -> None:
        """The tunnels that carry it."""
        if self._detail is None or not len(self._detail.placements):
            self.explain("this flow is outside any tunnel")
        else:
            self.app.go("tunnels", Scope((flow_step(self._detail.row),)))

    def selection(self) -> Selection | None:
        """The packet under the ladder's cursor while it has the focus, else the flow."""
        if self._ladder.has_focus and self._ladder.cursor_number is not None:
            return Selection("packets", (self._ladder.cursor_number,), "number", self._ladder.cursor_number)
        flow = self.app.scope.flow
        return None if flow is None else Selection("flows", (flow,))

    def copyables_of(self, selected: Selection) -> list[Copyable]:
        """The packet's bytes, or the flow's row."""
        if selected.table != "packets" or self.app.snapshot is None:
            return super().copyables_of(selected)
        pages, number = self.app.session.pages(self.app.snapshot), int(selected.keys[0])
        return of_packet(number, lambda: pages.frame(number).data)

    def remember(self) -> Any:
        """What has the focus, and where placements and ladder stand."""
        focused = next((place for place, pane in enumerate(self.panes()) if pane.has_focus), 1)
        return focused, self._placements.view(), self._ladder.cursor_number

    def recall(self, place: Any) -> None:
        """Stand there again."""
        if place is not None:
            focused, placements, number = place
            self._placements.recall(placements)
            self._ladder.select(number)
            self.panes()[focused].focus()


def read_again(pages: PacketPages, snapshot: Snapshot, flow: int, cancelled: Callable[[], bool]) -> Read:
    """The packets of the flow of that number, once more. CaptureError where they cannot be read again."""
    row = snapshot.state.flow_row(flow)
    numbers = pages.numbers_of(np.array([row]))
    initiator = int(snapshot.state.flows["initiator"][row])

    def some(chosen: npt.NDArray[np.int64], *, thinned: bool = False) -> FlowPackets:
        parts = takewhile(lambda _: not cancelled(), in_parts(pages, chosen))
        return flow_packets(parts, initiator, thinned=thinned)

    first = some(numbers[:MOST_PACKETS])
    if len(numbers) <= MOST_PACKETS:
        return Read(first, first, len(numbers))
    return Read(some(numbers[thinned_rows(len(numbers), MOST_PACKETS)], thinned=True), first, len(numbers))
