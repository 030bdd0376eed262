"""Find or make the rows of the accountant's tables (`docs/accounting.md`, "Interning" and the numbered steps).

Every function returns a row number, or -1 where the table is full; the caller counts that. Rows are compared by all
their key fields: the hash only says where to look.
"""

from numpy import int64

from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.codes import PATH_ITEMS
from nvgre_inspect.kernels.compiled import inner, jit
from nvgre_inspect.kernels.hashing import hashed, mix, mix_wide
from nvgre_inspect.kernels.headers import u32

PATH_MPLS = 1


@jit
def rehash(hashes, n, index):
    """Fill a new `index` (all -1) with rows 0 to n - 1."""
    mask = len(index) - 1
    for row in range(n):
        at = int64(hashes[row]) & mask
        while index[at] >= 0:
            at = at + 1 & mask
        index[at] = row


@jit
def rehash_flows(hashes, live, n, index):
    """The same for flows: only the newest flow of each key is found by it."""
    mask = len(index) - 1
    for row in range(n):
        if live[row].superseded:
            continue
        at = int64(hashes[row]) & mask
        while index[at] >= 0:
            at = at + 1 & mask
        index[at] = row


@jit
def rehash_placements(meta, placements, hashes, n, index):
    """The same for placements, of which the hashes are computed anew: their flows have moved to other rows."""
    m = meta[0]
    mask = len(index) - 1
    for row in range(n):
        p = placements[row]
        h = placement_hash(m, int64(p.flow), int64(p.side), int64(p.tunnel), int64(p.pa_src), p.flow_id, int64(p.path))
        hashes[row] = h
        at = h & mask
        while index[at] >= 0:
            at = at + 1 & mask
        index[at] = row


# --- stacks ------------------------------------------------------------------------------------------------------


@inner
def key_layers(r, limit, chosen):
    """The layers of the key stack among the first `limit` layers of a record: how many, their places in `chosen`."""
    first = -1
    for k in range(limit):
        kind = int64(r.layer_kind[k]) & 0x7F
        if kind == E.ERSPAN1 or kind == E.ERSPAN2 or kind == E.ERSPAN3:
            continue
        if is_virtual(int64(r.layer_kind[k])):
            first = k
            break
        if first < 0:
            first = k
    if first < 0:
        return 0
    chosen[0] = first
    n = 1
    for k in range(first + 1, limit):
        if is_virtual(int64(r.layer_kind[k])):
            chosen[n] = k
            n += 1
    return n


@inner
def is_virtual(kind):
    """Whether a layer (kind with its HAS_ID bit) names a tenant."""
    if not kind & E.HAS_ID:
        return False
    kind &= 0x7F
    return E.NVGRE <= kind <= E.GRE_IN_UDP or kind >= E.USER


@inner
def find_stack(m, stacks, hashes, index, r, n, chosen):
    """The stack of the layers `chosen[:n]` of a record."""
    h = mix(m.seed, n)
    for j in range(n):
        h = mix(mix(h, int64(r.layer_kind[chosen[j]])), int64(r.layer_id[chosen[j]]))
    h = hashed(h)
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if hashes[row] == h and stacks[row].n == n:
            same = True
            for j in range(n):
                if stacks[row].kind[j] != r.layer_kind[chosen[j]] or stacks[row].id[j] != r.layer_id[chosen[j]]:
                    same = False
                    break
            if same:
                return int64(row)
        at = at + 1 & mask
    row = m.n_stacks
    if row >= m.max_stacks:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    stacks[row].n = n
    for j in range(n):
        stacks[row].kind[j] = r.layer_kind[chosen[j]]
        stacks[row].id[j] = r.layer_id[chosen[j]]
    m.n_stacks = row + 1
    return int64(row)


# --- addresses, tunnels, paths -----------------------------------------------------------------------------------


@inner
def find_address(m, addresses, hashes, index, family, words):
    """The row of an underlay address."""
    h = mix(m.seed, family)
    for j in range(4):
        h = mix(h, int64(words[j]))
    h = hashed(h)
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if hashes[row] == h and same_address(addresses[row], family, words):
            return int64(row)
        at = at + 1 & mask
    row = m.n_addresses
    if row >= m.max_addresses:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    addresses[row].family = family
    for j in range(4):
        addresses[row].word[j] = words[j]
    m.n_addresses = row + 1
    return int64(row)


@inner
def same_address(address, family, words):
    """Whether a row of `addresses` is this address."""
    if address.family != family:
        return False
    for j in range(4):
        if address.word[j] != words[j]:
            return False
    return True


@inner
def is_higher(a, b):
    """Whether address words `a` are above `b`."""
    for j in range(4):
        if a[j] != b[j]:
            return bool(a[j] > b[j])
    return False


