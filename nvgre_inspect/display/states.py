"""Sentences for views that have nothing to show: why, and what there is instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nvgre_inspect.display.text import counted, escape

if TYPE_CHECKING:
    import pandas as pd

#: Protocols that a mix names.
_NAMED = 4


def no_packets(packets: int, *, read_filter: str | None = None, interface: str | None = None) -> str:
    """Why nothing was counted: the input has no `packets`, or none of them was asked for."""
    if not packets:
        return "no packets"
    asked = [name for name, value in (("-R", read_filter), ("--interface", interface)) if value]
    return f"none of {counted(packets, 'packet')} matches {' and '.join(asked)}"


def protocol_mix(flows: pd.DataFrame) -> str:
    """`tcp 80 %, udp 15 %, arp 5 %`: the protocols of a flows table by packets, the largest four."""
    packets = (flows["packets_fwd"] + flows["packets_rev"]).groupby(flows["protocol"].astype(str)).sum()
    total = max(int(packets.sum()), 1)
    largest = packets.sort_values(ascending=False, kind="stable").head(_NAMED)
    return ", ".join(f"{escape(str(name))} {100 * int(count) / total:.0f} %" for name, count in largest.items())


def encrypted(flows: pd.DataFrame) -> str | None:
    """What to know where some flows are encrypted (ESP), as their insides cannot be seen; None where none is."""
    hidden = int((flows["protocol"] == "esp").sum())
    if not hidden:
        return None
    of = "all flows are" if hidden == len(flows) else f"{hidden:,} of {counted(len(flows), 'flow')} are"
    return f"{of} encrypted (ESP): what is inside cannot be seen"
