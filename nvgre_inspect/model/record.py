"""RECORD: what decoding says of one frame, in a fixed width.

Both decoders (`reference.decode`, `kernels.decode`) fill this structure, and the accountants, filters and the
`packets` table read nothing else but it and the frame's own bytes. `docs/decoding.md` says how each field follows
from the bytes. -1 stands for "none" in signed fields. Offsets count from the start of the frame.
"""

from __future__ import annotations

import numpy as np

#: Encapsulation layers kept per frame; what is nested deeper is not decoded (anomaly nesting-too-deep).
MAX_LAYERS = 16
#: IP headers per frame whose offsets are kept for filters; of more, the last entry is the innermost one.
MAX_IP = 4
#: Ethernet headers per frame whose offsets are kept for filters, likewise.
MAX_ETH = 4

RECORD = np.dtype(
    [
        # --- the frame
        ("ts_ns", "i8"),
        ("anomalies", "i8"),  # bits of dissectors.anomalies
        ("wire_len", "i8"),  # whole outer frame on the wire
        ("cap_len", "i8"),
        ("interface", "i4"),
        ("linktype", "u2"),
        # --- the stack, outermost layer first
        ("n_layers", "u1"),
        ("layer_kind", "u1", (MAX_LAYERS,)),  # dissectors.encaps, | HAS_ID where layer_id is valid
        ("layer_id", "u4", (MAX_LAYERS,)),
        # --- the tenant
        ("tenant_layer", "i1"),  # index into the layers, -1: encap is "none"
        ("encap", "u1"),
        ("vsid", "i8"),  # -1: the encapsulation has none
        ("flow_id", "i8"),  # FlowID or its equivalent, -1
        # --- the underlay: IP header next outside the tenant layer
        ("pa_family", "u1"),  # 0, 4 or 6
        ("pa_src", "u4", (4,)),  # as 4 big-endian words; IPv4 in the last, the others 0
        ("pa_dst", "u4", (4,)),
        ("pa_ttl", "i2"),  # TTL or hop limit, -1
        ("pa_tos", "i2"),  # DSCP << 2 | ECN, -1
        ("path_kind", "u1"),  # 0 none, 1 MPLS labels, 2 SRv6 segments
        ("path_n", "u1"),  # labels or segments (at most 16)
        ("path_off", "i4"),  # offset of the first label stack entry or segment
        # --- the tenant's own frame
        ("inner_off", "i4"),  # where it starts (0 where encap is none and nothing is mirrored)
        ("inner_len", "i8"),  # its length: what `bytes` counts
        ("ca_mac", "i8"),  # its source MAC as a 48-bit number, -1
        ("ca_family", "u1"),  # its source address: 0, 4 or 6 (ARP: the sender's)
        ("ca_ip", "u4", (4,)),
        # --- the innermost packet
        ("src_mac", "i8"),
        ("dst_mac", "i8"),
        ("n_vlan", "u1"),  # VLAN tags of the innermost frame: 0, 1 or 2 (of more, the first two are kept)
        ("vlan", "u2", (2,)),  # VLAN ids
        (
            "ethertype",
            "i4",
        ),  # EtherType of its payload (0x0800 and 0x86DD for bare IP); 802.3 length: 0; none: -1
        ("family", "u1"),  # 4, 6, or 0: not IP
        ("protocol", "i2"),  # IP protocol after extension headers, -1
        ("src", "u4", (4,)),
        ("dst", "u4", (4,)),
        ("tos", "i2"),
        ("ttl", "i2"),
        ("ip_id", "i8"),  # IPv4 identification, or that of the IPv6 fragment header; -1
        ("src_port", "i4"),  # port, or ICMP echo identifier; -1
        ("dst_port", "i4"),
        ("l4_off", "i4"),  # transport header, -1
        ("payload_len", "i4"),  # transport payload on the wire (TCP, UDP), -1
        ("tcp_ok", "u1"),  # 1: the 20 fixed bytes of a TCP header were read
        ("tcp_flags", "u1"),
        ("tcp_seq", "i8"),
        ("tcp_ack", "i8"),
        ("tcp_window", "i4"),  # as on the wire, not scaled; -1
        ("tcp_mss", "i4"),  # option of a SYN, -1
        ("tcp_wscale", "i2"),  # option of a SYN, -1
        ("icmp_type", "i2"),  # ICMP or ICMPv6, -1
        ("icmp_code", "i2"),
        # --- what an ICMP error quotes, where it is a tunnel packet
        ("quote_encap", "u1"),  # 0: nothing, or not a tunnel
        ("quote_family", "u1"),
        ("quote_src", "u4", (4,)),
        ("quote_dst", "u4", (4,)),
        # --- IP fragments: the outermost fragmented IP header (a) and the innermost, where it is another one (b)
        ("frag_a_ip", "i1"),  # which IP header it is (index into ip_off), -1: none
        ("frag_a_layers", "u1"),  # layers outside it
        ("frag_a_id", "i8"),
        ("frag_a_off", "i4"),  # bytes
        ("frag_a_len", "i4"),  # bytes of payload in this fragment, by its header
        ("frag_a_more", "u1"),
        ("frag_b_ip", "i1"),
        ("frag_b_layers", "u1"),
        ("frag_b_id", "i8"),
        ("frag_b_off", "i4"),
        ("frag_b_len", "i4"),
        ("frag_b_more", "u1"),
        # --- where the headers are, outermost first (for filters and the packet view)
        ("n_ip", "u1"),
        ("ip_off", "i4", (MAX_IP,)),
        ("ip_proto", "i2", (MAX_IP,)),  # its final protocol, -1 unknown
        ("ip_l4_off", "i4", (MAX_IP,)),  # what follows it and its extension headers; -1 in a later fragment
        ("n_eth", "u1"),
        ("eth_off", "i4", (MAX_ETH,)),
        # --- for accounting
        ("side", "u1"),  # 0: the innermost source is the lower endpoint, 1: the higher
        (
            "flow_hash",
            "u4",
        ),  # of the innermost endpoints, ports, protocol and VLANs; the same for both directions
    ],
    align=True,
)


def empty_records(n: int) -> np.ndarray:
    """`n` records, uninitialised: the decoder sets every field."""
    return np.empty(n, dtype=RECORD)
