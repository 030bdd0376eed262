"""The timeline: packets and bytes per series and bin of time, in bins that widen as a capture grows.

Bins are kept sparse, under their absolute number (time // width). All widths are FIRST_BIN_NS times a power of two, so
doubling the width joins pairs of bins exactly, and the order in which frames come does not matter.
"""

from __future__ import annotations

import numpy as np

from nvgre_inspect.kernels.codes import BINS, FIRST_BIN_NS
from nvgre_inspect.model.state import BIN_SHAPE

#: One bin: packets, bytes, wire_bytes, retransmissions, as BIN_FIELDS.
Bin = list[int]


class Timeline:
    """Bins of all series. A series is a row of the table that the accountant keeps."""

    def __init__(self) -> None:
        self.width_ns: int = FIRST_BIN_NS
        #: Numbers of the first and the last bin that anything was added to; the first is above the last at first.
        self._first, self._last = 0, -1
        self._bins: dict[tuple[int, int], Bin] = {}

    def add(self, series: int, ts_ns: int, counts: tuple[int, int, int, int]) -> None:
        """Adds a frame's (packets, bytes, wire_bytes, retransmissions)."""
        number = ts_ns // self.width_ns
        if self._last < self._first:
            self._first = self._last = number
        self._first, self._last = min(self._first, number), max(self._last, number)
        if self._last - self._first >= BINS:
            self._widen()
            number = ts_ns // self.width_ns
        bin_ = self._bins.setdefault((series, number), [0, 0, 0, 0])
        for i, count in enumerate(counts):
            bin_[i] += count

    def _widen(self) -> None:
        """Doubles the width until all bins are fewer than BINS apart."""
        doublings = 0
        while (self._last >> doublings) - (self._first >> doublings) >= BINS:
            doublings += 1
        self.width_ns <<= doublings
        self._first, self._last = self._first >> doublings, self._last >> doublings
        narrow, self._bins = self._bins, {}
        for (series, number), counts in narrow.items():
            wide = self._bins.setdefault((series, number >> doublings), [0, 0, 0, 0])
            for i, count in enumerate(counts):
                wide[i] += count

    @property
    def start_ns(self) -> int:
        """Time at which the first bin starts; 0 as long as nothing was added."""
        return self._first * self.width_ns

    def bins(self, n_series: int) -> np.ndarray:
        """int64 [n_series, BINS, 4]."""
        result = np.zeros((n_series, *BIN_SHAPE), dtype=np.int64)
        for (series, number), counts in self._bins.items():
            result[series, number - self._first] = counts
        result.flags.writeable = False
        return result