@inner
def tunnel_hash(m, encap, family, low, high):
    """Hash of a tunnel by its encapsulation and its addresses in order."""
    h = mix(mix(m.seed, encap), family)
    for j in range(4):
        h = mix(h, int64(low[j]))
    for j in range(4):
        h = mix(h, int64(high[j]))
    return hashed(h)


@inner
def find_tunnel(tunnels, hashes, index, addresses, h, encap, family, low, high):
    """The row of a tunnel, or -1 - (free place of the index) where there is none."""
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if (
            hashes[row] == h
            and tunnels[row].encap == encap
            and same_address(addresses[tunnels[row].pa_a], family, low)
            and same_address(addresses[tunnels[row].pa_b], family, high)
        ):
            return int64(row)
        at = at + 1 & mask
    return -1 - int64(at)


@inner
def make_tunnel(m, tunnels, hashes, index, at, h, encap, low, high, initiator, ns):
    """A new tunnel between rows `low` and `high` of `addresses`; -1: no room."""
    row = m.n_tunnels
    if row >= m.max_tunnels:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    t = tunnels[row]
    t.encap = encap
    t.pa_a = low
    t.pa_b = high
    t.initiator = initiator
    t.first_ns = ns
    t.last_ns = ns
    m.n_tunnels = row + 1
    return int64(row)


@inner
def find_path(m, paths, hashes, index, buf, base, r):
    """The path of a record whose frame starts at `base`: labels without entropy labels, or segments."""
    kind = int64(r.path_kind)
    row = m.n_paths
    full = row >= m.max_paths
    # The candidate is written into the row that it would get; there is always one to spare.
    p = paths[row]
    p.kind = kind
    for j in range(PATH_ITEMS * 4):
        p["item"][j] = 0
    at = base + int64(r.path_off)
    n = 0
    h = mix(m.seed, kind)
    skip = False
    for k in range(int64(r.path_n)):
        if kind == PATH_MPLS:
            label = u32(buf, at + 4 * k) >> 12
            if skip:
                skip = False
                continue
            if label == O.MPLS_ELI:
                skip = True
                continue
            p["item"][4 * n + 3] = label
            h = mix(h, label)
        else:
            for j in range(4):
                word = u32(buf, at + 16 * k + 4 * j)
                p["item"][4 * n + j] = word
                h = mix(h, word)
        n += 1
    p.n = n
    h = hashed(mix(h, n))
    mask = len(index) - 1
    place = h & mask
    while index[place] >= 0:
        other = index[place]
        if hashes[other] == h and _same_path(paths[other], p):
            return int64(other)
        place = place + 1 & mask
    if full:
        return int64(-1)
    index[place] = row
    hashes[row] = h
    m.n_paths = row + 1
    return int64(row)


@inner
def _same_path(a, b):
    if a.kind != b.kind or a.n != b.n:
        return False
    for j in range(int64(a.n) * 4):
        if a["item"][j] != b["item"][j]:
            return False
    return True


# --- flows -------------------------------------------------------------------------------------------------------


@inner
def flow_key_hash(m, r, stack, tunnel):
    """Hash of a flow's key: that of the record, with the tenant."""
    return hashed(mix(mix(mix(m.seed, int64(r.flow_hash)), stack), tunnel + 1))


@inner
def find_flow(flows, hashes, index, h, r, stack, tunnel):
    """Place in the index of the newest flow with the key of this record, -1 - (free place): none."""
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if hashes[row] == h and _is_flow(flows[row], r, stack, tunnel):
            return int64(at)
        at = at + 1 & mask
    return -1 - int64(at)


@inner
def _is_flow(f, r, stack, tunnel):
    if f.stack != stack or f.family != r.family or f.protocol != r.protocol:
        return False
    if f.n_vlan != r.n_vlan or f.vlan[0] != r.vlan[0] or f.vlan[1] != r.vlan[1]:
        return False
    if tunnel >= 0 and f.tunnel != tunnel:
        return False
    side = int64(r.side)
    if r.family == 0:
        low = r.dst_mac if side else r.src_mac
        high = r.src_mac if side else r.dst_mac
        return bool(f.ethertype == r.ethertype and f.mac[0] == low and f.mac[1] == high)
    if side and r.icmp_type < 0:
        if f.port[0] != r.dst_port or f.port[1] != r.src_port:
            return False
    elif f.port[0] != r.src_port or f.port[1] != r.dst_port:
        return False
    if side:
        return _same_words(f.addr_a, r.dst) and _same_words(f.addr_b, r.src)
    return _same_words(f.addr_a, r.src) and _same_words(f.addr_b, r.dst)


@inner
def _same_words(a, b):
    return bool(a[0] == b[0] and a[1] == b[1] and a[2] == b[2] and a[3] == b[3])


