"""The notation of scripts, which is near to that of packetdrill: text to `script.Step`s.

    +0      > S   0:0(0)          win 64240 <mss 1460,sackOK,wscale 7>
    +1ms    < S.  0:0(0)    ack 1 win 65160 <mss 1460,sackOK,wscale 7>
    +40us   > .   1:1(0)    ack 1
    +40us   > P.  1:101(100) ack 1
    +10ms   > udp 200
    +0      < udp "anybody?"
    +1s     > frame ffffffffffff00155d0100010806…

A line has the time since the line above, who sends (`>` the client, `<` the server), and what: a TCP segment with flags
(`S` `F` `R` `P` `.` for ACK, `E` ECE, `W` CWR), `first:end(length)` of its sequence numbers, which count from the
sender's initial one, and if need be `ack`, `win` (as it stands in the header), options, and what its payload begins
with, as a text; a UDP datagram, by its length or text; or a whole Ethernet frame in hexadecimal digits. `#` begins a
line of comment.
"""

from __future__ import annotations

import re

from dissectors import offsets
from nvgre_inspect.traffic.quantities import nanoseconds
from nvgre_inspect.traffic.script import DEFAULT_WINDOW, UDP, Segment, Step, TCPOptions

_FLAGS = {
    "S": offsets.TCP_SYN,
    "F": offsets.TCP_FIN,
    "R": offsets.TCP_RST,
    "P": offsets.TCP_PSH,
    ".": offsets.TCP_ACK_FLAG,
    "E": offsets.TCP_ECE,
    "W": offsets.TCP_CWR,
}
_LINE = re.compile(r"\+(\S+)\s+([<>])\s+(\S+)\s*(.*)")
_TEXT = re.compile(r'\s*"((?:[^"\\]|\\.)*)"$')
_SEGMENT = re.compile(r"(\d+):(\d+)\((\d+)\)(?:\s+ack\s+(\d+))?(?:\s+win\s+(\d+))?(?:\s+<(.*)>)?")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t"}
_WINDOW = 0xFFFF
_LONGEST = 65_000
#: Fits into 40 bytes of options beside everything else.
_MOST_BLOCKS = 3
_MASK = 0xFFFFFFFF


def parse(script: str) -> tuple[Step, ...]:
    """The lines of a script. Raises ValueError that names the first line which is none."""
    steps = []
    for number, line in enumerate(script.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        try:
            steps.append(_step(bare))
        except ValueError:
            raise ValueError(f"line {number}: {bare}") from None
    if not steps:
        raise ValueError("no lines")
    return tuple(steps)


def _step(line: str) -> Step:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError
    time, arrow, word, rest = found.groups()
    after_ns = 0 if time == "0" else nanoseconds(time)
    what: Segment | UDP | bytes
    if word == "frame":
        what = bytes.fromhex(rest)
        if not offsets.ETH_LEN < len(what) <= _LONGEST:
            raise ValueError
    elif word == "udp":
        what = _udp(rest)
    else:
        what = _segment(word, rest)
    return Step(after_ns, arrow == ">", what)


def _udp(rest: str) -> UDP:
    text = _TEXT.fullmatch(rest)
    if text is not None:
        data = _bytes(text[1])
        return UDP(len(data), data)
    return UDP(_number(rest, _LONGEST))


def _segment(flags: str, rest: str) -> Segment:
    text = _TEXT.search(rest)
    found = _SEGMENT.fullmatch((rest if text is None else rest[: text.start()]).strip())
    if found is None or not set(flags) <= set(_FLAGS):
        raise ValueError
    first, end, length = (_number(group, _MASK) for group in found.groups()[:3])
    data = b"" if text is None else _bytes(text[1])
    if end - first != length or length > _LONGEST or len(data) > length:
        raise ValueError
    return Segment(
        sum(_FLAGS[flag] for flag in set(flags)),
        first,
        length,
        _number(found[4] or "0", _MASK),
        _number(found[5], _WINDOW) if found[5] else DEFAULT_WINDOW,
        _options(found[6] or ""),
        data,
    )


def _options(text: str) -> TCPOptions:
    mss: int | None = None
    scale: int | None = None
    permitted = False
    blocks: tuple[tuple[int, int], ...] = ()
    for option in filter(None, (part.strip() for part in text.split(","))):
        name, *values = option.split()
        if name == "sackOK" and not values:
            permitted = True
        elif name == "mss" and len(values) == 1:
            mss = _number(values[0], _WINDOW)
        elif name == "wscale" and len(values) == 1:
            scale = _number(values[0], 14)
        elif name == "sack" and 1 <= len(values) <= _MOST_BLOCKS:
            blocks = tuple(_block(value) for value in values)
        else:
            raise ValueError
    return TCPOptions(mss, permitted, scale, blocks)


def _block(text: str) -> tuple[int, int]:
    first, _, end = text.partition(":")
    return _number(first, _MASK), _number(end, _MASK)


def _number(text: str, high: int) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > high:
        raise ValueError
    return int(text)


def _bytes(text: str) -> bytes:
    """What a text in quotation marks stands for; `\\r`, `\\n`, `\\t`, `\\xff`, `\\"` and `\\\\` are known."""

    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(one, text).encode("latin-1")
