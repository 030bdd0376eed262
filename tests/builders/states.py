"""Comparing what two accountants found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

import numpy as np

from nvgre_inspect.model.state import State


def assert_states_equal(left: State, right: State, *, without: Collection[str] = ()) -> None:
    """Every field of every row; the message names the array, the field and the first row that differs."""
    for field in fields(State):
        if field.name not in without:
            a, b = getattr(left, field.name), getattr(right, field.name)
            if isinstance(a, np.ndarray):
                assert_arrays_equal(field.name, a, b)
            else:
                assert a == b, field.name


def assert_arrays_equal(name: str, left: np.ndarray, right: np.ndarray) -> None:
    assert left.dtype == right.dtype, name
    assert left.shape == right.shape, f"{name}: {left.shape} and {right.shape}"
    for part in left.dtype.names or ("",):
        a, b = (left[part], right[part]) if part else (left, right)
        rows = np.flatnonzero((a != b).reshape(len(a), -1).any(axis=1)) if len(a) else []
        assert len(rows) == 0, f"{name}[{rows[0]}].{part}: {a[rows[0]]} and {b[rows[0]]} ({len(rows)} rows differ)"
