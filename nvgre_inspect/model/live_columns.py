"""Columns that tables have besides (`model.columns`) while a capture goes on: how fast what they count grows."""

from __future__ import annotations

from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.schema import Column, Table, Type

RATES = (
    Column("packets_per_s", Type.FLOAT, "Packets a second of late, both directions", "1/s", rank=2, decimals=1),
    Column(
        "bits_per_s", Type.FLOAT, "Bits a second of late on the underlay, both directions", "bit/s", rank=2, decimals=0
    ),
)
#: When, and how the capture stands.
INTERVAL = (
    Column("interval_start", Type.TIME, "Begin of the interval", "UTC"),
    Column("interval_end", Type.TIME, "End of the interval", "UTC"),
    Column("received", Type.INTEGER, "Packets that the interfaces have received until then", nullable=True),
    Column("dropped_kernel", Type.INTEGER, "Packets lost until then for lack of room in the kernel", nullable=True),
    Column("dropped_interface", Type.INTEGER, "Packets lost until then by the interfaces", nullable=True),
)
#: What a row did in the interval.
GROWTH = (
    Column("interval_packets", Type.INTEGER, "Packets that were counted in the interval, both directions", rank=2),
    Column("interval_wire_bytes", Type.INTEGER, "Their bytes on the underlay", "bytes"),
)

#: The tables that have rates, with them.
LIVE_TABLES: dict[str, Table] = {
    name: Table(name, TABLES[name].row, (*TABLES[name].columns, *RATES)) for name in ("tenants", "tunnels", "flows")
}
#: What `live --headless` prints: the interval first, then the row as it is at its end, and its rates.
INTERVAL_TABLES: dict[str, Table] = {
    name: Table(name, f"{table.row}, in one interval", (*INTERVAL, *TABLES[name].columns, *GROWTH, *RATES))
    for name, table in LIVE_TABLES.items()
}
