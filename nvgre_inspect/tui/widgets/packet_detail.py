"""PacketDetail: one packet as layers and as bytes; moving in either lights up the same in the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from dissectors.stack import Stack
from nvgre_inspect.display.packet_tree import Line, Section
from nvgre_inspect.tui.widgets.hex_view import HexView
from nvgre_inspect.tui.widgets.packet_tree import PacketTree


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that was read again."""

    number: int
    stack: Stack
    sections: tuple[Section, ...]
    #: Who took it apart, if not we ourselves.
    by: str = ""


class PacketDetail(Container):
    """The layers above the bytes; with the class `-wide` beside them."""

    DEFAULT_CSS = """
    PacketDetail {
        layout: vertical;
        & PacketTree, & HexView {
            height: 1fr; width: 1fr; border-top: solid $border-blurred; border-title-color: $text-muted;
            &:focus { border-top: solid $accent; border-title-color: $accent; }
        }
        &.-wide { layout: horizontal; }
        &.-wide HexView { width: 76; border-left: solid $border-blurred; }
        &.-only-tree HexView, &.-only-hex PacketTree { display: none; }
        &.-only-hex HexView { width: 1fr; border-left: none; }
    }
    """

    @dataclass
    class Moved(Message):
        """Another field or byte is pointed at."""

        detail: PacketDetail

    def __init__(
        self,
        *,
        style_of: Callable[[str], Style] = lambda _: Style.null(),
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """`style_of` makes a Rich style of `display`'s names of styles."""
        super().__init__(id=id)
        self.layers_tree = PacketTree(style_of=style_of, id="tree")
        self.hex_view = HexView(style_of=style_of, id="hex")
        self.packet: Packet | None = None

    def compose(self) -> ComposeResult:
        """Layers and bytes."""
        self.layers_tree.border_title, self.hex_view.border_title = "Layers", "Bytes"
        yield self.layers_tree
        yield self.hex_view

    def show(self, packet: Packet) -> None:
        """Show this packet. What was unfolded and pointed at stays so, if the packet has it too."""
        self.packet = packet
        stack = packet.stack
        self.layers_tree.border_title = f"Layers of packet {packet.number}{f', by {packet.by}' if packet.by else ''}"
        self.hex_view.show(stack.frame, stack.wire_len, stack.inner_start)
        self.layers_tree.show(packet.sections)
        if self.line is not None:
            self.hex_view.highlight(self.line.start, self.line.length)

    @property
    def line(self) -> Line | None:
        """The line of the layers that is pointed at."""
        return self.layers_tree.line

    @property
    def lit(self) -> range:
        """Offsets of the bytes that are lit."""
        return self.hex_view.highlighted

    @on(PacketTree.Moved)
    def _light_bytes(self, message: PacketTree.Moved) -> None:
        message.stop()
        self.hex_view.highlight(message.start, message.length)
        self.post_message(self.Moved(self))

    @on(HexView.Moved)
    def _light_field(self, message: HexView.Moved) -> None:
        message.stop()
        self.layers_tree.select_byte(message.offset)
        line = self.line
        if line is not None and message.offset in line:
            self.hex_view.light(line.start, line.length)
        else:
            self.hex_view.light(message.offset, 1)
        self.post_message(self.Moved(self))
