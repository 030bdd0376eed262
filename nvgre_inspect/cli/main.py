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
        return _only_command()
    terminal.prepare_streams()
    try:
        code = _run(list(argv))
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


def _only_command() -> int:
    """Run the process's own command line, after which the process ends.

    Imports make half a million objects that stay. By default Python looks for garbage among them again and again while
    they are made, and takes them apart one by one at exit. Measured: 0.5 s of 1.6 s for a table of 657 MB.
    """
    gc.set_threshold(1_000_000, 20, 100)
    codes: list[int] = []
    # Registered first, called last: after all that other modules do at exit.
    atexit.register(_leave, codes)
    code = main(sys.argv[1:])
    codes.append(code)
    return code


def _leave(codes: list[int]) -> None:
    """End the process at once, unless an exception did, or Python has to say that something could not be written."""
    if not codes:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # a full disk; closed
        return
    os._exit(codes[0])


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
