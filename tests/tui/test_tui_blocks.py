"""Stacked columns as cells: heights to an eighth, bands in order, labels inside their bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nvgre_inspect.tui.widgets.blocks import EIGHTHS, NOTHING, Cell, stacked, tops
from nvgre_inspect.tui.widgets.column_chart import widened


def cells_of(*bands, height=2, full=16.0, **options):
    return stacked(np.array(bands, dtype=float), height, full, **options)


@pytest.mark.parametrize("eighths", range(1, 9))
def test_one_band_is_exact_to_an_eighth(eighths):
    assert cells_of([eighths]) == [Cell(0, 0, EIGHTHS[eighths], 0)]


def test_a_band_goes_on_in_the_next_cell():
    assert cells_of([11]) == [Cell(0, 0, "█", 0), Cell(0, 1, "▃", 0)]


def test_two_bands_meet_in_a_cell():
    assert cells_of([3], [5]) == [Cell(0, 0, "▃", 0, 1)]


def test_the_largest_of_thin_bands_is_seen():
    assert cells_of([1], [3]) == [Cell(0, 0, "▄", 1)]


def test_nothing_is_no_cell_and_very_little_is_one():
    assert cells_of([0]) == []
    assert cells_of([0.01]) == [Cell(0, 0, "▁", 0)]
    assert cells_of([0.02], [0.01]) == [Cell(0, 0, "▁", 0)]
    assert cells_of([0.01], [0.02]) == [Cell(0, 0, "▁", 1)]


def test_bands_are_labelled_where_they_are_thickest():
    cells = cells_of([8, 24, 8], [0, 0, 16], height=4, full=32.0, labelled=True)
    labels = [cell for cell in cells if cell.is_label]
    assert labels == [Cell(1, 1, "1", 0, is_label=True), Cell(2, 2, "2", 1, is_label=True)]


def test_a_band_without_a_whole_cell_has_no_label():
    assert not any(cell.is_label for cell in cells_of([4], [8], labelled=True))


VALUES = arrays(float, st.tuples(st.integers(1, 5), st.integers(0, 8)), elements=st.floats(0, 1e9))


@given(VALUES, st.integers(1, 12))
def test_heights_add_up(values, height):
    full = float(values.sum(axis=0).max(initial=0.0)) or 1.0
    edges = tops(values, height, full)
    assert (np.diff(edges, axis=0) >= 0).all()
    assert edges.max(initial=0) <= height * 8
    assert ((edges[-1] > 0) == (values.sum(axis=0) > 0)).all()
    for column in range(values.shape[1]):
        mine = [cell for cell in stacked(values, height, full) if cell.column == column]
        assert [cell.row for cell in mine] == list(range(len(mine)))
        assert len(mine) == -(-int(edges[-1, column]) // 8)
        # Full cells below the top one: with one band in front of another, or of one band alone.
        assert all(cell.text == "█" or cell.behind != NOTHING for cell in mine[:-1])


def test_columns_are_widened_as_often_as_there_is_room():
    counts = np.array([[1, 2, 3]])
    assert widened(counts, 7).tolist() == [[1, 1, 2, 2, 3, 3]]
    assert widened(counts, 2).tolist() == [[1, 2, 3]]
    assert widened(counts[:, :0], 7).shape == (1, 0)
