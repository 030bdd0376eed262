"""What commands that ask tshark have in common: how it is called, and its errors as sentences with an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nvgre_inspect.cli.errors import DONE, FAILED, CommandError
from nvgre_inspect.display.text import escape

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.wireshark.settings import Settings


def add_print_tshark(group: argparse._ActionsContainer) -> None:
    """The way from a view to the same in tshark."""
    group.add_argument(
        "--print-tshark",
        action="store_true",
        help="print the command line that shows the same with tshark, and no more",
    )


def print_tshark(
    arguments: argparse.Namespace,
    settings: Config,
    *,
    packet: int | None = None,
    flow: int | None = None,
    protocol: str = "tcp",
) -> int:
    """What `--print-tshark` prints for this command: a line for a shell; what to know of it goes to stderr."""
    from nvgre_inspect.wireshark.command_line import View, command_line

    line = command_line(
        View(
            name=arguments.command,
            files=arguments.files,
            read_filter=arguments.read_filter,
            row_filter=getattr(arguments, "row_filter", None),
            tshark_filter=arguments.tshark_filter,
            interface=arguments.interface,
            count=arguments.count,
            decode_as=[*settings.options.decode_as, *(arguments.decode_as or ())],
            gre_key=arguments.gre_key,
            time=getattr(arguments, "time", None),
            packet=packet,
            flow=flow,
            protocol=protocol,
        )
    )
    print(line.text)
    for note in () if arguments.quiet else line.notes:
        print(escape(note), file=sys.stderr)
    return DONE


def settings_of(arguments: argparse.Namespace, settings: Config) -> Settings:
    """How tshark is to be called, by the configuration and the arguments."""
    from nvgre_inspect.wireshark.settings import Settings

    return Settings(
        path=settings.tshark.path,
        options=(*settings.tshark.options, *(arguments.tshark_options or ())),
        decode_as=(*settings.options.decode_as, *(arguments.decode_as or ())),
    )


@contextmanager
def tshark_explained() -> Iterator[None]:
    """What tshark could not do, as CommandError."""
    from nvgre_inspect.wireshark.tshark import TsharkError

    try:
        yield
    except TsharkError as error:
        raise CommandError(f"nvgre-inspect: {error}", FAILED) from None
