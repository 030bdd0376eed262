"""Sentences for views that have nothing to show: why, and what there is instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissectors import encaps, offsets
from nvgre_inspect.display.text import counted
from nvgre_inspect.model.names import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.model.state import State


def no_packets(
    packets: int, *, read_filter: str | None = None, tshark_filter: str | None = None, interface: str | None = None
) -> str:
    """Why nothing was counted: the input has no `packets`, or none of them was asked for."""
    if not packets:
        return "no packets"
    asked = [
        name
        for name, value in (("-R", read_filter), ("--tshark-filter", tshark_filter), ("--interface", interface))
        if value
    ]
    return f"none of {counted(packets, 'packet')} matches {' and '.join(asked)}"


def protocol_mix(flows: pd.DataFrame) -> str:
    """`tcp 80 %, udp 15 %, arp 5 %`: the protocols of a flows table by packets, the largest four."""
    # Not before they are needed: --help has to be there at once, and these want pandas.
    from nvgre_inspect.display.facts import shares

    names = flows["protocol"].astype(object).fillna(UNKNOWN)
    packets = (flows["packets_fwd"] + flows["packets_rev"]).groupby(names).sum()
    return shares(packets.sort_values(ascending=False, kind="stable"))


def no_tunnels(state: State, protocols: str) -> str:
    """What was seen instead: `protocols` is its mix. What mirrors (ERSPAN) is no tenants' tunnel, but is named."""
    kinds = state.stacks["kind"] & (encaps.HAS_ID - 1)  # the bits below it
    mirrors = [encaps.NAMES[kind] for kind in sorted(encaps.MIRRORS) if (kinds == kind).any()]
    named = f"; mirrored ({', '.join(mirrors)}), which tells no tenant" if mirrors else ""
    return f"no tunnels here; seen: {protocols}{named}"


def encrypted(state: State) -> str | None:
    """What to know where flows are encrypted (ESP), as their insides cannot be seen; None where none is."""
    flows = state.flows
    hidden = int(((flows["family"] != 0) & (flows["protocol"] == offsets.IPPROTO_ESP)).sum())
    if not hidden:
        return None
    of = "all flows are" if hidden == len(flows) else f"{hidden:,} of {counted(len(flows), 'flow')} are"
    return f"{of} encrypted (ESP): what is inside cannot be seen"


def nothing(
    snapshot: Snapshot,
    table: str,
    belonging: int,
    scope: str,
    *,
    read_filter: str | None,
    tshark_filter: str | None = None,
    interface: str | None,
) -> str:
    """Why a view of that table shows no row, though `belonging` rows are within the scope that is called `scope`."""
    if not snapshot.state.frames:
        packets = sum(info.packets for info in snapshot.interfaces)
        return no_packets(packets, read_filter=read_filter, tshark_filter=tshark_filter, interface=interface)
    if belonging:
        one = table.removesuffix("s")
        return f"the filter matches 0 of {counted(belonging, one, table)}; Esc clears it"
    if scope:
        return f"no {table} within {scope}"
    if table == "findings":
        return "nothing odd was found"
    if table == "tunnels":
        hidden = encrypted(snapshot.state)
        return no_tunnels(snapshot.state, protocol_mix(snapshot.flows)) + (f"; {hidden}" if hidden else "")
    return f"no {table} in {counted(snapshot.state.frames, 'packet')}"
