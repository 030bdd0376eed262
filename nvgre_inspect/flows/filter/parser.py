r"""From the text of a filter to its nodes; FilterError, and nothing else, for text that is no filter.

The grammar is grammar.lark. Limits: 10,000 characters, and parentheses and negations 50 deep, so that no text can
exhaust the stack (some six calls a level).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NoReturn

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.flows.filter.nodes import (
    And,
    Compare,
    Comparison,
    Contains,
    Element,
    Mask,
    Matches,
    Membership,
    Node,
    Not,
    Operand,
    Or,
    Presence,
    Quantifier,
    Slice,
    Span,
)

MAX_LENGTH = 10_000
MAX_NESTING = 50

_OPERATORS = {operator.value: operator for operator in Compare} | {
    "!==": Compare.ANY_NE,
    "eq": Compare.EQ,
    "any_eq": Compare.EQ,
    "ne": Compare.NE,
    "all_ne": Compare.NE,
    "all_eq": Compare.ALL_EQ,
    "any_ne": Compare.ANY_NE,
    "lt": Compare.LT,
    "le": Compare.LE,
    "gt": Compare.GT,
    "ge": Compare.GE,
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_SLICE = re.compile(r"\[\s*(?:(-?\d{1,6})\s*(?:(:)\s*(\d{1,6})?|-\s*(\d{1,6}))?|:\s*(\d{1,6}))\s*\]")


@cache
def _lark() -> Lark:
    return Lark(Path(__file__).with_name("grammar.lark").read_text("utf-8"), parser="lalr")


def parse(text: str) -> Node | None:
    """The filter's nodes; None for an empty text, which lets everything through."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH:,} characters", text, MAX_LENGTH)
    try:
        _check_nesting(text)
        tree = _lark().parse(text)
    except UnexpectedInput as error:
        _explain(error, text)
    return _Reader(text).filter(tree)


def _check_nesting(text: str) -> None:
    """Refuses what nests so deep that reading it could exhaust the stack."""
    #: What each open parenthesis added: itself, and the negations before it.
    opened: list[int] = []
    depth = negations = 0
    for token in _lark().lex(text):
        if token.type == "NOT":
            negations += 1
        elif token.type == "LPAR":
            opened.append(negations + 1)
            depth += opened[-1]
            negations = 0
        elif token.type == "RPAR" and opened:
            depth -= opened.pop()
        else:
            negations = 0
        if depth + negations > MAX_NESTING:
            message = f"parentheses and negations nest more than {MAX_NESTING} deep"
            raise FilterError(message, text, token.start_pos or 0)


