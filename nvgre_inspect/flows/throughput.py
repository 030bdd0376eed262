"""Throughput over time by tenant: what the timeline's bins say, for a chart of any width.

Bytes are those on the wire (`wire_bytes` of the table `timeline`): what the underlay has to carry. The first and the
last bin are mostly covered in part only, and are counted at their full width: their rate is too low rather than a peak
that never was.

Limits: accounting keeps at most 256 bins and 4,096 lines of them; a capture with more tenants times tunnels has the
rest in none of them (`table-overflow`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nvgre_inspect.flows import labels
from nvgre_inspect.kernels.codes import BINS
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.snapshot import Snapshot
from nvgre_inspect.model.state import BIN_FIELDS

_WIRE_BYTES = BIN_FIELDS.index("wire_bytes")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant, by what tells it apart."""

    encap: str
    #: None: the encapsulation has no id.
    vsid: int | None

    def words(self, names: Names) -> str:
        """`nvgre 5001 (blue)`, as tables show a tenant. A name may hold anything: escape it."""
        name = names.vsid(self.encap, self.vsid)
        number = "" if self.vsid is None else f" {self.vsid}"
        return f"{self.encap}{number}" + (f" ({name})" if name else "")


@dataclass(frozen=True, slots=True)
class Throughput:
    """Bytes on the wire in equal intervals, one row per tenant, the largest first."""

    #: Where the first interval starts, nanoseconds since the epoch.
    start_ns: int
    #: Length of an interval.
    width_ns: int
    tenants: tuple[Tenant, ...]
    #: Number of tenants in the last row, which has no entry in `tenants`; 0: there is no such row.
    others: int
    #: int64 [rows, intervals]
    wire_bytes: npt.NDArray[np.int64]

    @property
    def duration_ns(self) -> int:
        """Time that the intervals cover."""
        return self.width_ns * int(self.wire_bytes.shape[1])

    def rates(self, columns: int) -> npt.NDArray[np.float64]:
        """Bits per second: float64 [rows, columns], for so many columns of equal length.

        Columns and intervals need not coincide: within an interval traffic is taken as even, so that no byte is lost
        or counted twice, whichever of them are the narrower.
        """
        rows, intervals = self.wire_bytes.shape
        if not intervals or columns <= 0:
            return np.zeros((rows, max(columns, 0)))
        totals = np.zeros((rows, intervals + 1))
        np.cumsum(self.wire_bytes, axis=1, out=totals[:, 1:])
        at = np.linspace(0, intervals, columns + 1)
        edges = np.arange(intervals + 1)
        parts = np.array([np.diff(np.interp(at, edges, total)) for total in totals]).reshape(rows, columns)
        return parts * (8e9 * columns / self.duration_ns)


def throughput(snapshot: Snapshot, top: int = 6) -> Throughput:
    """The `top` tenants with most bytes on the wire by themselves, all others in one row."""
    state = snapshot.state
    bins = state.bins[:, :, _WIRE_BYTES]
    used = np.flatnonzero(state.bins[:, :, 0].any(axis=0)) if len(bins) else np.zeros(0, np.int64)
    if not len(used):
        return Throughput(state.bin_start_ns, state.bin_width_ns, (), 0, np.zeros((0, 0), np.int64))
    first, end = int(used[0]), int(used[-1]) + 1
    codes, where = labels.combine([state.series["encap"], state.series["vsid"]])
    by_tenant = np.zeros((len(where), BINS), np.int64)
    np.add.at(by_tenant, codes, bins)
    order = np.argsort(-by_tenant.sum(axis=1), kind="stable")
    kinds = snapshot.options.tables.names
    tenants = tuple(_tenant(state.series[where[row]], kinds) for row in order[:top])
    rows = [by_tenant[order[:top], first:end]]
    others = len(order) - len(tenants)
    if others:
        rows.append(by_tenant[order[top:], first:end].sum(axis=0, keepdims=True))
    start_ns = state.bin_start_ns + first * state.bin_width_ns
    return Throughput(start_ns, state.bin_width_ns, tenants, others, np.concatenate(rows))


def _tenant(series: Any, kinds: dict[int, str]) -> Tenant:
    vsid = int(series["vsid"])
    return Tenant(labels.encap_name(int(series["encap"]), kinds), None if vsid < 0 else vsid)
