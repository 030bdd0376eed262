"""Link layers: Ethernet with tags, Linux cooked, null/loop, PPP, Cisco HDLC, and ARP.

See `docs/decoding.md`, "Where it starts" and "Ethernet".
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    MAX_ETH,
    MAX_TAGS,
    NEXT_ETHERNET,
    NEXT_ETHERTYPE,
    NEXT_IP,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_MPLS,
    NEXT_PPP,
    NEXT_STOP,
    available,
    flag,
    there,
    u8,
    u16,
    u32,
    u48,
)


@inner
def no_transport(r):
    """The innermost packet has no transport header (yet)."""
    r.src_port = -1
    r.dst_port = -1
    r.l4_off = -1
    r.payload_len = -1
    r.tcp_ok = 0
    r.tcp_flags = 0
    r.tcp_seq = -1
    r.tcp_ack = -1
    r.tcp_window = -1
    r.tcp_mss = -1
    r.tcp_wscale = -1
    r.icmp_type = -1
    r.icmp_code = -1


@inner
def _no_ip(r):
    """The innermost packet is not IP (yet)."""
    r.family = 0
    r.protocol = -1
    r.tos = -1
    r.ttl = -1
    r.ip_id = -1
    for k in range(4):
        r.src[k] = 0
        r.dst[k] = 0
    no_transport(r)


@inner
def ethernet(buf, r, w):
    """An Ethernet header, its tags, and LLC/SNAP."""
    if not there(r, w, O.ETH_LEN):
        return NEXT_STOP
    off = w.off
    at = w.begin + off
    k = w.eth_count
    w.eth_count = k + 1
    if k >= MAX_ETH:
        k = MAX_ETH - 1
    r.eth_off[k] = off
    r.n_eth = k + 1
    mac = u48(buf, at + O.ETH_SRC)
    r.src_mac = mac
    r.dst_mac = u48(buf, at + O.ETH_DST)
    kind = u16(buf, at + O.ETH_TYPE)
    r.ethertype = kind if kind >= O.ETHERTYPE_MIN else 0
    _no_ip(r)
    w.fresh = 0
    if w.ca_mac:
        r.ca_mac = mac
        w.ca_mac = 0
    if w.tagged:
        if is_tag(kind):
            flag(r, A.NVGRE_INNER_VLAN)
        w.tagged = 0
    w.off = off + O.ETH_LEN
    r.n_vlan = 0
    r.vlan[0] = 0
    r.vlan[1] = 0
    return _tagged(buf, r, w, kind)


@inner
def _tagged(buf, r, w, kind):
    """Behind an Ethernet or cooked header whose type is `kind`: tags, then a type or LLC/SNAP."""
    kind = tags(buf, r, w, kind, True)
    if kind < 0:
        return NEXT_STOP
    if kind < O.ETHERTYPE_MIN:
        kind = _snap(buf, w)
        if kind < 0:
            r.ethertype = 0
            return NEXT_STOP
    r.ethertype = kind
    w.value = kind
    return NEXT_ETHERTYPE


@inner
def is_tag(kind):
    """Whether an EtherType announces a VLAN tag."""
    return kind == O.ETHERTYPE_VLAN or kind == O.ETHERTYPE_QINQ or kind == O.ETHERTYPE_QINQ_OLD


@inner
def tags(buf, r, w, kind, keep):
    """Skip the VLAN tags that type `kind` announces; the type behind them, -1: not there. `keep`: note their ids."""
    count = 0
    while is_tag(kind):
        if count == MAX_TAGS:
            flag(r, A.NESTING_TOO_DEEP)
            return -1
        if not there(r, w, O.VLAN_LEN):
            return -1
        at = w.begin + w.off
        if keep and count < 2:
            r.vlan[count] = u16(buf, at + O.VLAN_TCI) & O.VLAN_ID_MASK
            r.n_vlan = count + 1
        kind = u16(buf, at + O.VLAN_TYPE)
        w.off += O.VLAN_LEN
        count += 1
    return kind


@inner
def _snap(buf, w):
    """The EtherType of an LLC/SNAP header with OUI 0, -1: none."""
    if available(w) < O.SNAP_LEN:
        return -1
    at = w.begin + w.off
    if u32(buf, at) != 0xAAAA0300 or u16(buf, at + 4) != 0:
        return -1
    w.off += O.SNAP_LEN
    return u16(buf, at + 6)


@inner
def _cooked(buf, r, w, length, protocol_at, addr_len_at, addr_at, wide):
    """Linux cooked capture; `wide`: the address length field has two bytes."""
    if not there(r, w, length):
        return NEXT_STOP
    at = w.begin + w.off
    addr_len = u16(buf, at + addr_len_at) if wide else u8(buf, at + addr_len_at)
    if addr_len == 6:
        mac = u48(buf, at + addr_at)
        r.src_mac = mac
        r.ca_mac = mac
        w.ca_mac = 0
    kind = u16(buf, at + protocol_at)
    w.off += length
    if kind < O.ETHERTYPE_MIN:
        r.ethertype = 0
        return NEXT_STOP
    r.ethertype = kind
    return _tagged(buf, r, w, kind)


@inner
def _null(buf, r, w, loop):
    if not there(r, w, O.NULL_LEN):
        return NEXT_STOP
    at = w.begin + w.off
    family = u32(buf, at)
    if not loop and family >= 0x10000:
        family = u8(buf, at) | u8(buf, at + 1) << 8 | u8(buf, at + 2) << 16 | u8(buf, at + 3) << 24
    w.off += O.NULL_LEN
    if family == O.NULL_AF_INET:
        return NEXT_IPV4
    for known in O.NULL_AF_INET6:
        if family == known:
            return NEXT_IPV6
    return NEXT_STOP


@inner
def ppp(buf, r, w):
    """A PPP header, with or without address and control."""
    at = w.begin + w.off
    if available(w) >= 2 and u16(buf, at) == 0xFF03:
        w.off += 2
        at += 2
    if not there(r, w, 1):
        return NEXT_STOP
    protocol = u8(buf, at)
    size = 1
    if not protocol & 1:
        size = 2
        if not there(r, w, 2):
            return NEXT_STOP
        protocol = u16(buf, at)
    w.off += size
    if protocol == O.PPP_IPV4:
        return NEXT_IPV4
    if protocol == O.PPP_IPV6:
        return NEXT_IPV6
    if protocol == O.PPP_MPLS:
        w.value = E.MPLS
        return NEXT_MPLS
    return NEXT_STOP


@inner
def _chdlc(buf, r, w):
    if not there(r, w, O.CHDLC_LEN):
        return NEXT_STOP
    kind = u16(buf, w.begin + w.off + O.CHDLC_PROTOCOL)
    w.off += O.CHDLC_LEN
    r.ethertype = kind
    w.value = kind
    return NEXT_ETHERTYPE


@inner
def link(buf, r, w):
    """What the link type says stands at the start of the frame."""
    link = int64(r.linktype)
    if link == O.DLT_ETHERNET:
        return NEXT_ETHERNET
    if link == O.DLT_RAW or link == O.DLT_RAW_BSD or link == O.DLT_RAW_OPENBSD:
        return NEXT_IP
    if link == O.DLT_IPV4:
        return NEXT_IPV4
    if link == O.DLT_IPV6:
        return NEXT_IPV6
    if link == O.DLT_PPP or link == O.DLT_PPP_HDLC:
        return NEXT_PPP
    w.headers += 1
    if link == O.DLT_SLL:
        return _cooked(buf, r, w, O.SLL_LEN, O.SLL_PROTOCOL, O.SLL_ADDR_LEN, O.SLL_ADDR, True)
    if link == O.DLT_SLL2:
        return _cooked(buf, r, w, O.SLL2_LEN, O.SLL2_PROTOCOL, O.SLL2_ADDR_LEN, O.SLL2_ADDR, False)
    if link == O.DLT_NULL or link == O.DLT_LOOP:
        return _null(buf, r, w, link == O.DLT_LOOP)
    if link == O.DLT_C_HDLC:
        return _chdlc(buf, r, w)
    flag(r, A.LINKTYPE_UNSUPPORTED)
    return NEXT_STOP


@inner
def arp(buf, r, w):
    """ARP tells where its sender is, if it speaks of Ethernet and IPv4."""
    if not there(r, w, 8):
        return
    at = w.begin + w.off
    if u32(buf, at) != 0x00010800 or u16(buf, at + 4) != 0x0604:
        return
    if not there(r, w, O.ARP_LEN):
        return
    if w.ca_ip:
        r.ca_mac = u48(buf, at + O.ARP_SHA)
        r.ca_family = 4
        r.ca_ip[3] = u32(buf, at + O.ARP_SPA)
        w.ca_ip = 0
