"""The terminal UI. Textual is imported only below this package; `run_app` is the way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.session import Progress, SessionOptions
    from nvgre_inspect.tui.app import InspectApp


def run_app(files: Sequence[str], options: SessionOptions, settings: Config) -> InspectApp:
    """Show captures until the user leaves; the app, whose session is closed then, tells how it went.

    Raises what `session.open_session` does, before anything is drawn.
    """
    from nvgre_inspect.session import open_session
    from nvgre_inspect.tui.app import InspectApp

    def tell(progress: Progress) -> None:
        app.loader.tell(progress)

    with open_session(files, options=options, progress=tell) as session:
        app = InspectApp(session, settings, files)
        app.run()
        app.loader.cancel()
        app.loader.wait(2.0)
    return app
