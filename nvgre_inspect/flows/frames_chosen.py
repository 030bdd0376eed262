"""The frames of chosen rows: of some tenants, tunnels, flows or findings together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nvgre_inspect.flows.packet_pages import Numbers, PacketPages
from nvgre_inspect.flows.packet_scope import frames_of, test_of
from nvgre_inspect.flows.scoped import Narrow
from nvgre_inspect.model.snapshot import Snapshot


def frames_of_rows(
    pages: PacketPages, snapshot: Snapshot, table: str, keys: Iterable[Any], stop: Callable[[], bool] = lambda: False
) -> Numbers:
    """int64: the numbers of the frames of these rows, rising, each once.

    Keys are those of the terminal UI's selections: numbers of flows and tunnels, (encap, vsid or None) of tenants,
    (code, encap, vsid, tunnel) of findings, whose frames are those that the table names. Frames of tunnels may have to
    be read again; `stop` is asked in between. KeyError for a table whose rows have no frames, CaptureError as
    `PacketPages.matching` has it.
    """
    if table == "findings":
        return _named(snapshot, set(keys))
    parts = [_within(pages, snapshot, _narrow(table, key), stop) for key in keys]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))


def _narrow(table: str, key: Any) -> Narrow:
    if table == "tenants":
        return Narrow(tenant=key)
    if table == "tunnels":
        return Narrow(tunnel=key)
    if table == "flows":
        return Narrow(flow=key)
    raise KeyError(table)


def _within(pages: PacketPages, snapshot: Snapshot, narrow: Narrow, stop: Callable[[], bool]) -> Numbers:
    frames = np.asarray(frames_of(pages, snapshot, narrow), dtype=np.int64)
    test = test_of(snapshot, narrow)
    if test is None:
        return frames
    found = [np.zeros(0, dtype=np.int64)]
    for some in pages.matching(None, frames, test):
        found.append(some.numbers)
        if stop():
            break
    return np.concatenate(found)


def _named(snapshot: Snapshot, keys: set[Any]) -> Numbers:
    numbers: set[int] = set()
    columns = ["code", "encap", "vsid", "tunnel", "frames"]
    for code, encap, vsid, tunnel, frames in snapshot.findings[columns].astype(object).itertuples(index=False):
        if (code, encap, _plain(vsid), _plain(tunnel)) in keys:
            numbers.update(frames)
    return np.array(sorted(numbers), dtype=np.int64)


def _plain(value: Any) -> int | None:
    """A number of a column that may be null."""
    return int(value) if isinstance(value, int | np.integer) else None
