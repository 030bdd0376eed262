"""The mouse, taken from the terminal or given back to it while the app runs.

Textual decides once, when its driver starts, and has no public way to change that later; this is the one place that
reaches into the driver.
"""

from __future__ import annotations

from typing import Any

from textual.app import App


def mouse_works(app: App[Any]) -> bool:
    """Whether the app gets what the mouse does."""
    return bool(getattr(app._driver, "_mouse", False))


def set_mouse(app: App[Any], on: bool) -> bool:
    """Take the mouse or give it back, so that the terminal selects text with it; whether it now works in the app.

    Drivers without a terminal only remember it.
    """
    driver: Any = app._driver
    if driver is not None and on != mouse_works(app):
        switch = getattr(driver, "_enable_mouse_support" if on else "_disable_mouse_support", None)
        driver._mouse = True  # while it is False, the driver's methods do nothing
        if switch is not None:
            switch()
            driver.flush()
        driver._mouse = on
    return mouse_works(app)
