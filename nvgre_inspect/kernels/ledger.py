"""What the compiled accountant works on: the arrays of `model/state.py`, and beside them what only it needs.

`Ledger` is made and grown by `engine.ledger`; kernels take the single arrays that they need from it. A table consists
of its rows, the hash of each row, and an open-addressing index of row numbers (a power of two, at most half full, -1:
free).
"""

from typing import Any, NamedTuple

import numpy as np

from nvgre_inspect.kernels.codes import RECENT_PACKETS

#: Of each flow, beside its row in `flows`. Two-element fields are per side.
LIVE = np.dtype(
    [
        ("superseded", "u1"),  # 1: its key has a newer flow
        ("is_tcp", "u1"),
        ("initiator_fixed", "u1"),  # 1: a SYN said who the initiator is
        # what its last frame used, so that the next one need not look it up
        ("placement", "i4", (2,)),
        ("endpoint", "i4", (2,)),
        ("series", "i4"),
        ("n_placements", "i4"),
        ("overflow_placement", "i4", (2,)),
        # the last packets, to know duplicates (rings of RECENT_PACKETS per side)
        ("recent_seq", "u4", (2 * RECENT_PACKETS,)),
        ("recent_id", "u4", (2 * RECENT_PACKETS,)),  # 0: empty
        ("recent_len", "u4", (2 * RECENT_PACKETS,)),
        ("recent_ns", "i8", (2 * RECENT_PACKETS,)),
        ("recent_at", "u1", (2,)),
        # TCP; numbers are -1 while unknown
        ("next", "i8", (2,)),
        ("first_seq", "i8", (2,)),
        ("isn", "i8", (2,)),
        ("highest_ack", "i8", (2,)),
        ("last_ack", "i8", (2,)),
        ("last_window", "i4", (2,)),
        ("gap_head", "i4", (2,)),
        ("gap_tail", "i4", (2,)),
        ("gap_count", "i4", (2,)),
        ("seen", "u1", (2,)),
        ("fin", "u1", (2,)),
        ("resync", "u1", (2,)),
        ("tail", "u1", (2,)),
        ("probed", "u1", (2,)),  # the byte at next may have been sent without having been counted
        ("keep_alive", "u1", (2,)),
        ("syn_ns", "i8"),  # NEVER: no SYN seen
    ],
    align=True,
)
#: An open gap of a direction, in a list from the oldest to the newest.
GAP = np.dtype([("start", "i8"), ("end", "i8"), ("ns", "i8"), ("next", "i4")], align=True)

KEY_WORDS = 20
#: A set of IP fragments.
FRAGMENTS = np.dtype(
    [
        ("key", "u4", (KEY_WORDS,)),
        ("bucket", "i4"),
        ("chain", "i4"),  # next of the bucket; of a free set: next free one
        ("older", "i4"),
        ("newer", "i4"),
        ("first_ns", "i8"),
        ("has_first", "u1"),
        ("merged", "u1"),
        ("side", "u1"),
        ("direction", "u1"),  # side of the tunnel
        ("flow", "i4"),
        ("placement", "i4"),
        ("tunnel", "i4"),
        ("series", "i4"),
        ("got", "i8"),
        ("total", "i8"),
        ("waiting_head", "i4"),
        ("waiting_tail", "i4"),
    ],
    align=True,
)
BUCKETS = 8192
#: A frame that waits for the first fragment of its packet, or for its turn to be accounted.
WAITING = np.dtype(
    [
        ("frame", "i8"),
        ("next", "i4"),
        ("path", "i4"),
        ("length", "i8"),  # of the fragment
        ("mode", "u1"),
        ("side", "u1"),
        ("direction", "u1"),  # side of the tunnel
        ("flow", "i4"),
        ("placement", "i4"),
        ("tunnel", "i4"),
        ("series", "i4"),
    ],
    align=True,
)

