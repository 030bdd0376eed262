"""What the terminal UI asks of Wireshark's programs: a packet by tshark, a stream, a window; and when there is none."""

from __future__ import annotations

import os
import stat
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nvgre_inspect.session import SessionOptions
from nvgre_inspect.tui.screens import stream as stream_module
from nvgre_inspect.tui.screens.stream import StreamScreen
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError, find
from tests.tui.shown import lines, press, settled, shown, text

pytestmark = pytest.mark.asyncio

OVERLAPPING = "overlapping-tenants.pcap"


def _missing() -> str:
    try:
        find()
    except TsharkError as error:
        return str(error)
    return ""


needs_tshark = pytest.mark.skipif(bool(_missing()), reason=_missing())
#: Where there is no program of Wireshark's.
NONE = SessionOptions(tshark=Settings(path="/nowhere"))


@asynccontextmanager
async def at_packet(number: int, *, options: SessionOptions | None = None, size: tuple[int, int] = (100, 40)):
    """The packets screen of two tenants with the same addresses, the cursor on that packet."""
    async with shown(OVERLAPPING, size, options=options) as (app, pilot):
        await press(pilot, "5")
        app.screen.go_to(number)
        await settled(pilot)
        yield app, pilot


def said(app) -> list[str]:
    """What notifications say."""
    return [notification.message for notification in app._notifications]


def tree(app) -> list[str]:
    return [line.text for line in app.screen.detail.layers_tree.lines]


# --- a packet by tshark ----------------------------------------------------------------------------------------------


@needs_tshark
async def test_deep_opens_the_packet_as_tshark_has_it():
    async with at_packet(197) as (app, pilot):
        await press(pilot, "d")
        assert app.screen.detail.layers_tree.border_title == "Layers of packet 197, by tshark"
        heads = tree(app)
        assert heads[0].startswith("Frame 197")
        assert any("Network Virtualization using GRE, VSID 5002" in line for line in heads)
        assert "Hypertext Transfer Protocol" in heads
        assert "Internet Protocol Version 4, Src: 10.0.0.2, Dst: 10.0.0.1" in heads
        # Headers of the underlay light up their bytes as ever, and are fainter.
        nvgre = next(line for line in app.screen.detail.layers_tree.lines if "Virtualization" in line.text)
        assert (nvgre.inner, nvgre.length) == (False, 8)


@needs_tshark
async def test_deep_once_more_is_our_own_again_and_so_is_the_next_packet():
    async with at_packet(197) as (app, pilot):
        await press(pilot, "d", "d")
        assert app.screen.detail.layers_tree.border_title == "Layers of packet 197"
        await press(pilot, "d", "j")
        assert app.screen.detail.layers_tree.border_title == "Layers of packet 198"
        assert not any("Hypertext" in line for line in tree(app))


@needs_tshark
async def test_what_is_unfolded_there_numbers_packets_as_the_capture_does():
    async with at_packet(197) as (app, pilot):
        await press(pilot, "d")
        app.screen.detail.layers_tree.unfold_all()
        (request,) = [line.strip() for line in tree(app) if "Request in frame" in line]
        assert request == "Request in frame: 174"


async def test_without_tshark_it_is_a_sentence_and_the_packet_stays_ours():
    async with at_packet(197, options=NONE) as (app, pilot):
        await press(pilot, "d")
        assert said(app) == ["there is no tshark at /nowhere"]
        assert app.screen.is_open
        await press(pilot, "j")
        assert app.screen.detail.layers_tree.border_title == "Layers of packet 198"


async def test_where_no_packet_is():
    async with shown(OVERLAPPING) as (app, pilot):
        await press(pilot, "4", "d")
        assert said(app) == ["no packet is shown here; Packets (5) and their layers have them"]


# --- streams ---------------------------------------------------------------------------------------------------------


@needs_tshark
async def test_the_stream_of_a_flow():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "4")
        app.screen.select(3)
        await press(pilot, "F")
        assert isinstance(app.screen, StreamScreen)
        page = text(app)
        assert "Flow 3, tcp, 14,301 bytes, as text" in page
        assert "→ 10.0.0.1:49152" in page
        assert "GET /0/0 HTTP/1.1" in page
        assert "← 10.0.0.2:80" in page
        await press(pilot, "i")
        assert "00000000  47 45 54 20" in text(app)
        await press(pilot, "G")
        assert "00000000  47 45 54 20" not in text(app)
        await press(pilot, "escape")
        assert not isinstance(app.screen, StreamScreen)


