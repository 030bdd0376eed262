"""Snapshot: an immutable view of what accounting knows at one moment, as tables.

Tables are built when they are first asked for and kept. The model knows no table builder:
`flows.tables.snapshot` hands one in.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nvgre_inspect.model.columns import TABLES
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.rows import Rows
from nvgre_inspect.model.schema import Table

if TYPE_CHECKING:
    import pandas as pd

    from nvgre_inspect.model.source import InterfaceInfo
    from nvgre_inspect.model.state import State

#: Builds the table of that name.
Builder = Callable[["Snapshot", str], Rows]


class Tables(ABC):
    """What has tables, each as a property."""

    @abstractmethod
    def table(self, name: str) -> pd.DataFrame:
        """The table of that name (`model.columns`) but for `packets`, which is made batch by batch; else KeyError."""

    @property
    def captures(self) -> pd.DataFrame:
        """One row per capture file and interface."""
        return self.table("captures")

    @property
    def flows(self) -> pd.DataFrame:
        """One row per flow."""
        return self.table("flows")

    @property
    def tenants(self) -> pd.DataFrame:
        """One row per (encap, vsid)."""
        return self.table("tenants")

    @property
    def tunnels(self) -> pd.DataFrame:
        """One row per encapsulation and pair of provider addresses."""
        return self.table("tunnels")

    @property
    def endpoints(self) -> pd.DataFrame:
        """One row per tenant, MAC and IP address."""
        return self.table("endpoints")

    @property
    def placements(self) -> pd.DataFrame:
        """One row per flow, direction, tunnel, FlowID and path."""
        return self.table("placements")

    @property
    def timeline(self) -> pd.DataFrame:
        """One row per interval of time and tenant that has packets."""
        return self.table("timeline")

    @property
    def findings(self) -> pd.DataFrame:
        """One row per finding."""
        return self.table("findings")


class Snapshot(Tables):
    """Tables over one State. Do not change the frames it hands out: all users of the snapshot share them."""

    def __init__(
        self,
        state: State,
        interfaces: Sequence[InterfaceInfo],
        names: Names,
        options: DecodeOptions,
        build: Builder,
    ) -> None:
        """`state` is not written to any more; `interfaces` are the rows of `captures`; `options` are those
        of decoding and accounting; `build` makes a table when it is first asked for.
        """
        self.state = state
        self.interfaces = tuple(interfaces)
        self.names = names
        self.options = options
        self._build = build
        self._rows: dict[str, Rows] = {}
        self._frames: dict[str, pd.DataFrame] = {}
        self._lock = threading.RLock()

    def rows(self, name: str) -> Rows:
        """The table of that name as arrays; raises as `table`."""
        with self._lock:
            if name not in self._rows:
                self._rows[name] = self._built(name)
            return self._rows[name]

    def table(self, name: str) -> pd.DataFrame:
        """The table of that name."""
        with self._lock:
            if name not in self._frames:
                # Rows that nobody asked for are not kept besides: of a million flows they are 100 MB.
                rows = self._rows.get(name)
                self._frames[name] = (self._built(name) if rows is None else rows).frame()
            return self._frames[name]

    def _built(self, name: str) -> Rows:
        if name not in TABLES or name == "packets":
            raise KeyError(name)
        return self._build(self, name)

    def schema(self, name: str) -> Table:
        """The columns of the table of that name; KeyError for others."""
        return TABLES[name]

    def __repr__(self) -> str:
        return f"<Snapshot: {self.state.frames} frames, {len(self.state.flows)} flows>"
