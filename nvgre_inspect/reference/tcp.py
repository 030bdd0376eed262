"""What a TCP packet says about its flow: loss, reordering, handshake, state. The rules of docs/accounting.md.

`docs/tcp-analysis.md` compares the words with tshark's. Everything is said of the place of capture: a segment lost
after it shows as its retransmission only. Comparisons are modulo 2^32 (RFC 9293 section 3.4).
"""

from __future__ import annotations

from dissectors import anomalies
from dissectors.offsets import TCP_ACK_FLAG, TCP_FIN, TCP_RST, TCP_SYN
from nvgre_inspect.kernels import codes
from nvgre_inspect.kernels.codes import (
    ACTIVE,
    CLOSED,
    CLOSING,
    DUPLICATE_NS,
    ESTABLISHED,
    MIDSTREAM,
    RECENT_PACKETS,
    RESET,
    SYN_RECEIVED,
    SYN_SENT,
)
from nvgre_inspect.model.account_options import AccountOptions
from nvgre_inspect.reference.frame import FrameRecord
from nvgre_inspect.reference.rows import Flow, Gap, Side

_MODULUS = 1 << 32


def difference(a: int, b: int) -> int:
    """a - b as a signed 32-bit number: positive if `a` comes after `b`."""
    return (a - b + (_MODULUS >> 1)) % _MODULUS - (_MODULUS >> 1)


def after(a: int, b: int) -> bool:
    """Whether sequence number `a` comes after `b`."""
    return difference(a, b) > 0


def later(a: int, b: int | None) -> int:
    """The one of two sequence numbers that comes last; `b` may be unknown."""
    return b if b is not None and after(b, a) else a


def segment_length(frame: FrameRecord) -> int:
    """Sequence numbers that a segment takes: its payload, one for SYN, one for FIN."""
    syn, fin = frame.tcp_flags & TCP_SYN, frame.tcp_flags & TCP_FIN
    return max(frame.payload_len, 0) + (1 if syn else 0) + (1 if fin else 0)


def analyse(flow: Flow, number: int, frame: FrameRecord, options: AccountOptions) -> int:
    """Takes a frame of side `number` into account; returns the anomalies that follow as a mask."""
    side, other = flow.sides[number], flow.sides[1 - number]
    flow.is_tcp = flow.is_tcp or bool(frame.tcp_ok)
    if _seen_before(side, frame):
        side.duplicates += 1
        return 1 << anomalies.DUPLICATE_PACKET
    if not frame.tcp_ok:
        return 0
    mask = _segment(flow, number, frame, side, other, options)
    side.seen = True
    if frame.inner_fragment is not None and frame.inner_fragment.offset == 0:
        side.resync = True  # it goes on in further fragments
    return mask


# --- duplicates ----------------------------------------------------------------------------------------------------


def _seen_before(side: Side, frame: FrameRecord) -> bool:
    """Whether this very packet was captured before; if not, it is remembered."""
    later_fragment = frame.inner_fragment is not None and frame.inner_fragment.offset > 0
    if frame.family != 4 or frame.ip_id <= 0 or later_fragment:
        return False
    if frame.tcp_ok:
        packet = (frame.tcp_seq, frame.ip_id, segment_length(frame))
    else:
        packet = (0, frame.ip_id, frame.inner_len)
    for known, seen_ns in side.recent:
        if known == packet and (frame.tcp_ok or frame.ts_ns - seen_ns <= DUPLICATE_NS):
            return True
    side.recent.append((packet, frame.ts_ns))
    del side.recent[:-RECENT_PACKETS]
    return False


# --- connections ---------------------------------------------------------------------------------------------------


def starts_connection(flow: Flow, number: int, frame: FrameRecord) -> bool:
    """The SYN rules: whether this frame belongs to a new connection instead of `flow`."""
    if not frame.tcp_ok or not frame.tcp_flags & TCP_SYN:
        return False
    side, other = flow.sides[number], flow.sides[1 - number]
    if flow.state in (CLOSED, RESET):
        return True
    first_data = (frame.tcp_seq + 1) % _MODULUS
    is_syn_ack = bool(frame.tcp_flags & TCP_ACK_FLAG)
    if side.isn is not None:
        return side.isn != frame.tcp_seq and not (is_syn_ack and _acknowledges_syn(frame, other))
    if side.first_seq is not None:
        return side.first_seq != first_data
    if is_syn_ack:
        return other.first_seq is not None and other.isn is None and other.first_seq != frame.tcp_ack
    return other.last_ack is not None and other.last_ack != first_data


def _acknowledges_syn(frame: FrameRecord, other: Side) -> bool:
    """Whether the frame's acknowledgement is the other side's ISN + 1."""
    return other.isn is not None and frame.tcp_ack == (other.isn + 1) % _MODULUS


def _find_initiator(flow: Flow, number: int, frame: FrameRecord) -> None:
    """The sender of the SYN; until one is seen, the receiver of a SYN-ACK."""
    if flow.initiator_fixed or not frame.tcp_flags & TCP_SYN:
        return
    is_syn_ack = bool(frame.tcp_flags & TCP_ACK_FLAG)
    flow.initiator = 1 - number if is_syn_ack else number
    flow.initiator_fixed = not is_syn_ack


