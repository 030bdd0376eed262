r"""Regular expressions of `matches`: Python's `re`, case-insensitive as Wireshark's are.

Python's engine backtracks. Patterns come from the person at the keyboard, not from packets, so the guard is against
accidents: at most 1,000 characters, and no repetition of something that itself repeats without bound, as in `(a+)+`,
which takes exponential time on text that nearly matches. What remains is polynomial in the length of a packet, and
Ctrl-C interrupts it.
"""

from __future__ import annotations

import re
from typing import overload

MAX_LENGTH = 1000
_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}|\{(\d+)\}")


@overload
def compile_pattern(pattern: str) -> re.Pattern[str]: ...
@overload
def compile_pattern(pattern: bytes) -> re.Pattern[bytes]: ...
def compile_pattern(pattern: str | bytes) -> re.Pattern[str] | re.Pattern[bytes]:
    """ValueError with a sentence for a pattern that is none, or one that could run for ever."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"is a regular expression of more than {MAX_LENGTH:,} characters")
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    if _nested_repeats(text):
        raise ValueError("repeats what already repeats, as in (a+)+, and could run for ever")
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from None


def _nested_repeats(text: str) -> bool:
    """Whether an unbounded repetition is applied to a group that has one inside."""
    #: For each open group: whether an unbounded repetition was seen in it.
    groups = [False]
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
        elif character == "[":
            position = _class_end(text, position)
        elif character == "(":
            groups.append(False)
            position += 1
        elif character == ")" and len(groups) > 1:
            inside = groups.pop()
            repeat = _REPEAT.match(text, position + 1)
            if inside and repeat is not None:
                return True
            groups[-1] |= inside
            position += 1
        else:
            repeat = _REPEAT.match(text, position)
            if repeat is not None and repeat[1] is None:
                groups[-1] = True
            position = position + 1 if repeat is None else repeat.end()
    return False


def _class_end(text: str, position: int) -> int:
    """The position behind the character class that opens at `position`."""
    position += 1
    if text[position : position + 1] == "^":
        position += 1
    # A bracket that comes first is a member of the class.
    first = position
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] == "]" and position > first:
            return position + 1
        else:
            position += 1
    return position
