"""State: what accounting has found so far, as NumPy arrays. Both accountants hand out exactly this.

`docs/accounting.md` says how each number comes about; `flows/` turns the arrays into the tables that users see. Rows
refer to each other by index (0-based; users see 1-based numbers). Two-element fields are per *side*: side 0 is the
lower endpoint of a flow (or tunnel), side 1 the higher; which of them is `fwd` is said by `initiator`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nvgre_inspect.kernels.codes import BINS, PATH_ITEMS
from nvgre_inspect.model.record import MAX_LAYERS

#: An interned list of layers: a flow's key stack (tenant layer and the virtual networks inside it) or full stack.
STACK = np.dtype([("n", "u1"), ("kind", "u1", (MAX_LAYERS,)), ("id", "u4", (MAX_LAYERS,))], align=True)
#: An interned underlay address; family 0: none (MPLS straight on Ethernet).
ADDRESS = np.dtype([("family", "u1"), ("word", "u4", (4,))], align=True)
#: An interned path: kind 1 MPLS (labels in words 3, 7, …), 2 SRv6 (segments of four words, as on the wire).
PATH = np.dtype([("kind", "u1"), ("n", "u1"), ("item", "u4", (PATH_ITEMS * 4,))], align=True)

FLOW = np.dtype(
    [
        # key
        ("stack", "i4"),  # key stack, index into stacks
        ("tunnel", "i4"),  # of the first packet, -1: none
        ("family", "u1"),
        ("protocol", "i2"),
        ("ethertype", "i4"),
        ("n_vlan", "u1"),
        ("vlan", "u2", (2,)),
        ("addr_a", "u4", (4,)),
        ("addr_b", "u4", (4,)),
        ("port", "i4", (2,)),  # ICMP echo: identifier in 0, -1 in 1, whatever the side
        ("mac", "i8", (2,)),  # of the first packet
        # what it is
        ("full_stack", "i4"),  # of the first packet, index into stacks
        ("encap", "u1"),
        ("vsid", "i8"),
        ("initiator", "u1"),  # the side that is fwd
        ("state", "u1"),
        ("anomalies", "i8"),
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        # counters
        ("packets", "i8", (2,)),
        ("bytes", "i8", (2,)),
        ("wire_bytes", "i8", (2,)),
        ("data_segments", "i4", (2,)),
        ("retransmissions", "i4", (2,)),
        ("out_of_order", "i4", (2,)),
        ("lost_segments", "i4", (2,)),
        ("acked_unseen", "i4", (2,)),
        ("duplicates", "i4", (2,)),
        ("duplicate_acks", "i4", (2,)),
        ("zero_windows", "i4", (2,)),
        ("resets", "i4", (2,)),
        ("handshake_rtt_ns", "i8"),  # -1 unknown
        ("mss", "i4", (2,)),  # -1 unknown
        ("window_scale", "i2", (2,)),  # -1 unknown
        ("dscp_lo", "u4", (2,)),  # bit n: inner DSCP n seen, 0-31
        ("dscp_hi", "u4", (2,)),  # 32-63
    ],
    align=True,
)

PLACEMENT = np.dtype(
    [
        ("flow", "i4"),
        ("tunnel", "i4"),  # -1: the row that takes what exceeds the cap of placements per flow
        ("side", "u1"),  # of the flow
        ("pa_src", "i4"),  # index into addresses, -1 in the overflow row
        ("pa_dst", "i4"),
        ("flow_id", "i8"),  # -1 none
        ("path", "i4"),  # index into paths, -1 none
        ("packets", "i8"),
        ("wire_bytes", "i8"),
        ("first_ns", "i8"),
        ("last_ns", "i8"),
    ],
    align=True,
)

TUNNEL = np.dtype(
    [
        ("encap", "u1"),
        ("pa_a", "i4"),  # lower address, index into addresses
        ("pa_b", "i4"),
        ("initiator", "u1"),  # side that sent the first packet
        ("packets", "i8", (2,)),
        ("wire_bytes", "i8", (2,)),
        ("max_wire_len", "i8"),
        ("fragments", "i8"),
        ("icmp_errors", "i8"),
        ("ttl_a", "u4", (8,)),  # bit n: outer TTL n seen from side 0
        ("ttl_b", "u4", (8,)),
        ("dscp_lo", "u4"),  # outer DSCP values, both directions
        ("dscp_hi", "u4"),
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("anomalies", "i8"),
    ],
    align=True,
)

ENDPOINT = np.dtype(
    [
        ("encap", "u1"),
        ("vsid", "i8"),
        ("tunnel", "i4"),  # stands in for a missing vsid, else -1
        ("mac", "i8"),
        ("family", "u1"),
        ("ip", "u4", (4,)),
        ("packets", "i8"),
        ("moves", "i4"),
        ("last_pa", "i4"),  # index into addresses, -1
        ("n_pas", "i4"),
        ("first_ns", "i8"),
        ("last_ns", "i8"),
    ],
    align=True,
)
ENDPOINT_PA = np.dtype([("endpoint", "i4"), ("pa", "i4")], align=True)

#: A line of the timeline; its bins are row `i` of State.bins.
SERIES = np.dtype([("encap", "u1"), ("vsid", "i8"), ("tunnel", "i4")], align=True)

ANOMALY = np.dtype(
    [
        ("code", "u1"),
        ("tunnel", "i4"),  # -1: outside any tunnel
        ("encap", "u1"),  # of the first frame
        ("vsid", "i8"),
        ("flow", "i4"),
        ("count", "i8"),
        ("first_frame", "i8"),  # numbers from 1
        ("last_frame", "i8"),
    ],
    align=True,
)

#: What the flows that were evicted had counted, by tenant: (encap, vsid), and the tunnel where that stands in for a
#: missing vsid, else -1. Both directions together.
EVICTED = np.dtype(
    [
        ("encap", "u1"),
        ("vsid", "i8"),
        ("tunnel", "i4"),
        ("flows", "i8"),
        ("packets", "i8"),
        ("bytes", "i8"),
        ("wire_bytes", "i8"),
        ("data_segments", "i8"),
        ("retransmissions", "i8"),
        ("anomalies", "i8"),
        ("first_ns", "i8"),
        ("last_ns", "i8"),
    ],
    align=True,
)


@dataclass(slots=True)
class State:
    """All that accounting knows. Arrays are exactly as long as there are rows; they are not written to later.

    Where flows are evicted (`AccountOptions.evict`) rows move up, and `flow_number` says which flow a row is. Where
    only the newest frames are kept (`max_packets`), the arrays per frame are theirs.
    """

    stacks: npt.NDArray[np.void]
    addresses: npt.NDArray[np.void]
    paths: npt.NDArray[np.void]
    flows: npt.NDArray[np.void]
    placements: npt.NDArray[np.void]
    tunnels: npt.NDArray[np.void]
    endpoints: npt.NDArray[np.void]
    endpoint_pas: npt.NDArray[np.void]
    series: npt.NDArray[np.void]
    #: int64 [series, BINS, 4]: packets, bytes, wire_bytes, retransmissions
    bins: npt.NDArray[np.int64]
    bin_start_ns: int
    bin_width_ns: int
    anomalies: npt.NDArray[np.void]
    #: int32 [frames]: the flow of each frame, -1: none (it did not fit, it was evicted, or the frame's first fragment
    #: has not come yet)
    frame_flow: npt.NDArray[np.int32]
    #: int64 [frames]: PacketBatch.position of each frame
    frame_position: npt.NDArray[np.int64]
    #: rows that did not fit, by table name
    overflow: dict[str, int]
    #: int64 [frames]: the number of each frame in its capture, from 1, rising; None: all were counted, 1, 2, 3, …
    frame_number: npt.NDArray[np.int64] | None = None
    #: frames that were counted but are in none of these three arrays any more: the oldest; None: all are kept for ever
    frames_gone: int | None = None
    #: int64 [flows]: the number of each flow, from 1 in order of appearance, rising; None: 1, 2, 3, …
    flow_number: npt.NDArray[np.int64] | None = None
    #: EVICTED: what left the flows, by tenant
    evicted: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, EVICTED))

    @property
    def frames(self) -> int:
        """Frames accounted so far, kept or not."""
        return len(self.frame_flow) + (self.frames_gone or 0)

    @property
    def flow_numbers(self) -> npt.NDArray[np.int64]:
        """int64 [flows]: the number of each flow, as users see it. It stays the same while the row may move."""
        if self.flow_number is not None:
            return self.flow_number
        return np.arange(1, len(self.flows) + 1, dtype=np.int64)

    @property
    def last_flow(self) -> int:
        """The number of the newest flow; 0: there is none."""
        return int(self.flow_numbers[-1]) if len(self.flows) else 0

    def flow_row(self, number: int) -> int:
        """The row of the flow of that number; -1: there is none, or it was evicted."""
        if self.flow_number is None:
            return number - 1 if 1 <= number <= len(self.flows) else -1
        row = int(np.searchsorted(self.flow_number, number))
        return row if row < len(self.flow_number) and self.flow_number[row] == number else -1

    def numbers_of(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The numbers of the flows in these rows; -1 where the row is -1."""
        if self.flow_number is None:
            return np.where(rows < 0, -1, rows.astype(np.int64) + 1)
        numbers: npt.NDArray[np.int64] = np.append(self.flow_number, -1)[rows]
        return numbers


BIN_FIELDS = ("packets", "bytes", "wire_bytes", "retransmissions")
BIN_SHAPE = (BINS, len(BIN_FIELDS))
