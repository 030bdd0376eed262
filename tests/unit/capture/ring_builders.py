"""Blocks of an AF_PACKET ring (TPACKET_V3), built as Linux builds them; linux/if_packet.h."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

USER, VLAN_VALID, TPID_VALID = 1, 1 << 4, 1 << 6


@dataclass(frozen=True)
class Slot:
    """A frame as the kernel puts it into a block; bytes begin at `mac`, which for Ethernet is 82."""

    data: bytes
    seconds: int = 1_700_000_000
    nanoseconds: int = 123_456_789
    wire: int | None = None
    status: int = USER
    tci: int = 0
    tpid: int = 0
    mac: int = 82
    protocol: int = 0x0800
    index: int = 7
    device_type: int = 1
    packet_type: int = 0
    address: bytes = b"\x02\x00\x00\x00\x00\x01"
    #: What the header says instead of the truth, by byte offset.
    lies: dict[int, int] = field(default_factory=dict)

    def emitted(self, last: bool) -> bytes:
        size = (self.mac + len(self.data) + 7) // 8 * 8
        slot = bytearray(size)
        wire = len(self.data) if self.wire is None else self.wire
        length = 0 if last else size
        struct.pack_into(
            "=6I2H3IH", slot, 0, length, self.seconds, self.nanoseconds, len(self.data), wire, self.status, self.mac,
            96, 0, self.tci, self.tpid, 0,
        )  # fmt: skip
        struct.pack_into("=H", slot, 36, self.tpid)
        struct.pack_into("=H", slot, 48, 17)
        struct.pack_into(">H", slot, 50, self.protocol)
        struct.pack_into("=iHBB", slot, 52, self.index, self.device_type, self.packet_type, len(self.address))
        slot[60 : 60 + len(self.address)] = self.address
        slot[self.mac : self.mac + len(self.data)] = self.data
        for at, value in self.lies.items():
            struct.pack_into("=I", slot, at, value)
        return bytes(slot)


def block(slots: list[Slot], size: int, first: int = 48, announced: int | None = None) -> bytes:
    """A block of `size` bytes that was handed over."""
    body = b"".join(slot.emitted(i == len(slots) - 1) for i, slot in enumerate(slots))
    number = len(slots) if announced is None else announced
    head = struct.pack("=6IQ", 1, 48, 1, number, first, 48 + len(body), 1) + bytes(16)
    return (head + body).ljust(size, b"\0")[:size]


def frame(length: int, seed: int = 0) -> bytes:
    return bytes((seed + k) % 251 for k in range(length))
