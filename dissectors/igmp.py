"""IGMP: the Internet Group Management Protocol, versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 9776).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+-------------------------------+
    |     Type      | Max resp code |           Checksum            |
    +---------------+---------------+-------------------------------+
    |  Group address; of a version 3 report: reserved (2), number of group records (2)
    +---------------+---------------+-------------------------------+
    |  Record type  | Aux data len  |       Number of sources       |   version 3 report: for each record
    +---------------+---------------+-------------------------------+
    |  Group address, source addresses, aux data (units of 4 bytes)
    +---------------------------------------------------------------+

Limits: the sources of a version 3 query are counted, not listed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dissectors import checksum
from dissectors.base import Field, FieldSpec, Header, show_hex, show_ip

QUERY = 0x11
REPORT_V1 = 0x12
REPORT_V2 = 0x16
LEAVE = 0x17
REPORT_V3 = 0x22
_TYPE_NAMES = {
    QUERY: "Membership Query",
    0x13: "DVMRP",
    0x14: "PIMv1",
    REPORT_V1: "Membership Report",
    REPORT_V2: "Membership Report",
    LEAVE: "Leave Group",
    REPORT_V3: "Membership Report",
}
_INCLUDE = (1, 3)
_EXCLUDE = (2, 4)
_RECORD_NAMES = {
    1: "Mode Is Include",
    2: "Mode Is Exclude",
    3: "Change To Include Mode",
    4: "Change To Exclude Mode",
    5: "Allow New Sources",
    6: "Block Old Sources",
}
#: Records named in one line of info.
_INFO_RECORDS = 4


def _show_type(value: int) -> str:
    return f"{_TYPE_NAMES.get(value, 'Unknown')} (0x{value:02x})"


class GroupRecord(NamedTuple):
    """One group of a version 3 report."""

    type: int
    group: bytes
    sources: tuple[bytes, ...]
    #: Bytes, from the start of the IGMP header.
    start: int
    length: int

    def info(self) -> str:
        """As Wireshark words it: `Join group 239.1.1.1 for any sources`."""
        group = show_ip(self.group)
        if not self.sources and self.type in _EXCLUDE:
            return f"Join group {group} for any sources"
        if not self.sources and self.type in _INCLUDE:
            return f"Leave group {group}"
        name = _RECORD_NAMES.get(self.type, f"record {self.type}")
        return f"Group {group}, {name}, {len(self.sources)} sources"


class IGMP(Header):
    """The 8 bytes that all versions share."""

    TITLE = "Internet Group Management Protocol"
    PROTOCOL = "igmp"
    FIELDS = (
        FieldSpec("type", "igmp.type", "Type", 0, 1, _show_type),
        FieldSpec("max_response", "igmp.max_resp", "Max Resp Time", 1, 1),
        FieldSpec("checksum", "igmp.checksum", "Checksum", 2, 2, show_hex(4)),
    )

    type: int
    #: Tenths of a second; from 128 on a floating-point code in version 3.
    max_response: int
    checksum: int
    #: Group address; a version 3 report has reserved bytes and the number of its records in its place.
    group: bytes
    __hdr__: Any = (("type", "B", QUERY), ("max_response", "B", 0), ("checksum", "H", 0), ("group", "4s", bytes(4)))

    def records(self) -> list[GroupRecord]:
        """The group records of a version 3 report, as far as they are there."""
        if self.type != REPORT_V3:
            return []
        data = bytes(self.data)
        result: list[GroupRecord] = []
        position = 0
        while len(result) < int.from_bytes(self.group[2:], "big") and position + 8 <= len(data):
            sources_end = position + 8 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
            end = sources_end + 4 * data[position + 1]
            if end > len(data):
                break
            sources = tuple(data[i : i + 4] for i in range(position + 8, sources_end, 4))
            group = data[position + 4 : position + 8]
            result.append(GroupRecord(data[position], group, sources, 8 + position, end - position))
            position = end
        return result

    def compute(self, pseudo: bytes = b"") -> None:
        """Sets the checksum, which covers no pseudo header."""
        self.checksum = 0
        self.checksum = checksum.internet_checksum(bytes(self))

    def fields(self) -> list[Field]:
        """The fixed part; of a version 3 report its records."""
        result = super().fields()
        if self.type == REPORT_V3:
            count = int.from_bytes(self.group[2:], "big")
            result.append(Field("igmp.num_grp_recs", count, f"Num Group Records: {count}", 6, 2))
            for record in self.records():
                result.append(Field("igmp.maddr", record.group, record.info(), record.start, record.length))
        else:
            text = f"Multicast Address: {show_ip(self.group)}"
            result.append(Field("igmp.maddr", self.group, text, 4, 4))
        return result

    def info(self) -> str:
        """`Membership Query, general`, `Leave Group 239.1.1.1`."""
        name = _TYPE_NAMES.get(self.type, f"IGMP type 0x{self.type:02x}")
        if self.type == QUERY:
            return f"{name}, general" if self.group == bytes(4) else f"{name}, specific for group {show_ip(self.group)}"
        if self.type == REPORT_V3:
            records = self.records()
            texts = [record.info() for record in records[:_INFO_RECORDS]]
            return " / ".join([name, *texts, *(["…"] if len(records) > _INFO_RECORDS else [])])
        if self.type == LEAVE:
            return f"{name} {show_ip(self.group)}"
        return f"{name} group {show_ip(self.group)}" if self.type in (REPORT_V1, REPORT_V2) else name
