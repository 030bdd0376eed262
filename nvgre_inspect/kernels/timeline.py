"""The timeline: bins that widen as a capture grows (`docs/accounting.md`, step 9).

A row of bins is a ring: the bin of time `ns` is number `ns // bin_width`, and stands at that number modulo BINS. As
all times are less than BINS bins apart no two meet, and a time before all others moves nothing. (Bins that start at
the earliest time had to be moved whenever there was an earlier one, in all rows: seconds for a few thousand frames.)
"""

import numpy as np

from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.kernels.compiled import inner

FIELDS = 4
#: BINS is a power of two.
LAST_BIN = BINS - 1


@inner
def fit(m, bins, ns):
    """Make the bins hold time `ns`."""
    if not m.any_time:
        m.any_time = 1
        m.min_ns = ns
        m.max_ns = ns
        return
    if m.min_ns <= ns <= m.max_ns:
        return
    low = min(m.min_ns, ns)
    high = max(m.max_ns, ns)
    while high // m.bin_width - low // m.bin_width >= BINS:
        _widen(m, bins)
    m.min_ns = low
    m.max_ns = high


@inner
def _widen(m, bins):
    """Double the width: bins 2k and 2k + 1 become bin k."""
    first = m.min_ns // m.bin_width
    last = m.max_ns // m.bin_width
    wide = np.zeros((BINS, FIELDS), np.int64)
    for row in range(m.n_series):
        line = bins[row]
        for number in range(first, last + 1):
            for k in range(FIELDS):
                wide[number >> 1 & LAST_BIN, k] += line[number & LAST_BIN, k]
        for b in range(BINS):
            for k in range(FIELDS):
                line[b, k] = wide[b, k]
                wide[b, k] = 0
    m.bin_width = m.bin_width * 2
