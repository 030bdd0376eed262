"""The compiled hash is the one that is written down, wherever the optimizer meets it."""

import numpy as np
import pytest

from nvgre_inspect.kernels.compiled import jit
from nvgre_inspect.kernels.hashing import mix

MULTIPLIER, STATE = 0x5851F42D4C957F2D, (1 << 63) - 1


@jit
def in_a_loop(values, out):
    """Every state on the way: where numba's signed products lost their modulo."""
    h = np.int64(0x6E76677265)
    for i in range(len(values)):
        h = mix(h, np.int64(values[i]))
        out[i] = h


@pytest.mark.parametrize("seed", range(20))
def test_states_are_products_modulo_2_to_the_63(seed):
    values = np.random.default_rng(seed).integers(0, 1 << 32, 40, dtype=np.uint32)
    values[::3] = 0
    out = np.zeros(len(values), np.int64)
    in_a_loop(values, out)
    h, expected = 0x6E76677265, []
    for value in values.tolist():
        h = (h ^ value) * MULTIPLIER & STATE
        h ^= h >> 32
        expected.append(h)
    assert out.tolist() == expected
