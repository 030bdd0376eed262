"""The terminal UI. Textual is imported only below this package; `run_app` and `run_live` are the ways in."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.model.snapshot import Snapshot
    from nvgre_inspect.session import Progress, Session, SessionOptions
    from nvgre_inspect.tui.app import InspectApp

    #: Makes the session, which reports its progress there.
    Opened = Callable[[Callable[[Progress], None]], Session]

#: How long the thread that reads is waited for at the end; a silent pipe may hold it for ever.
_PATIENCE_SECONDS = 1.0
#: While another thread computes in Python, drawing waits this long each time it has waited for anything; a repaint does
#: so some twenty times. The default of 5 ms makes that 0.1 s.
_SWITCH_SECONDS = 0.0005
#: Python's own thresholds, which the command line raises for processes that end soon.
_GARBAGE = (700, 10, 10)


def run_app(files: Sequence[str], options: SessionOptions, settings: Config) -> InspectApp:
    """Show captures ("-": standard input; keys come from the terminal then) until the user leaves.

    The app that is returned tells how it went (`outcome`, `return_code`); its session is closed. Raises what
    `session.open_session` does, before anything is drawn.
    """
    from nvgre_inspect.session import open_session
    from nvgre_inspect.tui.loading import first_look

    return _run(
        lambda report: open_session(files, options=options, progress=report),
        files,
        settings,
        partial(first_look, files, options),
        at_end=lambda session: None,
    )


def run_live(opened: Opened, sources: Sequence[str], settings: Config, at_end: Callable[[Session], None]) -> InspectApp:
    """As `run_app`, over a live session; `sources` are its interfaces, or what else the user named. `at_end` is called
    with the session before it is closed.
    """
    return _run(opened, sources, settings, lambda: None, at_end)


def _run(
    opened: Opened,
    sources: Sequence[str],
    settings: Config,
    first_look: Callable[[], Snapshot | None],
    at_end: Callable[[Session], None],
) -> InspectApp:
    from nvgre_inspect.tui import terminal
    from nvgre_inspect.tui.loading import Loader

    def report(progress: Progress) -> None:
        loader.report(progress)

    sys.setswitchinterval(_SWITCH_SECONDS)
    session = opened(report)
    if "-" in sources:
        terminal.take_keys()
    loader = Loader(session, first_look)
    loader.start()
    try:
        from nvgre_inspect.tui.app import InspectApp

        app = InspectApp(session, settings, sources, loader)
        # What imports made stays; looking for garbage need not look through it again. Old Snapshots are garbage.
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        app.run(mouse=settings.tui.mouse)
    finally:
        loader.cancel()
        # What hangs in a silent pipe ends with the process, and its temporary file with it.
        if loader.wait(_PATIENCE_SECONDS):
            at_end(session)
            session.close()
    return app
