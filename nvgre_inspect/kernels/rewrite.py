"""Headers on: frames behind the outer headers that were made for them (docs/encapsulation.md), compiled.

A *job* is one frame to write: the bytes up to and including its outer IP header come from `prefixes` (an encapsulator's
template, or the frame itself when it is translated), what follows is made here, then the inner frame is copied. Which
jobs there are, and whether they fit, is decided before.
"""

import numpy as np
from numpy import int64

from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.checksum import folded, summed
from nvgre_inspect.kernels.compiled import inner, jit
from nvgre_inspect.kernels.copying import copy
from nvgre_inspect.kernels.headers import u8, u16

JOB = np.dtype(
    [
        ("frame", "i8"),  # which frame of the batch
        ("prefix", "i8"),  # where its prefix starts in `prefixes`
        ("prefix_len", "i4"),
        ("ip_at", "i4"),  # where the outer IP header is in the prefix
        ("ident", "i8"),  # IPv4 identification; -1: that of the prefix stays
        ("tos", "i4"),  # -1: that of the prefix stays
        ("id", "i8"),  # VSID, VNI, key or label; -1: none
        ("entropy", "i8"),  # FlowID or UDP source port
        ("sequence", "i8"),
    ],
    align=True,
)
#: How frames are wrapped: a row for those with an identifier, and one for those without.
OPTIONS = np.dtype(
    [
        ("kind", "i8"),  # of dissectors.encaps
        ("header", "i8"),  # bytes between the outer IP header and the inner frame
        ("port", "i8"),
        ("key", "i8"),
        ("checksum", "i8"),
        ("has_sequence", "i8"),
    ]
)
_MPLS_BOTTOM = 0x100
_MPLS_TTL = 64


@jit
def wrap(buf, offset, facts, prefixes, jobs, options, out, out_offset, out_caplen, out_wirelen):
    """Write the frame of each job behind its headers; returns how many checksums could not be computed.

    `facts`: FACT of each frame, `prefixes`: uint8, `options`: two OPTIONS, `out`: uint8 with room for all; the others:
    int64 per job.
    """
    at = int64(0)
    unknown = 0
    for j in range(len(jobs)):
        job = jobs[j]
        f = facts[job.frame]
        o = options[0 if job.id >= 0 else 1]
        size = int64(job.prefix_len)
        header = int64(o.header)
        captured = int64(f.captured)
        length = int64(f.length)
        copy(prefixes, int64(job.prefix), out, at, size)
        ip = at + int64(job.ip_at)
        l4 = at + size
        begin = l4 + header
        start = offset[job.frame] + int64(f.start)
        if f.tags:
            macs = min(O.ETH_TYPE, captured)
            copy(buf, start, out, begin, macs)
            copy(buf, start + macs + int64(f.tags), out, begin + macs, captured - macs)
        else:
            copy(buf, start, out, begin, captured)
        _put_tunnel(out, l4, o, job, int64(f.version), length)
        _finish_ip(out, ip, l4, l4 - ip + header + length, job, _protocol(int64(o.kind), int64(f.version)))
        if not _put_checksum(out, ip, l4, o, header + length, captured == length):
            unknown += 1
        out_offset[j] = at
        out_caplen[j] = size + header + captured
        out_wirelen[j] = size + header + length
        at = begin + captured
    return unknown


@jit
def number(groups, counters, out):
    """`out[j]`: how often `groups[j]` came before; `counters` (int64 per group) go on from batch to batch."""
    for j in range(len(groups)):
        out[j] = counters[groups[j]]
        counters[groups[j]] += 1


@inner
def _put16(out, at, value):
    out[at] = value >> 8 & 0xFF
    out[at + 1] = value & 0xFF


@inner
def _put32(out, at, value):
    _put16(out, at, value >> 16)
    _put16(out, at + 2, value)


@inner
def _protocol(kind, version):
    """What the outer IP header announces."""
    if kind == E.VXLAN or kind == E.GENEVE or kind == E.MPLS_IN_UDP:
        return O.IPPROTO_UDP
    if kind == E.IPIP:
        return O.IPPROTO_IPIP if version == 4 else O.IPPROTO_IPV6
    return O.IPPROTO_GRE


