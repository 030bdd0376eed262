"""Hashes that say where in an index a row is looked for. Rows are compared by all their key fields besides.

An index is a power of two long and open-addressed, so whoever could choose addresses with the same hash could make
every look-up a walk over all rows. So every hash starts from a number of this process's own, and the state is wider
than what one step takes in: two inputs that meet do so under one seed, not under all (with 32 bits of state, flipping
the top bit of one word and two bits of the next met whatever the seed was).
"""

import os
from typing import Any

from nvgre_inspect.kernels.compiled import inner

#: Odd; its product with a state is taken modulo 2^63.
_MULTIPLIER = 0x5851F42D4C957F2D
_STATE = 0x7FFFFFFFFFFFFFFF
_HASH = 0xFFFFFFFF

if os.environ.get("NVGRE_INSPECT_NO_JIT") == "1":

    def mix(h: Any, value: Any) -> Any:
        """One step: state and a number of at most 32 bits to the next state."""
        h = (int(h) ^ int(value)) * _MULTIPLIER & _STATE
        return h ^ h >> 32

else:
    from numba import int64, uint64

    @inner
    def mix(h: Any, value: Any) -> Any:
        """One step: state and a number of at most 32 bits to the next state.

        Unsigned: numba tells LLVM that signed products do not overflow, and LLVM then leaves out the modulo here
        and there, so that one key had two hashes (seen with numba 0.68).
        """
        h = (uint64(h) ^ uint64(value)) * uint64(_MULTIPLIER) & uint64(_STATE)
        return int64(h ^ h >> uint64(32))


@inner
def mix_wide(h, value):
    """Mix in a signed 64-bit number."""
    return mix(mix(h, value & 0xFFFFFFFF), value >> 32 & 0xFFFFFFFF)


@inner
def hashed(h):
    """The 32 bits of a state that are stored and looked for."""
    return h & _HASH
