"""The process in which pyshark works: `python -m nvgre_inspect.wireshark.deep_worker TSHARK`.

pyshark takes over the event loop of its thread, asks for parts of asyncio that Python 3.14 removed, reads a config.ini
in the current folder that may name another program to run, and can leave a tshark behind. So it lives here: with an
event loop of its own, in an empty folder, with the tshark it is told, in a process group that is ended with it.

It reads one JSON request from standard input (`file`, `frame`, `arguments`) and writes one JSON answer: `tree`, the
items of `pyshark_tree`, and `packet_numbers`, the names in it of fields that are numbers of packets; or `error`, a
sentence. What takes time and needs no request (imports, tshark's list of its fields) begins before it is read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import IO, Any

_FRAME_NUMBER = re.compile(rb"^F\t[^\t\n]*\t([^\t\n]*)\tFT_FRAMENUM\t", re.MULTILINE)


class _Fields:
    """tshark's list of its fields (19 MB), written to a file while there is other work."""

    def __init__(self, tshark: str, listed: IO[bytes]) -> None:
        self._list = listed
        self._process = subprocess.Popen(
            [tshark, "-G", "fields"], stdin=subprocess.DEVNULL, stdout=listed, stderr=subprocess.DEVNULL
        )

    def packet_numbers(self) -> set[str]:
        """The names of all fields whose values are numbers of packets."""
        self._process.wait()
        self._list.seek(0)
        return {name.decode() for name in _FRAME_NUMBER.findall(self._list.read())}


def names(items: Iterable[list[Any]]) -> set[str]:
    """The names of all fields in a tree."""
    found = set()
    for _, name, _, below in items:
        found.add(name)
        found |= names(below)
    return found


def main() -> None:
    """One request, one answer."""
    tshark = sys.argv[1]
    with tempfile.TemporaryFile(dir=".") as listed:
        fields = _Fields(tshark, listed)
        from nvgre_inspect.wireshark.pyshark_tree import PysharkError, packet_items

        line = sys.stdin.readline()
        if not line:
            return  # nobody wants to know any more
        request = json.loads(line)
        answer: dict[str, Any]
        try:
            tree = packet_items(request["file"], int(request["frame"]), tshark, request["arguments"])
            answer = {"tree": tree, "packet_numbers": sorted(names(tree) & fields.packet_numbers())}
        except PysharkError as error:
            answer = {"error": str(error)}
        json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
