"""UDP and the tunnels in it: VXLAN, VXLAN-GPE, Geneve and whatever else a port says.

See `docs/decoding.md`, "UDP"; RFC 7348 (VXLAN), draft-ietf-nvo3-vxlan-gpe, RFC 8926 (Geneve).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |G|R R R|I|R R R|              reserved or policy id            |   VXLAN
    |                VNI                            |   reserved    |
    |Ver|  Opt Len  |O|C|   Rsvd.   |        Protocol type          |   Geneve
    |                VNI                            |   reserved    |
"""

from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from dissectors import offsets as O
from nvgre_inspect.kernels.compiled import inner
from nvgre_inspect.kernels.gre import gre
from nvgre_inspect.kernels.headers import (
    NEXT_ETHERNET,
    NEXT_ETHERTYPE,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_MPLS,
    NEXT_STOP,
    available,
    described,
    enter,
    flag,
    there,
    u8,
    u16,
    u32,
)
from nvgre_inspect.kernels.ipsec import esp
from nvgre_inspect.kernels.transport import ports


@inner
def udp(buf, r, w, tables):
    """A UDP header, and the tunnel that its ports announce."""
    off = w.off
    if not ports(buf, r, w, O.UDP_LEN):
        return NEXT_STOP
    at = w.begin + off
    length = u16(buf, at + O.UDP_LENGTH)
    if (0 < length < O.UDP_LEN) or (off + length > w.end and not w.open):
        flag(r, A.UDP_LENGTH_INVALID)
    if w.open:
        r.payload_len = max(length - O.UDP_LEN, 0)
    else:
        r.payload_len = w.end - off - O.UDP_LEN
    w.off = off + O.UDP_LEN
    if int64(r.protocol) != O.IPPROTO_UDP:
        return NEXT_STOP
    kind = int64(tables.udp_kind[int64(r.dst_port)])
    if kind == 0 and int64(tables.udp_kind[int64(r.src_port)]) == E.ESP:
        kind = E.ESP
    if kind == 0:
        return NEXT_STOP
    port = int64(r.src_port)
    if kind >= E.USER:
        return described(buf, r, w, tables, kind, port)
    if kind == E.VXLAN:
        return _vxlan(buf, r, w, port)
    if kind == E.GENEVE:
        return _geneve(buf, r, w, port)
    if kind == E.VXLAN_GPE:
        return _vxlan_gpe(buf, r, w, port)
    if kind == E.GRE_IN_UDP:
        w.gre_udp = 1
        return gre(buf, r, w, tables)
    if kind == E.MPLS_IN_UDP:
        w.value = E.MPLS_IN_UDP
        return NEXT_MPLS
    if kind == E.ESP:
        if w.end - w.off < O.ESP_LEN:
            return NEXT_STOP
        if available(w) >= 4 and u32(buf, w.begin + w.off) == 0:
            return NEXT_STOP
        return esp(buf, r, w)
    return NEXT_STOP


@inner
def _vni_header(buf, r, w, kind, port):
    """The header that VXLAN and VXLAN-GPE share. True: the layer was entered; `w.value`: the header's first word."""
    if not there(r, w, O.VXLAN_LEN):
        return False
    at = w.begin + w.off
    w.value = u32(buf, at)
    valid = u8(buf, at) & O.VXLAN_I != 0
    if not valid:
        flag(r, A.VXLAN_NO_VNI)
    if kind == E.VXLAN and _reserved_bits(buf, at, w.value):
        flag(r, A.VXLAN_RESERVED_BITS)
    return enter(r, w, kind, valid, u32(buf, at + O.VXLAN_VNI) >> 8, port, w.off + O.VXLAN_LEN)


@inner
def _reserved_bits(buf, at, word):
    """Whether reserved bits are set; with the G flag the first word holds a group policy (GBP)."""
    flags = word >> 24
    if flags & ~(O.VXLAN_I | O.VXLAN_G) & 0xFF or u8(buf, at + 7):
        return True
    return not flags & O.VXLAN_G and word & 0xFFFFFF != 0


@inner
def _vxlan(buf, r, w, port):
    if not _vni_header(buf, r, w, E.VXLAN, port):
        return NEXT_STOP
    return NEXT_ETHERNET


@inner
def _vxlan_gpe(buf, r, w, port):
    if not _vni_header(buf, r, w, E.VXLAN_GPE, port):
        return NEXT_STOP
    if not w.value >> 24 & O.GPE_P:
        return NEXT_ETHERNET
    following = w.value & 0xFF
    if following == O.GPE_NEXT_IPV4:
        return NEXT_IPV4
    if following == O.GPE_NEXT_IPV6:
        return NEXT_IPV6
    if following == O.GPE_NEXT_ETHERNET:
        return NEXT_ETHERNET
    if following == O.GPE_NEXT_MPLS:
        w.value = E.MPLS
        return NEXT_MPLS
    return NEXT_STOP


@inner
def _geneve(buf, r, w, port):
    if not there(r, w, O.GENEVE_LEN):
        return NEXT_STOP
    at = w.begin + w.off
    first = u8(buf, at)
    if first >> 6:
        flag(r, A.GENEVE_VERSION_UNKNOWN)
        return NEXT_STOP
    options = (first & 0x3F) * 4
    if not there(r, w, O.GENEVE_LEN + options):
        return NEXT_STOP
    position = 0
    critical = False
    while position + 4 <= options:
        option = at + O.GENEVE_LEN + position
        if u8(buf, option + 2) & 0x80:
            critical = True
        position += 4 + (u8(buf, option + 3) & 0x1F) * 4
    if position != options:
        flag(r, A.GENEVE_OPTIONS_INVALID)
    elif critical != (u8(buf, at + 1) & 0x40 != 0):
        flag(r, A.GENEVE_CRITICAL_MISMATCH)
    proto = u16(buf, at + O.GENEVE_PROTOCOL)
    vni = u32(buf, at + O.GENEVE_VNI) >> 8
    if not enter(r, w, E.GENEVE, True, vni, port, w.off + O.GENEVE_LEN + options):
        return NEXT_STOP
    w.value = proto
    return NEXT_ETHERTYPE
