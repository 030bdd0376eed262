"""The registry of actions: what the terminal UI can be asked to do, apart from which keys ask for it (`keys`).

An action `name` is the method `action_<name>` of a widget, screen or the app; it is what the footer, the help, the
command palette, the `:` line and the `[keys]` table of the configuration file call it. Pure data without Textual, so
that the configuration can be checked without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Headings of the help, in its order."""

    SCREENS = "Screens"
    MOVE = "Move"
    FIND = "Find"
    TABLE = "Table"
    ACT = "Act"
    VIEW = "View"
    APPLICATION = "Application"
    FILTER = "In the filter bar"
    DIALOG = "In a dialog"


class Context(StrEnum):
    """Where an action can be asked for."""

    #: Everywhere but in text fields and dialogs.
    APP = "app"
    #: On each of the main screens.
    SCREEN = "screen"
    TABLE = "table"
    #: The layer tree of a packet.
    TREE = "tree"
    #: The bytes of a packet.
    HEX = "hex"
    #: The packets of a flow, drawn: as a plot, as a ladder.
    CHART = "chart"
    #: The plot of them.
    PLOT = "plot"
    #: The packets screen.
    PACKETS = "packets"
    #: The filter bar, while it has the focus.
    FILTER = "filter"
    DIALOG = "dialog"


