"""From screen to screen: the ways between overlay and underlay, back, the scope; and what is said while reading."""

from __future__ import annotations

import threading

import pytest

from nvgre_inspect.config import Config
from nvgre_inspect.session import Progress, SessionOptions, open_session
from nvgre_inspect.tui.app import InspectApp
from nvgre_inspect.tui.loading import Loader
from nvgre_inspect.tui.messages import SnapshotTaken
from nvgre_inspect.tui.scope import Kind, Scope, Step
from tests.tui.shown import SAMPLES, SIZES, lines, press, settled, shown, text
from tests.tui.waiting import until


def said(app):
    """What the app has said for a moment, as one text."""
    return " · ".join(note.message for note in app._notifications)


SCREENS = {"1": "overview", "2": "tenants", "3": "tunnels", "4": "flows", "5": "packets", "6": "findings"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", SCREENS)
async def test_every_screen_has_its_key(key, size):
    async with shown("fabric.pcapng", size) as (app, pilot):
        await press(pilot, key)
        assert SCREENS[key] == app.screen.NAME
        assert f" {SCREENS[key].capitalize()}  fabric.pcapng" in lines(app)[0]
        assert all(len(line) == size[0] for line in lines(app))


async def test_correlate_has_its_place():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "7")
        assert app.screen.NAME == "overview"
        assert "correlate comes later" in said(app)


async def test_from_a_tenant_to_its_flows_to_their_tunnel_and_back():
    async with shown("overlapping-tenants.pcap", (160, 48)) as (app, pilot):
        await press(pilot, "2", "j", "enter")
        tenant = app.scope.tenant
        assert app.screen.NAME == "flows"
        assert set(app.screen.table.rows.data["vsid"].iloc[app.screen.table.rows.positions]) == {tenant[1]}
        await press(pilot, "j", "u")
        flow = app.scope.flow
        placed = app.snapshot.placements
        expected = placed["tunnel"][placed["flow"] == flow].dropna().unique().tolist()
        tunnels = app.screen.table
        assert [tunnels.key_at(row) for row in range(tunnels.row_count)] == expected
        assert f"VSID {tenant[1]} › " in lines(app)[0]
        await press(pilot, "o")
        assert app.screen.NAME == "flows"
        assert app.scope == Scope((Step(Kind.TUNNEL, expected[0], app.scope.steps[0].label),))
        assert app.screen.table.cursor_key == flow, "the flow that one came from is selected"
        await press(pilot, "escape")
        assert (app.screen.NAME, app.scope.flow) == ("tunnels", flow)
        await press(pilot, "escape")
        assert (app.screen.NAME, app.scope.tenant, app.scope.flow) == ("flows", tenant, None)
        assert app.screen.table.cursor_key == flow
        await press(pilot, "escape")
        assert (app.screen.NAME, app.scope) == ("tenants", Scope())
        assert app.screen.table.cursor_key == tenant


async def test_back_comes_back_to_filter_cursor_and_marks():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4")
        app.screen.apply_filter("protocol == udp")
        await settled(pilot)
        await press(pilot, "j", "space", "j", "l")
        table = app.screen.table
        before = (app.screen.filter_text, table.view(), table.row_count)
        assert len(before[1].marked) == 1
        await press(pilot, "u")
        await press(pilot, "4")
        assert (app.screen.filter_text, table.marked) == ("", frozenset()), "another place has none of it"
        await press(pilot, "escape", "escape")
        assert (app.screen.filter_text, table.view(), table.row_count) == before


async def test_the_key_of_the_screen_once_more_is_the_whole_capture():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "2", "enter")
        assert app.scope.tenant is not None
        await press(pilot, "3")
        assert app.scope.tenant is not None, "other screens show the same scope"
        await press(pilot, "3")
        assert app.scope == Scope()
        assert app.screen.table.row_count == len(app.snapshot.tunnels)


