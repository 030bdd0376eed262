"""FrameTable: cells made when they are drawn, cursor and marks that stay with their rows, columns, what it asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rich.style import Style
from textual.app import App
from textual.coordinate import Coordinate

from nvgre_inspect.display.presented import Presented, presented, usual
from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.tui.screens.columns import arranged
from nvgre_inspect.tui.widgets.rows import PAGE, WIDEST, Rows
from nvgre_inspect.tui.widgets.table import FrameTable
from nvgre_inspect.tui.widgets.table_view import Sorting, View


class Counted:
    """Columns that count the rows they were asked for."""

    def __init__(self, names=("flow", "bytes_fwd")):
        self.rows = 0
        self.columns = {name: self._column(name) for name in names}

    def _column(self, name):
        def texts(few):
            self.rows += len(few)
            return [f"{name} {value}" for value in few[name]], None

        return Presented(name, name, f"the {name}", (name,), 1, name != "flow", texts)


def numbers(count, first=1):
    return pd.DataFrame({"flow": np.arange(first, first + count), "bytes_fwd": np.arange(count) * 7 % 1000})


class TableApp(App):
    def __init__(self, columns, style_of=lambda _: Style.null()):
        super().__init__()
        self.table = FrameTable(["flow"], style_of=style_of)
        self.columns = columns
        self.heard = []

    def compose(self):
        yield self.table

    def on_mount(self):
        self.table.present(self.columns, list(self.columns))
        self.table.focus()

    def on_frame_table_sorted(self, message):
        self.heard.append(message.sorting)

    def on_frame_table_opened(self, message):
        self.heard.append("opened")

    def on_frame_table_cell_filtered(self, message):
        self.heard.append(message.values)

    def on_frame_table_columns_asked(self, message):
        self.heard.append("columns")


def lines(app):
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def test_only_what_is_on_the_screen_is_made():
    counted = Counted()
    app = TableApp(counted.columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(1_000_000))
        await pilot.pause()
        assert lines(app)[1].startswith(" flow 1 ")
        assert counted.rows < 2 * 1000, "two columns, a sample and a page or two"
        before = counted.rows
        await pilot.press("end")
        await pilot.pause()
        assert " flow 1000000 " in lines(app)[-1]
        assert counted.rows - before <= 2 * 3 * (PAGE + 1)


async def test_rows_are_shown_at_their_positions():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(100), np.array([41, 6, 99]))
        await pilot.pause()
        assert [line.split()[1] for line in lines(app)[1:4]] == ["42", "7", "100"]
        assert app.table.row_count == 3
        assert app.table.cursor_key == 42


async def test_cursor_and_marks_stay_with_their_rows():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(50))
        await pilot.press("down", "down", "space", "down")
        assert (app.table.cursor_key, app.table.marked) == (5, {3})
        app.table.show(numbers(500), np.arange(500)[::-1].copy())
        await pilot.pause()
        assert (app.table.cursor_key, app.table.marked) == (5, {3})
        assert app.table.cursor_row == 495
        await pilot.press("end")
        await pilot.pause()
        assert lines(app)[-3].startswith("●flow 3 ")
        await pilot.press("up", "up", "space")
        assert app.table.marked == set(), "a second time takes the mark away"


async def test_a_row_that_is_not_here_yet_is_waited_for():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(10))
        app.table.select(25)
        assert app.table.cursor_key == 1
        app.table.show(numbers(20))
        assert app.table.cursor_key == 1
        app.table.show(numbers(30))
        assert app.table.cursor_key == 25
        app.table.select(77)
        await pilot.press("down")
        app.table.show(numbers(100))
        assert app.table.cursor_key == 2, "who moved the cursor does not want to go there any more"


async def test_a_place_is_recalled():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(100))
        await pilot.press("down", "down", "right", "space")
        place = app.table.view()
        assert place == View(4, "bytes_fwd", frozenset({3}))
        app.table.recall(View())
        assert (app.table.cursor_coordinate, app.table.marked) == (Coordinate(0, 1), frozenset())
        app.table.recall(place)
        assert app.table.view() == place


async def test_columns_are_hidden_and_moved():
    app = TableApp(Counted(("flow", "bytes_fwd", "packets_fwd")).columns)
    frame = numbers(5).assign(packets_fwd=3)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(frame)
        await pilot.press("]", "]", "]")
        assert app.table.shown == ("bytes_fwd", "packets_fwd", "flow")
        assert app.table.column == "flow"
        await pilot.press("[")
        assert app.table.shown == ("bytes_fwd", "flow", "packets_fwd")
        await pilot.press("-")
        assert app.table.shown == ("bytes_fwd", "packets_fwd")
        await pilot.press("-", "-", "-")
        assert len(app.table.shown) == 1, "the last one stays"
        assert "bytes_fwd 0" in lines(app)[1]


async def test_what_it_asks_for():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(5))
        await pilot.press("enter", "right", "=", "c")
        assert app.heard == ["opened", (("bytes_fwd", 0),), "columns"]
        app.heard.clear()
        await pilot.press("z")
        assert app.heard == [Sorting("bytes_fwd", False)], "numbers come largest first, so turned round they do not"
        app.table.show_sorting(app.heard.pop())
        await pilot.pause()
        assert "bytes_fwd ▲" in lines(app)[0]
        await pilot.press(">")
        assert app.heard == [Sorting("flow", False)], "round to the first column; a name comes smallest first"
        app.table.show_sorting(app.heard.pop())
        await pilot.press("<")
        assert app.heard == [Sorting("bytes_fwd", True)]


async def test_a_double_click_opens_and_a_click_selects():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(5))
        await pilot.pause()
        await pilot.click(offset=(3, 3))
        assert (app.table.cursor_row, app.heard) == (2, [])
        await pilot.click(offset=(3, 3), times=2)
        assert app.heard == ["opened"]
        app.heard.clear()
        await pilot.click(offset=(3, 0), times=2)
        assert "opened" not in app.heard, "a heading is no row"


async def test_an_empty_table_answers_every_key():
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(numbers(0))
        await pilot.press("down", "up", "end", "home", "pagedown", "pageup", "left", "right", "enter", "space", "=")
        assert app.heard == []
        assert app.table.cursor_key is None
        assert app.table.view().marked == frozenset()


async def test_a_wider_text_widens_its_column():
    frame = numbers(1000)
    frame.loc[500, "bytes_fwd"] = 123456789012345
    app = TableApp(Counted().columns)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(frame)
        await pilot.pause()
        assert app.table.rows.widths["bytes_fwd"] == len("bytes_fwd 999")
        app.table.move_cursor(row=510)
        await pilot.pause()
        await pilot.pause()
        assert any("bytes_fwd 123456789012345 " in line for line in lines(app))


def test_texts_are_cut_to_the_widest_column_and_kept_whole_for_the_tooltip():
    column = Presented("flow", "flow", "", ("flow",), 1, False, lambda few: (["x" * 100] * len(few), None))
    rows = Rows(numbers(3), [column])
    assert len(rows.text(0, 0)[0]) == WIDEST
    assert len(rows.get_cell_at(0, 0)) == 100
    assert rows.column_content_widths == [WIDEST]
    with pytest.raises(IndexError):
        rows.get_cell_at(3, 0)


def test_values_are_python_values_and_null_is_none():
    frame = pd.DataFrame({"vsid": pd.array([5001, None], "Int64"), "anomalies": [("a",), ()]})
    rows = Rows(frame, [], np.array([1, 0]))
    assert [rows.value(row, "vsid") for row in (0, 1)] == [None, 5001]
    assert type(rows.value(1, "vsid")) is int
    assert [rows.value(row, "anomalies") for row in (0, 1)] == [(), ("a",)]
    assert (rows.shown_row(1), rows.shown_row(7)) == (0, None)


def test_a_snapshot_cannot_be_changed_through_the_table():
    rows = Rows(numbers(3))
    for change in (
        lambda: rows.append_column("x"),
        lambda: rows.append_rows([[1]]),
        lambda: rows.drop_row(0),
        lambda: rows.update_cell(0, 0, 1),
        lambda: rows.sort("flow"),
        lambda: Rows.from_pydict({}),
    ):
        with pytest.raises(TypeError):
            change()


def test_time_differences_are_right_at_the_edge_of_a_page():
    times = pd.to_datetime(np.arange(3 * PAGE) * 1_000_000_000, utc=True).as_unit("ns")
    columns = presented(TABLES["flows"], Names(), "d")
    rows = Rows(pd.DataFrame({"first_seen": times}), [columns["first_seen"]])
    assert rows.text(0, 0)[0] == "0.000000"
    assert {rows.text(row, 0)[0] for row in range(1, 3 * PAGE)} == {"1.000000"}


async def test_hostile_text_is_text():
    frame = pd.DataFrame({"flow": [1], "stack": pd.Categorical(["[red]x[/]\x1b[2J\r\n\u202egpj"])})
    columns = presented(TABLES["flows"], Names(), "u")
    app = TableApp({name: columns[name] for name in ("flow", "stack")})
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(frame)
        await pilot.pause()
        assert r"[red]x[/]\x1b[2J\x0d\x0a\u202egpj" in lines(app)[1]


async def test_numbers_stand_at_the_right_and_styles_are_asked_for():
    asked = []

    def style_of(name):
        asked.append(name)
        return Style(color="red")

    columns = presented(TABLES["tenants"], Names(), "u")
    frame = pd.DataFrame(
        {"flow": [1, 2], "encap": ["nvgre"] * 2, "vsid": pd.array([5001, 5002], "Int64"), "bytes": [7, 12345678]}
    )
    app = TableApp({name: columns[name] for name in ("tenant", "bytes")}, style_of)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(frame)
        await pilot.pause()
        first, second = lines(app)[1:3]
        assert first.rstrip().index("7") == second.rstrip().index("8"), "units below units"
        assert first.rstrip().endswith("         7")
        assert {"36", "35"} <= set(asked) or len(set(asked)) >= 2, "each tenant has a colour of its own"


def test_new_columns_come_beside_their_neighbours():
    known = ["flow", "tenant", "vsid", "source", "bytes"]
    assert arranged(known, ["flow", "source"], {"flow", "source", "vsid"}) == ["flow", "vsid", "source"]
    assert arranged(known, ["source", "flow"], {"source", "flow", "tenant"}) == ["source", "flow", "tenant"]
    assert arranged(known, ["source"], {"flow", "source"}) == ["flow", "source"]
    assert arranged(known, ["flow", "source"], {"source"}) == ["source"]
    assert arranged(known, ["flow"], set()) == []


def test_every_table_has_usual_columns_that_exist():
    for name, table in TABLES.items():
        columns = presented(table, Names(), "u")
        assert usual(columns)
        assert set(usual(columns)) <= set(columns), name
