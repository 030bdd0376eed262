"""IP fragments: which set a frame belongs to, and what waits for its first (`docs/accounting.md`, "Fragments").

Sets stand in a chained hash table and, by age, in a doubly linked list. Frames that wait are copied, for their batch
will be gone; when their turn comes they stand in the queue, which the accountant empties before it takes the next
frame.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels.codes import FRAGMENT_TIMEOUT_NS
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.hashing import mix
from nvgre_inspect.kernels.headers import u8, u32
from nvgre_inspect.kernels.ledger import BUCKETS, KEY_WORDS
from nvgre_inspect.kernels.lookup import find_path, find_stack, key_layers

#: What to do with a frame.
ACCOUNT = 0
WAIT = 1
CONTINUE = 2
#: Modes of what is in the queue.
ALONE = 0
MERGED = 1
SEPARATE = 2


@inner
def is_fragment(r):
    """Whether a frame has to do with fragments at all."""
    return r.frag_a_ip >= 0


@inner
def is_underlay(r):
    """Whether the outermost fragmented header is one at or outside the tenant's."""
    return r.anomalies >> A.UNDERLAY_FRAGMENT & 1 != 0


@inner
def inner_fragment(r):
    """Which fragmented header is inside the tenant's (or all there is): 1 for a, 2 for b, 0: none."""
    if r.frag_b_ip >= 0:
        return 2
    return 0 if is_underlay(r) else 1


@inner
def _key(m, stacks, stack_hash, stack_index, buf, base, r, which, chosen, key):
    """Write the key of a fragment set into `key`."""
    index = int64(r.frag_a_ip) if which == 1 else int64(r.frag_b_ip)
    layers = int64(r.frag_a_layers) if which == 1 else int64(r.frag_b_layers)
    ident = r.frag_a_id if which == 1 else r.frag_b_id
    n = key_layers(r, layers, chosen)
    stack = find_stack(m, stacks, stack_hash, stack_index, r, n, chosen)
    for k in range(KEY_WORDS):
        key[k] = 0
    key[0] = stack + 1
    key[1] = ident
    family = _addresses(buf, base + int64(r.ip_off[index]), key, 2)
    key[18] = family
    if family == 4:
        key[19] = u8(buf, base + int64(r.ip_off[index]) + O.IP4_PROTOCOL)
    if index > 0:
        _addresses(buf, base + int64(r.ip_off[0]), key, 10)


@inner
def _addresses(buf, at, key, place):
    """Copy source and destination of the IP header at `at` into eight words of the key; its family."""
    family = u8(buf, at) >> 4
    if family == 4:
        key[place + 3] = u32(buf, at + O.IP4_SRC)
        key[place + 7] = u32(buf, at + O.IP4_DST)
    else:
        for j in range(4):
            key[place + j] = u32(buf, at + O.IP6_SRC + 4 * j)
            key[place + 4 + j] = u32(buf, at + O.IP6_DST + 4 * j)
    return family


@inner
def _bucket(m, key):
    h = m.seed
    for k in range(KEY_WORDS):
        h = mix(h, int64(key[k]))
    return h & BUCKETS - 1


@inner
def _find(m, sets, buckets, key):
    row = int64(buckets[_bucket(m, key)])
    while row >= 0:
        same = True
        for k in range(KEY_WORDS):
            if sets[row].key[k] != key[k]:
                same = False
                break
        if same:
            return row
        row = int64(sets[row].chain)
    return int64(-1)


