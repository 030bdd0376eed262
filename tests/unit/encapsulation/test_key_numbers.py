"""Numbers for keys: as a dictionary would give them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.encapsulation.key_numbers import KeyNumbers

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2).map(lambda i: i << 62)), max_size=30)


def keys_of(rows):
    return np.array(rows, dtype=np.uint64).reshape(len(rows), 2)


@given(st.lists(ROWS, max_size=5), st.integers(1, 12))
def test_as_a_dictionary(batches, limit):
    numbers, known = KeyNumbers(2), {}
    for rows in batches:
        for row in rows:
            if row not in known and len(known) < limit:
                known[row] = len(known)
        assert numbers.of(keys_of(rows), limit).tolist() == [known.get(row, -1) for row in rows]
        assert len(numbers) == len(known)
    for row, number in known.items():
        assert numbers.key(number) == list(row)


def test_keys_that_share_a_hash_are_told_apart():
    numbers = KeyNumbers(2)
    numbers._multipliers = np.zeros(2, dtype=np.uint64)  # all of them do now
    rows = [(i, i % 3) for i in range(20)] + [(5, 2), (6, 0), (20, 0)]
    assert numbers.of(keys_of(rows), 100).tolist() == [*range(20), 5, 6, 20]
    assert numbers.of(keys_of(rows[::-1]), 100).tolist() == [20, 6, 5, *range(19, -1, -1)]
