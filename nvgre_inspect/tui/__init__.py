"""The terminal UI. Textual is imported only below this package; `run_app` is the way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.session import Progress, SessionOptions
    from nvgre_inspect.tui.app import InspectApp

#: How long the thread that reads is waited for at the end; a silent pipe may hold it for ever.
_PATIENCE_SECONDS = 2.0


def run_app(files: Sequence[str], options: SessionOptions, settings: Config) -> InspectApp:
    """Show captures ("-": standard input; keys come from the terminal then) until the user leaves.

    The app that is returned tells how it went (`outcome`, `return_code`); its session is closed. Raises what
    `session.open_session` does, before anything is drawn.
    """
    from nvgre_inspect.session import open_session
    from nvgre_inspect.tui import terminal
    from nvgre_inspect.tui.app import InspectApp

    def tell(progress: Progress) -> None:
        app.loader.tell(progress)

    with open_session(files, options=options, progress=tell) as session:
        if "-" in files:
            terminal.take_keys()
        app = InspectApp(session, settings, files)
        app.run(mouse=settings.tui.mouse)
        app.loader.cancel()
        app.loader.wait(_PATIENCE_SECONDS)
    return app
