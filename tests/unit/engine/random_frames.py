"""Random frames: stacks of headers nested as in no network, the samples' frames, and both with something wrong.

Everything follows from the seed, so a failure can be repeated.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dissectors import encaps
from dissectors.dispatch import DispatchTables, FixedHeader
from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.linktype import SUPPORTED
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import GRE_KEYS, DecodeOptions
from tests.unit.reference.frames import eth, gre, ip4, ip6, labels, nvgre, tag, tcp, udp, vxlan

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
#: Numbers at which the users' headers below are announced.
USER_PORT, USER_PROTOCOL, USER_ETHERTYPE = 9999, 253, 0x88B5

#: Bytes from a header on, and the EtherType, IP protocol or link type that announces them.
Layer = Callable[[random.Random, bytes], bytes]


def options_of(number: int) -> DecodeOptions:
    """One of six ways to decode: every reading of GRE keys, with and without users' headers."""
    tables = DispatchTables.DEFAULT
    if number % 2:
        tables = tables.add_user(FixedHeader("plain", 4, "ip"), udp_ports=[USER_PORT], ip_protocols=[USER_PROTOCOL])
        shifted = FixedHeader("shifted", 9, "ethertype", 7, id_offset=1, id_length=3, id_shift=4, id_mask=0xFFFF)
        tables = tables.add_user(shifted, ethertypes=[USER_ETHERTYPE], udp_ports=[53])
        tables = tables.decode_as("udp.port==5000-5002,vxlan").decode_as("udp.port==8472,none")
    return DecodeOptions(gre_key=GRE_KEYS[number // 2 % len(GRE_KEYS)], tables=tables)


# --- headers around what is inside ---------------------------------------------------------------------------------


def _ip(rnd: random.Random, payload: bytes, protocol: int) -> bytes:
    if rnd.random() < 0.3:
        return _ip6(rnd, payload, protocol)
    fragment = rnd.choice([0, 0, 0, 0, 0, 0x4000, 0x2000, 1, 0x2001, 0x3FFF])
    total = rnd.choice([None] * 8 + [0, 19, 20 + len(payload) // 2, 65535])
    packet = ip4(
        payload,
        protocol,
        f"10.0.{rnd.randrange(2)}.{rnd.randrange(4)}",
        f"10.0.{rnd.randrange(2)}.{rnd.randrange(4)}",
        tos=rnd.randrange(256),
        ident=rnd.randrange(3),
        fragment=fragment,
        ttl=rnd.randrange(256),
        total=total,
    )
    if rnd.random() < 0.1:  # options
        words = rnd.randrange(1, 11)
        packet = bytes([0x45 + words]) + packet[1:20] + rnd.randbytes(4 * words) + packet[20:]
    return packet


def _ip6(rnd: random.Random, payload: bytes, protocol: int) -> bytes:
    for _ in range(rnd.choice([0] * 9 + [1, 1, 1, 2, 3, 17, 30])):
        payload, protocol = _extension(rnd, payload, protocol)
    label, length = rnd.choice([0, rnd.randrange(1 << 20)]), rnd.choice([None] * 6 + [0, len(payload) // 2, 65535])
    return ip6(payload, protocol, f"2001:db8::{rnd.randrange(3)}", "2001:db8::2", label=label, length=length)


def _extension(rnd: random.Random, payload: bytes, protocol: int) -> tuple[bytes, int]:
    kind = rnd.choice([0, 43, 43, 44, 60, 60, 60, 51, 135])
    if kind == 44:
        offset = rnd.choice([0, 1, 8, 0xFFF8]) | rnd.randrange(2)
        return struct.pack(">BBHI", protocol, 0, offset, rnd.randrange(3)) + payload, kind
    if kind == 51:
        return struct.pack(">BBHII", protocol, rnd.choice([4, 4, 0, 99]), 0, 1, 2) + bytes(12) + payload, kind
    if kind == 43:
        segments = rnd.randrange(5)
        head = struct.pack(">BBBBBBH", protocol, 2 * segments, rnd.choice([4, 4, 4, 0]), rnd.randrange(5), 3, 0, 0)
        return head + rnd.randbytes(16 * segments) + payload, kind
    words = rnd.choice([0, 0, 0, 0, 1, 1, 2, 255])
    return struct.pack(">BB6x", protocol, words) + bytes(8 * (words % 255)) + payload, kind


def _over_gre(rnd: random.Random, payload: bytes, ethertype: int) -> bytes:
    flags = rnd.choice([0, 0, 0x1000, 0x8000, 0x9000, 0x4000, 1, 7, 0x0880])
    optional = rnd.randbytes(4) if flags & 0xC000 else b""
    if flags & 0x4000:  # source routes, the last of length 0
        payload = rnd.choice([bytes(4), struct.pack(">HBB", 0x0800, 0, 4) + bytes(8)]) + payload
    if flags & 0x1000:
        payload = rnd.randbytes(4) + payload
    if rnd.random() < 0.4:
        return struct.pack(">HH", flags, ethertype) + optional + payload
    key = rnd.choice([rnd.getrandbits(32), 5001 << 8 | rnd.randrange(256), 0xFFFFFF00, 0xFFF00])
    return struct.pack(">HH", flags | 0x2000, ethertype) + optional + struct.pack(">I", key) + payload


def _ethertype_of(packet: bytes) -> int:
    return 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800


def _frame(rnd: random.Random, packet: bytes) -> bytes:
    """Ethernet around an IP packet."""
    payload, ethertype = packet, _ethertype_of(packet)
    for _ in range(rnd.choice([0, 0, 0, 0, 1, 1, 2, 3, 9])):
        payload = tag(payload, rnd.randrange(1 << 16), ethertype)
        ethertype = rnd.choice([0x8100, 0x88A8, 0x9100])
    if rnd.random() < 0.05:  # 802.3 with LLC and SNAP
        payload = bytes.fromhex("aaaa03000000") + struct.pack(">H", ethertype) + payload
        ethertype = len(payload)
    return eth(payload, ethertype, src=rnd.randrange(3), dst=rnd.choice([1, 2, 0xFFFFFFFFFFFF]))


def _wrap(rnd: random.Random, packet: bytes) -> bytes:
    """One more tunnel around an IP packet: an IP packet again."""
    frame = _frame(rnd, packet)
    vni = rnd.choice([5001, 5002, rnd.randrange(1 << 24)])
    port = rnd.choice([50001, rnd.randrange(1 << 16)])
    kind = rnd.randrange(16)
    if kind <= 2:
        return _ip(rnd, nvgre(frame, vni, rnd.randrange(256)), 47)
    if kind == 3:
        return _ip(rnd, _over_gre(rnd, frame, 0x6558), 47)
    if kind == 4:
        return _ip(rnd, _over_gre(rnd, packet, _ethertype_of(packet)), 47)
    if kind <= 6:
        flags = rnd.choice([0x08, 0x08, 0x88, 0, 0xFF])
        return _ip(rnd, udp(bytes([flags]) + vxlan(frame, vni)[1:], rnd.choice([4789, 8472, 5001]), port), 17)
    if kind == 7:
        following, inside = rnd.choice([(3, frame), (1, packet), (2, packet), (5, labels(1, 2) + packet), (9, packet)])
        gpe = struct.pack(">BBBBI", rnd.choice([0x0C, 0x08, 0x0D, 0x3C]), 0, 0, following, vni << 8)
        return _ip(rnd, udp(gpe + inside, 4790, port), 17)
    if kind == 8:
        words = rnd.choice([0, 0, 1, 4, 63])
        ethertype, inside = rnd.choice([(0x6558, frame), (_ethertype_of(packet), packet), (0x1234, frame)])
        head = struct.pack(">BBHI", words | rnd.choice([0, 0x40]), rnd.randrange(256), ethertype, vni << 8)
        return _ip(rnd, udp(head + bytes(4 * rnd.choice([words, words, 1])) + inside, 6081, port), 17)
    if kind == 9:
        stack = labels(*rnd.choice([(16,), (16, 7, 99), (7,), (3, 16), (0,), (2,), tuple(range(16, 36)), (1, 13)]))
        inside = rnd.choice([packet, bytes(4) + frame, frame, bytes.fromhex("10000000") + frame])
        return rnd.choice(
            [
                _ip(rnd, stack + inside, 137),
                _ip(rnd, udp(stack + inside, 6635, port), 17),
                _ip(rnd, gre(stack + inside, 0x8847), 47),
            ]
        )
    if kind == 10:
        version = rnd.choice([1, 2, 2, 3])
        ii = struct.pack(">II", rnd.choice([1, 1, 1, 5]) << 28 | 5, 7)
        head = {1: b"", 2: ii, 3: struct.pack(">III", 2 << 28 | 5, 7, rnd.randrange(8))}
        sequence = 0 if version == 1 else 0x1000
        number = b"" if version == 1 else bytes(4)
        ethertype = 0x22EB if version == 3 else 0x88BE
        return _ip(rnd, struct.pack(">HH", sequence, ethertype) + number + head[version] + frame, 47)
    if kind == 11:
        return _ip(rnd, packet, 41 if _ethertype_of(packet) == 0x86DD else rnd.choice([4, 4, 41]))
    if kind == 12:
        esp = struct.pack(">II", 1, 2) + packet + bytes.fromhex("0102") + struct.pack(">BB", 2, rnd.choice([4, 41, 6]))
        return rnd.choice([_ip(rnd, esp + bytes(12), 50), _ip(rnd, udp(esp + bytes(12), 4500, port), 17)])
    if kind == 13:
        return _ip(rnd, udp(_over_gre(rnd, frame, 0x6558), 4754, port), 17)
    if kind == 14:
        quoted = struct.pack(">BBHI", rnd.choice([3, 11, 8]), 4, 0, 1400) + packet
        return _ip(rnd, quoted, rnd.choice([1, 58]))
    user = rnd.choice([(17, udp(bytes(4) + packet, USER_PORT, port)), (USER_PROTOCOL, bytes(4) + packet)])
    return _ip(rnd, user[1], user[0])


def _innermost(rnd: random.Random) -> bytes:
    payload = rnd.randbytes(rnd.choice([0, 0, 1, 5, 40]))
    options = rnd.choice([b"", b"", bytes.fromhex("020405b401030307"), bytes.fromhex("0101080a") + bytes(8), b"\x02\1"])
    flags = rnd.choice([0x10, 0x18, 0x02, 0x12, 0x11, 0x04, 0xFF])
    offset = rnd.choice([None, None, None, 0, 4, 15])
    transport, protocol = rnd.choice(
        [
            (tcp(payload, flags, options.ljust(-(-len(options) // 4) * 4, b"\0"), offset), 6),
            (udp(payload, rnd.choice([53, 4789, 80]), length=rnd.choice([None, None, 0, 7, 9000])), 17),
            (struct.pack(">BBHHH", rnd.choice([8, 0, 3, 128, 136]), 0, 0, 77, 1) + payload, rnd.choice([1, 58])),
            (struct.pack(">HHII", 5, 6, 0, 0) + payload, 132),
            (rnd.randbytes(24), rnd.choice([2, 33, 50, 51, 59, 88, 89, 112, 136, 143, 255])),
        ]
    )
    return _ip(rnd, transport, protocol)


def stack(rnd: random.Random) -> bytes:
    """A frame of Ethernet with up to 20 tunnels."""
    packet = _innermost(rnd)
    for _ in range(rnd.choice([0, 1, 1, 1, 2, 2, 3, 4, 20])):
        packet = _wrap(rnd, packet)
    if rnd.random() < 0.05:
        return eth(rnd.randbytes(9) + packet, USER_ETHERTYPE)
    if rnd.random() < 0.05:
        return eth(struct.pack(">HHBBH", 1, 0x0800, 6, 4, rnd.choice([1, 2])) + rnd.randbytes(20), 0x0806)
    return _frame(rnd, packet)


def sample_frames() -> list[tuple[int, bytes]]:
    """(link type, frame) of every sample, evenly over each file."""
    frames = []
    for path in sorted(path for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng")):
        with open_capture(path, spool=False) as reader:
            of_file = [(int(b.linktype[i]), b.frame(i)) for b in reader.batches() for i in range(len(b))]
        frames += of_file[:: max(len(of_file) // 40, 1)]
    return frames


# --- something wrong with them -------------------------------------------------------------------------------------


def mutated(rnd: random.Random, frame: bytes) -> bytes:
    """The frame with bits flipped, bytes changed, put in, taken out, or cut off; sometimes as it was."""
    data = bytearray(frame)
    for _ in range(rnd.choice([0, 1, 1, 2, 5])):
        at = rnd.randrange(len(data)) if data else 0
        how = rnd.randrange(6)
        if how == 0 and data:
            data[at] ^= 1 << rnd.randrange(8)
        elif how == 1 and data:
            data[at] = rnd.choice([0, 1, 0x7F, 0x80, 0xFF, rnd.randrange(256)])
        elif how == 2:
            data[at:at] = rnd.randbytes(rnd.randrange(1, 9))
        elif how == 3:
            del data[at : at + rnd.randrange(1, 9)]
        elif how == 4:
            del data[at:]
        elif data:
            data[at : at + 4] = rnd.choice([b"\xff\xff\xff\xff", bytes(4), b"\x00\x00\x08\x00", b"\x65\x58\x00\x00"])
    return bytes(data)


def batch_of(frames: list[tuple[int, bytes]], rnd: random.Random) -> PacketBatch:
    """Frames as a batch, with claims about their lengths and times of which some are absurd."""
    lengths = np.array([len(frame) for _, frame in frames], dtype=np.int64)
    longer = [rnd.choice([0] * 12 + [1, 100, (1 << 31) - 1, (1 << 32) - 1]) for _ in frames]
    steps = [rnd.choice([0, 1, 1000, 10**6, -(10**6), 10**10]) for _ in frames]
    ts_ns = np.cumsum(steps) + 1_700_000_000_000_000_000
    ts_ns[[i for i in range(len(frames)) if rnd.random() < 0.003]] = rnd.choice([0, -(1 << 62), (1 << 62) - 1])
    return PacketBatch(
        buffer=np.frombuffer(b"".join(frame for _, frame in frames) or b"\0", dtype=np.uint8),
        offset=np.cumsum(lengths) - lengths,
        caplen=lengths,
        wirelen=np.minimum(lengths + np.array(longer, dtype=np.int64), (1 << 32) - 1),
        ts_ns=ts_ns.astype(np.int64),
        linktype=np.array([linktype for linktype, _ in frames], dtype=np.uint16),
        interface=np.array([rnd.randrange(3) for _ in frames], dtype=np.int32),
        position=np.arange(len(frames), dtype=np.int64),
    )


def random_batch(seed: int, count: int, samples: list[tuple[int, bytes]] | None = None) -> PacketBatch:
    """`count` frames; with `samples` half of them come from there."""
    rnd = random.Random(seed)
    linktypes = [*sorted(SUPPORTED), 147]
    frames = []
    for _ in range(count):
        linktype, frame = rnd.choice(samples) if samples and rnd.random() < 0.5 else (1, stack(rnd))
        if rnd.random() < 0.5:
            frame = mutated(rnd, frame)
        if rnd.random() < 0.1:
            linktype = rnd.choice(linktypes)
            frame = frame[rnd.choice([0, 14]) :]
        if rnd.random() < 0.02:
            frame = rnd.randbytes(rnd.randrange(80))
        frames.append((linktype, frame))
    return batch_of(frames, rnd)


#: What a fuzzer that no longer reaches anything would miss: kinds of layers that random batches must contain.
KINDS = set(encaps.NAMES) - {encaps.NONE}
