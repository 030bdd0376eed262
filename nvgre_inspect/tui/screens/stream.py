"""StreamScreen: what the two ends of a flow said, as text or as hexadecimal digits, over the screen it was asked from.

Limits: the first MAX_BYTES are shown; `nvgre-inspect follow` writes all of a stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from nvgre_inspect.actions import Context
from nvgre_inspect.capture import CaptureError
from nvgre_inspect.display.stream import end, stream_lines
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.session import UsageError
from nvgre_inspect.tui.clipboard import copy
from nvgre_inspect.tui.keymap import bindings, bindings_of, first_key
from nvgre_inspect.tui.latest import Latest
from nvgre_inspect.tui.theme import style
from nvgre_inspect.tui.widgets.line_view import LineView, Styled
from nvgre_inspect.wireshark.follow import Piece
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Session
    from nvgre_inspect.with_tshark.streams import Stream

#: Bytes of a stream that are shown: hundreds of screens.
MAX_BYTES = 4 << 20


class Said:
    """A stream as it was read: up to MAX_BYTES of it."""

    def __init__(self, found: Stream) -> None:
        self.title = f"Flow {found.flow}, {found.protocol}"
        self.ends = (escape(end(*found.ends[0])), escape(end(*found.ends[1])))
        self.pieces: list[Piece] = []
        self.bytes = 0
        #: Whether there was more.
        self.cut = found.left_out > 0
        for piece in found.pieces:
            self.pieces.append(piece)
            self.bytes += len(piece.data)
            if self.bytes > MAX_BYTES:
                self.cut = True
                break

    def lines(self, *, as_hex: bool) -> Iterator[Styled]:
        """Who speaks, and below it what is said."""
        yield from (Styled(*line) for line in stream_lines(self.pieces, *self.ends, as_hex=as_hex))
        if self.cut:
            yield Styled("… there is more: nvgre-inspect follow writes all of it", "note")


class StreamScreen(ModalScreen[None]):
    """Over the screen; the keys that close things close it, those of lists move in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Context.DIALOG),
        *bindings_of("back", "quit", "follow_stream", "cycle_inner_outer", "copy", "help"),
    ]
    DEFAULT_CSS = """
    StreamScreen {
        align: center middle;
        & > Vertical {
            width: 100%; height: 100%; background: $surface;
            border: round $border; border-title-color: $accent; border-subtitle-color: $text-muted;
        }
        & #stream-words { height: 1fr; content-align: center middle; color: $text-muted; }
        & LineView { display: none; }
        &.-there #stream-words { display: none; }
        &.-there LineView { display: block; }
    }
    """

    def __init__(
        self,
        session: Session,
        snapshot: Snapshot,
        settings: Settings,
        *,
        flow: int | None = None,
        packet: int | None = None,
    ) -> None:
        """The stream of that flow, or of the flow of that packet."""
        super().__init__()
        self._asked = (session, snapshot, settings, flow, packet)
        self._reading = Latest(self, self._read, self._read_done, "stream")
        self._said: Said | None = None
        self._as_hex = False
        self._box = Vertical()
        self._words = Static("asking tshark …", id="stream-words", markup=False)
        self._view = LineView(style_of=self._style_named)

    def _style_named(self, name: str | None) -> Style:
        return style(name, self.app.theme)

    def compose(self) -> ComposeResult:
        """What was said, or why there is nothing."""
        with self._box:
            yield self._words
            yield self._view

    def on_mount(self) -> None:
        """Ask."""
        self._box.border_title = "Stream"
        self._box.border_subtitle = f"{first_key(self.app, 'dialog_cancel')} closes"
        self._reading.ask(self._asked)

    @staticmethod
    def _read(
        asked: tuple[Session, Snapshot, Settings, int | None, int | None],
    ) -> Said | TsharkError | UsageError | CaptureError:
        """In a thread."""
        from nvgre_inspect.with_tshark.streams import stream

        session, snapshot, settings, flow, packet = asked
        try:
            with stream(session, flow=flow, packet=packet, settings=settings, snapshot=snapshot) as found:
                return Said(found)
        except (TsharkError, UsageError, CaptureError) as error:
            return error

    def _read_done(self, _: object, said: Said | TsharkError | UsageError | CaptureError) -> None:
        if not isinstance(said, Said):
            self._words.update(escape(str(said)))
            return
        self._said = said
        self._show()

    def _show(self) -> None:
        said = self._said
        if said is None:
            return
        form = "hex" if self._as_hex else "text"
        self._box.border_title = f"{said.title}, {counted(said.bytes, 'byte')}, as {form}"
        other = f"{first_key(self.app, 'cycle_inner_outer')} {'text' if self._as_hex else 'hex'}"
        copies, closes = first_key(self.app, "copy"), first_key(self.app, "dialog_cancel")
        self._box.border_subtitle = f"{other}, {copies} copies, {closes} closes"
        if not said.pieces:
            self._words.update("nothing was said, or nothing that is in the capture")
            return
        self._view.show(list(said.lines(as_hex=self._as_hex)))
        self.add_class("-there")
        self._view.focus()

    def action_cycle_inner_outer(self) -> None:
        """Text or hexadecimal digits."""
        self._as_hex = not self._as_hex
        self._show()

    async def action_copy(self) -> None:
        """All that is shown."""
        if self._said is not None:
            text = "\n".join(line.text for line in self._said.lines(as_hex=self._as_hex))
            self.notify(escape(await copy(self.app, text)), timeout=3, markup=False)

    def action_dialog_cancel(self) -> None:
        """Close."""
        self.dismiss()

    action_back = action_quit = action_dialog_confirm = action_follow_stream = action_help = action_dialog_cancel
