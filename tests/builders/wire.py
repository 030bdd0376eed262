"""Records of plain TCP over IPv4 as a capture file, so that tshark can judge the same segments."""

from __future__ import annotations

import struct

import numpy as np

from tests.builders.records import FLAGS


def pcap(records: np.ndarray) -> bytes:
    """A capture with nanoseconds. Payload is zeros; checksums are zeros, which tshark does not check by default."""
    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    return header + b"".join(_packet(record) for record in records)


def _packet(record: np.void) -> bytes:
    frame = _frame(record)
    seconds, nanoseconds = divmod(int(record["ts_ns"]), 10**9)
    return struct.pack("<IIII", seconds, nanoseconds, len(frame), len(frame)) + frame


def _frame(record: np.void) -> bytes:
    flags = int(record["tcp_flags"])
    ack = int(record["tcp_ack"]) if flags & FLAGS["A"] else 0
    tcp = struct.pack(
        ">HHIIBBHHH",
        int(record["src_port"]),
        int(record["dst_port"]),
        int(record["tcp_seq"]),
        ack,
        5 << 4,
        flags,
        int(record["tcp_window"]),
        0,
        0,
    )
    payload = bytes(int(record["payload_len"]))
    ip_id = max(int(record["ip_id"]), 0)
    addresses = struct.pack(">II", int(record["src"][3]), int(record["dst"][3]))
    length = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, ip_id, 0x4000, 64, 6, 0) + addresses
    return bytes(6) + b"\x02" + bytes(5) + b"\x08\x00" + ip + tcp + payload
