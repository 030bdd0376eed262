"""What a list of packets has to export, to save and to copy: the marked packets, else all of the list."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from nvgre_inspect.flows.packet_pages import PacketPages
from nvgre_inspect.tui.copyables import of_cell, of_rows
from nvgre_inspect.tui.sharing import Copyable, Packets, Rows
from nvgre_inspect.tui.widgets.packet_cells import Numbers
from nvgre_inspect.tui.widgets.packet_list import PacketList

#: Rows that are read again at a time.
_CHUNK = 4096


def rows_of(packets: PacketList, pages: PacketPages) -> Rows | None:
    """Their rows of the packets table; None if there are none."""
    chosen = _chosen(packets)
    return Rows("packets", _title(packets, chosen), partial(_in_chunks, pages, chosen)) if len(chosen) else None


def packets_of(packets: PacketList) -> Packets | None:
    """The packets themselves; None if there are none."""
    chosen = _chosen(packets)
    if not len(chosen):
        return None
    return Packets(_title(packets, chosen), lambda _stop: np.asarray(chosen, dtype=np.int64))


def texts_of(packets: PacketList, pages: PacketPages, filter_text: str) -> list[Copyable]:
    """The cell under the cursor, the marked packets or the one under the cursor, the filter that is applied."""
    if packets.cursor_number is None:
        return []
    cell = [(name, packets.value(name)) for name in packets.presented[packets.column].columns]
    keys = sorted(packets.marked) or [packets.cursor_number]
    offers = [*of_cell("packets", cell), *of_rows("packets", keys, lambda: pages.page(np.array(keys, dtype=np.int64)))]
    return [*offers, Copyable("the filter as it is", filter_text)] if filter_text else offers


def _chosen(packets: PacketList) -> Numbers:
    return np.array(sorted(packets.marked), dtype=np.int64) if packets.marked else packets.numbers


def _title(packets: PacketList, chosen: Numbers) -> str:
    marked = "marked " if packets.marked else ""
    return f"{len(chosen):,} {marked}{'packet' if len(chosen) == 1 else 'packets'}"


def _in_chunks(pages: PacketPages, numbers: Numbers) -> Iterator[pd.DataFrame]:
    for start in range(0, len(numbers), _CHUNK):
        yield pages.page(np.array(numbers[start : start + _CHUNK], dtype=np.int64))