@needs_tshark
async def test_the_stream_of_a_packets_flow():
    async with at_packet(190) as (app, pilot):
        await press(pilot, "F")
        assert "GET /" in text(app)


@needs_tshark
async def test_a_stream_is_copied_as_it_is_shown(state_folder, monkeypatch):
    copied = []

    async def copy(_, words):
        copied.append(words)
        return "copied"

    monkeypatch.setattr(stream_module, "copy", copy)
    async with at_packet(190) as (_, pilot):
        await press(pilot, "F", "y")
        assert copied[0].startswith("→ 10.0.0.1:")
        assert "\nGET /" in copied[0]


@needs_tshark
async def test_of_a_long_stream_the_beginning(monkeypatch):
    monkeypatch.setattr(stream_module, "MAX_BYTES", 100)
    async with at_packet(190) as (app, pilot):
        await press(pilot, "F", "G")
        assert "there is more: nvgre-inspect follow writes all of it" in text(app)


async def test_a_stream_without_tshark():
    async with at_packet(190, options=NONE) as (app, pilot):
        await press(pilot, "F")
        assert "there is no tshark at /nowhere" in text(app)
        await press(pilot, "q")
        assert not isinstance(app.screen, StreamScreen)


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("arp-broadcast.pcap", ("5", "F"), "only TCP and UDP have streams"),
        (OVERLAPPING, ("2", "F"), "no flow or packet"),
    ],
)
async def test_where_no_stream_is(name, keys, sentence):
    async with shown(name, (100, 40), options=NONE) as (app, pilot):
        await press(pilot, *keys)
        assert sentence in text(app) + " ".join(said(app))


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def wireshark(tmp_path, monkeypatch):
    """A stand-in for Wireshark, which notes what it is started on."""
    monkeypatch.setenv("DISPLAY", ":99")
    program = tmp_path / "wireshark"
    program.write_text(f'#!/bin/sh\ncp "$2" {tmp_path}/part && mv {tmp_path}/part {tmp_path}/shown.pcapng\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return SessionOptions(tshark=Settings(path=str(tmp_path)))


def frames_in(path: Path) -> int:
    import nvgre_inspect

    with nvgre_inspect.open(path) as session:
        return int(session.captures["packets"].sum())


async def test_a_window_on_the_packets_of_a_flow(wireshark, tmp_path):
    async with shown(OVERLAPPING, options=wireshark) as (app, pilot):
        await press(pilot, "4")
        app.screen.select(3)
        await press(pilot, "w")
        packets = int(app.snapshot.flows[["packets_fwd", "packets_rev"]].iloc[2].sum())
        assert f"{packets} packets opened in Wireshark" in text(app)
    assert frames_in(tmp_path / "shown.pcapng") == packets


async def test_a_window_on_marked_packets(wireshark, tmp_path):
    async with shown(OVERLAPPING, options=wireshark) as (app, pilot):
        await press(pilot, "5", "space", "j", "space", "w")
        assert "2 packets opened in Wireshark" in text(app)
    assert frames_in(tmp_path / "shown.pcapng") == 2


async def test_without_wireshark_it_is_a_sentence():
    async with shown(OVERLAPPING, options=NONE) as (app, pilot):
        await press(pilot, "5", "w")
        (sentence,) = said(app)
        assert sentence.startswith("Wireshark is not installed here; save the packets")


async def test_the_keys_are_in_the_help():
    async with at_packet(1, options=NONE, size=(100, 80)) as (app, pilot):
        await press(pilot, "?")
        page = lines(app)
        for key, title in (("d", "Deep"), ("F", "Stream"), ("w", "Wireshark")):
            assert any(line.split()[1:3] == [key, title] for line in page), title


# --- Wireshark's filters in the filter bar ---------------------------------------------------------------------------


async def typed(pilot, words: str, *, leave: bool = False) -> None:
    """A filter, typed and applied."""
    pilot.app.screen.action_filter()
    await settled(pilot)
    pilot.app.screen.bar._line.value = words
    await settled(pilot)
    await press(pilot, "enter")
    if leave:
        await press(pilot, "escape")


def status(app) -> str:
    return str(app.screen.query_one("#status").content)


@needs_tshark
async def test_a_wireshark_filter_narrows_packets():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "5")
        await typed(pilot, "wireshark: http.response.code == 200")
        assert status(app).startswith("1 of 28 packets")
        assert "✓ 28 of 520" in text(app)
        await press(pilot, "escape")
        assert " of 520 packets" in status(app)


