"""Values that are present in a capture, for completion: of few columns, and bounded, whatever the capture holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.schema import Type
from nvgre_inspect.model.snapshot import Snapshot

#: Different values of a column that are offered; a column with more offers none, but the tenants, tunnels and ports
#: with the most flows.
MOST = 1_000
_PORTS = 50
#: Rows that are searched for the items of lists.
_LIST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is in the table, not escaped."""

    text: str
    meaning: str = ""
    #: The encapsulation that a vsid belongs to.
    encap: str = ""


Values = Mapping[str, tuple[Value, ...]]


def present(snapshot: Snapshot, table: str) -> dict[str, tuple[Value, ...]]:
    """Column -> values present. `packets` has those of its flows. Builds tables: for a worker."""
    found = _columns(snapshot.table("flows" if table == "packets" else table), "flows" if table == "packets" else table)
    found["vsid"] = _vsids(snapshot)
    found |= _provider_addresses(snapshot)
    if "anomalies" not in found:
        found["anomalies"] = _items(snapshot.tenants["anomalies"])
    return {name: values for name, values in found.items() if values}


def _columns(frame: pd.DataFrame, table: str) -> dict[str, tuple[Value, ...]]:
    found = {}
    for column in TABLES[table]:
        if column.type in (Type.TEXT, Type.IP, Type.MAC):
            found[column.name] = _categories(frame[column.name])
        elif column.type is Type.LIST and len(frame) <= _LIST_ROWS:
            found[column.name] = _items(frame[column.name])
        elif column.name == "dst_port":
            found[column.name] = _frequent(frame[column.name], _PORTS)
    return found


def _categories(values: pd.Series[Any]) -> tuple[Value, ...]:
    """Those that occur, the most frequent first."""
    codes = values.cat.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(values.cat.categories))
    occurring = np.flatnonzero(counts)
    if len(occurring) > MOST:
        return ()
    ordered = occurring[np.argsort(-counts[occurring], kind="stable")]
    return tuple(Value(str(values.cat.categories[code]), _times(int(counts[code]))) for code in ordered.tolist())


def _frequent(values: pd.Series[Any], most: int) -> tuple[Value, ...]:
    counts = values.value_counts().head(most)
    return tuple(Value(str(value), _times(int(count))) for value, count in counts.items())


def _items(values: pd.Series[Any]) -> tuple[Value, ...]:
    """Items of lists, in order of appearance."""
    seen = dict.fromkeys(str(item) for items in values.tolist() for item in items)
    return tuple(map(Value, seen)) if len(seen) <= MOST else ()


def _vsids(snapshot: Snapshot) -> tuple[Value, ...]:
    tenants = snapshot.tenants.sort_values("flows", ascending=False, kind="stable").head(MOST)
    rows: Iterable[tuple[Any, ...]] = tenants[["encap", "vsid", "name", "flows"]].itertuples(index=False)
    return tuple(
        Value(str(vsid), " ".join([encap, *([] if pd.isna(name) else [str(name)]), f"({_flows(flows)})"]), encap)
        for encap, vsid, name, flows in rows
        if vsid is not pd.NA
    )


def _provider_addresses(snapshot: Snapshot) -> dict[str, tuple[Value, ...]]:
    tunnels = snapshot.tunnels.sort_values("flows", ascending=False, kind="stable").head(MOST)
    # A tunnel has two ends; which of them is pa_src says who sent first, which is not what one remembers.
    ends = [address for pair in tunnels[["pa_src", "pa_dst"]].itertuples(index=False) for address in pair]
    addresses = dict.fromkeys(str(address) for address in ends if not pd.isna(address))
    values = tuple(Value(address, snapshot.names.pa(address) or "") for address in addresses)
    return {"pa_src": values, "pa_dst": values}


def _times(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _flows(count: int) -> str:
    return "1 flow" if count == 1 else f"{count:,} flows"
