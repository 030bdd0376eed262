"""`nvgre-inspect man`: the manual page in roff, generated from the parser, so that it cannot disagree with `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby

from nvgre_inspect.cli.arguments import Parser, value_name
from nvgre_inspect.cli.errors import DONE
from nvgre_inspect.version import __version__

SUMMARY = "packet capture analyzer for virtualised networks"
EXIT_CODES = (
    ("0", "done"),
    ("1", "failed: no such file, not a capture, no rights"),
    ("2", "usage or filter error"),
    ("3", "done, but part of the input was unreadable; all that could be read was used"),
    ("4", "verify found differences"),
    ("130", "interrupted"),
)
ENVIRONMENT = (
    ("NVGRE_INSPECT_CONFIG", "the configuration file, in place of the one in the platform's folder"),
    ("NVGRE_INSPECT_STATE", "the folder for the history of filters, in place of the platform's"),
    ("NO_COLOR", "if set and not empty: no colours, unless --color always"),
)


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "man",
        help="print the manual page",
        description="Print the manual page in roff: nvgre-inspect man | man -l -",
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print the page."""
    from nvgre_inspect.cli.parser import build  # which imports this module

    parser, commands = build()
    print("\n".join(page(parser, commands)))
    return DONE


def page(parser: Parser, commands: dict[str, Parser]) -> Iterator[str]:
    """The lines of the page."""
    yield f'.TH NVGRE-INSPECT 1 "" "nvgre-inspect {__version__}" "User Commands"'
    yield ".SH NAME"
    yield f"nvgre\\-inspect \\- {SUMMARY}"
    yield ".SH SYNOPSIS"
    yield ".B nvgre\\-inspect"
    yield _text("[COMMAND] FILE... [options]")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(parser.description or "")
    shared = _shared(commands)
    yield ".SH COMMANDS"
    helps = {choice.dest: choice.help for choice in _choices(parser)}
    for name, command in commands.items():
        yield f".SS {_text(name)}"
        yield f".B {_text(command.synopsis())}"
        yield ".PP"
        yield from _paragraphs(command.description or f"{helps.get(name, '')}.")
        for action in command._actions:
            hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
            if not hidden and _key(action) not in shared:
                yield from _entry(action)
    yield ".SH OPTIONS"
    yield "What several commands have in common."
    for action in shared.values():
        yield from _entry(action)
    for title, pairs in (("EXIT STATUS", EXIT_CODES), ("ENVIRONMENT", ENVIRONMENT)):
        yield f".SH {title}"
        for term, meaning in pairs:
            yield from (".TP", f".B {_text(term)}", _text(meaning))
    if parser.epilog:
        yield ".SH EXAMPLES"
        examples = parser.epilog.split("\n\n")[0].split("\n", 1)[1]
        yield from (".nf", _text(examples), ".fi")


def _choices(parser: Parser) -> list[argparse.Action]:
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return list(action._choices_actions)


def _key(action: argparse.Action) -> tuple[str, ...]:
    return (*action.option_strings, action.help or "")


def _shared(commands: dict[str, Parser]) -> dict[tuple[str, ...], argparse.Action]:
    """Arguments that at least three commands have, in order of appearance."""
    seen: dict[tuple[str, ...], list[argparse.Action]] = {}
    for command in commands.values():
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                seen.setdefault(_key(action), []).append(action)
    return {key: actions[0] for key, actions in seen.items() if len(actions) >= 3}


def _entry(action: argparse.Action) -> Iterator[str]:
    names = ", ".join(action.option_strings)
    yield ".TP"
    if not names:
        yield f".I {_text(value_name(action))}"
    elif action.nargs == 0:
        yield f".B {_text(names)}"
    else:
        yield f'.BI "{_text(names)} " "{_text(value_name(action))}"'
    yield _text((action.help or "").replace("%%", "%"))


def _paragraphs(text: str) -> Iterator[str]:
    """Prose is filled; indented lines stay as they are."""
    for filled, lines in groupby(text.strip().split("\n"), key=lambda line: not line.startswith(" ")):
        yield ".PP"
        if filled:
            yield from (_text(line) if line else ".PP" for line in lines)
        else:
            yield from (".nf", *map(_text, lines), ".fi")


def _text(text: str) -> str:
    """Text that roff prints as it stands."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))
