"""Wireshark display filters: whether tshark takes one, before anything is read.

What tshark says of one that it does not take becomes a `FilterError`, as our own filters have it: a sentence, and a
caret under the place. tshark marks the place from version 4.0 on; before, it is the word that tshark quotes, if that
stands in the filter once, else all of it.
"""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path

from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.wireshark.settings import Settings, environment, refused
from nvgre_inspect.wireshark.tshark import Running, TsharkError, find
from nvgre_inspect.wireshark.versions import FILTER_NOT_TAKEN

#: A pcap file without packets (Ethernet).
EMPTY = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
_CARET = re.compile(r"\s*\^~*\s*")
_QUOTED = re.compile(r'"([^"]+)"')
_CHECK_S = 30.0


def check(text: str, settings: Settings) -> None:
    """Raises FilterError for a filter that tshark does not take, TsharkError where tshark is missing or fails."""
    if not text.strip():
        raise FilterError("a filter is needed, not an empty text", text, 0)
    if "\n" in text or "\0" in text:
        raise FilterError("a filter is one line", text, min(i for i in map(text.find, "\n\0") if i >= 0))
    tshark = find(path=settings.path)
    with environment(settings) as surroundings:
        empty = Path(surroundings["HOME"]) / "empty.pcap"
        empty.write_bytes(EMPTY)
        command = [tshark, "-n", "-r", str(empty), "-Y", text]
        with Running(command, environment=surroundings, total_s=_CHECK_S, secrets=settings.options) as running:
            for _ in running.chunks():
                pass
            lines, status = running.complaint_lines, running.status
            sentence = refused(running.complaint)
            if sentence:
                raise TsharkError(sentence)
            if status in FILTER_NOT_TAKEN:
                raise error_of(text, lines)
            if status:
                running.fail()


def error_of(text: str, lines: list[str]) -> FilterError:
    """What tshark said of a filter, as an error of ours."""
    words = [line.strip() for line in lines]
    message = words[0].removeprefix("tshark: ").rstrip(".") if words else "tshark does not take this filter"
    message = f"Wireshark filter: {message}"
    for above, marks in itertools.pairwise(lines):
        # The filter indented, and below it the caret.
        if _CARET.fullmatch(marks) and above.strip() == text.strip():
            start = marks.index("^") - (len(above) - len(above.lstrip())) + (len(text) - len(text.lstrip()))
            return FilterError(message, text, max(start, 0), len(marks.strip()))
    if "unexpected end" in message.lower():
        return FilterError(message, text, len(text))
    quoted = _QUOTED.search(message)
    if quoted is not None and text.count(quoted[1]) == 1:
        return FilterError(message, text, text.index(quoted[1]), len(quoted[1]))
    return FilterError(message, text, 0, len(text))
