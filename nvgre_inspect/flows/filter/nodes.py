"""The parsed filter: what was written, with the place of every part in the text. No meaning yet (see binding.py)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of the filter's text."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of characters."""
        return self.end - self.start


class Compare(Enum):
    """Comparison operators. EQ and NE are Wireshark 4's: `==` any occurrence, `!=` no occurrence is equal."""

    EQ = "=="
    NE = "!="
    ALL_EQ = "==="
    ANY_NE = "~="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Quantifier(Enum):
    """Which occurrences of a field have to fit; written before a comparison."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `start` to `stop` (exclusive; None: to the end; negative: from the end)."""

    start: int
    stop: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class Mask:
    """The number behind `&`, as written."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Operand:
    """A word or quoted string: a field, or a value where a value is due."""

    text: str
    quoted: bool
    slice: Slice | None
    mask: Mask | None
    span: Span


@dataclass(frozen=True, slots=True)
class Presence:
    """A bare field or protocol: there is one (with `&`: and one has a bit of the mask set)."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`."""

    left: Operand
    operator: Compare
    right: Operand
    quantifier: Quantifier | None
    span: Span


@dataclass(frozen=True, slots=True)
class Element:
    """A value of a set, or a range of values with both ends in it."""

    low: Operand
    high: Operand | None


@dataclass(frozen=True, slots=True)
class Membership:
    """`left in { … }`; `not in` is the negation of that."""

    left: Operand
    elements: tuple[Element, ...]
    quantifier: Quantifier | None
    span: Span


@dataclass(frozen=True, slots=True)
class Contains:
    """`left contains right`: the bytes or text occur anywhere in it."""

    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Matches:
    """`left matches "regex"`: the regular expression is found anywhere in it."""

    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Not:
    """True where its part is not."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """True where all of its parts are."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where one of its parts is."""

    parts: tuple[Node, ...]


Node = Presence | Comparison | Membership | Contains | Matches | Not | And | Or
