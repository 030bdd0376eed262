"""TCP, the ports of others, ICMP and what it quotes (`docs/decoding.md`, "Transport")."""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.headers import (
    GRE_KEY_32,
    GRE_KEY_NVGRE,
    NEXT_STOP,
    available,
    flag,
    there,
    u8,
    u16,
    u32,
)


@inner
def ports(buf, r, w, length):
    """Ports of a transport header of `length` bytes. True: all of it is there."""
    r.l4_off = w.off
    if available(w) >= 4:
        at = w.begin + w.off
        r.src_port = u16(buf, at)
        r.dst_port = u16(buf, at + 2)
    return there(r, w, length)


@inner
def tcp(buf, r, w):
    """A TCP header (RFC 9293)."""
    off = w.off
    if not ports(buf, r, w, O.TCP_MIN_LEN):
        return NEXT_STOP
    at = w.begin + off
    flags = u8(buf, at + O.TCP_FLAGS)
    r.tcp_ok = 1
    r.tcp_flags = flags
    r.tcp_seq = u32(buf, at + O.TCP_SEQ)
    r.tcp_ack = u32(buf, at + O.TCP_ACK)
    r.tcp_window = u16(buf, at + O.TCP_WINDOW)
    header = (u8(buf, at + O.TCP_OFFSET) >> 4) * 4
    end = w.end
    if header < O.TCP_MIN_LEN or (off + header > end and not w.open):
        flag(r, A.TCP_HEADER_LENGTH_INVALID)
        r.payload_len = 0
        return NEXT_STOP
    if w.open and w.ip_claim >= 0:
        end = w.ip_claim
    r.payload_len = max(end - off - header, 0)
    if flags & O.TCP_SYN:
        _syn_options(buf, r, w, off + O.TCP_MIN_LEN, off + header)
    return NEXT_STOP


@inner
def _syn_options(buf, r, w, position, stop):
    base = w.begin
    limit = min(stop, w.cap)
    if w.end < limit:
        limit = w.end
    while position < limit:
        kind = u8(buf, base + position)
        if kind == 0:
            return
        if kind == 1:
            position += 1
            continue
        if position + 1 >= limit:
            if position + 1 >= stop:
                flag(r, A.TCP_OPTIONS_INVALID)
            return
        length = u8(buf, base + position + 1)
        if length < 2 or position + length > stop:
            flag(r, A.TCP_OPTIONS_INVALID)
            return
        if position + length > limit:
            return
        if kind == O.TCP_OPT_MSS and length == 4:
            r.tcp_mss = u16(buf, base + position + 2)
        elif kind == O.TCP_OPT_WSCALE and length == 3:
            r.tcp_wscale = u8(buf, base + position + 2)
        position += length


@inner
def icmp(buf, r, w, tables, protocol):
    """An ICMP or ICMPv6 header, and what an error quotes."""
    off = w.off
    at = w.begin + off
    captured = available(w)
    r.l4_off = off
    if captured >= 4:
        kind = u8(buf, at)
        r.icmp_type = kind
        r.icmp_code = u8(buf, at + 1)
        if protocol == O.IPPROTO_ICMP:
            echo = kind == O.ICMP_ECHO or kind == O.ICMP_ECHO_REPLY
            error = (
                O.ICMP_UNREACHABLE <= kind <= O.ICMP_REDIRECT
                or kind == O.ICMP_TIME_EXCEEDED
                or kind == O.ICMP_PARAMETER_PROBLEM
            )
        else:
            echo = kind == O.ICMPV6_ECHO or kind == O.ICMPV6_ECHO_REPLY
            error = O.ICMPV6_UNREACHABLE <= kind <= O.ICMPV6_PARAMETER_PROBLEM
        if echo and captured >= 6:
            r.src_port = u16(buf, at + 4)
        if error and captured >= O.ICMP_LEN and int64(r.n_layers) == 0:
            _quote(buf, r, w, tables, off + O.ICMP_LEN)
    there(r, w, O.ICMP_LEN)


@inner
def _quote(buf, r, w, tables, off):
    """The IP packet that an ICMP error quotes from `off` on, if it is a tunnel's."""
    end = min(w.end, w.cap)
    at = w.begin + off
    if off >= end:
        return
    version = u8(buf, at) >> 4
    if version == 4 and off + O.IP4_MIN_LEN <= end:
        header = (u8(buf, at) & 15) * 4
        if header < O.IP4_MIN_LEN:
            return
        protocol = u8(buf, at + O.IP4_PROTOCOL)
    elif version == 6 and off + O.IP6_LEN <= end:
        header = O.IP6_LEN
        protocol = u8(buf, at + O.IP6_NEXT)
    else:
        return
    kind = _quoted_kind(buf, w, tables, version, protocol, off + header, end)
    if kind == E.NONE:
        return
    r.quote_encap = kind
    r.quote_family = version
    if version == 4:
        r.quote_src[3] = u32(buf, at + O.IP4_SRC)
        r.quote_dst[3] = u32(buf, at + O.IP4_DST)
    else:
        for j in range(4):
            r.quote_src[j] = u32(buf, at + O.IP6_SRC + 4 * j)
            r.quote_dst[j] = u32(buf, at + O.IP6_DST + 4 * j)


@inner
def _quoted_kind(buf, w, tables, version, protocol, off, end):
    at = w.begin + off
    if protocol == O.IPPROTO_GRE and off + 4 <= end:
        flags = u16(buf, at)
        proto = u16(buf, at + 2)
        if flags & O.GRE_VERSION_MASK or proto not in (
            O.ETHERTYPE_TEB,
            O.ETHERTYPE_MPLS,
            O.ETHERTYPE_MPLS_MCAST,
        ):
            return E.GRE
        keyed = flags & O.GRE_K != 0
        if proto != O.ETHERTYPE_TEB:
            return E.GRE if keyed else E.MPLS_IN_GRE
        key_off = 8 if flags & (O.GRE_C | O.GRE_R) else 4
        if not keyed or off + key_off + 4 > end or tables.gre_key == GRE_KEY_32:
            return E.GRETAP
        vsid = u32(buf, at + key_off) >> 8
        return E.NVGRE if vsid >= O.NVGRE_MIN_VSID or tables.gre_key == GRE_KEY_NVGRE else E.GRETAP
    if protocol == O.IPPROTO_UDP and off + 4 <= end:
        return int64(tables.udp_kind[u16(buf, at + 2)])
    if protocol == O.IPPROTO_IPIP:
        return E.FOURINSIX if version == 6 else E.IPIP
    if protocol == O.IPPROTO_IPV6:
        return E.SIXINSIX if version == 6 else E.SIXINFOUR
    if protocol == O.IPPROTO_ESP:
        return E.ESP
    if protocol == O.IPPROTO_AH:
        return E.AH
    return E.NONE