@inner
def _put_tunnel(out, at, o, job, version, length):
    """The headers between the outer IP header and the inner frame, without their checksums."""
    kind = int64(o.kind)
    ident = int64(job.id)
    if kind == E.NVGRE:
        _put32(out, at, 0x20006558)
        _put32(out, at + 4, ident << 8 | int64(job.entropy))
    elif kind == E.GRETAP or kind == E.GRE:
        flags = 0
        if o.checksum:
            flags |= O.GRE_C
        if o.key:
            flags |= O.GRE_K
        if o.has_sequence:
            flags |= O.GRE_S
        _put16(out, at, flags)
        if kind == E.GRETAP:
            _put16(out, at + 2, O.ETHERTYPE_TEB)
        else:
            _put16(out, at + 2, O.ETHERTYPE_IPV4 if version == 4 else O.ETHERTYPE_IPV6)
        at += 4
        if o.checksum:
            _put32(out, at, 0)
            at += 4
        if o.key:
            _put32(out, at, ident)
            at += 4
        if o.has_sequence:
            _put32(out, at, int64(job.sequence) & 0xFFFFFFFF)
    elif kind == E.MPLS_IN_GRE:
        _put32(out, at, O.ETHERTYPE_MPLS)
        _put32(out, at + 4, ident << 12 | _MPLS_BOTTOM | _MPLS_TTL)
        _put32(out, at + 8, 0)
    elif kind != E.IPIP:
        _put16(out, at, int64(job.entropy))
        _put16(out, at + 2, int64(o.port))
        _put16(out, at + 4, int64(o.header) + length)
        _put16(out, at + 6, 0)
        at += O.UDP_LEN
        if kind == E.VXLAN:
            _put32(out, at, O.VXLAN_I << 24)
            _put32(out, at + 4, ident << 8)
        elif kind == E.GENEVE:
            _put32(out, at, O.ETHERTYPE_TEB)
            _put32(out, at + 4, ident << 8)
        else:
            _put32(out, at, ident << 12 | _MPLS_BOTTOM | _MPLS_TTL)
            _put32(out, at + 4, 0)


@inner
def _finish_ip(out, ip, l4, total, job, protocol):
    """Lengths, protocol and checksum of the outer IP header, and what else the job changes in it."""
    tos = int64(job.tos)
    if u8(out, ip) >> 4 == 4:
        if tos >= 0:
            out[ip + O.IP4_TOS] = tos
        _put16(out, ip + O.IP4_TOTAL_LEN, total)
        if job.ident >= 0:
            _put16(out, ip + O.IP4_ID, int64(job.ident) & 0xFFFF)
        out[ip + O.IP4_PROTOCOL] = protocol
        _put16(out, ip + O.IP4_CHECKSUM, 0)
        _put16(out, ip + O.IP4_CHECKSUM, folded(summed(out, ip, l4 - ip)))
        return
    if tos >= 0:
        _put16(out, ip, 0x6000 | tos << 4 | u16(out, ip) & 0x000F)
    _put16(out, ip + O.IP6_PAYLOAD_LEN, total - O.IP6_LEN)
    # The protocol stands in the last header before the tunnel's: the IP header itself, or an extension.
    at = ip + O.IP6_NEXT
    header = ip + O.IP6_LEN
    while header < l4:
        length = int64(8)
        if u8(out, at) != O.IPPROTO_FRAGMENT:
            length = (u8(out, header + 1) + 1) * 8
        at = header
        header += length
    out[at] = protocol


@inner
def _put_checksum(out, ip, l4, o, length, whole):
    """The checksum of the UDP or GRE header at `l4`, where it is wanted. False: bytes of what it covers are missing."""
    protocol = _protocol(int64(o.kind), 4)
    if protocol == O.IPPROTO_GRE and o.checksum and o.kind != E.NVGRE and o.kind != E.MPLS_IN_GRE:
        if not whole:
            return False
        _put16(out, l4 + 4, folded(summed(out, l4, length)))
    elif protocol == O.IPPROTO_UDP:
        six = u8(out, ip) >> 4 == 6
        if not six and not o.checksum:
            return True
        if not whole:
            return False
        addresses = summed(out, ip + O.IP6_SRC, 32) if six else summed(out, ip + O.IP4_SRC, 8)
        value = folded(addresses + O.IPPROTO_UDP + length + summed(out, l4, length))
        _put16(out, l4 + 6, value if value else 0xFFFF)
    return True
