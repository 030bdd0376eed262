"""Layers, bytes and the list of packets, each in an app of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from textual.app import ComposeResult
from textual.widget import Widget

import nvgre_inspect
from dissectors.stack import dissect
from nvgre_inspect.display.packet_columns import VIEWS, columns_of, packet_columns
from nvgre_inspect.display.packet_tree import sections
from nvgre_inspect.model.names import Names
from nvgre_inspect.tui.keymap import KeyedApp
from nvgre_inspect.tui.theme import install, style
from nvgre_inspect.tui.widgets.hex_view import HexView
from nvgre_inspect.tui.widgets.packet_cells import PAGE
from nvgre_inspect.tui.widgets.packet_detail import Packet, PacketDetail
from nvgre_inspect.tui.widgets.packet_list import PacketList
from nvgre_inspect.tui.widgets.packet_tree import PacketTree
from tests.unit.display.test_packet_tree import FRAME
from tests.unit.reference.frames import INNER, eth, ip4, nvgre, udp

pytestmark = pytest.mark.asyncio

FABRIC = "samples/fabric.pcapng"
VSID = 38  # offset of the three bytes in FRAME


class Small(KeyedApp):
    """One widget, and what it posts."""

    def __init__(self, widget: type[Widget]):
        super().__init__()
        self.widget = widget(style_of=lambda name: style(name, self.theme))
        self.posted = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self):
        install(self, "dark")

    def on_hex_view_moved(self, message):
        self.posted.append(message.offset)

    def on_packet_tree_moved(self, message):
        self.posted.append((message.start, message.length))

    def on_packet_detail_moved(self, message):
        self.posted.append("detail")

    def on_packet_list_cell_filtered(self, message):
        self.posted.append(message.values)

    def on_packet_list_opened(self, message):
        self.posted.append("opened")


def shown(widget, rows=None):
    """The lines on the screen."""
    return [widget.render_line(y).text.rstrip() for y in range(rows or widget.size.height)]


def styled(widget, y):
    """(text, style) of a line's parts."""
    return [(segment.text, segment.style) for segment in widget.render_line(y)]


# --- bytes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hexes():
    return Small(HexView)


async def test_bytes_by_offset(hexes):
    async with hexes.run_test(size=(80, 10)) as pilot:
        hexes.widget.show(bytes(range(40, 60)), 60, 4)
        await pilot.pause()
        assert shown(hexes.widget)[:3] == [
            "0000  28 29 2a 2b 2c 2d 2e 2f  30 31 32 33 34 35 36 37  ()*+,-./01234567",
            "0010  38 39 3a 3b                                       89:;",
            "20 of 60 bytes were captured",
        ]
        dim, bright = style("outer", "dark").color, style("inner", "dark")
        by_text = {text: look for text, look in styled(hexes.widget, 0) if text.strip()}
        assert by_text["2b"].color == dim
        assert by_text["2c"].bold == bright.bold


@pytest.mark.parametrize(("width", "count"), [(80, 16), (72, 16), (60, 8), (30, 4), (10, 4)])
async def test_as_many_bytes_as_there_is_room_for(hexes, width, count):
    async with hexes.run_test(size=(width, 10)) as pilot:
        hexes.widget.show(bytes(64), 64)
        await pilot.pause()
        assert hexes.widget.bytes_per_row == count
        assert max(map(len, shown(hexes.widget))) <= width


async def test_moving_through_bytes(hexes):
    async with hexes.run_test(size=(80, 10)) as pilot:
        hexes.widget.focus()
        hexes.widget.show(bytes(100), 100)
        await pilot.pause()
        for key, expected in (
            ("l", 1),
            ("j", 17),
            ("h", 16),
            ("k", 0),
            ("h", 0),
            ("k", 0),
            ("G", 99),
            ("j", 99),
            ("k", 83),
            ("j", 99),
            ("k", 83),
            ("down", 99),
            ("g", 99),
            ("g", 0),
            ("ctrl+d", 99),
            ("ctrl+u", 0),
        ):
            await pilot.press(key)
            assert hexes.widget.offset_at_cursor == expected, key
        assert hexes.posted[:4] == [1, 17, 16, 0]