#: Contexts with keys of their own: there, text is typed or a question answered. In all others together a key means one
#: thing, whichever screen is shown.
SEPARATE = (Context.FILTER, Context.DIALOG)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be asked for."""

    name: str
    #: One or two words, for the footer.
    title: str
    #: What it does, in half a line: help and palette.
    meaning: str
    group: Group
    contexts: tuple[Context, ...]
    #: Whether the footer shows it.
    footer: bool = False


_APP = (Context.APP,)
_SCREEN = (Context.SCREEN,)
_TABLE = (Context.TABLE,)
_CURSOR = (Context.TABLE, Context.TREE, Context.HEX, Context.CHART)
_SIDEWAYS = (Context.TABLE, Context.TREE, Context.HEX, Context.PLOT)
_PLOT = (Context.PLOT,)
_FILTER = (Context.FILTER,)
_DIALOG = (Context.DIALOG,)

_ALL = (
    Action("show_overview", "Overview", "the capture as a whole", Group.SCREENS, _APP),
    Action("show_tenants", "Tenants", "the virtual networks, each by its VSID", Group.SCREENS, _APP),
    Action("show_tunnels", "Tunnels", "the pairs of provider addresses", Group.SCREENS, _APP),
    Action("show_flows", "Flows", "the conversations of the innermost packets", Group.SCREENS, _APP),
    Action("show_packets", "Packets", "the packets, their layers and bytes", Group.SCREENS, _APP),
    Action("show_findings", "Findings", "what is odd, the most severe first", Group.SCREENS, _APP),
    Action("show_correlate", "Correlate", "the same packets at several points", Group.SCREENS, _APP),
    Action("drill_down", "Open", "what is selected, in detail", Group.MOVE, (*_CURSOR, Context.SCREEN), footer=True),
    Action("back", "Back", "to where you came from, with its selection", Group.MOVE, _SCREEN, footer=True),
    Action("underlay", "Underlay", "the tunnels that carry the selected flow", Group.MOVE, _SCREEN, footer=True),
    Action("overlay", "Overlay", "the flows and tenants on the selected tunnel", Group.MOVE, _SCREEN, footer=True),
    Action("cursor_down", "Down", "one row down", Group.MOVE, _CURSOR),
    Action("cursor_up", "Up", "one row up", Group.MOVE, _CURSOR),
    Action("cursor_left", "Left", "a column or byte to the left; fold the tree", Group.MOVE, _SIDEWAYS),
    Action("cursor_right", "Right", "a column or byte to the right; unfold it", Group.MOVE, _SIDEWAYS),
    Action("top", "Top", "to the first row; all of a plot", Group.MOVE, _CURSOR),
    Action("bottom", "Bottom", "to the last row", Group.MOVE, _CURSOR),
    Action("page_down", "Page down", "a page down; further away in a plot", Group.MOVE, _CURSOR),
    Action("page_up", "Page up", "a page up; closer in a plot", Group.MOVE, _CURSOR),
    Action("next_pane", "Pane", "to the next pane", Group.MOVE, _SCREEN),
    Action("previous_pane", "Pane before", "to the pane before", Group.MOVE, _SCREEN),
    Action("maximise", "Maximise", "the pane fills the screen, and back", Group.MOVE, _SCREEN),
    Action("filter", "Filter", "go to the filter bar", Group.FIND, _SCREEN, footer=True),
    Action("filter_on_cell", "This value", "filter on the value of the selected cell", Group.FIND, _TABLE),
    Action("search", "Search", "find text in what is shown", Group.FIND, _SCREEN),
    Action("next_match", "Next", "to the next match of the search", Group.FIND, _SCREEN),
    Action("previous_match", "Previous", "to the match before", Group.FIND, _SCREEN),
    Action("command", "Go to", "a frame by its number, or an action by name", Group.FIND, _APP),
    Action("palette", "Palette", "all actions, by name", Group.FIND, _APP),
    Action("mark", "Mark", "mark the row, or take the mark away", Group.TABLE, _TABLE),
    Action("sort_previous", "Sort left", "sort by the column to the left", Group.TABLE, _TABLE),
    Action("sort_next", "Sort right", "sort by the column to the right", Group.TABLE, _TABLE),
    Action("sort_reverse", "Reverse", "turn the order of the rows round", Group.TABLE, _TABLE),
    Action("hide_column", "Hide", "hide the selected column", Group.TABLE, _TABLE),
    Action("move_column_left", "Column left", "move the selected column to the left", Group.TABLE, _TABLE),
    Action("move_column_right", "Column right", "move the selected column to the right", Group.TABLE, _TABLE),
    Action("show_columns", "Columns", "choose which columns are shown", Group.TABLE, _TABLE),
    Action("copy", "Copy", "a value, a row, a filter, a packet's bytes", Group.ACT, _SCREEN),
    Action("export", "Export", "the table as shown to a file", Group.ACT, _SCREEN),
    Action("save_packets", "Save packets", "the selected packets to a capture file", Group.ACT, _SCREEN),
    Action("deep", "Deep", "the packet by tshark, down to HTTP, DNS, TLS", Group.ACT, _SCREEN),
    Action("follow_stream", "Stream", "what the two ends of the flow said, by tshark", Group.ACT, _SCREEN),
    Action("open_wireshark", "Wireshark", "the selected packets in a Wireshark window", Group.ACT, _SCREEN),
    Action("follow", "Follow", "stay at the newest row", Group.ACT, _APP),
    Action("pause", "Pause", "stop taking new data in, and go on", Group.ACT, _APP),
    Action("cancel_loading", "Cancel", "stop reading; what was read stays", Group.ACT, _APP),
    Action(
        "cycle_inner_outer", "Inner/outer", "show the inner, the outer or both headers", Group.VIEW, (Context.PACKETS,)
    ),
    Action(
        "raw_numbers",
        "Raw numbers",
        "TCP sequence numbers as on the wire, or relative",
        Group.VIEW,
        (Context.PACKETS,),
    ),
    Action("zoom_in", "Closer", "look closer at a part of the plot", Group.VIEW, _PLOT),
    Action("zoom_out", "Further", "see more of the plot, from further away", Group.VIEW, _PLOT),
    Action("zoom_all", "All", "see all of the plot", Group.VIEW, _PLOT),
    Action("time_format", "Times", "the next way to show times", Group.VIEW, _SCREEN),
    Action("next_theme", "Theme", "the next theme: dark, light, ansi", Group.VIEW, _APP),
    Action("toggle_mouse", "Mouse", "give the mouse to the terminal, or take it", Group.VIEW, _APP),
    Action("help", "Help", "the keys that work here; filters in short", Group.APPLICATION, _APP, footer=True),
    Action("quit", "Quit", "back, and at the beginning out", Group.APPLICATION, _APP, footer=True),
    Action("quit_now", "Quit now", "out, from anywhere", Group.APPLICATION, _APP),
    Action("filter_apply", "Apply", "apply the filter, or take the chosen word", Group.FILTER, _FILTER, footer=True),
    Action("filter_leave", "Leave", "close the list of words; clear; leave", Group.FILTER, _FILTER, footer=True),
    Action("filter_complete", "Complete", "take the first or the chosen word", Group.FILTER, _FILTER, footer=True),
    Action("filter_next", "Next", "the next word of the list; the later filter", Group.FILTER, _FILTER),
    Action("filter_previous", "Previous", "the word before; the earlier filter", Group.FILTER, _FILTER),
    Action("dialog_confirm", "OK", "do it", Group.DIALOG, _DIALOG, footer=True),
    Action("dialog_cancel", "Cancel", "close without doing anything", Group.DIALOG, _DIALOG, footer=True),
)

#: Every action by its name, in the order of the help.
ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}
