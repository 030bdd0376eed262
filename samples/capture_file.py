"""Capture files, written with `struct`: classic pcap and pcapng.

Both keep what `Packet` holds: time in nanoseconds (pcap may round it down to micro-), frame, original length.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ETHERNET = 1
SNAPLEN = 262144


@dataclass(frozen=True)
class Packet:
    ts_ns: int
    frame: bytes
    #: Length on the wire where it exceeds the frame's; 0: the same.
    wire_length: int = 0
    interface: int = 0
    comment: str = ""


def destination(name: str) -> Path:
    """Where a script writes `name`: the folder given on its command line, else the one it stands in."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    return folder / name


def cut(packets: Iterable[Packet], snaplen: int) -> list[Packet]:
    """What a capture with a snapshot length of `snaplen` keeps."""
    return [Packet(p.ts_ns, p.frame[:snaplen], len(p.frame), p.interface, p.comment) for p in packets]


def pcap(
    packets: Iterable[Packet], *, nanoseconds: bool = False, snaplen: int = SNAPLEN, big_endian: bool = False
) -> bytes:
    order, unit = (">" if big_endian else "<"), (1 if nanoseconds else 1000)
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, ETHERNET)]
    for p in packets:
        seconds, rest = divmod(p.ts_ns, 1_000_000_000)
        wire = p.wire_length or len(p.frame)
        parts += [struct.pack(order + "IIII", seconds, rest // unit, len(p.frame), wire), p.frame]
    return b"".join(parts)


def pcapng(
    packets: Iterable[Packet],
    interfaces: Sequence[tuple[str, str]],
    *,
    comment: str = "",
    names: dict[str, bytes] | None = None,
) -> bytes:
    """`interfaces` are (name, description), all Ethernet with nanoseconds; `names` become resolution records.

    Ends with a statistics block for each interface that says how many packets arrived, none dropped.
    """
    packets = list(packets)
    blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options([(1, comment.encode())]))]
    for name, description in interfaces:
        options = [(2, name.encode()), (3, description.encode()), (9, b"\x09")]
        blocks.append(_block(1, struct.pack("<HHI", ETHERNET, 0, SNAPLEN) + _options(options)))
    if names:
        blocks.append(_block(4, _name_records(names)))
    for p in packets:
        head = struct.pack("<III", p.interface, p.ts_ns >> 32, p.ts_ns & 0xFFFFFFFF)
        lengths = struct.pack("<II", len(p.frame), p.wire_length or len(p.frame))
        blocks.append(_block(6, head + lengths + _padded(p.frame) + _options([(1, p.comment.encode())])))
    for number in range(len(interfaces)):
        mine = [p.ts_ns for p in packets if p.interface == number]
        end = max(mine, default=0)
        counters = [(4, struct.pack("<Q", len(mine))), (5, struct.pack("<Q", 0)), (7, struct.pack("<Q", 0))]
        blocks.append(_block(5, struct.pack("<III", number, end >> 32, end & 0xFFFFFFFF) + _options(counters)))
    return b"".join(blocks)


def _name_records(names: dict[str, bytes]) -> bytes:
    records = b""
    for name, packed in names.items():
        value = packed + name.encode() + b"\0"
        records += struct.pack("<HH", 1 if len(packed) == 4 else 2, len(value)) + _padded(value)
    return records + struct.pack("<HH", 0, 0)


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    present = [(code, value) for code, value in options if value]
    body = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in present)
    return body + b"\0\0\0\0" if body else b""


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length
