"""`nvgre-inspect version`: what a bug report needs to say about the installation."""

from __future__ import annotations

import argparse
import platform

from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import DONE
from nvgre_inspect.display.text import escape
from nvgre_inspect.version import __version__

LIBRARIES = ("dpkt", "numpy", "numba", "pandas", "pyarrow", "lark")


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    summary = "this version, and those of what it stands on"
    parser = commands.add_parser("version", help=summary, description=summary.capitalize() + ".")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print versions."""
    print(f"nvgre-inspect {__version__}")
    print(f"Python {platform.python_version()} on {platform.platform(terse=True)}")
    print(", ".join(f"{name} {_installed(name)}" for name in LIBRARIES))
    print(_tshark())
    return DONE


def _tshark() -> str:
    from nvgre_inspect.wireshark.tshark import TsharkError, TsharkMissingError, installed

    try:
        found = installed()
    except TsharkMissingError:
        return "tshark not found: all but what asks it works (docs/wireshark.md)"
    except TsharkError as error:
        return f"tshark does not run: {escape(str(error))}"
    return f"{found.name}, {escape(found.path)}" + (": older than 3.6, which this tool is made for" * found.is_old)


def _installed(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
