"""The packets screen in the app: every key, scopes, filters, states, and the ways from and to other screens."""

from __future__ import annotations

import gzip
import os
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

import nvgre_inspect
from dissectors.stack import dissect
from nvgre_inspect.capture import CaptureError, PcapngWriter, open_capture
from nvgre_inspect.config import Config
from nvgre_inspect.display.packet_tree import sections
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.widgets.packet_detail import Packet
from tests.tui.shown import press, settled

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
SHARED = ROOT.parent / "shared" / "captures"
FABRIC = SAMPLES / "fabric.pcapng"


async def settle(pilot):
    """Wait until all was read, and nothing is looked for or drawn any more."""
    while pilot.app.loading:
        await pilot.pause(0.01)
    await settled(pilot)


@asynccontextmanager
async def packets(*files, size=(80, 24), keys=("5",), options=None, scope=None):
    """The app on its packets screen, everything read."""
    with open_session([str(file) for file in files], options=options or SessionOptions()) as session:
        app = InspectApp(session, Config(), [str(file) for file in files])
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            if scope is not None:
                app.go("packets", scope)
            else:
                await pilot.press(*keys)
            await settle(pilot)
            yield pilot


async def test_sequence_numbers_are_relative_and_on_request_raw():
    async with packets(SAMPLES / "tcp-lab.pcap", size=(160, 24)) as pilot:
        raw = pilot.app.screen.pages.page(np.array([1, 3]))["info"].tolist()
        seen = "\n".join(lines(pilot))
        assert "[SYN] Seq=0 Win=" in seen
        assert "[ACK] Seq=1 Ack=1 Win=" in seen
        assert raw[0] not in seen
        assert "sequence numbers" not in pilot.app.screen.words()[-1]
        await press(pilot, "r")
        seen = "\n".join(lines(pilot))
        assert raw[0] in seen
        assert raw[1] in seen
        assert pilot.app.screen.words()[-1] == "raw sequence numbers"
        await press(pilot, "r")
        assert "[ACK] Seq=1 Ack=1 Win=" in "\n".join(lines(pilot))


async def test_the_search_finds_what_is_shown_and_filters_what_is_on_the_wire():
    async with packets(SAMPLES / "tcp-lab.pcap", size=(160, 24)) as pilot:
        await press(pilot, "ctrl+f", *"Seq=1407 Ack=1 ", "enter")
        shown = pilot.app.screen.packet_list
        assert "Seq=1407 Ack=1 " in lines(pilot)[shown.cursor_row - int(shown.scroll_y)]
        raw = shown.value("info")
        shown.put_cursor(list(shown.shown).index("info"))
        await press(pilot, "equals_sign")
        assert raw in pilot.app.screen.filter_text
        assert shown.value("info") == raw


def lines(pilot):
    """The list's lines on the screen, without its heading."""
    shown = pilot.app.screen.packet_list
    return [shown.render_line(y).text.strip() for y in range(1, shown.size.height)]


def status(pilot):
    return str(pilot.app.screen.query_one("#status").content)


def said(pilot):
    """What notifications say."""
    return [notification.message for notification in pilot.app._notifications]


def numbers(pilot):
    return np.asarray(pilot.app.screen.packet_list.numbers).tolist()


async def test_all_packets():
    async with packets(FABRIC) as pilot:
        assert status(pilot) == "1 of 2,299 packets · inner headers"
        assert lines(pilot)[0].split()[:1] == ["1"]
        assert "Who has 172.16.0.53?" in lines(pilot)[0]
        assert "…" not in "".join(lines(pilot))


