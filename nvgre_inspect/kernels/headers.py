"""What the kernels of all headers share: the walk's state, readers of bytes, and how a layer is entered.

A kernel parses one kind of header at `w.off`, fills the record `r`, and returns what comes next (`NEXT_…`). A header is
only read after `there` has said that its bytes are captured and within the packet. The rules are those of
`docs/decoding.md`.

State travels in structured scalars (records), not arrays: passing an array costs numba a reference count at
every call, and with one call per header that took three quarters of the time (measured: 900 ns a frame).

The kernels also run uncompiled, on recarrays: every byte read is widened to int64, since NumPy's `uint8 << 8` is 0
and numba makes float64 of int64 and uint64. A field must not be named like an attribute of NumPy's scalars (`base`,
`item`), which would hide it there.
"""

import numpy as np
from numpy import int64

from dissectors import anomalies as A
from dissectors import encaps as E
from nvgre_inspect.kernels.compiled import inner

MAX_LAYERS = 16
MAX_HEADERS = 64
MAX_TAGS = 8
MAX_IP = 4
MAX_ETH = 4
MAX_ROUTES = 16
PATH_ITEMS = 16
MAX_DESCRIPTORS = E.LIMIT - E.USER

# --- what comes next ---------------------------------------------------------------------------------------------
NEXT_STOP = 0
NEXT_ETHERNET = 1
NEXT_IPV4 = 2
NEXT_IPV6 = 3
NEXT_IP = 4
NEXT_ETHERTYPE = 5
NEXT_PROTOCOL = 6
NEXT_MPLS = 7
NEXT_PPP = 8

#: What a walk knows between two headers.
WALK = np.dtype(
    [
        ("begin", "i8"),  # of the frame in the buffer
        ("off", "i8"),  # of the next header in the frame
        ("end", "i8"),  # where the packet ends on the wire
        ("cap", "i8"),  # where captured bytes end
        ("headers", "i8"),  # headers so far
        ("value", "i8"),  # EtherType, IP protocol or MPLS layer kind that comes next
        ("fresh", "i8"),  # 1: a layer was entered since the last Ethernet header
        ("open", "i8"),  # 1: inside the first fragment of an IP packet
        ("srh", "i8"),  # 1: the last IPv6 header had a segment routing header
        ("tagged", "i8"),  # 1: the next Ethernet header is that of an NVGRE tenant, which must have no tag
        ("inner_layers", "i8"),  # whose payload is the inner frame: 0 the tenant's, -1 the last's, else the N-th's
        ("tenant", "i8"),  # 0: none yet, 1: a tunnel that a virtual network may replace, 2: final
        ("ca_mac", "i8"),  # 1: the tenant's payload may still begin with an Ethernet header
        ("ca_ip", "i8"),  # 1: its first IP header has not come yet
        ("entropy", "i8"),  # first entropy label, -1
        ("gre_udp", "i8"),  # 1: this GRE header stands in UDP
        ("ip_start", "i8"),  # the last IP header: where it starts,
        ("ip_claim", "i8"),  # where it says that the packet ends (-1: it does not),
        ("ip_count", "i8"),  # how many IP headers there were,
        ("ip_family", "i8"),  # 4, 6; 0: none yet
        ("ip_ttl", "i8"),
        ("ip_tos", "i8"),
        ("ip_label", "i8"),  # IPv6 flow label, -1
        ("ip_src", "i8", (4,)),
        ("ip_dst", "i8", (4,)),
        ("frag_a", "i8"),  # which IP header (counted from 1) is the first fragmented one, 0: none
        ("pa", "i8"),  # which IP header (counted from 1) is the tenant's, 0: none
        ("eth_count", "i8"),
    ]
)

#: Columns of a user's descriptor of a header of fixed length.
D_LENGTH = 0
D_ID_OFFSET = 1  # -1: no id
D_ID_SIZE = 2
D_ID_SHIFT = 3
D_ID_MASK = 4
D_NEXT = 5  # NEXT_ETHERNET, NEXT_IP, NEXT_IPV4, NEXT_IPV6, NEXT_ETHERTYPE, NEXT_STOP
D_NEXT_OFFSET = 6  # where the EtherType stands
D_SIZE = 7


GRE_KEY_AUTO = 0
GRE_KEY_NVGRE = 1
GRE_KEY_32 = 2

#: What decoding depends on besides the frame; `engine.tables` fills it from the options.
TABLES = np.dtype(
    [
        ("udp_kind", "u1", (65536,)),  # layer kind by UDP destination port, 0: not a tunnel
        ("protocol_kind", "u1", (256,)),  # a user's layer kind by IP protocol, 0: the built-in rules
        ("ether_kind", "u1", (65536,)),  # a user's layer kind by EtherType
        ("descriptors", "i8", (MAX_DESCRIPTORS * D_SIZE,)),  # row: kind - encaps.USER
        ("gre_key", "i8"),
        ("seed", "i8"),
    ]
)