# --- one segment ---------------------------------------------------------------------------------------------------


def _segment(flow: Flow, number: int, frame: FrameRecord, side: Side, other: Side, options: AccountOptions) -> int:
    """Steps 1 to 8 of the page; returns anomalies."""
    _find_initiator(flow, number, frame)
    if frame.tcp_flags & TCP_RST:
        side.resets += 1
        if flow.state != CLOSED:
            flow.state = RESET
        return 0
    mask = 0
    in_sequence_space = True
    if frame.tcp_flags & TCP_SYN:
        in_sequence_space = _synchronise(flow, frame, side, other)
    keep_alive = _is_keep_alive(frame, side)
    if _is_zero_window_probe(frame, side, other):
        side.probed = True
    elif in_sequence_space and not keep_alive:
        mask = _sequence(flow, frame, side, other, options)
    if frame.tcp_flags & TCP_ACK_FLAG:
        _acknowledge(frame.tcp_ack, side, other)
        if not keep_alive and _is_duplicate_ack(frame, side, other):
            side.duplicate_acks += 1
    if frame.tcp_window == 0 and not frame.tcp_flags & (TCP_SYN | TCP_FIN):
        side.zero_windows += 1
    _advance_state(flow, number, frame)
    if frame.tcp_flags & TCP_ACK_FLAG:
        side.last_ack = frame.tcp_ack
    side.last_window = frame.tcp_window
    side.last_was_keep_alive = keep_alive
    return mask


def _synchronise(flow: Flow, frame: FrameRecord, side: Side, other: Side) -> bool:
    """Takes what a SYN says; returns whether its sequence number is this connection's.

    A second SYN-ACK may carry another ISN (a load balancer's second choice, a server that keeps no state). As long
    as nothing was acknowledged the later one counts; after that the first one does, and the later is left alone.
    """
    if side.isn is not None and side.isn != frame.tcp_seq:
        if other.highest_ack is not None:
            return False
        side.next = side.first_seq = None
        side.gaps.clear()
    side.isn = frame.tcp_seq
    if frame.tcp_mss >= 0:
        side.mss = frame.tcp_mss
    if frame.tcp_wscale >= 0:
        side.window_scale = frame.tcp_wscale
    if not frame.tcp_flags & TCP_ACK_FLAG:
        flow.syn_ns = frame.ts_ns
    return True


def _is_keep_alive(frame: FrameRecord, side: Side) -> bool:
    """At most one byte, the one before the next: RFC 9293 section 3.8.4."""
    return (
        side.next is not None
        and not frame.tcp_flags & (TCP_SYN | TCP_FIN)
        and frame.payload_len <= 1
        and frame.tcp_seq == (side.next - 1) % _MODULUS
    )


def _is_zero_window_probe(frame: FrameRecord, side: Side, other: Side) -> bool:
    """One byte more than the peer said it would take: RFC 9293 section 3.8.6.1."""
    return (
        frame.payload_len == 1
        and not frame.tcp_flags & (TCP_SYN | TCP_FIN)
        and frame.tcp_seq == side.next
        and other.last_window == 0
    )


def _sequence(flow: Flow, frame: FrameRecord, side: Side, other: Side, options: AccountOptions) -> int:
    """Step 3: where the segment lies among those seen before; returns anomalies."""
    length = segment_length(frame)
    seq, end = frame.tcp_seq, (frame.tcp_seq + length) % _MODULUS
    if length:
        side.data_segments += 1
    if side.next is None:
        side.first_seq = seq
        _move_next(side, end)
        side.probed = length == 0  # it may be a keep-alive, of which the sequence number is one too low
        return 0
    if not length:
        return 0
    if side.probed and seq == (side.next + 1) % _MODULUS:
        _move_next(side, seq)
    ahead = difference(seq, side.next)
    if ahead < 0:
        mask = _old_data(flow, side, seq, end, frame.ts_ns, options)
        if after(end, side.next):
            _move_next(side, end)
        return mask
    mask = _open_gap(side, other, seq, frame.ts_ns, options) if ahead > 0 and not side.resync else 0
    side.resync = False
    _move_next(side, end)
    return mask


def _move_next(side: Side, end: int) -> None:
    side.next = end
    side.tail_acked = False
    side.probed = False


def _open_gap(side: Side, other: Side, seq: int, now_ns: int, options: AccountOptions) -> int:
    """Data before `seq` was not seen. What was acknowledged already is counted as acked unseen, so it is no gap."""
    assert side.next is not None
    start = later(side.next, other.highest_ack)
    if not after(seq, start):
        return 0
    side.gaps.append(Gap(start, seq, now_ns))
    return _keep_cap(side, options)


def _keep_cap(side: Side, options: AccountOptions) -> int:
    """Drops the oldest gaps if there are too many."""
    too_many = len(side.gaps) - options.gaps_per_direction
    if too_many <= 0:
        return 0
    del side.gaps[:too_many]
    side.gaps_dropped += too_many
    return 1 << anomalies.TCP_GAPS_OVERFLOW