async def test_a_packet_in_detail():
    async with packets(FABRIC) as pilot:
        screen = pilot.app.screen
        assert not screen.detail.display
        await press(pilot, "j", "enter")
        assert screen.detail.display
        assert screen.detail.packet.number == 2
        assert pilot.app.focused is screen.packet_list
        await press(pilot, "j")
        assert screen.detail.packet.number == 3
        assert screen.packet_list.size.height >= 5
        assert screen.detail.layers_tree.size.height >= 5
        assert screen.detail.hex_view.size.height >= 5
        assert screen.detail.hex_view.bytes_per_row == 16
        await press(pilot, "enter")
        assert pilot.app.focused is screen.detail.layers_tree
        await press(pilot, "j", "j")
        assert status(pilot).endswith("bytes 14-33")
        await press(pilot, "tab")
        assert pilot.app.focused is screen.detail.hex_view
        await press(pilot, "l")
        assert status(pilot).endswith("byte 15")
        assert screen.detail.line.name.startswith("ip.")
        await press(pilot, "tab")
        assert pilot.app.focused is screen.packet_list
        await press(pilot, "shift+tab")
        assert pilot.app.focused is screen.detail.hex_view
        await press(pilot, "escape")
        assert not screen.detail.display
        assert pilot.app.focused is screen.packet_list
        assert screen.packet_list.cursor_number == 3


async def test_a_wide_terminal_has_layers_beside_bytes():
    async with packets(FABRIC, size=(160, 48)) as pilot:
        await press(pilot, "enter")
        detail = pilot.app.screen.detail
        assert detail.layers_tree.region.y == detail.hex_view.region.y
        assert detail.layers_tree.region.right <= detail.hex_view.region.x
        assert detail.hex_view.bytes_per_row == 16
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert detail.layers_tree.region.bottom <= detail.hex_view.region.y


@pytest.mark.parametrize("pane", [0, 1, 2])
async def test_maximising(pane):
    async with packets(FABRIC) as pilot:
        screen = pilot.app.screen
        panes = [screen.packet_list, screen.detail.layers_tree, screen.detail.hex_view]
        await press(pilot, "enter", *["tab"] * pane)
        before = [each.size.height for each in panes]
        await press(pilot, "backslash")
        assert panes[pane].size.height > sum(before)
        assert [each.region.height > 0 for each in panes].count(True) == 1
        await press(pilot, "tab")
        assert pilot.app.focused is panes[(pane + 1) % 3]
        assert panes[(pane + 1) % 3].size.height > sum(before)
        await press(pilot, "escape")
        assert [each.size.height for each in panes] == before
        assert screen.detail.display


async def test_inner_outer_both():
    async with packets(FABRIC, size=(160, 48)) as pilot:
        shown = pilot.app.screen.packet_list
        assert "pa_src" not in shown.shown
        await press(pilot, "i")
        assert "outer_source" in shown.shown
        assert "source" not in shown.shown
        assert "192.168.50." in lines(pilot)[0]
        assert "outer headers" in status(pilot)
        await press(pilot, "i")
        assert {"pa_src", "source", "flow_id", "tenant"} <= set(shown.shown)
        await press(pilot, "i")
        assert "inner headers" in status(pilot)


async def test_time_formats():
    async with packets(FABRIC, size=(160, 48)) as pilot:
        found = {lines(pilot)[1].split()[1]}
        for _ in range(4):
            await press(pilot, "T")
            found.add(lines(pilot)[1].split()[1])
        assert len(found) >= 4
        await press(pilot, "T")
        assert pilot.app.time_style == Config().options.time


async def test_marks():
    async with packets(FABRIC) as pilot:
        screen = pilot.app.screen
        await press(pilot, "space", "j", "space")
        assert screen.packet_list.marked == {1, 3}
        assert "2 marked" in status(pilot)
        assert screen.selection().keys == (1, 3)
        await press(pilot, "k", "space")
        assert screen.packet_list.marked == {1}


async def test_going_to_a_frame():
    async with packets(FABRIC) as pilot:
        await press(pilot, ":", "1", "5", "0", "0", "enter")
        assert pilot.app.screen.packet_list.cursor_number == 1500
        assert lines(pilot)[-1].startswith("1500 ")
        await press(pilot, ":", "9", "9", "9", "9", "enter")
        assert pilot.app.screen.packet_list.cursor_number == 2299
        assert any("9999 is not among these" in sentence for sentence in said(pilot))


async def test_going_to_a_frame_from_elsewhere():
    async with packets(FABRIC, keys=("4", ":", "7", "7", "enter")) as pilot:
        assert pilot.app.screen.NAME == "packets"
        assert pilot.app.screen.packet_list.cursor_number == 77
        assert pilot.app.screen.detail.packet.number == 77
        assert len(numbers(pilot)) == 2299


