"""What tshark says of the frames of a capture: one Row per frame, field by field.

A Row is a dict: field -> its values, one per occurrence (tunnels repeat fields, outermost first), as text. tshark does
not tell an empty string from an absent field: both are []. It is asked to decode each packet by itself: without
reassembly, with absolute sequence numbers (`STATELESS`), so that one packet can be compared with one packet.

Versions differ in what they know and how they print it. A field or preference that a tshark does not know is left out
and named (`Rows.left_out`); values are brought into one form (`versions`).

Limits: tshark keeps what it knows of every conversation in memory; it is told to forget it now and then (`FORGET`).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from nvgre_inspect.wireshark import versions
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

_INVALID_FIELDS = "Some fields aren't valid:"
_UNKNOWN_PREFERENCE = re.compile(r'-o flag "([^"]+)" specifies unknown preference')
#: Preferences that are left out one after the other before tshark is given up.
_TRIES = 10


def command(tshark: str, path: str | Path, columns: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The command line that prints these fields of every frame, one frame a line."""
    fields = [part for name in columns for part in ("-e", name)]
    form = ["-T", "fields", "-E", "occurrence=a", "-E", f"separator={SEPARATOR}", "-E", f"aggregator={AGGREGATOR}"]
    return [tshark, "-n", "-r", str(path), *form, *arguments, *fields]


class Reader:
    """Reads the lines that one tshark prints for such a command."""

    def __init__(self, tshark: str, columns: Sequence[str]) -> None:
        self._columns = columns
        self._offsets_in_bytes = "ip.frag_offset" in columns and versions.offsets_in_bytes(tshark)

    def row(self, line: str) -> Row:
        """One line. Raises TsharkError if it has not as many columns."""
        values = line.split(SEPARATOR)
        if len(values) != len(self._columns):
            raise TsharkError(f"tshark printed {len(values)} values for {len(self._columns)} fields: {line[:80]!r}")
        row = {
            name: [versions.plain(one) for one in value.split(AGGREGATOR)] if value else []
            for name, value in zip(self._columns, values, strict=True)
        }
        versions.name_layers_behind_mpls(row)
        if self._offsets_in_bytes:
            row["ip.frag_offset"] = [str(int(offset) // 8) for offset in row["ip.frag_offset"]]
        return row


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
            reader = Reader(self._tshark, columns)
            rows = 0
            with Running(
                command(self._tshark, self._path, columns, self._arguments), environment=self._environment
            ) as running:
                for line in running.lines():
                    rows += 1
                    yield reader.row(line.decode(errors="backslashreplace")) | absent
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
