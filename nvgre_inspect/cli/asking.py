"""What commands that ask tshark have in common: options, settings, and its errors as sentences with an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nvgre_inspect.cli.errors import FAILED, CommandError

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.wireshark.settings import Settings


def add_tshark_option(group: argparse._ActionsContainer) -> None:
    """What tshark is told."""
    group.add_argument(
        "--tshark-option",
        dest="tshark_options",
        action="append",
        metavar="NAME:VALUE",
        type=_option,
        help="what tshark is told, such as tls.keylog_file:PATH; may be repeated; in the configuration file no other "
        "user of the machine sees it",
    )


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


def _option(text: str) -> str:
    from nvgre_inspect.wireshark.settings import invalid_option

    reason = invalid_option(text)
    if reason:
        # Argparse would quote the text, which may be a key.
        raise argparse.ArgumentTypeError(reason)
    return text