async def test_sorting_is_refused_with_a_reason():
    async with packets(FABRIC) as pilot:
        await press(pilot, ">")
        assert said(pilot) == ["packets stay in the order of the capture"]


async def test_choosing_columns():
    async with packets(FABRIC, size=(160, 48)) as pilot:
        await press(pilot, "c", "down", "space", "enter")
        assert "time" not in pilot.app.screen.packet_list.shown
        await press(pilot, "T")
        assert "time" not in pilot.app.screen.packet_list.shown


async def test_where_there_is_little_room_the_date_gives_way_to_what_the_packet_says():
    async with packets(SAMPLES / "tcp-lab.pcap", size=(160, 24)) as pilot:
        dated = lines(pilot)[0]
        assert " 2023-" in dated or " 2024-" in dated
        await pilot.resize_terminal(120, 24)
        await settle(pilot)
        undated = lines(pilot)[0]
        assert "[SYN] Seq=0 Win=" in undated
        assert undated.split()[1] == dated.split()[2]
        await press(pilot, "[")
        arranged = list(pilot.app.screen.packet_list.shown)
        await pilot.resize_terminal(160, 24)
        await settle(pilot)
        assert lines(pilot)[0].split() == dated.split()
        assert list(pilot.app.screen.packet_list.shown) == arranged


async def test_chosen_columns_stay_when_the_terminal_is_resized():
    async with packets(FABRIC, size=(160, 48)) as pilot:
        await press(pilot, "l", "-")
        assert "time" not in pilot.app.screen.packet_list.shown
        await pilot.resize_terminal(150, 40)
        await settle(pilot)
        assert "time" not in pilot.app.screen.packet_list.shown
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "vsid" in pilot.app.screen.packet_list.shown  # another choice, for little room


# --- scopes ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    """The whole packets table of the fabric."""
    with nvgre_inspect.open(FABRIC) as session:
        session.read()
        pages = session.pages()
        return pages.page(pages.numbers())


def step(kind, key):
    return Scope((Step(kind, key, "here"),))


async def test_the_packets_of_a_flow(table):
    async with packets(FABRIC, scope=step(Kind.FLOW, 5)) as pilot:
        assert numbers(pilot) == table.loc[table["flow"] == 5, "number"].tolist()


async def test_the_packets_of_a_tenant(table):
    async with packets(FABRIC, scope=step(Kind.TENANT, ("nvgre", 5001))) as pilot:
        expected = table[(table["encap"] == "nvgre") & (table["vsid"] == 5001)]
        assert numbers(pilot) == expected["number"].tolist()


async def test_the_packets_of_a_tunnel(table):
    """By their own addresses: a flow may have gone over several tunnels."""
    with nvgre_inspect.open(FABRIC) as session:
        tunnels = session.tunnels
        placed = session.placements.groupby("flow")["tunnel"].nunique()
        number = next(
            int(row)
            for row in session.placements.loc[session.placements["flow"].isin(placed[placed > 1].index), "tunnel"]
        )
    row = tunnels[tunnels["tunnel"] == number].iloc[0]
    ends = {row["pa_src"], row["pa_dst"]}
    expected = table[
        (table["encap"] == row["encap"])
        & np.array([{src, dst} == ends for src, dst in zip(table["pa_src"], table["pa_dst"], strict=True)])
    ]
    async with packets(FABRIC, scope=step(Kind.TUNNEL, number)) as pilot:
        assert numbers(pilot) == expected["number"].tolist()


async def test_the_packets_with_a_flow_id(table):
    flow_id = int(table["flow_id"].dropna().iloc[-1])
    async with packets(FABRIC, scope=step(Kind.FLOW_ID, flow_id)) as pilot:
        assert numbers(pilot) == table.loc[(table["flow_id"] == flow_id).fillna(False), "number"].tolist()