def _old_data(flow: Flow, side: Side, seq: int, end: int, now_ns: int, options: AccountOptions) -> int:
    """Data from before `next`: it comes late, and fills gaps, or it comes again."""
    oldest_ns = _fill_gaps(side, seq, end)
    threshold = flow.handshake_rtt_ns if flow.handshake_rtt_ns > 0 else codes.REORDER_NS
    if oldest_ns is not None and now_ns - oldest_ns <= threshold:
        side.out_of_order += 1
    else:
        side.retransmissions += 1
    return _keep_cap(side, options)


def _fill_gaps(side: Side, seq: int, end: int) -> int | None:
    """Takes [seq, end) out of the gaps; returns when the oldest gap touched was noticed, None if there was none."""
    oldest_ns: int | None = None
    kept: list[Gap] = []
    behind: list[Gap] = []
    for gap in side.gaps:
        if not (after(gap.end, seq) and after(end, gap.start)):
            kept.append(gap)
            continue
        oldest_ns = gap.noticed_ns if oldest_ns is None else min(oldest_ns, gap.noticed_ns)
        before_is_open, rest_is_open = after(seq, gap.start), after(gap.end, end)
        if before_is_open and rest_is_open:
            behind.append(Gap(end, gap.end, gap.noticed_ns))
        if before_is_open:
            kept.append(Gap(gap.start, seq, gap.noticed_ns))
        elif rest_is_open:
            kept.append(Gap(end, gap.end, gap.noticed_ns))
    side.gaps = kept + behind
    return oldest_ns


def _acknowledge(ack: int, side: Side, other: Side) -> None:
    """Step 4: `side` has all data of `other` before `ack`, whether it was captured or not."""
    if side.highest_ack is None or after(ack, side.highest_ack):
        side.highest_ack = ack
        other.gaps = [left for gap in other.gaps if (left := _left_of_gap(gap, ack, other)) is not None]
    if other.next is None or not after(ack, other.next):
        return
    if other.probed and difference(ack, other.next) == 1:
        _move_next(other, ack)
        return
    if not other.tail_acked and not other.resync:
        other.acked_unseen += 1
    other.tail_acked = True


def _left_of_gap(gap: Gap, ack: int, owner: Side) -> Gap | None:
    """What an acknowledgement leaves of a gap; what it takes was missed by the capture."""
    if not after(ack, gap.start):
        return gap
    owner.acked_unseen += 1
    return Gap(ack, gap.end, gap.noticed_ns) if after(gap.end, ack) else None


def _is_duplicate_ack(frame: FrameRecord, side: Side, other: Side) -> bool:
    """Step 5: RFC 5681 section 2, with the sequence number in place of "outstanding data"."""
    return (
        segment_length(frame) == 0
        and frame.tcp_window > 0
        and frame.tcp_window == side.last_window
        and frame.tcp_ack == side.last_ack
        and frame.tcp_seq == side.next
        and not other.last_was_keep_alive
    )


# --- states --------------------------------------------------------------------------------------------------------


def _advance_state(flow: Flow, number: int, frame: FrameRecord) -> None:
    """Step 7."""
    side, other = flow.sides[number], flow.sides[1 - number]
    if frame.tcp_flags & TCP_SYN:
        _handshake_state(flow, frame, other)
    elif flow.state == ACTIVE:
        flow.state = MIDSTREAM
    elif frame.tcp_flags & TCP_ACK_FLAG and flow.state in (SYN_SENT, SYN_RECEIVED):
        _complete_handshake(flow, number, frame, other)
    if frame.tcp_flags & TCP_FIN:
        side.fin = True
        if flow.state not in (CLOSED, RESET):
            flow.state = CLOSED if other.fin else CLOSING


def _handshake_state(flow: Flow, frame: FrameRecord, other: Side) -> None:
    """A SYN or SYN-ACK in a connection that is new, or of which the beginning was missed."""
    if frame.tcp_flags & TCP_ACK_FLAG:
        if flow.state in (ACTIVE, SYN_SENT, MIDSTREAM):
            flow.state = SYN_RECEIVED
    elif flow.state == ACTIVE or (flow.state == MIDSTREAM and not other.seen):
        flow.state = SYN_SENT
    elif flow.state == MIDSTREAM:
        flow.state = ESTABLISHED


def _complete_handshake(flow: Flow, number: int, frame: FrameRecord, other: Side) -> None:
    """An ACK without SYN from the initiator, or data from the responder, ends the handshake."""
    if number != flow.initiator:
        if frame.payload_len > 0:
            flow.state = ESTABLISHED
        return
    if (
        flow.state == SYN_RECEIVED
        and flow.handshake_rtt_ns < 0
        and flow.syn_ns is not None
        and _acknowledges_syn(frame, other)
        and frame.ts_ns >= flow.syn_ns
    ):
        flow.handshake_rtt_ns = frame.ts_ns - flow.syn_ns
    flow.state = ESTABLISHED
