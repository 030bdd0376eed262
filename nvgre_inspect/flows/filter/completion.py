"""Completion: what may stand where the cursor is in a filter that is being typed.

A filter in the making is mostly no filter yet, so the grammar cannot read it. A few states in which the words before
the cursor leave the reader (`_Expect`) are enough to know whether a field, an operator or a value is due, and of which
field. Where the text before the cursor makes no sense, nothing is offered. Pure: values come in as a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from nvgre_inspect.flows.filter.catalogue import Catalogue, Unknown
from nvgre_inspect.flows.filter.field import Field, Type
from nvgre_inspect.flows.filter.present import Value, Values
from nvgre_inspect.flows.filter.table_fields import Columns, StackWords, table_fields
from nvgre_inspect.flows.filter.writing import quoted, written

#: Candidates that are offered.
MOST = 50
#: Characters of a filter that are looked at; longer ones are pasted, not typed.
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """One word that may stand there."""

    text: str
    #: What it means, in half a line; may hold text from the capture, not escaped.
    meaning: str
    #: Whether a space belongs behind it.
    spaced: bool = True


@dataclass(frozen=True, slots=True)
class Completion:
    """Candidates, and the characters `start` to `end` of the text that one of them takes the place of."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]

    def applied(self, text: str, candidate: Candidate) -> tuple[str, int]:
        """The text with the candidate in it, and where the cursor then is."""
        before, after = text[: self.start], text[self.end :]
        if before[-1:] and before[-1] in "=!<>~&|,":
            before += " "
        word = candidate.text
        if candidate.spaced:
            after = after.removeprefix(" ")
            word += " "
        return before + word + after, len(before) + len(word)


NOTHING = Completion(0, 0, ())


class _Expect(Enum):
    """What is due."""

    TEST = auto()
    AFTER_FIELD = auto()
    BITS = auto()
    VALUE = auto()
    SET = auto()
    ELEMENT = auto()
    AFTER_ELEMENT = auto()
    AFTER_TEST = auto()
    NONSENSE = auto()


