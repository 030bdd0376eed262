"""Steps into tenants, tunnels and flows: from a row of a table to the scope's key and the breadcrumb's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nvgre_inspect.display.text import escape
from nvgre_inspect.model.names import Names
from nvgre_inspect.tui.scope import Kind, Step


def tenant_step(encap: str, vsid: int | None, names: Names) -> Step:
    """`VSID 5001 (blue)`."""
    name = names.vsid(encap, vsid)
    number = encap if vsid is None else f"VSID {vsid}" if encap == "nvgre" else f"{encap} {vsid}"
    return Step(Kind.TENANT, (encap, vsid), escape(f"{number} ({name})" if name else number))


def tunnel_step(row: Mapping[str, Any]) -> Step:
    """`192.0.2.1 ↔ 192.0.2.2`, from a row of the table `tunnels`."""
    return Step(Kind.TUNNEL, int(row["tunnel"]), escape(between(row["pa_src"], row["pa_dst"])))


def flow_step(row: Mapping[str, Any]) -> Step:
    """`10.0.0.1 ↔ 10.0.0.2 (flow 7)`, from a row of the table `flows`."""
    number = int(row["flow"])
    ends = (row[f"{side}_mac"] if pd.isna(row[f"{side}_ip"]) else row[f"{side}_ip"] for side in ("src", "dst"))
    return Step(Kind.FLOW, number, f"{escape(between(*ends))} (flow {number})")


def between(one: Any, other: Any, sign: str = "↔") -> str:
    """Two ends of something; what is null is a dash."""
    return f" {sign} ".join("-" if pd.isna(end) else str(end) for end in (one, other))
