"""The packets of one flow as arrays: what a sequence plot and an arrow diagram draw.

The frames are read again and decoded by the caller, some at a time. What each TCP segment is (sent again, out of order,
…) is asked of the reference's own rules (`reference.tcp`), frame by frame, so that the marks add up to the flow's
columns: about 10 µs a frame. Where frames were left out nothing of that kind can be said, and none is marked.

Limits: sequence numbers are unwrapped by the shorter way (RFC 9293 section 3.4), so a jump of 2 GiB goes backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from dissectors.tcp import flag_names
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.reference import tcp
from nvgre_inspect.reference.frame import FrameRecord, frame_records
from nvgre_inspect.reference.rows import Flow, Side, Times

RETRANSMISSION = 1
OUT_OF_ORDER = 2
DUPLICATE = 4
#: Data before this segment was not seen (yet).
GAP = 8
ZERO_WINDOW = 16
DUPLICATE_ACK = 32
RESET = 64
#: It acknowledges data of the peer that the capture missed.
ACKS_UNSEEN = 128

#: Marks in the words of docs/tcp-analysis.md, the weightiest first.
MARK_NAMES = {
    RESET: "reset",
    RETRANSMISSION: "retransmission",
    OUT_OF_ORDER: "out of order",
    GAP: "gap before",
    ACKS_UNSEEN: "acks unseen",
    ZERO_WINDOW: "zero window",
    DUPLICATE: "duplicate",
    DUPLICATE_ACK: "duplicate ack",
}
#: Counters of a side that a frame of this side may raise.
_OWN = {
    "retransmissions": RETRANSMISSION,
    "out_of_order": OUT_OF_ORDER,
    "duplicates": DUPLICATE,
    "zero_windows": ZERO_WINDOW,
    "duplicate_acks": DUPLICATE_ACK,
    "resets": RESET,
}
_MODULUS = 1 << 32
#: Frames that are read at a time: 64 MB of the largest there are.
_PART = 1024


@dataclass(frozen=True, slots=True)
class FlowPackets:
    """Packets of one flow in the order of the capture; every array has one entry per packet."""

    #: int64: number of the frame, from 1.
    number: npt.NDArray[np.int64]
    #: int64: nanoseconds since the epoch.
    ts_ns: npt.NDArray[np.int64]
    #: int64: 0 forward (from the initiator), 1 reverse.
    direction: npt.NDArray[np.int64]
    #: int64: bytes of the transport payload; of what is not TCP or UDP, of the tenant's frame.
    length: npt.NDArray[np.int64]
    #: bool: a TCP header was read; the following four mean something only there.
    is_tcp: npt.NDArray[np.bool_]
    #: int64: as on the wire.
    flags: npt.NDArray[np.int64]
    #: int64: sequence number counted from the direction's first, unwrapped; below 0 for what came before that.
    seq: npt.NDArray[np.int64]
    #: int64: acknowledgement number counted from the other direction's first, likewise; -1 without the ACK flag.
    ack: npt.NDArray[np.int64]
    #: int64: window as on the wire, not scaled.
    window: npt.NDArray[np.int64]
    #: int64: bits of what is said of the packet, see MARK_NAMES.
    mark: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def any_tcp(self) -> bool:
        """Whether there are sequence numbers to show."""
        return bool(self.is_tcp.any())

    def volume(self) -> npt.NDArray[np.int64]:
        """Bytes that the packet's direction has sent, up to and with it: for what has no sequence numbers."""
        total = np.zeros(len(self), np.int64)
        for which in (0, 1):
            mine = self.direction == which
            total[mine] = np.cumsum(self.length[mine])
        return total


class Part(NamedTuple):
    """Some frames of one flow, in order."""

    #: int64: their numbers, from 1.
    numbers: npt.NDArray[np.int64]
    batch: PacketBatch
    #: RECORD
    records: npt.NDArray[np.void]


class Source(Protocol):
    """What reads frames again by their numbers (`flows.packet_pages.PacketPages`)."""

    def decoded(self, numbers: npt.NDArray[np.int64]) -> tuple[PacketBatch, npt.NDArray[np.void]]:
        """These frames and their RECORDs."""
        ...