class _Reader:
    """Turns lark's tree into nodes, one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text

    def filter(self, tree: Tree[Token]) -> Node | None:
        return self.or_(_tree(tree.children[0])) if tree.children else None

    def or_(self, tree: Tree[Token]) -> Node:
        parts = tuple(self.and_(child) for child in tree.children if isinstance(child, Tree))
        return parts[0] if len(parts) == 1 else Or(parts)

    def and_(self, tree: Tree[Token]) -> Node:
        parts = tuple(self.not_(child) for child in tree.children if isinstance(child, Tree))
        return parts[0] if len(parts) == 1 else And(parts)

    def not_(self, tree: Tree[Token]) -> Node:
        if tree.data == "negation":
            return Not(self.not_(_tree(tree.children[1])))
        return self.test(_tree(tree.children[0]))

    def test(self, tree: Tree[Token]) -> Node:
        children = tree.children
        if tree.data == "presence":
            primary = _tree(children[0])
            if primary.data == "group":
                return self.or_(_tree(primary.children[1]))
            return Presence(self.operand(_tree(primary.children[0])))
        if tree.data == "comparison":
            quantifier, left, operator, right = children
            first, second = self.value(_tree(left)), self.value(_tree(right))
            return Comparison(
                first,
                _OPERATORS[str(operator)],
                second,
                _quantifier(quantifier),
                Span(first.span.start, second.span.end),
            )
        if tree.data == "membership":
            quantifier, left, negated, _, *elements = children
            first = self.value(_tree(left))
            parsed = tuple(self.element(_tree(element)) for element in elements)
            last = parsed[-1].high or parsed[-1].low
            node = Membership(first, parsed, _quantifier(quantifier), Span(first.span.start, last.span.end))
            return node if negated is None else Not(node)
        left, _, right = children
        kind = Contains if tree.data == "contains" else Matches
        return kind(self.value(_tree(left)), self.operand(_tree(right)))

    def value(self, primary: Tree[Token]) -> Operand:
        """A side of a comparison: an operand, however many parentheses are around it."""
        if primary.data == "primary":
            return self.operand(_tree(primary.children[0]))
        inside = self.or_(_tree(primary.children[1]))
        if isinstance(inside, Presence):
            return inside.operand
        opening = _token(primary.children[0])
        raise FilterError(
            "a condition cannot be compared; only a field or a value can",
            self.text,
            opening.start_pos or 0,
        )

    def operand(self, tree: Tree[Token]) -> Operand:
        word, slice_, bitand, mask = tree.children
        parsed_slice = None if slice_ is None else self.slice(_token(slice_))
        parsed_mask = None if bitand is None else Mask(str(mask), _span(_token(mask)))
        return self.word(_token(word), parsed_slice, parsed_mask)

    def element(self, tree: Tree[Token]) -> Element:
        low, _, high = tree.children
        return Element(self.word(_token(low)), None if high is None else self.word(_token(high)))

    def word(self, token: Token, slice_: Slice | None = None, mask: Mask | None = None) -> Operand:
        span = _span(token)
        for part in (slice_, mask):
            if part is not None:
                span = Span(span.start, part.span.end)
        if token.type == "STRING":
            return Operand(self.unquote(token), True, slice_, mask, span)
        return Operand(str(token), False, slice_, mask, span)

    def unquote(self, token: Token) -> str:
        if token.startswith("r"):
            return str(token)[2:-1]

        def character(match: re.Match[str]) -> str:
            escape = match[1]
            if escape[0] == "x" and len(escape) == 3:
                # A byte that is no ASCII character travels as a lone surrogate (PEP 383), see literals.to_bytes.
                code = int(escape[1:], 16)
                return chr(code if code < 0x80 else 0xDC00 + code)
            # An unknown escape keeps its backslash: "\d" is meant for a regular expression.
            return escape if escape in '"\\' else _ESCAPES.get(escape, match[0])

        return _ESCAPE.sub(character, str(token)[1:-1])

    def slice(self, token: Token) -> Slice:
        """`[i]`, `[i:length]`, `[i-last]`, `[i:]`, `[:length]`, counted as Wireshark counts."""
        span = _span(token)
        match = _SLICE.fullmatch(token)
        if match is None:
            raise FilterError(
                "a slice is written [start:length], [start-last], [start], [start:] or [:length]",
                self.text,
                span.start,
                span.length,
            )
        first, colon, length, last, head = match.groups()
        if head is not None:
            return self._bounds(0, int(head), span)
        start = int(first)
        if last is not None:
            return self._bounds(start, int(last) - start + 1, span)
        if length is not None:
            return self._bounds(start, int(length), span)
        if colon is not None:
            return Slice(start, None, span)
        return self._bounds(start, 1, span)

    def _bounds(self, start: int, length: int, span: Span) -> Slice:
        if length < 1:
            raise FilterError("the slice is empty", self.text, span.start, span.length)
        stop = start + length
        if start < 0 <= stop:
            # [-2:2] ends with the last byte.
            if stop > 0:
                raise FilterError("the slice goes beyond the end", self.text, span.start, span.length)
            return Slice(start, None, span)
        return Slice(start, stop, span)


def _tree(child: Tree[Token] | Token) -> Tree[Token]:
    assert isinstance(child, Tree)
    return child


def _token(child: Tree[Token] | Token) -> Token:
    assert isinstance(child, Token)
    return child


def _span(token: Token) -> Span:
    start = token.start_pos or 0
    return Span(start, start + len(token))


def _quantifier(child: Tree[Token] | Token | None) -> Quantifier | None:
    return None if child is None else Quantifier(str(child))


# --- errors --------------------------------------------------------------------------------------------------------

_EXPECTED_WORDS = {"OR", "AND", "COMPARE", "IN", "CONTAINS", "MATCHES"}


def _explain(error: UnexpectedInput, text: str) -> NoReturn:
    """Raises the FilterError that says in words what lark's error says in terminals."""
    if isinstance(error, UnexpectedCharacters):
        raise _explain_character(error.pos_in_stream or 0, text)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        raise _explain_token(error.token, set(error.expected), text)
    raise FilterError(_end_message(text), text, len(text.rstrip()))


def _explain_character(position: int, text: str) -> FilterError:
    character = text[position]
    if character == '"':
        return FilterError("this quote is never closed", text, position, len(text) - position)
    if character == "[":
        return FilterError("this bracket is never closed", text, position)
    if character == "=":
        return FilterError("= is no operator", text, position, suggestion="==")
    if character == "|":
        return FilterError("| is no operator", text, position, suggestion="||")
    if character == "'":
        return FilterError("text stands in double quotes", text, position)
    shown = character if character.isprintable() and character.isascii() else f"U+{ord(character):04X}"
    return FilterError(f"{shown} means nothing here", text, position)


def _explain_token(token: Token, expected: set[str], text: str) -> FilterError:
    position = token.start_pos or 0
    word = str(token)
    if token.type == "RPAR" and "WORD" not in expected:
        return FilterError("this parenthesis was never opened", text, position)
    if "WORD" in expected:
        message = f"a field or a value is missing before {word}"
    elif "RBRACE" in expected:
        message = f"values in braces are separated by commas, not {word}"
    elif "LBRACE" in expected:
        message = "in is followed by values in braces, for example in {80, 443, 1000..2000}"
    elif token.type in ("WORD", "STRING") and "COMPARE" in expected:
        message = f"an operator is missing before {word}: == != < > in contains matches and or"
    elif token.type == "COMPARE":
        message = "comparisons cannot be chained; join them by and"
    else:
        message = f"{word} is not expected here"
    return FilterError(message, text, position, len(word))


def _end_message(text: str) -> str:
    quoted = re.sub(r'r?"(\\.|[^"\\])*"', "", text)
    if quoted.count("(") > quoted.count(")") and quoted.rstrip()[-1:] not in ("(", ""):
        return "a closing parenthesis is missing"
    if quoted.count("{") > quoted.count("}"):
        return "a closing brace is missing"
    return "the filter ends where a field or a value is due"
