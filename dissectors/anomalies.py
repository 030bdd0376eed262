"""What can be wrong with a packet: permanent codes, shared by dissectors, kernels and tables.

A code is a bit number; a record holds the set of them as one int64 mask. Numbers below 40 come from decoding one
frame; those from 40 on come from accounting, which sees more than one. Neither numbers nor names are ever reused.
Whether a code matters, and what to do about it, is the business of `diagnose/`, not of this list.
"""

HEADER_CUT_BY_SNAPLEN = 0
HEADER_TRUNCATED = 1
NESTING_TOO_DEEP = 2
LINKTYPE_UNSUPPORTED = 3
IP_VERSION_MISMATCH = 4
IP_HEADER_LENGTH_INVALID = 5
IP_TOTAL_LENGTH_INVALID = 6
IP_TOTAL_LENGTH_ZERO = 7
IPV6_EXTENSION_INVALID = 8
GRE_VERSION_UNKNOWN = 9
GRE_RESERVED_BITS = 10
GRE_ROUTING_PRESENT = 11
NVGRE_FLAGS_INVALID = 12
NVGRE_VSID_RESERVED = 13
NVGRE_INNER_VLAN = 14
VXLAN_NO_VNI = 15
VXLAN_RESERVED_BITS = 16
GENEVE_VERSION_UNKNOWN = 17
GENEVE_OPTIONS_INVALID = 18
GENEVE_CRITICAL_MISMATCH = 19
ERSPAN_VERSION_UNKNOWN = 20
MPLS_NO_BOTTOM = 21
MPLS_LABEL_RESERVED = 22
MPLS_ENTROPY_INVALID = 23
SRH_INVALID = 24
TCP_HEADER_LENGTH_INVALID = 25
TCP_OPTIONS_INVALID = 26
UDP_LENGTH_INVALID = 27
UNDERLAY_FRAGMENT = 28
AH_LENGTH_INVALID = 29
FRAGMENT_INVALID = 30

FRAGMENT_WITHOUT_FIRST = 40
TCP_GAPS_OVERFLOW = 41
DUPLICATE_PACKET = 42
PLACEMENTS_OVERFLOW = 43
TIMESTAMP_BACKWARD = 44
TABLE_OVERFLOW = 45

#: code -> (name, one sentence saying what was seen)
NAMES: dict[int, tuple[str, str]] = {
    HEADER_CUT_BY_SNAPLEN: ("header-cut-by-snaplen", "the snapshot length cut a header that the decoder needed"),
    HEADER_TRUNCATED: ("header-truncated", "the packet itself ends inside a header"),
    NESTING_TOO_DEEP: (
        "nesting-too-deep",
        "more than 16 encapsulations, or more than 64 headers; the rest is not decoded",
    ),
    LINKTYPE_UNSUPPORTED: ("linktype-unsupported", "the link type of the capture is not one this tool decodes"),
    IP_VERSION_MISMATCH: ("ip-version-mismatch", "what announced IPv4 or IPv6 is followed by another version"),
    IP_HEADER_LENGTH_INVALID: ("ip-header-length-invalid", "IPv4 header length below 20 bytes"),
    IP_TOTAL_LENGTH_INVALID: (
        "ip-total-length-invalid",
        "IP length smaller than its header or larger than the packet",
    ),
    IP_TOTAL_LENGTH_ZERO: ("ip-total-length-zero", "IP length 0: captured before segmentation offload"),
    IPV6_EXTENSION_INVALID: ("ipv6-extension-invalid", "IPv6 extension headers too many or malformed"),
    GRE_VERSION_UNKNOWN: ("gre-version-unknown", "GRE version is neither 0 nor 1"),
    GRE_RESERVED_BITS: ("gre-reserved-bits", "reserved bits set in the GRE header"),
    GRE_ROUTING_PRESENT: ("gre-routing-present", "GRE source routing (RFC 1701), historic"),
    NVGRE_FLAGS_INVALID: ("nvgre-flags-invalid", "GRE checksum or sequence bit set on NVGRE (RFC 7637 section 3.2)"),
    NVGRE_VSID_RESERVED: ("nvgre-vsid-reserved", "VSID reserved by RFC 7637 (0x000000-0x000FFF, 0xFFFFFF)"),
    NVGRE_INNER_VLAN: ("nvgre-inner-vlan", "802.1Q tag on the inner frame (RFC 7637: must not be there)"),
    VXLAN_NO_VNI: ("vxlan-no-vni", "VXLAN header without the I flag: its VNI is not valid"),
    VXLAN_RESERVED_BITS: ("vxlan-reserved-bits", "reserved bits set in the VXLAN header"),
    GENEVE_VERSION_UNKNOWN: ("geneve-version-unknown", "Geneve version is not 0"),
    GENEVE_OPTIONS_INVALID: ("geneve-options-invalid", "Geneve options do not add up to their stated length"),
    GENEVE_CRITICAL_MISMATCH: ("geneve-critical-mismatch", "Geneve C bit disagrees with the options' critical bits"),
    ERSPAN_VERSION_UNKNOWN: ("erspan-version-unknown", "ERSPAN header version is neither 1 nor 2"),
    MPLS_NO_BOTTOM: ("mpls-no-bottom", "MPLS label stack without a bottom-of-stack bit within 16 labels"),
    MPLS_LABEL_RESERVED: ("mpls-label-reserved", "MPLS implicit-null label (3) on the wire"),
    MPLS_ENTROPY_INVALID: ("mpls-entropy-invalid", "MPLS entropy label indicator without an entropy label"),
    SRH_INVALID: ("srh-invalid", "IPv6 segment routing header inconsistent (RFC 8754 section 2)"),
    TCP_HEADER_LENGTH_INVALID: ("tcp-header-length-invalid", "TCP data offset below 20 bytes or beyond the segment"),
    TCP_OPTIONS_INVALID: ("tcp-options-invalid", "TCP options malformed"),
    UDP_LENGTH_INVALID: ("udp-length-invalid", "UDP length below 8 or beyond the packet"),
    UNDERLAY_FRAGMENT: ("underlay-fragment", "a tunnel packet was fragmented on the underlay"),
    AH_LENGTH_INVALID: ("ah-length-invalid", "IPsec AH length below its fixed header"),
    FRAGMENT_INVALID: ("fragment-invalid", "IP fragment reaching beyond 65,535 bytes, or an empty one"),
    FRAGMENT_WITHOUT_FIRST: ("fragment-without-first", "IP fragment whose first fragment was not seen in time"),
    TCP_GAPS_OVERFLOW: ("tcp-gaps-overflow", "more open sequence gaps than are tracked per direction"),
    DUPLICATE_PACKET: ("duplicate-packet", "the very same packet was captured again within 5 ms"),
    PLACEMENTS_OVERFLOW: ("placements-overflow", "more placements than are tracked per flow; the rest is in one row"),
    TIMESTAMP_BACKWARD: ("timestamp-backward", "time stamp earlier than that of the frame before on this interface"),
    TABLE_OVERFLOW: ("table-overflow", "a table reached its cap; what did not fit is counted only"),
}


def names(mask: int) -> list[str]:
    """The names of the codes set in `mask`, in the order of their numbers."""
    return [name for code, (name, _) in NAMES.items() if mask >> code & 1]
