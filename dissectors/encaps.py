"""Layer kinds: the numbers by which records, kernels and tables name an encapsulation.

The names are the values of the `encap` column and the words of the `stack` column; both are permanent.
Kinds 1 to 17 can be a tenant's encapsulation, mirrors (`erspan…`) only appear in `stack`.
"""

NONE = 0
NVGRE = 1
GRETAP = 2
GRE = 3
VXLAN = 4
VXLAN_GPE = 5
GENEVE = 6
GRE_IN_UDP = 7
MPLS_IN_GRE = 8
MPLS_IN_UDP = 9
MPLS = 10
IPIP = 11
SIXINFOUR = 12
FOURINSIX = 13
SIXINSIX = 14
ESP = 15
AH = 16
SRV6 = 17
ERSPAN1 = 18
ERSPAN2 = 19
ERSPAN3 = 20
#: Kinds from here on belong to dissectors that a user added.
USER = 32
#: One more than the largest kind that a record can hold (7 bits; the eighth says whether the layer has an id).
LIMIT = 128
#: Set in a record's `layer_kind` when `layer_id` holds an id (VSID, VNI, key, SPI, label, session).
HAS_ID = 0x80

NAMES: dict[int, str] = {
    NONE: "none",
    NVGRE: "nvgre",
    GRETAP: "gretap",
    GRE: "gre",
    VXLAN: "vxlan",
    VXLAN_GPE: "vxlan-gpe",
    GENEVE: "geneve",
    GRE_IN_UDP: "gre-in-udp",
    MPLS_IN_GRE: "mpls-in-gre",
    MPLS_IN_UDP: "mpls-in-udp",
    MPLS: "mpls",
    IPIP: "ipip",
    SIXINFOUR: "6in4",
    FOURINSIX: "4in6",
    SIXINSIX: "6in6",
    ESP: "esp",
    AH: "ah",
    SRV6: "srv6",
    ERSPAN1: "erspan1",
    ERSPAN2: "erspan2",
    ERSPAN3: "erspan3",
}
CODES: dict[str, int] = {name: code for code, name in NAMES.items()}

#: Kinds that name a tenant when they carry an id (design: "virtual-network encapsulation").
VIRTUAL = frozenset({NVGRE, GRETAP, GRE, VXLAN, VXLAN_GPE, GENEVE, GRE_IN_UDP})
#: Kinds that are never the overlay.
MIRRORS = frozenset({ERSPAN1, ERSPAN2, ERSPAN3})