async def test_back_at_the_beginning_says_so_and_q_leaves():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "escape")
        assert "this is where you began" in said(app)
        await press(pilot, "2")
        await press(pilot, "q")
        assert app.screen.NAME == "overview", "first back"
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_underlay_of_a_tenant_and_overlay_of_a_tunnel():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "2", "u")
        tenant = app.scope.tenant
        assert app.screen.NAME == "tunnels"
        tunnel = app.screen.table.cursor_key
        await press(pilot, "o")
        assert app.scope.tunnel == tunnel
        assert app.scope.tenant is None, "all tenants on it"
        vsids = {vsid for _, vsid in [tenant]}
        shown_rows = app.screen.table.rows
        assert vsids <= set(shown_rows.data["vsid"].iloc[shown_rows.positions].dropna())


async def test_details_are_opened():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "3", "enter")
        assert app.screen.NAME == "tunnel_detail"
        await press(pilot, "escape", "4", "enter")
        assert app.screen.NAME == "flow_detail"
        flows = app.snapshot.flows
        assert app.scope.flow == flows["flow"][(flows["bytes_fwd"] + flows["bytes_rev"]).idxmax()]


async def test_the_heaviest_flows_stand_first():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4")
        table, flows = app.screen.table, app.snapshot.flows.set_index("flow")
        totals = flows["bytes_fwd"] + flows["bytes_rev"]
        shown_totals = [totals[table.key_at(row)] for row in range(table.row_count)]
        assert shown_totals == sorted(totals, reverse=True)
        assert "bytes ▼" in text(app)
        assert "1 of 112 flows · by bytes" in lines(app)[-2]
        await press(pilot, "z")
        assert totals[table.key_at(0)] == totals.min()


async def test_a_cursor_that_nobody_moved_stays_at_the_top():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "z")
        assert app.screen.table.cursor_row == 0
        await press(pilot, "j", "k")
        first = app.screen.table.cursor_key
        await press(pilot, "z")
        assert app.screen.table.cursor_key == first
        assert app.screen.table.cursor_row > 0


async def test_what_is_copied_of_a_sum_is_the_sum():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4")
        table = app.screen.table
        table.put_cursor(list(table.shown).index("bytes"))
        fwd, rev = table.rows.value(0, "bytes_fwd"), table.rows.value(0, "bytes_rev")
        value, test = app.screen.copyables()[:2]
        assert (value.title, value.text) == ("value", str(fwd + rev))
        assert test.text == f"bytes_fwd == {fwd} && bytes_rev == {rev}"


async def test_a_finding_opens_its_first_packet_and_goes_to_its_tunnel():
    async with shown("fabric.pcapng") as (app, pilot):
        first = app.snapshot.findings["frames"].iloc[0][0]
        await press(pilot, "6", "enter")
        assert (app.screen.NAME, app.scope.packet) == ("packets", first)
        await press(pilot, "6", "6", "u")
        assert app.screen.NAME == "tunnels"
        assert app.scope.tunnel == app.snapshot.findings["tunnel"].iloc[0]


async def test_filter_on_a_cell_narrows_and_escape_clears():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "l", "=")
        assert app.screen.filter_text == "encap == nvgre && vsid == 5002"
        assert app.screen.table.row_count == 29
        await press(pilot, "l", "=")
        assert app.screen.filter_text == "encap == nvgre && vsid == 5002 && protocol == tcp"
        assert "29" not in lines(app)[-2].split("·")[0]
        await press(pilot, "escape")
        assert (app.screen.filter_text, app.screen.table.row_count) == ("", 112)


async def test_a_filter_is_typed_and_counted():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "/", *"tcp")
        assert "✓ 38 of 112" in text(app)
        assert app.screen.table.row_count == 112, "nothing is narrowed yet"
        await press(pilot, "enter")
        assert app.screen.table.row_count == 38
        assert app.screen.table.has_focus
        assert "1 of 38 flows · 112 without the filter" in lines(app)[-2]


async def test_a_filter_that_matches_nothing_says_so():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4")
        app.screen.apply_filter("vsid == 4")
        await settled(pilot)
        assert "the filter matches 0 of 112 flows; Esc clears it" in text(app)
        await press(pilot, "j", "enter", "u", "space", "=")
        assert app.screen.NAME == "flows", "there is no row to go on from"
        await press(pilot, "escape")
        assert app.screen.table.row_count == 112