def in_parts(source: Source, numbers: npt.NDArray[np.int64]) -> Iterator[Part]:
    """The frames of these numbers, so many at a time that even the largest frames need little memory."""
    for start in range(0, len(numbers), _PART):
        some = numbers[start : start + _PART]
        yield Part(some, *source.decoded(some))


def flow_packets(parts: Iterable[Part], initiator: int, *, thinned: bool = False) -> FlowPackets:
    """The packets of these frames, which are all of one flow.

    `initiator` is the side that is forward (State.flows). `thinned`: frames between them were left out.
    """
    flow = _blank_flow(initiator)
    kept = [_columns(part, initiator, None if thinned else flow) for part in parts]
    columns = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]} if kept else _columns_of_none()
    flags, is_tcp = columns["flags"], columns["is_tcp"]
    has_ack = is_tcp & (flags & offsets.TCP_ACK_FLAG != 0)
    columns["seq"], columns["ack"] = _relative(columns["direction"], is_tcp, columns["seq"], has_ack, columns["ack"])
    return FlowPackets(**columns)


def _columns(part: Part, initiator: int, flow: Flow | None) -> dict[str, npt.NDArray[Any]]:
    """The fields of FlowPackets, with sequence and acknowledgement numbers as on the wire."""
    records = part.records
    is_tcp = (records["tcp_ok"] == 1) & ~_continues(records)
    payload = records["payload_len"].astype(np.int64)
    return {
        "number": part.numbers,
        "ts_ns": records["ts_ns"].astype(np.int64),
        "direction": (records["side"] != initiator).astype(np.int64),
        "length": np.where(payload >= 0, payload, records["inner_len"]),
        "is_tcp": is_tcp,
        "flags": np.where(is_tcp, records["tcp_flags"], 0).astype(np.int64),
        "seq": records["tcp_seq"].astype(np.int64),
        "ack": records["tcp_ack"].astype(np.int64),
        "window": np.where(is_tcp, records["tcp_window"], 0).astype(np.int64),
        "mark": np.zeros(len(records), np.int64) if flow is None else _marks(part.batch, records, flow),
    }


def _columns_of_none() -> dict[str, npt.NDArray[Any]]:
    names = [field.name for field in fields(FlowPackets)]
    return {name: np.zeros(0, bool if name == "is_tcp" else np.int64) for name in names}


