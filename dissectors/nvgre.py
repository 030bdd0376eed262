"""NVGRE: Network Virtualization Using Generic Routing Encapsulation, RFC 7637 section 3.2.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-----------------+-----+-------------------------------+
    |0| |1|0|   Reserved0     | Ver |   Protocol Type 0x6558        |
    +-+-+-+-+-----------------+-----+---------------+---------------+
    |               Virtual Subnet ID (VSID)        |    FlowID     |
    +-----------------------------------------------+---------------+

A GRE header whose key is a tenant's VSID and a FlowID, the entropy for ECMP. C and S must not be set;
where they are, their fields are parsed as in any GRE header and `nvgre-flags-invalid` is reported.
"""

from __future__ import annotations

from typing import Any

from dissectors import anomalies, offsets
from dissectors.base import Field
from dissectors.gre import GRE, GRETAP, GreKey, is_nvgre, key_offset


class NVGRE(GRE):
    """An NVGRE header: `NVGRE(vsid=5001, flow_id=7, data=frame)`.

    `vsid` (24 bits) and `flow_id` (8 bits) are views of `key`; a value that does not fit raises
    ValueError, setting one on a header without key starts from 0. They are None where the key was cut off.
    """

    TITLE = "Network Virtualization using GRE"
    PROTOCOL = "nvgre"
    __hdr__ = (("flags", "H", offsets.GRE_K), ("type", "H", offsets.ETHERTYPE_TEB))

    def __init__(self, buf: bytes | None = None, /, **values: Any) -> None:
        if buf is None:
            # First, so that `vsid` and `flow_id` set their parts of it.
            values = {"key": 0, **values}
        super().__init__(buf, **values)

    @property
    def vsid(self) -> int | None:
        """Virtual Subnet ID."""
        return None if self.key is None else self.key >> 8

    @vsid.setter
    def vsid(self, value: int) -> None:
        if not 0 <= value <= 0xFFFFFF:
            raise ValueError(f"VSID {value} does not fit in 24 bits")
        self.key = value << 8 | (self.key or 0) & 0xFF

    @property
    def flow_id(self) -> int | None:
        """FlowID; 0 where the sender generates none."""
        return None if self.key is None else self.key & 0xFF

    @flow_id.setter
    def flow_id(self, value: int) -> None:
        if not 0 <= value <= 0xFF:
            raise ValueError(f"FlowID {value} does not fit in 8 bits")
        self.key = (self.key or 0) & 0xFFFFFF00 | value

    @property
    def anomalies(self) -> int:
        """Those of GRE; C or S set; a reserved VSID."""
        mask = self.gre_anomalies
        if self.flags & (offsets.GRE_C | offsets.GRE_S):
            mask |= 1 << anomalies.NVGRE_FLAGS_INVALID
        vsid = self.vsid
        if vsid is not None and (vsid < offsets.NVGRE_MIN_VSID or vsid == offsets.NVGRE_VENDOR_VSID):
            mask |= 1 << anomalies.NVGRE_VSID_RESERVED
        return mask

    def _key_fields(self, key: int, off: int) -> list[Field]:
        return [
            Field("gre.key", key, f"Key: 0x{key:08x}", off, 4),
            Field("nvgre.vsid", key >> 8, f"Virtual Subnet ID: {key >> 8} (0x{key >> 8:06x})", off, 3),
            Field("nvgre.flowid", key & 0xFF, f"FlowID: {key & 0xFF} (0x{key & 0xFF:02x})", off + 3, 1),
        ]

    def info(self) -> str:
        """As "VSID 5001, FlowID 7"."""
        return f"VSID {self.vsid}, FlowID {self.flow_id}"


def parse_gre(buf: bytes, gre_key: GreKey = "auto") -> GRE:
    """The GRE header at the start of `buf` as `NVGRE`, `GRETAP` or `GRE`.

    Raises dpkt.NeedData below 4 bytes. A key that is cut off makes no NVGRE.
    """
    if buf[2:4] == b"\x65\x58" and not buf[1] & offsets.GRE_VERSION_MASK:
        flags = int.from_bytes(buf[:2], "big")
        off = key_offset(flags)
        key = int.from_bytes(buf[off : off + 4], "big") if len(buf) >= off + 4 else None
        return NVGRE(buf) if is_nvgre(flags, offsets.ETHERTYPE_TEB, key, gre_key) else GRETAP(buf)
    return GRE(buf)
