"""The captures that the benchmark measures on, stamped from templates: deterministic, checksums right.

    python tests/benchmarks/files.py OUT.pcap [--packets N] [--flows N] [--vsids N]

`packets` NVGRE packets (IPv4 underlay, 16 hosts) of `flows` TCP connections in `vsids` tenants that all use the
same inner addresses and ports, interleaved packet by packet. Half of the connections are downloads over TLS (segments
of 1,398 bytes that carry records of 15 kB, an acknowledgement every second one), half are requests of 140 and
responses of 420 bytes in a protocol of somebody's own. All have what connections of virtual machines have: options in
the handshake, time stamps in every segment, initial sequence numbers all over, and a teardown if they are long enough.
A packet has 660 bytes on average.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

TCP = 76  # Ethernet 14, IPv4 20, NVGRE 8, Ethernet 14, IPv4 20
HEADERS = TCP + 32
HEADERS_SYN = TCP + 40
TLS = 5
FILL = 0xA5  # what encrypted data is here
SEGMENT = 1398
RECORD_SEGMENTS = 11
REQUEST = 140
RESPONSE = 420
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
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _frames(number: Ints, packets: int, flows: int, vsids: int) -> tuple[Bytes, Ints]:
    """The first HEADERS_SYN bytes and the lengths of the packets with these numbers."""
    flow, k = number % flows, number // flows
    # The last round may not reach every flow.
    last = (packets - 1 - flow) // flows
    closing = (last >= 6) & (k >= last - 1)
    download = flow % 2 == 0
    turn = np.where(download, (k - 4) % 3, (k - 3) % 3)
    request = np.where(download, k == 3, (k > 2) & (turn == 0)) & ~closing
    response = np.where(download, (k > 3) & (turn < 2), (k > 2) & (turn == 1)) & ~closing
    reverse = np.where(closing, k == last, response | (k == 1))
    payload = np.where(request, REQUEST, np.where(response, np.where(download, SEGMENT, RESPONSE), 0))
    # Rounds before this one; the two rounds of the teardown carry no data.
    rounds = np.minimum(k, np.where(closing, last - 1, k))
    asked = np.where(download, np.minimum(np.maximum(rounds - 3, 0), 1), (np.maximum(rounds - 3, 0) + 2) // 3)
    after = np.maximum(rounds - 4, 0)
    segments = after // 3 * 2 + np.minimum(after % 3, 2)
    answered = np.where(download, segments * SEGMENT, (np.maximum(rounds - 3, 0) + 1) // 3 * RESPONSE)
    flags = np.where(k == 0, 0x02, np.where(k == 1, 0x12, np.where(payload > 0, 0x18, 0x10)))
    flags = np.where(closing, 0x11, flags)
    client_seq = flow * 2_654_435_761 + np.where(k > 0, 1, 0) + asked * REQUEST
    server_seq = flow * 2_246_822_519 + 77 + np.where(k > 1, 1, 0) + answered
    # A FIN of the client (round last - 1) is acknowledged in the last round.
    client_seen = client_seq + np.where(closing & (k == last), 1, 0)
    # Length of the TLS record that begins with this segment, 0: it continues one, or there is no payload.
    record = np.where(
        download & response, np.where(segments % RECORD_SEGMENTS == 0, SEGMENT * RECORD_SEGMENTS, 0), payload
    )
    record = np.where(download & (record > 0), record - TLS, 0)

    syn = k < 2
    header = np.where(syn, HEADERS_SYN, HEADERS)

    vsid = 5001 + flow % vsids
    pair = flow // vsids
    client_host, server_host = flow % 16, (flow + 1 + pair) % 15
    server_host = np.where(server_host >= client_host, server_host + 1, server_host)
    client_ip, server_ip = 0x0A000001 + pair % 200, 0x0A000101 + pair // 200 % 200
    client_port = 20_000 + pair % 40_000

    n = len(number)
    rows = np.zeros((n, HEADERS_SYN), np.uint8)

    def directed(forward: Ints, backward: Ints) -> tuple[Ints, Ints]:
        return np.where(reverse, backward, forward), np.where(reverse, forward, backward)

    src_host, dst_host = directed(client_host, server_host)
    src_ip, dst_ip = directed(client_ip, server_ip)
    src_port, dst_port = directed(client_port, np.where(download, 443, 7001))
    _put(rows, 0, 6, 0x020000000100 + dst_host)
    _put(rows, 6, 6, 0x020000000100 + src_host)
    _put(rows, 12, 2, 0x0800)
    _ipv4(rows, 14, header - 14 + payload, number, 47, 0xC0A80001 + src_host, 0xC0A80001 + dst_host)
    _put(rows, 34, 4, 0x20006558)
    _put(rows, 38, 4, vsid << 8 | (flow * 37 + 11) & 0xFF)
    _put(rows, 42, 6, 0x020000010000 + (dst_ip & 0xFFFF))
    _put(rows, 48, 6, 0x020000010000 + (src_ip & 0xFFFF))
    _put(rows, 54, 2, 0x0800)
    _ipv4(rows, 56, header - 56 + payload, k + 1, 6, src_ip, dst_ip)
    _put(rows, 76, 2, src_port)
    _put(rows, 78, 2, dst_port)
    seq, ack = directed(client_seq, server_seq)
    ack = np.where(reverse, client_seen, ack)
    _put(rows, 80, 4, seq & 0xFFFFFFFF)
    _put(rows, 84, 4, np.where(k == 0, 0, ack & 0xFFFFFFFF))
    rows[:, 88] = np.where(syn, 0xA0, 0x80)
    rows[:, 89] = flags
    _put(rows, 90, 2, 65_000)
    tick = number // 500
    # NOP NOP TS, or MSS, SACK permitted, TS, NOP, window scale.
    _put(rows, 96, 4, np.where(syn, 0x0204_0000 | SEGMENT + 12, 0x0101_080A))
    _put(rows, 100, 4, np.where(syn, 0x0402_080A, tick))
    _put(rows, 104, 4, np.where(syn, tick, np.maximum(tick - 1, 0)))
    # Behind the time stamps: the rest of a SYN's options, or the first bytes of the payload.
    rows[:, HEADERS:] = np.where((payload > 0)[:, None], FILL, 0)
    has_record = record > 0
    tls = np.stack([np.full(n, 0x17), np.full(n, 3), np.full(n, 3), record >> 8, record & 0xFF], axis=1)
    rows[:, HEADERS : HEADERS + TLS] = np.where(has_record[:, None], tls, rows[:, HEADERS : HEADERS + TLS])
    _put(
        rows, HEADERS, 4, np.where(syn, 0, rows[:, HEADERS : HEADERS + 4].astype(np.int64) @ [1 << 24, 1 << 16, 256, 1])
    )
    rows[syn, HEADERS + 4 :] = [1, 3, 3, 7]
    # The checksum covers the rows and what is filled in behind them; payloads have even lengths.
    behind = np.maximum(payload - (HEADERS_SYN - HEADERS), 0) // 2 * (FILL << 8 | FILL)
    pseudo = (src_ip >> 16) + (src_ip & 0xFFFF) + (dst_ip >> 16) + (dst_ip & 0xFFFF) + 6 + header - TCP + payload
    _put(rows, 92, 2, _checksum(rows[:, TCP:], pseudo + behind))
    return rows, header + payload


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
            rows, length = _frames(number, packets, flows, vsids)
            start = np.concatenate(([0], np.cumsum(length + 16)))
            out = np.full(start[-1] + HEADERS_SYN - HEADERS, FILL, np.uint8)
            ns = START_NS + number * STEP_NS
            record = np.stack([ns // 10**9, ns % 10**9, length, length], axis=1).astype("<u4").view(np.uint8)
            # Frames first: of one without payload the last bytes of the row then vanish under the next record.
            out[start[:-1, None] + 16 + np.arange(HEADERS_SYN)] = rows
            out[start[:-1, None] + np.arange(16)] = record.reshape(-1, 16)
            file.write(out[: start[-1]].tobytes())


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
