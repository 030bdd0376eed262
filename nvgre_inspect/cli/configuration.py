"""`nvgre-inspect config`: the commented template of the configuration file, and where the file belongs."""

from __future__ import annotations

import argparse

from nvgre_inspect import config
from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import DONE

DESCRIPTION = """\
Print a commented template of the configuration file: names for virtual networks and hosts, and
default options.

  mkdir -p "$(dirname "$(nvgre-inspect config --path)")"
  nvgre-inspect config > "$(nvgre-inspect config --path)"
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "config", help="print a template of the configuration file, or its path", description=DESCRIPTION
    )
    parser.add_argument("--path", action="store_true", help="print where the file is looked for")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the template or the path."""
    print(config.default_path() if arguments.path else config.template(), end="\n" if arguments.path else "")
    return DONE
