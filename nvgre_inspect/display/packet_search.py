"""Search: the next packet of a list in whose shown texts something occurs.

Packets are read again, decoded and formatted as they would be shown, some thousands at a time from where one stands on;
all of a million take a minute, during which `stop` is asked. A filter is faster, and finds what is not shown too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.display.presented import Presented
from nvgre_inspect.display.search import find_text

#: What is near is to be found at once; what is far in as few pieces as memory allows.
_FIRST, _MOST = 64, 4096


class Pages(Protocol):
    """What reads packets again, as rows that are formatted as they are shown."""

    def page(self, numbers: npt.NDArray[np.int64]) -> pd.DataFrame:
        """The rows of the packets of these numbers."""
        ...


def find_packet(
    pages: Pages,
    numbers: range | npt.NDArray[np.int64],
    columns: Sequence[Presented],
    text: str,
    start: int,
    *,
    backwards: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> int | None:
    """The row of the packet nearest after row `start` that shows `text` in one of `columns`.

    `numbers` are those of the list, rising. Large and small letters are the same; behind the last row comes the first,
    and `start` itself comes last. None: no packet has it, or `stop` returned true. CaptureError where packets cannot be
    read again.
    """
    for begin, end in _stretches(len(numbers), start, backwards):
        if stop():
            return None
        few = pages.page(np.array(numbers[begin:end], dtype=np.int64))
        # From before the first of these, or from behind the last.
        row = find_text(few, None, columns, text, 0 if backwards else -1, backwards=backwards)
        if row is not None:
            return begin + row
    return None


def _stretches(count: int, start: int, backwards: bool) -> Iterator[tuple[int, int]]:
    """Rows from `start` on and round to it again, as (first, behind the last)."""
    size = _FIRST
    halves = [(0, start), (start, count)] if backwards else [(start + 1, count), (0, min(start + 1, count))]
    for first, end in halves:
        while first < end:
            if backwards:
                yield max(end - size, first), end
                end -= size
            else:
                yield first, min(first + size, end)
                first += size
            size = min(2 * size, _MOST)
