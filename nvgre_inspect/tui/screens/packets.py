"""Packets: the list of packets within the scope; Enter opens one as layers and bytes, which light up each other.

Layers and bytes stand below the list, one below the other on a narrow terminal, beside each other on a wide one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Resize
from textual.widget import Widget

from nvgre_inspect.actions import Context
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.byte_text import hex_stream
from nvgre_inspect.display.packet_tree import about_frame, sections
from nvgre_inspect.display.text import escape
from nvgre_inspect.session import UsageError
from nvgre_inspect.tui.asking import settings_of
from nvgre_inspect.tui.copyables import of_packet
from nvgre_inspect.tui.deep import deep_sections
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.latest import Latest
from nvgre_inspect.tui.scope import Scope, Step
from nvgre_inspect.tui.screens.packet_rows import PacketRowsScreen
from nvgre_inspect.tui.sharing import Copyable
from nvgre_inspect.tui.steps import flow_step, tunnel_step
from nvgre_inspect.tui.widgets.packet_detail import Packet, PacketDetail
from nvgre_inspect.tui.widgets.packet_list import PacketList, Standing
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError
from nvgre_inspect.with_tshark.deep import deep

if TYPE_CHECKING:
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Session

#: Terminals of at least so many columns have room for layers beside bytes.
_WIDE = 140

PacketAsked = tuple["PacketPages", int, str]
DeepAsked = tuple["Session", "Snapshot", Settings, PacketAsked]


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the screen stands."""

    filter: str = ""
    list: Standing = field(default_factory=Standing)
    open: bool = False


