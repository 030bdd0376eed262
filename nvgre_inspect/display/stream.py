"""What the two ends of a stream said, as text or as hexadecimal digits, for people and safe on a terminal.

Limits: text is taken for UTF-8; what is none, and what a terminal could act on, is shown as a dot.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from nvgre_inspect.display.text import counted

_WIDTH = 16


def mark(end: str, *, forward: bool) -> str:
    """The line above what an end said."""
    return f"{'→' if forward else '←'} {end}"


def gap(missing: int) -> str:
    """The line in the place of what was not captured."""
    return f"[{counted(missing, 'byte')} missing in the capture]"


class StreamText:
    """Pieces to lines. Characters and lines may go over pieces of the same direction; `finish` gives the rest."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def lines(self, data: bytes) -> Iterator[str]:
        """The lines that end in this piece."""
        text = self._rest + self._decoder.decode(data)
        *lines, self._rest = text.split("\n")
        return map(_safe, lines)

    def finish(self) -> Iterator[str]:
        """The line that has no end, as the other direction speaks or nobody does."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        return iter([_safe(rest)] if rest else [])


def _safe(line: str) -> str:
    line = line.removesuffix("\r").expandtabs()
    return "".join(c if c.isprintable() and c != "\ufffd" else "." for c in line)


class StreamHex:
    """Pieces to lines of 16 bytes with their offset in the direction, and what is text in them."""

    def __init__(self) -> None:
        self._offset = 0

    def lines(self, data: bytes) -> Iterator[str]:
        """All lines of this piece."""
        for start in range(0, len(data), _WIDTH):
            row = data[start : start + _WIDTH]
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            yield f"{self._offset + start:08x}  {row.hex(' '):<{3 * _WIDTH - 1}}  {text}"
        self._offset += len(data)

    def finish(self) -> Iterator[str]:
        """Nothing is held back."""
        return iter(())
