"""The steps of accounting one frame, each over the arrays that it needs (`docs/accounting.md` numbers them).

`r` is the record, `m` the counters, `f` the flow's row, `conn` its row of `live`, `t` the tunnel's row.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels import codes as C
from nvgre_inspect.kernels import fragments as G
from nvgre_inspect.kernels import lookup as K
from nvgre_inspect.kernels import timeline
from nvgre_inspect.kernels.compiled import inner


@inner
def find_tunnel(
    m, tunnels, hashes, index, addresses, address_hash, address_index, encap, family, src, dst, ns,
):  # fmt: skip
    """The tunnel between two addresses, made if need be: (row or -1, side of `src`)."""
    side = 1 if K.is_higher(src, dst) else 0
    low = dst if side else src
    high = src if side else dst
    h = K.tunnel_hash(m, encap, family, low, high)
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
def count_tunnel(t, r, side):
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
def new_flow(f, conn, r, stack, full_stack, tunnel):
    """Step 5, a flow that was not there: fill its rows, which are all zeros."""
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
    conn.syn_ns = C.NEVER
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
def count_flow(f, r, side):
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
def is_duplicate(conn, r):
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
def place(m, conn, r, flow, side, tunnel, pa_src, pa_dst, path, placements, hashes, index):
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
def count_endpoint(m, conn, r, side, tunnel, pa, endpoints, hashes, index, pas, pa_next, pa_head, words):
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
def count_bin(m, bins, row, r, packets, count, resent):
    """Step 9."""
    timeline.fit(m, bins, r.ts_ns)
    line = bins[row, r.ts_ns // m.bin_width & timeline.LAST_BIN]
    line[0] += packets
    line[1] += count
    line[2] += r.wire_len
    line[3] += resent


@inner
def continue_packet(m, r, q, flows, placements, tunnels, bins, count):
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
        count_bin(m, bins, q.series, r, 0, count, 0)
