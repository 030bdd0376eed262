"""GRE 0 and 1, NVGRE, GRETAP, ERSPAN (`docs/decoding.md`, "GRE"; RFC 2784, 2890, 1701, 2637, 7637).

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
|C|R|K|S|s|Recur|A| Flags |Ver|         Protocol type           |
|  checksum, if C or R        |         offset, if C or R       |
|  key, if K; NVGRE: VSID (24 bits)             |    FlowID     |
|  sequence number, if S                                        |
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    GRE_KEY_32,
    GRE_KEY_NVGRE,
    MAX_ROUTES,
    NEXT_ETHERNET,
    NEXT_ETHERTYPE,
    NEXT_IP,
    NEXT_MPLS,
    NEXT_PPP,
    NEXT_STOP,
    enter,
    flag,
    there,
    u8,
    u16,
    u32,
)
from nvgre_inspect.kernels.link import is_tag, tags


@inner
def gre(buf, r, w, tables):
    """A GRE header and what it announces; `w.gre_udp`: it stands in UDP."""
    if not there(r, w, O.GRE_MIN_LEN):
        return NEXT_STOP
    off = w.off
    at = w.begin + off
    flags = u16(buf, at)
    proto = u16(buf, at + 2)
    version = flags & O.GRE_VERSION_MASK
    if version == 1:
        return _gre_ppp(r, w, off, flags, proto)
    if version > 1:
        flag(r, A.GRE_VERSION_UNKNOWN)
        return NEXT_STOP
    length = O.GRE_MIN_LEN
    if flags & (O.GRE_C | O.GRE_R):
        length += 4
    key_at = at + length
    keyed = flags & O.GRE_K != 0
    if keyed:
        length += 4
    if flags & O.GRE_S:
        length += 4
    if not there(r, w, length):
        return NEXT_STOP
    if flags & O.GRE_RESERVED_MASK:
        flag(r, A.GRE_RESERVED_BITS)
    key = u32(buf, key_at) if keyed else 0
    w.off = off + length
    if flags & O.GRE_R and not _gre_routes(buf, r, w):
        return NEXT_STOP
    in_udp = w.gre_udp
    if in_udp and not enter(r, w, E.GRE_IN_UDP, keyed, key, int64(r.src_port), w.off):
        return NEXT_STOP
    if proto == O.ETHERTYPE_ERSPAN2 or proto == O.ETHERTYPE_ERSPAN3:
        return _erspan(buf, r, w, proto, flags & O.GRE_S != 0)
    if proto == O.ETHERTYPE_TEB:
        if not in_udp and not _ethernet_over_gre(r, w, tables, flags, keyed, key):
            return NEXT_STOP
        return NEXT_ETHERNET
    if proto == O.ETHERTYPE_MPLS or proto == O.ETHERTYPE_MPLS_MCAST:
        w.value = E.MPLS
        if not in_udp:
            if not keyed:
                w.value = E.MPLS_IN_GRE
            elif not enter(r, w, E.GRE, True, key, -1, w.off):
                return NEXT_STOP
        return NEXT_MPLS
    if not in_udp and not enter(r, w, E.GRE, keyed, key, -1, w.off):
        return NEXT_STOP
    if proto == O.ETHERTYPE_PPP:
        return NEXT_PPP
    if is_tag(proto):
        proto = tags(buf, r, w, proto, False)  # of no Ethernet frame: they say nothing about the tenant's
        if proto < 0:
            return NEXT_STOP
    w.value = proto
    return NEXT_ETHERTYPE


@inner
def _gre_ppp(r, w, off, flags, proto):
    """GRE version 1 (PPTP, RFC 2637): the key is a length and a call id, not a tenant."""
    length = O.GRE_MIN_LEN + 4
    if flags & O.GRE_S:
        length += 4
    if flags & O.GRE_A:
        length += 4
    if not there(r, w, length):
        return NEXT_STOP
    if w.gre_udp:
        kind = E.GRE_IN_UDP
        flow_id = int64(r.src_port)
    else:
        kind = E.GRE
        flow_id = -1
    if not enter(r, w, kind, False, 0, flow_id, off + length):
        return NEXT_STOP
    if proto == O.ETHERTYPE_PPP:
        return NEXT_PPP
    w.value = proto
    return NEXT_ETHERTYPE


@inner
def _gre_routes(buf, r, w):
    """Skip the source route entries of RFC 1701. False: not all there."""
    flag(r, A.GRE_ROUTING_PRESENT)
    for _ in range(MAX_ROUTES):
        if not there(r, w, 4):
            return False
        at = w.begin + w.off
        family = u16(buf, at)
        length = u8(buf, at + 3)
        w.off += 4
        if family == 0 and length == 0:
            return True
        if not there(r, w, length):
            return False
        w.off += length
    return False


@inner
def _ethernet_over_gre(r, w, tables, flags, keyed, key):
    """NVGRE or GRETAP: byte-identical, told apart by the key."""
    nvgre = keyed and tables.gre_key != GRE_KEY_32 and (key >> 8 >= O.NVGRE_MIN_VSID or tables.gre_key == GRE_KEY_NVGRE)
    if not nvgre:
        return enter(r, w, E.GRETAP, keyed, key, -1, w.off)
    vsid = key >> 8
    if flags & (O.GRE_C | O.GRE_S):
        flag(r, A.NVGRE_FLAGS_INVALID)
    if vsid < O.NVGRE_MIN_VSID or vsid == O.NVGRE_VENDOR_VSID:
        flag(r, A.NVGRE_VSID_RESERVED)
    if not enter(r, w, E.NVGRE, True, vsid, key & 0xFF, w.off):
        return False
    w.tagged = 1
    return True


@inner
def _erspan(buf, r, w, proto, sequenced):
    off = w.off
    if proto == O.ETHERTYPE_ERSPAN2 and not sequenced:
        if not enter(r, w, E.ERSPAN1, False, 0, -1, off):
            return NEXT_STOP
        return NEXT_ETHERNET
    if not there(r, w, O.ERSPAN2_LEN if proto == O.ETHERTYPE_ERSPAN2 else O.ERSPAN3_LEN):
        return NEXT_STOP
    at = w.begin + off
    version = u8(buf, at) >> 4
    session = u16(buf, at + 2) & 0x3FF
    if version == 1 and proto == O.ETHERTYPE_ERSPAN2:
        if not enter(r, w, E.ERSPAN2, True, session, -1, off + O.ERSPAN2_LEN):
            return NEXT_STOP
        return NEXT_ETHERNET
    if version != 2:
        flag(r, A.ERSPAN_VERSION_UNKNOWN)
        return NEXT_STOP
    if not there(r, w, O.ERSPAN3_LEN):
        return NEXT_STOP
    word = u16(buf, at + 10)
    length = O.ERSPAN3_LEN
    if word & 1:
        length += O.ERSPAN3_SUBHEADER_LEN
    if not there(r, w, length):
        return NEXT_STOP
    if not enter(r, w, E.ERSPAN3, True, session, -1, off + length):
        return NEXT_STOP
    frame_type = word >> 10 & 0x1F
    if frame_type == 0:
        return NEXT_ETHERNET
    if frame_type == 2:
        return NEXT_IP
    return NEXT_STOP
