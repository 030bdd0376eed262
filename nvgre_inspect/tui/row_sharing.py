"""What a table of rows has to export, to save and to copy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from nvgre_inspect.display.text import counted
from nvgre_inspect.flows.frames_chosen import frames_of_rows
from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.tui.copyables import of_cell, of_rows
from nvgre_inspect.tui.sharing import Copyable, Packets, Rows
from nvgre_inspect.tui.widgets.table import FrameTable


def rows_of(name: str, table: FrameTable) -> Rows | None:
    """The marked rows of the table of that name, else all that are shown, in their order."""
    if not table.row_count:
        return None
    if table.marked:
        chosen = _chosen(table, tuple(table.marked))
        return Rows(
            name,
            f"{len(chosen):,} marked {name.removesuffix('s') if len(chosen) == 1 else name}",
            partial(iter, [chosen]),
        )
    frame, positions = table.rows.data, table.rows.positions
    title = counted(table.row_count, name.removesuffix("s"), name)
    return Rows(name, title, lambda: iter([frame if positions is None else frame.iloc[positions]]))


def packets_of(name: str, keys: Sequence[Any], snapshot: Snapshot, pages: PacketPages) -> Packets:
    """The packets of the rows with these keys."""
    title = f"the packets of {counted(len(keys), name.removesuffix('s'), name)}"
    return Packets(title, partial(frames_of_rows, pages, snapshot, name, keys))


def texts_of(name: str, table: FrameTable, keys: Sequence[Any], filter_text: str) -> list[Copyable]:
    """The cell under the cursor, the rows with these keys, the filter that is applied."""
    shown = table.presented[table.column]
    cell = [(column, table.rows.value(table.cursor_row, column)) for column in shown.columns]
    total = str(sum(value for _, value in cell)) if shown.summed else None
    chosen = _chosen(table, keys)
    offers = [*of_cell(name, cell, total), *of_rows(name, keys, lambda: chosen)]
    return [*offers, Copyable("the filter as it is", filter_text)] if filter_text else offers


def _chosen(table: FrameTable, keys: Sequence[Any]) -> pd.DataFrame:
    """The rows with these keys, of those that are shown, in their order."""
    places = sorted(place for place in map(table.row_of, keys) if place is not None)
    positions = table.rows.positions
    return table.rows.data.iloc[places if positions is None else positions[places]]
