"""The rows that the reference accountant keeps, as Python objects, and the State arrays made of them.

One class per table of `model/state.py`, with the same field names; pairs are per side. `values()` gives the fields in
the order of the row's dtype.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nvgre_inspect.kernels.codes import ACTIVE, PATH_ITEMS
from nvgre_inspect.model.record import MAX_LAYERS
from nvgre_inspect.reference.frame import Layers, Path

UINT32 = 0xFFFFFFFF


class Times:
    """First and last time of a row: the smallest and the largest seen, whatever the order of frames."""

    __slots__ = ("first_ns", "last_ns")

    def __init__(self, ts_ns: int) -> None:
        self.first_ns = self.last_ns = ts_ns

    def see(self, ts_ns: int) -> None:
        """Widens to a frame's time."""
        self.first_ns = min(self.first_ns, ts_ns)
        self.last_ns = max(self.last_ns, ts_ns)


@dataclass(slots=True)
class Gap:
    """Sequence numbers [start, end) that were skipped, and when that was noticed."""

    start: int
    end: int
    noticed_ns: int


@dataclass(slots=True)
class Side:
    """One direction of a flow: its counters, and what the TCP rules remember of it."""

    packets: int = 0
    bytes: int = 0
    wire_bytes: int = 0
    data_segments: int = 0
    retransmissions: int = 0
    out_of_order: int = 0
    acked_unseen: int = 0
    duplicates: int = 0
    duplicate_acks: int = 0
    zero_windows: int = 0
    resets: int = 0
    mss: int = -1
    window_scale: int = -1
    dscp: int = 0  # bit n: DSCP n seen

    #: The last packets with an IP-ID: (sequence, ip_id, length) and time, oldest first.
    recent: list[tuple[tuple[int, int, int], int]] = field(default_factory=list)
    #: A readable TCP header was seen, of a packet that is no duplicate.
    seen: bool = False
    isn: int | None = None
    first_seq: int | None = None
    #: After the highest sequence number seen.
    next: int | None = None
    #: Highest acknowledgement that this side sent.
    highest_ack: int | None = None
    #: Acknowledgement and window of this side's last frame, and whether that was a keep-alive.
    last_ack: int | None = None
    last_window: int | None = None
    last_was_keep_alive: bool = False
    #: Open gaps in this side's data, in the order in which they were noticed.
    gaps: list[Gap] = field(default_factory=list)
    #: Gaps that were dropped because there were too many.
    gaps_dropped: int = 0
    #: How far this side's data goes is not known (fragments): the next skip is no gap.
    resync: bool = False
    #: The peer acknowledged more than was seen of this side, and that was counted.
    tail_acked: bool = False
    #: The byte at `next` may have been sent without having been counted: it was that of a zero-window probe, or `next`
    #: is only known from an empty frame.
    probed: bool = False
    fin: bool = False

    @property
    def lost_segments(self) -> int:
        """Gaps open now, and those that are not tracked any more."""
        return len(self.gaps) + self.gaps_dropped


@dataclass(slots=True)
class Flow:
    """Both directions of one conversation."""

    stack: int
    tunnel: int
    family: int
    protocol: int
    ethertype: int
    vlans: tuple[int, ...]
    addresses: tuple[bytes, bytes]
    ports: tuple[int, int]
    macs: tuple[int, int]
    full_stack: int
    encap: int
    vsid: int
    initiator: int
    times: Times
    state: int = ACTIVE
    #: A frame with `tcp_ok` was seen.
    is_tcp: bool = False
    anomalies: int = 0
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    handshake_rtt_ns: int = -1

    #: A SYN said who the initiator is.
    initiator_fixed: bool = False
    #: Time of the latest SYN (without ACK).
    syn_ns: int | None = None
    #: Placements of this flow, without the overflow rows.
    placements: int = 0

    def values(self) -> tuple[Any, ...]:
        """In the order of FLOW."""
        a, b = self.sides
        return (
            self.stack,
            self.tunnel,
            self.family,
            self.protocol,
            self.ethertype,
            len(self.vlans),
            _padded(self.vlans, 2),
            _words(self.addresses[0]),
            _words(self.addresses[1]),
            self.ports,
            self.macs,
            self.full_stack,
            self.encap,
            self.vsid,
            self.initiator,
            self.state,
            self.anomalies,
            self.times.first_ns,
            self.times.last_ns,
            (a.packets, b.packets),
            (a.bytes, b.bytes),
            (a.wire_bytes, b.wire_bytes),
            (a.data_segments, b.data_segments),
            (a.retransmissions, b.retransmissions),
            (a.out_of_order, b.out_of_order),
            (a.lost_segments, b.lost_segments),
            (a.acked_unseen, b.acked_unseen),
            (a.duplicates, b.duplicates),
            (a.duplicate_acks, b.duplicate_acks),
            (a.zero_windows, b.zero_windows),
            (a.resets, b.resets),
            self.handshake_rtt_ns,
            (a.mss, b.mss),
            (a.window_scale, b.window_scale),
            (a.dscp & UINT32, b.dscp & UINT32),
            (a.dscp >> 32, b.dscp >> 32),
        )


