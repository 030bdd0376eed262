"""Our filters as Wireshark display filters, where there is one that means the same.

The languages share syntax and most names; what differs is translated or said to have no counterpart:

    nvgre.vsid == 5001      gre.key in {0x138900..0x1389ff}
    vsid == 5001            that, or vxlan.vni == 5001, or geneve.vni == 5001
    nvgre.flowid == 7       gre.key & 0xff == 0x7      (Wireshark 4.0)
    tcp.seq                 tcp.seq_raw: as on the wire

Limits: `vsid` is of the tenant's layer here, of any layer there; where virtual networks are nested in each other, more
packets pass there. GRE with a 32-bit key that is no VSID is left out by `vsid` there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dissectors import offsets
from nvgre_inspect.flows.filter.field import Field, Type
from nvgre_inspect.flows.filter.nodes import (
    And,
    Compare,
    Comparison,
    Contains,
    Matches,
    Membership,
    Node,
    Not,
    Operand,
    Or,
    Presence,
    Quantifier,
)
from nvgre_inspect.flows.filter.packet_fields import PACKET_FIELDS
from nvgre_inspect.flows.filter.parser import parse

#: Protocols that Wireshark calls otherwise, and where names begin that are of this tool alone, as columns are.
_OUR_PROTOCOLS = {"nvgre", "gretap", "srv6"}
_OUR_PREFIXES = {"nvgre", "tunnel", "pa", "ca"}
_RENAMED = {"tcp.seq": "tcp.seq_raw", "tcp.ack": "tcp.ack_raw", "number": "frame.number"}


def _is_native(name: str, field: Field) -> bool:
    if field.type is Type.PROTOCOL:
        return name not in _OUR_PROTOCOLS
    prefix, dot, _ = name.partition(".")
    return name in _RENAMED or (dot != "" and prefix not in _OUR_PREFIXES)


#: Names that mean the same in Wireshark.
_NATIVE = {name for name, field in PACKET_FIELDS.items() if _is_native(name, field)}
#: Values that are written alike: numbers, addresses, networks, bytes.
_VALUE = re.compile(r"-?[0-9][0-9.xXa-fA-F:-]*(/[0-9]+)?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/[0-9]+)?")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
#: Operators and values that not all versions write as we do: 4.4 has no ~= any more, 4.0 knows True, and not true.
_SIGNS = {Compare.ANY_NE: "any_ne"}
_TRUTH = {"true": "1", "false": "0"}
_VSID_BITS = 8
_NVGRE = f"(gre.proto == 0x6558 && gre.key >= {offsets.NVGRE_MIN_VSID << _VSID_BITS:#x})"


class UntranslatableError(Exception):
    """There is no such filter in Wireshark; the text says of what."""


def translated(text: str) -> str:
    """The display filter of Wireshark's that lets through what our filter `text` does; empty for an empty one.

    Raises UntranslatableError, and FilterError for what is no filter.
    """
    node = parse(text)
    return "" if node is None else _Writer(text).write(node)


class _Writer:
    """Nodes to text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def write(self, node: Node) -> str:
        match node:
            case And(parts):
                return " && ".join(map(self._part, parts))
            case Or(parts):
                return " || ".join(map(self._part, parts))
            case Not(part):
                return f"!{self._part(part)}"
            case Presence(operand):
                return self._presence(operand)
            case Comparison():
                return self._comparison(node)
            case Membership():
                return self._membership(node)
            case Contains(left, right):
                return f"{self._field(left)} contains {self._value(right)}"
            case Matches(left, right):
                return f"{self._field(left)} matches {self._value(right)}"

    def _part(self, node: Node) -> str:
        text = self.write(node)
        return text if isinstance(node, Presence) and " " not in text else f"({text})"

    def _presence(self, operand: Operand) -> str:
        if operand.text == "nvgre" and operand.slice is None and operand.mask is None:
            return _NVGRE
        return self._field(operand)

    def _comparison(self, node: Comparison) -> str:
        own = _IDS.get(node.left.text)
        if own is not None and node.left.slice is None and node.left.mask is None and node.quantifier is None:
            return own(node.operator, _number(node.right, node.left.text))
        sign = _SIGNS.get(node.operator, node.operator.value)
        return f"{_quantifier(node.quantifier)}{self._field(node.left)} {sign} {self._right(node.right)}"

    def _membership(self, node: Membership) -> str:
        if node.left.text in _IDS:
            tests = []
            for element in node.elements:
                low = _number(element.low, node.left.text)
                if element.high is None:
                    tests.append(_IDS[node.left.text](Compare.EQ, low))
                else:
                    high = _number(element.high, node.left.text)
                    tests.append(_ranged(node.left.text, low, high))
            return " || ".join(f"({test})" for test in tests)
        elements = ", ".join(
            self._value(one.low) + (f"..{self._value(one.high)}" if one.high is not None else "")
            for one in node.elements
        )
        return f"{_quantifier(node.quantifier)}{self._field(node.left)} in {{{elements}}}"

    def _field(self, operand: Operand) -> str:
        if operand.quoted or operand.text not in _NATIVE:
            raise UntranslatableError(f"Wireshark has nothing like {operand.text}")
        written = self._text[operand.span.start : operand.span.end]
        return _RENAMED.get(operand.text, operand.text) + written[len(operand.text) :]

    def _right(self, operand: Operand) -> str:
        """What a field is compared with: a value, or another field."""
        if not operand.quoted and operand.text in _NATIVE and PACKET_FIELDS[operand.text].type is not Type.PROTOCOL:
            return self._field(operand)
        return self._value(operand)

    def _value(self, operand: Operand) -> str:
        truth = _TRUTH.get(operand.text.lower())
        if truth is not None and not operand.quoted:
            return truth
        if not operand.quoted and not _VALUE.fullmatch(operand.text):
            raise UntranslatableError(f"Wireshark may not know the value {operand.text}")
        return self._text[operand.span.start : operand.span.end]


