"""The first line where there is no room for it: what is innermost stays."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from nvgre_inspect.tui.widgets.breadcrumb import Breadcrumb
from tests.tui.shown import lines

STEPS = ["cap.pcapng", "10.0.0.1 ↔ 10.0.0.2 (flow 3)", "192.168.50.1 ↔ 192.168.50.2"]
CUT = " Tunnel  … › 192.168.50.1 ↔ 192.168.50.2"
WHOLE = f" Tunnel  {' › '.join(STEPS)}"


class OneLine(App[None]):
    def compose(self) -> ComposeResult:
        yield Breadcrumb()


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (len(WHOLE) + 1, WHOLE),
        (len(WHOLE), f" Tunnel  … › {STEPS[1]} › {STEPS[2]}"),
        (len(CUT) + 1, CUT),
        (20, " Tunnel  … › 192.1…"),
    ],
)
async def test_outer_steps_go_first(width, expected):
    app = OneLine()
    async with app.run_test(size=(width, 3)) as pilot:
        app.query_one(Breadcrumb).say("Tunnel", STEPS)
        await pilot.pause()
        assert lines(app)[0].rstrip() == expected


async def test_texts_are_no_markup_and_none_is_no_steps():
    app = OneLine()
    async with app.run_test(size=(60, 3)) as pilot:
        crumb = app.query_one(Breadcrumb)
        crumb.say("Flow", ["[red]x[/red]"])
        await pilot.pause()
        assert lines(app)[0].rstrip() == " Flow  [red]x[/red]"
        crumb.say("Flow", [])
        await pilot.pause()
        assert lines(app)[0].rstrip() == " Flow"