@inner
def u8(buf, i):
    """One byte of the buffer."""
    return int64(buf[i])


@inner
def u16(buf, i):
    """Two bytes, big-endian."""
    return int64(buf[i]) << 8 | int64(buf[i + 1])


@inner
def u32(buf, i):
    """Four bytes, big-endian."""
    return int64(buf[i]) << 24 | int64(buf[i + 1]) << 16 | int64(buf[i + 2]) << 8 | int64(buf[i + 3])


@inner
def u48(buf, i):
    """Six bytes, big-endian: a MAC address."""
    return u16(buf, i) << 32 | u32(buf, i + 2)


@inner
def flag(r, code):
    """Record an anomaly."""
    r.anomalies = int64(r.anomalies) | 1 << code


@inner
def there(r, w, length):
    """Whether the next `length` bytes are there; if not, says why."""
    need = w.off + length
    if need <= w.end and need <= w.cap:
        return True
    if need > w.end:
        flag(r, A.HEADER_TRUNCATED)
    else:
        flag(r, A.HEADER_CUT_BY_SNAPLEN)
    return False


@inner
def available(w):
    """Bytes that are there from the next header on."""
    return max(min(w.end, w.cap) - w.off, 0)


@inner
def enter(r, w, kind, has_id, ident, flow_id, payload):
    """Enter a layer whose payload starts at `payload`. False: nested too deep."""
    n = int64(r.n_layers)
    if n >= MAX_LAYERS:
        flag(r, A.NESTING_TOO_DEEP)
        return False
    r.layer_kind[n] = kind | E.HAS_ID if has_id else kind
    r.layer_id[n] = ident if has_id else 0
    r.n_layers = n + 1
    w.off = payload
    w.fresh = 1
    mirror = kind == E.ERSPAN1 or kind == E.ERSPAN2 or kind == E.ERSPAN3
    virtual = has_id and ((E.NVGRE <= kind <= E.GRE_IN_UDP) or kind >= E.USER)
    # A mirrored frame is the inner one until a tenant is found in it.
    opens = w.tenant == 0 or (virtual and w.tenant == 1)
    if opens:
        _forget_address(r, w)
    inner_layers = w.inner_layers
    if (opens and inner_layers == 0) or inner_layers < 0 or n < inner_layers:
        r.inner_off = payload
        r.inner_len = max(w.end - payload, 0)
    if opens and not mirror:
        w.tenant = 2 if virtual else 1
        r.tenant_layer = n
        r.encap = kind
        r.vsid = ident if virtual else -1
        _set_underlay(r, w)
        if flow_id < 0:
            flow_id = w.entropy
        if flow_id < 0 and w.ip_family == 6:
            flow_id = w.ip_label
        r.flow_id = flow_id
    return True


@inner
def _forget_address(r, w):
    """The tenant's (or the mirrored) frame starts here; its addresses are still to come."""
    r.ca_mac = -1
    r.ca_family = 0
    for k in range(4):
        r.ca_ip[k] = 0
    w.ca_mac = 1
    w.ca_ip = 1


@inner
def _set_underlay(r, w):
    r.pa_family = w.ip_family
    r.pa_ttl = w.ip_ttl
    r.pa_tos = w.ip_tos
    w.pa = w.ip_count
    for k in range(4):
        r.pa_src[k] = w.ip_src[k]
        r.pa_dst[k] = w.ip_dst[k]


@inner
def described(buf, r, w, tables, kind, flow_id):
    """A header of fixed length that a user described."""
    row = kind - E.USER
    length = int64(tables.descriptors[row * D_SIZE + D_LENGTH])
    if not there(r, w, length):
        return NEXT_STOP
    at = w.begin + w.off
    id_at = int64(tables.descriptors[row * D_SIZE + D_ID_OFFSET])
    ident = 0
    if id_at >= 0:
        for j in range(int64(tables.descriptors[row * D_SIZE + D_ID_SIZE])):
            ident = ident << 8 | u8(buf, at + id_at + j)
        ident = ident >> int64(tables.descriptors[row * D_SIZE + D_ID_SHIFT]) & int64(
            tables.descriptors[row * D_SIZE + D_ID_MASK]
        )
    following = int64(tables.descriptors[row * D_SIZE + D_NEXT])
    if following == NEXT_ETHERTYPE:
        w.value = u16(buf, at + int64(tables.descriptors[row * D_SIZE + D_NEXT_OFFSET]))
    if not enter(r, w, kind, id_at >= 0, ident, flow_id, w.off + length):
        return NEXT_STOP
    return following