async def test_rows_are_sorted_and_the_heading_says_so():
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await press(pilot, "4")
        app.screen.table.sort_by("bytes_fwd")
        await settled(pilot)
        rows = app.screen.table.rows
        assert rows.data["bytes_fwd"].iloc[rows.positions].is_monotonic_decreasing
        assert "bytes → ▼" in lines(app)[1]
        assert "by bytes →" in lines(app)[-2]
        await press(pilot, "z")
        rows = app.screen.table.rows
        assert rows.data["bytes_fwd"].iloc[rows.positions].is_monotonic_increasing
        await pilot.click(offset=(lines(app)[1].index("tenant"), 1))
        await settled(pilot)
        assert app.screen.table.sorting.column == "tenant"


async def test_columns_are_chosen():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "c")
        assert "Space chooses" in text(app)
        await press(pilot, "space", "j", "j", "space", "enter")
        assert app.screen.table.shown[:2] == ("tenant", "encap")
        await press(pilot, "c", "space", "escape")
        assert "flow" not in app.screen.table.shown, "Esc changes nothing"


async def test_text_is_searched():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "n")
        assert "nothing was searched for yet" in said(app)
        await press(pilot, "ctrl+f", *"icmpv6", "enter")
        table = app.screen.table
        hits = [row for row in range(table.row_count) if table.rows.value(row, "protocol") == "icmpv6"]
        assert len(hits) > 2
        assert app.screen.table.cursor_row == hits[0]
        await press(pilot, "n")
        assert app.screen.table.cursor_row == hits[1]
        await press(pilot, "N", "N")
        assert app.screen.table.cursor_row == hits[-1]
        await press(pilot, "ctrl+f", *"xyz", "enter")
        assert "xyz is not in these rows" in said(app)


async def test_times_change_their_form():
    async with shown("fabric.pcapng", (160, 48)) as (app, pilot):
        await press(pilot, "4")
        forms = set()
        for _ in range(5):
            column = app.screen.table.presented["first_seen"]
            forms.add(column.heading)
            await press(pilot, "T")
        assert forms == {"first seen", "first seen (delta)", "first seen (epoch)", "first seen (UTC)"}
        assert app.time_style == "u"


async def test_follow_stays_at_the_newest_row():
    async with shown("fabric.pcapng") as (app, pilot):
        await press(pilot, "4", "f")
        assert "newest row" in said(app)
        app.screen.find_rows()
        await settled(pilot)
        assert app.screen.table.cursor_key == 112
        assert app.screen.table.cursor_row not in (0, 111), "wherever the order has it"


# --- states -----------------------------------------------------------------------------------------------------------


async def test_no_packets():
    async with shown("fabric.pcapng", options=SessionOptions(read_filter="sctp")) as (app, pilot):
        for key in "234":
            await press(pilot, key)
            assert "none of 2,299 packets matches -R" in text(app)


