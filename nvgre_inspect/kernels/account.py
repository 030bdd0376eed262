"""Account: records to flows, tunnels and counters, compiled. `docs/accounting.md` numbers the steps.

One frame in hand is either the next of the batch or one that waited for its first fragment (the queue goes first).
A frame is only taken while every table has room for all that it could need; else the kernel returns and the engine
evicts flows or endpoints, or grows the tables.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels import fragments as G
from nvgre_inspect.kernels import lookup as K
from nvgre_inspect.kernels import steps as S
from nvgre_inspect.kernels import tcp
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
        m.n_flows < m.full_flows
        and m.n_endpoints < m.full_endpoints
        and m.n_stacks + rows <= m.room_stacks
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
def note_flow(m, frame_flow, frame, flow):
    """Remember the flow of a frame, if it is kept: one that waited long may be gone."""
    if frame >= m.first_kept:
        frame_flow[frame - m.first_kept] = flow


@jit
def account(ledger, buffer, offset, records, start, first_frame, finish, chosen, key, words, of):
    """Account the frames from `start` on. Returns the number of the next one; fewer than there are: make room first.

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
                note_flow(m, frame_flow, frame, int64(-1))
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
            note_flow(m, frame_flow, frame, int64(q.flow))
            if q.flow < 0:
                m.lost_flows += 1
            else:
                S.continue_packet(m, r, q, flows, placements, tunnels, bins, count)
                if r.anomalies:
                    f = flows[q.flow]
                    K.note_anomalies(
                        m, anomalies, anomaly_hash, anomaly_index, r.anomalies, int64(q.tunnel), f.encap, f.vsid,
                        int64(q.flow), frame,
                    )  # fmt: skip
            if fragment and m.set_u >= 0:
                G.first_is_known(
                    m, sets, buckets, waiting, m.set_u, r, True, int64(q.flow), int64(q.side), int64(q.direction),
                    int64(q.placement), int64(q.tunnel), int64(q.series),
                )  # fmt: skip
                m.set_u = -1
            continue

        # 3. what an ICMP error quotes
        if r.quote_encap:
            t, _ = S.find_tunnel(
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
            tunnel, direction = S.find_tunnel(
                m, tunnels, tunnel_hash, tunnel_index, addresses, address_hash, address_index,
                r.encap, r.pa_family, r.pa_src, r.pa_dst, r.ts_ns,
            )  # fmt: skip
            if tunnel >= 0:
                S.count_tunnel(tunnels[tunnel], r, direction)
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
                h = K.flow_key_hash(m, r, stack, key_tunnel)
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
                    S.new_flow(flows[flow], live[flow], r, stack, full_stack, tunnel)
        note_flow(m, frame_flow, frame, flow)
        placement = int64(-1)
        line = int64(-1)
        resent = 0
        if flow < 0:
            r.anomalies = r.anomalies | 1 << A.TABLE_OVERFLOW
        else:
            f = flows[flow]
            conn = live[flow]
            S.count_flow(f, r, side)
            # 6. duplicates and TCP
            if mode == G.SEPARATE:
                if conn.is_tcp:
                    conn.resync[side] = 1
            else:
                if r.tcp_ok and not conn.is_tcp:
                    conn.is_tcp = 1
                if S.is_duplicate(conn, r):
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
                placement, mask = S.place(
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
            mask = S.count_endpoint(
                m, conn, r, side, tunnel, pa_src, endpoints, endpoint_hash, endpoint_index, endpoint_pas, pa_next,
                pa_head, words,
            )  # fmt: skip
            r.anomalies = r.anomalies | mask
        # 9. timeline
        if line < 0 or series[line].tunnel != tunnel or series[line].encap != r.encap or series[line].vsid != r.vsid:
            line = K.find_series(m, series, series_hash, series_index, r.encap, r.vsid, tunnel)
            if flow >= 0:
                if placement >= 0:
                    placement_series[placement] = line
                elif tunnel < 0:
                    live[flow].series = line
        if line >= 0:
            S.count_bin(m, bins, line, r, 1, r.inner_len, resent)
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
