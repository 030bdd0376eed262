"""What an encapsulator needs to know of the frames that it is given (docs/encapsulation.md), compiled.

Tags behind the MAC addresses, the first IP header, the addresses by which the policy finds the hosts, and the hash that
becomes FlowID or source port. Nothing beyond `captured` is read.
"""

import numpy as np
from numpy import int64

from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner, jit
from nvgre_inspect.kernels.hashing import mix
from nvgre_inspect.kernels.headers import u8, u16, u32

#: Why a frame cannot be wrapped.
OK = 0
TOO_SHORT = 1
NOT_ETHERNET = 2
NOT_IP = 3
INNER_VLAN = 4
UNREADABLE = 5
#: What becomes of tags.
TAGS_REMOVE = 0
TAGS_REFUSE = 1
TAGS_KEEP = 2

FACT = np.dtype(
    [
        ("reason", "u1"),
        ("version", "u1"),  # of the first IP header, 0: none
        ("fragment", "u1"),  # of the first IP header: 0 no, 1 the first, 2 a later one
        ("tags", "i4"),  # bytes of tags behind the MAC addresses that are left out
        ("start", "i8"),  # where the frame (or its IP packet) starts in the frame
        ("length", "i8"),  # of what is carried, on the wire, without tags
        ("captured", "i8"),
        ("ip", "i8"),  # where the IP header starts in the frame, -1
        ("tos", "i4"),
        ("hash", "i8"),
    ],
    align=True,
)
#: Words of a key: source MAC, destination MAC (16 and 32 bits each), IP version (| BARE: no MAC addresses), source and
#: destination CA, interface.
KEY_WORDS = 14
VERSION = 4
INTERFACE = 13
BARE = 0x100
_SEED = 0x6E76677265
_ARP_LEN = 28


@jit
def describe(buf, offset, caplen, wirelen, linktype, interface, carries_ip, tags, keys, facts):
    """Fill `facts[i]` (FACT) and `keys[i]` (uint32[KEY_WORDS]) from each frame.

    `carries_ip`: the encapsulation takes IP packets, not Ethernet frames. `tags`: TAGS_….
    """
    for i in range(len(offset)):
        f = facts[i]
        begin = offset[i]
        cap = min(caplen[i], wirelen[i])
        for k in range(KEY_WORDS):
            keys[i, k] = 0
        keys[i, INTERFACE] = interface[i]
        f.reason = OK
        f.version = 0
        f.fragment = 0
        f.tags = 0
        f.start = 0
        f.ip = -1
        f.tos = 0
        f.hash = 0
        f.length = wirelen[i]
        f.captured = cap
        link = linktype[i]
        if link == O.DLT_ETHERNET:
            _ethernet(buf, begin, cap, wirelen[i], tags, keys[i], f)
        elif carries_ip and (
            link == O.DLT_RAW
            or link == O.DLT_RAW_BSD
            or link == O.DLT_RAW_OPENBSD
            or link == O.DLT_IPV4
            or link == O.DLT_IPV6
        ):
            _ip(buf, begin, 0, cap, wirelen[i], u8(buf, begin) >> 4 if cap > 0 else 0, keys[i], f)
            keys[i, VERSION] |= BARE
        else:
            f.reason = NOT_ETHERNET
        if f.reason == OK and carries_ip:
            if f.version == 0:
                f.reason = NOT_IP
            else:
                _cut_to_ip(buf, begin, cap, wirelen[i], f)


@inner
def _ethernet(buf, begin, cap, wire, tags, key, f):
    if cap < O.ETH_LEN:
        f.reason = TOO_SHORT
        return
    for k in range(2):
        at = begin + O.ETH_SRC - 6 * k
        key[2 * k] = u16(buf, at)
        key[2 * k + 1] = u32(buf, at + 2)
    at = int64(O.ETH_TYPE)
    kind = u16(buf, begin + at)
    while _is_tag(kind) and at + 2 + O.VLAN_LEN <= cap:
        at += O.VLAN_LEN
        kind = u16(buf, begin + at)
    run = at - O.ETH_TYPE
    cut = _is_tag(kind)
    if tags == TAGS_REFUSE and (run > 0 or cut):
        f.reason = INNER_VLAN
        return
    if cut and tags != TAGS_KEEP:
        f.reason = UNREADABLE
        return
    if run > 0:
        if tags == TAGS_REMOVE:
            f.tags = run
            f.length = wire - run
            f.captured = cap - run
    at += 2
    if kind == O.ETHERTYPE_IPV4:
        _ip(buf, begin, at, cap, wire, 4, key, f)
    elif kind == O.ETHERTYPE_IPV6:
        _ip(buf, begin, at, cap, wire, 6, key, f)
    elif kind == O.ETHERTYPE_ARP and at + _ARP_LEN <= cap:
        if u32(buf, begin + at) == 0x00010800 and u16(buf, begin + at + 4) == 0x0604:
            key[VERSION] = 4
            key[8] = u32(buf, begin + at + 14)
            key[12] = u32(buf, begin + at + 24)
    if f.version == 0:
        h = mix(mix(int64(_SEED), 0), kind if kind >= O.ETHERTYPE_MIN else 0)
        for k in range(2):
            h = mix(mix(h, int64(key[2 * k])), int64(key[2 * k + 1]))
        f.hash = h & 0xFFFFFFFF


