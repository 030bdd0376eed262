"""Tenants: one row per virtual network; Enter goes to its flows."""

from __future__ import annotations

from textual import on

from nvgre_inspect.tui.scope import Scope
from nvgre_inspect.tui.screens.rows import RowsScreen
from nvgre_inspect.tui.steps import tenant_step
from nvgre_inspect.tui.widgets.table import FrameTable


class TenantsScreen(RowsScreen):
    """The table `tenants`."""

    NAME = "tenants"
    TABLE = "tenants"
    TABLES = ("tenants",)

    def _scope(self) -> Scope:
        return self.app.scope.into(tenant_step(self.value("encap"), self.value("vsid"), self.app.settings.names))

    @on(FrameTable.Opened)
    def action_overlay(self) -> None:
        """Its flows."""
        if self.table.row_count:
            self.app.go("flows", self._scope())

    def action_underlay(self) -> None:
        """The tunnels that carry it."""
        if self.table.row_count:
            self.app.go("tunnels", self._scope())
