"""`nvgre-inspect policy derive|check|template`: learn a policy from a capture, check one, print one to begin with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nvgre_inspect.cli import analysis
from nvgre_inspect.cli.arguments import Parser, add_files, add_words, nonempty
from nvgre_inspect.cli.errors import DONE, FAILED, USAGE, CommandError
from nvgre_inspect.display.text import counted, escape
from nvgre_inspect.encapsulation.policy import KINDS, PolicyError

if TYPE_CHECKING:
    from nvgre_inspect.encapsulation.derive import Derived
    from nvgre_inspect.encapsulation.policy import Policy

DESCRIPTION = """\
A policy says how frames are encapsulated: which customer addresses are in which virtual subnet,
behind which host of the underlay, and what the outer headers look like. It is a TOML file;
docs/policy.md has every key.

  nvgre-inspect policy derive uplink.pcapng -o policy.toml
  nvgre-inspect policy check policy.toml
"""
DERIVE = """\
Learn a policy from a capture: which CA and MAC sit behind which PA, in which virtual subnet, and
how frames were wrapped. What the policy does not hold, and so does not come back when frames are
encapsulated by it, is said on stderr and in comments at the top of the file.
"""
CHECK = """\
Say everything that is wrong with a policy file: the path of the key (items are counted from 0),
the value and the rule that it breaks. Exit code 2 if there is something.
"""


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command and its actions to the parser."""
    parser = commands.add_parser(
        "policy", help="policies for encapsulation: learn from a capture, check, template", description=DESCRIPTION
    )
    actions: argparse._SubParsersAction[Parser] = parser.add_subparsers(
        dest="action",
        metavar="ACTION",
        title="actions",
        prog="nvgre-inspect policy",
        parser_class=Parser,
        required=True,
    )
    _add_derive(actions)
    check = actions.add_parser("check", help="say what is wrong with a policy file", description=CHECK)
    check.add_argument("file", metavar="POLICY", help="a policy file, - for stdin")
    check.set_defaults(run=_check)
    template = actions.add_parser(
        "template", help="print a commented policy to begin with", description="Print a commented policy to begin with."
    )
    template.set_defaults(run=_template)


def _add_derive(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser("derive", help="learn a policy from a capture", description=DERIVE)
    add_files(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--encap",
        metavar="KIND",
        choices=KINDS,
        help=f"the encapsulation, if not that of most frames: {', '.join(KINDS)}",
    )
    group.add_argument(
        "-o", dest="output", metavar="PATH", type=nonempty, default="-", help="write there (default: -, stdout)"
    )
    group.add_argument("--force", action="store_true", help="overwrite an existing file")
    add_words(parser)
    parser.set_defaults(run=_derive)


def load_policy(path: str) -> Policy:
    """The policy file at `path`, `-`: of standard input. CommandError with all that is wrong with it."""
    from nvgre_inspect.encapsulation.policy_file import load, loads

    try:
        return loads(sys.stdin.buffer.read(), "standard input") if path == "-" else load(path)
    except PolicyError as error:
        raise CommandError("\n".join(f"nvgre-inspect: {problem}" for problem in error.problems), USAGE) from None


def _derive(arguments: argparse.Namespace) -> int:
    from nvgre_inspect.encapsulation.derive import NothingToLearn, derive
    from nvgre_inspect.encapsulation.policy_file import dump
    from nvgre_inspect.reports.output import replacing

    settings = analysis.configuration(arguments)
    sys.stdout.flush()
    with analysis.opened(arguments, settings) as (session, progress):
        with replacing(arguments.output, force=arguments.force, inputs=arguments.files) as stream:
            try:
                derived = derive(session.frames(), kind=arguments.encap, names=settings.names)
            except NothingToLearn as error:
                raise CommandError(f"nvgre-inspect: nothing to learn: {error}", FAILED) from None
            finally:
                if progress is not None:
                    progress.clear()
            stream.write(dump(derived.policy, [_origin(derived, arguments.files), *derived.notes]).encode())
        if not arguments.quiet:
            analysis.say(f"learnt from {counted(derived.frames, 'frame')}: {_size(derived.policy)}")
            for note in derived.notes:
                analysis.say(note)
        return analysis.conclude(session, arguments)


def _origin(derived: Derived, files: list[str]) -> str:
    names = ", ".join(escape(Path(name).name) for name in files)
    return f"Learnt by nvgre-inspect from {counted(derived.frames, 'frame')} in {names}."


def _size(policy: Policy) -> str:
    parts = (
        policy.encapsulation.kind,
        counted(len(policy.hosts), "host"),
        counted(len(policy.subnets), "subnet"),
        counted(sum(len(subnet.entries) for subnet in policy.subnets), "address", "addresses"),
    )
    return ", ".join(parts)


def _check(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.file)
    print(f"{escape(arguments.file)}: {_size(policy)}")
    return DONE


def _template(_arguments: argparse.Namespace) -> int:
    from nvgre_inspect.encapsulation.policy_page import template

    print(template(), end="")
    return DONE
