"""From command-line arguments to a session that has been read; what went wrong as a sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nvgre_inspect import config
from nvgre_inspect.cli import terminal
from nvgre_inspect.cli.asking import settings_of
from nvgre_inspect.cli.errors import DAMAGED, DONE, FAILED, USAGE, CommandError, nearest
from nvgre_inspect.cli.progress import ProgressLine
from nvgre_inspect.display import states
from nvgre_inspect.display.text import escape

if TYPE_CHECKING:
    from nvgre_inspect.flows.filter import Filter
    from nvgre_inspect.session import Session, SessionOptions


def configuration(arguments: argparse.Namespace) -> config.Config:
    """The user's configuration file. Raises CommandError if it cannot be used."""
    try:
        return config.load(arguments.config)
    except config.ConfigError as error:
        raise CommandError(f"nvgre-inspect: {error}", USAGE) from None


@contextmanager
def analysed(
    arguments: argparse.Namespace,
    settings: config.Config,
    *,
    again: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[Session]:
    """The session that the arguments ask for, read to its end; `again`: packets of a pipe are kept, to be read
    once more; `meanwhile` as in `open_session`. Errors of the layers below are CommandErrors, also those that come up
    while the session is used.
    """
    with opened(arguments, settings, again=again, meanwhile=meanwhile) as (session, progress):
        try:
            session.read()
        finally:
            if progress is not None:
                progress.clear()
        yield session


@contextmanager
def opened(
    arguments: argparse.Namespace,
    settings: config.Config,
    *,
    again: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[Session, ProgressLine | None]]:
    """As `analysed`, but nothing is read yet."""
    from nvgre_inspect.session import open_session

    check_files(arguments)
    asked = session_options(arguments, settings, spool=again)
    progress = ProgressLine() if terminal.is_terminal(sys.stderr) and not arguments.quiet else None
    with (
        explained(),
        open_session(arguments.files, options=asked, progress=progress, meanwhile=meanwhile) as session,
    ):
        yield session, progress


def session_options(arguments: argparse.Namespace, settings: config.Config, *, spool: bool) -> SessionOptions:
    """What the arguments and the configuration ask of the session; the arguments win."""
    from nvgre_inspect.session import SessionOptions

    options = settings.options
    return SessionOptions(
        interface=arguments.interface,
        read_filter=arguments.read_filter,
        tshark_filter=arguments.tshark_filter,
        tshark=settings_of(arguments, settings) if arguments.tshark_filter is not None else None,
        count=arguments.count,
        decode_as=[*options.decode_as, *(arguments.decode_as or [])],
        gre_key=arguments.gre_key or options.gre_key,
        idle_timeout=options.idle_timeout if arguments.idle_timeout is None else arguments.idle_timeout,
        dissectors=arguments.dissectors or [],
        names=settings.names,
        engine=arguments.engine,
        spool=spool,
    )


def conclude(session: Session, arguments: argparse.Namespace, *, damage_shown: bool = False) -> int:
    """Say what has to be said about the input, after the output; return the exit code."""
    if not arguments.quiet:
        for note in session.notes:
            say(note)
    for sentence in () if damage_shown else session.damage:
        say(sentence)
    return DAMAGED if session.damage else DONE


def no_packets(session: Session) -> str:
    """Why there is nothing: the input is empty, or nothing of it was to be counted."""
    options = session.options
    return states.no_packets(
        int(session.captures["packets"].sum()),
        read_filter=options.read_filter,
        tshark_filter=options.tshark_filter,
        interface=options.interface,
    )


def say(sentence: str) -> None:
    """Words for people, on stderr, after all that was printed before."""
    sys.stdout.flush()
    text = escape(sentence)
    limit = terminal.width(sys.stderr)
    if limit is not None and len(text) > limit:
        import textwrap

        text = textwrap.fill(text, limit, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    print(text, file=sys.stderr)


@contextmanager
def explained() -> Iterator[None]:
    """What the layers below raise for a user's mistake or a bad file, as CommandError."""
    from nvgre_inspect.capture import CaptureError
    from nvgre_inspect.session import UsageError

    try:
        yield
    except UsageError as error:
        raise CommandError(f"nvgre-inspect: {error}", USAGE) from None
    except CaptureError as error:
        raise CommandError(f"nvgre-inspect: {error}", FAILED) from None
    except ValueError as error:
        # Loaded with its grammar, 0.1 s that most runs do not need.
        from nvgre_inspect.flows.filter import FilterError

        if not isinstance(error, FilterError):
            raise
        raise CommandError(error.render(), USAGE) from None


def row_filter(text: str | None, table: str) -> Filter | None:
    """The compiled `-Y`; None without one. Errors have a caret under what is wrong."""
    if text is None:
        return None
    from nvgre_inspect.flows.filter import compile_filter

    with explained():
        return compile_filter(text, table=table)


def check_files(arguments: argparse.Namespace) -> None:
    """Before anything is read: every file is there; where one is not, perhaps a command was meant."""
    files: list[str] = arguments.files
    for name in files:
        if name != "-" and not Path(name).exists():
            meant = _command_like(name) if name == files[0] and arguments.command == "view" else ""
            raise CommandError(f"nvgre-inspect: {name}: no such file{meant}", FAILED)
    if files.count("-") > 1:
        raise CommandError("nvgre-inspect: standard input (-) can be read only once", USAGE)


def _command_like(name: str) -> str:
    from nvgre_inspect.cli.parser import build  # which imports the commands, which import this module

    if name == "help":
        return "; did you mean --help?"
    return nearest(name, build()[1]).replace("mean", "mean the command") if name.isalpha() else ""
