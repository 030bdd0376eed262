"""Screens: one a file. What they show comes from the app's Snapshot and scope."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvgre_inspect.tui.screens.base import InspectScreen

#: Name, which is the module's, -> class. The first one is shown at the start.
SCREENS = {
    "overview": "OverviewScreen",
    "tenants": "TenantsScreen",
    "tunnels": "TunnelsScreen",
    "flows": "FlowsScreen",
    "packets": "PacketsScreen",
    "findings": "FindingsScreen",
    "flow_detail": "FlowDetailScreen",
    "tunnel_detail": "TunnelDetailScreen",
}


def screen_class(name: str) -> type[InspectScreen]:
    """The screen of that name. KeyError if there is none."""
    kind: type[InspectScreen] = getattr(import_module(f"{__name__}.{name}"), SCREENS[name])
    return kind


def import_all() -> None:
    """Have all screens at hand; for a thread with nothing better to do."""
    for name in SCREENS:
        import_module(f"{__name__}.{name}")
