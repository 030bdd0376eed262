"""Account: records to flows, tunnels and counters, compiled. `docs/accounting.md` numbers the steps.

One frame in hand is either the next of the batch or one that waited for its first fragment (the queue goes first).
A frame is only taken while every table has room for all that it could need; else the kernel returns and the engine
grows the tables.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels import codes as C
from nvgre_inspect.kernels import fragments as G
from nvgre_inspect.kernels import lookup as K
from nvgre_inspect.kernels import tcp, timeline
from nvgre_inspect.kernels.borrow import borrowed
from nvgre_inspect.kernels.compiled import inner, jit

#: The largest number of rows of one table that one frame in hand may need.
ROWS_PER_FRAME = 4
ANOMALIES_PER_FRAME = 63
#: What kind of frame is in hand.
PLAIN = 3


@inner
def has_room(m):
    """Whether every table has room for the next frame and for all frames that it may set free.

    Capacities stand in `m`: to hand over all the arrays costs more than the rest of a frame's work.
    """
    frames = m.n_waiting + 2
    rows = frames * ROWS_PER_FRAME
    return (
        m.n_stacks + rows <= m.room_stacks
        and m.n_addresses + rows <= m.room_addresses
        and m.n_paths + rows <= m.room_paths
        and m.n_tunnels + rows <= m.room_tunnels
        and m.n_flows + rows <= m.room_flows
        and m.n_placements + rows <= m.room_placements
        and m.n_endpoints + rows <= m.room_endpoints
        and m.n_endpoint_pas + rows <= m.room_endpoint_pas
        and m.n_series + rows <= m.room_series
        and m.n_anomalies + frames * ANOMALIES_PER_FRAME <= m.room_anomalies
        and m.n_gaps + rows <= m.room_gaps
    )


@inner
def _tunnel(
    m, tunnels, hashes, index, addresses, address_hash, address_index, encap, family, src, dst, ns,
):  # fmt: skip
    """The tunnel between two addresses, made if need be: (row or -1, side of `src`)."""
    side = 1 if K.is_higher(src, dst) else 0
    low = dst if side else src
    high = src if side else dst
    h = K.tunnel_hash(encap, family, low, high)
    row = K.find_tunnel(tunnels, hashes, index, addresses, h, encap, family, low, high)
    if row >= 0:
        return row, side
    place = -1 - row
    a = K.find_address(m, addresses, address_hash, address_index, family, src)
    b = K.find_address(m, addresses, address_hash, address_index, family, dst)
    if a < 0 or b < 0:
        m.lost_addresses += 1
        return int64(-1), side
    if side:
        a, b = b, a
    row = K.make_tunnel(m, tunnels, hashes, index, place, h, encap, a, b, side, ns)
    if row < 0:
        m.lost_tunnels += 1
    return row, side


@inner
def _count_tunnel(t, r, side):
    """Step 4."""
    t.packets[side] += 1
    t.wire_bytes[side] += r.wire_len
    t.max_wire_len = max(t.max_wire_len, r.wire_len)
    if r.pa_ttl >= 0:
        bits = t.ttl_b if side else t.ttl_a
        bits[int64(r.pa_ttl) >> 5] |= 1 << (int64(r.pa_ttl) & 31)
    if r.pa_tos >= 0:
        dscp = int64(r.pa_tos) >> 2
        if dscp < 32:
            t.dscp_lo |= 1 << dscp
        else:
            t.dscp_hi |= 1 << dscp - 32
    if r.anomalies >> A.UNDERLAY_FRAGMENT & 1:
        t.fragments += 1
    t.first_ns = min(t.first_ns, r.ts_ns)
    t.last_ns = max(t.last_ns, r.ts_ns)


@inner
def _new_flow(f, conn, r, stack, full_stack, tunnel):
    s = int64(r.side)
    f.stack = stack
    f.full_stack = full_stack
    f.tunnel = tunnel
    f.family = r.family
    f.protocol = r.protocol
    f.ethertype = r.ethertype
    f.n_vlan = r.n_vlan
    f.vlan[0] = r.vlan[0]
    f.vlan[1] = r.vlan[1]
    for j in range(4):
        f.addr_a[j] = r.dst[j] if s else r.src[j]
        f.addr_b[j] = r.src[j] if s else r.dst[j]
    swap = s == 1 and r.icmp_type < 0
    f.port[0] = r.dst_port if swap else r.src_port
    f.port[1] = r.src_port if swap else r.dst_port
    f.mac[s] = r.src_mac
    f.mac[1 - s] = r.dst_mac
    f.encap = r.encap
    f.vsid = r.vsid
    f.initiator = s
    f.state = C.ACTIVE
    f.first_ns = r.ts_ns
    f.last_ns = r.ts_ns
    f.handshake_rtt_ns = -1
    conn.series = -1
    conn.syn_ns = -1
    for k in range(2):
        f.mss[k] = -1
        f.window_scale[k] = -1
        conn.placement[k] = -1
        conn.endpoint[k] = -1
        conn.overflow_placement[k] = -1
        conn.next[k] = -1
        conn.first_seq[k] = -1
        conn.isn[k] = -1
        conn.highest_ack[k] = -1
        conn.last_ack[k] = -1
        conn.last_window[k] = -1
        conn.gap_head[k] = -1
        conn.gap_tail[k] = -1


@inner
def _count_flow(f, r, side):
    """Step 5, what is counted of every frame."""
    f.packets[side] += 1
    f.bytes[side] += r.inner_len
    f.wire_bytes[side] += r.wire_len
    f.first_ns = min(f.first_ns, r.ts_ns)
    f.last_ns = max(f.last_ns, r.ts_ns)
    if r.tos >= 0:
        dscp = int64(r.tos) >> 2
        if dscp < 32:
            f.dscp_lo[side] |= 1 << dscp
        else:
            f.dscp_hi[side] |= 1 << dscp - 32


@inner
def _is_duplicate(conn, r):
    """Whether the very same packet was among the last of its side; if not, it is remembered."""
    if r.family != 4 or r.ip_id <= 0 or (r.frag_a_ip >= 0 and _is_later_fragment(r)):
        return False
    s = int64(r.side)
    seq = int64(0)
    length = r.inner_len
    if r.tcp_ok:
        seq = r.tcp_seq
        length = max(int64(r.payload_len), 0)
        if r.tcp_flags & O.TCP_SYN:
            length += 1
        if r.tcp_flags & O.TCP_FIN:
            length += 1
    first = s * C.RECENT_PACKETS
    for k in range(first, first + C.RECENT_PACKETS):
        if conn.recent_id[k] == r.ip_id and conn.recent_seq[k] == seq and conn.recent_len[k] == length:
            if r.tcp_ok or r.ts_ns - conn.recent_ns[k] <= C.DUPLICATE_NS:
                return True
    at = int64(conn.recent_at[s])
    conn.recent_id[first + at] = r.ip_id
    conn.recent_seq[first + at] = seq
    conn.recent_len[first + at] = length
    conn.recent_ns[first + at] = r.ts_ns
    conn.recent_at[s] = (at + 1) % C.RECENT_PACKETS
    return False


@inner
def _is_later_fragment(r):
    which = G.inner_fragment(r)
    return (which == 1 and r.frag_a_off > 0) or (which == 2 and r.frag_b_off > 0)


@inner
def _placement(m, conn, r, flow, side, tunnel, pa_src, pa_dst, path, placements, hashes, index):
    """Step 7: (row or -1, anomalies)."""
    row = int64(conn.placement[side])
    if row >= 0:
        p = placements[row]
        if p.tunnel == tunnel and p.flow_id == r.flow_id and p.path == path and p.pa_src == pa_src:
            return row, 0
    make = conn.n_placements < m.placements_per_flow
    row = K.find_placement(m, placements, hashes, index, flow, side, tunnel, pa_src, pa_dst, r.flow_id, path, False)
    mask = 0
    if row == -2:
        if make:
            row = K.find_placement(
                m, placements, hashes, index, flow, side, tunnel, pa_src, pa_dst, r.flow_id, path, True
            )
            if row >= 0:
                conn.n_placements += 1
        else:
            mask = 1 << A.PLACEMENTS_OVERFLOW
            row = K.find_placement(m, placements, hashes, index, flow, side, -1, -1, -1, -1, -1, True)
    if row >= 0:
        if not mask:
            conn.placement[side] = row
        p = placements[row]
        if p.packets == 0 and p.wire_bytes == 0:
            p.first_ns = r.ts_ns
            p.last_ns = r.ts_ns
    return row, mask


@inner
def _endpoint(m, conn, r, side, tunnel, pa, endpoints, hashes, index, pas, pa_next, pa_head, words):
    """Step 8. Returns anomalies. `words`: int64[4], scratch."""
    family = int64(r.ca_family)
    unspecified = True
    for j in range(4):
        words[j] = r.ca_ip[j]
        if words[j]:
            unspecified = False
    if unspecified:
        family = 0
    if r.ca_mac < 0 and family == 0:
        return 0
    key_tunnel = tunnel if r.vsid < 0 and r.encap else -1
    row = int64(-1)
    if conn.endpoint[side] >= 0:
        row = int64(conn.endpoint[side])
        if not K.is_endpoint(endpoints[row], r.encap, r.vsid, key_tunnel, r.ca_mac, family, words):
            row = int64(-1)
    if row < 0:
        row = K.find_endpoint(
            m, endpoints, hashes, index, r.encap, r.vsid, key_tunnel, r.ca_mac, family, words, r.ts_ns
        )
        if row < 0:
            m.lost_endpoints += 1
            return 1 << A.TABLE_OVERFLOW
        conn.endpoint[side] = row
    e = endpoints[row]
    if e.packets == 0:
        pa_head[row] = -1
        e.last_pa = -1
    if pa >= 0 and e.last_pa != pa:
        if e.last_pa >= 0:
            e.moves += 1
        _note_pa(m, e, row, pa, pas, pa_next, pa_head)
        e.last_pa = pa
    e.packets += 1
    e.first_ns = min(e.first_ns, r.ts_ns)
    e.last_ns = max(e.last_ns, r.ts_ns)
    return 0


@inner
def _note_pa(m, e, row, pa, pas, pa_next, pa_head):
    at = int64(pa_head[row])
    while at >= 0:
        if pas[at].pa == pa:
            return
        at = int64(pa_next[at])
    if e.n_pas >= m.pas_per_endpoint:
        return
    at = m.n_endpoint_pas
    pas[at].endpoint = row
    pas[at].pa = pa
    pa_next[at] = pa_head[row]
    pa_head[row] = at
    m.n_endpoint_pas = at + 1
    e.n_pas += 1


@inner
def _bin(m, bins, row, r, packets, count, resent):
    """Step 9."""
    timeline.fit(m, bins, r.ts_ns)
    line = bins[row, r.ts_ns // m.bin_width - m.bin_base]
    line[0] += packets
    line[1] += count
    line[2] += r.wire_len
    line[3] += resent


@inner
def _merge(m, r, q, flows, placements, tunnels, bins, count):
    """A later fragment of a packet of the underlay: more bytes, no packet. `q`: where its first went."""
    side = int64(q.side)
    f = flows[q.flow]
    f.bytes[side] += count
    f.wire_bytes[side] += r.wire_len
    f.first_ns = min(f.first_ns, r.ts_ns)
    f.last_ns = max(f.last_ns, r.ts_ns)
    f.anomalies |= r.anomalies
    if q.placement >= 0:
        p = placements[q.placement]
        p.wire_bytes += r.wire_len
        p.first_ns = min(p.first_ns, r.ts_ns)
        p.last_ns = max(p.last_ns, r.ts_ns)
    if q.tunnel >= 0:
        t = tunnels[q.tunnel]
        t.wire_bytes[int64(q.direction)] += r.wire_len
        t.max_wire_len = max(t.max_wire_len, r.wire_len)
        t.fragments += 1
        t.first_ns = min(t.first_ns, r.ts_ns)
        t.last_ns = max(t.last_ns, r.ts_ns)
        t.anomalies |= r.anomalies
    if q.series >= 0:
        _bin(m, bins, q.series, r, 0, count, 0)


@jit
def account(ledger, buffer, offset, records, start, first_frame, finish, chosen, key, words, of):
    """Account the frames from `start` on; the number of the next one to take (fewer than there are: grow the tables).

    `records`: RECORD[n], `offset`: of their frames in `buffer`, `first_frame`: number of the first, from 0.
    `finish`: give up what waits when there is no frame left. Scratch: `chosen`: int64[MAX_LAYERS], `key`:
    uint32[KEY_WORDS], `words`: int64[4], `of`: one WAITING.
    """
    m = ledger.meta[0]
    buf = borrowed(buffer)
    stacks = borrowed(ledger.stacks)
    stack_hash = borrowed(ledger.stack_hash)
    stack_index = borrowed(ledger.stack_index)
    addresses = borrowed(ledger.addresses)
    address_hash = borrowed(ledger.address_hash)
    address_index = borrowed(ledger.address_index)
    paths = borrowed(ledger.paths)
    path_hash = borrowed(ledger.path_hash)
    path_index = borrowed(ledger.path_index)
    tunnels = borrowed(ledger.tunnels)
    tunnel_hash = borrowed(ledger.tunnel_hash)
    tunnel_index = borrowed(ledger.tunnel_index)
    flows = borrowed(ledger.flows)
    live = borrowed(ledger.live)
    flow_hash = borrowed(ledger.flow_hash)
    flow_index = borrowed(ledger.flow_index)
    placements = borrowed(ledger.placements)
    placement_series = borrowed(ledger.placement_series)
    placement_hash = borrowed(ledger.placement_hash)
    placement_index = borrowed(ledger.placement_index)
    endpoints = borrowed(ledger.endpoints)
    endpoint_hash = borrowed(ledger.endpoint_hash)
    endpoint_index = borrowed(ledger.endpoint_index)
    endpoint_pas = borrowed(ledger.endpoint_pas)
    pa_next = borrowed(ledger.pa_next)
    pa_head = borrowed(ledger.pa_head)
    series = borrowed(ledger.series)
    series_hash = borrowed(ledger.series_hash)
    series_index = borrowed(ledger.series_index)
    bins = borrowed(ledger.bins)
    anomalies = borrowed(ledger.anomalies)
    anomaly_hash = borrowed(ledger.anomaly_hash)
    anomaly_index = borrowed(ledger.anomaly_index)
    gaps = borrowed(ledger.gaps)
    sets = borrowed(ledger.sets)
    buckets = borrowed(ledger.buckets)
    waiting = borrowed(ledger.waiting)
    waiting_records = borrowed(ledger.waiting_records)
    frame_flow = borrowed(ledger.frame_flow)
    last_ns = borrowed(ledger.last_ns)
    chosen = borrowed(chosen)
    key = borrowed(key)
    words = borrowed(words)

    n = len(records)
    i = start
    prepared = False
    action = G.ACCOUNT
    q = of[0]
    while True:
        # --- which frame is in hand ------------------------------------------------------------------------------
        mode = PLAIN
        path = int64(-2)
        base = int64(0)
        fragment = False
        if m.queue_head >= 0:
            item = m.queue_head
            of[0] = waiting[item]
            m.queue_head = int64(q.next)
            if m.queue_head < 0:
                m.queue_tail = -1
            waiting[item].next = m.free_waiting
            m.free_waiting = item
            r = waiting_records[item]
            frame = q.frame
            mode = int64(q.mode)
            path = int64(q.path)
            count = q.length
            if mode == G.ALONE:
                r.anomalies = r.anomalies | 1 << A.FRAGMENT_WITHOUT_FIRST
        elif i < n:
            r = records[i]
            frame = first_frame + i
            base = offset[i]
            fragment = G.is_fragment(r)
            if not prepared:
                if not has_room(m):
                    return i
                # 1. time
                if r.ts_ns < last_ns[r.interface]:
                    r.anomalies = r.anomalies | 1 << A.TIMESTAMP_BACKWARD
                last_ns[r.interface] = r.ts_ns
                # 2. fragments
                if fragment:
                    action = G.prepare(
                        m, sets, buckets, waiting, waiting_records, stacks, stack_hash, stack_index,
                        paths, path_hash, path_index, buf, base, r, frame, chosen, key,
                    )  # fmt: skip
                    prepared = True
                    if m.queue_head >= 0:
                        continue
                else:
                    action = G.ACCOUNT
            prepared = False
            i += 1
            if action == G.WAIT:
                frame_flow[frame] = -1
                continue
            if action == G.CONTINUE:
                mode = m.of_mode
                q.flow = m.of_flow
                q.side = m.of_side
                q.direction = m.of_direction
                q.placement = m.of_placement
                q.tunnel = m.of_tunnel
                q.series = m.of_series
            count = int64(r.frag_b_len) if r.frag_b_ip >= 0 else int64(r.frag_a_len)
        elif finish and m.oldest_set >= 0:
            G.give_up(m, sets, buckets, waiting, m.oldest_set)
            continue
        else:
            return i

        # --- a later fragment of a packet of the underlay --------------------------------------------------------
        if mode == G.MERGED:
            frame_flow[frame] = q.flow
            if q.flow < 0:
                m.lost_flows += 1
                continue
            _merge(m, r, q, flows, placements, tunnels, bins, count)
            if r.anomalies:
                f = flows[q.flow]
                K.note_anomalies(
                    m, anomalies, anomaly_hash, anomaly_index, r.anomalies, int64(q.tunnel), f.encap, f.vsid,
                    int64(q.flow), frame,
                )  # fmt: skip
            continue

        # 3. what an ICMP error quotes
        if r.quote_encap:
            t, _ = _tunnel(
                m, tunnels, tunnel_hash, tunnel_index, addresses, address_hash, address_index,
                r.quote_encap, r.quote_family, r.quote_src, r.quote_dst, r.ts_ns,
            )  # fmt: skip
            if t >= 0:
                tunnels[t].icmp_errors += 1
            else:
                r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW

        # 4. tunnel
        tunnel = int64(-1)
        direction = 0
        pa_src = int64(-1)
        pa_dst = int64(-1)
        if r.encap:
            tunnel, direction = _tunnel(
                m, tunnels, tunnel_hash, tunnel_index, addresses, address_hash, address_index,
                r.encap, r.pa_family, r.pa_src, r.pa_dst, r.ts_ns,
            )  # fmt: skip
            if tunnel >= 0:
                _count_tunnel(tunnels[tunnel], r, direction)
                pa_src = int64(tunnels[tunnel].pa_b if direction else tunnels[tunnel].pa_a)
                pa_dst = int64(tunnels[tunnel].pa_a if direction else tunnels[tunnel].pa_b)
            else:
                r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW

        # 5. flow
        side = int64(r.side)
        if mode == G.SEPARATE:
            flow = int64(q.flow)
            side = int64(q.side)
            if flow < 0:
                m.lost_flows += 1
        else:
            depth = K.key_layers(r, int64(r.n_layers), chosen)
            stack = K.find_stack(m, stacks, stack_hash, stack_index, r, depth, chosen)
            flow = int64(-1)
            if stack < 0:
                m.lost_stacks += 1
            else:
                key_tunnel = tunnel if r.encap and r.vsid < 0 else int64(-1)
                h = K.flow_key_hash(r, stack, key_tunnel)
                place = K.find_flow(flows, flow_hash, flow_index, h, r, stack, key_tunnel)
                make = place < 0
                if not make:
                    flow = int64(flow_index[place])
                    if live[flow].is_tcp:
                        if r.tcp_ok and r.tcp_flags & O.TCP_SYN:
                            make = tcp.starts_new_flow(flows[flow], live[flow], r)
                    elif m.idle_ns > 0 and r.ts_ns - flows[flow].last_ns > m.idle_ns:
                        make = True
                if make and m.n_flows >= m.max_flows:
                    flow = int64(-1)
                    m.lost_flows += 1
                elif make:
                    if place >= 0:
                        live[flow].superseded = 1
                    else:
                        place = -1 - place
                    depth = int64(r.n_layers)
                    for k in range(depth):
                        chosen[k] = k
                    full_stack = K.find_stack(m, stacks, stack_hash, stack_index, r, depth, chosen)
                    if full_stack < 0:
                        full_stack = stack
                        m.lost_stacks += 1
                        r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
                    flow = m.n_flows
                    m.n_flows = flow + 1
                    flow_index[place] = flow
                    flow_hash[flow] = h
                    _new_flow(flows[flow], live[flow], r, stack, full_stack, tunnel)
        frame_flow[frame] = flow
        placement = int64(-1)
        line = int64(-1)
        resent = 0
        if flow < 0:
            r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
        else:
            f = flows[flow]
            conn = live[flow]
            _count_flow(f, r, side)
            # 6. duplicates and TCP
            if mode == G.SEPARATE:
                if conn.is_tcp:
                    conn.resync[side] = 1
            else:
                if r.tcp_ok and not conn.is_tcp:
                    conn.is_tcp = 1
                if _is_duplicate(conn, r):
                    f.duplicates[side] += 1
                    r.anomalies = r.anomalies | 1 << A.DUPLICATE_PACKET
                elif r.tcp_ok:
                    tcp.choose_initiator(f, conn, r)
                    mask, resent = tcp.analyse(m, f, conn, r, gaps)
                    r.anomalies = r.anomalies | mask
                    if m.set_f >= 0 and fragment:
                        conn.resync[side] = 1
            # 7. placement
            if tunnel >= 0:
                if path == -2:
                    path = int64(-1)
                    if r.path_kind:
                        path = K.find_path(m, paths, path_hash, path_index, buf, base, r)
                        if path < 0:
                            m.lost_paths += 1
                            r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
                placement, mask = _placement(
                    m, conn, r, flow, side, tunnel, pa_src, pa_dst, path, placements, placement_hash, placement_index
                )
                r.anomalies = r.anomalies | mask
                if placement >= 0:
                    p = placements[placement]
                    if p.packets == 0:
                        placement_series[placement] = -1
                    else:
                        line = int64(placement_series[placement])
                    p.packets += 1
                    p.wire_bytes += r.wire_len
                    p.first_ns = min(p.first_ns, r.ts_ns)
                    p.last_ns = max(p.last_ns, r.ts_ns)
                else:
                    m.lost_placements += 1
                    r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
            else:
                line = int64(conn.series)
            # 8. endpoint
            mask = _endpoint(
                m, conn, r, side, tunnel, pa_src, endpoints, endpoint_hash, endpoint_index, endpoint_pas, pa_next,
                pa_head, words,
            )  # fmt: skip
            r.anomalies = r.anomalies | mask
        # 9. timeline
        if line < 0 or series[line].tunnel != tunnel:
            line = K.find_series(m, series, series_hash, series_index, r.encap, r.vsid, tunnel)
            if flow >= 0:
                if placement >= 0:
                    placement_series[placement] = line
                elif tunnel < 0:
                    live[flow].series = line
        if line >= 0:
            _bin(m, bins, line, r, 1, r.inner_len, resent)
        else:
            m.lost_series += 1
            r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
        # 10. anomalies
        if r.anomalies:
            if flow >= 0:
                flows[flow].anomalies |= r.anomalies
            if tunnel >= 0:
                tunnels[tunnel].anomalies |= r.anomalies
            K.note_anomalies(
                m, anomalies, anomaly_hash, anomaly_index, r.anomalies, tunnel, r.encap, r.vsid, flow, frame
            )
        # the sets that this frame opened
        if fragment:
            if m.set_f >= 0:
                G.first_is_known(
                    m, sets, buckets, waiting, m.set_f, r, False, flow, side, direction, placement, tunnel, line
                )
                m.set_f = -1
            if m.set_u >= 0:
                G.first_is_known(
                    m, sets, buckets, waiting, m.set_u, r, True, flow, side, direction, placement, tunnel, line
                )
                m.set_u = -1
