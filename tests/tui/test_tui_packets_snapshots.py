"""How the packets screen looks, cell by cell. Renewed by `pytest --snapshot-update`, and then looked at."""

from __future__ import annotations

import pytest

from nvgre_inspect.config import Config, parse
from nvgre_inspect.session import open_session
from nvgre_inspect.tui.app import InspectApp
from tests.tui.shown import SAMPLES, SIZES, press, settled


def looks(snap_compare, sample, keys, size, theme="dark"):
    settings = Config() if theme == "dark" else parse({"tui": {"theme": theme}})

    async def run(pilot):
        while pilot.app.loading:
            await pilot.pause(0.01)
        await settled(pilot)
        await press(pilot, "5", *keys)

    with open_session(str(SAMPLES / sample)) as session:
        return snap_compare(InspectApp(session, settings, [sample]), run_before=run, terminal_size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("sample", "keys"),
    [
        pytest.param("overlapping-tenants.pcap", ["j", "j", "space", "space"], id="list"),
        pytest.param("nested-vxlan.pcap", ["i", "i", "j", "enter", "enter", "j", "j", "j", "l", "l"], id="layers"),
        pytest.param("snaplen-headers.pcap", ["enter", "tab", "tab", "G"], id="bytes"),
    ],
)
def test_packets(snap_compare, sample, keys, size):
    assert looks(snap_compare, sample, keys, size)


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_themes(snap_compare, theme):
    keys = ["G", "k", "k", "k", "k", "k", "k", "enter", "tab", "j", "j", "j", "j"]
    assert looks(snap_compare, "vlan.pcap", keys, SIZES[0], theme)