@inner
def _is_tag(kind):
    return kind == O.ETHERTYPE_VLAN or kind == O.ETHERTYPE_QINQ or kind == O.ETHERTYPE_QINQ_OLD


@inner
def _ip(buf, begin, at, cap, wire, version, key, f):
    """The IP header at `at` of the frame, if it is one of this version: version, TOS, addresses, fragment and hash."""
    protocol = int64(0)
    later = False
    first = False
    if version == 4:
        if at + O.IP4_MIN_LEN > cap or u8(buf, begin + at) >> 4 != 4:
            return
        header = (u8(buf, begin + at) & 0x0F) * 4
        if header < O.IP4_MIN_LEN:
            return
        f.tos = u8(buf, begin + at + O.IP4_TOS)
        key[8] = u32(buf, begin + at + O.IP4_SRC)
        key[12] = u32(buf, begin + at + O.IP4_DST)
        total = u16(buf, begin + at + O.IP4_TOTAL_LEN)
        end = min(cap, at + total) if header <= total <= wire - at else cap
        fragment = u16(buf, begin + at + O.IP4_FRAGMENT)
        later = fragment & O.IP4_OFFSET_MASK != 0
        first = not later and fragment & O.IP4_MF != 0
        protocol = u8(buf, begin + at + O.IP4_PROTOCOL)
        l4 = at + header
    elif version == 6:
        if at + O.IP6_LEN > cap or u8(buf, begin + at) >> 4 != 6:
            return
        f.tos = u16(buf, begin + at) >> 4 & 0xFF
        for j in range(4):
            key[5 + j] = u32(buf, begin + at + O.IP6_SRC + 4 * j)
            key[9 + j] = u32(buf, begin + at + O.IP6_DST + 4 * j)
        payload = u16(buf, begin + at + O.IP6_PAYLOAD_LEN)
        end = min(cap, at + O.IP6_LEN + payload) if 0 < payload <= wire - at - O.IP6_LEN else cap
        protocol = u8(buf, begin + at + O.IP6_NEXT)
        l4 = at + O.IP6_LEN
        for _ in range(O.IP6_MAX_EXTENSIONS):
            if not _is_extension(protocol) or l4 + 8 > end:
                break
            length = int64(8)
            if protocol == O.IPPROTO_FRAGMENT:
                word = u16(buf, begin + l4 + 2)
                later = word >> 3 != 0
                first = not later and word & 1 != 0
            else:
                length = (u8(buf, begin + l4 + 1) + 1) * 8
                if l4 + length > end:
                    break
            protocol = u8(buf, begin + l4)
            l4 += length
            if later:
                break
    else:
        return
    key[VERSION] = version
    f.version = version
    f.ip = at
    f.fragment = 2 if later else (1 if first else 0)
    h = mix(mix(int64(_SEED), version), protocol)
    for k in range(5, INTERFACE):
        h = mix(h, int64(key[k]))
    if not later and _has_ports(protocol) and l4 + 4 <= end:
        h = mix(mix(h, u16(buf, begin + l4)), u16(buf, begin + l4 + 2))
    else:
        h = mix(mix(h, 0), 0)
    f.hash = h & 0xFFFFFFFF


@inner
def _is_extension(protocol):
    return (
        protocol == O.IPPROTO_HOPOPTS
        or protocol == O.IPPROTO_ROUTING
        or protocol == O.IPPROTO_FRAGMENT
        or protocol == O.IPPROTO_DSTOPTS
        or protocol == O.IPPROTO_MOBILITY
        or protocol == O.IPPROTO_HIP
        or protocol == O.IPPROTO_SHIM6
    )


@inner
def _has_ports(protocol):
    return (
        protocol == O.IPPROTO_TCP
        or protocol == O.IPPROTO_UDP
        or protocol == O.IPPROTO_UDPLITE
        or protocol == O.IPPROTO_DCCP
        or protocol == O.IPPROTO_SCTP
    )


@inner
def _cut_to_ip(buf, begin, cap, wire, f):
    """Only the IP packet is carried, without what lies behind its end."""
    at = int64(f.ip)
    if f.version == 4:
        length = u16(buf, begin + at + O.IP4_TOTAL_LEN)
        least = (u8(buf, begin + at) & 0x0F) * 4
    else:
        length = u16(buf, begin + at + O.IP6_PAYLOAD_LEN) + O.IP6_LEN
        least = O.IP6_LEN + 1
    if length < least or length > wire - at:
        length = wire - at
    f.tags = 0
    f.start = at
    f.length = length
    f.captured = min(cap - at, length)
