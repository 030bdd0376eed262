"""Stacked columns as terminal cells, an eighth of a cell exact: block characters of one band on the colour of the next.

Pure: bands and heights in, characters out. A cell has two colours at most, so where three bands meet in one the
thinnest is not seen; what is there at all is an eighth high at least. Each band is labelled where it is thickest, for
those who do not see its colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Index: how many eighths of the cell are filled, from below.
EIGHTHS = " ▁▂▃▄▅▆▇█"
#: No band: the background.
NOTHING = -1
_LABELS = "123456789"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a character of the band `front`, on the colour of the band `behind`."""

    column: int
    #: Counted from below.
    row: int
    text: str
    front: int
    behind: int = NOTHING
    #: The character names the band: it is written on the band's colour.
    is_label: bool = False


def tops(values: npt.NDArray[np.float64], height: int, full: float) -> npt.NDArray[np.int64]:
    """Upper edge of each band in eighths of a cell, int64 [bands, columns]; `full` is `height` cells high."""
    if full <= 0:
        return np.zeros(values.shape, np.int64)
    # Divided first: what `full` would be a divisor of has no room in a float where it is tiny.
    edges = np.rint(np.cumsum(values, axis=0) / full * (height * len(EIGHTHS[1:]))).astype(np.int64)
    if len(edges):
        # However little it is: there is something, most of it of the largest band.
        slight = np.flatnonzero((edges[-1] == 0) & (values.sum(axis=0) > 0))
        edges[:, slight] = np.arange(len(edges))[:, None] >= values[:, slight].argmax(axis=0)
    return np.minimum(edges, height * len(EIGHTHS[1:]))


def stacked(values: npt.NDArray[np.float64], height: int, full: float, *, labelled: bool = False) -> list[Cell]:
    """The cells of stacked columns: `values` float64 [bands, columns], not negative, the first band at the bottom."""
    edges = tops(values, height, full)
    cells = [
        cell
        for column in range(values.shape[1])
        for row in range(height)
        if (cell := _cell(edges[:, column], column, row)) is not None
    ]
    if not labelled:
        return cells
    labels = {(label.column, label.row): label for label in _labels(edges)}
    return [labels.get((cell.column, cell.row), cell) for cell in cells]


def _cell(edges: npt.NDArray[np.int64], column: int, row: int) -> Cell | None:
    low, high = row * 8, row * 8 + 8
    parts = np.diff(np.clip(edges, low, high), prepend=low)
    filled = int(parts.sum())
    if not filled:
        return None
    bands = np.flatnonzero(parts)
    lowest, largest = int(bands[0]), int(parts.argmax())
    rest = parts.copy()
    rest[lowest] = 0
    if len(bands) == 1 or 8 - filled >= int(rest.max()):
        # One band, or too little of the others to be worth the background.
        return Cell(column, row, EIGHTHS[filled], largest)
    return Cell(column, row, EIGHTHS[int(parts[lowest])], lowest, int(rest.argmax()))


def _labels(edges: npt.NDArray[np.int64]) -> list[Cell]:
    """A digit in each of the first nine bands, in the middle of where it fills most whole cells above each other."""
    found = []
    lower = np.zeros(edges.shape[1], np.int64)
    for band, upper in enumerate(edges[: len(_LABELS)]):
        first, end = -(-lower // 8), upper // 8
        whole = end - first
        if len(whole) and whole.max() > 0:
            thickest = np.flatnonzero(whole == whole.max())
            column = int(thickest[len(thickest) // 2])
            row = int(first[column] + whole[column] // 2)
            found.append(Cell(column, row, _LABELS[band], band, is_label=True))
        lower = upper
    return found
