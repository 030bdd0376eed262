"""What tshark says of the frames of a capture: one Row per frame, field by field.

A Row is a dict: field -> its values, one per occurrence (tunnels repeat fields, outermost first), as text. tshark does
not tell an empty string from an absent field: both are []. It is asked to decode each packet by itself: without
reassembly, with absolute sequence numbers (`STATELESS`), so that one packet can be compared with one packet.

Versions differ in what they know and how they print it. A field or preference that a tshark does not know is left out
and named (`Rows.left_out`); values are brought into one form (`_plain`): tshark 4.0 prints booleans and fields without
a value as "1", later ones booleans as True and False and absolute times by ISO 8601.

Limits: tshark keeps what it knows of every conversation in memory; it is told to forget it now and then (`FORGET`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from nvgre_inspect.wireshark.tshark import Running, TsharkError

Row = dict[str, list[str]]

#: Decode each packet by itself, and Linux's VXLAN port, which tshark 4.0 does not know.
STATELESS = (
    "-o", "ip.defragment:FALSE",
    "-o", "ipv6.defragment:FALSE",
    "-o", "tcp.desegment_tcp_streams:FALSE",
    "-o", "tcp.relative_sequence_numbers:FALSE",
    "-d", "udp.port==8472,vxlan",
)  # fmt: skip
#: Begin anew every so many frames: 1,000,000 frames of 250,000 flows took 77 s and 1,016 MB without, 45 s and 355 MB
#: with it (tshark 4.0.17).
FORGET = ("-M", "100000")
#: Bytes that tshark escapes in text, so that no value contains them.
SEPARATOR, AGGREGATOR = "\x1e", "\x1f"

_BOOLEANS = {"True": "1", "False": "0"}
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_INVALID_FIELDS = "Some fields aren't valid:"
_UNKNOWN_PREFERENCE = re.compile(r'-o flag "([^"]+)" specifies unknown preference')
#: Preferences that are left out one after the other before tshark is given up.
_TRIES = 10


def command(tshark: str, path: str | Path, columns: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The command line that prints these fields of every frame, one frame a line."""
    fields = [part for name in columns for part in ("-e", name)]
    form = ["-T", "fields", "-E", "occurrence=a", "-E", f"separator={SEPARATOR}", "-E", f"aggregator={AGGREGATOR}"]
    return [tshark, "-n", "-r", str(path), *form, *arguments, *fields]


def parse(line: str, columns: Sequence[str]) -> Row:
    """One line of such output. Raises TsharkError if it has not as many columns."""
    values = line.split(SEPARATOR)
    if len(values) != len(columns):
        raise TsharkError(f"tshark printed {len(values)} values for {len(columns)} fields: {line[:80]!r}")
    return {
        name: [_plain(one) for one in value.split(AGGREGATOR)] if value else []
        for name, value in zip(columns, values, strict=True)
    }


def _plain(value: str) -> str:
    """The value as tshark 4.0 prints it; IPv6 addresses that embed IPv4, which may be written in two ways, as Python
    does.
    """
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    if value.endswith("Z") and (found := _ISO_TIME.fullmatch(value)):
        seconds = int(datetime.fromisoformat(f"{found[1]}+00:00").timestamp())
        return f"{seconds}.{found[2] or '':0<9}"
    if value.startswith("::") and "." in value:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(value))
    return value


class Rows:
    """The rows of a capture as tshark prints them; iterate once, inside `with`.

    `names` are the fields. Fields that this tshark does not know are in `left_out` (their values are all []), like
    preferences (as `-o NAME`), once the first row came.
    """

    def __init__(
        self,
        tshark: str,
        path: str | Path,
        names: Sequence[str],
        *,
        arguments: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._tshark = tshark
        self._path = path
        self._names = list(dict.fromkeys(names))
        self._arguments = list(arguments)
        self._environment = environment
        self._running: Running | None = None
        #: What this tshark does not know.
        self.left_out: list[str] = []
        #: What tshark said where it did not read to the end of the file; empty: it did.
        self.damage = ""

    def __iter__(self) -> Generator[Row, None, None]:
        """One Row per frame. Raises TsharkError if tshark cannot be started, read the file, or crashes."""
        for _ in range(_TRIES):
            columns = [name for name in self._names if name not in self.left_out]
            absent: Row = {name: [] for name in self.left_out if not name.startswith("-o ")}
            rows = 0
            with Running(
                command(self._tshark, self._path, columns, self._arguments), environment=self._environment
            ) as running:
                for line in running.lines():
                    rows += 1
                    yield parse(line.decode(errors="backslashreplace"), columns) | absent
                complaint, status = running.complaint, running.status
                if not status:
                    return
                if rows and status > 1:
                    self.damage = complaint
                    return
                if rows or not self._understood(complaint):
                    running.fail()
        raise TsharkError("tshark does not know what it is asked for: it is too old, or no tshark")

    def _understood(self, complaint: str) -> bool:
        """Whether this complaint is about names that it does not know; from now on they are left out."""
        if _INVALID_FIELDS in complaint:
            unknown = set(complaint.partition(_INVALID_FIELDS)[2].split()) & set(self._names)
            self.left_out += sorted(unknown)
            return bool(unknown)
        found = _UNKNOWN_PREFERENCE.search(complaint)
        if found is None or found[1] not in self._arguments:
            return False
        at = self._arguments.index(found[1])
        del self._arguments[at - 1 : at + 1]
        self.left_out.append(f"-o {found[1].partition(':')[0]}")
        return True
