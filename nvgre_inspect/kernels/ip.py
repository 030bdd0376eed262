"""IPv4 and IPv6 with extension headers, fragments and segment routing (`docs/decoding.md`, "IP")."""

from numpy import int64

from dissectors import anomalies as A
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    MAX_IP,
    NEXT_PROTOCOL,
    NEXT_STOP,
    PATH_ITEMS,
    flag,
    there,
    u8,
    u16,
    u32,
)
from nvgre_inspect.kernels.link import no_transport


@inner
def _begin_ip(r, w, family, off):
    """Note an IP header at `off`; its addresses are in the walk's state already."""
    k = w.ip_count
    w.ip_count = k + 1
    if k >= MAX_IP:
        k = MAX_IP - 1
    r.ip_off[k] = off
    r.ip_proto[k] = -1
    r.ip_l4_off[k] = -1
    r.n_ip = k + 1
    w.ip_family = family
    w.ip_start = off
    w.srh = 0
    r.family = family
    r.tos = w.ip_tos
    r.ttl = w.ip_ttl
    for j in range(4):
        r.src[j] = w.ip_src[j]
        r.dst[j] = w.ip_dst[j]
    no_transport(r)
    r.ethertype = O.ETHERTYPE_IPV4 if family == 4 else O.ETHERTYPE_IPV6
    if w.fresh:
        r.src_mac = -1
        r.dst_mac = -1
        r.n_vlan = 0
        r.vlan[0] = 0
        r.vlan[1] = 0
    if w.ca_ip:
        r.ca_family = family
        for j in range(4):
            r.ca_ip[j] = w.ip_src[j]
        w.ca_ip = 0
    w.ca_mac = 0


@inner
def _claim(r, w, claim):
    """Move the packet's end to what an IP header claims, if that is possible."""
    w.ip_claim = claim
    if claim <= w.end:
        w.end = claim
    elif not w.open:
        flag(r, A.IP_TOTAL_LENGTH_INVALID)


@inner
def _fragment(r, w, offset, more, ident, payload):
    """Note that the last IP header is that of a fragment whose payload starts at `payload`."""
    length = max(w.end - payload, 0)
    if offset + length > 65535 or (length == 0 and more):
        flag(r, A.FRAGMENT_INVALID)
    index = min(w.ip_count, MAX_IP) - 1
    if w.frag_a == 0:
        w.frag_a = w.ip_count
        r.frag_a_ip = index
        r.frag_a_layers = r.n_layers
        r.frag_a_id = ident
        r.frag_a_off = offset
        r.frag_a_len = length
        r.frag_a_more = more
    else:
        r.frag_b_ip = index
        r.frag_b_layers = r.n_layers
        r.frag_b_id = ident
        r.frag_b_off = offset
        r.frag_b_len = length
        r.frag_b_more = more


@inner
def ipv4(buf, r, w):
    """An IPv4 header with its options (RFC 791)."""
    if not there(r, w, O.IP4_MIN_LEN):
        return NEXT_STOP
    off = w.off
    at = w.begin + off
    first = u8(buf, at)
    if first >> 4 != 4:
        flag(r, A.IP_VERSION_MISMATCH)
        return NEXT_STOP
    header = (first & 15) * 4
    if header < O.IP4_MIN_LEN:
        flag(r, A.IP_HEADER_LENGTH_INVALID)
        return NEXT_STOP
    if not there(r, w, header):
        return NEXT_STOP
    for j in range(3):
        w.ip_src[j] = 0
        w.ip_dst[j] = 0
    w.ip_src[3] = u32(buf, at + O.IP4_SRC)
    w.ip_dst[3] = u32(buf, at + O.IP4_DST)
    w.ip_tos = u8(buf, at + O.IP4_TOS)
    w.ip_ttl = u8(buf, at + O.IP4_TTL)
    w.ip_label = -1
    _begin_ip(r, w, 4, off)
    total = u16(buf, at + O.IP4_TOTAL_LEN)
    if total == 0:
        flag(r, A.IP_TOTAL_LENGTH_ZERO)
        w.ip_claim = -1
    elif total < header:
        flag(r, A.IP_TOTAL_LENGTH_INVALID)
        w.ip_claim = -1
    else:
        _claim(r, w, off + total)
    ident = u16(buf, at + O.IP4_ID)
    r.ip_id = ident
    protocol = u8(buf, at + O.IP4_PROTOCOL)
    r.protocol = protocol
    k = int64(r.n_ip) - 1
    r.ip_proto[k] = protocol
    w.off = off + header
    word = u16(buf, at + O.IP4_FRAGMENT)
    offset = (word & O.IP4_OFFSET_MASK) * 8
    more = 1 if word & O.IP4_MF else 0
    if offset or more:
        _fragment(r, w, offset, more, ident, off + header)
        if offset:
            return NEXT_STOP
        w.open = 1
    r.ip_l4_off[k] = off + header
    w.value = protocol
    return NEXT_PROTOCOL


