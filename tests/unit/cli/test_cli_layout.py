"""Columns fit the terminal, and nothing is lost without one."""

from nvgre_inspect.cli.layout import Cells, Layout, table
from nvgre_inspect.cli.terminal import Paint
from nvgre_inspect.display.text import cells

PLAIN = Paint(enabled=False)


def columns():
    return [
        Cells("flow", ["1", "22"], right=True, rank=2),
        Cells("tenant", ["nvgre 5001 (blue)", "none"]),
        Cells("fwd", ["1,234", "5"], group="packets", right=True, rank=3),
        Cells("rev", ["7", "88"], group="packets", right=True, rank=3),
        Cells("anomalies", ["-", "underlay-fragment timestamp-backward"], flexible=True, rank=5),
    ]


def test_unlimited():
    assert list(table(columns(), PLAIN, None)) == [
        "                            packets",
        "flow  tenant               fwd  rev  anomalies",
        "   1  nvgre 5001 (blue)  1,234    7  -",
        "  22  none                   5   88  underlay-fragment timestamp-backward",
    ]


def test_flexible_text_is_cut_before_a_column_goes():
    lines = list(table(columns(), PLAIN, 64))
    assert lines[-1] == "  22  none                   5   88  underlay-fragment timestam…"
    assert max(map(cells, lines)) == 64
    assert Layout.choose(columns(), 53).dropped == []
    assert Layout.choose(columns(), 52).dropped == ["anomalies"]


def test_least_important_go_first_and_groups_go_together():
    layout = Layout.choose(columns(), 40)
    assert layout.dropped == ["anomalies"]
    layout = Layout.choose(columns(), 26)
    assert layout.dropped == ["anomalies", "packets"]
    assert list(table(columns(), PLAIN, 26)) == [
        "flow  tenant",
        "   1  nvgre 5001 (blue)",
        "  22  none",
    ]


def test_the_last_resort_cuts_what_matters_most_but_never_wraps():
    wide = [Cells("source", ["2001:db8::1234:5678"]), Cells("destination", ["2001:db8::9abc:def0"])]
    lines = list(table(wide, PLAIN, 30))
    assert max(map(cells, lines)) <= 30
    assert lines[1].count("…") == 2


def test_where_nothing_else_helps_columns_on_the_right_go():
    digits = [Cells(name, ["123456"], right=True, group="bytes") for name in ("fwd", "rev")]
    wide = [Cells("source", ["192.0.2.100"]), *digits]
    layout = Layout.choose(wide, 15)
    assert (layout.shown, layout.dropped) == ([0, 1], ["bytes rev"])
    assert max(map(cells, table(wide, PLAIN, 15))) <= 15


def test_short_forms_come_before_anything_is_dropped():
    pair = [
        Cells("time", ["2026-01-02 13:05:10", "-"], ["dim", "dim"], short=["13:05:10", "-"]),
        Cells("flow", ["1", "2"], rank=9),
    ]
    assert list(table(pair, PLAIN, 25)) == [
        "time                 flow",
        "2026-01-02 13:05:10  1",
        "-                    2",
    ]
    assert list(table(pair, PLAIN, 24)) == ["time      flow", "13:05:10  1", "-         2"]
    assert list(table(pair, PLAIN, 13)) == ["time", "13:05:10", "-"]


def test_later_chunks_widen_a_pipe_and_are_cut_on_a_terminal():
    first, second = [Cells("info", ["short"])], [Cells("info", ["considerably longer"])]
    layout = Layout.choose(first, None)
    layout.widen(second)
    assert list(layout.rows(second, PLAIN)) == ["considerably longer"]
    layout = Layout.choose(first, 12)
    layout.widen(second)
    assert list(layout.rows(second, PLAIN)) == ["cons…"]


def test_colours_do_not_count_as_width():
    styled = [Cells("a", ["x", "yy"], ["bad", None], right=True), Cells("b", ["z", "z"])]
    assert list(table(styled, Paint(enabled=True), None))[1:] == [" \x1b[31mx\x1b[0m  z", "yy  z"]


def test_a_group_wider_than_its_columns_has_room():
    pair = [
        Cells("fwd", ["1"], group="zero windows", right=True),
        Cells("rev", ["2"], group="zero windows", right=True),
    ]
    heading = next(iter(table(pair, PLAIN, None)))
    assert heading == "zero windows"


def test_no_rows_is_only_a_heading():
    assert list(table([Cells("flow", []), Cells("tenant", [])], PLAIN, None)) == ["flow  tenant"]