def _quantifier(quantifier: Quantifier | None) -> str:
    return "" if quantifier is None else f"{quantifier.value} "


def _number(operand: Operand, name: str) -> int:
    if operand.quoted or not _NUMBER.fullmatch(operand.text):
        raise UntranslatableError(f"{name} is compared with something that is no number")
    return int(operand.text, 16 if operand.text[:2] in ("0x", "0X") else 10)


def _nvgre_vsid(operator: Compare, vsid: int) -> str:
    low, high = vsid << _VSID_BITS, (vsid << _VSID_BITS) | 0xFF
    tests = {
        Compare.EQ: f"gre.key in {{{low:#x}..{high:#x}}}",
        Compare.NE: f"gre.key && !(gre.key in {{{low:#x}..{high:#x}}})",
        Compare.LT: f"gre.key < {low:#x}",
        Compare.LE: f"gre.key <= {high:#x}",
        Compare.GT: f"gre.key > {high:#x}",
        Compare.GE: f"gre.key >= {low:#x}",
    }
    if operator not in tests:
        raise UntranslatableError(f"Wireshark has nothing like nvgre.vsid {operator.value}")
    return tests[operator]


def _vsid(operator: Compare, vsid: int) -> str:
    if operator is Compare.NE:
        return f"!({_vsid(Compare.EQ, vsid)})"
    others = " || ".join(f"{name} {operator.value} {vsid}" for name in ("vxlan.vni", "geneve.vni"))
    return f"{_nvgre_vsid(operator, vsid)} || {others}"


def _flow_id(operator: Compare, flow_id: int) -> str:
    return f"gre.key & 0xff {operator.value} {flow_id:#x}"


def _ranged(name: str, low: int, high: int) -> str:
    if name == "nvgre.flowid":
        raise UntranslatableError("Wireshark has no ranges of nvgre.flowid")
    keys = f"gre.key in {{{low << _VSID_BITS:#x}..{(high << _VSID_BITS) | 0xFF:#x}}}"
    if name == "nvgre.vsid":
        return keys
    return f"{keys} || vxlan.vni in {{{low}..{high}}} || geneve.vni in {{{low}..{high}}}"


_IDS: dict[str, Callable[[Compare, int], str]] = {
    "nvgre.vsid": _nvgre_vsid,
    "vsid": _vsid,
    "nvgre.flowid": _flow_id,
}