async def test_another_scope_shows_other_packets():
    async with packets(FABRIC, scope=step(Kind.FLOW, 5)) as pilot:
        few = numbers(pilot)
        await press(pilot, "j", "space")
        pilot.app.go("packets", step(Kind.FLOW, 6))
        await settle(pilot)
        assert not set(few) & set(numbers(pilot))
        await press(pilot, "escape")
        assert numbers(pilot) == few
        assert pilot.app.screen.packet_list.cursor_number == few[2]
        assert pilot.app.screen.packet_list.marked == {few[1]}


async def test_a_scope_without_packets():
    async with packets(FABRIC, scope=step(Kind.FLOW_ID, 1_000_000)) as pilot:
        assert "no packets within here" in str(pilot.app.screen.query_one("#nothing").content)
        assert status(pilot).startswith("no packets")
        await press(pilot, "j", "enter", "u", "o", "y", "s", "e", "space", "=", "n")
        assert pilot.app.screen.NAME == "packets"


async def test_to_the_underlay_and_back():
    async with packets(FABRIC) as pilot:
        await press(pilot, ":", "5", "0", "0", "enter", "enter")
        flow = pilot.app.screen.packet_list.value("flow")
        await press(pilot, "u")
        assert pilot.app.screen.NAME == "tunnels"
        assert pilot.app.scope.flow == flow
        await press(pilot, "escape")
        assert pilot.app.screen.NAME == "packets"
        assert pilot.app.screen.packet_list.cursor_number == 500
        assert pilot.app.screen.detail.packet.number == 500
        assert pilot.app.screen.is_open


async def test_to_the_overlay():
    async with packets(FABRIC) as pilot:
        await press(pilot, ":", "5", "0", "0", "enter")
        ends = {pilot.app.screen.packet_list.value(name) for name in ("pa_src", "pa_dst")}
        flow = pilot.app.screen.packet_list.value("flow")
        await press(pilot, "o")
        assert pilot.app.screen.NAME == "flows"
        row = pilot.app.snapshot.tunnels.iloc[pilot.app.scope.tunnel - 1]
        assert {row["pa_src"], row["pa_dst"]} == ends
        assert pilot.app.screen.table.cursor_key == flow


async def test_outside_tunnels_there_is_no_underlay():
    async with packets(SAMPLES / "icmp-errors.pcap") as pilot:
        pages = pilot.app.screen.pages
        outside = next(number for number in pages.numbers().tolist() if pages.tunnel_of(number) is None)
        pilot.app.screen.select(outside)
        await press(pilot, "u")
        assert said(pilot) == ["this packet is on no tunnel"]


# --- filters and search ----------------------------------------------------------------------------------------------


async def test_a_filter():
    async with packets(FABRIC) as pilot:
        await press(pilot, "/", *"tcp.flags.syn", "space", *"==", "space", "1", "enter")
        found = numbers(pilot)
        assert 0 < len(found) < 300
        assert "2,299 without the filter" in status(pilot)
        assert pilot.app.focused is pilot.app.screen.packet_list
        await press(pilot, "escape")
        assert len(numbers(pilot)) == 2299


async def test_a_filter_within_a_scope(table):
    async with packets(FABRIC, scope=step(Kind.TENANT, ("nvgre", 5001))) as pilot:
        pilot.app.screen.apply_filter("icmp || arp")
        await settle(pilot)
        expected = table[(table["vsid"] == 5001) & table["protocol"].isin(["icmp", "arp"])]
        assert numbers(pilot) == expected["number"].tolist()


async def test_a_filter_that_matches_nothing():
    async with packets(FABRIC) as pilot:
        pilot.app.screen.apply_filter("ip.ttl == 1 && sctp")
        await settle(pilot)
        assert "matches 0 of 2,299 packets; Esc clears it" in str(pilot.app.screen.query_one("#nothing").content)
        await press(pilot, "escape")
        assert not pilot.app.screen.has_class("-empty")
        assert len(numbers(pilot)) == 2299


async def test_typing_a_filter_tells_how_many_pass():
    async with packets(FABRIC) as pilot:
        await press(pilot, "/", *"icmp")
        assert "of 2,299" in str(pilot.app.screen.bar.query_one("#filter-matches").content)
        await press(pilot, "escape", "escape", "escape")
        assert pilot.app.focused is pilot.app.screen.packet_list


