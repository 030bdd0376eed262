"""Frames built byte by byte, and what a filter says of them, for the tests of the filter language."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import numpy as np
import pandas as pd

from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

T0 = 1_767_323_045_123_456_789  # 2026-01-02 03:04:05.123456789 UTC
MAC_A, MAC_B, PA_A, PA_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "192.0.2.1", "192.0.2.2"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def eth(ethertype: int, payload: bytes, src: str = MAC_A, dst: str = MAC_B, tags: tuple[int, ...] = ()) -> bytes:
    tagged = b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    return mac(dst) + mac(src) + tagged + struct.pack(">H", ethertype) + payload


def ip4(proto: int, payload: bytes, src: str = "10.0.0.1", dst: str = "10.0.0.2", **other: int) -> bytes:
    """`other`: ttl, tos, id, frag (flags and offset), total (a false length)."""
    total = other.get("total", 20 + len(payload))
    head = struct.pack(
        ">BBHHHBBH",
        0x45,
        other.get("tos", 0),
        total,
        other.get("id", 1),
        other.get("frag", 0x4000),
        other.get("ttl", 64),
        proto,
        0,
    )
    return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + payload


def ip6(nxt: int, payload: bytes, src: str = "2001:db8::1", dst: str = "2001:db8::2", flow: int = 0) -> bytes:
    head = struct.pack(">IHBB", 6 << 28 | flow, len(payload), nxt, 64)
    return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + payload


def tcp(
    sport: int = 50000, dport: int = 443, flags: int = 0x10, payload: bytes = b"", options: bytes = b"", seq: int = 1000
) -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, 2000, words << 4, flags, 512, 0, 0)
    return head + options + payload


def udp(sport: int, dport: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def gre(proto: int, payload: bytes, key: int | None = None) -> bytes:
    if key is None:
        return struct.pack(">HH", 0, proto) + payload
    return struct.pack(">HHI", 0x2000, proto, key) + payload


def nvgre(vsid: int, flow_id: int, frame: bytes, src: str = PA_A, dst: str = PA_B) -> bytes:
    """The whole outer frame."""
    return eth(0x0800, ip4(47, gre(0x6558, frame, vsid << 8 | flow_id), src, dst, ttl=128))


def vxlan(vni: int, frame: bytes, sport: int = 49152, src: str = PA_A, dst: str = PA_B) -> bytes:
    """The IP packet."""
    return ip4(17, udp(sport, 4789, struct.pack(">II", 0x08000000, vni << 8) + frame), src, dst)


def arp(sender: str, target: str) -> bytes:
    sha, spa, tpa = mac(MAC_A), ipaddress.ip_address(sender).packed, ipaddress.ip_address(target).packed
    return struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + sha + spa + bytes(6) + tpa


def batch_of(*frames: bytes, linktype: int = 1, caplen: int | None = None) -> PacketBatch:
    """One batch: a frame a millisecond; bytes that belong to no frame lie between them."""
    cut = [frame if caplen is None else frame[:caplen] for frame in frames]
    gap = b"\xa5" * 3
    sizes = np.array([len(frame) for frame in cut], np.int64)
    count = len(frames)
    return PacketBatch(
        buffer=np.frombuffer(b"".join(gap + frame for frame in cut) + gap, np.uint8),
        offset=(np.cumsum(sizes + len(gap)) - sizes).astype(np.int64),
        caplen=sizes,
        wirelen=np.array([len(frame) for frame in frames], np.int64),
        ts_ns=T0 + np.arange(count) * 1_000_000,
        linktype=np.full(count, linktype, np.uint16),
        interface=np.zeros(count, np.int32),
        position=np.arange(count, dtype=np.int64),
    )


def decoded(batch: PacketBatch, options: DecodeOptions | None = None) -> np.ndarray:
    records = empty_records(len(batch))
    decode(batch, options or DecodeOptions(), records)
    return records


def hits(
    text: str,
    batch: PacketBatch,
    *,
    flows: pd.DataFrame | None = None,
    frame_flow: Any = None,
    options: DecodeOptions | None = None,
) -> list[int]:
    """Numbers from 0 of the frames that the filter lets through."""
    options = options or DecodeOptions()
    chosen = compile_filter(text, table=None if flows is None else "packets")
    mask = chosen.packet_mask(batch, decoded(batch, options), 1, T0, flows, frame_flow, options)
    assert mask.dtype == bool
    assert len(mask) == len(batch)
    return np.flatnonzero(mask).tolist()