_TOKEN = re.compile(
    r"""
      (?P<space> \s+ )
    | (?P<string> r?"(?:\\.|[^"\\])*(?:"|\Z) )
    | (?P<slice> \[[^\]]*\]? )
    | (?P<sign> ===|!==|==|!=|~=|<=|>=|&&|\|\||\.\.|[<>!~&|=(){},] )
    | (?P<word> -?[A-Za-z0-9_:]+ (?: [./-](?!\.)[A-Za-z0-9_:]* )* )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMPARE = {"===", "!==", "==", "!=", "~=", "<=", ">=", "<", ">", "eq", "ne", "lt", "le", "gt", "ge"} | {
    f"{which}_{how}" for which in ("any", "all") for how in ("eq", "ne")
}
_JOIN = {"and", "or", "&&", "||"}
_SEARCH = {"contains", "matches", "~"}

_EQUALITY = (
    Candidate("==", "some occurrence is equal"),
    Candidate("!=", "there are occurrences, and none is equal"),
)
_ORDER = (
    Candidate(">", "some occurrence is greater"),
    Candidate(">=", "some occurrence is greater or equal"),
    Candidate("<", "some occurrence is less"),
    Candidate("<=", "some occurrence is less or equal"),
)
_IN = Candidate("in {", "one of several values or ranges: in {80, 443, 1000..2000}", spaced=False)
_CONTAINS = Candidate("contains", "this text, or these bytes, occur in it")
_MATCHES = Candidate("matches", "a regular expression in quotes is found in it")
_BITS = Candidate("&", "has one of these bits, as in tcp.flags & 0x12")
_AND = Candidate("and", "both have to be true")
_OR = Candidate("or", "one of both has to be true")
_NOT = Candidate("not", "what follows must not be true")
_CLOSE = Candidate(")", "close the parenthesis")
_TRUTH = (Value("1", "true"), Value("0", "false"))


def complete_at(text: str, cursor: int, table: str | None, values: Values) -> Completion:
    """What may stand at `cursor` (0 to len(text)) of a filter for `table` (as for `compile_filter`).

    `values` are those that are present, column -> values. KeyError for a table that does not exist.
    """
    if len(text) > _LONGEST:
        return NOTHING
    reader = _Reader(Catalogue(table), values)
    start = end = cursor
    for token in _TOKEN.finditer(text):
        if token.end() > cursor or (token.end() == cursor and _is_open(token, reader.expect)):
            if token.start() < cursor and token.lastgroup != "space":
                start, end = token.span()
            break
        reader.take(token)
    return Completion(start, end, tuple(reader.candidates(text[start:cursor]))[:MOST])


def _is_open(token: re.Match[str], expect: _Expect) -> bool:
    """Whether typing on behind this token would change it."""
    word = token.group()
    if token.lastgroup == "word":
        return True
    if token.lastgroup == "string":
        return len(word.removeprefix("r")) == 1 or not word.endswith('"')
    return token.lastgroup == "sign" and expect is _Expect.AFTER_FIELD and word in ("=", "!", "<", ">", "~")


class _Reader:
    """Goes through the words before the cursor."""

    def __init__(self, catalogue: Catalogue, values: Values) -> None:
        self.catalogue = catalogue
        self.values = values
        self.expect = _Expect.TEST
        #: The field that was named last.
        self.field: Field | None = None
        self.open = 0

    def take(self, token: re.Match[str]) -> None:
        """One word that stands before the cursor."""
        if token.lastgroup != "space":
            self.expect = self._after(token.lastgroup or "", token.group())

    def _after(self, kind: str, word: str) -> _Expect:
        lower = word.lower()
        match self.expect:
            case _Expect.TEST:
                return self._after_beginning(kind, lower, word)
            case _Expect.AFTER_FIELD:
                return self._after_field(kind, lower)
            case _Expect.BITS:
                return _Expect.AFTER_FIELD if kind == "word" else _Expect.NONSENSE
            case _Expect.VALUE:
                return _Expect.AFTER_TEST if kind in ("word", "string") else _Expect.NONSENSE
            case _Expect.SET:
                return _Expect.ELEMENT if word == "{" else _Expect.NONSENSE
            case _Expect.ELEMENT:
                return _Expect.AFTER_ELEMENT if kind in ("word", "string") else _Expect.NONSENSE
            case _Expect.AFTER_ELEMENT:
                if word == "}":
                    return _Expect.AFTER_TEST
                return _Expect.ELEMENT if word in (",", "..") else _Expect.NONSENSE
            case _Expect.AFTER_TEST:
                return self._after_test(lower)
        return _Expect.NONSENSE

    def _after_beginning(self, kind: str, lower: str, word: str) -> _Expect:
        if lower in ("not", "!", "any", "all"):
            return _Expect.TEST
        if word == "(":
            self.open += 1
            return _Expect.TEST
        if kind not in ("word", "string"):
            return _Expect.NONSENSE
        found = self.catalogue.find(word)
        self.field = None if isinstance(found, Unknown) else found[0]
        return _Expect.AFTER_FIELD

    def _after_field(self, kind: str, lower: str) -> _Expect:
        if kind == "slice" or lower == "not":
            return _Expect.AFTER_FIELD
        if lower in ("&", "bitwise_and"):
            return _Expect.BITS
        if lower in _COMPARE or lower in _SEARCH:
            return _Expect.VALUE
        return _Expect.SET if lower == "in" else self._after_test(lower)

    def _after_test(self, lower: str) -> _Expect:
        if lower in _JOIN:
            return _Expect.TEST
        if lower == ")" and self.open:
            self.open -= 1
            return _Expect.AFTER_TEST
        return _Expect.NONSENSE

    # --- what may follow ---------------------------------------------------------------------------------------------

    def candidates(self, typed: str) -> Iterator[Candidate]:
        """What may stand here, the likeliest first, of what was typed."""
        match self.expect:
            case _Expect.TEST:
                return _matching(typed, self._fields(typed))
            case _Expect.AFTER_FIELD:
                return _beginning(typed, [*self._operators(), *self._joins()])
            case _Expect.VALUE:
                return self._values(typed, spaced=True)
            case _Expect.SET:
                return _beginning(typed, [Candidate("{", "values follow, with commas between", spaced=False)])
            case _Expect.ELEMENT:
                return self._values(typed, spaced=False)
            case _Expect.AFTER_ELEMENT:
                return _beginning(typed, [Candidate(", ", "another value", False), Candidate("}", "no more values")])
            case _Expect.AFTER_TEST:
                return _beginning(typed, self._joins())
        return iter(())

    def _fields(self, typed: str) -> Iterator[Candidate]:
        # Prefixed names would double the list; they are offered to whoever begins to type a prefix.
        names = self.catalogue.names if typed[:2].lower() in ("in", "ou") else list(self.catalogue.fields)
        for name in names:
            found = self.catalogue.find(name)
            if not isinstance(found, Unknown):
                yield Candidate(name, f"{found[0].type.value}: {found[0].meaning}")
        if typed:
            yield _NOT

    def _operators(self) -> Iterator[Candidate]:
        if self.field is None or self.field.type is Type.PROTOCOL:
            return
        yield from _EQUALITY
        if self.field.type in (Type.TEXT, Type.BYTES):
            yield from (_CONTAINS, _MATCHES)
        elif not (self.field.type.is_address or self.field.type in (Type.MAC, Type.BOOLEAN)):
            yield from _ORDER
        yield _IN
        if self.field.type is Type.INTEGER:
            yield _BITS

    def _joins(self) -> list[Candidate]:
        return [_AND, _OR, *([_CLOSE] if self.open else [])]

    def _values(self, typed: str, *, spaced: bool) -> Iterator[Candidate]:
        bare = typed.removeprefix('"').removesuffix('"').lower()
        if self.field is None:
            return
        matching = [value for value in self._present(self.field) if value.text.lower().startswith(bare)]
        # A name is easier to remember than its number: "blue" finds 5001.
        matching += [value for value in self._present(self.field) if bare and bare in value.meaning.lower().split()]
        for value in dict.fromkeys(matching):
            text = value.text
            if self.field.type is Type.TEXT:
                text = quoted(text) if typed.startswith('"') else written(text, self.catalogue)
            if text != typed:
                yield Candidate(text, value.meaning, spaced)

    def _present(self, field: Field) -> Iterable[Value]:
        """The values of a field that are present."""
        if field.type is Type.BOOLEAN:
            return _TRUTH
        source = self._source(field)
        if isinstance(source, StackWords):
            if not source.ids:
                return self.values.get("encap", ())
            return [value for value in self.values.get("vsid", ()) if value.encap in source.words]
        found = [value for name in source.names for value in self.values.get(name, ())] if source else []
        family = {Type.IPV4: False, Type.IPV6: True}.get(field.type)
        return dict.fromkeys(value for value in found if family is None or (":" in value.text) is family)

    def _source(self, field: Field) -> Columns | StackWords | None:
        """The columns that the field is about; a field of packets is about those of their flows."""
        source = field.source
        if not isinstance(source, Columns | StackWords):
            known = table_fields("flows").get(field.name)
            source = None if known is None else known.source
        return source if isinstance(source, Columns | StackWords) else None


def _beginning(typed: str, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    return (one for one in candidates if one.text.startswith(typed.lower()) and one.text != typed)


def _matching(typed: str, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Those that begin with what was typed, then those of which a part does, then those that have it anywhere."""
    lower = typed.lower()
    ranked: tuple[list[Candidate], ...] = ([], [], [])
    for candidate in candidates:
        name = candidate.text.lower()
        if name.startswith(lower):
            ranked[0].append(candidate)
        elif any(part.startswith(lower) for part in re.split("[._]", name)):
            ranked[1].append(candidate)
        elif len(lower) > 1 and lower in name:
            ranked[2].append(candidate)
    return (one for rank in ranked for one in rank if one.text != typed)
