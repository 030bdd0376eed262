"""Capture files built byte by byte from the formats' specifications, independent of the writers under test."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from nvgre_inspect.capture import CaptureReader, open_capture

MICRO = 0xA1B2C3D4
NANO = 0xA1B23C4D
MODIFIED = 0xA1B2CD34


def frame(i: int, length: int) -> bytes:
    """A frame whose bytes tell which one it is."""
    return bytes((i * 7 + k) & 0xFF for k in range(length))


def pcap_header(order: str, magic: int = MICRO, *, snaplen: int = 65535, network: int = 1, version=(2, 4)) -> bytes:
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, network)


def pcap_record(
    order: str, data: bytes, seconds: int = 1, fraction: int = 2, *, wire: int | None = None, extra: bytes = b""
) -> bytes:
    lengths = (len(data), len(data) if wire is None else wire)
    return struct.pack(order + "IIII", seconds, fraction, *lengths) + extra + data


def pcap(frames: list[bytes], order: str = "<", magic: int = MICRO, **header) -> bytes:
    extra = struct.pack(order + "IHBB", 3, 0x0800, 0, 0) if magic == MODIFIED else b""
    records = [pcap_record(order, data, 100 + i, i, extra=extra) for i, data in enumerate(frames)]
    return pcap_header(order, magic, **header) + b"".join(records)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order: str, kind: int, content: bytes) -> bytes:
    length = struct.pack(order + "I", 12 + len(content))
    return struct.pack(order + "I", kind) + length + content + length


def shb(order: str, options: bytes = b"", version=(1, 0), section_length: int = -1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, section_length) + options)


def idb(order: str, *, linktype: int = 1, snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(order, 1, struct.pack(order + "HHI", linktype, 0, snaplen) + options)


def epb(
    order: str, data: bytes, units: int = 0, *, interface: int = 0, wire: int | None = None, options: bytes = b""
) -> bytes:
    wire = len(data) if wire is None else wire
    content = struct.pack(order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(data), wire)
    return block(order, 6, content + data + bytes(-len(data) % 4) + options)


def spb(order: str, data: bytes, wire: int | None = None) -> bytes:
    wire = len(data) if wire is None else wire
    return block(order, 3, struct.pack(order + "I", wire) + data + bytes(-len(data) % 4))


def pb(order: str, data: bytes, units: int, *, interface: int = 0, drops: int = 0xFFFF) -> bytes:
    content = struct.pack(order + "HHIIII", interface, drops, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(order, 2, content + data + bytes(-len(data) % 4))


def isb(order: str, interface: int, counters: dict[int, int]) -> bytes:
    options = b"".join(option(order, code, struct.pack(order + "Q", value)) for code, value in counters.items())
    return block(order, 5, struct.pack(order + "III", interface, 0, 0) + options + option(order, 0, b""))


def every_block(order: str) -> bytes:
    """A small pcapng file with each kind of block, two sections and three interfaces; 9 frames."""
    comment = option(order, 1, b"a comment") + option(order, 0, b"")
    first = [
        shb(order, option(order, 1, b"section comment")),
        idb(order, options=option(order, 2, b"eth0") + option(order, 9, b"\x09")),
        idb(order, linktype=101, snaplen=64, options=option(order, 2, "tun\u00e9".encode())),
        epb(order, frame(0, 60), 1_700_000_000_000_000_001),
        epb(order, frame(1, 33), 1_700_000_000_000_002, interface=1, wire=100, options=comment),
        block(order, 0x0BAD, b"skip"),
        epb(order, frame(2, 0), 1_700_000_000_000_000_003),
        spb(order, frame(3, 17)),
        pb(order, frame(4, 41), 1_700_000_000_000_000_005, drops=3),
        block(order, 4, struct.pack(order + "HH", 1, 9) + b"\x0a\0\0\x01host\0" + bytes(3) + bytes(4)),
        isb(order, 0, {4: 1000, 5: 7, 7: 11}),
    ]
    other = "<" if order == ">" else ">"
    second = [
        shb(other),
        idb(other, linktype=147, options=option(other, 9, b"\x83")),
        epb(other, frame(5, 5), 8 * 1_700_000_000 + 1),
        epb(other, frame(6, 64), 8 * 1_700_000_000 + 2),
        block(other, 5 << 8, b""),
        epb(other, frame(7, 70), 8 * 1_700_000_000 + 3),
        spb(other, frame(8, 3)),
    ]
    return b"".join(first + second)


@dataclass
class Contents:
    """What a reader made of a file."""

    frames: list[tuple[int, bytes, int, int, int]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    batches: int = 0

    @property
    def data(self) -> list[bytes]:
        return [entry[1] for entry in self.frames]

    @property
    def times(self) -> list[int]:
        return [entry[0] for entry in self.frames]


def drain(batches) -> Contents:
    """All frames as (time, bytes, wire length, link type, interface), and the promises of PacketBatch checked."""
    found = Contents()
    for batch in batches:
        found.batches += 1
        assert 0 < len(batch) <= 16_384
        assert (batch.offset >= 0).all()
        assert (batch.offset + batch.caplen <= len(batch.buffer)).all()
        assert (batch.wirelen >= batch.caplen).all()
        kinds = [str(column.dtype) for column in (batch.offset, batch.caplen, batch.wirelen, batch.ts_ns)]
        assert kinds == ["int64"] * 4
        kinds = [str(c.dtype) for c in (batch.buffer, batch.linktype, batch.interface, batch.position)]
        assert kinds == ["uint8", "uint16", "int32", "int64"]
        columns = (batch.ts_ns, batch.wirelen, batch.linktype, batch.interface)
        for i in range(len(batch)):
            ts_ns, wirelen, linktype, interface = (int(column[i]) for column in columns)
            found.frames.append((ts_ns, batch.frame(i), wirelen, linktype, interface))
            found.positions.append(int(batch.position[i]))
    return found


def read(path: Path, **options) -> tuple[Contents, CaptureReader]:
    """Read a file to its end; what frames are when read again is what they were."""
    chunk = options.pop("chunk", None)
    with open_capture(path, **options) as reader:
        found = drain(reader.batches(chunk=chunk) if chunk else reader.batches())
        if options.get("spool", True):
            for entry, position in zip(found.frames, found.positions, strict=True):
                again = reader.read_frame(position)
                assert (again.ts_ns, again.data, again.wirelen, again.linktype, again.interface) == entry
    return found, reader
