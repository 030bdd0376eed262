"""The last line: which keys it shows, and that a click presses one."""

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from nvgre_inspect.tui.widgets.key_line import KeyLine

pytestmark = pytest.mark.asyncio


class Keyed(App[None]):
    BINDINGS = [  # noqa: RUF012 - Textual's own way
        Binding("f5,f6", "first", "First", tooltip="first: what is first"),
        Binding("f7", "hidden", "Hidden", show=False),
        Binding("f8", "second", "Second"),
    ]
    works: bool | None = True

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[str] = []
        self.rung = 0

    def compose(self) -> ComposeResult:
        yield Input()
        yield KeyLine()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.works if action == "second" else True

    def action_first(self) -> None:
        self.pressed.append("first")

    def action_second(self) -> None:
        self.pressed.append("second")

    def bell(self) -> None:
        self.rung += 1


def line(app) -> str:
    return app.screen.query_one(KeyLine).render().plain


async def test_an_action_is_shown_once_and_only_if_it_wants_to_be():
    app = Keyed()
    async with app.run_test(size=(60, 10)):
        assert line(app).startswith(" f5 First  f8 Second ")
        assert "Hidden" not in line(app)


async def test_a_click_presses_the_key_under_it():
    app = Keyed()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.click(KeyLine, offset=(9, 0))
        assert app.pressed == ["first"]
        await pilot.click(KeyLine, offset=(10, 0))
        assert app.pressed == ["first", "second"]
        await pilot.click(KeyLine, offset=(59, 0))
        assert app.pressed == ["first", "second"]


async def test_what_does_not_work_now_is_dim_and_rings():
    app = Keyed()
    async with app.run_test(size=(60, 10)) as pilot:
        app.works = None
        app.refresh_bindings()
        await pilot.pause()
        shown = app.screen.query_one(KeyLine).render()
        dim = [shown.plain[span.start : span.end] for span in shown.spans if "dim" in str(span.style)]
        assert dim == [" f8 ", "Second "]
        await pilot.click(KeyLine, offset=(12, 0))
        assert (app.pressed, app.rung) == ([], 1)
        app.works = False
        app.refresh_bindings()
        await pilot.pause()
        assert "Second" not in line(app)


async def test_the_mouse_over_a_key_tells_what_it_is_for():
    app = Keyed()
    async with app.run_test(size=(60, 10)) as pilot:
        keys = app.screen.query_one(KeyLine)
        await pilot.hover(KeyLine, offset=(1, 0))
        assert (keys.hovered, keys.tooltip) == (0, "first: what is first")
        await pilot.hover(Input)
        assert keys.hovered is None


async def test_where_the_focus_is_decides():
    class Other(Input):
        BINDINGS = [Binding("f2", "here", "Only here")]  # noqa: RUF012 - Textual's own way

    class Two(Keyed):
        def compose(self) -> ComposeResult:
            yield Other()
            yield from super().compose()

    app = Two()
    async with app.run_test(size=(60, 10)) as pilot:
        assert "Only here" in line(app)
        await pilot.press("tab")
        assert "Only here" not in line(app)
