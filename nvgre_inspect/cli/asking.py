"""What commands that ask tshark have in common: how it is called, and its errors as sentences with an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nvgre_inspect.cli.errors import FAILED, CommandError

if TYPE_CHECKING:
    from nvgre_inspect.config import Config
    from nvgre_inspect.wireshark.settings import Settings


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
