"""Settings: which tshark, and what it is told: the `[tshark]` table of the configuration file, `--tshark-option`.

An option is `NAME:VALUE`, as tshark's own `-o` takes it: `tls.keylog_file:/home/me/keys`, or a row of a table,
`uat:esp_sa:"IPv4","*","*","*",…`. They may be keys, or say where keys are: they go to tshark in a folder of its own
that only the user can read, never on a command line, which every user of the machine sees, and no sentence shows them.

Limits: tables of Wireshark are named by their file (`uat:esp_sa:…`), as `-o` has them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nvgre_inspect.wireshark.tshark import TsharkError, neutral_in

_TABLE = "uat:"
_TABLE_OPTION = re.compile(r"uat:([A-Za-z0-9_]+):(.*)")
_OPTION = re.compile(r"[A-Za-z0-9_.-]+:.*")
#: What tshark says on stderr of options that it cannot use, and goes on.
_UNKNOWN = re.compile(r'No such preference "([^"]*)"')
_BAD_ROW = re.compile(r"Error loading table '([^']*)'")


@dataclass(frozen=True, slots=True)
class Settings:
    """How tshark is called."""

    #: Path of tshark, or of its folder; empty: it is looked for.
    path: str = ""
    options: tuple[str, ...] = ()
    #: Rules of `-d`, which tshark reads as we do: `udp.port==8473,vxlan`.
    decode_as: tuple[str, ...] = ()


def invalid_option(text: str) -> str:
    """Why `text` is no option of tshark's; empty: it may be one. Its value is not shown."""
    if "\n" in text or "\r" in text:
        return "an option of tshark's is one line"
    form = _TABLE_OPTION if text.startswith(_TABLE) else _OPTION
    return "" if form.fullmatch(text) else "an option of tshark's is NAME:VALUE, or uat:TABLE:ROW"


@contextmanager
def environment(settings: Settings) -> Iterator[dict[str, str]]:
    """The environment of a run with these settings and no others; its folder vanishes at the end of the block.

    Raises TsharkError for an option that is none.
    """
    with tempfile.TemporaryDirectory(prefix="nvgre-inspect-", ignore_cleanup_errors=True) as folder:
        write_options(settings.options, Path(folder))
        yield neutral_in(folder)


def write_options(options: tuple[str, ...], folder: Path) -> None:
    """Write the files in which Wireshark keeps its preferences. Raises TsharkError for an option that is none."""
    files: dict[str, list[str]] = {}
    for option in options:
        reason = invalid_option(option)
        if reason:
            raise TsharkError(reason)
        row = _TABLE_OPTION.fullmatch(option)
        if row is not None:
            files.setdefault(row[1], []).append(row[2])
        else:
            name, _, value = option.partition(":")
            files.setdefault("preferences", []).append(f"{name}: {value}")
    for name, lines in files.items():
        (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


def decode_as_arguments(settings: Settings) -> list[str]:
    """The rules as words of a command line."""
    return [word for rule in settings.decode_as for word in ("-d", rule)]


def refused(complaint: str) -> str:
    """The sentence about an option that tshark did not take, by what it said on stderr; empty: it took them all."""
    unknown = _UNKNOWN.search(complaint)
    if unknown is not None:
        return f"tshark has no option {unknown[1]}"
    row = _BAD_ROW.search(complaint)
    return f"tshark cannot read the row that was given for its table {row[1]}" if row is not None else ""
