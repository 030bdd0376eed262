"""PanesScreen: a screen of several parts that can be gone through, and of which one can fill it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from nvgre_inspect.tui.screens.base import InspectScreen


class PanesScreen(InspectScreen):
    """What moves between the parts."""

    def panes(self) -> Sequence[Widget]:
        """The parts that can have the focus, in order."""
        return ()

    def action_next_pane(self) -> None:
        """To the next pane."""
        self._beside(1)

    def action_previous_pane(self) -> None:
        """To the pane before."""
        self._beside(-1)

    def _beside(self, step: int) -> None:
        panes = [pane for pane in self.panes() if pane.focusable]
        if not panes:
            return
        place = panes.index(self.focused) + step if self.focused in panes else 0
        pane = panes[place % len(panes)]
        if self.maximized is not None:
            self.minimize()
            pane.focus()
            self.maximize(pane)
        else:
            pane.focus()

    def action_maximise(self) -> None:
        """The pane fills the screen, and back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused in self.panes():
            assert self.focused is not None
            self.maximize(self.focused)
