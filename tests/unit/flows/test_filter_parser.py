"""The syntax: what a text parses to, every error's place, and that nothing but FilterError comes out of any text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nvgre_inspect.flows.filter import FilterError, compile_filter, complete
from nvgre_inspect.flows.filter.field import Type
from nvgre_inspect.flows.filter.literals import Prefix, parse_mac, parse_time, parse_value
from nvgre_inspect.flows.filter.nodes import And, Compare, Comparison, Membership, Not, Operand, Or, Presence
from nvgre_inspect.flows.filter.parser import parse
from nvgre_inspect.flows.filter.regex import compile_pattern
from nvgre_inspect.model.columns import TABLES


def comparison(text: str) -> Comparison:
    node = parse(text)
    assert isinstance(node, Comparison)
    return node


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_text_is_no_filter(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("==", Compare.EQ), ("eq", Compare.EQ), ("any_eq", Compare.EQ),
        ("!=", Compare.NE), ("ne", Compare.NE), ("all_ne", Compare.NE),
        ("===", Compare.ALL_EQ), ("all_eq", Compare.ALL_EQ),
        ("!==", Compare.ANY_NE), ("~=", Compare.ANY_NE), ("any_ne", Compare.ANY_NE),
        ("<", Compare.LT), ("lt", Compare.LT), ("<=", Compare.LE), ("le", Compare.LE),
        (">", Compare.GT), ("gt", Compare.GT), (">=", Compare.GE), ("ge", Compare.GE),
    ],
)  # fmt: skip
def test_operators(written: str, operator: Compare) -> None:
    assert comparison(f"a {written} 1").operator is operator


def test_symbols_need_no_spaces() -> None:
    node = parse("!a==1&&b!=2||c<=3")
    assert isinstance(node, Or)
    assert isinstance(node.parts[0], And)
    assert isinstance(node.parts[0].parts[0], Not)


def test_a_keyword_ends_where_its_word_ends() -> None:
    node = parse("inner.ip or order and note and infra and anyone and eq.x")
    assert isinstance(node, Or)
    assert isinstance(node.parts[1], And)
    names = [part.operand.text for part in node.parts[1].parts if isinstance(part, Presence)]
    assert names == ["order", "note", "infra", "anyone", "eq.x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a b"', "a b"),
        (r'"a\"b\\"', 'a"b\\'),
        (r'"\x41\t\n\0"', "A\t\n\0"),
        (r'"\d+"', r"\d+"),
        (r'r"\x41\d"', r"\x41\d"),
        (r'"\xff"', "\udcff"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("fe80::1", "fe80::1"),
        ("::", "::"),
        ("vxlan-gpe", "vxlan-gpe"),
        ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.1Z"),
        ("-5", "-5"),
        ("4in6", "4in6"),
    ],
)
def test_values(text: str, value: str) -> None:
    assert comparison(f"a == {text}").right.text == value


def test_sets_and_ranges() -> None:
    node = parse('a in {1, 3..5, fe80::1..fe80::2, "x".."y", nvgre}')
    assert isinstance(node, Membership)
    spans = [(element.low.text, element.high and element.high.text) for element in node.elements]
    assert spans == [("1", None), ("3", "5"), ("fe80::1", "fe80::2"), ("x", "y"), ("nvgre", None)]
    negated = parse("a not in {1}")
    assert isinstance(negated, Not)
    assert isinstance(negated.part, Membership)


@pytest.mark.parametrize(
    ("written", "start", "stop"),
    [
        ("[0]", 0, 1),
        ("[2:3]", 2, 5),
        ("[1-2]", 1, 3),
        ("[3:]", 3, None),
        ("[:2]", 0, 2),
        ("[-2:2]", -2, None),
        ("[-3]", -3, -2),
    ],
)
def test_slices(written: str, start: int, stop: int | None) -> None:
    part = comparison(f"a{written} == 1").left.slice
    assert part is not None
    assert (part.start, part.stop) == (start, stop)


def test_parentheses_around_an_operand_leave_it_one() -> None:
    left = comparison("((a & 0x12)) == 0x12").left
    assert isinstance(left, Operand)
    assert left.mask is not None
    assert left.mask.text == "0x12"


# --- errors --------------------------------------------------------------------------------------------------------

#: table, filter, what the caret marks (the filter with the marked part in «»), part of the message
ERRORS = [
    # syntax
    (None, "tcp and«»", "ends where"),
    (None, "tcp.port ==«»", "ends where"),
    (None, "(tcp or udp«»", "closing parenthesis"),
    (None, "tcp.port in {80, 90«»", "closing brace"),
    (None, "tcp«)»", "never opened"),
    (None, "tcp «udp»", "operator is missing"),
    (None, "tcp.port «=» 80", "did you mean ==?"),
    (None, "tcp «|» udp", "did you mean ||?"),
    (None, "tcp.port == 80 «<» 90", "chained"),
    (None, "tcp.port in «80»", "braces"),
    (None, "tcp.port in {80 «90»}", "commas"),
    (None, "tcp.port in {«}»", "missing before }"),
    (None, "tcp.port == «{»80}", "missing before {"),
    (None, 'frame contains «"abc»', "quote is never closed"),
    (None, "eth.src«[»0", "bracket is never closed"),
    (None, "eth.src«[x]» == 0", "slice is written"),
    (None, "eth.src«[3:0]» == 0", "slice is empty"),
    (None, "eth.src«[-2:4]» == 0", "beyond the end"),
    (None, "«(»tcp and udp) == 1", "cannot be compared"),
    (None, "tcp.port == «é»", "U+00E9"),
    (None, "tcp «\x1b»[31m", "U+001B"),
    (None, "tcp.port == «'»80'", "double quotes"),
    # names
    (None, "«ip.adr» == 10.0.0.1", "did you mean ip.addr?"),
    (None, "«inner.ip.adr» == 10.0.0.1", "did you mean inner.ip.addr?"),
    (None, "«tcp.» == 1", "neither a field nor a protocol"),
    (None, "tcp and «http»", "neither a field nor a protocol"),
    (None, "«80»", "neither a field nor a protocol"),
    (None, "«tcp.flags.rst» == 1", "did you mean tcp.flags.reset?"),
    (None, "«inner.vsid» == 1", "does not apply"),
    (None, "«retransmissions_fwd» > 0", "use it with -Y, not -R"),
    (None, "«flow» == 1", "use it with -Y, not -R"),
    ("packets", "«max_wire_len» > 0", "column of tunnels"),
    ("flows", "«tcp.seq» == 1", "use it with -R"),
    ("flows", "«frame» contains 00", "use it with -R"),
    ("flows", "«retransmission_fwd» == 1", "did you mean retransmissions_fwd?"),
    ("flows", "«tcp.stream» == 1", "did you mean flow?"),
    ("tunnels", "«retransmissions_fwd» == 1", "column of flows"),
    (None, '«"x"» == "y"', "field is due"),
    (None, '«"x"»', "field is due"),
    # values
    (None, "tcp.port == «70000»", "at most 65535"),
    (None, "tcp.port == «-1»", "never negative"),
    (None, "tcp.port == «09»", "octal"),
    (None, "tcp.port == «99999999999999999999»", "too large"),
    (None, "tcp.port == «http»", "not a whole number"),
    (None, "tcp.port in {80, «x»}", "not a whole number"),
    (None, "tcp.port in {80..«x»}", "not a whole number"),
    (None, "ip.addr == «fe80::1»", "never has"),
    (None, "ipv6.addr == «10.0.0.1»", "never has"),
    (None, "ip.addr == «10.0.0.256»", "not an IPv4 address"),
    (None, "ip.addr == «10.0.0.0/33»", "from 0 to 32"),
    (None, "eth.src == «02:00:00»", "not a MAC address"),
    (None, "eth.src[0:3] == «zz»", "hexadecimal"),
    (None, 'frame.time > «"yesterday"»', "not a time"),
    (None, 'frame.time > «"2026-02-30"»', "not a time"),
    (None, 'frame.time > «"3026-02-20"»', "1678"),
    (None, "frame.time_relative > «1.0000000001»", "nine decimals"),
    (None, "tcp.port == «udp»", "protocol and cannot be compared"),
    (None, "tcp.port == «ip.src»", "cannot be compared"),
    (None, "tcp.port == 80«[0]»", "only a field"),
    (None, "tcp.port == 80 & «1»", "only a field"),
    # what can be done with a field
    (None, "«ip» == 4", "only its presence"),
    (None, "«ip.addr» contains 0a", "searches text and bytes"),
    (None, "ip.ttl«[0]» == 1", "no bytes to slice"),
    (None, "ip.src & «1»", "bits of a number"),
    (None, "tcp.flags & «x»", "not a whole number"),
    (None, "frame«[0:9]» & 1", "at most 7 bytes"),
    (None, "frame matches «abc»", "in quotes"),
    (None, 'frame matches «"("»', "no regular expression"),
    (None, 'frame matches «"(a+)+"»', "repeats"),
    (None, 'frame contains «zz»', "hexadecimal"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "marked", "message"), ERRORS, ids=[repr(marked) for _, marked, _ in ERRORS])
def test_errors_say_what_and_where(table: str | None, marked: str, message: str) -> None:
    start = marked.index("«")
    length = max(marked.index("»") - start - 1, 1)
    text = marked.replace("«", "").replace("»", "")
    with pytest.raises(FilterError) as caught:
        compile_filter(text, table=table)
    error = caught.value
    assert message in str(error)
    assert (error.text, error.position, error.length) == (text, start, length)
    first, shown, caret = error.render().split("\n")
    assert first == str(error)
    assert caret.index("^") == start + 2
    assert len(shown) == len(text) + 2
    assert shown.isprintable()


def test_limits() -> None:
    at_most = "(" * 50 + "tcp" + ")" * 50
    assert compile_filter(at_most, table=None).text == at_most
    with pytest.raises(FilterError, match="50 deep"):
        compile_filter("(" + at_most + ")", table=None)
    with pytest.raises(FilterError, match="50 deep"):
        compile_filter("!" * 51 + "tcp", table=None)
    with pytest.raises(FilterError, match="10,000 characters"):
        compile_filter("tcp or " * 2000 + "tcp", table=None)
    assert compile_filter(" or ".join(["!(tcp)"] * 900), table=None)


def test_a_table_that_is_none() -> None:
    with pytest.raises(KeyError):
        compile_filter("vsid", table="nonsense")


_PARTS = re.split(
    " +",
    "tcp ip.addr vsid frame eth.src inner.ip.src retransmissions_fwd time anomalies stack == != < in contains matches "
    "& and or not any all ! ( ) { } , .. [0:2] [-1] 80 0x 10.0.0.0/8 ::1 02:00:00:00:00:01 ' 1.5 \x00 é",
)
_QUOTED = ['"x"', '"\\', '"2026-01-02"', '"(x*)*"', "\ud800", '"\ud800"', '"\udcff"']
_WORDS = st.sampled_from([*_PARTS, *_QUOTED])
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(_WORDS, max_size=12).map(" ".join),
    st.lists(_WORDS, max_size=8).map("".join),
)


@settings(max_examples=400, deadline=None)
@given(_TEXTS, st.sampled_from([None, *TABLES]))
@example('frame contains "\ud800"', None)
@example('stack matches "\ud800"', "flows")
@example('stack == "\ud800"', "flows")
def test_no_text_raises_anything_else(text: str, table: str | None) -> None:
    error = None
    try:
        compile_filter(text, table=table)
    except FilterError as raised:
        error = raised
    assert error is None or (0 <= error.position <= len(text) and error.render().count("\n") == 2)


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("2026-01-02 03:04:05.123456789", 1_767_323_045_123_456_789),
        ("2026-01-02T03:04:05.1Z", 1_767_323_045_100_000_000),
        ("2026-01-02 03:04:05+01:30", 1_767_317_645_000_000_000),
        ("2026-01-02 03:04-0030", 1_767_324_840_000_000_000),
        ("Jan  2, 2026 03:04:05.5 UTC", 1_767_323_045_500_000_000),
        ("1969-12-31 23:59:59.999999999", -1),
        ("1767323045.123456789", 1_767_323_045_123_456_789),
    ],
)
def test_times_are_exact(text: str, ns: int) -> None:
    assert parse_time(text) == ns


@pytest.mark.parametrize("text", ["02:00:00:00:00:0a", "02-00-00-00-00-0A", "2.0.0.0.0.a", "0200.0000.000a"])
def test_mac_addresses(text: str) -> None:
    assert parse_mac(text) == 0x02000000000A


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Type.INTEGER, "0x1F", 31),
        (Type.INTEGER, "017", 15),
        (Type.INTEGER, "0b101", 5),
        (Type.INTEGER, "-3", -3),
        (Type.BOOLEAN, "TRUE", 1),
        (Type.FLOAT, "1.5e1", 15.0),
        (Type.FLOAT, "0x10", 16.0),
        (Type.DURATION, "-1.5", -1_500_000_000),
        (Type.BYTES, "2", b"\x02"),
        (Type.BYTES, "02:5e", b"\x02\x5e"),
        (Type.BYTES, "0x025e00", b"\x02\x5e\x00"),
        (Type.IP, "10.1.2.3/8", Prefix(4, 10 << 24, 0xFF000000)),
        (Type.IP, "::1", Prefix(6, 1, (1 << 128) - 1)),
        (Type.IP, "::/0", Prefix(6, 0, 0)),
    ],
)
def test_typed_values(type_: Type, text: str, value: object) -> None:
    assert parse_value(type_, text, quoted=False) == value


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*b)*", "((ab?)+c)*x", "(?:a{2,})+", "(a|b+){3}", "(x(y*)z)+"])
def test_patterns_that_could_run_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="repeats"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["a+b*", "(ab)+", r"(\+)+", "([*+)]x)*", "(a{3})+", "(?i:get|post) .*", "^x$", "[]*]+"]
)
def test_other_patterns_are_taken(pattern: str) -> None:
    assert compile_pattern(pattern).flags & re.IGNORECASE
    assert compile_pattern(pattern.encode()).flags & re.IGNORECASE


# --- completion ----------------------------------------------------------------------------------------------------


def test_completion() -> None:
    assert complete("nvgre.") == ["nvgre.flowid", "nvgre.vsid"]
    assert complete("inner.tcp.flags.f") == ["inner.tcp.flags.fin"]
    assert complete("retransmissions_", "flows") == ["retransmissions_fwd", "retransmissions_rev"]
    assert "retransmissions_fwd" in complete("", "packets")
    assert "retransmissions_fwd" not in complete("")
    assert complete("inner.vsid") == []


@pytest.mark.parametrize("table", [None, *TABLES])
def test_every_completion_is_a_filter(table: str | None) -> None:
    for name in complete("", table):
        assert compile_filter(name, table=table).predicate.references()
