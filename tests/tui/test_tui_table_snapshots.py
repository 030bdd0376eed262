"""How the tables look, cell by cell. Renewed by `pytest --snapshot-update`, and then looked at."""

from __future__ import annotations

from contextlib import chdir

import pytest

from nvgre_inspect.config import parse
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.tui.app import InspectApp
from tests.tui.shown import SAMPLES, SIZES, press, settled
from tests.tui.waiting import until

NAMES = {"vsid": {"5001": "blue", "nvgre:5002": "red"}, "pa": {"192.168.50.11": "host-a"}}


def looks(snap_compare, sample, keys, size, theme="dark", options=None):
    settings = parse({"names": NAMES, "tui": {"theme": theme}})

    async def run(pilot):
        await until(pilot, lambda: not pilot.app.loading)
        await settled(pilot)
        await press(pilot, *keys)

    # Sentences name the file as it was given: no path of this machine.
    with chdir(SAMPLES), open_session(sample, options=options) as session:
        return snap_compare(InspectApp(session, settings, [sample]), run_before=run, terminal_size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(["2", "j"], id="tenants"),
        pytest.param(["3", "j", "l", "l"], id="tunnels"),
        pytest.param(["4", "j", "space", "l", "l", "l", "l", "l", "z"], id="flows"),
        pytest.param(["6"], id="findings"),
        pytest.param(["4", "c", "j", "space"], id="columns"),
    ],
)
def test_tables(snap_compare, keys, size):
    assert looks(snap_compare, "fabric.pcapng", keys, size)


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_themes(snap_compare, theme):
    assert looks(snap_compare, "fabric.pcapng", ["4", "j", "space", "l", "="], (80, 24), theme)


def test_a_tenant_to_its_flows_to_their_tunnel(snap_compare):
    assert looks(snap_compare, "overlapping-tenants.pcap", ["2", "enter", "j", "u"], (80, 24))


def test_damage(snap_compare):
    assert looks(snap_compare, "truncated.pcap", ["4"], (80, 24))


def test_nothing_matches(snap_compare):
    options = SessionOptions(read_filter="sctp")
    assert looks(snap_compare, "fabric.pcapng", ["4"], (80, 24), options=options)
