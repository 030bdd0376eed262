"""Outer headers, held against bytes that `samples/build.py` makes without any code of this project."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address
from typing import Any

import pytest

from dissectors.checksum import transport_verifies, verifies
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.udp import UDP
from nvgre_inspect.encapsulation import outer
from nvgre_inspect.encapsulation.policy import KINDS, Encapsulation, Kind
from nvgre_inspect.encapsulation.routing import Leg
from tests.builders import build
from tests.builders.overlay import NVE_MACS, PAS, VSID, frame_of_length, hosts, mac, subnet_id, udp_frame


def leg(family: int = 4) -> Leg:
    first, second, _ = hosts(family)
    return Leg(first, second.pa, second)


def wrapped(encapsulation: Encapsulation, inner: bytes, family: int = 4, missing: int = 0) -> outer.Wrapped:
    ip = outer.ip_header(encapsulation, leg(family))
    headers = outer.tunnel(encapsulation, subnet_id(encapsulation.kind), entropy=200)
    return outer.wrap(ip, headers, inner, missing, udp_checksum=encapsulation.checksum)


@pytest.mark.parametrize("family", [4, 6])
def test_prefix(family: int) -> None:
    first, second, _ = PAS[family]
    packet = bytearray(build.ip(first, second, build.GRE, b"", ttl=9))
    if family == 4:
        packet[2:4] = packet[10:12] = b"\0\0"  # length and checksum
    expected = build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], bytes(packet))
    assert outer.prefix(Encapsulation(ttl=9), leg(family)) == expected


def test_prefix_with_tag_and_without_df() -> None:
    made = outer.prefix(Encapsulation(vlan=7, vlan_priority=5, df=False), leg())
    assert made[12:18] == b"\x81\x00\xa0\x07\x08\x00"
    assert made[24:26] == b"\0\0"


def test_prefix_announces_the_kind() -> None:
    protocols = {kind: outer.prefix(Encapsulation(kind=kind), leg())[23] for kind in KINDS}
    assert protocols == {
        "nvgre": 47, "gretap": 47, "gre": 47, "mpls-in-gre": 47, "ipip": 4,
        "vxlan": 17, "geneve": 17, "mpls-in-udp": 17,
    }  # fmt: skip
    assert outer.ip_protocol("ipip", 6) == 41


def test_next_hop() -> None:
    first, second, third = hosts()
    router, special = b"\x02router"[:6], b"\x02specia"[:6]
    routed = dataclasses.replace(first, next_hop=router, next_hops={third.pa: special})
    assert outer.next_hop(Leg(first, second.pa, second)) == second.mac
    assert outer.next_hop(Leg(routed, second.pa, second)) == router
    assert outer.next_hop(Leg(routed, third.pa, third)) == special
    with pytest.raises(ValueError, match=r"192\.0\.2\.2"):
        outer.next_hop(Leg(first, second.pa, None))


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("239.129.2.3", "01:00:5e:01:02:03"),
        ("224.0.0.1", "01:00:5e:00:00:01"),
        ("ff05::1:2:3", "33:33:00:02:00:03"),
    ],
)
def test_group_mac(group: str, expected: str) -> None:
    first = hosts()[0]
    assert outer.next_hop(Leg(first, ip_address(group), None)) == mac(expected)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [{}, {"checksum": True, "sequence": True}, {"key": False}])
def test_overhead_is_what_stands_before_the_frame(kind: Kind, family: int, more: dict[str, Any]) -> None:
    encapsulation = Encapsulation(kind=kind, **more)
    frame = udp_frame()
    packet = wrapped(encapsulation, frame, family).packet
    assert packet.endswith(frame)
    assert outer.overhead(encapsulation, family) == len(packet) - len(frame)


def test_overhead_of_rfc_7637() -> None:
    """Section 4.4: 42 bytes over IPv4 with the outer Ethernet header, 62 over IPv6."""
    nvgre = Encapsulation()
    assert (14 + outer.overhead(nvgre, 4), 14 + outer.overhead(nvgre, 6)) == (42, 62)
    assert outer.overhead(Encapsulation(kind="gre"), 4, keyed=False) == 24


def test_gre_without_identifier() -> None:
    assert [bytes(header) for header in outer.tunnel(Encapsulation(kind="gretap"), None)] == [b"\0\0\x65\x58"]
    assert [bytes(header) for header in outer.tunnel(Encapsulation(kind="gre"), None, family=6)] == [b"\0\0\x86\xdd"]


@pytest.mark.parametrize("kind", ["gre", "gretap"])
def test_gre_with_everything(kind: Kind) -> None:
    encapsulation = Encapsulation(kind=kind, checksum=True, sequence=True)
    inner = udp_frame(31)
    ip = outer.ip_header(encapsulation, leg())
    packet = outer.wrap(ip, outer.tunnel(encapsulation, VSID, sequence=9), inner, 0, udp_checksum=False).packet
    ethertype = build.TEB if kind == "gretap" else build.IPV4
    assert packet[20:] == build.gre(ethertype, inner, key=VSID, sequence=9, summed=True)


@pytest.mark.parametrize("kind", ["vxlan", "geneve", "mpls-in-udp"])
@pytest.mark.parametrize("length", [60, 61])
def test_udp_checksums(kind: Kind, length: int) -> None:
    inner = frame_of_length(length)
    plain = UDP(wrapped(Encapsulation(kind=kind), inner).packet[20:])
    assert (plain.checksum, plain.length, plain.sport) == (0, len(plain), 200)
    for family, chosen in ((4, True), (6, False)):
        packet = wrapped(Encapsulation(kind=kind, checksum=chosen), inner, family).packet
        ip = IPv4(packet) if family == 4 else IPv6(packet)
        assert UDP(ip.data).checksum
        assert transport_verifies(ip.src, ip.dst, 17, ip.data)


def test_udp_checksum_zero_is_sent_as_ones() -> None:
    """RFC 768: 0 means that there is none. The frame is chosen so that the sum comes out as 0."""
    encapsulation = Encapsulation(kind="vxlan", checksum=True)
    frame = bytearray(frame_of_length(60))
    frame[58:60] = b"\0\0"
    before = UDP(wrapped(encapsulation, bytes(frame)).packet[20:]).checksum
    frame[58:60] = before.to_bytes(2, "big")
    assert UDP(wrapped(encapsulation, bytes(frame)).packet[20:]).checksum == 0xFFFF


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_cut_off_counts(kind: Kind, family: int) -> None:
    whole = wrapped(Encapsulation(kind=kind, checksum=True), frame_of_length(100), family)
    cut = wrapped(Encapsulation(kind=kind, checksum=True), frame_of_length(100)[:60], family, missing=40)
    assert not whole.checksum_unknown
    has_checksum = kind not in ("nvgre", "ipip", "mpls-in-gre")
    assert cut.checksum_unknown == has_checksum
    if has_checksum:
        at = 20 if family == 4 else 40
        at += 4 if kind in ("gre", "gretap") else 6
        assert cut.packet[at : at + 2] == b"\0\0"
        assert cut.packet == (whole.packet[:at] + b"\0\0" + whole.packet[at + 2 :])[:-40]
    else:
        assert cut.packet == whole.packet[:-40]
    if family == 4:
        assert verifies(cut.packet[:20])


def test_no_checksum_is_unknown_where_none_is_wanted() -> None:
    assert not wrapped(Encapsulation(kind="vxlan"), udp_frame()[:40], missing=20).checksum_unknown


@pytest.mark.parametrize(("family", "longest"), [(4, 65535), (6, 65575)])
def test_fits(family: int, longest: int) -> None:
    assert outer.fits(family, longest)
    assert not outer.fits(family, longest + 1)


def test_identifiers() -> None:
    """RFC 7637 section 3.4: VSIDs below 0x1000 are reserved, 0xFFFFFF is for NVEs among themselves."""
    vsids = outer.IDENTIFIERS["nvgre"]
    assert (0x1000 in vsids, 0xFFFFFE in vsids, 0xFFF in vsids, 0xFFFFFF in vsids) == (True, True, False, False)
    assert 15 not in outer.IDENTIFIERS["mpls-in-gre"]
    assert not outer.IDENTIFIERS["ipip"]
    assert set(outer.IDENTIFIERS) == set(KINDS)
