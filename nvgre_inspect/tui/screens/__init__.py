"""Screens: one a file. What they show comes from the app's Snapshot and scope."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvgre_inspect.tui.screens.base import InspectScreen

#: Name -> class; the modules have the names of the screens. The first one is shown at the start.
_CLASSES = {
    "overview": "OverviewScreen",
    "tenants": "TenantsScreen",
    "tunnels": "TunnelsScreen",
    "flows": "FlowsScreen",
    "packets": "PacketsScreen",
    "findings": "FindingsScreen",
    "flow_detail": "FlowDetailScreen",
    "tunnel_detail": "TunnelDetailScreen",
}


def registry() -> dict[str, type[InspectScreen]]:
    """The screens by name, in the order of their keys."""
    found = {}
    for name, kind in _CLASSES.items():
        module = f"{__name__}.{name}"
        if find_spec(module) is not None:
            found[name] = getattr(import_module(module), kind)
    return found