async def test_the_cursor_stays_on_the_screen(hexes):
    """A jumbo frame: only lines on the screen are made."""
    async with hexes.run_test(size=(80, 10)) as pilot:
        hexes.widget.focus()
        hexes.widget.show(bytes(range(256)) * 256, 65_536)
        await pilot.press("G")
        await pilot.pause()
        assert shown(hexes.widget)[-1].startswith("fff0  f0 f1 f2")
        hexes.widget.highlight(0x8000, 0x100)
        await pilot.pause()
        assert any(line.startswith("8000 ") for line in shown(hexes.widget))
        assert hexes.widget.highlighted == range(0x8000, 0x8100)
        hexes.widget.show(bytes(0x20001), 0x20001)
        await pilot.press("G")
        await pilot.pause()
        assert shown(hexes.widget)[-1].startswith("20000  00")


async def test_no_bytes(hexes):
    async with hexes.run_test(size=(80, 10)) as pilot:
        hexes.widget.focus()
        hexes.widget.show(b"", 60)
        for key in "hjklG":
            await pilot.press(key)
        assert shown(hexes.widget)[0] == "0 of 60 bytes were captured"
        assert (hexes.widget.offset_at_cursor, hexes.posted) == (None, [])


@pytest.mark.parametrize(("x", "y", "offset"), [(6, 0, 0), (9, 0, 1), (31, 0, 8), (6, 2, 32), (56, 1, 16), (71, 1, 31)])
async def test_clicking_a_byte(hexes, x, y, offset):
    async with hexes.run_test(size=(80, 10)) as pilot:
        hexes.widget.show(bytes(100), 100)
        hexes.widget.action_bottom()
        await pilot.pause()
        await pilot.click(HexView, offset=(x, y))
        assert hexes.widget.offset_at_cursor == offset


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trees():
    return Small(PacketTree)


async def test_folding(trees):
    async with trees.run_test(size=(100, 40)) as pilot:
        tree = trees.widget
        tree.focus()
        tree.show(sections(dissect(FRAME)))
        await pilot.pause()
        folded = shown(tree)
        assert folded[:3] == [
            "▸ Ethernet, 02:aa:00:00:00:01 → 02:bb:00:00:00:02, IPv4",
            "▸ Internet Protocol Version 4, 192.0.2.1 → 192.0.2.2, GRE",
            "▸ Network Virtualization using GRE, VSID 5001, FlowID 42",
        ]
        assert folded[6] == "  Payload: 5 bytes"
        for key in ("j", "j", "l", "l", "j"):
            await pilot.press(key)
        assert tree.line.name == "gre.flags.checksum"
        assert trees.posted[-1] == (34, 2)
        assert "    Virtual Subnet ID: 5001 (0x001389)" in shown(tree)
        await pilot.press("h")
        assert tree.line.name == "nvgre"
        await pilot.press("h")
        assert shown(tree) == folded
        await pilot.press("enter")
        assert len(tree.lines) > 7
        await pilot.press("enter", "G")
        assert tree.line.name == "payload"
        await pilot.press("g", "g")
        assert tree.line.name == "eth"


async def test_outer_headers_are_fainter(trees):
    async with trees.run_test(size=(100, 40)) as pilot:
        trees.widget.show(sections(dissect(FRAME)))
        await pilot.pause()
        ((_, outer),) = [part for part in styled(trees.widget, 1) if part[0].strip()]
        ((_, inner),) = [part for part in styled(trees.widget, 4) if part[0].strip()]
        assert outer.color == style("outer", "dark").color != inner.color
        assert inner.bold


async def test_what_is_pointed_at_stays_from_packet_to_packet(trees):
    async with trees.run_test(size=(100, 40)) as pilot:
        tree = trees.widget
        tree.focus()
        tree.show(sections(dissect(FRAME)))
        tree.select_byte(VSID)
        await pilot.pause()
        assert tree.line.name == "nvgre.vsid"
        tree.show(sections(dissect(eth(ip4(nvgre(eth(ip4(udp(b"", 53), 17))), 47)))))
        assert tree.line.name == "nvgre.vsid"
        tree.show(sections(dissect(INNER)))
        assert tree.line.name == "eth"
        tree.show(sections(dissect(FRAME)))
        assert "nvgre.vsid" in {line.name for line in tree.lines}
        assert trees.posted == []


async def test_long_lines_can_be_read_to_their_end(trees):
    async with trees.run_test(size=(30, 10)) as pilot:
        tree = trees.widget
        tree.focus()
        tree.show(sections(dissect(eth(ip4(nvgre(INNER, 0xFFFFFF), 47)))))
        for key in "jjj":
            await pilot.press(key)
        beginning = shown(tree)[3]
        assert beginning.startswith("    ! nvgre-vsid-reserved")
        for _ in range(5):
            await pilot.press("l")
        assert shown(tree)[3].endswith("0xFFFFFF)")
        await pilot.press("h")
        assert shown(tree)[3] == beginning
        assert tree.line.name == "nvgre-vsid-reserved"


