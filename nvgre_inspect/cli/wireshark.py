"""`nvgre-inspect wireshark install|uninstall|open|path`: NVGRE's fields, columns and colours in Wireshark itself, and a
Wireshark window on chosen packets.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis, wireshark_open
from nvgre_inspect.cli.arguments import Parser, add_words, nonempty
from nvgre_inspect.cli.errors import DONE, FAILED, CommandError
from nvgre_inspect.display.text import escape

if TYPE_CHECKING:
    from nvgre_inspect.wireshark.profile import Action, Folders

DESCRIPTION = """\
Teach Wireshark NVGRE: a Lua dissector that gives it and tshark the fields nvgre.vsid, nvgre.flowid
and nvgre.tunnel and says where a rule of RFC 7637 is not kept, and a profile "nvgre" with columns
and a colour for each tenant (Edit > Configuration Profiles, or: wireshark -C nvgre).

  nvgre-inspect wireshark install
  tshark -r uplink.pcapng -Y 'nvgre.vsid == 5001'

Without installing anything:
  tshark -X lua_script:"$(nvgre-inspect wireshark path)" -r uplink.pcapng -Y 'nvgre.vsid == 5001'
"""
INSTALL = """\
Put the Lua dissector and the profile into your Wireshark folders. A file that is there already and
is not of this tool stays; then nothing is installed, unless --force replaces it.
"""
UNINSTALL = """\
Remove what install has put there. A file that you have changed since stays, unless --force.
"""
PATH = """\
Print where the Lua dissector of this installation is, for -X lua_script:PATH.
"""
_DONE = {
    "write": "written",
    "replace": "replaced",
    "keep": "there already",
    "remove": "removed",
    "leave": "left, since it was changed (--force removes it)",
}
_WOULD = {
    "write": "would be written",
    "replace": "would be replaced",
    "keep": "there already",
    "remove": "would be removed",
    "leave": "would be left, since it was changed (--force removes it)",
}


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command and its actions to the parser."""
    parser = commands.add_parser(
        "wireshark", help="NVGRE's fields, columns and colours in Wireshark", description=DESCRIPTION
    )
    actions: argparse._SubParsersAction[Parser] = parser.add_subparsers(
        dest="action",
        metavar="ACTION",
        title="actions",
        prog="nvgre-inspect wireshark",
        parser_class=Parser,
        required=True,
    )
    for name, summary, text in (
        ("install", "put the dissector and the profile into your Wireshark folders", INSTALL),
        ("uninstall", "remove what install has put there", UNINSTALL),
    ):
        action = actions.add_parser(name, help=summary, description=text)
        action.add_argument(
            "--folder",
            metavar="DIR",
            type=nonempty,
            help="Wireshark's configuration folder, if not that of this user (the script goes into its plugins)",
        )
        action.add_argument("--force", action="store_true", help="also files that are not as this tool writes them")
        action.add_argument("--dry-run", action="store_true", help="only say what would be done")
        add_words(action)
        action.set_defaults(run=_change)
    wireshark_open.add_action(actions)
    path = actions.add_parser("path", help="print where the Lua dissector is", description=PATH)
    path.set_defaults(run=_path)


def _change(arguments: argparse.Namespace) -> int:
    from nvgre_inspect.wireshark import profile

    words = _WOULD if arguments.dry_run else _DONE

    def report(action: Action) -> None:
        print(f"{words[action.verb]}: {escape(str(action.path))}")

    change = profile.install if arguments.action == "install" else profile.uninstall
    to = _folders(arguments)
    try:
        change(to, force=arguments.force, dry_run=arguments.dry_run, report=report)
    except profile.InstallError as error:
        raise CommandError(f"nvgre-inspect wireshark {arguments.action}: {error}", FAILED) from None
    if arguments.action == "install" and not arguments.dry_run and not arguments.quiet:
        analysis.say(f'restart Wireshark, and choose the profile "{profile.NAME}" (Edit > Configuration Profiles)')
        if arguments.folder is not None and sys.platform != "win32":
            script = to.plugins / profile.SCRIPT
            analysis.say(
                f"here Wireshark loads Lua scripts of its users from ~/.local/lib/wireshark/plugins: start it with -X "
                f"lua_script:{script}, or put a link there"
            )
        elif problem := _not_loaded(arguments):
            analysis.say(f"but {problem}")
    return DONE


def _not_loaded(arguments: argparse.Namespace) -> str:
    """Why what was installed will not work; empty: it does, or there is no tshark that could be asked."""
    from nvgre_inspect.wireshark.scripts import refused
    from nvgre_inspect.wireshark.tshark import TsharkError, installed

    try:
        return refused(installed(analysis.configuration(arguments).tshark.path))
    except TsharkError:
        return ""


def _folders(arguments: argparse.Namespace) -> Folders:
    """Where to: asked of tshark, which knows its own rules best, unless a folder was named."""
    from nvgre_inspect.wireshark.profile import folders
    from nvgre_inspect.wireshark.tshark import TsharkError, installed

    if arguments.folder is not None:
        return folders(arguments.folder)
    try:
        return folders(tshark=installed(analysis.configuration(arguments).tshark.path))
    except TsharkError:
        return folders()


def _path(_arguments: argparse.Namespace) -> int:
    from nvgre_inspect.wireshark.profile import script_path

    print(script_path())
    return DONE
