"""What frames say, for the truth: the short way for plain frames and the long one say the same."""

from __future__ import annotations

import struct

import pytest

from dissectors import offsets
from nvgre_inspect.traffic.frame_facts import Ends, Facts, TCPFacts, facts_of

MACS = b"\x02\0\0\0\0\x02" + b"\x02\0\0\0\0\x01"
ADDRESSES = bytes((10, 0, 0, 1, 10, 0, 0, 2))
SYN_OPTIONS = b"\x02\x04\x05\x50\x01\x03\x03\x07"
SEGMENTS = {
    "data": struct.pack(">HHIIBBHHH", 40000, 80, 7, 9, 0x50, 0x18, 512, 0, 0) + b"x" * 100,
    "syn": struct.pack(">HHIIBBHHH", 40000, 80, 7, 0, 0x70, 0x02, 65535, 0, 0) + SYN_OPTIONS,
}


def frame(protocol: int, body: bytes, tags: bytes = b"") -> bytes:
    header = struct.pack(">BBHHHBBH", 0x45, 46 << 2, 20 + len(body), 4711, 0x4000, 64, protocol, 0)
    return MACS + tags + b"\x08\x00" + header + ADDRESSES + body


def ends(protocol: int, src_port: int, dst_port: int, vlans: tuple[int, ...] = ()) -> Ends:
    return Ends(MACS[6:], MACS[:6], vlans, 0x0800, 4, protocol, ADDRESSES[:4], ADDRESSES[4:], src_port, dst_port)


@pytest.mark.parametrize(("tags", "vlans"), [(b"", ()), (b"\x81\x00\x00\x64", (100,))])
def test_tcp(tags: bytes, vlans: tuple[int, ...]) -> None:
    where = ends(offsets.IPPROTO_TCP, 40000, 80, vlans)
    data, syn = (facts_of(frame(offsets.IPPROTO_TCP, SEGMENTS[name], tags)) for name in ("data", "syn"))
    assert data == Facts(where, 46, 4711, TCPFacts(7, 9, 0x18, 512, 100))
    assert syn == Facts(where, 46, 4711, TCPFacts(7, 0, 0x02, 65535, 0, 1360, 7))


@pytest.mark.parametrize(("tags", "vlans"), [(b"", ()), (b"\x81\x00\x00\x64", (100,))])
def test_udp(tags: bytes, vlans: tuple[int, ...]) -> None:
    found = facts_of(frame(offsets.IPPROTO_UDP, struct.pack(">HHHH", 53, 5353, 12, 0) + b"abcd", tags))
    assert found == Facts(ends(offsets.IPPROTO_UDP, 53, 5353, vlans), 46, 4711)


def test_both_directions_have_the_same_two_ends() -> None:
    there = ends(offsets.IPPROTO_TCP, 40000, 80)
    assert there.turned == Ends(
        MACS[:6], MACS[6:], (), 0x0800, 4, offsets.IPPROTO_TCP, ADDRESSES[4:], ADDRESSES[:4], 80, 40000
    )
    assert there.turned.turned == there
    assert there.turned.both == there.both == {(ADDRESSES[:4], 40000), (ADDRESSES[4:], 80)}
    assert there.source == (ADDRESSES[:4], 40000)


def test_ports_of_icmp_belong_to_nobody() -> None:
    found = facts_of(frame(offsets.IPPROTO_ICMP, b"\x08\0\0\0\x12\x34\0\x01"))
    assert (found.ends.src_port, found.ends.dst_port) == (0x1234, -1)
    assert found.ends.source == (ADDRESSES[:4], -1)