@dataclass(slots=True)
class Tunnel:
    """A pair of underlay addresses under one encapsulation; side 0 is `pa_a`."""

    encap: int
    pa_a: int
    pa_b: int
    initiator: int
    times: Times
    packets: list[int] = field(default_factory=lambda: [0, 0])
    wire_bytes: list[int] = field(default_factory=lambda: [0, 0])
    max_wire_len: int = 0
    fragments: int = 0
    icmp_errors: int = 0
    #: Bit n: outer TTL n seen, per side.
    ttls: list[int] = field(default_factory=lambda: [0, 0])
    #: Bit n: outer DSCP n seen, both directions.
    dscp: int = 0
    anomalies: int = 0

    def values(self) -> tuple[Any, ...]:
        """In the order of TUNNEL."""
        return (
            self.encap,
            self.pa_a,
            self.pa_b,
            self.initiator,
            tuple(self.packets),
            tuple(self.wire_bytes),
            self.max_wire_len,
            self.fragments,
            self.icmp_errors,
            *(tuple(ttls >> 32 * word & UINT32 for word in range(8)) for ttls in self.ttls),
            self.dscp & UINT32,
            self.dscp >> 32,
            self.times.first_ns,
            self.times.last_ns,
            self.anomalies,
        )


@dataclass(slots=True)
class Placement:
    """Which way a flow went over the underlay."""

    flow: int
    tunnel: int
    side: int
    pa_src: int
    pa_dst: int
    flow_id: int
    path: int
    times: Times
    packets: int = 0
    wire_bytes: int = 0

    def values(self) -> tuple[Any, ...]:
        """In the order of PLACEMENT."""
        return (
            self.flow,
            self.tunnel,
            self.side,
            self.pa_src,
            self.pa_dst,
            self.flow_id,
            self.path,
            self.packets,
            self.wire_bytes,
            self.times.first_ns,
            self.times.last_ns,
        )


@dataclass(slots=True)
class Endpoint:
    """A tenant's address and the PAs that it was seen behind."""

    encap: int
    vsid: int
    tunnel: int
    mac: int
    family: int
    ip: bytes
    times: Times
    packets: int = 0
    moves: int = 0
    last_pa: int = -1
    pas: list[int] = field(default_factory=list)

    def values(self) -> tuple[Any, ...]:
        """In the order of ENDPOINT."""
        return (
            self.encap,
            self.vsid,
            self.tunnel,
            self.mac,
            self.family,
            _words(self.ip),
            self.packets,
            self.moves,
            self.last_pa,
            len(self.pas),
            self.times.first_ns,
            self.times.last_ns,
        )


@dataclass(slots=True)
class AnomalyRow:
    """How often one anomaly was seen in one tunnel; encap, vsid and flow are those of the frame that made the row."""

    code: int
    tunnel: int
    encap: int
    vsid: int
    flow: int
    first_frame: int
    last_frame: int
    count: int = 0

    def values(self) -> tuple[Any, ...]:
        """In the order of ANOMALY."""
        return (
            self.code,
            self.tunnel,
            self.encap,
            self.vsid,
            self.flow,
            self.count,
            self.first_frame,
            self.last_frame,
        )


@dataclass(slots=True)
class Evicted:
    """What the flows of one tenant that were evicted had counted."""

    encap: int
    vsid: int
    tunnel: int
    times: Times
    flows: int = 0
    packets: int = 0
    bytes: int = 0
    wire_bytes: int = 0
    data_segments: int = 0
    retransmissions: int = 0
    anomalies: int = 0

    def add(self, flow: Flow) -> None:
        """One flow more."""
        self.flows += 1
        self.anomalies |= flow.anomalies
        self.times.see(flow.times.first_ns)
        self.times.see(flow.times.last_ns)
        for side in flow.sides:
            self.packets += side.packets
            self.bytes += side.bytes
            self.wire_bytes += side.wire_bytes
            self.data_segments += side.data_segments
            self.retransmissions += side.retransmissions

    def values(self) -> tuple[Any, ...]:
        """In the order of EVICTED."""
        return (
            self.encap,
            self.vsid,
            self.tunnel,
            self.flows,
            self.packets,
            self.bytes,
            self.wire_bytes,
            self.data_segments,
            self.retransmissions,
            self.anomalies,
            self.times.first_ns,
            self.times.last_ns,
        )


def stack_values(layers: Layers) -> tuple[Any, ...]:
    """A row of STACK."""
    kinds, ids = [kind for kind, _ in layers], [id_ for _, id_ in layers]
    return len(layers), _padded(kinds, MAX_LAYERS), _padded(ids, MAX_LAYERS)


def address_values(address: tuple[int, bytes]) -> tuple[Any, ...]:
    """A row of ADDRESS."""
    family, ip = address
    return family, _words(ip)


def path_values(path: Path) -> tuple[Any, ...]:
    """A row of PATH."""
    kind, items = path
    return kind, len(items), _padded([word for item in items for word in _words(item)], PATH_ITEMS * 4)


def to_array(rows: Sequence[tuple[Any, ...]], dtype: np.dtype[Any]) -> np.ndarray:
    """Rows as a structured array that nobody writes to. The padding of `dtype` is zero."""
    array = np.zeros(len(rows), dtype=dtype)
    if rows:
        array[:] = rows
    array.flags.writeable = False
    return array


def _words(address: bytes) -> tuple[int, ...]:
    return struct.unpack(">4I", address)


def _padded(items: Sequence[int], n: int) -> tuple[int, ...]:
    return (*items, *([0] * (n - len(items))))
