"""Packets: the packets within the scope as a list; Enter opens one as layers and bytes, which light up each other.

Rows and packets are read again by workers when they are looked at, `FrameSearch` finds which packets there are. Layers
and bytes stand below the list, one below the other on a narrow terminal, beside each other on a wide one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from nvgre_inspect.actions import Context
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.packet_columns import VIEWS, columns_of, packet_columns
from nvgre_inspect.display.packet_tree import Section, about_frame, sections
from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.filter import Filter, compile_filter
from nvgre_inspect.flows.filter.narrowing import narrowed
from nvgre_inspect.flows.filter.writing import cell_filter
from nvgre_inspect.flows.scoped import Narrow
from nvgre_inspect.tui.frame_search import Asked, FrameSearch, FramesFound
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.latest import Latest
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.scope import Scope, Step
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.screens.columns import ColumnsDialog
from nvgre_inspect.tui.steps import flow_step, tunnel_step
from nvgre_inspect.tui.theme import style
from nvgre_inspect.tui.widgets.hex_view import HexView
from nvgre_inspect.tui.widgets.packet_list import PacketList, Standing
from nvgre_inspect.tui.widgets.packet_tree import PacketTree

if TYPE_CHECKING:
    from dissectors.stack import Stack
    from nvgre_inspect.flows.packet_pages import PacketPages
    from nvgre_inspect.model.snapshot import Snapshot

#: Terminals of at least so many columns have room for all columns, and for layers beside bytes.
_ROOMY = 110
_WIDE = 140


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the screen stands."""

    filter: str = ""
    list: Standing = field(default_factory=Standing)
    open: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A packet that was read again."""

    number: int
    sections: tuple[Section, ...]
    stack: Stack


class PacketsScreen(InspectScreen):
    """The list of packets, and one of them in detail."""

    NAME = "packets"
    TABLES = ("flows", "tunnels")
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PACKETS)
    DEFAULT_CSS = """
    PacketsScreen {
        & #list { height: 1fr; min-height: 5; }
        & #nothing {
            display: none; height: 1fr; content-align: center middle; text-align: center; padding: 0 4;
            color: $text-muted;
        }
        & #detail { display: none; height: 2fr; layout: vertical; }
        & #tree, & #hex {
            height: 1fr; width: 1fr; border-top: solid $border-blurred; border-title-color: $text-muted;
            border-subtitle-color: $text-muted;
            &:focus { border-top: solid $accent; border-title-color: $accent; }
        }
        &.-empty #list { display: none; }
        &.-empty #nothing { display: block; }
        &.-open #detail { display: block; }
        &.-wide #detail { layout: horizontal; height: 1fr; }
        &.-wide #hex { width: 76; border-left: solid $border-blurred; }
        &.-only-list #detail { display: none; }
        &.-only-tree, &.-only-hex { & #list { display: none; } & #detail { height: 1fr; } }
        &.-only-tree #hex, &.-only-hex #tree { display: none; }
        &.-only-hex #hex { width: 1fr; border-left: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.packet_list = PacketList(style_of=self._style, id="list")
        self.packet_tree = PacketTree(style_of=self._style, id="tree")
        self.hex_view = HexView(style_of=self._style, id="hex")
        self._nothing = Static(id="nothing", markup=False)
        self._pages: PacketPages | None = None
        self._filter: Filter | None = None
        self._found: FramesFound | None = None
        self._view = next(iter(VIEWS))
        #: The packet to go to as soon as there is one.
        self._wanted: int | None = None
        self._opened: Opened | None = None
        self._search: FrameSearch | None = None
        self._rows = Latest(self, self._read_rows, self._rows_read, "packet-rows")
        self._packet = Latest(self, self._read_packet, self._packet_read, "packet")

    def _style(self, name: str) -> Style:
        return style(name, self.app.theme)

    def body(self) -> ComposeResult:
        """The list, and one packet below it."""
        self.packet_tree.border_title, self.hex_view.border_title = "Layers", "Bytes"
        yield self.packet_list
        yield self._nothing
        with Container(id="detail"):
            yield self.packet_tree
            yield self.hex_view

    def on_mount(self) -> None:
        """Columns are known before there are packets."""
        self._search = FrameSearch(self, self.app.session)
        self._present()
        self._show_words("reading …" if self.app.loading else "")
        self.packet_list.focus()

    def on_resize(self, event: Resize) -> None:
        """Columns and layout that fit."""
        self.set_class(event.size.width >= _WIDE, "-wide")
        if self.is_mounted:
            self._present()

    # --- columns -----------------------------------------------------------------------------------------------------

    def _present(self, shown: list[str] | None = None) -> None:
        narrow = self.size.width < _ROOMY
        columns = packet_columns(self.app.settings.names, self.app.time_style, narrow=narrow)
        self.packet_list.present(columns, shown or columns_of(self._view, narrow=narrow))

    def action_cycle_inner_outer(self) -> None:
        """The inner headers, the outer ones, both."""
        views = list(VIEWS)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._present()
        self.say()

    def action_time_format(self) -> None:
        """The next way to show times."""
        self.app.next_time_style()
        self._present(list(self.packet_list.shown))
        self._ask_packet()

    def action_show_columns(self) -> None:
        """Choose the columns."""

        def chosen(names: list[str] | None) -> None:
            if names:
                self._present(names)

        self.app.push_screen(ColumnsDialog(self.packet_list.presented, self.packet_list.shown), chosen)

    # --- which packets -----------------------------------------------------------------------------------------------

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """Find the packets again."""
        self._find()

    def scope_changed(self, scope: Scope) -> None:
        """A packet in the scope is where the list begins."""
        if scope.packet is not None:
            self.go_to(scope.packet, open_it=True)

    def _find(self) -> None:
        snapshot, scope = self.app.snapshot, self.app.scope
        if snapshot is None or self._search is None:
            return
        narrow = Narrow(scope.tenant, scope.tunnel, scope.flow, scope.flow_id)
        self._search.ask(Asked(snapshot, narrow, self._filter, str(scope), not self.app.loading))

    def on_frames_found(self, message: FramesFound) -> None:
        """Show what was found so far."""
        if self._search is None or not self._search.took(message):
            return
        self._found, self._pages = message, message.pages
        self.packet_list.following = self.app.following
        self.packet_list.show(message.numbers)
        if self._wanted is not None and self._is_here(self._wanted, message):
            self.packet_list.select(self._wanted)
            self._wanted = None
        self._show_words(message.words if message.finished and not len(message.numbers) else "")
        if message.words and len(message.numbers):
            self.explain(message.words)
        self._ask_packet()
        self.say()

    def _is_here(self, number: int, message: FramesFound) -> bool:
        last = int(message.numbers[-1]) if len(message.numbers) else 0
        return last >= number or (message.finished and message.asked.complete)

    def _show_words(self, words: str) -> None:
        self._nothing.update(words + (" so far" if words and self.app.loading and self.app.snapshot else ""))
        self.set_class(bool(words), "-empty")

    @property
    def filter_text(self) -> str:
        """The filter that packets pass."""
        return self._filter.text if self._filter else ""

    def apply_filter(self, text: str) -> None:
        """Show packets that pass this filter only; an empty one lets all through. FilterError if it is none."""
        self._filter = compile_filter(text, table="packets") if text.strip() else None
        self._find()

    @on(PacketList.CellFiltered)
    def _filter_on_cell(self, message: PacketList.CellFiltered) -> None:
        test = " && ".join(cell_filter("packets", name, value) for name, value in message.values)
        self.apply_filter(narrowed(self.filter_text, test))

    @on(PacketList.Unsortable)
    def _explain_order(self) -> None:
        self.explain("packets stay in the order of the capture")

    # --- rows and packets --------------------------------------------------------------------------------------------

    @on(PacketList.Wanted)
    def _ask_rows(self, message: PacketList.Wanted) -> None:
        if self._pages is not None:
            self._rows.ask((self._pages, message))

    @staticmethod
    def _read_rows(wanted: tuple[PacketPages, PacketList.Wanted]) -> pd.DataFrame | CaptureError:
        pages, message = wanted
        try:
            return pages.page(message.numbers)
        except CaptureError as error:
            return error

    def _rows_read(self, wanted: tuple[PacketPages, PacketList.Wanted], rows: pd.DataFrame | CaptureError) -> None:
        if isinstance(rows, CaptureError):
            self.explain(str(rows))
        else:
            self.packet_list.put(wanted[1].version, wanted[1].first, rows)

    def _ask_packet(self) -> None:
        number = self.packet_list.cursor_number
        if self.has_class("-open") and self._pages is not None and number is not None:
            self._packet.ask((self._pages, number, self.app.time_style))

    @staticmethod
    def _read_packet(wanted: tuple[PacketPages, int, str]) -> Opened | CaptureError:
        pages, number, time_style = wanted
        try:
            frame = pages.frame(number)
        except CaptureError as error:
            return error
        stack = pages.stack(frame)
        about = about_frame(number, frame, pages.interfaces[frame.interface], stack.path, time_style)
        return Opened(number, sections(stack, about), stack)

    def _packet_read(self, wanted: tuple[PacketPages, int, str], packet: Opened | CaptureError) -> None:
        if isinstance(packet, CaptureError):
            self.explain(str(packet))
            return
        self._opened = packet
        self.hex_view.show(packet.stack.frame, packet.stack.wire_len, packet.stack.inner_start)
        self.packet_tree.show(packet.sections)
        self.packet_tree.border_title = f"Layers of packet {packet.number}"
        line = self.packet_tree.line
        if line is not None:
            self.hex_view.highlight(line.start, line.length)
        self.say()

    @on(PacketList.Moved)
    def _follow_cursor(self) -> None:
        self._ask_packet()
        self.say()

    @on(PacketTree.Moved)
    def _light_bytes(self, message: PacketTree.Moved) -> None:
        self.hex_view.highlight(message.start, message.length)
        self.say()

    @on(HexView.Moved)
    def _light_field(self, message: HexView.Moved) -> None:
        self.packet_tree.select_byte(message.offset)
        line = self.packet_tree.line
        if line is not None and message.offset in line:
            self.hex_view.light(line.start, line.length)
        self.say()

    def say(self) -> None:
        """The status line."""
        rows = self.packet_list.row_count
        words = [f"{self.packet_list.cursor_row + 1:,} of {counted(rows, 'packet')}" if rows else "no packets"]
        found = self._found
        if found is not None and not found.finished and found.total:
            words.append(f"looking {100 * found.done // found.total} %")
        elif found is not None and found.total != rows:
            words.append(f"{found.total:,} without the filter")
        if self.packet_list.marked:
            words.append(f"{len(self.packet_list.marked):,} marked")
        words.append(f"{self._view} headers")
        lit = self.hex_view.highlighted
        if self.has_class("-open") and lit:
            words.append(f"byte {lit[0]}" if len(lit) == 1 else f"bytes {lit[0]}-{lit[-1]}")
        self.show_status(" · ".join(words))

    # --- panes -------------------------------------------------------------------------------------------------------

    @on(PacketList.Opened)
    def open_packet(self) -> None:
        """Show the packet under the cursor in detail; when it is shown already, go there."""
        if self.has_class("-open"):
            self.remove_class("-only-list")
            self.packet_tree.focus()
        else:
            self.add_class("-open")
            self._ask_packet()

    def action_back(self) -> None:
        """Out of a maximised pane; close the packet; clear the filter; to where one was before."""
        if self._maximised:
            self._maximise(None)
        elif self.has_class("-open"):
            self.remove_class("-open")
            self.packet_list.focus()
            self.say()
        elif self._filter is not None:
            self.apply_filter("")
        else:
            super().action_back()

    @property
    def _panes(self) -> list[Widget]:
        return [
            pane for pane in (self.packet_list, self.packet_tree, self.hex_view) if pane.id and self._is_shown(pane)
        ]

    def _is_shown(self, pane: Widget) -> bool:
        return self._maximised in ("", pane.id) and (pane is self.packet_list or self.has_class("-open"))

    @property
    def _maximised(self) -> str:
        return next((name for name in ("list", "tree", "hex") if self.has_class(f"-only-{name}")), "")

    def action_next_pane(self) -> None:
        """To the next pane."""
        self._beside(1)

    def action_previous_pane(self) -> None:
        """To the pane before."""
        self._beside(-1)

    def _beside(self, step: int) -> None:
        panes = self._panes
        if self.focused in panes and len(panes) > 1:
            panes[(panes.index(self.focused) + step) % len(panes)].focus()

    def action_maximise(self) -> None:
        """The pane fills the screen, and back."""
        self._maximise(None if self._maximised else self.focused)

    def _maximise(self, pane: Widget | None) -> None:
        for each in (self.packet_list, self.packet_tree, self.hex_view):
            self.set_class(each is pane, f"-only-{each.id}")
        if pane is None and self.focused is None:
            self.packet_list.focus()

    # --- from here to elsewhere --------------------------------------------------------------------------------------

    def go_to(self, number: int, *, open_it: bool = False) -> None:
        """Put the cursor on the packet with that number, now or as soon as it is here; else on the next one."""
        self.set_class(open_it or self.has_class("-open"), "-open")
        if self._found is None or not self._is_here(number, self._found):
            self._wanted = number
        elif not self.packet_list.select(number):
            self.explain(f"packet {number} is not among these: this is the next one")

    def action_underlay(self) -> None:
        """The tunnels that carry the packet's flow."""
        self._pivot("tunnels")

    def action_overlay(self) -> None:
        """The flows on the packet's tunnel."""
        self._pivot("flows")

    def _pivot(self, screen: str) -> None:
        number, snapshot = self.packet_list.cursor_number, self.app.snapshot
        if self._pages is not None and number is not None and snapshot is not None:
            self._find_steps(screen, self._pages, snapshot, number)

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

    def selection(self) -> Selection | None:
        """The marked packets, else the one under the cursor."""
        number = self.packet_list.cursor_number
        if number is None:
            return None
        name = self.packet_list.cell_column
        return Selection(
            "packets", tuple(sorted(self.packet_list.marked)) or (number,), name, self.packet_list.value(name)
        )

    def remember(self) -> Stand:
        """Filter, cursor, marks, whether a packet is open."""
        return Stand(self.filter_text, self.packet_list.standing(), self.has_class("-open"))

    def recall(self, place: Any) -> None:
        """All that as it was."""
        stand = place if isinstance(place, Stand) else Stand()
        self._filter = compile_filter(stand.filter, table="packets") if stand.filter else None
        self.set_class(stand.open, "-open")
        self.packet_list.stand(stand.list)
        self._wanted = stand.list.number
        self.missed_something()


def _row(table: pd.DataFrame, row: int) -> dict[str, Any]:
    return {name: table[name].iloc[row] for name in table.columns}
