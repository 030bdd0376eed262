"""A flow or a tunnel with both directions side by side: one line per counter, as texts and styles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nvgre_inspect.display.text import amount
from nvgre_inspect.display.values import NULL, WORRIES

#: Counter -> what it is called.
_OF_FLOW = {
    "packets": "packets",
    "bytes": "bytes",
    "wire_bytes": "on the wire",
    "retransmissions": "retransmissions",
    "out_of_order": "out of order",
    "lost_segments": "lost segments",
    "acked_unseen": "acked unseen",
    "duplicates": "duplicates",
    "duplicate_acks": "duplicate acks",
    "zero_windows": "zero windows",
    "resets": "resets",
    "mss": "MSS",
    "window_scale": "window scale",
    "dscp": "DSCP",
}
_OF_TUNNEL = {"packets": "packets", "wire_bytes": "on the wire", "ttl": "TTL"}
_OF_TCP = {
    *("retransmissions", "out_of_order", "lost_segments", "acked_unseen", "duplicate_acks", "zero_windows", "resets"),
    *("mss", "window_scale"),
}
_AMOUNTS = ("bytes", "wire_bytes")


@dataclass(frozen=True, slots=True)
class Line:
    """One counter: its name, and text and style (of `display.values`) of each direction."""

    label: str
    fwd: str
    rev: str
    fwd_style: str | None = None
    rev_style: str | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether it is 0, or not known, in both directions."""
        return self.fwd_style == self.rev_style == "dim"


def flow_sides(flow: Mapping[str, Any]) -> list[Line]:
    """Both directions of a row of the table `flows`; what only TCP has is left out of other flows."""
    is_tcp = flow["protocol"] == "tcp"
    return [_line(flow, name, label) for name, label in _OF_FLOW.items() if is_tcp or name not in _OF_TCP]


def tunnel_sides(tunnel: Mapping[str, Any]) -> list[Line]:
    """Both directions of a row of the table `tunnels`."""
    return [_line(tunnel, name, label) for name, label in _OF_TUNNEL.items()]


def tunnel_words(tunnel: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """What a tunnel has besides: (label, text, style)."""
    yield "DSCP", values_seen(tunnel["dscp"]), None
    yield "longest frame", f"{int(tunnel['max_wire_len']):,} B", None
    for name, label in (("fragments", "fragments"), ("icmp_errors", "ICMP errors")):
        count = int(tunnel[name])
        yield label, f"{count:,}", WORRIES[name] if count else "dim"
    if tunnel["anomalies"]:
        yield "anomalies", " ".join(tunnel["anomalies"]), "note"


def values_seen(values: Sequence[int]) -> str:
    """`0 10 46`; many as `1-64 255`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    words = [f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(map(str, run)) for run in runs]
    return " ".join(words) or NULL


def _line(row: Mapping[str, Any], name: str, label: str) -> Line:
    (fwd, fwd_style), (rev, rev_style) = (_side(row[f"{name}_{way}"], name) for way in ("fwd", "rev"))
    return Line(label, fwd, rev, fwd_style, rev_style)


def _side(value: Any, name: str) -> tuple[str, str | None]:
    if isinstance(value, tuple):
        return values_seen(value), None if value else "dim"
    if pd.isna(value):
        return NULL, "dim"
    if name in _AMOUNTS:
        return amount(value), None
    return f"{int(value):,}", WORRIES.get(name) if value else "dim"