@inner
def _is_extension(protocol):
    return (
        protocol == O.IPPROTO_HOPOPTS
        or protocol == O.IPPROTO_ROUTING
        or protocol == O.IPPROTO_DSTOPTS
        or protocol == O.IPPROTO_FRAGMENT
        or protocol == O.IPPROTO_MOBILITY
        or protocol == O.IPPROTO_HIP
        or protocol == O.IPPROTO_SHIM6
    )


@inner
def ipv6(buf, r, w):
    """An IPv6 header with its extension headers (RFC 8200)."""
    if not there(r, w, O.IP6_LEN):
        return NEXT_STOP
    off = w.off
    at = w.begin + off
    first = u32(buf, at)
    if first >> 28 != 6:
        flag(r, A.IP_VERSION_MISMATCH)
        return NEXT_STOP
    for j in range(4):
        w.ip_src[j] = u32(buf, at + O.IP6_SRC + 4 * j)
        w.ip_dst[j] = u32(buf, at + O.IP6_DST + 4 * j)
    w.ip_tos = first >> 20 & 0xFF
    w.ip_ttl = u8(buf, at + O.IP6_HOP_LIMIT)
    w.ip_label = first & O.IP6_FLOW_LABEL_MASK
    _begin_ip(r, w, 6, off)
    r.ip_id = -1
    protocol = u8(buf, at + O.IP6_NEXT)
    length = u16(buf, at + O.IP6_PAYLOAD_LEN)
    if length:
        _claim(r, w, off + O.IP6_LEN + length)
    else:
        w.ip_claim = -1
        if protocol != O.IPPROTO_HOPOPTS and protocol != O.IPPROTO_NONE:
            flag(r, A.IP_TOTAL_LENGTH_ZERO)
    w.off = off + O.IP6_LEN
    return _extensions(buf, r, w, protocol)


@inner
def _extensions(buf, r, w, protocol):
    """Walk the IPv6 extension headers, the first of which is of type `protocol`."""
    k = int64(r.n_ip) - 1
    r.protocol = protocol
    r.ip_proto[k] = protocol
    count = 0
    while _is_extension(protocol):
        if count == O.IP6_MAX_EXTENSIONS:
            flag(r, A.IPV6_EXTENSION_INVALID)
            return NEXT_STOP
        count += 1
        if not there(r, w, 8):
            return NEXT_STOP
        at = w.begin + w.off
        if protocol == O.IPPROTO_FRAGMENT:
            following = u8(buf, at)
            word = u16(buf, at + 2)
            offset = word & 0xFFF8
            more = word & 1
            ident = u32(buf, at + 4)
            r.ip_id = ident
            w.off += O.IP6_FRAGMENT_LEN
            protocol = following
            r.protocol = protocol
            r.ip_proto[k] = protocol
            if offset or more:
                _fragment(r, w, offset, more, ident, w.off)
                if offset:
                    return NEXT_STOP
                w.open = 1
            continue
        size = (u8(buf, at + 1) + 1) * 8
        if not there(r, w, size):
            return NEXT_STOP
        if protocol == O.IPPROTO_ROUTING and u8(buf, at + O.SRH_TYPE) == O.SRH_ROUTING_TYPE:
            _srh(buf, r, w, at)
        protocol = u8(buf, at)
        r.protocol = protocol
        r.ip_proto[k] = protocol
        w.off += size
    r.ip_l4_off[k] = w.off
    w.value = protocol
    return NEXT_PROTOCOL


@inner
def _srh(buf, r, w, at):
    """Segment routing header (RFC 8754), wholly there."""
    w.srh = 1
    segments = u8(buf, at + O.SRH_LAST_ENTRY) + 1
    if u8(buf, at + 1) < 2 * segments or u8(buf, at + O.SRH_SEGMENTS_LEFT) > segments:
        flag(r, A.SRH_INVALID)
    elif int64(r.path_kind) == 0:
        r.path_kind = 2
        r.path_n = min(segments, PATH_ITEMS)
        r.path_off = w.off + O.SRH_LEN
