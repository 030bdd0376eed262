"""The colour of a tenant: stable, so that one tenant looks the same in every table, screen and run."""

from __future__ import annotations

#: SGR parameters that tenants take in turn; none of them means anything else. Seven, which has no factor in common
#: with ten: 5001 and 5002 differ, and so do 1000 and 2000.
TENANT_COLORS = ("36", "35", "34", "96", "95", "94", "92")


def tenant_color(vsid: int) -> str:
    """The colour of a tenant, as SGR parameters of the terminal's own palette."""
    return TENANT_COLORS[vsid % len(TENANT_COLORS)]