#: Counters and settings, one row.
META = np.dtype(
    [
        ("n_stacks", "i8"),
        ("n_addresses", "i8"),
        ("n_paths", "i8"),
        ("n_flows", "i8"),
        ("n_placements", "i8"),
        ("n_tunnels", "i8"),
        ("n_endpoints", "i8"),
        ("n_endpoint_pas", "i8"),
        ("n_series", "i8"),
        ("n_anomalies", "i8"),
        ("n_gaps", "i8"),  # nodes ever used; free ones are in a list
        ("free_gap", "i8"),
        # caps
        ("max_stacks", "i8"),
        ("max_addresses", "i8"),
        ("max_paths", "i8"),
        ("max_flows", "i8"),
        ("max_placements", "i8"),
        ("max_tunnels", "i8"),
        ("max_endpoints", "i8"),
        ("max_series", "i8"),
        ("placements_per_flow", "i8"),
        ("pas_per_endpoint", "i8"),
        ("gaps_per_direction", "i8"),
        ("max_sets", "i8"),
        ("max_waiting", "i8"),
        # with this many rows the kernel takes no further frame: some are to be evicted first
        ("full_flows", "i8"),
        ("full_endpoints", "i8"),
        # the first frame (from 0) of `frame_flow`
        ("first_kept", "i8"),
        # rows that there is room for; a table at its cap has room for ever
        ("room_stacks", "i8"),
        ("room_addresses", "i8"),
        ("room_paths", "i8"),
        ("room_flows", "i8"),
        ("room_placements", "i8"),
        ("room_tunnels", "i8"),
        ("room_endpoints", "i8"),
        ("room_endpoint_pas", "i8"),
        ("room_series", "i8"),
        ("room_anomalies", "i8"),
        ("room_gaps", "i8"),
        # rows that did not fit
        ("lost_stacks", "i8"),
        ("lost_addresses", "i8"),
        ("lost_paths", "i8"),
        ("lost_flows", "i8"),
        ("lost_placements", "i8"),
        ("lost_tunnels", "i8"),
        ("lost_endpoints", "i8"),
        ("lost_series", "i8"),
        # settings
        ("idle_ns", "i8"),
        ("seed", "i8"),  # of all hashes
        # timeline
        ("any_time", "i8"),
        ("bin_width", "i8"),
        ("min_ns", "i8"),
        ("max_ns", "i8"),
        # fragments
        ("n_sets", "i8"),
        ("oldest_set", "i8"),
        ("newest_set", "i8"),
        ("free_set", "i8"),
        ("n_waiting", "i8"),
        ("free_waiting", "i8"),
        ("queue_head", "i8"),
        ("queue_tail", "i8"),
        ("set_u", "i8"),  # the sets that the frame in hand opened as a first fragment, -1
        ("set_f", "i8"),
        # the packet that the frame in hand continues
        ("of_mode", "i8"),
        ("of_flow", "i8"),
        ("of_side", "i8"),
        ("of_direction", "i8"),
        ("of_placement", "i8"),
        ("of_tunnel", "i8"),
        ("of_series", "i8"),
        # where the last accounted frame went
        ("at_placement", "i8"),
        ("at_tunnel", "i8"),
        ("at_series", "i8"),
    ]
)


class Ledger(NamedTuple):
    """All arrays of the accountant. `…_hash`: uint32 per row; `…_index`: int32."""

    meta: Any
    stacks: Any
    stack_hash: Any
    stack_index: Any
    addresses: Any
    address_hash: Any
    address_index: Any
    paths: Any
    path_hash: Any
    path_index: Any
    tunnels: Any
    tunnel_hash: Any
    tunnel_index: Any
    flows: Any
    live: Any
    flow_hash: Any
    flow_index: Any
    placements: Any
    placement_series: Any  # int32: row of the timeline
    placement_hash: Any
    placement_index: Any
    endpoints: Any
    endpoint_hash: Any
    endpoint_index: Any
    endpoint_pas: Any
    pa_next: Any  # int32: next row of the same endpoint
    pa_head: Any  # int32: first row of each endpoint
    series: Any
    series_hash: Any
    series_index: Any
    bins: Any
    anomalies: Any
    anomaly_hash: Any
    anomaly_index: Any
    gaps: Any
    sets: Any
    buckets: Any
    waiting: Any
    waiting_records: Any
    frame_flow: Any  # int32 per frame from `first_kept` on
    last_ns: Any  # int64 per interface
