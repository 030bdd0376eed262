"""VXLAN (RFC 7348), with the group policy extension, and VXLAN-GPE.

VXLAN with the G bit of draft-smith-vxlan-group-policy (flags `G R R R I R R R`; D: do not learn, A: policy
applied):

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-------------------------------+
    |G|R|R|R|I|R|R|R|R|D|R|R|A|R|R|R|        Group Policy ID        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+---------------+---------------+
    |                VXLAN Network Identifier (VNI) |   Reserved    |
    +-----------------------------------------------+---------------+

VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): flags `R R Ver Ver I P B O`, the fourth byte says what follows.

Limits: the GPE shim headers (NSH and others) are not looked into.
"""

from __future__ import annotations

from typing import ClassVar

from dissectors import anomalies, offsets
from dissectors.base import FieldSpec, Header, show_flag, show_hex

#: Bits of the second byte, with G.
_DONT_LEARN = 0x40
_POLICY_APPLIED = 0x08


class VXLAN(Header):
    """A VXLAN header; `policy` and `policy_flags` mean something only with G, and are reserved without."""

    TITLE = "Virtual eXtensible Local Area Network"
    PROTOCOL = "vxlan"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("flags", "vxlan.flags", "Flags", 0, 1, show_hex(2)),
        FieldSpec("has_policy", "vxlan.flag_g", "GBP Extension", 0, 1, show_flag),
        FieldSpec("has_vni", "vxlan.flag_i", "VXLAN Network ID (VNI)", 0, 1, show_flag),
        FieldSpec("dont_learn", "vxlan.flag_d", "Don't Learn", 1, 1, show_flag),
        FieldSpec("policy_applied", "vxlan.flag_a", "Policy Applied", 1, 1, show_flag),
        FieldSpec("policy", "vxlan.gbp", "Group Policy ID", 2, 2),
        FieldSpec("vni", "vxlan.vni", "VXLAN Network Identifier (VNI)", 4, 3),
        FieldSpec("reserved", "vxlan.reserved8", "Reserved", 7, 1),
    )
    __hdr__ = (
        ("flags", "B", offsets.VXLAN_I),
        ("policy_flags", "B", 0),
        ("policy", "H", 0),
        ("_vni", "I", 0),
    )
    __bit_fields__: ClassVar = {"_vni": (("vni", 24), ("reserved", 8))}
    flags: int
    policy_flags: int
    policy: int
    vni: int
    reserved: int

    @property
    def has_vni(self) -> bool:
        """I: the VNI is valid."""
        return bool(self.flags & offsets.VXLAN_I)

    @property
    def has_policy(self) -> bool:
        """G: the group policy ID is valid."""
        return bool(self.flags & offsets.VXLAN_G)

    @property
    def dont_learn(self) -> bool:
        """D: the egress does not learn the source address."""
        return bool(self.policy_flags & _DONT_LEARN)

    @property
    def policy_applied(self) -> bool:
        """A: the group policy has been applied already."""
        return bool(self.policy_flags & _POLICY_APPLIED)

    @property
    def anomalies(self) -> int:
        """I not set; reserved bits set."""
        mask = 0
        flags = self.flags
        if not flags & offsets.VXLAN_I:
            mask |= 1 << anomalies.VXLAN_NO_VNI
        unknown = flags & ~(offsets.VXLAN_I | offsets.VXLAN_G)
        without_policy = not flags & offsets.VXLAN_G and (self.policy_flags or self.policy)
        if unknown or without_policy or self.reserved:
            mask |= 1 << anomalies.VXLAN_RESERVED_BITS
        return mask

    def info(self) -> str:
        """As "VNI 5001"."""
        return f"VNI {self.vni}" if self.has_vni else "no VNI"


class VXLANGPE(Header):
    """A VXLAN-GPE header."""

    TITLE = "Virtual eXtensible Local Area Network, Generic Protocol Extension"
    PROTOCOL = "vxlan"
    FIELDS: ClassVar[tuple[FieldSpec, ...]] = (
        FieldSpec("flags", "vxlan.flags", "Flags", 0, 1, show_hex(2)),
        FieldSpec("has_vni", "vxlan.i_bit", "Instance", 0, 1, show_flag),
        FieldSpec("has_next", "vxlan.p_bit", "Next Protocol Bit", 0, 1, show_flag),
        FieldSpec("next", "vxlan.next_proto", "Next Protocol", 3, 1),
        FieldSpec("vni", "vxlan.vni", "VXLAN Network Identifier (VNI)", 4, 3),
        FieldSpec("reserved", "vxlan.reserved8", "Reserved", 7, 1),
    )
    __hdr__ = (
        ("flags", "B", offsets.VXLAN_I | offsets.GPE_P),
        ("reserved16", "H", 0),
        ("next", "B", offsets.GPE_NEXT_ETHERNET),
        ("_vni", "I", 0),
    )
    __bit_fields__: ClassVar = {"_vni": (("vni", 24), ("reserved", 8))}
    flags: int
    reserved16: int
    next: int
    vni: int
    reserved: int

    @property
    def has_vni(self) -> bool:
        """I: the VNI is valid."""
        return bool(self.flags & offsets.VXLAN_I)

    @property
    def has_next(self) -> bool:
        """P: the next protocol is valid; otherwise Ethernet follows."""
        return bool(self.flags & offsets.GPE_P)

    @property
    def anomalies(self) -> int:
        """I not set."""
        return 0 if self.flags & offsets.VXLAN_I else 1 << anomalies.VXLAN_NO_VNI

    def info(self) -> str:
        """As "VNI 5001"."""
        return f"VNI {self.vni}" if self.has_vni else "no VNI"
