"""The mouse, given back to the terminal and taken again."""

import pytest
from textual.app import App
from textual.driver import Driver

from nvgre_inspect.tui.mouse import mouse_works, set_mouse


class Terminal(Driver):
    """As Textual's drivers of terminals are in what the switch uses."""

    def __init__(self, app, *, debug=False, mouse=True, size=None):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.written = []

    def write(self, data):
        self.written.append(data)

    def start_application_mode(self):
        pass

    def disable_input(self):
        pass

    def stop_application_mode(self):
        pass

    def _enable_mouse_support(self):
        if self._mouse:
            self.write("on")

    def _disable_mouse_support(self):
        if self._mouse:
            self.write("off")


@pytest.mark.asyncio
@pytest.mark.parametrize("begins", [True, False])
async def test_the_switch(begins):
    app = App()
    async with app.run_test():
        headless = app._driver
        app._driver = driver = Terminal(app, mouse=begins)
        try:
            assert mouse_works(app) is begins
            assert set_mouse(app, not begins) is not begins
            assert set_mouse(app, not begins) is not begins
            assert set_mouse(app, begins) is begins
        finally:
            app._driver = headless
    assert driver.written == (["off", "on"] if begins else ["on", "off"])


def test_textuals_drivers_have_what_the_switch_uses():
    linux = pytest.importorskip("textual.drivers.linux_driver", reason="the driver of Linux and macOS")
    for name in ("_enable_mouse_support", "_disable_mouse_support"):
        assert callable(getattr(linux.LinuxDriver, name))


@pytest.mark.asyncio
async def test_without_a_terminal_it_is_only_remembered():
    app = App()
    async with app.run_test():
        assert set_mouse(app, False) is False
        assert set_mouse(app, True) is True
