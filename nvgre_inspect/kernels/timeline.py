"""The timeline: bins that widen as a capture grows (`docs/accounting.md`, step 9)."""

from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.kernels.compiled import inner

FIELDS = 4


@inner
def fit(m, bins, ns):
    """Make the bins hold time `ns`; afterwards `ns // bin_width - bin_base` is a bin."""
    if not m.any_time:
        m.any_time = 1
        m.min_ns = ns
        m.max_ns = ns
        m.bin_base = ns // m.bin_width
        return
    if m.min_ns <= ns <= m.max_ns:
        return
    m.min_ns = min(m.min_ns, ns)
    m.max_ns = max(m.max_ns, ns)
    while m.max_ns // m.bin_width - m.min_ns // m.bin_width >= BINS:
        _widen(m, bins)
    first = m.min_ns // m.bin_width
    if first != m.bin_base:
        _shift(m, bins, m.bin_base - first)
        m.bin_base = first


@inner
def _widen(m, bins):
    """Double the width: bins 2k and 2k + 1 (counted from the epoch) become bin k."""
    odd = m.bin_base & 1
    for row in range(m.n_series):
        line = bins[row]
        for b in range(BINS):
            to = (b + odd) // 2
            for k in range(FIELDS):
                value = line[b, k]
                line[b, k] = 0
                line[to, k] += value
    m.bin_base = m.bin_base >> 1
    m.bin_width = m.bin_width * 2


@inner
def _shift(m, bins, by):
    """Move every bin `by` places up; what is moved out holds nothing."""
    for row in range(m.n_series):
        line = bins[row]
        for b in range(BINS - 1, -1, -1):
            for k in range(FIELDS):
                line[b, k] = line[b - by, k] if b - by >= 0 else 0
