"""Text for people: safe to print, measured in terminal cells, numbers and durations as one reads them.

What comes out of a capture may hold anything, so every such text passes through `escape` before a terminal
sees it: control bytes, escape sequences, the invisible and direction-changing characters of Unicode.
"""

from __future__ import annotations

import re
import unicodedata

#: Control characters (C0, DEL, C1), soft hyphen, zero-width and bidirectional controls, line and paragraph
#: separators, interlinear marks, byte-order mark, surrogates, tags: what moves the cursor or hides text.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

ELLIPSIS = "…"


def escape(text: str) -> str:
    r"""`text` with everything that a terminal could act on as `\xNN`, `\uNNNN` or `\UNNNNNNNN`."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(text: str) -> int:
    """Terminal cells that `text` takes: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """`text` cut to `width` cells; what was cut ends in an ellipsis."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled up with spaces to `width` cells, on the left if it is to stand at the right."""
    space = " " * max(width - cells(text), 0)
    return space + text if right else text + space


def amount(count: float) -> str:
    """Bytes for people, decimal: `982 B`, `12.4 kB`, `1.20 GB`; three digits."""
    if abs(count) < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        count /= 1000
        if abs(count) < 999.5 or unit == "PB":
            break
    digits = 2 if abs(count) < 9.995 else 1 if abs(count) < 99.95 else 0
    return f"{count:,.{digits}f} {unit}"


def rate(bits: float) -> str:
    """Bits a second for people: `0`, `982 bit/s`, `12.4 Mbit/s`; three digits."""
    return amount(bits).replace("B", "bit/s") if bits else "0"


def duration(seconds: float) -> str:
    """A measured span with its precision: `850 ns`, `12.3 µs`, `1.234 s`, `2 min 05.1 s`, `3 h 04 min`."""
    if seconds == 0:
        return "0 s"
    size = abs(seconds)
    if size < 0.9995:
        if size < 0.9995e-6:
            value, unit = seconds * 1e9, "ns"
        elif size < 0.9995e-3:
            value, unit = seconds * 1e6, "µs"
        else:
            value, unit = seconds * 1e3, "ms"
        digits = 0 if unit == "ns" else 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
        return f"{value:.{digits}f} {unit}"
    if size < 59.9995:
        return f"{seconds:.3f} s"
    minutes, rest = divmod(round(size, 1), 60)
    if minutes < 60:
        return f"{minutes:.0f} min {rest:04.1f} s"
    hours, minutes = divmod(round(size / 60), 60)
    if hours < 48:
        return f"{hours:,} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days:,} d {hours:02} h"


def clock(seconds: float) -> str:
    """Time left, whole units only: `9 s`, `2 min 05 s`, `1 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02} min"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 packet`, `2,345 packets`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
