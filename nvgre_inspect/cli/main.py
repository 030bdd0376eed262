"""`nvgre-inspect`: finds the command, runs it, and turns what went wrong into a sentence and an exit code.

Modules of commands import pandas and the like inside their `run`: `--help` has to be there at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from nvgre_inspect.cli import terminal
from nvgre_inspect.cli.arguments import Parser
from nvgre_inspect.cli.errors import DONE, FAILED, INTERRUPTED, CommandError
from nvgre_inspect.cli.parser import build, default_command_first
from nvgre_inspect.display.text import escape


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return the exit code."""
    if argv is None:
        _collect_less()
    terminal.prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
    except CommandError as error:
        _say(str(error))
        _give_up(sys.stdout)
        return error.code
    except BrokenPipeError:
        return _closed_pipe()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # What a command did not expect of the file system: disk full, no rights, an I/O error. Those without a name
        # are of print: whatever else is written says what it is.
        where = error.filename or "standard output cannot be written"
        _say(f"nvgre-inspect: {where}: {error.strerror or error}")
        _give_up(sys.stdout)
        return FAILED
    return code


def _run(words: list[str]) -> int:
    parser, commands = build()
    if not words:
        parser.print_help()
        return DONE
    try:
        arguments, unknown = parser.parse_known_args(default_command_first(words, commands))
    except SystemExit:  # how argparse ends --help and --version, which it has printed
        return DONE
    command: Parser = commands[arguments.command]
    if unknown:
        command.unknown(unknown, commands)
    code: int = arguments.run(arguments)
    return code


def _collect_less() -> None:
    """A process that runs one command and ends has better things to do than to look for garbage.

    Imports make half a million objects that stay; by default Python looks through them again and again while they are
    made, and several times at exit. Measured: 0.5 s of 1.6 s for a table of 657 MB.
    """
    gc.set_threshold(1_000_000, 20, 100)
    atexit.register(gc.freeze)


def _say(message: str) -> None:
    try:
        print("\n".join(escape(line) for line in message.split("\n")), file=sys.stderr)
    except BrokenPipeError:
        _closed_pipe()


def _closed_pipe() -> int:
    """Nobody reads any more: end without a word."""
    for stream in (sys.stdout, sys.stderr):
        _give_up(stream)
    return DONE


def _give_up(stream: TextIO) -> None:
    """If what is left in the stream cannot be written, keep the interpreter from trying again at exit."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
