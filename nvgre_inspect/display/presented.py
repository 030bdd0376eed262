"""A table's columns as the terminal UI shows them: each formats the rows that are on the screen, and no others.

To the registry's columns (`model.columns`) come those that put together what belongs together: `tenant` is encap, vsid
and name, `source` and `destination` are address and port, `bytes` of a flow are those of both directions. Forward and
reverse are `→` and `←`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from nvgre_inspect.display import values
from nvgre_inspect.display.headings import direction, heading
from nvgre_inspect.display.text import amount
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.display.values import Texts
from nvgre_inspect.model.columns import Column, Table, Type

if TYPE_CHECKING:
    from nvgre_inspect.model.names import Names

_ARROWS = {"fwd": "→", "rev": "←"}


@dataclass(frozen=True, slots=True)
class Presented:
    """One column for people."""

    #: The registry's name, or `tenant`, `source`, `destination`, `bytes`.
    name: str
    heading: str
    #: One sentence without a full stop.
    meaning: str
    #: The registry's columns that it shows; it is sorted by them in this order.
    columns: tuple[str, ...]
    #: 0: shown only when asked for; else 1 (most important) to 9.
    rank: int
    right: bool
    #: Text and style of some rows of the table. Rows are few: those on the screen.
    texts: Callable[[pd.DataFrame], Texts]
    #: Further columns that `texts` looks at.
    beside: tuple[str, ...] = ()
    #: Whether it is the sum of its columns, and sorted by that.
    summed: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that rows have to have for `texts`."""
        return (*self.columns, *self.beside)


def presented(table: Table, names: Names, time_style: str) -> dict[str, Presented]:
    """Every column that can be shown, by name, in the order in which it is offered; `time_style` is that of `-t`."""
    return {column.name: column for column in _all(table, names, time_style)}


#: Ranks up to this are alike: such columns stay in the table's order, the others follow by their rank.
_FOREMOST = 2
#: Says what a row is, so it stays where the table has it.
_IN_PLACE = {"encap"}


def usual(columns: Mapping[str, Presented]) -> list[str]:
    """The names of those that are shown unless somebody chooses others, the most important on the left."""
    together = {
        name for column in columns.values() if len(column.columns) > 1 and not column.summed for name in column.columns
    }
    if "tenant" in columns:
        together.add("name")
    names = [name for name, column in columns.items() if column.rank and name not in together]
    return sorted(names, key=lambda name: _FOREMOST if name in _IN_PLACE else max(columns[name].rank, _FOREMOST))


def _all(table: Table, names: Names, time_style: str) -> Iterator[Presented]:
    for column in table:
        if column.name == "encap" and "vsid" in table:
            yield _tenant(names)
        elif column.name in ("src_ip", "dst_ip") and f"{column.name[:3]}_port" in table:
            yield _end(table, column.name[:3])
        elif column.name == "packets_fwd" and "bytes_fwd" in table:
            yield _total("bytes", "Bytes of the inner frames in both directions")
        yield _single(table, column, names, time_style)


def _tenant(names: Names) -> Presented:
    texts = partial(values.tenants, names=names, with_encap=True)
    return Presented("tenant", "tenant", "Encapsulation, vsid and name", ("encap", "vsid"), 1, False, texts)


def _end(table: Table, side: str) -> Presented:
    name = "source" if side == "src" else "destination"
    meaning = "Address and port of the initiator" if side == "src" else "Address and port of the responder"
    beside = tuple(beside for beside in (f"{side}_mac", "protocol") if beside in table)
    texts = partial(values.ends, side=side)
    return Presented(name, name, meaning, (f"{side}_ip", f"{side}_port"), 1, False, texts, beside)


def _total(name: str, meaning: str) -> Presented:
    columns = (f"{name}_fwd", f"{name}_rev")

    def texts(rows: pd.DataFrame) -> Texts:
        return list(map(amount, rows[list(columns)].sum(axis=1).tolist())), None

    return Presented(name, heading(name), meaning, columns, 1, True, texts, summed=True)


def _single(table: Table, column: Column, names: Names, time_style: str) -> Presented:
    sided = direction(table, column.name)
    title = f"{heading(sided[0])} {_ARROWS[sided[1]]}" if sided else heading(column.name)
    if column.type is Type.TIME:
        title += TimeFormat(time_style).suffix
    return Presented(
        column.name,
        title,
        column.meaning,
        (column.name,),
        column.rank,
        column.right,
        partial(_texts, column=column, names=names, time_style=time_style),
    )


def _texts(rows: pd.DataFrame, column: Column, names: Names, time_style: str) -> Texts:
    # Milliseconds say when a flow began; differences and epochs need more.
    time = TimeFormat(time_style, None if time_style in "de" else 3)
    few = rows[column.name]
    if isinstance(few.dtype, pd.CategoricalDtype):
        # Not the table's categories, of which there may be a million.
        few = few.astype(object)
    return values.formatter(column, names, time)(few)
