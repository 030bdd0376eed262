"""Tunnel detail: both directions, tenants and flows on it, FlowIDs, sizes, and where it leads."""

from __future__ import annotations

import pytest

from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens import tunnel_detail
from nvgre_inspect.tui.widgets.column_chart import ColumnChart
from nvgre_inspect.tui.widgets.pane import Pane
from nvgre_inspect.tui.widgets.table import FrameTable
from tests.tui.shown import SAMPLES, SIZES, lines, press, settled, shown, text


async def into(app, pilot, tunnel):
    """Go to the tunnel of that number."""
    app.go("tunnel_detail", Scope((Step(Kind.TUNNEL, tunnel, f"tunnel {tunnel}"),)))
    await settled(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_what_a_tunnel_is(size):
    async with shown("fabric.pcapng", size) as (app, pilot):
        await into(app, pilot, 2)
        seen = text(app)
        for words in (
            *(
                "→ to",
                "192.168.50.12",
                "349",
                "315",
                "longest frame",
                "fragments",
                "ICMP errors",
            ),
            *("Tenants on it (3)", "Flows on it (35)", "55 FlowIDs, unevenly", "overhead 42 B"),
        ):
            assert words in seen
        assert lines(app)[-2].startswith(" tunnel 2, nvgre")


async def test_what_is_of_both_directions_stands_between_their_columns():
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await into(app, pilot, 2)
        left = [line[:42].rstrip() for line in lines(app)]
        arrows = next(line for line in left if line.endswith("←") and "→" in line)
        middle = (arrows.index("→") + arrows.index("←")) // 2
        for label, value in (("DSCP", "0"), ("longest frame", "1,514 B"), ("fragments", "0"), ("ICMP errors", "0")):
            (line,) = (line for line in left if line.startswith(f" {label} "))
            assert line.split(label)[1].strip() == value
            assert line.rindex(value) == middle - len(value) // 2


async def test_histograms_hold_every_packet():
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await into(app, pilot, 2)
        screen = app.screen
        assert screen._detail.flow_ids.packets.sum(axis=1).tolist() == [349, 315]
        assert len(screen._sizes.packet) == 349 + 315
        assert screen._sizes.packet.max() == 1500
        for chart in screen.query(ColumnChart):
            assert chart._datasets


async def test_packets_over_the_mtu_stand_out():
    async with shown("ipv6-underlay.pcap", (160, 48)) as (app, pilot):
        sizes = [row["max_wire_len"] for row in app.snapshot.tunnels.to_dict("records")]
        await into(app, pilot, sizes.index(max(sizes)) + 1)
        seen = " ".join(text(app).split())
        largest = max(sizes) - 14
        assert (
            f"largest {largest:,} B, overhead 62 B: fit an MTU of 1,500" in seen if largest <= 1500 else "need" in seen
        )


async def test_tunnels_without_flow_ids_say_so():
    async with shown("neighbours.pcap") as (app, pilot):
        placements = app.snapshot.placements
        bare = placements.groupby("tunnel")["flow_id"].apply(lambda ids: ids.isna().all())
        await into(app, pilot, int(bare[bare].index[0]))
        assert "its packets have no FlowIDs" in " ".join(text(app).split())
        assert "one path for all" in text(app), "the whole sentence has room at 80 columns"


async def test_enter_goes_into_a_flow_or_a_tenant_and_back():
    async with shown("fabric.pcapng") as (app, pilot):
        await into(app, pilot, 2)
        flows = app.screen.query_one("#flows", FrameTable)
        assert flows.has_focus
        await press(pilot, "j")
        flow = flows.cursor_key
        await press(pilot, "enter")
        assert (app.current.NAME, app.scope.flow, app.scope.tunnel) == ("flow_detail", flow, 2)
        await press(pilot, "escape")
        assert (app.current.NAME, flows.cursor_key) == ("tunnel_detail", flow)
        assert app.current.selection().keys == (flow,)
        await press(pilot, "tab", "enter")
        assert (app.current.NAME, app.scope.tenant, app.scope.tunnel) == ("flows", ("nvgre", 5001), 2)
        await press(pilot, "escape")
        assert app.screen.query_one("#tenants").has_focus


async def test_to_all_flows_on_it_and_to_the_tunnels_of_a_flow():
    async with shown("fabric.pcapng") as (app, pilot):
        await into(app, pilot, 2)
        await press(pilot, "o")
        assert (app.current.NAME, app.scope.tunnel, app.scope.flow) == ("flows", 2, None)
        await press(pilot, "escape")
        flow = app.screen.query_one("#flows", FrameTable).cursor_key
        await press(pilot, "u")
        assert (app.current.NAME, app.scope.flow) == ("tunnels", flow)


async def test_many_packets_are_measured_in_part(monkeypatch):
    monkeypatch.setattr(tunnel_detail, "MOST_PACKETS", 100)
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await into(app, pilot, 2)
        assert "of 664 packets" in text(app)
        assert len(app.screen._sizes.packet) <= 100


async def test_packets_that_cannot_be_read_again_are_said(tmp_path):
    copy = tmp_path / "copy.pcap"
    copy.write_bytes((SAMPLES / "tcp-lab.pcap").read_bytes())
    async with shown(copy) as (app, pilot):
        copy.write_bytes(copy.read_bytes()[:100])
        await into(app, pilot, 1)
        assert app.screen.query_one("#sizes", Pane).has_class("-empty")
        assert "Tenants on it (1)" in text(app)


async def test_a_scope_without_a_tunnel():
    async with shown("fabric.pcapng") as (app, pilot):
        app.go("tunnel_detail", Scope())
        await settled(pilot)
        assert "no tunnel is selected" in text(app)
        assert app.current.selection() is None


@pytest.mark.parametrize("theme", themes.PALETTES)
async def test_another_theme_draws_in_its_colours(theme):
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await into(app, pilot, 2)
        themes.install(app, theme)
        await settled(pilot)
        styles = {d.marker_style for chart in app.screen.query(ColumnChart) for d in chart._datasets}
        assert any(style.startswith(themes.color("accent", theme)) for style in styles)


@pytest.mark.parametrize("name", ["neighbours.pcap", "fragments.pcap", "icmp-errors.pcap", "nested-vxlan.pcap"])
async def test_tunnels_of_samples_can_be_looked_at(name):
    async with shown(name) as (app, pilot):
        for tunnel in app.snapshot.tunnels.to_dict("records")[:6]:
            await into(app, pilot, tunnel["tunnel"])
            assert lines(app)[-2].startswith(f" tunnel {tunnel['tunnel']}, ")
            assert len(app.screen._sizes.packet) == tunnel["packets_fwd"] + tunnel["packets_rev"] or tunnel["fragments"]


async def test_what_can_be_copied_exported_and_saved():
    async with shown("fabric.pcapng") as (app, pilot):
        await into(app, pilot, 2)
        assert app.current.rows_to_export().title == "35 flows"
        assert "filter for this row" in [offer.title for offer in app.current.copyables()]
        await press(pilot, "tab")
        assert app.current.rows_to_export().title == "3 tenants"
        assert all(isinstance(offer.text, str) or offer.text() for offer in app.current.copyables())
        app.screen.set_focus(None)
        await settled(pilot)
        assert app.current.selection().table == "tunnels"
        assert len(app.current.packets_to_save().numbers(lambda: False)) == 349 + 315
        assert app.current.copyables()[-1].text()
