"""Flow detail: both directions, health, placements, sequence plot and ladder, keys, and where it leads."""

from __future__ import annotations

import pytest

from nvgre_inspect.tui import theme as themes
from nvgre_inspect.tui.scope import Kind, Scope, Step
from nvgre_inspect.tui.screens import flow_detail
from nvgre_inspect.tui.screens.help import working_here
from nvgre_inspect.tui.widgets.ladder import Ladder, arrow
from nvgre_inspect.tui.widgets.pane import Pane
from nvgre_inspect.tui.widgets.sequence_plot import SequencePlot
from tests.tui.shown import SAMPLES, SIZES, lines, press, settled, shown, text


def flow_to(app, port):
    flows = app.snapshot.flows
    return int(flows.loc[flows["dst_port"] == port, "flow"].iloc[0])


async def into(app, pilot, flow):
    """Go to the flow of that number."""
    app.go("flow_detail", Scope((Step(Kind.FLOW, flow, f"flow {flow}"),)))
    await settled(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_both_directions_health_placements_and_sequence(size):
    async with shown("tcp-lab.pcap", size) as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        seen = text(app)
        assert "10.0.0.2:6002" in seen
        assert "▲ 1 retransmission from the" in seen
        assert "✓ closed by both sides" in seen
        assert "Placements (2)" in seen
        assert "Sequence → ←  x retransmission (1)" in seen
        assert "Ladder (19)" in seen
        assert next(line for line in lines(app) if "retransmissions " in line).split()[1:3] == ["1", "0"]
        assert "flow 2 · nvgre 5001 · tcp · closed · 4.23 ms · round trip 1.04 ms" in lines(app)[-2]


async def test_the_plot_has_a_mark_where_the_retransmission_is():
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        plot = app.screen.query_one(SequencePlot)
        (marked,) = [dataset for dataset in plot._datasets if getattr(dataset, "marker", "") == "x"]
        assert marked.x.tolist() == pytest.approx([0.00218])
        assert marked.y.tolist() == [2813]  # the end of the segment from 1407 on


async def test_the_ladder_has_the_flow_in_words():
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        await press(pilot, "tab")
        seen = lines(app)
        syn = next(row for row, line in enumerate(seen) if "[SYN]" in line)
        assert seen[syn].split("│")[0].split() == ["0.000000"]
        assert seen[syn].rstrip().endswith("▶│")
        assert "│◀" in seen[syn + 1]
        assert "[SYN, ACK] Seq=0 Ack=1" in seen[syn + 1]
        await press(pilot, "G")
        assert any("retransmission" in line for line in lines(app))


async def test_at_80_columns_the_one_that_is_looked_at_has_the_room():
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, 1)
        plot, ladder = app.screen.query_one("#plot-pane"), app.screen.query_one("#ladder-pane")
        assert (plot.size.height > 5, ladder.size.height) == (True, 1)
        await press(pilot, "tab")
        assert app.screen.query_one(Ladder).has_focus
        assert (plot.size.height, ladder.size.height > 5) == (1, True)
        await press(pilot, "tab", "tab")
        assert app.screen.query_one(SequencePlot).has_focus
        assert ladder.size.height == 1


async def test_the_cursor_of_the_ladder_and_enter_to_the_packet():
    async with shown("tcp-lab.pcap") as (app, pilot):
        flow = flow_to(app, 6002)
        await into(app, pilot, flow)
        await press(pilot, "tab")
        ladder = app.screen.query_one(Ladder)
        numbers = (app.snapshot.state.frame_flow == flow - 1).nonzero()[0] + 1
        assert ladder.cursor_number == numbers[0]
        await press(pilot, "j", "j", "k")
        assert ladder.cursor_number == numbers[1]
        await press(pilot, "G")
        assert ladder.cursor_number == numbers[-1]
        await press(pilot, "j")
        assert ladder.cursor_number == numbers[-1]
        await press(pilot, "g", "g")
        assert ladder.cursor_number == numbers[0]
        await press(pilot, "ctrl+d")
        below = ladder.cursor_number
        assert below > numbers[0]
        assert app.current.selection().keys == (below,)
        await press(pilot, "enter")
        assert (app.current.NAME, app.scope.packet, app.scope.flow) == ("packets", below, flow)
        await press(pilot, "escape", "escape")  # out of the packet, then back
        assert app.current.NAME == "flow_detail"
        assert ladder.has_focus
        assert ladder.cursor_number == below


async def test_a_click_puts_the_cursor_there():
    async with shown("tcp-lab.pcap", (160, 48)) as (app, pilot):
        await into(app, pilot, 1)
        ladder = app.screen.query_one(Ladder)
        first = ladder.cursor_number
        await pilot.click(ladder, offset=(30, 3))
        await settled(pilot)
        assert ladder.cursor_number > first


async def test_to_the_tunnels_and_back_and_to_one_tunnel():
    async with shown("fabric.pcapng") as (app, pilot):
        flow = int(app.snapshot.flows.sort_values("tunnels")["flow"].iloc[-1])
        await into(app, pilot, flow)
        await press(pilot, "u")
        assert (app.current.NAME, app.scope.flow) == ("tunnels", flow)
        await press(pilot, "escape", "shift+tab", "enter")
        assert app.current.NAME == "tunnel_detail"
        assert (app.scope.flow, app.scope.tunnel is not None) == (flow, True)
        await press(pilot, "escape")
        assert app.screen.query_one("#placements").has_focus
        await press(pilot, "o")
        assert (app.current.NAME, app.scope.tunnel is not None) == ("flows", True)


