"""Which protocols a capture is made of, straight from the State: no table of flows is built for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nvgre_inspect.flows import labels
from nvgre_inspect.model.names import UNKNOWN
from nvgre_inspect.model.state import State


def protocol_packets(state: State) -> pd.Series[int]:
    """Packets by protocol of the innermost packet, as the table `flows` names it; the largest first.

    int64, index text; what has none that is known (null in `flows`, or of flows that were evicted) is UNKNOWN, so that
    shares are of all packets.
    """
    flows = state.flows
    codes, first = labels.combine([flows["family"], flows["protocol"], flows["ethertype"]])
    packets = np.zeros(len(first), np.int64)
    for side in (0, 1):
        np.add.at(packets, codes, flows["packets"][:, side])
    some = flows[first]
    names = labels.protocol_names(some["family"], some["protocol"], some["ethertype"])
    named = np.array([*names.words(), UNKNOWN], object)[names.codes]
    by_name = pd.Series(packets).groupby(named).sum()
    if len(state.evicted):
        by_name.loc[UNKNOWN] = by_name.get(UNKNOWN, 0) + int(state.evicted["packets"].sum())
    return by_name.sort_values(ascending=False, kind="stable")