class PacketsScreen(PacketRowsScreen):
    """The list of packets, and one of them in detail."""

    NAME = "packets"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PACKETS)
    DEFAULT_CSS = """
    PacketsScreen {
        & #detail { display: none; height: 2fr; }
        &.-open #detail { display: block; }
        & #detail.-wide { height: 1fr; }
        &.-only-list #detail { display: none; }
        &.-only-tree #list, &.-only-hex #list { display: none; }
        &.-only-tree #detail, &.-only-hex #detail { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.detail = PacketDetail(style_of=self.style_named, id="detail")
        self._packet = Latest(self, self._read_packet, self._packet_read, "packet")
        self._deep = Latest(self, self._read_deep, self._deep_read, "deep")

    def body(self) -> ComposeResult:
        """The list, one packet below it, the filter."""
        below = [*super().body()]
        yield from below[:-1]
        yield self.detail
        yield below[-1]

    def on_resize(self, event: Resize) -> None:
        """A layout that fits."""
        self.detail.set_class(event.size.width >= _WIDE, "-wide")

    # --- the packet --------------------------------------------------------------------------------------------------

    def _ask_packet(self) -> None:
        number = self.packet_list.cursor_number
        if self.is_open and self.pages is not None and number is not None:
            self._packet.ask((self.pages, number, self.app.time_style))

    @staticmethod
    def _read_packet(asked: PacketAsked) -> Packet | CaptureError:
        pages, number, time_style = asked
        try:
            frame = pages.frame(number)
        except CaptureError as error:
            return error
        stack = pages.stack(frame)
        about = about_frame(number, frame, pages.interfaces[frame.interface], stack.path, time_style)
        return Packet(number, stack, sections(stack, about))

    def _packet_read(self, asked: PacketAsked, packet: Packet | CaptureError) -> None:
        if isinstance(packet, CaptureError):
            self.explain(escape(str(packet)))
        else:
            self.detail.show(packet)
            self.say()

    def action_deep(self) -> None:
        """The packet under the cursor by tshark; once more: as we have it."""
        number, snapshot, shown = self.packet_list.cursor_number, self.app.snapshot, self.detail.packet
        if self.pages is None or number is None or snapshot is None:
            self.explain("there is no packet to ask tshark about")
        elif self.is_open and shown is not None and shown.number == number and shown.by:
            self._ask_packet()
        else:
            self.open_packet()
            self.show_status(f"asking tshark about packet {number} …")
            self._deep.ask((self.app.session, snapshot, settings_of(self), (self.pages, number, self.app.time_style)))

    @classmethod
    def _read_deep(cls, asked: DeepAsked) -> Packet | CaptureError | UsageError | TsharkError:
        session, snapshot, settings, plain = asked
        ours = cls._read_packet(plain)
        if isinstance(ours, CaptureError):
            return ours
        try:
            found = deep(session, ours.number, settings, snapshot=snapshot)
        except (CaptureError, UsageError, TsharkError) as error:
            return error
        return replace(ours, sections=deep_sections(ours.sections, found), by="tshark")

    def _deep_read(self, asked: DeepAsked, packet: Packet | CaptureError | UsageError | TsharkError) -> None:
        if not isinstance(packet, Packet):
            self.say()
            self.explain(escape(str(packet)))
        elif packet.number == self.packet_list.cursor_number:
            self.detail.show(packet)
            self.say()

    def cursor_moved(self) -> None:
        """The packet under the cursor is shown in detail."""
        if self.detail.packet is None or self.detail.packet.number != self.packet_list.cursor_number:
            self._ask_packet()
        self.say()

    @on(PacketDetail.Moved)
    def _pointed(self) -> None:
        self.say()

    def action_time_format(self) -> None:
        """The next way to show times."""
        super().action_time_format()
        self._ask_packet()

    def words(self) -> list[str]:
        """What the status line says: also which bytes are lit."""
        words, lit = super().words(), self.detail.lit
        if self.is_open and lit:
            words.append(f"byte {lit[0]}" if len(lit) == 1 else f"bytes {lit[0]}-{lit[-1]}")
        return words

    # --- panes -------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a packet is shown in detail."""
        return self.has_class("-open")

    def open_packet(self, *, opened: bool = True) -> None:
        """Show the packet under the cursor in detail, or no longer."""
        self.set_class(opened, "-open")
        if opened:
            self._ask_packet()
        else:
            self.packet_list.focus()
        self.say()

    @on(PacketList.Opened)
    def _drill_down(self) -> None:
        """Open the packet; one that is open already is gone into."""
        if self.is_open:
            self._maximise(None)
            self.detail.layers_tree.focus()
        else:
            self.open_packet()

    def action_back(self) -> None:
        """Out of a maximised pane; close the packet; then as for every list."""
        if self._maximised:
            self._maximise(None)
        elif self.is_open:
            self.open_packet(opened=False)
        else:
            super().action_back()

    @property
    def _panes(self) -> list[Widget]:
        return [self.packet_list, self.detail.layers_tree, self.detail.hex_view]

    @property
    def _maximised(self) -> str:
        """Id of the pane that fills the screen; empty: none does."""
        return next((str(pane.id) for pane in self._panes if self.has_class(f"-only-{pane.id}")), "")

    def _maximise(self, only: Widget | None) -> None:
        for pane in self._panes:
            for node in (self, self.detail):
                node.set_class(pane is only, f"-only-{pane.id}")

    def action_maximise(self) -> None:
        """The pane fills the screen, and back."""
        self._maximise(None if self._maximised or self.focused not in self._panes else self.focused)

    def action_next_pane(self) -> None:
        """To the next pane."""
        self._go_round(1)

    def action_previous_pane(self) -> None:
        """To the pane before."""
        self._go_round(-1)

    def _go_round(self, step: int) -> None:
        if not self.is_open:
            self.explain("there is one pane here; Enter opens the packet")
            return
        panes, maximised = self._panes, bool(self._maximised)
        at = panes.index(self.focused) if self.focused in panes else 0
        target = panes[(at + step) % len(panes)]
        if maximised:
            self._maximise(target)
        target.focus()

    # --- from here to elsewhere --------------------------------------------------------------------------------------

    def scope_changed(self, scope: Scope) -> None:
        """A packet in the scope is where the list begins, and open."""
        super().scope_changed(scope)
        if scope.packet is not None:
            self.select(scope.packet)
            self.open_packet()

    def action_underlay(self) -> None:
        """The tunnels that carry the packet's flow."""
        self._pivot("tunnels")

    def action_overlay(self) -> None:
        """The flows on the packet's tunnel."""
        self._pivot("flows")

    def _pivot(self, screen: str) -> None:
        number, snapshot = self.packet_list.cursor_number, self.app.snapshot
        if self.pages is not None and number is not None and snapshot is not None:
            self._find_steps(screen, self.pages, snapshot, number)

    @work(thread=True, exclusive=True, group="pivot")
    def _find_steps(self, screen: str, pages: PacketPages, snapshot: Snapshot, number: int) -> None:
        """A thread, as the tables may have to be built."""
        row = pages.flow_of(number)
        flow = None if row is None else flow_step(_row(snapshot.flows, row))
        try:
            row = pages.tunnel_of(number)
        except CaptureError:
            row = None
        tunnel = None if row is None else tunnel_step(_row(snapshot.tunnels, row))
        self.call_later(self._go_on, screen, flow, tunnel)

    def _go_on(self, screen: str, flow: Step | None, tunnel: Step | None) -> None:
        if tunnel is None or flow is None:
            self.explain("this packet is on no tunnel")
        elif screen == "tunnels":
            self.app.go(screen, self.app.scope.into(flow))
            self.app.select(tunnel.key)
        else:
            self.app.go(screen, Scope((tunnel,)))
            self.app.select(flow.key)

    def copyables(self) -> list[Copyable]:
        """What the open packet has that is pointed at, the packet's bytes, and what the list has."""
        offers, pages, number = super().copyables(), self.pages, self.packet_list.cursor_number
        if pages is None or number is None:
            return offers
        whole = of_packet(number, lambda: pages.frame(number).data)
        packet, line, lit = self.detail.packet, self.detail.line, self.detail.lit
        if not self.is_open or packet is None or line is None:
            return [*offers, *whole]
        pointed = [Copyable("this line", line.text)]
        if lit:
            pointed.append(Copyable("its bytes as a hex stream", hex_stream(packet.stack.frame[lit.start : lit.stop])))
        return [*offers, *pointed, *whole] if self.focused is self.packet_list else [*pointed, *whole, *offers]

    def remember(self) -> Stand:
        """Filter, cursor, marks, whether a packet is open."""
        return Stand(self.filter_text, self.packet_list.standing(), self.is_open)

    def recall(self, place: Any) -> None:
        """All that as it was."""
        stand = place if isinstance(place, Stand) else Stand()
        self.recall_filter(stand.filter)
        self.set_class(stand.open, "-open")
        self.packet_list.stand(stand.list)
        self._wanted = stand.list.number
        self.missed_something()


def _row(table: pd.DataFrame, row: int) -> dict[str, Any]:
    return {name: table[name].iloc[row] for name in table.columns}
