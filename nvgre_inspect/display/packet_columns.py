"""The columns of a list of packets, as the terminal UI shows them: inner headers, outer ones, or both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from nvgre_inspect.display import values
from nvgre_inspect.display.presented import Presented, presented
from nvgre_inspect.display.text import escape
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.display.values import NULL, Texts
from nvgre_inspect.flows.relative_numbers import ACK, SEQ
from nvgre_inspect.model.columns import PACKETS

if TYPE_CHECKING:
    from nvgre_inspect.model.names import Names

#: What `cycle_inner_outer` goes through, and the columns of each.
VIEWS: dict[str, tuple[str, ...]] = {
    "inner": ("number", "time", "tenant", "source", "destination", "protocol", "length", "info"),
    "outer": ("number", "time", "outer_source", "outer_destination", "flow_id", "length", "stack"),
    "both": (
        *("number", "time", "pa_src", "pa_dst", "flow_id", "tenant"),
        *("source", "destination", "protocol", "length", "info"),
    ),
}
#: Where there is little room: columns that are left out, and those that stand for wider ones.
_LEFT_OUT = {"length"}
_SHORTER = {"tenant": "vsid"}
#: The sequence numbers of a TCP segment's text, as on the wire.
_NUMBERS = re.compile(r"(\d+ → \d+ \[[^]]*\] Seq=)(\d+)(?:( Ack=)(\d+))?")


def columns_of(view: str, *, narrow: bool) -> list[str]:
    """The names of the columns of a view, in order."""
    names = VIEWS[view]
    return [_SHORTER.get(name, name) for name in names if name not in _LEFT_OUT] if narrow else list(names)


def packet_columns(
    names: Names, time_style: str, *, narrow: bool, dated: bool = True, raw_numbers: bool = False
) -> Mapping[str, Presented]:
    """Every column of the packets table that can be shown, by name; `time_style` is that of `-t`.

    Beside the table's own: `source` and `destination` are the innermost packet's addresses (its ports are in `info`),
    `outer_source` and `outer_destination` the provider addresses, outside any tunnel the packet's own. `narrow`: times
    without date, to the millisecond; else without date unless `dated`. `raw_numbers`: TCP sequence numbers as on the
    wire, also where rows have relative ones (`flows.relative_numbers`).
    """
    columns = dict(presented(PACKETS, names, time_style))
    columns["time"] = replace(columns["time"], texts=partial(_times, time_style=time_style, short=narrow, dated=dated))
    columns["number"] = replace(columns["number"], heading="no.", right=True)
    columns["protocol"] = replace(columns["protocol"], heading="proto")
    columns["info"] = replace(columns["info"], texts=partial(_infos, raw_numbers=raw_numbers))
    # Seen so far of the same packet: which tenant it is of says as much as its number.
    columns["vsid"] = replace(columns["vsid"], texts=partial(values.tenants, names=names, with_encap=False))
    for side, name, whose in (("src", "source", "from which"), ("dst", "destination", "to which")):
        inner, outer = f"{side}_ip", f"pa_{side}"
        columns[name] = replace(columns[name], columns=(inner,), texts=partial(_addresses, name=inner))
        columns[f"outer_{name}"] = Presented(
            f"outer_{name}",
            f"outer {name}",
            f"Provider address {whose} it was sent; outside any tunnel the packet's own address",
            (outer,),
            0,
            False,
            partial(_outer, outer=outer, inner=inner, names=names),
        )
    return columns


def _times(rows: pd.DataFrame, time_style: str, *, short: bool, dated: bool) -> Texts:
    nanoseconds = rows["time"].dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64").tolist()
    form = TimeFormat(time_style, 3 if short and time_style not in "de" else None)
    texts = form(nanoseconds)
    return texts if dated and not short else [text[form.date_length :] for text in texts], None


def _addresses(rows: pd.DataFrame, name: str) -> Texts:
    texts = values.by_category(rows[name], str)
    return texts, values.dimmed(texts)


def _outer(rows: pd.DataFrame, outer: str, inner: str, names: Names) -> Texts:
    """Outside any tunnel the packet's own addresses are the underlay's."""
    provider = values.by_category(rows[outer], lambda address: values.pa_text(str(address), names))
    own = values.by_category(rows[inner], str)
    return [own[i] if text == NULL else text for i, text in enumerate(provider)], None


def _infos(rows: pd.DataFrame, *, raw_numbers: bool) -> Texts:
    """What the packet says, and what is odd about it before that: anomalies must not be cut off."""
    texts = values.by_category(rows["info"], lambda text: escape(str(text)))
    if SEQ in rows and not raw_numbers:
        texts = list(map(_renumbered, texts, rows[SEQ].tolist(), rows[ACK].tolist()))
    odd = rows["anomalies"].tolist()
    return (
        [f"! {' '.join(names)} · {text}" if names else text for text, names in zip(texts, odd, strict=True)],
        ["note" if names else None for names in odd],
    )


def _renumbered(text: str, seq: int, ack: int) -> str:
    """The text of a TCP segment with relative numbers; others have none (-1)."""
    found = _NUMBERS.match(text)
    if found is None:
        return text
    start, raw_seq, label, raw_ack = found.groups()
    numbers = f"{start}{raw_seq if seq < 0 else seq}"
    if label:
        numbers += f"{label}{raw_ack if ack < 0 else ack}"
    return numbers + text[found.end() :]
