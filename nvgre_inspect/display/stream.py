"""What the two ends of a stream said, as text or as hexadecimal digits, for people and safe on a terminal.

Limits: text is taken for UTF-8; what is none, and what a terminal could act on, is shown as a dot.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Protocol

from nvgre_inspect.display.text import counted

_WIDTH = 16


class Piece(Protocol):
    """Consecutive bytes of one direction, or a gap in it."""

    @property
    def forward(self) -> bool:
        """Whether the first end said it."""

    @property
    def data(self) -> bytes:
        """What it said."""

    @property
    def missing(self) -> int:
        """Bytes that the capture does not have."""


def end(address: str, port: int) -> str:
    """`10.0.0.1:80`, `[2001:db8::1]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def stream_lines(
    pieces: Iterable[Piece], first: str, second: str, *, as_hex: bool = False
) -> Iterator[tuple[str, str | None]]:
    """Lines and their styles: above what an end says its name, `first` or `second`, where the other spoke before."""
    texts = {forward: StreamHex() if as_hex else StreamText() for forward in (True, False)}
    speaking: bool | None = None
    for piece in pieces:
        if speaking is not None and (piece.forward != speaking or piece.missing):
            yield from ((line, None) for line in texts[speaking].finish())
        if piece.forward != speaking:
            speaking = piece.forward
            yield (f"→ {first}" if speaking else f"← {second}"), "heading"
        if piece.missing:
            yield f"[{counted(piece.missing, 'byte')} missing in the capture]", "note"
        yield from ((line, None) for line in texts[speaking].lines(piece.data))
    if speaking is not None:
        yield from ((line, None) for line in texts[speaking].finish())


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