async def test_clicking_layers(trees):
    async with trees.run_test(size=(100, 40)) as pilot:
        tree = trees.widget
        tree.show(sections(dissect(FRAME)))
        await pilot.pause()
        await pilot.click(PacketTree, offset=(5, 2))
        assert tree.line.name == "nvgre"
        assert len(tree.lines) == 7
        await pilot.click(PacketTree, offset=(0, 2))
        assert len(tree.lines) > 7
        await pilot.click(PacketTree, offset=(5, 39))
        assert tree.line.name == "nvgre"


async def test_no_packet(trees):
    async with trees.run_test(size=(30, 10)) as pilot:
        trees.widget.focus()
        for key in ("j", "k", "h", "l", "G", "enter"):
            await pilot.press(key)
        trees.widget.select_byte(0)
        assert (trees.widget.line, trees.posted) == (None, [])


# --- both ------------------------------------------------------------------------------------------------------------


async def test_layers_and_bytes_light_up_each_other():
    app = Small(PacketDetail)
    async with app.run_test(size=(80, 30)) as pilot:
        detail = app.widget
        stack = dissect(FRAME)
        detail.show(Packet(7, stack, sections(stack)))
        detail.layers_tree.focus()
        await pilot.press("j", "j")
        assert detail.lit == range(34, 42)
        assert detail.layers_tree.border_title == "Layers of packet 7"
        detail.hex_view.focus()
        assert detail.hex_view.offset_at_cursor == 34
        for _ in range(VSID - 34 + 1):
            await pilot.press("l")
        assert detail.line.name == "nvgre.vsid"
        assert detail.lit == range(VSID, VSID + 3)
        assert detail.hex_view.offset_at_cursor == VSID + 1
        assert app.posted.count("detail") == 2 + VSID - 34 + 1
        await pilot.press("G")
        assert detail.line.name == "payload"
        # Nothing is left over of a packet with more bytes.
        short = dissect(INNER)
        detail.show(Packet(8, short, sections(short)))
        assert all(offset < len(INNER) for offset in detail.lit)


# --- the list --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages():
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        yield session.pages()


class Listing(Small):
    """A list that is given the rows it asks for."""

    def __init__(self, pages, *, answers=True):
        super().__init__(PacketList)
        self.pages = pages
        self.answers = answers

    def on_mount(self):
        super().on_mount()
        self.present("inner")
        self.widget.focus()

    def present(self, view, time_style="u"):
        columns = packet_columns(Names(), time_style, narrow=True)
        self.widget.present(columns, columns_of(view, narrow=True))

    def on_packet_list_wanted(self, message):
        self.posted.append((message.version, message.first, message.numbers.tolist()))
        if self.answers:
            self.widget.put(message.version, message.first, self.pages.page(message.numbers))


async def test_only_what_is_on_the_screen_is_asked_for(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 2300))
        await pilot.pause()
        assert [(first, len(numbers)) for _, first, numbers in app.posted] == [(0, PAGE)]
        assert shown(app.widget)[1].startswith("     1 ")
        assert "Who has" in shown(app.widget)[23]
        app.posted.clear()
        await pilot.press("G")
        await pilot.pause()
        assert app.widget.cursor_number == 2299
        assert shown(app.widget)[-1].startswith("  2299 ")
        assert "…" not in shown(app.widget)[-1].split()
        assert sum(len(numbers) for _, _, numbers in app.posted) <= 2 * PAGE + 1
        app.posted.clear()
        for _ in range(10):
            await pilot.press("k")
        assert app.posted == []


async def test_rows_that_are_not_there_yet(pages):
    app = Listing(pages, answers=False)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 2300))
        await pilot.pause()
        assert shown(app.widget)[2].split() == ["2", *["…"] * 6]
        ((version, first, numbers),) = app.posted
        assert app.widget.value("vsid") is None
        app.widget.show(np.array([2000, 2100]))
        app.widget.put(version, first, pages.page(np.array(numbers)))
        await pilot.pause()
        assert shown(app.widget)[1].split()[:2] == ["2000", "…"]  # too late: these are others


async def test_differences_of_time_run_through_pages(pages):
    numbers = np.arange(1, 2300, 3)
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.present("inner", "d")
        app.widget.show(numbers)
        app.widget.go(PAGE)
        await pilot.pause()
        times = pages.page(numbers)["time"]
        place = next(y for y, line in enumerate(shown(app.widget)) if line.split()[0] == str(numbers[PAGE]))
        expected = (times[PAGE] - times[PAGE - 1]).value
        assert (
            shown(app.widget)[place].split()[1] == f"{expected // 10**9}.{expected % 10**9:09d}"[:11] or expected == 0
        )
        assert float(shown(app.widget)[place].split()[1]) == pytest.approx(expected / 1e9, abs=1e-9)


