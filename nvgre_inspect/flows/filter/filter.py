"""Filter: a compiled filter, to be asked of tables and of batches of packets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nvgre_inspect.flows.filter.binding import bind
from nvgre_inspect.flows.filter.catalogue import Catalogue
from nvgre_inspect.flows.filter.packet_fields import FLOW_NUMBER
from nvgre_inspect.flows.filter.packet_rows import PacketRows
from nvgre_inspect.flows.filter.parser import parse
from nvgre_inspect.flows.filter.predicates import Predicate
from nvgre_inspect.flows.filter.table_fields import Columns
from nvgre_inspect.flows.filter.table_rows import TableRows
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions

if TYPE_CHECKING:
    from dissectors.registry import Registry

_DEFAULT = DecodeOptions()


@dataclass(frozen=True)
class Filter:
    """What `compile_filter` returns. Safe to use on any number of batches and tables."""

    text: str
    #: None: packets before anything is counted (-R); else the table whose rows it selects (-Y).
    table: str | None
    predicate: Predicate
    #: The last flows table asked about: its columns are prepared once, not once per batch.
    _flows: list[TableRows] = field(default_factory=list, compare=False, repr=False)

    @property
    def needs_flows(self) -> bool:
        """Whether it asks for columns of the packets' flows (or their numbers), so that counting comes first."""
        return any(
            reference.field is FLOW_NUMBER or isinstance(reference.field.source, Columns)
            for reference in self.predicate.references()
            if self.table in (None, "packets")
        )

    def mask(self, table: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """One bool per row of `table`, which has the columns of the table that the filter was compiled for.

        TypeError for a filter on packets.
        """
        if self.table in (None, "packets"):
            raise TypeError("a filter on packets is asked by packet_mask")
        return self.predicate.mask(TableRows(table))

    def packet_mask(
        self,
        batch: PacketBatch,
        records: npt.NDArray[np.void],
        number: int | npt.NDArray[np.int64],
        start_ns: int,
        flows: pd.DataFrame | None = None,
        frame_flow: npt.NDArray[np.integer[Any]] | None = None,
        options: DecodeOptions = _DEFAULT,
        registry: Registry | None = None,
    ) -> npt.NDArray[np.bool_]:
        """One bool per frame of `batch`.

        `records` [frames] are those of the batch, `number` is that of its first frame, or [frames] that of each where
        they do not follow each other, `start_ns` the time of the capture's first frame. `flows` is the flows table and
        `frame_flow` [frames] the row there of each frame's flow (-1: none); both only where `needs_flows`. `options`
        are those that the records were decoded with; `registry` is that of users' dissectors, for `info`.
        TypeError for a filter on another table, ValueError for missing flows or lengths that differ.
        """
        if self.table not in (None, "packets"):
            raise TypeError(f"a filter on {self.table} is asked by mask")
        if len(records) != len(batch) or (frame_flow is not None and len(frame_flow) != len(batch)):
            raise ValueError("records and frame_flow have one entry per frame of the batch")
        rows = PacketRows(batch, records, number, start_ns, self._flow_rows(flows), frame_flow, options, registry)
        return self.predicate.mask(rows)

    def _flow_rows(self, flows: pd.DataFrame | None) -> TableRows | None:
        if flows is None:
            return None
        if not self._flows or self._flows[0].table is not flows:
            self._flows[:] = [TableRows(flows)]
        return self._flows[0]


def compile_filter(text: str, *, table: str | None) -> Filter:
    """Compiles a filter: `table` None for -R, "packets" for -Y on packets, else the name of a table.

    FilterError says what is wrong and where; KeyError for a table that does not exist. An empty text lets everything
    through.
    """
    catalogue = Catalogue(table)
    return Filter(text, table, bind(parse(text), text, catalogue))


def complete(prefix: str, table: str | None = None) -> list[str]:
    """Names that begin with `prefix`, sorted; `table` as for `compile_filter`."""
    return sorted(name for name in Catalogue(table).names if name.startswith(prefix))
