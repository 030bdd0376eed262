"""InspectScreen: what all screens have around their body, and the hooks by which the app tells them what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from nvgre_inspect.actions import Context
from nvgre_inspect.tui import asking, sharing
from nvgre_inspect.tui.keymap import bindings
from nvgre_inspect.tui.messages import Selection
from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.widgets.breadcrumb import Breadcrumb
from nvgre_inspect.tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.tui.app import InspectApp
    from nvgre_inspect.tui.sharing import Copyable, Packets, Rows


class InspectScreen(Screen[None]):
    """A screen over the app's Snapshot, narrowed to its scope.

    Subclasses say what is in the middle (`body`), and answer the hooks. While a screen is not shown nothing is told to
    it; it hears what it missed when it is shown again.
    """

    #: Name in the app's registry of screens, and in the header.
    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str | None] = None
    #: Tables that it shows: built by the worker that reads, with every Snapshot.
    TABLES: ClassVar[tuple[str, ...]] = ()
    BINDINGS = bindings(Context.SCREEN)
    app: InspectApp
    DEFAULT_CSS = """
    InspectScreen {
        layout: vertical;
        & > #header { height: 1; background: $panel; color: $foreground;
            & > #progress { width: auto; padding: 0 1; color: $accent; }
        }
        & > #notice, & > #status { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > #notice { color: $warning; display: none; }
        & > #status { color: $text-muted; }
        & > #body { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen_snapshot: Snapshot | None = None
        self._seen_scope: Scope | None = None
        self._ready = False
        # Held here: what comes when the app is being left finds no widget by its name any more.
        self._breadcrumb = Breadcrumb(id="breadcrumb")
        self._progress, self._notice, self._status = (
            Static(id=name, markup=False) for name in ("progress", "notice", "status")
        )

    def compose(self) -> ComposeResult:
        """The header, the body, the status line, the footer."""
        with Horizontal(id="header"):
            yield self._breadcrumb
            yield self._progress
        yield self._notice
        with Vertical(id="body"):
            yield from self.body()
        yield self._status
        yield KeyLine()

    # --- hooks -------------------------------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """What is in the middle."""
        yield from ()

    def refresh_snapshot(self, snapshot: Snapshot) -> None:
        """A new Snapshot is there (or the first one that this screen sees)."""

    def scope_changed(self, scope: Scope) -> None:
        """The screen is shown with another scope than before. Comes before `refresh_snapshot`."""

    def nothing_read(self, why: str) -> None:
        """Reading has ended, and there is nothing at all to show."""

    def selection(self) -> Selection | None:
        """What is selected, for pivots, export and copy; None: nothing is."""
        return None

    def rows_to_export(self) -> Rows | None:
        """The rows that `export` writes; None: there are none."""
        return None

    def packets_to_save(self) -> Packets | None:
        """The packets that `save_packets` writes; None: there are none."""
        return None

    def copyables(self) -> list[Copyable]:
        """The texts that `copy` offers, the likeliest first."""
        return []

    def remember(self) -> Any:
        """Where the screen stands: given to `recall` when somebody comes back to this place."""
        return None

    def recall(self, place: Any) -> None:
        """Stand there again; None: at the beginning."""

    # --- what the app calls ------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Take in what is new since the screen was last shown."""
        if not self._ready:
            return
        self.show_header()
        if self.app.scope != self._seen_scope:
            self._seen_scope = self.app.scope
            self.scope_changed(self.app.scope)
            self._seen_snapshot = None
        if self.app.snapshot is not None and self.app.snapshot is not self._seen_snapshot:
            self._seen_snapshot = self.app.snapshot
            self.refresh_snapshot(self.app.snapshot)
        if self.app.snapshot is None and self.app.outcome is not None:
            self.nothing_read("\n".join(self.app.notices) or "nothing was read")

    def missed_something(self) -> None:
        """Let `catch_up` tell about the Snapshot again, though it is the one that was seen."""
        self._seen_snapshot = None

    def show_header(self) -> None:
        """Breadcrumb and progress."""
        steps = [self.app.source_name, *(step.label for step in self.app.scope.steps)]
        title = str(self.TITLE or self.NAME.capitalize())
        self._breadcrumb.say(title, steps)
        self._progress.update(Content(self.app.progress_text))
        self._notice.update(Content(" · ".join(self.app.notices)))
        self._notice.display = bool(self.app.notices)

    def show_status(self, text: str | Content) -> None:
        """What the status line says."""
        self._status.update(Content(text) if isinstance(text, str) else text)

    def on_mount(self) -> None:
        """The first time that it is shown. Textual calls the handlers of subclasses before this one."""
        self._ready = True
        self.catch_up()

    # --- actions -----------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """To where one was before."""
        if not self.app.back():
            self.explain("this is where you began; q leaves")

    def action_underlay(self) -> None:
        """The tunnels that carry what is selected."""
        self.explain("no flow or tenant is selected here")

    def action_overlay(self) -> None:
        """What is on the selected tunnel."""
        self.explain("no tunnel is selected here")

    def action_drill_down(self) -> None:
        """What is selected, in detail."""
        self.explain("nothing is selected here")

    # What screens without rows or panes say: no key does nothing without a word.

    def action_filter(self) -> None:
        """Go to the filter bar."""
        self.explain("there is nothing to filter on this screen")

    def action_search(self) -> None:
        """Find text in what is shown."""
        self.explain("there is nothing to search on this screen")

    def action_next_match(self) -> None:
        """To the next match of the search."""
        self.action_search()

    def action_previous_match(self) -> None:
        """To the match before."""
        self.action_search()

    def action_next_pane(self) -> None:
        """To the next pane."""
        self.focus_next()

    def action_previous_pane(self) -> None:
        """To the pane before."""
        self.focus_previous()

    def action_maximise(self) -> None:
        """The pane fills the screen, and back."""
        self.explain("there is nothing to maximise on this screen")

    def action_time_format(self) -> None:
        """The next way to show times."""
        self.app.next_time_style()
        self.missed_something()
        self.catch_up()

    def action_export(self) -> None:
        """The rows to a file."""
        sharing.export(self)

    def action_save_packets(self) -> None:
        """The packets to a capture file."""
        sharing.save_packets(self)

    def action_copy(self) -> None:
        """A text to the clipboard."""
        sharing.copy_something(self)

    def action_deep(self) -> None:
        """The packet under the cursor by tshark."""
        self.explain("no packet is shown here; Packets (5) and their layers have them")

    def action_follow_stream(self) -> None:
        """What the two ends of the selected flow said."""
        asking.follow_stream(self)

    def action_open_wireshark(self) -> None:
        """The selected packets in a Wireshark window."""
        asking.open_wireshark(self)

    def on_shared(self, message: sharing.Shared) -> None:
        """What was asked for is written, or cannot be."""
        if message.failed:
            self.show_status("")
            self.explain(message.sentence)
        else:
            self.show_status(message.sentence)

    def explain(self, sentence: str) -> None:
        """Say why a key did nothing."""
        self.notify(sentence, severity="warning", timeout=3, markup=False)
