"""Every action of the registry is one that its contexts have: no key does nothing without a word."""

import pytest

from nvgre_inspect.actions import ACTIONS, Context
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.keymap import textual_action
from nvgre_inspect.tui.screens.base import InspectScreen
from nvgre_inspect.tui.screens.columns import ColumnsDialog
from nvgre_inspect.tui.screens.command import CommandDialog
from nvgre_inspect.tui.screens.copy import CopyDialog
from nvgre_inspect.tui.screens.file import FileDialog
from nvgre_inspect.tui.screens.help import HelpScreen
from nvgre_inspect.tui.screens.packets import PacketsScreen
from nvgre_inspect.tui.screens.search import SearchDialog
from nvgre_inspect.tui.widgets.filter_bar import FilterBar
from nvgre_inspect.tui.widgets.hex_view import HexView
from nvgre_inspect.tui.widgets.ladder import Ladder
from nvgre_inspect.tui.widgets.packet_list import PacketList
from nvgre_inspect.tui.widgets.packet_tree import PacketTree
from nvgre_inspect.tui.widgets.sequence_plot import SequencePlot
from nvgre_inspect.tui.widgets.table import FrameTable

#: Who has to have the actions of a context. A screen has those that its widgets leave to it.
OWNERS = {
    Context.APP: [(InspectApp,)],
    Context.SCREEN: [(InspectScreen,)],
    Context.TABLE: [(FrameTable,), (PacketList,)],
    Context.TREE: [(PacketTree, InspectScreen)],
    Context.HEX: [(HexView, InspectScreen)],
    Context.CHART: [(Ladder,), (SequencePlot,)],
    Context.PLOT: [(SequencePlot,)],
    Context.PACKETS: [(PacketsScreen,)],
    Context.FILTER: [(FilterBar,)],
    Context.DIALOG: [
        (dialog,) for dialog in (ColumnsDialog, CommandDialog, CopyDialog, FileDialog, HelpScreen, SearchDialog)
    ],
}


@pytest.mark.parametrize("context", OWNERS, ids=str)
def test_actions_have_methods(context):
    missing = [
        f"{'/'.join(kind.__name__ for kind in kinds)}: {name}"
        for name, action in ACTIONS.items()
        for kinds in OWNERS[context]
        if context in action.contexts
        and not any(callable(getattr(kind, f"action_{textual_action(name)}", None)) for kind in kinds)
    ]
    assert missing == []


def test_every_context_has_an_owner():
    assert set(OWNERS) == set(Context)