async def test_a_list_that_grows(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 11))
        await pilot.press("j", "j", "space")
        assert (app.widget.cursor_number, app.widget.marked) == (4, {3})
        app.posted.clear()
        app.widget.show(range(1, 2300))
        await pilot.pause()
        assert (app.widget.cursor_number, app.widget.marked) == (4, {3})
        # The rows of a page that was cut short are asked for again.
        assert [(first, len(numbers)) for _, first, numbers in app.posted] == [(0, PAGE)]
        assert "●" in shown(app.widget)[3]
        app.widget.following = True
        app.widget.show(range(1, 2300))
        assert app.widget.cursor_number == 2299
        await pilot.press("k")
        assert not app.widget.following


async def test_the_cursor_stays_with_its_packet(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 2300))
        assert app.widget.select(1000)
        await pilot.pause()
        app.widget.show(np.arange(2, 2300, 2))
        assert app.widget.cursor_number == 1000
        app.widget.show(np.arange(3, 2300, 3))
        assert app.widget.cursor_number == 1002
        assert not app.widget.select(9999)
        assert app.widget.cursor_number == 2298
        app.widget.show(range(0))
        assert (app.widget.cursor_number, app.widget.row_count) == (None, 0)
        for key in ("j", "G", "space", "enter", "="):
            await pilot.press(key)
        assert app.posted[-1] != "opened"


async def test_columns_can_be_hidden_and_moved(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 100))
        await pilot.pause()
        await pilot.press("l", "l", "]")
        assert list(app.widget.shown) == ["number", "time", "source", "vsid", "destination", "protocol", "info"]
        assert app.widget.column == "vsid"
        await pilot.press("[", "-")
        assert "vsid" not in app.widget.shown
        for _ in range(20):
            await pilot.press("-")
        assert len(app.widget.shown) == 1


async def test_filtering_on_a_cell(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 100))
        await pilot.pause()
        await pilot.press("l", "l", "=")
        await pilot.pause()
        assert app.posted[-1] == (("vsid", 6001),)


async def test_a_column_wider_than_the_screen_can_be_read(pages):
    app = Listing(pages)
    async with app.run_test(size=(60, 24)) as pilot:
        app.widget.show(range(1, 100))
        await pilot.pause()
        info = str(pages.page(np.array([1]))["info"][0])
        assert info not in shown(app.widget)[1]
        for _ in range(6):
            await pilot.press("l")
        await pilot.pause()
        assert app.widget.column == "info"
        assert info in shown(app.widget)[1]


async def test_clicking_packets(pages):
    app = Listing(pages)
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.show(range(1, 100))
        await pilot.pause()
        await pilot.click(PacketList, offset=(10, 5))
        assert app.widget.cursor_number == 5
        await pilot.click(PacketList, offset=(10, 0))
        assert app.widget.cursor_number == 5
        await pilot.click(PacketList, offset=(10, 3), times=2)
        await pilot.pause()
        assert (app.widget.cursor_number, app.posted[-1]) == (3, "opened")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("time_style", ["a", "ad", "d", "e", "u"])
async def test_every_view_has_text_for_every_packet(pages, view, narrow, time_style):
    columns = packet_columns(Names(), time_style, narrow=narrow)
    rows = pages.page(pages.numbers()[::20])
    for name in columns_of(view, narrow=narrow):
        texts, styles = columns[name].texts(rows)
        assert len(texts) == len(rows)
        assert all(text.isprintable() for text in texts)
        assert styles is None or len(styles) == len(rows)


async def test_outside_tunnels_the_outer_addresses_are_the_packets_own():
    with nvgre_inspect.open("samples/icmp-errors.pcap") as session:
        session.read()
        rows = session.pages().page(session.pages().numbers())
    columns = packet_columns(Names(pas={"192.168.50.1": "host-a"}), "u", narrow=False)
    outer = columns["outer_source"].texts(rows)[0]
    assert outer == [
        columns["source"].texts(rows)[0][i] if pd.isna(address) else columns["pa_src"].texts(rows)[0][i]
        for i, address in enumerate(rows["pa_src"])
    ]
    assert rows["pa_src"].isna().any()
    assert "192.168.50.1 (host-a)" in outer
