"""`nvgre-inspect export FILE... -o DIR`: the per-tenant reports, one file of flows for each tenant."""

from __future__ import annotations

import argparse
from pathlib import Path

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.arguments import Parser, add_files, add_words, nonempty

DESCRIPTION = """\
Write the per-tenant reports into a directory: captures.csv, tenants.csv, tunnels.csv,
endpoints.csv, placements.csv, findings.csv, and the flows of each tenant, as nvgre-5001.csv
(none.csv: of what is outside tunnels).
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("export", help="per-tenant reports into a directory", description=DESCRIPTION)
    add_files(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", dest="output", metavar="DIR", type=_folder, required=True, help="the directory; made if needed"
    )
    group.add_argument("--force", action="store_true", help="overwrite existing files")
    add_words(parser)
    parser.set_defaults(run=run)


def _folder(text: str) -> str:
    if text == "-":
        raise argparse.ArgumentTypeError("several files are written, which standard output cannot take: name a folder")
    return nonempty(text)


def _prepare() -> None:
    """Import what writing takes, while the input is read."""
    import nvgre_inspect.reports.export  # noqa: F401
    from nvgre_inspect.session import prepare_rows

    prepare_rows()


def run(arguments: argparse.Namespace) -> int:
    """Read, write the reports, and say where they are."""
    settings = analysis.configuration(arguments)
    with analysis.analysed(arguments, settings, meanwhile=_prepare) as session:
        from nvgre_inspect.reports.export import export

        written = export(session.snapshot(), Path(arguments.output), force=arguments.force, inputs=arguments.files)
        if not arguments.quiet:
            analysis.say(f"{len(written)} files in {arguments.output}")
        return analysis.conclude(session, arguments)
