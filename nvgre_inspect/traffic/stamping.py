"""Stamping: captures of millions of packets in constant memory, for `generate --bench-profile` and `make bench`.

    write(Output("bench.pcap"), Profile(packets=1_000_000, flows=5_000, vsids=64))

NVGRE over IPv4 between 16 hosts: healthy TCP connections (`conversations`) of tenants that all use the same addresses
and ports, interleaved packet by packet. Headers are a matrix of bytes with a row per packet, whose columns are filled
for all packets at once; what encrypted data is here is one byte again and again, so that checksums of payloads are a
multiplication. All have what connections of virtual machines have: options in the handshake, time stamps in every
segment, initial sequence numbers all over.

    outer Ethernet 14, IPv4 20, GRE 8, inner Ethernet 14, IPv4 20, TCP 32 (SYN: 40), payload

Deterministic: the same profile and seed give the same bytes. Limits: pcap only; every packet 2 µs after the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors import offsets
from nvgre_inspect.capture.output import Output
from nvgre_inspect.traffic.conversations import SEGMENT, TLS, Ints, Segments, segments

Bytes = npt.NDArray[np.uint8]
#: What encrypted data is here.
FILL = 0xA5
START_NS = 1_750_000_000_000_000_000
STEP_NS = 2_000
#: Packets made at a time: about 10 MB. Twice and half as many take as long, 65,536 take 15 % longer.
_CHUNK = 1 << 14
_RECORD = 16
_TCP = 76
_HEADERS = _TCP + 32
_HEADERS_SYN = _TCP + 40
_FIRST_VSID = 5001
#: Connections that a tenant can have with different addresses and ports.
_FLOWS_PER_VSID = 40_000
_MAX_PACKETS = 10**12
_NS = 10**9


class ProfileError(ValueError):
    """A profile that cannot be; one sentence."""


class Profile(NamedTuple):
    """How much of what. ProfileError where `check` or `parse` find it impossible."""

    packets: int = 1_000_000
    flows: int = 5_000
    vsids: int = 64
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Profile:
        """`PACKETS[,FLOWS[,VSIDS]]`, with _ or without: `10_000_000,50_000`."""
        parts = text.split(",")
        if len(parts) > 3 or not all(part.replace("_", "").isdecimal() for part in parts):
            raise ProfileError(f"{text!r} is not PACKETS[,FLOWS[,VSIDS]], as in 1000000,5000,64")
        given = dict(zip(("packets", "flows", "vsids"), (int(part.replace("_", "")) for part in parts), strict=False))
        return cls(**given, seed=seed).check()

    def check(self) -> Profile:
        """The profile itself."""
        most_vsids = offsets.NVGRE_VENDOR_VSID - _FIRST_VSID
        for name, value, most in (
            ("packets", self.packets, _MAX_PACKETS),
            ("flows", self.flows, self.vsids * _FLOWS_PER_VSID),
            ("VSIDs", self.vsids, most_vsids),
        ):
            if not 1 <= value <= most:
                raise ProfileError(f"{value:,} {name}: between 1 and {most:,} are possible here")
        return self


def write(output: Output, profile: Profile) -> None:
    """Write the capture (pcap, nanoseconds) and commit the output, or discard it. CaptureError where that fails."""
    try:
        for piece in pieces(profile.check()):
            output.write(piece.data)
    except BaseException:
        output.discard()
        raise
    output.commit()


def pieces(profile: Profile) -> Iterator[Bytes]:
    """The bytes of the capture in pieces; each is valid until the next is asked for."""
    yield np.array([0xA1B23C4D, 2 | 4 << 16, 0, 0, 262_144, offsets.DLT_ETHERNET], "<u4").view(np.uint8)
    for first in range(0, profile.packets, _CHUNK):
        number = np.arange(first, min(first + _CHUNK, profile.packets), dtype=np.int64)
        said = segments(number, profile.packets, profile.flows, profile.seed)
        rows, length = _frames(number, said, profile)
        yield _records(number, rows, length)


def _records(number: Ints, rows: Bytes, length: Ints) -> Bytes:
    """Records of pcap: frames whose headers are `rows`, behind each of them payload up to `length`."""
    start = np.concatenate(([0], np.cumsum(length + _RECORD)))
    out = np.full(start[-1] + _HEADERS_SYN - _HEADERS, FILL, np.uint8)
    ns = START_NS + number * STEP_NS
    record = np.stack([ns // _NS, ns % _NS, length, length], axis=1).astype("<u4").view(np.uint8)
    # Frames first: of one without payload the last bytes of the row then vanish under the next record.
    out[start[:-1, None] + _RECORD + np.arange(_HEADERS_SYN)] = rows
    out[start[:-1, None] + np.arange(_RECORD)] = record.reshape(-1, _RECORD)
    return out[: start[-1]]


def _frames(number: Ints, said: Segments, profile: Profile) -> tuple[Bytes, Ints]:
    """The first _HEADERS_SYN bytes of each frame, and the lengths of the frames."""
    flow, vsids = said.flow, profile.vsids
    pair = flow // vsids
    client_host, server_host = flow % 16, (flow + 1 + pair) % 15
    server_host = np.where(server_host >= client_host, server_host + 1, server_host)
    client_ip, server_ip = 0x0A000001 + pair % 200, 0x0A000101 + pair // 200 % 200

    def directed(forward: Ints, backward: Ints) -> tuple[Ints, Ints]:
        return np.where(said.reverse, backward, forward), np.where(said.reverse, forward, backward)

    src_host, dst_host = directed(client_host, server_host)
    src_ip, dst_ip = directed(client_ip, server_ip)
    ports = directed(20_000 + pair % _FLOWS_PER_VSID, np.where(said.download, 443, 7001))
    header = np.where(said.syn, _HEADERS_SYN, _HEADERS)
    length = header + said.payload
    rows = np.zeros((len(number), _HEADERS_SYN), np.uint8)
    _ethernet(rows, 0, 0x020000000100 + dst_host, 0x020000000100 + src_host)
    _ipv4(rows, 14, length - 14, number, offsets.IPPROTO_GRE, 0xC0A80001 + src_host, 0xC0A80001 + dst_host)
    _put(rows, 34, 4, 0x20006558)
    _put(rows, 38, 4, _FIRST_VSID + flow % vsids << 8 | (flow * 37 + 11 + profile.seed) & 0xFF)
    _ethernet(rows, 42, 0x020000010000 + (dst_ip & 0xFFFF), 0x020000010000 + (src_ip & 0xFFFF))
    _ipv4(rows, 56, length - 56, said.k + 1, offsets.IPPROTO_TCP, src_ip, dst_ip)
    pseudo = (src_ip >> 16) + (src_ip & 0xFFFF) + (dst_ip >> 16) + (dst_ip & 0xFFFF)
    _tcp(rows, said, ports, number // 500, pseudo + offsets.IPPROTO_TCP + length - _TCP)
    return rows, length


def _ethernet(rows: Bytes, at: int, dst: Ints, src: Ints) -> None:
    _put(rows, at, 6, dst)
    _put(rows, at + offsets.ETH_SRC, 6, src)
    _put(rows, at + offsets.ETH_TYPE, 2, offsets.ETHERTYPE_IPV4)


def _ipv4(rows: Bytes, at: int, total: Ints, ident: Ints, protocol: int, src: Ints, dst: Ints) -> None:
    rows[:, at] = 0x45
    _put(rows, at + offsets.IP4_TOTAL_LEN, 2, total)
    _put(rows, at + offsets.IP4_ID, 2, ident & 0xFFFF)
    _put(rows, at + offsets.IP4_FRAGMENT, 2, offsets.IP4_DF)
    rows[:, at + offsets.IP4_TTL] = 64
    rows[:, at + offsets.IP4_PROTOCOL] = protocol
    _put(rows, at + offsets.IP4_SRC, 4, src)
    _put(rows, at + offsets.IP4_DST, 4, dst)
    _put(rows, at + offsets.IP4_CHECKSUM, 2, _checksum(rows[:, at : at + offsets.IP4_MIN_LEN]))


def _tcp(rows: Bytes, said: Segments, ports: tuple[Ints, Ints], tick: Ints, pseudo: Ints) -> None:
    """The TCP header, and as much of the payload as a row has. `tick` is the time stamp, `pseudo` the pseudo-header's
    sum.
    """
    syn = said.syn
    _put(rows, _TCP, 2, ports[0])
    _put(rows, _TCP + 2, 2, ports[1])
    _put(rows, _TCP + 4, 4, said.seq & 0xFFFFFFFF)
    _put(rows, _TCP + 8, 4, said.ack & 0xFFFFFFFF)
    rows[:, _TCP + 12] = np.where(syn, 0xA0, 0x80)
    rows[:, _TCP + 13] = said.flags
    _put(rows, _TCP + 14, 2, 65_000)
    # NOP NOP TS; of a SYN MSS, SACK permitted, TS, NOP, window scale.
    _put(rows, _TCP + 20, 4, np.where(syn, 0x0204_0000 | SEGMENT + 12, 0x0101_080A))
    _put(rows, _TCP + 24, 4, np.where(syn, 0x0402_080A, tick))
    _put(rows, _TCP + 28, 4, np.where(syn, tick, np.maximum(tick - 1, 0)))
    # Behind the time stamps: the rest of a SYN's options, or the first bytes of the payload.
    rows[:, _HEADERS:] = np.where((said.payload > 0)[:, None], FILL, 0)
    begins = np.flatnonzero(said.record > 0)
    length = said.record[begins]
    rows[begins, _HEADERS : _HEADERS + TLS] = np.stack(
        [np.full(len(begins), 0x17), *(np.full(len(begins), 3),) * 2, length >> 8, length & 0xFF], axis=1
    )
    rows[syn, _HEADERS:] = [0, 0, 0, 0, 1, 3, 3, 7]
    # The checksum covers the rows and what is filled in behind them; payloads have even lengths.
    behind = np.maximum(said.payload - (_HEADERS_SYN - _HEADERS), 0) // 2 * (FILL << 8 | FILL)
    _put(rows, _TCP + 16, 2, _checksum(rows[:, _TCP:], pseudo + behind))


def _put(rows: Bytes, at: int, size: int, values: Ints | int) -> None:
    for k in range(size):
        rows[:, at + k] = (np.asarray(values) >> 8 * (size - 1 - k)) & 0xFF


def _checksum(words: Bytes, extra: Ints | int = 0) -> Ints:
    total: Ints = words.view(">u2").sum(axis=1, dtype=np.int64) + extra
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
