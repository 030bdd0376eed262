"""Following: what the two ends of a stream said, in order, by tshark.

tshark's `follow` on a capture that holds one conversation of one tenant, so that it is stream 0 whatever addresses
other tenants have. Its raw mode prints a line of hexadecimal digits for each piece, those of the second end indented.

Limits: what the capture misses is told by its length; a stream that holds tshark's very words about that is taken for
one that misses something. tshark keeps the whole stream in memory before it prints.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from nvgre_inspect.wireshark.settings import Settings, decode_as_arguments, environment, refused
from nvgre_inspect.wireshark.tshark import SILENCE_S, Running, TsharkError, find

#: What tshark can follow; the first two are streams of their own, the others go on top of one.
PROTOCOLS = ("tcp", "udp", "tls", "http")
_MISSING = re.compile(rb"\[(\d+) bytes missing in capture file\]\.?\0?")
_NODE = re.compile(rb"Node 0: (.*):(\d+)")
#: Bytes a second that the slowest tshark is taken to read.
_SLOWEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of one direction."""

    #: Whether they are from the end that `follow` was told.
    forward: bool
    data: bytes
    #: Bytes that the capture does not have; `data` is then empty.
    missing: int = 0


def follow(path: Path, protocol: str, source: tuple[str, int], settings: Settings) -> Generator[Piece, None, None]:
    """The pieces of the one stream in a capture, in order; `source` is the address and port of the forward end.

    `protocol` is one of PROTOCOLS. Raises TsharkError where tshark is missing, fails, or cannot follow that protocol.
    """
    tshark = find(path=settings.path)
    command = [tshark, "-n", "-r", str(path), *decode_as_arguments(settings), "-q", "-z", f"follow,{protocol},raw,0"]
    patience = SILENCE_S + path.stat().st_size / _SLOWEST
    with (
        environment(settings) as surroundings,
        Running(command, environment=surroundings, silence_s=patience, secrets=settings.options) as running,
    ):
        yield from _pieces(running.lines(), source)
        if running.status:
            running.fail()
        sentence = refused(running.complaint)
        if sentence:
            raise TsharkError(sentence)


def _pieces(lines: Iterator[bytes], source: tuple[str, int]) -> Iterator[Piece]:
    """What the lines of tshark's raw mode say."""
    first_is_forward = True
    for line in lines:
        node = _NODE.fullmatch(line.rstrip())
        if node is not None:
            first_is_forward = (node[1].decode(errors="replace").strip("[]"), int(node[2])) == source
        digits = line.strip()
        if not digits or not _is_hexadecimal(digits):
            continue
        data = bytes.fromhex(digits.decode())
        forward = first_is_forward != line.startswith(b"\t")
        missing = _MISSING.fullmatch(data)
        yield Piece(forward, b"", int(missing[1])) if missing else Piece(forward, data)


def _is_hexadecimal(digits: bytes) -> bool:
    return len(digits) % 2 == 0 and not digits.strip(b"0123456789abcdef")
