"""Where one flow went: its placements, and the share of each direction that each of them carried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from nvgre_inspect.flows.tables import placements_table
from nvgre_inspect.model.snapshot import Snapshot


def flow_placements(snapshot: Snapshot, flow: int) -> pd.DataFrame:
    """Rows of the table `placements` of the flow of that number (from 1), and `share`: float64, percent of the packets
    of their direction; forward first, busiest first. Empty for a flow outside tunnels, or that is not there.

    Only these rows are built: the whole table may have millions.
    """
    state = snapshot.state
    row = state.flow_row(flow)
    few = replace(
        state, placements=state.placements[state.placements["flow"] == row] if row >= 0 else state.placements[:0]
    )
    rows = placements_table(few).frame()
    packets = rows["packets"].to_numpy(np.float64)
    totals = rows["packets"].groupby(rows["direction"].astype(str)).transform("sum").to_numpy(np.float64)
    rows = rows.assign(share=np.divide(100 * packets, totals, out=np.zeros(len(rows)), where=totals > 0))
    order = np.lexsort((-packets, (rows["direction"] == "rev").to_numpy()))
    return rows.iloc[order].reset_index(drop=True)
