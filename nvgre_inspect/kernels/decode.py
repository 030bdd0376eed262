"""Decode: frames to records, compiled; what comes next by EtherType and IP protocol, and the loop over frames.

The rules are those of `docs/decoding.md`; the kernels of the single headers stand beside this one.
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels import codes as C
from nvgre_inspect.kernels.borrow import borrowed
from nvgre_inspect.kernels.compiled import inner, jit
from nvgre_inspect.kernels.gre import gre
from nvgre_inspect.kernels.hashing import hashed, mix
from nvgre_inspect.kernels.headers import (
    MAX_HEADERS,
    NEXT_ETHERNET,
    NEXT_ETHERTYPE,
    NEXT_IP,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_MPLS,
    NEXT_PROTOCOL,
    NEXT_STOP,
    described,
    enter,
    flag,
    there,
    u8,
)
from nvgre_inspect.kernels.ip import ipv4, ipv6
from nvgre_inspect.kernels.ipsec import ah, esp
from nvgre_inspect.kernels.link import arp, ethernet, link, ppp
from nvgre_inspect.kernels.mpls import mpls
from nvgre_inspect.kernels.transport import icmp, ports, tcp
from nvgre_inspect.kernels.udp import udp


@inner
def _by_ethertype(buf, r, w, tables):
    kind = w.value
    user = int64(tables.ether_kind[kind])
    if user:
        return described(buf, r, w, tables, user, -1)
    if kind == O.ETHERTYPE_IPV4:
        return NEXT_IPV4
    if kind == O.ETHERTYPE_IPV6:
        return NEXT_IPV6
    if kind == O.ETHERTYPE_MPLS or kind == O.ETHERTYPE_MPLS_MCAST:
        w.value = E.MPLS
        return NEXT_MPLS
    if kind == O.ETHERTYPE_TEB:
        return NEXT_ETHERNET
    if kind == O.ETHERTYPE_ARP:
        arp(buf, r, w)
    return NEXT_STOP


@inner
def _by_protocol(buf, r, w, tables):
    """What stands behind an IP header (or AH, or looked-into ESP) that says `w.value`."""
    protocol = w.value
    six = w.ip_family == 6
    kind = int64(tables.protocol_kind[protocol])
    if kind:
        return described(buf, r, w, tables, kind, -1)
    if protocol == O.IPPROTO_TCP:
        return tcp(buf, r, w)
    if protocol == O.IPPROTO_UDP:
        return udp(buf, r, w, tables)
    if protocol == O.IPPROTO_ICMP or protocol == O.IPPROTO_ICMPV6:
        icmp(buf, r, w, tables, protocol)
        return NEXT_STOP
    if protocol == O.IPPROTO_GRE:
        w.gre_udp = 0
        return gre(buf, r, w, tables)
    if protocol == O.IPPROTO_IPIP or protocol == O.IPPROTO_IPV6:
        inner_six = protocol == O.IPPROTO_IPV6
        if w.srh:
            layer = E.SRV6
        elif inner_six:
            layer = E.SIXINSIX if six else E.SIXINFOUR
        else:
            layer = E.FOURINSIX if six else E.IPIP
        if not enter(r, w, layer, False, 0, -1, w.off):
            return NEXT_STOP
        return NEXT_IPV6 if inner_six else NEXT_IPV4
    if protocol == O.IPPROTO_ETHERNET and six:
        if not enter(r, w, E.SRV6, False, 0, -1, w.off):
            return NEXT_STOP
        return NEXT_ETHERNET
    if protocol == O.IPPROTO_ESP:
        return esp(buf, r, w)
    if protocol == O.IPPROTO_AH:
        return ah(buf, r, w)
    if protocol == O.IPPROTO_MPLS:
        w.value = E.MPLS
        return NEXT_MPLS
    if protocol == O.IPPROTO_SCTP:
        ports(buf, r, w, O.SCTP_LEN)
    elif protocol == O.IPPROTO_DCCP or protocol == O.IPPROTO_UDPLITE:
        ports(buf, r, w, 4)
    return NEXT_STOP


@inner
def _identify(r, seed):
    """The side of the sender, and a hash that is the same for both directions."""
    side = 0
    src_port = int64(r.src_port)
    dst_port = int64(r.dst_port)
    h = seed
    if int64(r.family):
        for j in range(4):
            a = int64(r.src[j])
            b = int64(r.dst[j])
            if a != b:
                side = 1 if a > b else 0
                break
        else:
            if int64(r.icmp_type) < 0 and src_port > dst_port:
                side = 1
        for j in range(4):
            a = int64(r.src[j])
            b = int64(r.dst[j])
            h = mix(h, b if side else a)
            h = mix(h, a if side else b)
        if side and int64(r.icmp_type) < 0:
            src_port, dst_port = dst_port, src_port
        h = mix(h, (src_port + 1) << 8 | int64(r.protocol) & 0xFF)
        h = mix(h, dst_port + 1)
    else:
        a = int64(r.src_mac)
        b = int64(r.dst_mac)
        if a > b:
            side = 1
            a, b = b, a
        h = mix(mix(h, a & 0xFFFFFFFF), (a >> 32) & 0xFFFF)
        h = mix(mix(h, b & 0xFFFFFFFF), (b >> 32) & 0xFFFF)
        h = mix(h, int64(r.ethertype) & 0xFFFF)
    h = mix(h, int64(r.vlan[0]) << 16 | int64(r.vlan[1]) << 4 | int64(r.n_vlan))
    r.side = side
    r.flow_hash = hashed(h)


@inner
def _decode_one(buf, r, w, tables):
    following = link(buf, r, w)
    while following != NEXT_STOP:
        if following == NEXT_ETHERTYPE:
            following = _by_ethertype(buf, r, w, tables)
            continue
        if w.headers == MAX_HEADERS:
            flag(r, A.NESTING_TOO_DEEP)
            break
        w.headers += 1
        if following == NEXT_IP:
            if not there(r, w, 1):
                break
            version = u8(buf, w.begin + w.off) >> 4
            if version == 4:
                following = NEXT_IPV4
            elif version == 6:
                following = NEXT_IPV6
            else:
                flag(r, A.IP_VERSION_MISMATCH)
                break
        if following == NEXT_IPV4:
            following = ipv4(buf, r, w)
        elif following == NEXT_IPV6:
            following = ipv6(buf, r, w)
        elif following == NEXT_PROTOCOL:
            following = _by_protocol(buf, r, w, tables)
        elif following == NEXT_ETHERNET:
            following = ethernet(buf, r, w)
        elif following == NEXT_MPLS:
            following = mpls(buf, r, w)
        else:
            following = ppp(buf, r, w)
    if w.tenant and 0 < w.frag_a <= w.pa:
        flag(r, A.UNDERLAY_FRAGMENT)


@jit
def decode(buffer, offset, caplen, wirelen, ts_ns, linktype, interface, tables, template, walk, out):
    """Fill `out[i]` (RECORD) from frame i of a batch (the arrays of a PacketBatch).

    `tables`: one TABLES, `template`: one RECORD in its initial state, `walk`: two WALK, the first scratch, the
    second the initial state.
    """
    buf = borrowed(buffer)
    t = tables[0]
    w = walk[0]
    for i in range(len(offset)):
        out[i] = template[0]
        r = out[i]
        r.ts_ns = ts_ns[i]
        r.wire_len = wirelen[i]
        r.cap_len = caplen[i]
        r.interface = interface[i]
        r.linktype = linktype[i]
        walk[0] = walk[1]
        w.begin = offset[i]
        w.end = min(wirelen[i], C.LONGEST_PACKET)
        r.inner_len = w.end
        w.cap = min(caplen[i], wirelen[i])
        _decode_one(buf, r, w, t)
        _identify(r, int64(t.seed))