@inner
def _make(m, sets, buckets, key, ns):
    """A new set, the newest; there is room for it."""
    row = m.free_set
    s = sets[row]
    m.free_set = int64(s.chain)
    bucket = _bucket(m, key)
    for k in range(KEY_WORDS):
        s.key[k] = key[k]
    s.bucket = bucket
    s.chain = buckets[bucket]
    buckets[bucket] = row
    s.older = m.newest_set
    s.newer = -1
    if m.newest_set >= 0:
        sets[m.newest_set].newer = row
    else:
        m.oldest_set = row
    m.newest_set = row
    m.n_sets += 1
    s.first_ns = ns
    s.has_first = 0
    s.merged = 0
    s.flow = -1
    s.placement = -1
    s.tunnel = -1
    s.series = -1
    s.got = 0
    s.total = -1
    s.waiting_head = -1
    s.waiting_tail = -1
    return row


@inner
def forget(m, sets, buckets, row):
    """Take a set out; nothing waits in it any more."""
    s = sets[row]
    at = int64(buckets[s.bucket])
    if at == row:
        buckets[s.bucket] = s.chain
    else:
        while sets[at].chain != row:
            at = int64(sets[at].chain)
        sets[at].chain = s.chain
    if s.older >= 0:
        sets[s.older].newer = s.newer
    else:
        m.oldest_set = int64(s.newer)
    if s.newer >= 0:
        sets[s.newer].older = s.older
    else:
        m.newest_set = int64(s.older)
    s.chain = m.free_set
    m.free_set = row
    m.n_sets -= 1
    # Only sets that are there hold on to a flow.
    s.flow = -1
    s.placement = -1
    # The frame in hand may have opened it, even twice: both of its fragmented headers can have the same key.
    if row == m.set_f:
        m.set_f = -1
    if row == m.set_u:
        m.set_u = -1


@inner
def _enqueue(m, sets, waiting, row, mode):
    """Put what waits in a set at the end of the queue, to be accounted in this mode."""
    s = sets[row]
    item = int64(s.waiting_head)
    if item < 0:
        return
    if m.queue_tail >= 0:
        waiting[m.queue_tail].next = item
    else:
        m.queue_head = item
    m.queue_tail = int64(s.waiting_tail)
    while item >= 0:
        q = waiting[item]
        q.mode = mode
        q.side = s.side
        q.direction = s.direction
        q.flow = s.flow
        q.placement = s.placement
        q.tunnel = s.tunnel
        q.series = s.series
        if mode != ALONE:
            s.got += q.length
        m.n_waiting -= 1
        item = int64(q.next)
    s.waiting_head = -1
    s.waiting_tail = -1


@inner
def give_up(m, sets, buckets, waiting, row):
    """A set whose packet will not be completed: what waits is accounted alone."""
    _enqueue(m, sets, waiting, row, ALONE)
    forget(m, sets, buckets, row)


@inner
def _find_or_make(m, sets, buckets, waiting, key, ns):
    row = _find(m, sets, buckets, key)
    if row >= 0:
        return row
    if m.n_sets >= m.max_sets:
        give_up(m, sets, buckets, waiting, m.oldest_set)
    return _make(m, sets, buckets, key, ns)


@inner
def _open(m, sets, buckets, waiting, key, ns):
    """The set of a first fragment."""
    row = _find(m, sets, buckets, key)
    if row >= 0:
        if not sets[row].has_first:
            return row
        forget(m, sets, buckets, row)
    if m.n_sets >= m.max_sets:
        give_up(m, sets, buckets, waiting, m.oldest_set)
    return _make(m, sets, buckets, key, ns)


@inner
def expire(m, sets, buckets, waiting, ns):
    """Give up the sets that have waited too long at time `ns`."""
    while m.oldest_set >= 0 and ns - sets[m.oldest_set].first_ns > FRAGMENT_TIMEOUT_NS:
        give_up(m, sets, buckets, waiting, m.oldest_set)