async def test_filtering_on_a_cell(table):
    async with packets(FABRIC) as pilot:
        await press(pilot, "l", "l", "=")
        assert pilot.app.screen.filter_text == "vsid == 6001"
        assert numbers(pilot) == table.loc[table["vsid"] == 6001, "number"].tolist()
        assert pilot.app.screen.packet_list.cursor_number == 1


async def test_a_filter_is_kept_for_coming_back():
    async with packets(FABRIC) as pilot:
        pilot.app.screen.apply_filter("icmp")
        await settle(pilot)
        found = numbers(pilot)
        await press(pilot, "j", "u", "escape")
        assert pilot.app.screen.filter_text == "icmp"
        assert numbers(pilot) == found
        assert pilot.app.screen.packet_list.cursor_number == found[1]


async def test_a_search():
    async with packets(FABRIC) as pilot:
        await press(pilot, "ctrl+f", *"ping", "enter")
        shown = pilot.app.screen.packet_list
        first = shown.cursor_number
        assert "ping" in shown.value("info")
        await press(pilot, "n")
        assert shown.cursor_number > first
        await press(pilot, "N")
        assert shown.cursor_number == first
        await press(pilot, "N")
        assert shown.cursor_number > first  # round the beginning
        await press(pilot, "ctrl+f", *"zebra", "enter")
        assert any("zebra" in sentence for sentence in said(pilot))


# --- what leaves -----------------------------------------------------------------------------------------------------


async def test_saving_marked_packets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with packets(FABRIC) as pilot:
        await press(pilot, "space", "space", "s", "enter")
        assert "2 packets written" in status(pilot)
        (written,) = tmp_path.glob("*.pcapng")
        with nvgre_inspect.open(written) as saved, nvgre_inspect.open(FABRIC) as session:
            assert [saved.frame(n).data for n in (1, 2)] == [session.frame(n).data for n in (1, 2)]


async def test_exporting_a_filtered_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with packets(FABRIC) as pilot:
        pilot.app.screen.apply_filter("icmp")
        await settle(pilot)
        count = len(numbers(pilot))
        await press(pilot, "e", "enter")
        (written,) = tmp_path.glob("*.csv")
        assert len(written.read_text().splitlines()) == count + 1


async def test_what_can_be_copied():
    async with packets(FABRIC) as pilot:
        screen = pilot.app.screen
        titles = [offer.title for offer in screen.copyables()]
        assert titles[0] == "value"
        assert "packet 1 as a hex dump" in titles
        await press(pilot, "enter", "enter", "j", "j", "l", "l")
        offers = {offer.title: offer.text for offer in screen.copyables()}
        assert offers["this line"] == screen.detail.line.text
        assert offers["its bytes as a hex stream"] == bytes(screen.detail.hex_view.data[14:15]).hex()


# --- inputs ----------------------------------------------------------------------------------------------------------


