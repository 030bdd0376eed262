"""MPLS label stacks (`docs/decoding.md`, "MPLS"; RFC 3032, entropy labels RFC 6790, control word RFC 4385).

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
|                Label                  | TC  |S|      TTL      |
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    NEXT_ETHERNET,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_STOP,
    enter,
    flag,
    there,
    u8,
    u32,
)


@inner
def mpls(buf, r, w):
    """A whole label stack, then what its first nibble says; `w.value`: the layer's kind."""
    kind = w.value
    start = w.off
    count = 0
    ident = -1
    entropy = -1
    indicated = False
    bottom = False
    while not bottom:
        if count == O.MPLS_MAX_LABELS:
            flag(r, A.MPLS_NO_BOTTOM)
            return NEXT_STOP
        if not there(r, w, O.MPLS_LEN):
            return NEXT_STOP
        entry = u32(buf, w.begin + w.off)
        w.off += O.MPLS_LEN
        count += 1
        label = entry >> 12
        bottom = entry & 0x100 != 0
        if indicated:
            if entropy < 0:
                entropy = label
            indicated = False
        elif label == O.MPLS_ELI:
            indicated = True
        else:
            ident = label
            if label == O.MPLS_IMPLICIT_NULL:
                flag(r, A.MPLS_LABEL_RESERVED)
    if indicated:
        flag(r, A.MPLS_ENTROPY_INVALID)
    if w.entropy < 0:
        w.entropy = entropy
    if int64(r.path_kind) == 0:
        r.path_kind = 1
        r.path_n = count
        r.path_off = start
    flow_id = int64(r.src_port) if kind == E.MPLS_IN_UDP else -1
    if not enter(r, w, kind, ident >= 0, max(ident, 0), flow_id, w.off):
        return NEXT_STOP
    if not there(r, w, 1):
        return NEXT_STOP
    nibble = u8(buf, w.begin + w.off) >> 4
    if nibble == 4:
        return NEXT_IPV4
    if nibble == 6:
        return NEXT_IPV6
    if nibble == 1:
        return NEXT_STOP
    if nibble == 0:
        if not there(r, w, 4):
            return NEXT_STOP
        w.off += 4
    return NEXT_ETHERNET
