"""Columns for small tables, in which one column says what takes several where there is room."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.text import amount, escape
from nvgre_inspect.display.values import Texts
from nvgre_inspect.tui import theme
from nvgre_inspect.tui.steps import between

_ARROWS = {"fwd": "→", "rev": "←"}


def _amounts(rows: pd.DataFrame, columns: tuple[str, ...]) -> Texts:
    return [amount(value) for value in rows[list(columns)].sum(axis=1).tolist()], None


def _bytes(*columns: str) -> Presented:
    return Presented("wire", "bytes", "Bytes on the wire", columns, 1, True, lambda rows: _amounts(rows, columns))


def _count(heading: str, column: str) -> Presented:
    def texts(rows: pd.DataFrame) -> Texts:
        return [f"{count:,}" for count in rows[column].tolist()], None

    return Presented(column, heading, f"{heading} on this tunnel", (column,), 1, True, texts)


def _ends(rows: pd.DataFrame) -> Texts:
    pairs = zip(rows["pa_src"].tolist(), rows["pa_dst"].tolist(), strict=True)
    return [escape(between(*pair)) for pair in pairs], None


def _ways(rows: pd.DataFrame) -> Texts:
    return [_ARROWS[way] for way in rows["direction"].tolist()], None


def _from_to(rows: pd.DataFrame) -> Texts:
    pairs = zip(rows["pa_src"].tolist(), rows["pa_dst"].tolist(), strict=True)
    return [escape(between(*pair, "→")) for pair in pairs], None


def _shares(rows: pd.DataFrame) -> Texts:
    return [f"{share:.0f} %" for share in rows["share"].tolist()], None


def _findings(rows: pd.DataFrame) -> Texts:
    known = [theme.severity(str(name)) for name in rows["severity"].tolist()]
    titles = rows["title"].astype(str).tolist()
    texts = [f"{shown.symbol} {escape(title)}" for shown, title in zip(known, titles, strict=True)]
    return texts, [shown.style for shown in known]


#: Table -> column by name. `…on_tunnel` and `share` are columns that `flows.on_tunnel` and
#: `flows.flow_placements` add.
COMPACT: Mapping[str, Mapping[str, Presented]] = {
    "tenants": {
        "wire": _bytes("wire_bytes"),
        "here": _bytes("on_tunnel"),
        "here_packets": _count("packets", "packets_on_tunnel"),
        "here_flows": _count("flows", "flows_on_tunnel"),
    },
    "tunnels": {
        "ends": Presented("ends", "tunnel", "Both provider addresses", ("pa_src", "pa_dst"), 1, False, _ends),
        "wire": _bytes("wire_bytes_fwd", "wire_bytes_rev"),
    },
    "placements": {
        "way": Presented("way", "", "Direction", ("direction",), 1, False, _ways),
        "from_to": Presented("from_to", "from → to", "Provider addresses", ("pa_src", "pa_dst"), 1, False, _from_to),
        "share": Presented("share", "share", "Share of the direction's packets", ("share",), 1, True, _shares),
    },
    "flows": {"here": _bytes("on_tunnel")},
    "findings": {
        "finding": Presented("finding", "what", "Severity and title", ("severity", "title"), 1, False, _findings),
    },
}