@needs_tshark
async def test_flows_tenants_and_tunnels_follow():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "4")
        await typed(pilot, "wireshark:http.response && tcp.dstport == 49155")
        assert status(app).startswith("1 of 2 flows")
        # What is known is not asked again; other screens have filters of their own.
        await press(pilot, "2")
        assert status(app).startswith("1 of 2 tenants")
        await typed(pilot, "wireshark:http.response && tcp.dstport == 49155")
        assert status(app).startswith("1 of 2 tenants")
        await press(pilot, "3")
        await typed(pilot, "wireshark: arp.opcode == 7")
        assert "the filter matches 0 of" in text(app)


@needs_tshark
async def test_where_one_comes_back_to_the_filter_is_still_there():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "4")
        await typed(pilot, "wireshark: http.response && tcp.dstport == 49155")
        await press(pilot, "u", "escape")
        assert status(app).startswith("1 of 2 flows")
        assert app.screen.filter_text == "wireshark: http.response && tcp.dstport == 49155"


@needs_tshark
async def test_what_tshark_does_not_take_is_red_with_a_caret():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "5")
        await typed(pilot, "wireshark: tcp.port == abc")
        assert app.screen.bar.has_class("-invalid")
        assert "abc" in said(app)[0]
        assert status(app).startswith("1 of 520 packets")
        app.screen.bar.take_focus()
        await settled(pilot)
        page = lines(app)
        row = next(i for i, line in enumerate(page) if "wireshark: tcp.port" in line)
        assert page[row + 1].index("^") == page[row].index("abc")


async def test_a_wireshark_filter_without_tshark():
    async with shown(OVERLAPPING, (100, 40), options=NONE) as (app, pilot):
        await press(pilot, "5")
        await typed(pilot, "wireshark: http")
        assert said(app) == ["there is no tshark at /nowhere"]
        assert status(app).startswith("1 of 520 packets")
        await press(pilot, "escape")
        assert app.screen.bar.text == ""


@needs_tshark
async def test_it_stands_alone():
    async with shown(OVERLAPPING, (100, 40)) as (app, pilot):
        await press(pilot, "4")
        await typed(pilot, "wireshark: http")
        await press(pilot, "=")
        assert said(app) == ["a Wireshark filter stands alone; Esc clears it"]


@needs_tshark
@pytest.mark.parametrize("key", ["1", "2", "4", "5"])
async def test_started_with_a_wireshark_filter_that_nothing_passes(key):
    async with shown(OVERLAPPING, (100, 40), options=SessionOptions(tshark_filter="bgp")) as (app, pilot):
        await press(pilot, key)
        assert "none of 520 packets matches --tshark-filter" in text(app)


@pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")
@pytest.mark.parametrize("key", ["F", "d"])
async def test_who_leaves_does_not_wait_for_tshark(tmp_path, key):
    program = tmp_path / "tshark"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexec sleep 600\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    began = time.monotonic()
    async with at_packet(190, options=SessionOptions(tshark=Settings(path=str(program)))) as (_, pilot):
        await pilot.press(key)
        while not (tmp_path / "started").exists() and time.monotonic() - began < 30:
            await pilot.pause(0.01)
        began = time.monotonic()
    assert (tmp_path / "started").exists()
    assert time.monotonic() - began < 15


async def test_while_it_is_typed_nobody_is_asked():
    async with shown(OVERLAPPING, (100, 40), options=NONE) as (app, pilot):
        await press(pilot, "5", "/")
        app.screen.bar._line.value = "wireshark: http"
        await settled(pilot)
        assert "Enter asks tshark" in text(app)
        assert said(app) == []
