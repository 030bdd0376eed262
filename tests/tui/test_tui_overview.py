"""The overview: what it says of captures of every kind, where it leads, and how it looks in every theme and size."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvgre_inspect.model.names import Names
from nvgre_inspect.session import SessionOptions
from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.widgets.column_chart import ColumnChart
from nvgre_inspect.tui.widgets.table import FrameTable
from tests.tui.shown import SIZES, lines, press, settled, shown, text

SHARED = Path(__file__).parents[3] / "shared" / "captures"


@pytest.mark.parametrize("size", SIZES)
async def test_one_look_says_what_it_is_and_whether_something_is_wrong(size):
    async with shown("fabric.pcapng", size) as (app, _):
        seen = text(app)
        assert "2,299 packets · 731 kB · ethernet · interface tor1-mirror" in seen
        assert "2024-04-24 23:06:40 to 23:07:05 UTC · 24.993 s" in seen
        assert "Throughput peak" in seen
        assert "1█ nvgre 5002 36 %" in seen
        assert "Tenants (4)" in seen
        assert "Tunnels (9)" in seen
        assert "Findings (1)" in seen
        assert "● 802.1Q tag on the inner frame" in seen
        assert "1 note: 6 shows it" in lines(app)[-2]


async def test_the_largest_are_first():
    async with shown("fabric.pcapng") as (app, _):
        snapshot = app.snapshot
        tenants, tunnels = app.screen.query_one("#tenants", FrameTable), app.screen.query_one("#tunnels", FrameTable)
        assert tenants.key_at(0) == ("nvgre", int(snapshot.tenants.sort_values("wire_bytes")["vsid"].iloc[-1]))
        totals = snapshot.tunnels["wire_bytes_fwd"] + snapshot.tunnels["wire_bytes_rev"]
        assert tunnels.key_at(0) == int(snapshot.tunnels["tunnel"][totals.idxmax()])


async def test_names_are_shown_and_nothing_in_them_is_interpreted():
    names = Names({5002: "[red]x[/red]\x1b[31m"}, {"192.168.50.13": "host"})
    async with shown("fabric.pcapng", (160, 48), names=names) as (app, _):
        assert r"nvgre 5002 ([red]x[/red]\x1b[31m) 36 %" in text(app)
        assert "\x1b" not in text(app)


@pytest.mark.parametrize("theme", themes.PALETTES)
async def test_bands_have_the_tenants_colours_and_digits_for_those_who_see_none(theme):
    async with shown("overlapping-tenants.pcap", (160, 48)) as (app, pilot):
        themes.install(app, theme)
        await settled(pilot)
        chart = app.screen.query_one(ColumnChart)
        styles = {dataset.marker_style for dataset in chart._datasets}
        for vsid in (5001, 5002):
            assert any(themes.tenant(vsid, theme) in style for style in styles)
        markers = {dataset.marker for dataset in chart._datasets}
        assert {"1", "2"} <= markers


def shared(name):
    if not SHARED.is_dir():
        pytest.skip("the shared captures are not here")
    return shown(SHARED / name)


async def test_no_packets():
    async with shared("tcpdump/empty.pcap") as (app, _):
        assert "0 packets" in text(app)
        assert "no packets" in text(app)
        assert not app.screen.query_one(ColumnChart).visible


async def test_no_tunnels_says_what_was_seen_instead():
    async with shared("tcpdump/ipv4_tcp_http_xml.pcap") as (app, _):
        assert "no tunnels here; seen: tcp 100 %" in text(app)


async def test_no_protocol_that_is_known():
    async with shared("tcpdump/truncated-aack.pcap") as (app, _):
        assert "no tunnels here; seen: unknown 100 %" in text(app)
        assert "no findings so far" not in text(app)


async def test_encrypted():
    async with shared("tcpdump/08-sunrise-sunset-esp2.pcap") as (app, _):
        assert "encrypted (ESP)" in text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_damage_is_said_in_full_and_what_was_read_is_shown(size):
    async with shown("truncated.pcapng", size) as (app, _):
        seen = " ".join(text(app).split())
        assert "ends early, at byte 31900: 24 of 128 bytes of frame 54 are there" in seen
        assert seen.count("ends early") == 1
        for part in ("53 packets", "Throughput peak", "Tenants (2)", "Tunnels (1)", "Findings (0)"):
            assert part in seen


async def test_a_read_filter_that_nothing_passes():
    async with shown("fabric.pcapng", options=SessionOptions(read_filter="vsid == 77")) as (app, _):
        assert "none of 2,299 packets matches -R" in text(app)


async def test_enter_goes_into_a_tenant_a_tunnel_and_a_finding():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "enter")
        assert (app.current.NAME, app.scope.tenant) == ("flows", ("nvgre", 5002))
        await press(pilot, "escape", "tab", "enter")
        assert (app.current.NAME, app.scope.tunnel) == ("tunnel_detail", 5)
        await press(pilot, "escape")
        assert app.current.NAME == "overview"
        assert app.screen.query_one("#tunnels").has_focus
        await press(pilot, "tab", "enter")
        assert (app.current.NAME, app.scope.packet) == ("packets", 1560)


async def test_from_a_tenant_to_its_tunnels_and_from_a_tunnel_to_its_flows():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "j", "u")
        assert (app.current.NAME, app.scope.tenant) == ("tunnels", ("nvgre", 6001))
        await press(pilot, "escape")
        assert app.current.selection().keys == (("nvgre", 6001),)
        await press(pilot, "o")
        assert (app.current.NAME, app.scope.tenant) == ("flows", ("nvgre", 6001))
        await press(pilot, "escape", "tab", "o")
        assert (app.current.NAME, app.scope.tunnel) == ("flows", 5)
        await press(pilot, "escape", "tab", "o", "u")  # findings are neither
        assert app.current.NAME == "overview"


async def test_a_pane_can_fill_the_screen():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "backslash")
        assert "Tunnels (9)" not in text(app)
        await press(pilot, "tab")
        assert "192.168.50.13 ↔ 192.168.50.12" in text(app)
        assert "nvgre 5002" not in text(app)
        await press(pilot, "backslash")
        assert "Tenants (4)" in text(app)
        await press(pilot, "shift+tab")
        assert app.screen.query_one("#tenants").has_focus


async def test_resizing_draws_the_chart_again():
    async with shown("fabric.pcapng") as (app, pilot):
        before = app.screen.query_one(ColumnChart).plot_cells
        await pilot.resize_terminal(160, 48)
        await settled(pilot)
        chart = app.screen.query_one(ColumnChart)
        assert chart.plot_cells > before
        assert max(x for dataset in chart._datasets for x in dataset.x) > before[0]


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "samples").glob("*.pcap*")), ids=lambda p: p.name)
async def test_every_sample(path):
    async with shown(path) as (app, _):
        assert f"{app.snapshot.state.frames:,} packet" in text(app)


async def test_keys_of_large_tables_say_where_those_are():
    async with shown("fabric.pcapng") as (app, pilot):
        for key in (">", "=", "c"):
            app.clear_notifications()
            await press(pilot, key)
            assert any("2, 3 and 4 have all rows" in toast.message for toast in app._notifications)


async def test_rows_are_exported_and_packets_saved_from_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with shown("fabric.pcapng") as (app, pilot):
        vsid = app.current.selection().keys[0][1]
        packets = int(app.snapshot.tenants.set_index("vsid").loc[vsid, "packets"])
        await press(pilot, "e", "enter")
        (table,) = tmp_path.glob("*.csv")
        assert len(table.read_text().splitlines()) == 1 + 4
        await press(pilot, "s", "enter")
        (saved,) = tmp_path.glob("*.pcapng")
        async with shown(saved) as (other, _):
            assert other.snapshot.state.frames == packets


@pytest.mark.parametrize("pane", [0, 1, 2])
async def test_what_can_be_copied(pane):
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, *["tab"] * pane)
        offers = app.current.copyables()
        assert offers[0].title == "value"
        assert {"this row as CSV", "this row as JSON"} <= {offer.title for offer in offers}
        assert all(isinstance(offer.text, str) or offer.text() for offer in offers)
