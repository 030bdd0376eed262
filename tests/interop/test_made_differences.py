"""Known differences that no capture at hand has: in frames made for them, both by hand and at random."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random

import capture_files
import numpy as np
import pytest
import tshark

from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.wireshark.cases import MADE, Case
from nvgre_inspect.wireshark.differences import BEYOND, DIFFERENCES
from nvgre_inspect.wireshark.fields import FIELDS, OPTIONS
from nvgre_inspect.wireshark.records import as_dicts
from nvgre_inspect.wireshark.verify import case_of, found_in, not_looked_into
from tests.builders import build

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

V4 = ("192.0.2.1", "192.0.2.2")
V6 = ("2001:db8::1", "2001:db8::2")
INSIDE = ("10.0.0.1", "10.0.0.2")
SEGMENT = build.tcp(*INSIDE, 40000, 80, seq=1, ack=1, flags=0x18, window=512, payload=bytes(40))
GRE, UDP_LITE = 47, 136


def ethernet(packet: bytes) -> bytes:
    return build.ethernet_ip("02:00:00:00:00:02", "02:00:00:00:00:01", packet)


def of_type(ethertype: int, payload: bytes) -> bytes:
    return build.ethernet("02:00:00:00:00:02", "02:00:00:00:00:01", ethertype, payload)


def in_ip(protocol: int, payload: bytes) -> bytes:
    return ethernet(build.ip(*V4, protocol, payload))


def in_udp(port: int, payload: bytes) -> bytes:
    return in_ip(build.UDP, build.udp(*V4, 50000, port, payload))


def patched(packet: bytes, at: int, patch: bytes) -> bytes:
    return packet[:at] + patch + packet[at + len(patch) :]


PACKET = build.ip(*INSIDE, build.TCP, SEGMENT)
INNER = ethernet(PACKET)
GENEVE = build.udp(*V4, 50000, 6081, build.geneve(5001, INNER))
#: Hop-by-hop options: a router alert whose length is beyond the header.
ALERT = bytes.fromhex("3a00 05ff 0000 0100")
#: An entry of a GRE source route: one IPv4 address.
ROUTE = struct.pack("!HBBI", 0x0800, 0, 4, 0x0A000001)
#: Entry -> a frame in which it is seen.
DIFFERING = {
    "UDP length below its header": in_ip(build.UDP, patched(GENEVE, 4, b"\0\6")),
    "UDP length below the IP length": in_ip(build.UDP, patched(GENEVE, 4, b"\0\x60")),
    "Geneve version": in_ip(build.UDP, patched(GENEVE, 8, b"\x40")),
    "UDP-Lite": in_ip(UDP_LITE, GENEVE),
    "TCP header length": in_ip(build.TCP, patched(SEGMENT, 12, b"\x10")),
    "GRE version 1": in_ip(GRE, b"\x20\x81" + build.nvgre(5001, 7, bytes(4) + INNER)[2:]),
    "VXLAN-GPE without P": in_udp(4790, struct.pack("!II", 0x08000001, 5001 << 8) + PACKET),
    "Ethernet in MPLS": in_udp(6635, build.mpls([300], bytes(4) + INNER)),  # with a control word
    "GRE source route": in_ip(
        GRE, struct.pack("!HHII", 0x6000, build.TEB, 0, 5001 << 8) + 17 * ROUTE + bytes(4) + INNER
    ),
    "cut ICMP message": in_ip(build.ICMP, build.icmp(8, 0, 1, b"")),
    "malformed": ethernet(build.ipv6(*V6, 0, ALERT + build.icmpv6(*V6, 143, 0, 0, b""))),
    "IP in LLC": of_type(3 + len(PACKET), bytes.fromhex("060603") + PACKET),
}
#: Bytes that the snapshot length takes off the end of it.
CUT = {"cut ICMP message": 3}
#: Layer of tshark's -> a frame that has it, with a packet inside.
BEYOND_US = {
    "pppoes": of_type(0x8864, struct.pack("!IHH", 0x11000001, 2 + len(PACKET), 0x0021) + PACKET),
    "l2tp": in_udp(1701, struct.pack("!HHHHH", 2, 1, 1, 0xFF03, 0x0021) + PACKET),
    "etherip": in_ip(97, b"\x30\0" + INNER),
    "teredo": in_udp(3544, build.ipv6(*V6, build.ICMPV6, build.icmpv6(*V6, 128, 0, 1, b""))),
    "amt": in_udp(2268, b"\6\0" + PACKET),
    "lisp-data": in_udp(4341, struct.pack("!II", 0x80000001, 0) + PACKET),
    "capwap.data": in_udp(5247, struct.pack("!II", 0x00100300, 0) + INNER),
    "ieee8021ah": of_type(0x88E7, struct.pack("!I", 5001) + INNER),
    "trill": of_type(0x22F3, struct.pack("!HHH", 1, 1, 2) + INNER),
    "cfp": of_type(0x8903, struct.pack("!H", 1 << 6 | 32) + INNER),
    "vntag": of_type(0x8926, struct.pack("!IH", 0, build.IPV4) + PACKET),
}


def cases(folder: Path, frames: Sequence[bytes], cut: Sequence[int] = ()) -> Iterator[Case]:
    """The frames as both read them, without their last bytes, as many as `cut` says."""
    path = folder / "made.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    packets = []
    for number, (frame, less) in enumerate(zip_longest(frames, cut, fillvalue=0)):
        there = frame[: len(frame) - less]
        packets.append(struct.pack("<IIII", number, 0, len(there), len(frame)) + there)
    path.write_bytes(head + b"".join(packets))
    rows = iter(tshark.fields(path, FIELDS, options=OPTIONS))
    for batch in capture_files.read(path) or []:
        records = np.empty(len(batch), dtype=RECORD)
        decode(batch, DecodeOptions(), records)
        for i, record in enumerate(as_dicts(records)):
            yield case_of("made", i + 1, batch.frame(i), record, next(rows))


def test_differences_are_seen_and_nothing_else(tmp_path: Path) -> None:
    assert set(DIFFERING) == {entry.name for entry in DIFFERENCES if entry.seen == MADE}
    cut = [CUT.get(name, 0) for name in DIFFERING]
    seen = {
        name: {found.known and found.known.name for found in found_in(case)}
        for name, case in zip(DIFFERING, cases(tmp_path, list(DIFFERING.values()), cut), strict=True)
    }
    assert seen == {name: {name} for name in DIFFERING}


def test_protocols_that_tshark_looks_into(tmp_path: Path) -> None:
    """What is outside of them is equal."""
    assert set(BEYOND_US) == {entry.layer for entry in BEYOND if entry.seen == MADE}
    for layer, case in zip(BEYOND_US, cases(tmp_path, list(BEYOND_US.values())), strict=True):
        assert (layer, not_looked_into(case), list(found_in(case))) == (layer, layer, [])


def test_frames_broken_at_random_differ_in_known_ways(tmp_path: Path, samples: Path) -> None:
    """What attackers and bad memory make of tenants' packets: decoders agree, or it is known why not."""
    random = Random(7637)
    sound = [
        batch.frame(i)
        for path in capture_files.sample_files()
        for batch in capture_files.read(path) or []
        for i in range(len(batch))
        if batch.linktype[i] == 1
    ]
    interesting = (0, 1, 4, 6, 17, 0x2F, 0x45, 0x60, 0x65, 0x81, 0x88, 0xFF)
    frames = []
    for _ in range(3000):
        frame = bytearray(random.choice(sound))
        for _ in range(random.randint(1, 3)):
            frame[random.randrange(min(len(frame), 110))] = random.choice((*interesting, random.randrange(256)))
        frames.append(bytes(frame[: random.randrange(14, len(frame))] if random.random() < 0.2 else frame))
    found = [one for case in cases(tmp_path, frames) for one in found_in(case)]
    assert len({one.known.name for one in found if one.known}) > 8
    assert [one for one in found if one.known is None] == []
