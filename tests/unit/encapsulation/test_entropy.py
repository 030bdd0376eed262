"""The hash behind FlowIDs and source ports: files depend on every bit of it."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvgre_inspect.encapsulation.entropy import REMEMBERED, FlowHash, flow_id, mix, source_port
from nvgre_inspect.encapsulation.inner_frame import read
from tests.builders import build
from tests.builders.overlay import (
    CA4,
    CA6,
    MAC_A,
    MAC_B,
    VSID,
    arp_frame,
    fragments4,
    fragments6,
    ip_frame,
    typical_frames,
    udp_frame,
)


def hash_of(frame: bytes, wirelen: int | None = None) -> int:
    return FlowHash().of(VSID, read(frame, wirelen or len(frame)))


def by_the_page(values: Iterable[int]) -> int:
    """docs/encapsulation.md, word by word."""
    h = 0x6E76677265
    for v in values:
        h = ((h ^ v) * 0x5851F42D4C957F2D) % 2**63
        h = h ^ (h >> 32)
    return h & 0xFFFFFFFF


def words(address: str) -> tuple[int, ...]:
    packed = build.address(address).rjust(16, b"\0")
    return struct.unpack("!4I", packed)


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=14))
def test_mix_is_the_formula(values: list[int]) -> None:
    assert mix(values) == by_the_page(values)


def test_values_of_ip() -> None:
    assert hash_of(udp_frame()) == by_the_page((4, 17, *words(CA4[0]), *words(CA4[1]), 40000, 50007))
    assert hash_of(udp_frame(family=6)) == by_the_page((6, 17, *words(CA6[0]), *words(CA6[1]), 40000, 50007))
    ping = typical_frames()["icmp"]
    assert hash_of(ping) == by_the_page((4, 1, *words(CA4[0]), *words(CA4[1]), 0, 0))


def test_values_of_what_is_not_ip() -> None:
    macs = (0xFFFF, 0xFFFFFFFF)
    sender = (0x0015, 0x5D000001)
    assert hash_of(arp_frame()) == by_the_page((0, 0x0806, *sender, *macs))
    length = build.ethernet(build.BROADCAST, MAC_A, 38, bytes(38))
    assert hash_of(length) == by_the_page((0, 0, *sender, *macs))


def test_a_hash_is_pinned() -> None:
    """FlowIDs in files written by earlier versions must stay those of their flows."""
    assert hash_of(udp_frame()) == 3_346_646_850


def test_extension_headers_are_passed() -> None:
    datagram = build.udp(*CA6, 40000, 50007, b"x" * 8)
    plain = ip_frame(build.UDP, datagram, family=6)
    extended = ip_frame(60, bytes((build.UDP, 0, 1, 4, 0, 0, 0, 0)) + datagram, family=6)
    assert hash_of(extended) == hash_of(plain)


def test_packets_of_a_flow_hash_alike() -> None:
    one = udp_frame(10, tos=4, ttl=3, ident=9)
    assert hash_of(one) == hash_of(udp_frame(900)) == hash_of(udp_frame(10, vlans=(5, 6)))
    assert hash_of(one) != hash_of(udp_frame(10, ports=(40001, 50007)))
    assert hash_of(one) != hash_of(udp_frame(10, ports=(50007, 40000)))


@pytest.mark.parametrize("protocol", [6, 17, 33, 132, 136])
def test_protocols_with_ports(protocol: int) -> None:
    assert hash_of(ip_frame(protocol, b"\1\2\3\4")) == by_the_page(
        (4, protocol, *words(CA4[0]), *words(CA4[1]), 0x0102, 0x0304)
    )


def test_ports_that_are_not_there() -> None:
    without = by_the_page((4, 17, *words(CA4[0]), *words(CA4[1]), 0, 0))
    whole = udp_frame()
    assert hash_of(whole[:37], len(whole)) == without
    assert hash_of(whole[:38], len(whole)) != without
    # The packet ends before them, and what follows is padding.
    assert hash_of(ip_frame(17, b"\1\2\3") + b"\4\5\6") == without


def test_fragments_take_the_hash_of_their_first() -> None:
    for parts in (fragments4(), fragments6()):
        memory = FlowHash()
        hashes = {memory.of(VSID, read(part, len(part))) for part in parts}
        assert hashes == {hash_of(parts[0])}
        assert hash_of(parts[1]) not in hashes


def test_fragments_of_others_do_not() -> None:
    first, later, _ = fragments4()
    memory = FlowHash()
    memory.of(VSID, read(first, len(first)))
    assert memory.of(VSID + 1, read(later, len(later))) == hash_of(later)
    other = later[:18] + b"\x00\x4e" + later[20:]  # another identification
    assert memory.of(VSID, read(other, len(other))) == hash_of(later)


def test_atomic_fragments_are_whole() -> None:
    datagram = build.udp(*CA6, 40000, 50007, b"x" * 8)
    atomic = ip_frame(44, struct.pack("!BBHI", build.UDP, 0, 0, 7) + datagram, family=6)
    assert hash_of(atomic) == hash_of(ip_frame(build.UDP, datagram, family=6))


def first_and_later(ident: int) -> tuple[bytes, bytes]:
    first = ip_frame(17, struct.pack("!HHHH", 1000 + ident % 60000, 50007, 100, 0), ident=ident, fragment=0x2000)
    return first, ip_frame(17, bytes(8), ident=ident, fragment=1)


def test_the_newest_firsts_are_remembered() -> None:
    memory = FlowHash()
    hashes = {}
    for ident in range(REMEMBERED):
        first, _ = first_and_later(ident)
        hashes[ident] = memory.of(VSID, read(first, len(first)))
    again, _ = first_and_later(0)
    memory.of(VSID, read(again, len(again)))  # is now the newest
    one_more, _ = first_and_later(REMEMBERED)
    memory.of(VSID, read(one_more, len(one_more)))
    later = [first_and_later(ident)[1] for ident in range(3)]
    found = [memory.of(VSID, read(frame, len(frame))) for frame in later]
    assert found == [hashes[0], hash_of(later[1]), hashes[2]]


@given(st.integers(0, 0xFFFFFFFF))
def test_what_becomes_of_a_hash(value: int) -> None:
    assert flow_id(value, "hash") == 1 + value % 255
    assert flow_id(value, "zero") == 0
    assert flow_id(value, 7) == 7
    assert source_port(value) == 49152 + value % 16384


@given(st.binary(max_size=100), st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00\x00\x01\x08\x00"]))
def test_anything_has_a_hash(data: bytes, kind: bytes) -> None:
    frame = build.mac(MAC_B) + build.mac(MAC_A) + kind + data
    assert 0 <= hash_of(frame) <= 0xFFFFFFFF