@inner
def prepare(
    m, sets, buckets, waiting, records, stacks, stack_hash, stack_index, paths, path_hash, path_index,
    buf, base, r, frame, chosen, key,
):  # fmt: skip
    """Decide what to do with a frame that has to do with fragments.

    The sets that it opens as a first fragment are left in `m.set_u` and `m.set_f`, the packet that it continues in
    `m.of_…`.
    """
    expire(m, sets, buckets, waiting, r.ts_ns)
    m.set_u = -1
    m.set_f = -1
    which = inner_fragment(r)
    action = ACCOUNT
    if which:
        _key(m, stacks, stack_hash, stack_index, buf, base, r, which, chosen, key)
        offset = r.frag_a_off if which == 1 else r.frag_b_off
        length = int64(r.frag_a_len) if which == 1 else int64(r.frag_b_len)
        if offset == 0:
            m.set_f = _open(m, sets, buckets, waiting, key, r.ts_ns)
        else:
            row = _find(m, sets, buckets, key)
            more = r.frag_a_more if which == 1 else r.frag_b_more
            if row >= 0 and sets[row].has_first:
                action = CONTINUE
                _continue(m, sets, buckets, row, offset, length, more)
            elif is_underlay(r):
                r.anomalies = r.anomalies | 1 << A.FRAGMENT_WITHOUT_FIRST
            else:
                action = WAIT
                while m.n_waiting >= m.max_waiting and m.oldest_set >= 0:
                    give_up(m, sets, buckets, waiting, m.oldest_set)
                row = _find_or_make(m, sets, buckets, waiting, key, r.ts_ns)
                path = int64(-1)
                if r.path_kind and r.encap:
                    path = find_path(m, paths, path_hash, path_index, buf, base, r)
                _wait(m, sets, waiting, records, row, r, frame, path, length)
                if not more:
                    sets[row].total = int64(offset) + length
    if is_underlay(r):
        _key(m, stacks, stack_hash, stack_index, buf, base, r, 1, chosen, key)
        m.set_u = _open(m, sets, buckets, waiting, key, r.ts_ns)
    return action


@inner
def _wait(m, sets, waiting, records, row, r, frame, path, length):
    item = m.free_waiting
    q = waiting[item]
    m.free_waiting = int64(q.next)
    m.n_waiting += 1
    records[item] = r
    q.frame = frame
    q.path = path
    q.length = length
    q.next = -1
    s = sets[row]
    if s.waiting_tail >= 0:
        waiting[s.waiting_tail].next = item
    else:
        s.waiting_head = item
    s.waiting_tail = item


@inner
def _continue(m, sets, buckets, row, offset, length, more):
    """Remember whose packet the frame in hand continues."""
    s = sets[row]
    m.of_mode = MERGED if s.merged else SEPARATE
    m.of_flow = int64(s.flow)
    m.of_side = int64(s.side)
    m.of_direction = int64(s.direction)
    m.of_placement = int64(s.placement)
    m.of_tunnel = int64(s.tunnel)
    m.of_series = int64(s.series)
    _add(m, sets, buckets, row, offset, length, more)


@inner
def _add(m, sets, buckets, row, offset, length, more):
    """Count a fragment that was accounted; a complete set is forgotten."""
    s = sets[row]
    s.got += length
    if not more:
        s.total = int64(offset) + int64(length)
    if s.total >= 0 and s.got >= s.total:
        forget(m, sets, buckets, row)


@inner
def first_is_known(m, sets, buckets, waiting, row, r, underlay, flow, side, direction, placement, tunnel, series):
    """The first fragment of a set was accounted: remember how, and let what waits follow."""
    s = sets[row]
    s.has_first = 1
    s.merged = 1 if underlay else 0
    s.flow = flow
    s.side = side
    s.direction = direction
    s.placement = placement
    s.tunnel = tunnel
    s.series = series
    _enqueue(m, sets, waiting, row, MERGED if underlay else SEPARATE)
    if underlay or r.frag_b_ip < 0:
        _add(m, sets, buckets, row, r.frag_a_off, r.frag_a_len, r.frag_a_more)
    else:
        _add(m, sets, buckets, row, r.frag_b_off, r.frag_b_len, r.frag_b_more)
