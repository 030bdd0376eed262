"""A table's rows as columns of text for people.

Which columns there are, and which matter most, is said by the registry (`model.columns`). Without `--fields`
columns that belong together are shown as one: encapsulation, vsid and name as the tenant, address and port as one
end of a conversation, the two directions of a counter under one heading.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nvgre_inspect.cli.layout import Cells
from nvgre_inspect.display import values
from nvgre_inspect.display.headings import FLEXIBLE, direction, heading
from nvgre_inspect.display.times import TimeFormat
from nvgre_inspect.model.columns import Column, Table, Type

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.names import Names


@dataclass(frozen=True, slots=True)
class _Shown:
    """One column for people, and how its texts come out of a chunk of rows."""

    heading: str
    texts: Callable[[pd.DataFrame], values.Texts]
    rank: int
    group: str = ""
    right: bool = False
    flexible: bool = False
    #: The short form of (rows, their texts), for where there is little room.
    short: Callable[[pd.DataFrame, list[str]], list[str]] | None = None

    def __call__(self, rows: pd.DataFrame) -> Cells:
        texts, styles = self.texts(rows)
        short = self.short(rows, texts) if self.short is not None else None
        return Cells(self.heading, texts, styles, self.group, self.right, self.rank, self.flexible, short)


class Presenter:
    """Turns chunks of one table into text, the same way for each chunk."""

    def __init__(
        self,
        table: Table,
        names: Names,
        time: str,
        fields: Sequence[str] | None = None,
        without: Container[str] = (),
        important: Container[str] = (),
    ) -> None:
        """`fields`: exactly these columns; None: the registry's choice but for `without`, with what belongs
        together in one, and `important` kept where the terminal is narrow.
        """
        self._table = table
        self._names = names
        self._time = time
        self._without = without
        self._important = important
        self._shown = list(map(self._exact, fields)) if fields else list(self._chosen())

    def __call__(self, rows: pd.DataFrame) -> list[Cells]:
        """The columns of these rows."""
        return [shown(rows) for shown in self._shown]

    def _exact(self, name: str) -> _Shown:
        column = self._table[name]
        if name == "vsid" and "encap" in self._table:
            return _Shown(name, partial(values.tenants, names=self._names, with_encap=False), 1)
        time = TimeFormat(self._time)
        title = name + (time.suffix if column.type is Type.TIME else "")
        return self._single(column, title, 1, time)

    def _single(self, column: Column, title: str, rank: int, time: TimeFormat, group: str = "") -> _Shown:
        form = values.formatter(column, self._names, time)
        name = column.name
        return _Shown(title, lambda rows: form(rows[name]), rank, group, column.right, name in FLEXIBLE)

    def _chosen(self) -> Iterator[_Shown]:
        tenant = "encap" in self._table and "vsid" in self._table
        for column in self._table:
            name = column.name
            if column.rank == 0 or name in self._without:
                continue
            if name == "encap" and tenant:
                yield _Shown("tenant", partial(values.tenants, names=self._names, with_encap=True), 1)
            elif tenant and (name == "vsid" or (name == "name" and self._table.name == "tenants")):
                continue
            elif name in ("src_ip", "dst_ip") and f"{name[:3]}_port" in self._table:
                title = "source" if name == "src_ip" else "destination"
                # The info of a packet has the ports, or the identifier of a ping.
                short = partial(_address_only, side=name[:3]) if self._table.name == "packets" else None
                yield _Shown(title, partial(values.ends, side=name[:3]), self._rank(column), short=short)
            elif name in ("src_port", "dst_port"):
                continue
            else:
                yield self._plain(column)

    def _rank(self, column: Column) -> int:
        return 1 if column.name in self._important else column.rank

    def _plain(self, column: Column) -> _Shown:
        sided = direction(self._table, column.name)
        packets = self._table.name == "packets"
        # Milliseconds say when a flow began; the order of packets takes all digits, as does --fields.
        time = TimeFormat(self._time, None if packets or self._time in "de" else 3)
        if sided:
            return self._single(column, sided[1], self._rank(column), time, heading(sided[0]))
        title = heading(column.name) + (time.suffix if column.type is Type.TIME else "")
        shown = self._single(column, title, self._rank(column), time)
        # As tcpdump shows it: packets of one capture seldom differ in the date.
        return replace(shown, short=partial(_without_date, time)) if packets and column.type is Type.TIME else shown


def _without_date(time: TimeFormat, _rows: pd.DataFrame, texts: list[str]) -> list[str]:
    """`13:05:10.123`; times without a date are as short as they get."""
    if not time.date_length:
        return texts
    end = time.date_length + len("13:05:10.123")
    return [text[time.date_length : end] or text for text in texts]


def _address_only(rows: pd.DataFrame, _texts: list[str], side: str) -> list[str]:
    return values.by_category(rows[f"{side}_ip"], str)