async def test_an_empty_capture(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes((SAMPLES / "truncated.pcap").read_bytes()[:24])
    async with shown(path) as (app, pilot):
        await press(pilot, "4")
        assert "no packets" in text(app)


async def test_no_tunnels_here(tmp_path):
    async with shown("fabric.pcapng", options=SessionOptions(read_filter="arp && !gre")) as (app, pilot):
        await press(pilot, "3")
        assert "no tunnels here; seen: arp 100 %" in text(app)


async def test_damage_is_said_on_every_screen():
    async with shown("truncated.pcap") as (app, pilot):
        for key in "1246":
            await press(pilot, key)
            assert "truncated.pcap ends early, at byte 30988" in text(app)


async def test_what_cannot_be_used_is_said():
    async with shown("fabric.pcapng", options=SessionOptions(interface="nix")) as (app, pilot):
        await press(pilot, "4")
        assert "no interface 'nix' in the capture" in " ".join(text(app).split())


async def test_several_files_are_one_capture():
    names = [SAMPLES / "overlapping-tenants.pcap", SAMPLES / "tcp-lab.pcap"]
    with open_session(names) as session:
        app = InspectApp(session, Config(), [str(name) for name in names])
        async with app.run_test() as pilot:
            await until(pilot, lambda: not app.loading)
            await press(pilot, "4")
            assert "overlapping-tenants.pcap and 1 more" in lines(app)[0]
            assert app.screen.table.row_count == len(session.flows)


# --- while reading ----------------------------------------------------------------------------------------------------


class Held(Loader):
    """A loader that reads on when the test says so."""

    def __init__(self, session):
        super().__init__(session)
        self.go = threading.Event()

    def _read(self):
        super()._read()
        self.report(Progress(420, 1000, 2000, 1.0))
        self._say(self._take())
        assert self.go.wait(20)


@pytest.fixture
def held():
    with open_session([SAMPLES / "fabric.pcapng"]) as session:
        loader = Held(session)
        yield InspectApp(session, Config(), [str(SAMPLES / "fabric.pcapng")], loader), loader
        loader.go.set()
        assert loader.wait(20)


async def first_rows(app, pilot):
    await until(pilot, lambda: app.snapshot is not None and app.progress is not None and app.progress.packets == 2000)
    await settled(pilot)


async def test_rows_are_shown_while_it_is_read(held):
    app, loader = held
    async with app.run_test(size=(160, 48)) as pilot:
        await first_rows(app, pilot)
        await press(pilot, "4")
        assert app.loading
        assert app.screen.table.row_count == 112
        assert "reading   42 %  420 B of 1.00 kB  2,000 packets/s  1 s left" in lines(app)[0]
        app.screen.apply_filter("vsid == 4")
        await settled(pilot)
        assert "Esc clears it so far" in text(app)
        await press(pilot, "escape")
        loader.go.set()
        await until(pilot, lambda: not app.loading)
        await settled(pilot)
        assert "reading" not in lines(app)[0]


async def test_paused_nothing_new_is_shown(held):
    app, loader = held
    async with app.run_test(size=(160, 48)) as pilot:
        await first_rows(app, pilot)
        shown_then = app.snapshot
        await press(pilot, "p")
        assert "paused" in lines(app)[0]
        # One that was under way.
        app.post_message(SnapshotTaken(object()))
        await settled(pilot)
        loader.go.set()
        await until(pilot, lambda: not app.loading)
        assert app.snapshot is shown_then
        await press(pilot, "p")
        assert "paused" not in lines(app)[0]
        assert app.snapshot is app.outcome.snapshot
        await press(pilot, "p")
        assert "all was read" in said(app)


async def test_reading_is_cancelled(held):
    app, loader = held
    async with app.run_test(size=(160, 48)) as pilot:
        await first_rows(app, pilot)
        await press(pilot, "ctrl+c")
        loader.go.set()
        await until(pilot, lambda: not app.loading)
        await settled(pilot)
        assert "reading was cancelled: this is a part" in text(app)
        assert app.snapshot.state.frames > 0
        await press(pilot, "ctrl+c")
        assert "nothing is being read" in said(app)


async def test_leaving_while_it_is_read(held):
    app, loader = held
    async with app.run_test() as pilot:
        await first_rows(app, pilot)
        await pilot.press("ctrl+q")
    loader.go.set()
    assert loader.wait(20)
    assert app.outcome is None, "nobody heard of the end"


async def test_old_snapshots_are_let_go(held):
    import gc
    import weakref

    app, loader = held
    async with app.run_test(size=(160, 48)) as pilot:
        await first_rows(app, pilot)
        await press(pilot, "2", "3", "4")
        old = weakref.ref(app.snapshot)
        loader._session._snapshot = None
        loader.go.set()
        await until(pilot, lambda: not app.loading)
        await press(pilot, "2", "3", "4", "1")

        def is_gone() -> bool:
            gc.collect()
            return old() is None

        # A thread whose answer is not wanted any more may still be at work on it.
        await until(pilot, is_gone)


def test_the_first_part_of_the_breadcrumb():
    from nvgre_inspect.tui.app import _source_name

    assert _source_name(["a/b/cap.pcapng"]) == "cap.pcapng"
    assert _source_name(["-"]) == "standard input"
    assert _source_name(["x.pcap", "y.pcap", "z.pcap"]) == "x.pcap and 2 more"
    assert _source_name(["evil\x1b[31m.pcap"]) == r"evil\x1b[31m.pcap"
