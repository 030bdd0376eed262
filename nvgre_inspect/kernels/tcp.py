"""TCP as `docs/accounting.md` words it: which flow a SYN belongs to, gaps, retransmissions, acknowledgements, states.

`f` is the flow's row, `conn` its row of `live`, `s` the side of the sender, `o` the other one.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels import codes as C
from nvgre_inspect.kernels.compiled import inner

SYN_OR_FIN = O.TCP_SYN | O.TCP_FIN


@inner
def after(a, b):
    """How far sequence number `a` is after `b`, modulo 2^32: -2^31 to 2^31 - 1."""
    return (a - b + 0x80000000 & 0xFFFFFFFF) - 0x80000000


@inner
def starts_new_flow(f, conn, r):
    """Whether a SYN opens another connection than that of the newest flow of its key."""
    s = int64(r.side)
    o = 1 - s
    seq = r.tcp_seq
    ack_flag = r.tcp_flags & O.TCP_ACK_FLAG != 0
    if f.state == C.CLOSED or f.state == C.RESET:
        return True
    if conn.isn[s] >= 0:
        if conn.isn[s] == seq:
            return False
        answers = ack_flag and conn.isn[o] >= 0 and after(r.tcp_ack, conn.isn[o]) == 1
        return not answers
    if conn.first_seq[s] >= 0:
        return after(conn.first_seq[s], seq) != 1
    if conn.seen[s]:
        return False
    if ack_flag:
        return conn.first_seq[o] >= 0 and conn.isn[o] < 0 and r.tcp_ack != conn.first_seq[o]
    return conn.seen[o] != 0 and conn.last_ack[o] >= 0 and after(conn.last_ack[o], seq) != 1


@inner
def choose_initiator(f, conn, r):
    """Say who opened the connection, as far as this frame tells."""
    if not r.tcp_flags & O.TCP_SYN or conn.initiator_fixed:
        return
    s = int64(r.side)
    if r.tcp_flags & O.TCP_ACK_FLAG:
        f.initiator = 1 - s
    else:
        f.initiator = s
        conn.initiator_fixed = 1


@inner
def analyse(m, f, conn, r, gaps):
    """All that a frame with `tcp_ok`, which is no duplicate, says. Returns (anomalies, retransmissions)."""
    s = int64(r.side)
    o = 1 - s
    flags = int64(r.tcp_flags)
    seq = r.tcp_seq
    payload = max(int64(r.payload_len), 0)
    length = payload
    if flags & O.TCP_SYN:
        length += 1
    if flags & O.TCP_FIN:
        length += 1
    fresh = conn.seen[0] == 0 and conn.seen[1] == 0
    other_seen = conn.seen[o] != 0
    conn.seen[s] = 1
    if flags & O.TCP_RST:
        f.resets[s] += 1
        if fresh:
            f.state = C.MIDSTREAM
        if f.state != C.CLOSED:
            f.state = C.RESET
        return 0, 0
    this_connection = True
    if flags & O.TCP_SYN and conn.isn[s] >= 0 and conn.isn[s] != seq:
        # A second SYN-ACK with another ISN counts as long as nothing was acknowledged.
        if conn.highest_ack[o] >= 0:
            this_connection = False
        else:
            conn.next[s] = -1
            conn.first_seq[s] = -1
            while conn.gap_head[s] >= 0:
                _drop(m, conn, gaps, s, -1, int64(conn.gap_head[s]))
    if flags & O.TCP_SYN and this_connection:
        conn.isn[s] = seq
        if r.tcp_mss >= 0:
            f.mss[s] = r.tcp_mss
        if r.tcp_wscale >= 0:
            f.window_scale[s] = r.tcp_wscale
        if not flags & O.TCP_ACK_FLAG:
            conn.syn_ns = r.ts_ns
    mask = 0
    resent = 0
    plain = not flags & SYN_OR_FIN
    keep_alive = plain and payload <= 1 and conn.next[s] >= 0 and after(seq, conn.next[s]) == -1
    probe = plain and payload == 1 and seq == conn.next[s] and conn.last_window[o] == 0
    if probe:
        conn.probed[s] = 1
    elif not keep_alive and this_connection:
        if length > 0:
            f.data_segments[s] += 1
            mask, resent = _sequence(m, f, conn, gaps, s, seq, length, r.ts_ns)
        elif conn.next[s] < 0:
            _move_on(conn, s, seq)
            conn.first_seq[s] = seq
            conn.probed[s] = 1  # it may be a keep-alive, of which the sequence number is one too low
    if flags & O.TCP_ACK_FLAG:
        ack = r.tcp_ack
        _acknowledge(m, f, conn, gaps, s, o, ack)
        if (
            length == 0
            and not keep_alive
            and r.tcp_window > 0
            and r.tcp_window == conn.last_window[s]
            and ack == conn.last_ack[s]
            and seq == conn.next[s]
            and not conn.keep_alive[o]
        ):
            f.duplicate_acks[s] += 1
    if r.tcp_window == 0 and plain:
        f.zero_windows[s] += 1
    _advance(f, conn, r, s, o, flags, payload, fresh, other_seen)
    if flags & O.TCP_ACK_FLAG:
        conn.last_ack[s] = r.tcp_ack
    conn.last_window[s] = r.tcp_window
    conn.keep_alive[s] = 1 if keep_alive else 0
    return mask, resent


@inner
def _move_on(conn, s, end):
    conn.next[s] = end & 0xFFFFFFFF
    conn.tail[s] = 0
    conn.probed[s] = 0


@inner
def _sequence(m, f, conn, gaps, s, seq, length, ns):
    """A segment that takes sequence space. Returns (anomalies, retransmissions)."""
    if conn.next[s] < 0:
        _move_on(conn, s, seq + length)
        conn.first_seq[s] = seq
        return 0, 0
    if conn.probed[s] and after(seq, conn.next[s]) == 1:
        _move_on(conn, s, seq)
    ahead = after(seq, conn.next[s])
    if ahead >= 0:
        mask = 0
        if ahead > 0 and not conn.resync[s]:
            mask = _open_gap(m, f, conn, gaps, s, seq, ns)
        conn.resync[s] = 0
        _move_on(conn, s, seq + length)
        return mask, 0
    end = seq + length & 0xFFFFFFFF
    oldest = _fill(m, conn, gaps, s, seq, end)
    mask = _keep_cap(m, f, conn, gaps, s)  # a gap may have been split
    resent = 0
    if oldest >= 0:
        limit = f.handshake_rtt_ns if f.handshake_rtt_ns > 0 else C.REORDER_NS
        if ns - gaps[0].ns <= limit:
            f.out_of_order[s] += 1
        else:
            resent = 1
    else:
        resent = 1
    f.retransmissions[s] += resent
    if after(end, conn.next[s]) > 0:
        _move_on(conn, s, end)
    return mask, resent


@inner
def _open_gap(m, f, conn, gaps, s, seq, ns):
    """Note the gap between what was seen and `seq`. Returns anomalies."""
    start = conn.next[s]
    acked = conn.highest_ack[1 - s]
    if acked >= 0 and after(acked, start) > 0:
        start = acked
        if after(seq, start) <= 0:
            return 0
    _append(m, conn, gaps, s, start, seq, ns)
    return _keep_cap(m, f, conn, gaps, s)


@inner
def _keep_cap(m, f, conn, gaps, s):
    """Drop the oldest gaps if there are too many. Returns anomalies."""
    mask = 0
    while conn.gap_count[s] > m.gaps_per_direction:
        _drop(m, conn, gaps, s, -1, int64(conn.gap_head[s]))
        # Lost for good: the row counts these; the open ones are added when the state is handed out.
        f.lost_segments[s] += 1
        mask = 1 << A.TCP_GAPS_OVERFLOW
    return mask


@inner
def _append(m, conn, gaps, s, start, end, ns):
    node = m.free_gap
    if node >= 0:
        m.free_gap = int64(gaps[node].next)
    else:
        node = m.n_gaps
        m.n_gaps = node + 1
    gaps[node].start = start
    gaps[node].end = end
    gaps[node].ns = ns
    gaps[node].next = -1
    if conn.gap_tail[s] >= 0:
        gaps[conn.gap_tail[s]].next = node
    else:
        conn.gap_head[s] = node
    conn.gap_tail[s] = node
    conn.gap_count[s] += 1


@inner
def _drop(m, conn, gaps, s, before, node):
    """Take `node` out of the list; `before` is the one before it, -1: it is the head."""
    following = int64(gaps[node].next)
    if before >= 0:
        gaps[before].next = following
    else:
        conn.gap_head[s] = following
    if conn.gap_tail[s] == node:
        conn.gap_tail[s] = before
    conn.gap_count[s] -= 1
    gaps[node].next = m.free_gap
    m.free_gap = node


@inner
def _fill(m, conn, gaps, s, seq, end):
    """Fill the parts of gaps in [seq, end). Returns 0 if any was, else -1; gaps[0].ns: when the oldest was noticed."""
    touched = -1
    before = -1
    node = int64(conn.gap_head[s])
    last = int64(conn.gap_tail[s])
    while node >= 0:
        g = gaps[node]
        following = int64(g.next)
        was_last = node == last
        if after(g.end, seq) > 0 and after(end, g.start) > 0:
            if touched < 0 or g.ns < gaps[0].ns:
                gaps[0].ns = g.ns
            touched = 0
            left = after(seq, g.start) > 0
            right = after(g.end, end) > 0
            if left and right:
                tail_end = g.end
                g.end = seq
                _append(m, conn, gaps, s, end, tail_end, g.ns)
            elif left:
                g.end = seq
            elif right:
                g.start = end
            else:
                _drop(m, conn, gaps, s, before, node)
                node = before
        before = node
        node = following
        if was_last:
            break
    return touched


@inner
def _acknowledge(m, f, conn, gaps, s, o, ack):
    """What side `s` says to have received of `o`."""
    if conn.highest_ack[s] < 0 or after(ack, conn.highest_ack[s]) > 0:
        conn.highest_ack[s] = ack
        before = -1
        node = int64(conn.gap_head[o])
        while node >= 0:
            g = gaps[node]
            following = int64(g.next)
            if after(ack, g.start) > 0:
                f.acked_unseen[o] += 1
                if after(ack, g.end) >= 0:
                    _drop(m, conn, gaps, o, before, node)
                    node = before
                else:
                    g.start = ack
            before = node
            node = following
    if conn.next[o] >= 0 and after(ack, conn.next[o]) > 0:
        if conn.probed[o] and after(ack, conn.next[o]) == 1:
            _move_on(conn, o, ack)
            return
        if not conn.tail[o] and not conn.resync[o]:
            f.acked_unseen[o] += 1
        conn.tail[o] = 1


@inner
def _advance(f, conn, r, s, o, flags, payload, fresh, other_seen):
    """The connection's state, and the round-trip time of its handshake."""
    ack_flag = flags & O.TCP_ACK_FLAG != 0
    if fresh:
        f.state = C.MIDSTREAM
    if flags & O.TCP_SYN:
        if not ack_flag:
            if fresh:
                f.state = C.SYN_SENT
            elif f.state == C.MIDSTREAM:
                f.state = C.ESTABLISHED if other_seen else C.SYN_SENT
        elif fresh or f.state == C.SYN_SENT or f.state == C.MIDSTREAM:
            f.state = C.SYN_RECEIVED
    elif ack_flag and (f.state == C.SYN_SENT or f.state == C.SYN_RECEIVED):
        if s == int64(f.initiator):
            if (
                f.state == C.SYN_RECEIVED
                and f.handshake_rtt_ns < 0
                and conn.syn_ns != C.NEVER
                and conn.isn[o] >= 0
                and after(r.tcp_ack, conn.isn[o]) == 1
                and r.ts_ns >= conn.syn_ns
            ):
                f.handshake_rtt_ns = r.ts_ns - conn.syn_ns
            f.state = C.ESTABLISHED
        elif payload > 0:
            f.state = C.ESTABLISHED
    if flags & O.TCP_FIN:
        conn.fin[s] = 1
        if f.state != C.CLOSED and f.state != C.RESET:
            f.state = C.CLOSING
        if conn.fin[o] and f.state != C.RESET:
            f.state = C.CLOSED