async def test_a_compressed_file(tmp_path):
    path = tmp_path / "fabric.gz"
    path.write_bytes(gzip.compress(FABRIC.read_bytes()))
    async with packets(path) as pilot:
        await press(pilot, "G", "enter")
        assert lines(pilot)[-1].startswith("2299 ")
        assert pilot.app.screen.detail.packet.number == 2299


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
async def test_a_pipe_while_it_is_being_read(tmp_path):
    """Packets that have come can be looked at before the last has; filters go on as more come."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content, proceed = FABRIC.read_bytes(), threading.Event()

    def write():
        with path.open("wb") as pipe:
            pipe.write(content[: len(content) // 2])
            pipe.flush()
            proceed.wait(60)
            pipe.write(content[len(content) // 2 :])

    writer = threading.Thread(target=write)
    writer.start()
    with open_session(str(path), options=SessionOptions(engine="reference")) as session:
        app = InspectApp(session, Config(), [str(path)])
        async with app.run_test(size=(80, 24)) as pilot:
            while app.snapshot is None or not app.snapshot.state.frames:
                await pilot.pause(0.02)
            await pilot.press("5")
            app.screen.apply_filter("arp")
            while "without the filter" not in status(pilot):
                await pilot.pause(0.02)
            before = numbers(pilot)
            assert app.loading
            await pilot.press("j", "enter")
            while app.screen.detail.packet is None:
                await pilot.pause(0.02)
            assert app.screen.detail.packet.number == before[1]
            proceed.set()
            await settle(pilot)
            assert numbers(pilot)[: len(before)] == before
            with nvgre_inspect.open(FABRIC) as whole:
                expected = [n for rows in whole.packets("arp") for n in rows["number"].tolist()]
            assert numbers(pilot) == expected
            assert app.screen.packet_list.cursor_number == before[1]
    writer.join(30)


async def test_a_file_that_changes_under_the_app(tmp_path):
    path = tmp_path / "fabric.pcapng"
    path.write_bytes(FABRIC.read_bytes())
    async with packets(path) as pilot:
        os.truncate(path, 5000)
        await press(pilot, "G", "enter")
        assert any("has changed" in sentence for sentence in said(pilot))
        assert lines(pilot)[-1].split()[:2] == ["2299", "…"]
        await press(pilot, "ctrl+f", *"ping", "enter", "g", "g")
        assert "Who has" in lines(pilot)[0]


async def test_no_packets(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes((SAMPLES / "vlan.pcap").read_bytes()[:24])
    async with packets(path) as pilot:
        assert str(pilot.app.screen.query_one("#nothing").content) == "no packets"
        await press(pilot, "j", "G", "enter", "tab", "i", "T", "space", "=", "u", "o", "n", "s", "e", "y", "backslash")


async def test_frames_that_were_not_counted_are_not_shown():
    async with packets(FABRIC, options=SessionOptions(read_filter="vsid == 5002")) as pilot:
        with nvgre_inspect.open(FABRIC) as session:
            expected = [n for rows in session.packets("vsid == 5002") for n in rows["number"].tolist()]
        assert numbers(pilot) == expected
        await press(pilot, "enter", "j")
        assert pilot.app.screen.detail.packet.number == expected[1]


async def test_texts_from_captures_are_shown_as_they_are(tmp_path):
    """Neither markup nor escape sequences of a comment, an interface's name or a payload do anything."""
    path = tmp_path / "hostile.pcapng"
    nasty = "[bold red]x[/] \x1b[31m\x07 \u202e"
    with PcapngWriter(path) as writer:
        writer.add_interface(nasty)
        writer.write_frame(bytes(14) + nasty.encode() * 20, 0, comment=nasty)
    async with packets(path, size=(100, 40)) as pilot:
        await press(pilot, "enter", "enter", "enter")
        tree = pilot.app.screen.detail.layers_tree
        text = "\n".join(line.text for line in tree.lines)
        assert r"Comment: [bold red]x[/] \x1b[31m\x07 \u202e" in text
        assert text.replace("\n", "").isprintable()
        drawn = [tree.render_line(y).text for y in range(tree.size.height)]
        assert all(line.isprintable() for line in drawn)


async def test_hostile_captures():
    """The first packet of every capture beside the checkout, drawn with all layers unfolded."""
    if not SHARED.is_dir():
        pytest.skip("the shared captures (../shared/captures beside the checkout) are absent")
    drawn = 0
    async with packets(FABRIC) as pilot:
        await press(pilot, "enter")
        detail = pilot.app.screen.detail
        for path in sorted(path for path in SHARED.rglob("*") if path.is_file() and path.suffix != ".md"):
            for number, stack in enumerate(first_packets(path), 1):
                tree = sections(stack)
                detail.show(Packet(number, stack, tree))
                detail.layers_tree.unfold_all()
                for offset in (0, len(stack.frame) // 2, len(stack.frame) - 1):
                    detail.layers_tree.select_byte(offset)
                    for widget in (detail.layers_tree, detail.hex_view):
                        for y in range(widget.size.height):
                            assert widget.render_line(y).text.isprintable(), path
                drawn += 1
    assert drawn > 600


def first_packets(path, count=1):
    try:
        reader = open_capture(path, spool=False, compiled=False)
    except CaptureError:
        return
    with reader:
        for batch in reader.batches():
            for i in range(min(len(batch), count)):
                yield dissect(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i]))
            return
