"""`nvgre-inspect FILE...`: the terminal UI; where there is no terminal, the summary."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, summary
from nvgre_inspect.cli.arguments import Parser, add_files, add_time, add_words
from nvgre_inspect.cli.asking import settings_of
from nvgre_inspect.cli.errors import DAMAGED, DONE, FAILED, INTERRUPTED
from nvgre_inspect.cli.signals import ended_by_signals, leave
from nvgre_inspect.config import THEME_CHOICES

if TYPE_CHECKING:
    from nvgre_inspect.tui.app import InspectApp

DESCRIPTION = """\
Open captures in the terminal UI: tenants, tunnels, flows and packets, and the ways between them.
This is what `nvgre-inspect FILE...` does without a command. Where stdout is no terminal, or with
--plain, it prints what `nvgre-inspect summary FILE...` does.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("view", help="the terminal UI; the same without COMMAND", description=DESCRIPTION)
    add_files(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--plain", "--no-tui", action="store_true", help="print the summary, also on a terminal")
    group.add_argument(
        "--theme", choices=THEME_CHOICES, help="colours of the terminal UI (default: the configuration's)"
    )
    group.add_argument(
        "--no-mouse", action="store_true", help="leave the mouse to the terminal, which selects text with it"
    )
    add_time(group)
    add_words(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the captures; afterwards say what of them could not be read."""
    # Standard library only: the summary of a pipe has no use for Textual.
    from nvgre_inspect.tui import terminal

    if arguments.plain or not terminal.is_there(arguments.files):
        return summary.run(arguments)
    settings = analysis.configuration(arguments)
    if arguments.time:
        settings = replace(settings, options=replace(settings.options, time=arguments.time))
    mouse = settings.tui.mouse and not arguments.no_mouse
    settings = replace(settings, tui=replace(settings.tui, theme=arguments.theme or settings.tui.theme, mouse=mouse))
    if (arguments.color or settings.options.color) == "never":
        os.environ["NO_COLOR"] = "1"  # which Textual goes by
    analysis.check_files(arguments)
    with analysis.explained():
        from nvgre_inspect.tui import run_app

        options = analysis.session_options(arguments, settings, spool=True)
        try:
            with ended_by_signals(leave):
                app = run_app(arguments.files, replace(options, tshark=settings_of(arguments, settings)), settings)
        except SystemExit:
            return INTERRUPTED
        return _conclude(app, quiet=arguments.quiet)


def _conclude(app: InspectApp, *, quiet: bool) -> int:
    """What has to be said once more when the screen is gone, and the exit code."""
    if app.return_code or app.outcome is None:
        return FAILED if app.return_code else DONE
    if app.outcome.error is not None:
        raise app.outcome.error
    for sentence in () if quiet else app.outcome.notes:
        analysis.say(sentence)
    for sentence in app.outcome.damage:
        analysis.say(sentence)
    if app.outcome.cancelled:
        return INTERRUPTED
    return DAMAGED if app.outcome.damage else DONE