# --- placements, endpoints, series, anomalies --------------------------------------------------------------------


@inner
def placement_hash(m, flow, side, tunnel, pa_src, flow_id, path):
    """Hash of a placement: tunnel and source say what the destination is."""
    h = mix(mix(mix(mix(m.seed, flow), tunnel + 1), pa_src + 1), side)
    return hashed(mix(mix_wide(h, flow_id), path + 1))


@inner
def find_placement(m, placements, hashes, index, flow, side, tunnel, pa_src, pa_dst, flow_id, path, make):
    """The row of a placement; -2: there is none and `make` is false."""
    h = placement_hash(m, flow, side, tunnel, pa_src, flow_id, path)
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        p = placements[row]
        if (
            hashes[row] == h
            and p.flow == flow
            and p.side == side
            and p.tunnel == tunnel
            and p.pa_src == pa_src
            and p.pa_dst == pa_dst
            and p.flow_id == flow_id
            and p.path == path
        ):
            return int64(row)
        at = at + 1 & mask
    if not make:
        return int64(-2)
    row = m.n_placements
    if row >= m.max_placements:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    p = placements[row]
    p.flow = flow
    p.side = side
    p.tunnel = tunnel
    p.pa_src = pa_src
    p.pa_dst = pa_dst
    p.flow_id = flow_id
    p.path = path
    p.packets = 0
    p.wire_bytes = 0
    m.n_placements = row + 1
    return int64(row)


@inner
def find_endpoint(m, endpoints, hashes, index, encap, vsid, tunnel, mac, family, ip, ns):
    """The row of an endpoint."""
    h = mix_wide(mix_wide(mix(mix(mix(m.seed, encap), tunnel + 1), family), vsid), mac)
    for j in range(4):
        h = mix(h, int64(ip[j]))
    h = hashed(h)
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if hashes[row] == h and is_endpoint(endpoints[row], encap, vsid, tunnel, mac, family, ip):
            return int64(row)
        at = at + 1 & mask
    row = m.n_endpoints
    if row >= m.max_endpoints:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    e = endpoints[row]
    e.encap = encap
    e.vsid = vsid
    e.tunnel = tunnel
    e.mac = mac
    e.family = family
    for j in range(4):
        e.ip[j] = ip[j]
    e.packets = 0
    e.moves = 0
    e.last_pa = -1
    e.n_pas = 0
    e.first_ns = ns
    e.last_ns = ns
    m.n_endpoints = row + 1
    return int64(row)


@inner
def is_endpoint(e, encap, vsid, tunnel, mac, family, ip):
    """Whether a row of `endpoints` is this one."""
    return bool(
        e.mac == mac
        and e.family == family
        and e.encap == encap
        and e.vsid == vsid
        and e.tunnel == tunnel
        and _same_words(e.ip, ip)
    )


@inner
def find_series(m, series, hashes, index, encap, vsid, tunnel):
    """The row of a line of the timeline."""
    h = hashed(mix_wide(mix(mix(m.seed, encap), tunnel + 1), vsid))
    mask = len(index) - 1
    at = h & mask
    while index[at] >= 0:
        row = index[at]
        if series[row].encap == encap and series[row].vsid == vsid and series[row].tunnel == tunnel:
            return int64(row)
        at = at + 1 & mask
    row = m.n_series
    if row >= m.max_series:
        return int64(-1)
    index[at] = row
    hashes[row] = h
    series[row].encap = encap
    series[row].vsid = vsid
    series[row].tunnel = tunnel
    m.n_series = row + 1
    return int64(row)


@inner
def note_anomalies(m, rows, hashes, index, mask_of_frame, tunnel, encap, vsid, flow, frame):
    """Count every code of a frame in its row (code, tunnel)."""
    mask = len(index) - 1
    for code in range(63):
        if not mask_of_frame >> code & 1:
            continue
        h = hashed(mix(mix(m.seed, code), tunnel + 1))
        at = h & mask
        row = int64(-1)
        while index[at] >= 0:
            row = int64(index[at])
            if rows[row].code == code and rows[row].tunnel == tunnel:
                break
            row = int64(-1)
            at = at + 1 & mask
        if row < 0:
            row = m.n_anomalies
            index[at] = row
            hashes[row] = h
            rows[row].code = code
            rows[row].tunnel = tunnel
            rows[row].encap = encap
            rows[row].vsid = vsid
            rows[row].flow = flow
            rows[row].count = 0
            rows[row].first_frame = frame + 1
            rows[row].last_frame = frame + 1
            m.n_anomalies = row + 1
        rows[row].count += 1
        rows[row].first_frame = min(rows[row].first_frame, frame + 1)
        rows[row].last_frame = max(rows[row].last_frame, frame + 1)