def _continues(records: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Fragments that are not the first of their packet: they have no transport header."""
    later: npt.NDArray[np.bool_] = ((records["frag_a_ip"] >= 0) & (records["frag_a_off"] > 0)) | (
        (records["frag_b_ip"] >= 0) & (records["frag_b_off"] > 0)
    )
    return later


def _relative(
    direction: npt.NDArray[np.int64],
    is_tcp: npt.NDArray[np.bool_],
    seq: npt.NDArray[Any],
    has_ack: npt.NDArray[np.bool_],
    ack: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sequence and acknowledgement numbers from the first number that is known of each direction.

    Of a direction that is not seen, what is acknowledged first is 1, as in Wireshark: mostly it is its SYN.
    """
    relative_seq = np.full(len(seq), -1, np.int64)
    relative_ack = np.full(len(ack), -1, np.int64)
    for which in (0, 1):
        mine, theirs = is_tcp & (direction == which), has_ack & (direction == 1 - which)
        # The peer's acknowledgements count the same bytes: unwrapped together, in the order of the capture.
        both = np.flatnonzero(mine | theirs)
        if not len(both):
            continue
        values = unwrap(np.where(mine, seq, ack)[both])
        own = mine[both]
        origin = values[own][0] if own.any() else values[0] - 1
        relative_seq[both[own]] = values[own] - origin
        relative_ack[both[~own]] = values[~own] - origin
    return relative_seq, relative_ack


def unwrap(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """32-bit numbers as a line without jumps: each step is the shorter of the two ways round."""
    wide: npt.NDArray[np.int64] = values.astype(np.int64)
    half = _MODULUS >> 1
    line = wide.copy()
    line[1:] = np.mod(np.diff(wide) + half, _MODULUS) - half
    return np.cumsum(line)


def _marks(batch: PacketBatch, records: npt.NDArray[np.void], flow: Flow) -> npt.NDArray[np.int64]:
    """What the accounting rules say of each frame; `flow` remembers those before."""
    options = AccountOptions()
    marks = np.zeros(len(records), np.int64)
    later = _continues(records).tolist()
    for row, frame in enumerate(frame_records(batch, records, 1)):
        if not later[row] and frame.protocol == offsets.IPPROTO_TCP:
            marks[row] = _mark(flow, frame, options)
    return marks


def _mark(flow: Flow, frame: FrameRecord, options: AccountOptions) -> int:
    side, other = flow.sides[frame.side], flow.sides[1 - frame.side]
    before = [getattr(side, name) for name in _OWN]
    gaps, unseen = _gaps(side), other.acked_unseen
    tcp.analyse(flow, frame.side, frame, options)
    mark = sum(bit for (name, bit), value in zip(_OWN.items(), before, strict=True) if getattr(side, name) > value)
    # A segment that fills the middle of a gap makes two of one: that is no gap before it.
    if _gaps(side) > gaps and not mark & (RETRANSMISSION | OUT_OF_ORDER):
        mark |= GAP
    return mark | (ACKS_UNSEEN if other.acked_unseen > unseen else 0)


def _gaps(side: Side) -> int:
    return len(side.gaps) + side.gaps_dropped


def _blank_flow(initiator: int) -> Flow:
    """A flow as the rules need it: which one it is does not matter to them."""
    nobody = (bytes(16), bytes(16))
    return Flow(-1, -1, 0, 0, 0, (), nobody, (-1, -1), (-1, -1), -1, 0, -1, initiator, Times(0))


class Points(NamedTuple):
    """Where the packets of a flow are in a plot of sequence over time: one entry per packet."""

    #: float64: since the first packet.
    seconds: npt.NDArray[np.float64]
    #: float64: the end of the segment; NaN for what has no place.
    bytes: npt.NDArray[np.float64]


def points(packets: FlowPackets) -> Points:
    """TCP by relative sequence numbers, what is not TCP by the bytes that its direction has sent.

    Resets, whose sequence number is often made up, stand where their direction has come to.
    """
    seconds = (packets.ts_ns - (packets.ts_ns[0] if len(packets) else 0)) / 1e9
    if not packets.any_tcp:
        return Points(seconds, packets.volume().astype(np.float64))
    reached = np.where(packets.is_tcp, packets.seq + packets.length, np.nan).astype(np.float64)
    resets = packets.flags & offsets.TCP_RST != 0
    for direction in (0, 1):
        mine = np.flatnonzero(packets.direction == direction)
        known = mine[~resets[mine] & packets.is_tcp[mine]]
        for row in mine[resets[mine]].tolist():
            earlier = known[: int(np.searchsorted(known, row))]
            reached[row] = reached[earlier].max(initial=0.0)
    return Points(seconds, reached)


def mark_words(mark: int) -> str:
    """`retransmission, zero window`; empty for no mark."""
    return ", ".join(name for bit, name in MARK_NAMES.items() if mark & bit)


def packet_words(packets: FlowPackets, row: int) -> str:
    """`[PSH, ACK] Seq=1 Ack=1 Len=512`, with numbers relative to each direction's first."""
    length = int(packets.length[row])
    if not packets.is_tcp[row]:
        return f"Len={length:,}"
    flags = int(packets.flags[row])
    ack = f" Ack={int(packets.ack[row])}" if flags & offsets.TCP_ACK_FLAG else ""
    return f"[{flag_names(flags)}] Seq={int(packets.seq[row])}{ack} Win={int(packets.window[row])} Len={length}"


def thinned_rows(count: int, most: int) -> npt.NDArray[np.int64]:
    """Which of `count` frames to read where at most `most` may be: evenly chosen, the first and the last among them."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)
