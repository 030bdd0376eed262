"""From nodes to predicates: names become fields, values get the type of the field they are compared with.

All that can be wrong with a filter apart from its syntax is found here, and reported with its place.
"""

from __future__ import annotations

from typing import NoReturn

from nvgre_inspect.flows.filter import nodes, predicates
from nvgre_inspect.flows.filter.catalogue import Catalogue, Unknown
from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.flows.filter.field import Field, Type
from nvgre_inspect.flows.filter.literals import (
    Constant,
    parse_bytes,
    parse_integer,
    parse_value,
    to_bytes,
    to_text,
)
from nvgre_inspect.flows.filter.nodes import Compare, Operand, Quantifier, Slice, Span
from nvgre_inspect.flows.filter.packet_fields import Presence
from nvgre_inspect.flows.filter.predicates import Predicate, Reference
from nvgre_inspect.flows.filter.regex import compile_pattern

_FLIPPED = {Compare.LT: Compare.GT, Compare.LE: Compare.GE, Compare.GT: Compare.LT, Compare.GE: Compare.LE}
_COMPARABLE = (
    {Type.INTEGER, Type.BOOLEAN, Type.FLOAT},
    {Type.TIME},
    {Type.DURATION},
    {Type.IPV4, Type.IPV6, Type.IP},
    {Type.MAC},
    {Type.TEXT},
    {Type.BYTES},
)
_MAX_MASKED_BYTES = 7


def bind(node: nodes.Node | None, text: str, catalogue: Catalogue) -> Predicate:
    """The predicate that `node` (None: everything) means for the names of `catalogue`; FilterError."""
    return predicates.Everything() if node is None else _Binder(text, catalogue).node(node)


