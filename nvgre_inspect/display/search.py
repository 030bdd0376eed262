"""Search: the next row in whose shown texts something occurs.

Rows are formatted as they would be shown, some thousands at a time from where one stands on, so that what is near is
found at once; all of a million flows take some seconds, during which `stop` is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.display.presented import Presented

_CHUNK = 4096


def find_text(
    frame: pd.DataFrame,
    positions: npt.NDArray[np.int64] | None,
    columns: Sequence[Presented],
    text: str,
    start: int,
    *,
    backwards: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> int | None:
    """The row (of those at `positions`; None: all) nearest after `start` that shows `text` in one of `columns`.

    Large and small letters are the same. Behind the last row comes the first; `start` itself comes last. None: no row
    has it, or `stop` returned true.
    """
    count = len(frame) if positions is None else len(positions)
    wanted = text.casefold()
    for rows in _chunks(count, start, backwards):
        if stop():
            return None
        few = frame.iloc[rows if positions is None else positions[rows]]
        hits = np.zeros(len(rows), dtype=bool)
        for column in columns:
            hits |= np.fromiter((wanted in words.casefold() for words in column.texts(few)[0]), bool, len(rows))
        if hits.any():
            return int(rows[hits.argmax()])
    return None


def _chunks(count: int, start: int, backwards: bool) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in the order of the search."""
    step = -1 if backwards else 1
    for begin in range(1, count + 1, _CHUNK):
        yield (start + step * np.arange(begin, min(begin + _CHUNK, count + 1))) % count
