"""Tenants: one row per virtual network; Enter goes to its flows."""

from __future__ import annotations

from textual import on

from nvgre_inspect.display.text import escape
from nvgre_inspect.tui.scope import Kind, Scope
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.widgets.table import FrameTable


class TenantsScreen(RowsScreen):
    """The table `tenants`."""

    NAME = "tenants"
    TABLE = "tenants"
    TABLES = ("tenants",)

    def _tenant(self) -> Scope:
        encap, vsid = self.value("encap"), self.value("vsid")
        name = self.app.settings.names.vsid(encap, vsid)
        number = encap if vsid is None else f"VSID {vsid}" if encap == "nvgre" else f"{encap} {vsid}"
        return self.into(Kind.TENANT, (encap, vsid), f"{number} ({escape(name)})" if name else escape(number))

    @on(FrameTable.Opened)
    def action_overlay(self) -> None:
        """Its flows."""
        if self.table.row_count:
            self.app.go("flows", self._tenant())

    def action_underlay(self) -> None:
        """The tunnels that carry it."""
        if self.table.row_count:
            self.app.go("tunnels", self._tenant())
