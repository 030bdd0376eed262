"""Records made by hand, for tests of accounting that must not depend on a decoder.

`Frames` collects frames with the fields of RECORD that matter to a test; all others have the values that a decoder
starts with ("none"). Times are in microseconds, as offsets from EPOCH_NS.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import numpy as np

from dissectors import encaps
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.record import RECORD

EPOCH_NS = 1_700_000_000_000_000_000
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000

FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10}
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58

#: Fields whose "none" is -1.
_MINUS_ONE = [
    "tenant_layer", "vsid", "flow_id", "pa_ttl", "pa_tos", "ca_mac", "src_mac",
    "dst_mac", "ethertype", "protocol", "tos", "ttl", "ip_id", "src_port",
    "dst_port", "l4_off", "payload_len", "tcp_window", "tcp_mss", "tcp_wscale", "icmp_type",
    "icmp_code", "frag_a_ip", "frag_b_ip", "ip_proto", "ip_l4_off",
]  # fmt: skip

Fields = dict[str, Any]


def words(text: str) -> tuple[int, int, int, int]:
    """An address as a record holds it."""
    number = int(ipaddress.ip_address(text))
    a, b, c, d = (number >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0))
    return a, b, c, d


def layer(kind: int, id_: int | None = None) -> tuple[int, int]:
    return (kind, 0) if id_ is None else (kind | encaps.HAS_ID, id_)


def tunnel(
    pa_src: str,
    pa_dst: str,
    encap: int = encaps.NVGRE,
    vsid: int | None = 5001,
    flow_id: int = -1,
    more_layers: tuple[tuple[int, int], ...] = (),
) -> Fields:
    """Fields of a frame in a tunnel; `more_layers` are inside it."""
    layers = (layer(encap, vsid), *more_layers)
    virtual = encap in encaps.VIRTUAL and vsid is not None
    return {
        "layers": layers,
        "tenant_layer": 0,
        "encap": encap,
        "vsid": vsid if virtual else -1,
        "flow_id": flow_id,
        "pa_family": ipaddress.ip_address(pa_src).version,
        "pa_src": words(pa_src),
        "pa_dst": words(pa_dst),
        "pa_ttl": 64,
        "pa_tos": 0,
    }


def ip_packet(src: str, dst: str, protocol: int, src_port: int = -1, dst_port: int = -1) -> Fields:
    """Fields of an innermost IP packet, sides included."""
    source, destination = (words(src), src_port), (words(dst), dst_port)
    if protocol in (ICMP, ICMPV6):
        source, destination = (words(src), 0), (words(dst), 0)
    version = ipaddress.ip_address(src).version
    return {
        "family": version,
        "ethertype": 0x0800 if version == 4 else 0x86DD,
        "src": words(src),
        "dst": words(dst),
        "protocol": protocol,
        "src_port": src_port,
        "dst_port": dst_port,
        "side": int(source > destination),
        "src_mac": 0x020000000000 + words(src)[3] % 65536,
        "dst_mac": 0x020000000000 + words(dst)[3] % 65536,
        "tos": 0,
        "ttl": 64,
    }


def ipv4_header(src: str, dst: str, protocol: int) -> bytes:
    """As much of a header as the key of a fragment set is read from."""
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0, 64, protocol, 0) + addresses


def ipv6_header(src: str, dst: str, next_header: int) -> bytes:
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return struct.pack(">IHBB", 6 << 28, 0, next_header, 64) + addresses


class Frames:
    """Frames in order; `take` gives them as a batch and records, and starts anew."""

    def __init__(self) -> None:
        self._frames: list[tuple[bytes, Fields]] = []
        self._position = 0

    def add(self, at_us: float, *fields: Fields, data: bytes = b"", **more: Any) -> None:
        """One frame; later dictionaries and keywords win. `ts_ns` takes the place of `at_us`."""
        self.add_at(more.pop("ts_ns", EPOCH_NS + round(at_us * US)), *fields, data=data, **more)

    def add_at(self, ts_ns: int, *fields: Fields, data: bytes = b"", **more: Any) -> None:
        """One frame at a time that is not relative to EPOCH_NS."""
        merged: Fields = {"wire_len": 100}
        for part in (*fields, more):
            merged |= part
        merged.setdefault("inner_len", merged["wire_len"])
        merged["ts_ns"] = ts_ns
        self._frames.append((data, merged))

    def tcp(self, at_us: float, src: str, dst: str, flags: str, seq: int, *fields: Fields, **more: Any) -> None:
        """A TCP segment between `address:port` pairs. `length` is its payload, flags are letters of FLAGS."""
        ack = more.pop("ack", None)
        packet = ip_packet(*_ends(src, dst, TCP))
        segment = {
            "payload_len": more.pop("length", 0),
            "tcp_ok": 1,
            "tcp_flags": sum(FLAGS[letter] for letter in flags) | (0 if ack is None else FLAGS["A"]),
            "tcp_seq": seq % 2**32,
            "tcp_ack": (ack or 0) % 2**32,
            "tcp_window": 1000,
        }
        self.add(at_us, packet, segment, *fields, **more)

    def udp(self, at_us: float, src: str, dst: str, *fields: Fields, **more: Any) -> None:
        self.add(at_us, ip_packet(*_ends(src, dst, UDP)), *fields, **more)

    def take(self) -> tuple[PacketBatch, np.ndarray]:
        """All frames since the last `take`, as a batch and its records."""
        batch, records = self.peek()
        self._frames = []
        self._position += len(batch)
        return batch, records

    def peek(self) -> tuple[PacketBatch, np.ndarray]:
        """What `take` would give; the frames stay."""
        frames = self._frames
        records = np.zeros(len(frames), dtype=RECORD)
        for name in _MINUS_ONE:
            records[name] = -1
        for record, (data, fields) in zip(records, frames, strict=True):
            record["cap_len"] = len(data)
            for name, value in fields.items():
                _set(record, name, value)
        lengths = np.array([len(data) for data, _ in frames], dtype=np.int64)
        positions = np.arange(self._position, self._position + len(frames), dtype=np.int64)
        batch = PacketBatch(
            buffer=np.frombuffer(b"".join(data for data, _ in frames), dtype=np.uint8),
            offset=np.cumsum(lengths) - lengths,
            caplen=lengths,
            wirelen=records["wire_len"].copy(),
            ts_ns=records["ts_ns"].copy(),
            linktype=np.ones(len(frames), dtype=np.uint16),
            interface=records["interface"].copy(),
            position=positions,
        )
        return batch, records


def fragment_fields(ident: int, offset: int, length: int, *, more: bool, which: str = "a", layers: int = 0) -> Fields:
    """Fields of the first (`a`, IP header 0) or the second (`b`, IP header 1) fragmented header of a frame."""
    prefix = f"frag_{which}"
    return {
        f"{prefix}_ip": 0 if which == "a" else 1,
        f"{prefix}_layers": layers,
        f"{prefix}_id": ident,
        f"{prefix}_off": offset,
        f"{prefix}_len": length,
        f"{prefix}_more": int(more),
    }


def _set(record: Any, name: str, value: Any) -> None:
    if name == "layers":
        record["n_layers"] = len(value)
        for i, (kind, id_) in enumerate(value):
            record["layer_kind"][i], record["layer_id"][i] = kind, id_
    elif name in ("vlan", "ip_off"):
        record[name][: len(value)] = value
        if name == "vlan":
            record["n_vlan"] = len(value)
    else:
        record[name] = value


def _ends(src: str, dst: str, protocol: int) -> tuple[str, str, int, int, int]:
    src_ip, src_port = src.rsplit(":", 1)
    dst_ip, dst_port = dst.rsplit(":", 1)
    return src_ip, dst_ip, protocol, int(src_port), int(dst_port)
