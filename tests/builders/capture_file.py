"""Captures as bytes, classic pcap, written with `struct`: for tests in which no code of the project's may write."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

ETHERNET = 1
SNAPLEN = 262144


@dataclass(frozen=True)
class Packet:
    ts_ns: int
    frame: bytes
    #: Length on the wire where it exceeds the frame's; 0: the same.
    wire_length: int = 0


def pcap(packets: Iterable[Packet]) -> bytes:
    """Little-endian, times in microseconds."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, ETHERNET)]
    for p in packets:
        seconds, rest = divmod(p.ts_ns, 1_000_000_000)
        wire = p.wire_length or len(p.frame)
        parts += [struct.pack("<IIII", seconds, rest // 1000, len(p.frame), wire), p.frame]
    return b"".join(parts)
