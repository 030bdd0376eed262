"""The captures that the benchmark measures on, stamped from templates: deterministic, checksums right.

    python tests/benchmarks/files.py OUT.pcap [--packets N] [--flows N] [--vsids N]

`packets` NVGRE packets (IPv4 underlay, 16 hosts) of `flows` TCP connections in `vsids` tenants that all use the
same inner addresses. Each connection: handshake, data one way with an acknowledgement every third packet, teardown
if it is long enough; data segments carry 850 bytes, so that a packet has about 600 bytes on average.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

HEADERS = 96  # Ethernet 14, IPv4 20, NVGRE 8, Ethernet 14, IPv4 20, TCP 20
DATA = 850
CHUNK = 1 << 16
START_NS = 1_750_000_000_000_000_000
STEP_NS = 2_000
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def _put(rows: Bytes, at: int, size: int, values: Ints | int) -> None:
    for k in range(size):
        rows[:, at + k] = (np.asarray(values) >> 8 * (size - 1 - k)) & 0xFF


def _checksum(words: Bytes, extra: Ints | int = 0) -> Ints:
    total = (words[:, 0::2].astype(np.int64) << 8).sum(axis=1) + words[:, 1::2].astype(np.int64).sum(axis=1) + extra
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _frames(number: Ints, packets: int, flows: int, vsids: int) -> tuple[Bytes, Ints]:
    """Headers [n, HEADERS] and payload lengths of the packets with these numbers."""
    flow, k = number % flows, number // flows
    # The last round may not reach every flow.
    last = (packets - 1 - flow) // flows
    reverse = (k == 1) | ((k > 2) & ((k - 3) % 3 == 2))
    closing = (last >= 6) & (k >= last - 1)
    reverse = np.where(closing, k == last, reverse)
    payload = np.where((k > 2) & ~reverse & ~closing, DATA, 0)
    # Rounds of data before this one; the two rounds of the teardown carry none.
    rounds = np.minimum(k, np.where(closing, last - 1, k))
    data_before = np.maximum(rounds - 3, 0) - np.maximum((rounds - 3) // 3, 0)
    sent = data_before * DATA
    flags = np.where(k == 0, 0x02, np.where(k == 1, 0x12, np.where(payload > 0, 0x18, 0x10)))
    flags = np.where(closing, 0x11, flags)
    client_seq = 1000 + np.where(k > 0, 1, 0) + sent
    server_seq = 5000 + np.where(k > 1, 1, 0)
    # A FIN of the client (round last - 1) is acknowledged in the last round.
    client_seen = client_seq + np.where(closing & (k == last), 1, 0)

    vsid = 5001 + flow % vsids
    pair = flow // vsids
    client_host, server_host = flow % 16, (flow + 1 + pair) % 15
    server_host = np.where(server_host >= client_host, server_host + 1, server_host)
    client_ip, server_ip = 0x0A000001 + pair % 200, 0x0A000101 + pair // 200 % 200
    client_port = 20_000 + pair % 40_000

    n = len(number)
    rows = np.zeros((n, HEADERS), np.uint8)

    def directed(forward: Ints, backward: Ints) -> tuple[Ints, Ints]:
        return np.where(reverse, backward, forward), np.where(reverse, forward, backward)

    src_host, dst_host = directed(client_host, server_host)
    src_ip, dst_ip = directed(client_ip, server_ip)
    src_port, dst_port = directed(client_port, np.full(n, 443))
    _put(rows, 0, 6, 0x020000000100 + dst_host)
    _put(rows, 6, 6, 0x020000000100 + src_host)
    _put(rows, 12, 2, 0x0800)
    _ipv4(rows, 14, HEADERS - 14 + payload, number, 47, 0xC0A80001 + src_host, 0xC0A80001 + dst_host)
    _put(rows, 34, 4, 0x20006558)
    _put(rows, 38, 4, vsid << 8 | (flow * 37 + 11) & 0xFF)
    _put(rows, 42, 6, 0x020000010000 + (dst_ip & 0xFFFF))
    _put(rows, 48, 6, 0x020000010000 + (src_ip & 0xFFFF))
    _put(rows, 54, 2, 0x0800)
    _ipv4(rows, 56, 40 + payload, k + 1, 6, src_ip, dst_ip)
    _put(rows, 76, 2, src_port)
    _put(rows, 78, 2, dst_port)
    seq, ack = directed(client_seq, server_seq)
    ack = np.where(reverse, client_seen, ack)
    _put(rows, 80, 4, seq)
    _put(rows, 84, 4, np.where(k == 0, 0, ack))
    rows[:, 88] = 0x50
    rows[:, 89] = flags
    _put(rows, 90, 2, 65_000)
    pseudo = (src_ip >> 16) + (src_ip & 0xFFFF) + (dst_ip >> 16) + (dst_ip & 0xFFFF) + 6 + 20 + payload
    _put(rows, 92, 2, _checksum(rows[:, 76:96], pseudo))
    return rows, payload


def _ipv4(rows: Bytes, at: int, total: Ints, ident: Ints, protocol: int, src: Ints, dst: Ints) -> None:
    rows[:, at] = 0x45
    _put(rows, at + 2, 2, total)
    _put(rows, at + 4, 2, ident & 0xFFFF)
    _put(rows, at + 6, 2, 0x4000)
    rows[:, at + 8] = 64
    rows[:, at + 9] = protocol
    _put(rows, at + 12, 4, src)
    _put(rows, at + 16, 4, dst)
    _put(rows, at + 10, 2, _checksum(rows[:, at : at + 20]))


def write(path: Path, packets: int = 1_000_000, flows: int = 5_000, vsids: int = 64) -> None:
    """Write the capture (pcap, nanoseconds)."""
    with path.open("wb") as file:
        file.write(np.array([0xA1B23C4D, 2 | 4 << 16, 0, 0, 262_144, 1], "<u4").tobytes())
        for first in range(0, packets, CHUNK):
            number = np.arange(first, min(first + CHUNK, packets), dtype=np.int64)
            rows, payload = _frames(number, packets, flows, vsids)
            length = HEADERS + payload
            start = np.concatenate(([0], np.cumsum(length + 16)))
            out = np.zeros(start[-1], np.uint8)
            ns = START_NS + number * STEP_NS
            header = np.stack([ns // 10**9, ns % 10**9, length, length], axis=1).astype("<u4").view(np.uint8)
            out[start[:-1, None] + np.arange(16)] = header.reshape(-1, 16)
            out[start[:-1, None] + 16 + np.arange(HEADERS)] = rows
            file.write(out.tobytes())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--flows", type=int, default=5_000)
    parser.add_argument("--vsids", type=int, default=64)
    args = parser.parse_args()
    write(args.out, args.packets, args.flows, args.vsids)


if __name__ == "__main__":
    main()
