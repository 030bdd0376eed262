"""Which file a capturing program writes next: the families of files that `dumpcap -b` and `tcpdump -C` make.

    dumpcap -w a.pcapng -b …      a_00001_20261122201500.pcapng, a_00002_20261122201600.pcapng, …
    tcpdump -w a.pcap -C …        a.pcap, a.pcap1, a.pcap2, …
    tcpdump -w a.pcap -C … -W 3   a.pcap0, a.pcap1, a.pcap2, a.pcap0, …

The next file is the one of the family that was written to after the last write to the current one, the earliest of
these: numbers wrap around, and a clock may be set back, but programs finish a file before they begin the next.

Limits: names made from the time alone (`tcpdump -G`) are not known. A name that ends in digits belongs to a family of
tcpdump only behind a dot, as in `a.pcap3`: `eth0` and `eth1` are two captures.
"""

from __future__ import annotations

import re
from pathlib import Path

_DUMPCAP = re.compile(r"(.+)_\d{5}_\d{14}(\.[^.]*)?\Z", re.DOTALL)
_NUMBERED = re.compile(r"(.+\.[^.]*[^.0-9])\d+\Z", re.DOTALL)


def oldest_of(path: Path) -> Path | None:
    """The oldest file of the family that a program makes which was told to write `path`."""
    return _earliest(_family(path.parent, path.stem, path.suffix) + _numbered(path.parent, path.name))


def successor(path: Path, written_ns: int) -> Path | None:
    """The file that was written after `path`, to which the last write was at `written_ns`; None: there is none yet."""
    ring = _DUMPCAP.match(path.name)
    if ring:
        members = _family(path.parent, ring[1], ring[2] or "")
    else:
        numbered = _NUMBERED.match(path.name)
        members = _numbered(path.parent, numbered[1] if numbered else path.name)
    return _earliest([member for member in members if member.name != path.name], written_ns)


def _family(folder: Path, stem: str, suffix: str) -> list[Path]:
    name = re.compile(re.escape(stem) + r"_\d{5}_\d{14}" + re.escape(suffix))
    return [member for member in _entries(folder) if name.fullmatch(member.name)]


def _numbered(folder: Path, stem: str) -> list[Path]:
    name = re.compile(re.escape(stem) + r"\d*")
    return [member for member in _entries(folder) if name.fullmatch(member.name)]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _earliest(members: list[Path], written_ns: int = 0) -> Path | None:
    """Of the regular files that were written to since, the one that was so first."""
    found: list[tuple[int, str, Path]] = []
    for member in members:
        try:
            status = member.stat()
        except OSError:
            continue  # gone meanwhile
        if member.is_file() and status.st_mtime_ns >= written_ns:
            found.append((status.st_mtime_ns, member.name, member))
    return min(found)[2] if found else None
