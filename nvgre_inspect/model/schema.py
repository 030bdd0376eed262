"""Type, Column and Table: how a column is described. What columns there are is said in `model.columns`.

How each type is held in a pandas DataFrame:

| type | dtype | null |
|---|---|---|
| integer | int64; compact ones int32; where null is possible Int64, Int32 | pd.NA |
| float | float64 | NaN |
| text, ip, mac | category; IP and MAC categories are in numeric order, so that sorting is too | NaN |
| time | datetime64[ns, UTC] | NaT |
| list | object: tuples of str or int | never; empty tuple |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    TIME = "time"
    IP = "ip"
    MAC = "mac"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one table."""

    name: str
    type: Type
    #: One sentence without a full stop.
    meaning: str
    unit: str = ""
    nullable: bool = False
    #: Wireshark's field names that a filter on this table may use for it. Several columns may share one
    #: (`ip.addr`): any of them matches then.
    aliases: tuple[str, ...] = ()
    #: 0: not in the human table unless asked for; else 1 (kept longest) to 9 (dropped first where the
    #: terminal is narrow).
    rank: int = 0
    #: Type of a list's items.
    item: Type = Type.TEXT
    #: Held in 32 bits: no value can be larger.
    compact: bool = False
    #: Digits after the point in text exports.
    decimals: int = 6

    @property
    def right(self) -> bool:
        """Whether a human table aligns it to the right."""
        return self.type in (Type.INTEGER, Type.FLOAT)

    @property
    def dtype(self) -> str:
        """The pandas dtype, by name."""
        if self.type is Type.INTEGER:
            return ("Int" if self.nullable else "int") + ("32" if self.compact else "64")
        return _DTYPES[self.type]


_DTYPES = {
    Type.FLOAT: "float64",
    Type.TEXT: "category",
    Type.IP: "category",
    Type.MAC: "category",
    Type.TIME: "datetime64[ns, UTC]",
    Type.LIST: "object",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what a row is, and its columns in order."""

    name: str
    #: What one row stands for.
    row: str
    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [column.name for column in self.columns]
