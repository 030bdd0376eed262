"""What the columns of a table are called at its head, where a person reads it."""

from __future__ import annotations

from nvgre_inspect.model.columns import Table

#: Headings where the column's own name with spaces is too long.
HEADINGS = {
    "retransmissions": "retrans",
    "lost_segments": "lost",
    "handshake_rtt_ms": "rtt",
    "duration_s": "duration",
    "overhead_pct": "overhead",
    "retransmission_pct": "retrans",
    "max_wire_len": "longest",
    "interval_packets": "packets",
    "packets_per_s": "packets/s",
    "bits_per_s": "rate",
    "flow_ids": "FlowIDs",
    "flow_id": "FlowID",
    "pas": "PAs",
    "pa_src": "PA src",
    "pa_dst": "PA dst",
    "ip": "IP",
    "mac": "MAC",
}
#: Texts that may grow long, cut first where there is little room.
FLEXIBLE = {"file", "damage", "stack", "anomalies", "info", "title", "summary", "advice", "pas", "path"}


def heading(name: str) -> str:
    """The heading of a column, or of a counter's two directions by the name without the direction."""
    return HEADINGS.get(name, name.replace("_", " "))


def direction(table: Table, name: str) -> tuple[str, str] | None:
    """(`packets`, `fwd`) of a counter that has both directions in this table; None for every other column."""
    base, _, side = name.rpartition("_")
    both = side in ("fwd", "rev") and f"{base}_fwd" in table and f"{base}_rev" in table
    return (base, side) if both else None