async def test_a_flow_outside_tunnels_says_so():
    async with shown("fabric.pcapng") as (app, pilot):
        flows = app.snapshot.flows
        flow = int(flows.loc[flows["encap"] == "none", "flow"].iloc[0])
        await into(app, pilot, flow)
        assert "outside any tunnel" in text(app)
        await press(pilot, "u")
        assert app.current.NAME == "flow_detail"


async def test_what_is_not_tcp_is_shown_by_bytes():
    async with shown("fabric.pcapng") as (app, pilot):
        flows = app.snapshot.flows
        flow = int(flows.loc[flows["protocol"] == "icmp", "flow"].iloc[0])
        await into(app, pilot, flow)
        assert "Bytes sent" in text(app)
        assert "retransmissions" not in text(app)


@pytest.mark.parametrize(("closer_key", "all_key"), [("ctrl+u", "home"), ("plus", "0")])
async def test_looking_closer_and_at_all_again(closer_key, all_key):
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        plot = app.screen.query_one(SequencePlot)
        whole = (plot._x_min, plot._x_max, plot._y_min, plot._y_max)
        await press(pilot, closer_key)
        closer = (plot._x_min, plot._x_max)
        assert whole[0] < closer[0] < closer[1] < whole[1]
        await press(pilot, "l")
        assert plot._x_min > closer[0]
        await press(pilot, all_key)
        assert (plot._x_min, plot._x_max, plot._y_min, plot._y_max) == whole


async def test_further_away_undoes_closer_and_the_help_names_the_keys():
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        plot = app.screen.query_one(SequencePlot)
        await press(pilot, "plus", "plus")
        closest = plot._x_max - plot._x_min
        await press(pilot, "underscore")
        assert plot._x_max - plot._x_min > closest
        assert {"zoom_in", "zoom_out", "zoom_all"} <= working_here(app.screen)


async def test_a_long_flow_is_thinned_in_the_plot_and_cut_in_the_ladder(monkeypatch):
    monkeypatch.setattr(flow_detail, "MOST_PACKETS", 10)
    async with shown("tcp-lab.pcap", (160, 48)) as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        assert "Sequence (10 of 19 packets)" in text(app)
        assert "Ladder (the first 10 of 19 packets)" in text(app)
        packets = app.screen._read
        assert packets.overall.number[-1] == packets.first.number[0] + 18
        assert not packets.overall.mark.any()


async def test_packets_that_cannot_be_read_again_are_said(monkeypatch, tmp_path):
    copy = tmp_path / "copy.pcap"
    copy.write_bytes((SAMPLES / "tcp-lab.pcap").read_bytes())
    async with shown(copy) as (app, pilot):
        copy.write_bytes(copy.read_bytes()[:100])
        await into(app, pilot, 1)
        reason = app.screen.query_one("#plot-pane", Pane)
        assert reason.has_class("-empty")
        assert "✓ closed by both sides" in text(app)


async def test_a_scope_without_a_flow():
    async with shown("tcp-lab.pcap") as (app, pilot):
        app.go("flow_detail", Scope())
        await settled(pilot)
        assert "no flow is selected" in text(app)
        assert app.current.selection() is None
        await press(pilot, "u")
        assert app.current.NAME == "flow_detail"


@pytest.mark.parametrize("theme", themes.PALETTES)
async def test_another_theme_draws_in_its_colours(theme):
    async with shown("tcp-lab.pcap", (160, 48)) as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        themes.install(app, theme)
        await settled(pilot)
        plot = app.screen.query_one(SequencePlot)
        assert plot._datasets[0].line_style == themes.color("accent", theme)


@pytest.mark.parametrize("name", ["neighbours.pcap", "asymmetric-vsid.pcap", "fragments.pcap", "icmp-errors.pcap"])
async def test_flows_of_samples_can_be_looked_at(name):
    async with shown(name) as (app, pilot):
        for flow in app.snapshot.flows["flow"].tolist()[:6]:
            await into(app, pilot, flow)
            assert f"flow {flow} · " in lines(app)[-2]
            assert app.screen._read.total == int((app.snapshot.state.frame_flow == flow - 1).sum())


@pytest.mark.parametrize("width", [6, 12, 20, 45])
@pytest.mark.parametrize("direction", [0, 1])
def test_arrows_are_as_wide_as_their_lane(width, direction):
    drawn = arrow("[SYN] Seq=0 Len=0", direction, width)
    assert len(drawn) == width
    assert drawn[0] == drawn[-1] == "│"
    assert drawn[-2 if direction == 0 else 1] == "▶◀"[direction]


async def test_what_can_be_copied_and_saved():
    async with shown("tcp-lab.pcap") as (app, pilot):
        flow = flow_to(app, 6002)
        await into(app, pilot, flow)
        assert [offer.title for offer in app.current.copyables()] == [
            *("filter for this row", "this row as CSV", "this row as JSON"),
        ]
        assert len(app.current.packets_to_save().numbers(lambda: False)) == 19
        await press(pilot, "tab")
        assert app.current.copyables()[0].title.endswith("as a hex dump")
        assert app.current.packets_to_save().numbers(lambda: False).tolist() == [
            app.screen.query_one(Ladder).cursor_number
        ]
        assert app.current.copyables()[1].text()
        await press(pilot, "tab")
        assert app.current.rows_to_export().title == "2 placements"


async def test_counters_that_say_nothing_are_left_out_where_there_is_no_room():
    async with shown("tcp-lab.pcap") as (app, pilot):
        await into(app, pilot, flow_to(app, 6002))
        assert "retransmissions" in text(app)
        assert "zero windows" not in text(app)
        assert "all others" in text(app)
        await pilot.resize_terminal(160, 48)
        await settled(pilot)
        assert "zero windows" in text(app)
        assert "all others" not in text(app)