class _Binder:
    def __init__(self, text: str, catalogue: Catalogue) -> None:
        self.text = text
        self.catalogue = catalogue

    def node(self, node: nodes.Node) -> Predicate:
        match node:
            case nodes.Or(parts):
                return predicates.AnyOf(tuple(map(self.node, parts)))
            case nodes.And(parts):
                return predicates.AllOf(tuple(map(self.node, parts)))
            case nodes.Not(part):
                return predicates.Not(self.node(part))
            case nodes.Presence(operand):
                return predicates.Exists(self.field(operand)[0])
            case nodes.Comparison():
                return self.comparison(node)
            case nodes.Membership():
                return self.membership(node)
            case nodes.Contains(left, right):
                return self.contains(left, right)
            case nodes.Matches(left, right):
                return self.matches(left, right)

    # --- fields ----------------------------------------------------------------------------------------------------

    def field(self, operand: Operand) -> tuple[Reference, Type]:
        """The field that the operand names, and the type of what is left of it after slice and mask."""
        if operand.quoted:
            self.fail("a field is due here, not a value", operand.span)
        found = self.catalogue.find(operand.text)
        if isinstance(found, Unknown):
            raise FilterError(found.message, self.text, operand.span.start, len(operand.text), found.suggestion)
        field, scope = found
        type_ = field.type
        if operand.slice is not None:
            self.check_sliceable(field, operand.slice)
            type_ = Type.BYTES
        mask = None
        if operand.mask is not None:
            mask = self.mask(operand.mask, type_, operand, field)
            type_ = Type.INTEGER
        return Reference(field, scope, operand.slice, mask), type_

    def check_sliceable(self, field: Field, part: Slice) -> None:
        if field.type in (Type.MAC, Type.BYTES) or field.type.is_address or _has_bytes(field):
            return
        self.fail(f"{field.name} has no bytes to slice: it is {_a(field.type)}", part.span)

    def mask(self, mask: nodes.Mask, type_: Type, operand: Operand, field: Field) -> int:
        if type_ is Type.BYTES and operand.slice is not None:
            start, stop = operand.slice.start, operand.slice.stop
            size = -start if stop is None and start < 0 else (stop or 99) - start
            if size > _MAX_MASKED_BYTES:
                self.fail(f"& takes at most {_MAX_MASKED_BYTES} bytes of a slice", operand.slice.span)
        elif type_ not in (Type.INTEGER, Type.BOOLEAN):
            self.fail(f"& looks at the bits of a number; {field.name} is {_a(type_)}", mask.span)
        try:
            return parse_integer(mask.text)
        except ValueError as error:
            self.fail(f"{mask.text} {error}", mask.span)

    # --- values ----------------------------------------------------------------------------------------------------

    def value(self, operand: Operand, reference: Reference, type_: Type) -> Constant:
        """What the operand is as a value of that type."""
        self.check_plain(operand)
        if type_ is Type.PROTOCOL:
            raise AssertionError("protocols are refused by check_comparable")
        try:
            constant = parse_value(type_, operand.text, operand.quoted)
        except ValueError as error:
            self.fail(f"{_shown(operand)} {error}", operand.span)
        field = reference.field
        if isinstance(constant, int) and field.maximum is not None and reference.mask is None:
            if constant > field.maximum:
                self.fail(f"{operand.text} is too large: {field.name} is at most {field.maximum}", operand.span)
            if constant < 0:
                self.fail(f"{field.name} is never negative", operand.span)
        return constant

    def check_plain(self, operand: Operand) -> None:
        for part in (operand.slice, operand.mask):
            if part is not None:
                self.fail("only a field has slices and bits", part.span)

    def check_comparable(self, operand: Operand, reference: Reference, type_: Type) -> None:
        if type_ is Type.PROTOCOL:
            name = reference.field.name
            more = f", contains, matches, or its bytes as in {name}[0:2]" if _has_bytes(reference.field) else ""
            self.fail(f"{name} is a protocol: only its presence can be tested{more}", operand.span)

    # --- tests -----------------------------------------------------------------------------------------------------

    def comparison(self, node: nodes.Comparison) -> Predicate:
        left, how, right = node.left, node.operator, node.right
        if self.is_value(left) and not self.is_value(right):
            left, how, right = right, _FLIPPED.get(how, how), left
        reference, type_ = self.field(left)
        self.check_comparable(left, reference, type_)
        every = node.quantifier is Quantifier.ALL
        if node.quantifier is not None:
            # The quantifier says which occurrences; what is left is equal or not.
            how = {Compare.NE: Compare.ANY_NE, Compare.ALL_EQ: Compare.EQ}.get(how, how)
        other = self.other_field(right, type_)
        if other is not None:
            return predicates.CompareFields(reference, how, other, every)
        return predicates.CompareConstant(reference, how, self.value(right, reference, type_), every)

    def is_value(self, operand: Operand) -> bool:
        """Whether it cannot be meant as a field."""
        if operand.quoted:
            return True
        return not operand.text[0].isalpha() and isinstance(self.catalogue.find(operand.text), Unknown)

    def other_field(self, operand: Operand, type_: Type) -> Reference | None:
        """The field on the right of a comparison, None where a value stands there."""
        if operand.quoted or isinstance(self.catalogue.find(operand.text), Unknown):
            return None
        reference, other = self.field(operand)
        if type_ is Type.TEXT and other is not Type.TEXT:
            # encap == nvgre, protocol == ip: the words, not the protocols.
            return None
        if not any(type_ in group and other in group for group in _COMPARABLE):
            self.fail(f"{operand.text} is {_a(other)} and cannot be compared with {_a(type_)}", operand.span)
        return reference

    def membership(self, node: nodes.Membership) -> Predicate:
        reference, type_ = self.field(node.left)
        self.check_comparable(node.left, reference, type_)
        items = []
        for element in node.elements:
            low = self.value(element.low, reference, type_)
            high = None if element.high is None else self.value(element.high, reference, type_)
            items.append((low, high))
        return predicates.InSet(reference, tuple(items), node.quantifier is Quantifier.ALL)

    def contains(self, left: Operand, right: Operand) -> Predicate:
        reference, type_ = self.searchable(left, "contains")
        self.check_plain(right)
        try:
            if type_ is Type.TEXT:
                return predicates.Contains(reference, to_text(right.text))
            needle = to_bytes(right.text) if right.quoted else parse_bytes(right.text)
        except ValueError as error:
            self.fail(f"{_shown(right)} {error}", right.span)
        return predicates.Contains(reference, needle)

    def matches(self, left: Operand, right: Operand) -> Predicate:
        reference, type_ = self.searchable(left, "matches")
        self.check_plain(right)
        if not right.quoted:
            self.fail("matches is followed by a regular expression in quotes", right.span)
        try:
            if type_ is Type.TEXT:
                return predicates.Matches(reference, compile_pattern(to_text(right.text)))
            return predicates.Matches(reference, compile_pattern(to_bytes(right.text)))
        except ValueError as error:
            self.fail(f"{_shown(right)} {error}", right.span)

    def searchable(self, operand: Operand, verb: str) -> tuple[Reference, Type]:
        """A field of text or bytes; a MAC address is taken as its bytes."""
        reference, type_ = self.field(operand)
        if type_ is Type.MAC:
            whole = Slice(0, None, operand.span)
            return Reference(reference.field, reference.scope, whole, None), Type.BYTES
        if type_ in (Type.TEXT, Type.BYTES) or (type_ is Type.PROTOCOL and _has_bytes(reference.field)):
            return reference, type_
        self.fail(f"{verb} searches text and bytes; {operand.text} is {_a(type_)}", operand.span)

    def fail(self, message: str, span: Span) -> NoReturn:
        raise FilterError(message, self.text, span.start, span.length)


def _has_bytes(field: Field) -> bool:
    return isinstance(field.source, Presence)


def _shown(operand: Operand) -> str:
    text = f'"{operand.text}"' if operand.quoted else operand.text
    shown = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _a(type_: Type) -> str:
    names = {Type.BYTES: "bytes", Type.TEXT: "text", Type.DURATION: "a number of seconds", Type.MAC: "a MAC address"}
    article = "an" if type_.value[0] in "aeioAEIO" else "a"
    return names.get(type_, f"{article} {type_.value}")
