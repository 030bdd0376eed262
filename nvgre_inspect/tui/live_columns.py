"""The columns of tables as the app shows them: while it captures also rates, and how traffic went lately."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from nvgre_inspect.display.presented import Presented, presented
from nvgre_inspect.display.sparkline import sparkline
from nvgre_inspect.display.values import Texts
from nvgre_inspect.flows.rates import KEYS, LiveSnapshot
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.live_columns import LIVE_TABLES

if TYPE_CHECKING:
    from nvgre_inspect.tui.app import InspectApp


def columns_of(app: InspectApp, table: str) -> dict[str, Presented]:
    """Every column that can be shown, by name."""
    names, time_style = app.settings.names, app.time_style
    if not app.session.is_live or table not in LIVE_TABLES:
        return presented(TABLES[table], names, time_style)

    def recent(rows: pd.DataFrame) -> Texts:
        snapshot = app.snapshot
        if not isinstance(snapshot, LiveSnapshot):
            return [""] * len(rows), None
        return [sparkline(bits) for bits in snapshot.recent(table, rows).tolist()], None

    columns = presented(LIVE_TABLES[table], names, time_style)
    meaning = "Bits a second on the underlay, second by second, each row to a scale of its own"
    if "bytes" in columns and columns["bytes"].summed:
        # What comes now says more; it can be chosen.
        columns["bytes"] = replace(columns["bytes"], rank=0)
    columns["recent"] = Presented("recent", "recent", meaning, ("bits_per_s",), 2, False, recent, KEYS[table])
    return columns
