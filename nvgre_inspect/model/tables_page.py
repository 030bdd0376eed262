"""docs/tables.md, made from the registry: `python -m nvgre_inspect.model.tables_page > docs/tables.md`."""

from __future__ import annotations

from nvgre_inspect.model.columns import TABLES, Column, Type
from nvgre_inspect.model.live_columns import GROWTH, INTERVAL, RATES

_HEAD = """\
# Tables

The same tables come from the command line, CSV, JSON, Parquet and Python, with the same names, and
filters know every column by its name. This page is generated from `nvgre_inspect/model/columns.py`.

- *Null* is an empty cell in CSV, `null` in JSON, `NA`, `NaN` or `NaT` in pandas. The column *null* says
  where it can be.
- *time* is UTC with nanoseconds: `2026-01-02T03:04:05.123456789Z` in CSV and JSON, `datetime64[ns, UTC]`
  in pandas; it never was a float.
- *list* is separated by spaces in CSV, an array in JSON, a tuple in pandas; a list is empty rather than
  null.
- *text*, *ip* and *mac* are `category` in pandas: they compare with strings, and addresses sort by
  number. Ask for `.astype(str)` where plain strings serve better.
- *integer* is `int64` or `int32`; `Int64` or `Int32` where it can be null.
- Forward (`fwd`) is from the flow's initiator: the sender of the SYN, else of the first packet. In
  `tunnels` it is from the sender of the tunnel's first packet.
- Flows and tunnels are numbered from 1 in order of appearance; these numbers join the tables.
- A packet that the underlay fragmented is one packet, with the bytes of all its fragments; `captures` and `packets`
  have frames. Fragments that the tenant made are packets of the tenant's.
- A *half* is a flow whose replies carry another vsid (distributed routing may do that): `reverse_flow`
  names the flow that holds them. It is only named where it is the one possible counterpart. Nothing is
  concluded about loss or round trip from a half: these columns are null.
- CSV is UTF-8 with a header line, quoted as RFC 4180 says, lines ending in a line feed. Text that a
  spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, a tab or a line break) gets an
  apostrophe in front.
"""


_LIVE = """
## While capturing

[`live`](live.md) has two columns more in the tables `tenants`, `tunnels` and `flows`. `live --headless --csv` and
`--jsonl` print for each interval the columns that say when it was and how the capture stands, then those of the table
as it is at the end of the interval, then what a row did in it, and its rates.

"""
_HEADING = "| column | type | unit | null | meaning |\n|---|---|---|---|---|\n"


def markdown() -> str:
    """The text of docs/tables.md."""
    parts = [_HEAD]
    for table in TABLES.values():
        parts.append(f"\n## {table.name}\n\nOne row: {table.row}.\n\n{_HEADING}")
        parts += map(_line, table)
    parts += [_LIVE, _HEADING, *map(_line, (*INTERVAL, *GROWTH, *RATES))]
    return "".join(parts)


def _line(column: Column) -> str:
    kind = f"list of {column.item}" if column.type is Type.LIST else str(column.type)
    null = "yes" if column.nullable else ""
    return f"| `{column.name}` | {kind} | {column.unit} | {null} | {column.meaning} |\n"


if __name__ == "__main__":
    print(markdown(), end="")
