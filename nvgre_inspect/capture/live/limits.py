"""When a live capture ends and when its recording goes on in the next file: `-a` and `-b`, as of tshark and dumpcap.

    -a duration:SECONDS  -a filesize:KB  -a packets:N  -a files:N
    -b duration:SECONDS  -b filesize:KB  -b packets:N  -b interval:SECONDS  -b files:N

A size without a unit is in kilobytes of 1,000 bytes, as there; here it may have one (`500MB`, `1GiB`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_UNITS = {
    "": 1000,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}
#: Neither seconds nor bytes beyond this make a difference.
_LARGEST = 1e15
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\Z")
#: What each option knows, and the field of `Limits` that it sets.
_AUTOSTOP = {"duration": "stop_seconds", "filesize": "stop_bytes", "packets": "stop_packets", "files": "stop_files"}
_RING = {
    "duration": "file_seconds",
    "filesize": "file_bytes",
    "packets": "file_packets",
    "interval": "interval_seconds",
    "files": "files",
}
_EXAMPLES = {"duration": "60", "filesize": "100MB", "packets": "1000", "files": "10", "interval": "3600"}


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no such limit."""

    #: The capture ends after so many seconds, bytes of all files together, packets, or files.
    stop_seconds: float | None = None
    stop_bytes: int | None = None
    stop_packets: int | None = None
    stop_files: int | None = None
    #: The recording goes on in the next file after so many seconds, bytes or packets.
    file_seconds: float | None = None
    file_bytes: int | None = None
    file_packets: int | None = None
    #: Likewise whenever the time of day is a multiple of so many seconds.
    interval_seconds: float | None = None
    #: Only so many files stay, the newest.
    files: int | None = None

    @property
    def several_files(self) -> bool:
        """Whether the recording may need more than one file."""
        each = (self.file_seconds, self.file_bytes, self.file_packets, self.interval_seconds)
        return any(limit is not None for limit in each)

    @classmethod
    def parsed(cls, autostop: Sequence[str], ring: Sequence[str]) -> Self:
        """Out of the words behind each `-a` and each `-b`. ValueError with a sentence for what makes no sense."""
        found = _parsed("-a", autostop, _AUTOSTOP) | _parsed("-b", ring, _RING)
        limits = cls(**found)  # type: ignore[arg-type]  # which field is an int is known to _number
        if limits.files is not None and not limits.several_files:
            raise ValueError(
                "-b files: says how many files stay, but not when the next one begins: add -b filesize:100MB"
            )
        if limits.stop_files is not None and not limits.several_files:
            raise ValueError(
                "-a files: counts files, of which there is only one without -b filesize:, duration: or packets:"
            )
        return limits


def _parsed(option: str, words: Sequence[str], fields: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word in words:
        name, colon, text = word.partition(":")
        if not colon or name not in fields:
            known = " ".join(f"{name}:{_EXAMPLES[name]}" for name in fields)
            raise ValueError(f"{option} {word}: not a limit; there are {known}")
        value = _number(name, text)
        if value is None:
            raise ValueError(
                f"{option} {word}: {text!r} is not a positive {_kind(name)}, as in {name}:{_EXAMPLES[name]}"
            )
        found[fields[name]] = value
    return found


def _kind(name: str) -> str:
    if name in ("duration", "interval"):
        return "number of seconds"
    return "size" if name == "filesize" else "whole number"


def _number(name: str, text: str) -> float | None:
    """The value of a limit, an int unless it is seconds; None if it is none."""
    if name in ("packets", "files"):
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        return value or None
    size = _SIZE.match(text)
    units = _UNITS if name == "filesize" else {"": 1}
    if size is None or size[2].upper() not in units:
        return None
    amount = float(size[1]) * units[size[2].upper()]
    if not 0 < amount < _LARGEST:
        return None
    return max(1, int(amount)) if name == "filesize" else amount
