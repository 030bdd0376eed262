"""`nvgre-inspect completion SHELL`: a completion script, generated from the parser by shtab."""

from __future__ import annotations

import argparse

from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import DONE

DESCRIPTION = """\
Print a completion script for your shell.

  bash   nvgre-inspect completion bash > ~/.local/share/bash-completion/completions/nvgre-inspect
  zsh    nvgre-inspect completion zsh > ~/.zfunc/_nvgre-inspect     (with ~/.zfunc in $fpath)
  tcsh   nvgre-inspect completion tcsh > ~/.nvgre-inspect.completion.csh, and source it in ~/.tcshrc
"""
#: Arguments whose value is a path, by the attribute that argparse stores them under.
PATHS = {"files", "file", "config", "dissectors", "output"}


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("completion", help="print a shell completion script", description=DESCRIPTION)
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell to print it for")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    # The parser module imports this one; shtab is only needed here.
    import shtab

    from nvgre_inspect.cli.parser import build

    parser, commands = build()
    for command in (parser, *commands.values()):
        for action in command._actions:
            if action.dest in PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # the attribute that shtab reads
    script = shtab.complete(parser, shell=arguments.shell)
    if arguments.shell == "bash":
        # `nvgre-inspect FILE...` needs no command: where no command matches, bash offers file names.
        script = script.replace("complete -o bashdefault -F", "complete -o bashdefault -o default -F")
    print(script)
    return DONE
