"""Field: a name that a filter can use, on packets or on a table, and the type of its values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What the values of a field are; the value is the word that docs/filters.md uses."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    FLOAT = "number"
    TIME = "time"
    DURATION = "seconds"
    IPV4 = "IPv4 address"
    IPV6 = "IPv6 address"
    IP = "IP address"
    MAC = "MAC address"
    TEXT = "text"
    BYTES = "bytes"
    PROTOCOL = "protocol"

    @property
    def is_address(self) -> bool:
        """IPv4, IPv6 or either."""
        return self in (Type.IPV4, Type.IPV6, Type.IP)


class Scope(Enum):
    """Which of the nested headers a field is looked for in; the value is the prefix in a filter."""

    ANY = ""
    OUTER = "outer"
    INNER = "inner"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of packets, or one column (or alias of columns) of a table."""

    name: str
    type: Type
    #: One sentence or less, for docs/filters.md and for help.
    meaning: str
    #: How its values are read; what that is, is between the catalogue and the evaluator that belongs to it.
    source: object
    #: Greatest value that the field can hold, None: not known.
    maximum: int | None = None
    #: Whether a packet or row can have more than one.
    multiple: bool = False
    #: Whether `inner.` and `outer.` may stand before it.
    scoped: bool = False
