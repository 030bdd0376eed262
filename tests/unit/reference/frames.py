"""Frames written with struct alone, so that tests of the decoder do not depend on the classes it decodes with."""

from __future__ import annotations

import ipaddress
import struct

import numpy as np
import numpy.typing as npt

from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

MAC_A, MAC_B = 0x02AA00000001, 0x02BB00000002
PA_A, PA_B = "192.0.2.1", "192.0.2.2"
CA_A, CA_B = "10.0.0.1", "10.0.0.2"


def eth(payload: bytes, ethertype: int = 0x0800, src: int = MAC_A, dst: int = MAC_B) -> bytes:
    return dst.to_bytes(6, "big") + src.to_bytes(6, "big") + struct.pack(">H", ethertype) + payload


def tag(payload: bytes, vid: int, ethertype: int = 0x0800) -> bytes:
    return struct.pack(">HH", vid, ethertype) + payload


def ip4(
    payload: bytes,
    protocol: int,
    src: str = PA_A,
    dst: str = PA_B,
    *,
    tos: int = 0,
    ident: int = 7,
    fragment: int = 0,
    ttl: int = 64,
    total: int | None = None,
) -> bytes:
    length = 20 + len(payload) if total is None else total
    addresses = ipaddress.IPv4Address(src).packed + ipaddress.IPv4Address(dst).packed
    return struct.pack(">BBHHHBBH", 0x45, tos, length, ident, fragment, ttl, protocol, 0) + addresses + payload


def ip6(
    payload: bytes,
    protocol: int,
    src: str = "2001:db8::1",
    dst: str = "2001:db8::2",
    *,
    label: int = 0,
    length: int | None = None,
) -> bytes:
    size = len(payload) if length is None else length
    addresses = ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed
    return struct.pack(">IHBB", 6 << 28 | label, size, protocol, 63) + addresses + payload


def udp(payload: bytes, dport: int, sport: int = 50001, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def tcp(payload: bytes = b"", flags: int = 0x18, options: bytes = b"", offset: int | None = None) -> bytes:
    words = 5 + len(options) // 4 if offset is None else offset
    return struct.pack(">HHIIBBHHH", 49152, 443, 1000, 2000, words << 4, flags, 501, 0, 0) + options + payload


def gre(payload: bytes, ethertype: int, key: int | None = None, flags: int = 0) -> bytes:
    if key is None:
        return struct.pack(">HH", flags, ethertype) + payload
    return struct.pack(">HHI", flags | 0x2000, ethertype, key) + payload


def nvgre(frame: bytes, vsid: int = 5001, flow_id: int = 0x2A) -> bytes:
    return gre(frame, 0x6558, vsid << 8 | flow_id)


def vxlan(frame: bytes, vni: int = 77) -> bytes:
    return struct.pack(">II", 0x08 << 24, vni << 8) + frame


def labels(*values: int) -> bytes:
    words = [value << 12 | 64 for value in values]
    words[-1] |= 0x100
    return struct.pack(f">{len(words)}I", *words)


#: A tenant's TCP segment with 5 bytes of payload: 59 bytes.
INNER = eth(ip4(tcp(b"hello"), 6, CA_A, CA_B), src=0x02CC00000003, dst=0x02DD00000004)


def batch(frames: list[bytes], linktype: int = 1, wire: list[int] | None = None) -> PacketBatch:
    lengths = np.array([len(frame) for frame in frames], dtype=np.int64)
    count = len(frames)
    return PacketBatch(
        buffer=np.frombuffer(b"".join(frames), dtype=np.uint8),
        offset=np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64),
        caplen=lengths,
        wirelen=lengths.copy() if wire is None else np.array(wire, dtype=np.int64),
        ts_ns=np.arange(count, dtype=np.int64) + 1_700_000_000_000_000_001,
        linktype=np.full(count, linktype, dtype=np.uint16),
        interface=np.full(count, 3, dtype=np.int32),
        position=np.zeros(count, dtype=np.int64),
    )


def record(
    frame: bytes, linktype: int = 1, wire: int | None = None, options: DecodeOptions | None = None
) -> npt.NDArray[np.void]:
    """The record of one frame, in an array whose bytes were 0xa5 before."""
    out = empty_records(1)
    out.view(np.uint8)[:] = 0xA5
    decode(
        batch([frame], linktype, None if wire is None else [wire]),
        DecodeOptions() if options is None else options,
        out,
    )
    return out[0]


def words(address: str) -> list[int]:
    packed = ipaddress.ip_address(address).packed
    return list(struct.unpack(">4I", packed.rjust(16, b"\0")))
