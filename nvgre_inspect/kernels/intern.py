"""Numbers for keys of fixed width: the batch's way of a dictionary.

Rows are compared whole, the hash only says where to look. The caller makes room for what one call can add.
"""

from numpy import int64

from nvgre_inspect.kernels.compiled import jit
from nvgre_inspect.kernels.hashing import hashed, mix


@jit
def intern(keys, seed, table, index, used, out):
    """`out[i]`: the row of `table` that equals `keys[i]`, added where there was none. Returns the rows in use.

    `keys`: uint32[n, width], `table`: uint32[rows, width] of which `used` are in use and at least n are free, `index`:
    int32, a power of two long, more than half of it free, -1: free. `out`: int64[n].
    """
    mask = len(index) - 1
    width = keys.shape[1]
    for i in range(len(keys)):
        h = int64(seed)
        for k in range(width):
            h = mix(h, int64(keys[i, k]))
        at = hashed(h) & mask
        found = int64(-1)
        while index[at] >= 0:
            row = int64(index[at])
            same = True
            for k in range(width):
                if table[row, k] != keys[i, k]:
                    same = False
                    break
            if same:
                found = row
                break
            at = at + 1 & mask
        if found < 0:
            found = int64(used)
            for k in range(width):
                table[found, k] = keys[i, k]
            index[at] = found
            used += 1
        out[i] = found
    return used


@jit
def reindex(table, seed, used, index):
    """Fill a new `index` (all -1) with the first `used` rows."""
    mask = len(index) - 1
    for row in range(used):
        h = int64(seed)
        for k in range(table.shape[1]):
            h = mix(h, int64(table[row, k]))
        at = hashed(h) & mask
        while index[at] >= 0:
            at = at + 1 & mask
        index[at] = row
