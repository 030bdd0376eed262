"""Ticks: where they are, what they say, never too many, whatever the span."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nvgre_inspect.display.axis import byte_axis, count_axis, rate_axis, step_of, time_axis, value_axis


def labels(axis):
    return [tick.label for tick in axis.ticks]


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 24.9, 5, ["0", "5 s", "10 s", "15 s", "20 s"]),
        (0, 0.001, 5, ["0", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms", "1.0 ms"]),
        (0, 2.5e-6, 3, ["0", "1 µs", "2 µs"]),
        (100, 100.4, 4, ["100.0 s", "100.1 s", "100.2 s", "100.3 s", "100.4 s"]),
        (0, 300, 5, ["0", "1 min", "2 min", "3 min", "4 min", "5 min"]),
        (0, 5400, 6, ["0", "15 min", "30 min", "45 min", "60 min", "75 min", "90 min"]),
        (0, 6 * 3600, 6, ["0", "1 h", "2 h", "3 h", "4 h", "5 h", "6 h"]),
        (0, 86400 * 300, 3, ["0", "100 d", "200 d", "300 d"]),
        (0, 0, 4, ["0"]),
    ],
)
def test_times(low, high, most, expected):
    assert labels(time_axis(low, high, most)) == expected


def test_rates_have_the_unit_of_the_largest():
    assert labels(rate_axis(0, 1.29e6, 3)) == ["0", "0.5 Mbit/s", "1.0 Mbit/s"]
    assert labels(rate_axis(0, 999, 2)) == ["0", "500 bit/s"]


def test_counts_are_whole():
    assert labels(count_axis(0, 3, 10)) == ["0", "1", "2", "3"]
    assert labels(count_axis(0, 45_000, 3)) == ["0", "20k", "40k"]


def test_bytes_and_values():
    assert labels(byte_axis(0, 8500, 4)) == ["0", "5 kB"]
    assert labels(byte_axis(0, 900, 4)) == ["0", "500 B"]
    assert labels(value_axis(49152, 65536, 3)) == ["50000", "60000"]
    assert labels(value_axis(0, 4, 10)) == ["0", "1", "2", "3", "4"]


@example(time_axis, 549755813888.0, 0.001, 10)
@given(
    st.sampled_from([time_axis, rate_axis, byte_axis, count_axis, value_axis]),
    st.floats(0, 1e12),
    st.floats(1e-6, 1e12),
    st.integers(1, 12),
)
def test_ticks_are_within_in_order_and_few(make, low, span, most):
    axis = make(low, low + span, most)
    places = [tick.at for tick in axis.ticks]
    # Ticks are within a billionth of a step, and steps of whole things are at least 1.
    slack = max(1e-6 * (abs(low) + span), 2e-9)
    assert all(low - slack <= place <= low + span + slack for place in places)
    assert all(a < b for a, b in pairwise(places))
    assert len(places) <= most + 1


@pytest.mark.parametrize("span", [0.0, -1.0, float("nan"), float("inf")])
def test_no_span_no_error(span):
    assert step_of(span, 5) == 1.0
