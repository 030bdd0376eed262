"""One column of a table as text for people, by its type in the registry; texts from captures are escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nvgre_inspect.display.colors import tenant_color
from nvgre_inspect.display.text import duration, escape, rate
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.model.columns import Column, Type

if TYPE_CHECKING:
    from nvgre_inspect.model.names import Names

NULL = "-"
#: Texts of a column, and the style of each (None: all plain).
Texts = tuple[list[str], list[str | None] | None]
#: Numbers that name something are not grouped by thousands.
IDENTIFIERS = {"flow", "tunnel", "interface", "number", "vsid", "flow_id", "src_port", "dst_port", "reverse_flow"}
#: Counters that are worth a look when they are not 0.
WORRIES = {
    "retransmissions": "note",
    "out_of_order": "note",
    "lost_segments": "bad",
    "zero_windows": "note",
    "resets": "note",
    "duplicates": "note",
    "icmp_errors": "bad",
    "fragments": "note",
    "unsupported": "note",
    "dropped_kernel": "bad",
    "dropped_interface": "bad",
}
#: Words that have a style of their own, by column.
WORDS = {
    "state": {"reset": "bad", "syn-sent": "note", "established": "good"},
    "severity": {"critical": "bad", "error": "bad", "warning": "note"},
}


def formatter(column: Column, names: Names, time: TimeFormat) -> Callable[[pd.Series], Texts]:
    """What turns a chunk of this column into text."""
    if column.type is Type.TIME:
        return lambda values: _times(values, time)
    if column.type is Type.FLOAT:
        return lambda values: _floats(values, column)
    if column.type is Type.INTEGER:
        return lambda values: _integers(values, column.name)
    if column.type is Type.LIST:
        return lambda values: _lists(values, column.name, names)
    return lambda values: _categories(values, column.name, names)


def by_category(values: pd.Series, text: Callable[[object], str]) -> list[str]:
    """`text` of each value, worked out once per different value; nulls become NULL."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("category")
    texts = [*(text(category) for category in values.cat.categories), NULL]  # code -1 is null
    return [texts[code] for code in values.cat.codes.tolist()]


def _categories(values: pd.Series, name: str, names: Names) -> Texts:
    def text(value: object) -> str:
        return pa_text(str(value), names) if name in ("pa_src", "pa_dst") else escape(str(value))

    texts = by_category(values, text)
    if name in WORDS:
        return texts, [WORDS[name].get(word) for word in texts]
    if name == "damage":
        return texts, ["dim" if word == NULL else "bad" for word in texts]
    return texts, dimmed(texts)


def pa_text(address: str, names: Names) -> str:
    """`192.0.2.1 (host-a)` where the address has a name."""
    name = names.pa(address)
    return f"{address} ({escape(name)})" if name else escape(address)


def _integers(values: pd.Series, name: str) -> Texts:
    form = "{}" if name in IDENTIFIERS else "{:,}"
    texts = [NULL if value is pd.NA else form.format(value) for value in values.tolist()]
    worry = WORRIES.get(name.removesuffix("_fwd").removesuffix("_rev"))
    if name in IDENTIFIERS:
        return texts, None
    return texts, ["dim" if text in ("0", NULL) else worry for text in texts]


def _floats(values: pd.Series, column: Column) -> Texts:
    texts = [NULL if np.isnan(value) else _float(value, column) for value in values.tolist()]
    if column.name == "retransmission_pct":
        return texts, ["note" if value > 0 else "dim" for value in values.tolist()]
    return texts, dimmed(texts)


def _float(value: float, column: Column) -> str:
    if column.unit == "s":
        return duration(value)
    if column.unit == "ms":
        return duration(value / 1000)
    if column.unit == "%":
        return f"{value:.1f} %"
    if column.unit == "bit/s":
        return rate(value)
    if column.unit == "1/s":
        return f"{value:,.0f}" if value >= 9.95 or value == 0 else f"{value:.1f}"
    return f"{value:,.3f}"


def _times(values: pd.Series, form: TimeFormat) -> Texts:
    nanoseconds = values.dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64")
    texts = [text or NULL for text in form(nanoseconds.tolist())]
    return texts, dimmed(texts)


def _lists(values: pd.Series, name: str, names: Names) -> Texts:
    def text(item: object) -> str:
        return pa_text(str(item), names) if name == "pas" else escape(str(item))

    texts = [" ".join(map(text, items)) or NULL for items in values.tolist()]
    return texts, ["dim" if word == NULL else "note" if name == "anomalies" else None for word in texts]


def tenants(rows: pd.DataFrame, names: Names, *, with_encap: bool) -> Texts:
    """`nvgre 5001 (blue)`: encapsulation, vsid and name; every tenant in a colour of its own."""
    made: dict[tuple[str, int | None], tuple[str, str | None]] = {}
    texts, styles = [], []
    for encap, vsid in zip(rows["encap"].tolist(), rows["vsid"].tolist(), strict=True):
        key = (encap, None if vsid is pd.NA else vsid)
        if key not in made:
            made[key] = _tenant(*key, names, with_encap)
        texts.append(made[key][0])
        styles.append(made[key][1])
    return texts, styles


def _tenant(encap: str, vsid: int | None, names: Names, with_encap: bool) -> tuple[str, str | None]:
    name = names.vsid(encap, vsid)
    number = NULL if vsid is None else str(vsid)
    words = [encap] if with_encap else []
    if vsid is not None or not with_encap:
        words.append(number)
    if name:
        words.append(f"({escape(name)})")
    return " ".join(words), "dim" if vsid is None else tenant_color(vsid)


def ends(rows: pd.DataFrame, side: str) -> Texts:
    """One end of a conversation: `10.0.0.4:443`, `[fd00::4]:443`, ping's `10.0.0.4 id 7`, else the MAC address."""
    addresses = by_category(rows[f"{side}_ip"], str)
    macs = by_category(rows[f"{side}_mac"], str) if f"{side}_mac" in rows else [NULL] * len(rows)
    protocols = by_category(rows["protocol"], str)
    ports = rows[f"{side}_port"].tolist()
    texts = [_end(*parts) for parts in zip(addresses, macs, protocols, ports, strict=True)]
    return texts, dimmed(texts)


def _end(address: str, mac: str, protocol: str, port: object) -> str:
    if address == NULL:
        return mac
    if port is pd.NA:
        return address
    if protocol.startswith("icmp"):
        return f"{address} id {port}"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def dimmed(texts: Sequence[str]) -> list[str | None] | None:
    """Styles that take back what is null; None if nothing is."""
    return ["dim" if text == NULL else None for text in texts] if NULL in texts else None
