"""Encapsulation of single frames: what is built, byte for byte, what comes back, and what is refused."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dissectors.anomalies import HEADER_CUT_BY_SNAPLEN
from dissectors.gre import GRE
from dissectors.ipv4 import IPv4
from dissectors.nvgre import NVGRE
from dissectors.walk import Walk
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.encapsulator import Encapsulated, Encapsulator
from nvgre_inspect.encapsulation.entropy import FlowHash, flow_id, source_port
from nvgre_inspect.encapsulation.inner_frame import BARE_IP, read
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.outer import CARRIES_IP, PORTS
from nvgre_inspect.encapsulation.policy import KINDS, Kind, Policy
from nvgre_inspect.encapsulation.reasons import NOTED, SKIPPED
from nvgre_inspect.model.options import DecodeOptions
from tests.builders import build
from tests.builders.overlay import (
    ETHERNET_KINDS,
    MAC_A,
    MAC_B,
    MAC_C,
    NVE_MACS,
    PAS,
    VSID,
    arp_frame,
    fragments4,
    fragments6,
    frame_of_length,
    hosts,
    mac,
    options,
    outer_packet,
    policy,
    typical_frames,
    udp_frame,
    untagged,
)


def one(result: Encapsulated) -> bytes:
    assert result.reason is None
    (frame,) = result.frames
    return frame


def without_padding(frame: bytes) -> bytes:
    """The IP packet in a frame from A to B."""
    inner = read(frame, len(frame))
    return inner.packet().data


# --- what is built --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_every_byte(kind: Kind, family: int) -> None:
    sender, memory = Encapsulator(policy(kind, family)), FlowHash()
    frames = [frame for name, frame in typical_frames().items() if name != "arp"]
    for ident, frame in enumerate(frames):
        hash_ = memory.of(VSID, read(frame, len(frame)))
        entropy = source_port(hash_) if kind in PORTS else flow_id(hash_, "hash")
        tos = frame[15] if frame[12:14] == b"\x08\x00" else (frame[14] & 15) << 4 | frame[15] >> 4
        carried = frame[:14] + without_padding(frame) if kind in CARRIES_IP else frame
        expected = outer_packet(kind, carried, entropy, ident, family=family, tos=tos)
        assert one(sender.encapsulate(frame)) == expected


@given(st.data(), st.sampled_from(ETHERNET_KINDS), st.sampled_from([4, 6]), untagged())
def test_decapsulation_gives_the_frame_back(data: st.DataObject, kind: Kind, family: int, frame: bytes) -> None:
    made = policy(kind, family, **data.draw(options(kind)))
    outer = one(Encapsulator(made).encapsulate(frame))
    back = Decapsulator(DecodeOptions()).decapsulate(outer)
    assert (back.reason, back.frame, back.wirelen, back.linktype) == (None, frame, len(frame), 1)
    assert back.origin is not None
    assert back.origin.vsid == (VSID if made.encapsulation.key else None)
    assert {str(back.origin.pa_src), str(back.origin.pa_dst)} <= set(PAS[family])


@given(st.data(), st.sampled_from(sorted(CARRIES_IP)), st.sampled_from([4, 6]), untagged())
def test_decapsulation_gives_the_packet_back(data: st.DataObject, kind: Kind, family: int, frame: bytes) -> None:
    made = Encapsulator(policy(kind, family, **data.draw(options(kind)))).encapsulate(frame)
    inner = read(frame, len(frame))
    if inner.ip is None:
        assert made == Encapsulated(reason="not-ip")
        return
    assume(inner.payload + inner.ip.header_len <= inner.ip_end)
    back = Decapsulator(DecodeOptions()).decapsulate(one(made))
    packet = without_padding(frame)
    assert (back.reason, back.frame, back.wirelen, back.linktype) == (None, packet, len(packet), 101)


@given(st.sampled_from(ETHERNET_KINDS), st.sampled_from([4, 6]), untagged(), st.data())
def test_cut_frames_come_back_cut(kind: Kind, family: int, frame: bytes, data: st.DataObject) -> None:
    captured = data.draw(st.integers(14, len(frame)))
    made = Encapsulator(policy(kind, family, checksum=kind != "nvgre")).encapsulate(frame[:captured], len(frame))
    outer = one(made)
    assert made.missing == len(frame) - captured
    back = Decapsulator(DecodeOptions()).decapsulate(outer, len(outer) + made.missing)
    assert (back.reason, back.frame, back.wirelen) == (None, frame[:captured], len(frame))


def test_a_frame_that_was_cut_says_its_length_on_the_wire() -> None:
    frame = udp_frame(200)
    whole, cut = (one(Encapsulator(policy()).encapsulate(data, len(frame))) for data in (frame, frame[:60]))
    assert cut == whole[: len(cut)]
    ip = Encapsulator(policy("gre")).encapsulate(frame[:60] + b"", len(frame) + 9)
    assert (one(ip)[16:18], ip.missing) == ((20 + 8 + len(frame) - 14).to_bytes(2, "big"), len(frame) - 60)


@pytest.mark.parametrize("kind", ["vxlan", "gretap"])
@pytest.mark.parametrize("wire", [0, 1])
def test_unknown_checksums_are_noted(kind: Kind, wire: int) -> None:
    frame = udp_frame()
    made = Encapsulator(policy(kind, checksum=True)).encapsulate(frame, len(frame) + wire)
    assert made.notes == ("checksum-unknown",) * wire


def test_identification_counts_by_sender() -> None:
    sender = Encapsulator(policy())
    idents = []
    for src, dst in ((MAC_A, MAC_B), (MAC_B, MAC_A), (MAC_A, MAC_C), (MAC_A, MAC_B)):
        frame = mac(dst) + mac(src) + udp_frame()[12:]
        idents.append(IPv4(one(sender.encapsulate(frame))[14:]).id)
    assert idents == [0, 0, 1, 2]


def test_identification_wraps() -> None:
    sender = Encapsulator(policy(mtu=100))
    long = udp_frame(100)
    assert sender.encapsulate(long).reason == "over-mtu"  # is not counted
    frame = udp_frame(1)
    seen = [one(sender.encapsulate(frame))[18:20] for _ in range(0x10001)]
    assert (seen[0], seen[0xFFFF], seen[0x10000]) == (b"\0\0", b"\xff\xff", b"\0\0")


def test_sequence_counts_by_tunnel() -> None:
    first, second = (dataclasses.replace(policy("gre").subnets[0], vsid=vsid) for vsid in (1, 2))
    made = Policy(policy("gre", sequence=True).encapsulation, hosts(), (first, second))
    sequences = []
    senders = {1: Encapsulator(made, vsid=1), 2: Encapsulator(made, vsid=2)}
    for vsid, dst in ((1, MAC_B), (1, MAC_C), (1, MAC_B), (2, MAC_B)):
        frame = mac(dst) + udp_frame()[6:]
        header = GRE(one(senders[vsid].encapsulate(frame))[34:])
        sequences.append((header.key, header.sequence))
    assert sequences == [(1, 0), (1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(("rule", "expected"), [("zero", 0), (7, 7), (255, 255)])
def test_flow_id_by_rule(rule: Any, expected: int) -> None:
    assert NVGRE(one(Encapsulator(policy(flow_id=rule)).encapsulate(udp_frame()))[34:]).flow_id == expected


def test_fragments_have_the_flow_id_of_their_first() -> None:
    for parts in (fragments4(), fragments6()):
        sender = Encapsulator(policy())
        assert len({one(sender.encapsulate(part))[41] for part in parts}) == 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, 0xBB),
        ({"dscp": 10}, 10 << 2 | 3),
        ({"ecn": "compatibility"}, 0xB8),
        ({"dscp": 0, "ecn": "compatibility"}, 0),
    ],
)
@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("vlans", [(), (5, 6)])
def test_dscp_and_ecn(chosen: dict[str, Any], expected: int, inner: int, vlans: tuple[int, ...]) -> None:
    frame = udp_frame(family=inner, tos=0xBB, vlans=vlans)
    assert one(Encapsulator(policy(**chosen)).encapsulate(frame))[15] == expected
    outer6 = one(Encapsulator(policy(family=6, **chosen)).encapsulate(frame))
    assert (outer6[14] & 15) << 4 | outer6[15] >> 4 == expected


def test_what_is_not_ip_has_no_dscp() -> None:
    frame = mac(MAC_B) + mac(MAC_A) + b"\x08\x06" + b"\xff" * 28
    assert one(Encapsulator(policy()).encapsulate(frame))[15] == 0
    assert one(Encapsulator(policy(dscp=9)).encapsulate(frame))[15] == 9 << 2


# --- tags -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tpid", [b"\x81\x00", b"\x88\xa8", b"\x91\x00"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_tags_are_removed_exactly(tpid: bytes, count: int) -> None:
    plain = udp_frame()
    tagged = plain[:12] + (tpid + b"\x20\x05") * count + plain[12:]
    made = Encapsulator(policy()).encapsulate(tagged)
    assert made.notes == ("vlan-removed",)
    assert made.frames == Encapsulator(policy()).encapsulate(plain).frames
    cut = Encapsulator(policy()).encapsulate(tagged[:-9], len(tagged))
    assert cut.frames == Encapsulator(policy()).encapsulate(plain[:-9], len(plain)).frames


def test_tags_further_inside_stay() -> None:
    """Only those right behind the MAC addresses are the frame's."""
    inside = build.ethernet(MAC_B, MAC_A, build.TEB, udp_frame(vlans=(5,)))
    made = Encapsulator(policy()).encapsulate(inside)
    assert (made.notes, one(made)[42:]) == ((), inside)


def test_tags_are_refused() -> None:
    refusing = Encapsulator(policy(inner_vlan="refuse"))
    assert refusing.encapsulate(udp_frame(vlans=(5,))) == Encapsulated(reason="inner-vlan")
    assert refusing.encapsulate(udp_frame()).reason is None


@pytest.mark.parametrize("kind", [kind for kind in ETHERNET_KINDS if kind != "nvgre"])
def test_tags_are_kept(kind: Kind) -> None:
    frame = udp_frame(vlans=(5, 6))
    made = Encapsulator(policy(kind, inner_vlan="keep")).encapsulate(frame)
    assert made.notes == ()
    assert one(made).endswith(frame)


def test_kinds_that_carry_ip_leave_tags_behind() -> None:
    made = Encapsulator(policy("gre")).encapsulate(udp_frame(vlans=(5, 6)))
    assert made == Encapsulator(policy("gre")).encapsulate(udp_frame())


@pytest.mark.parametrize("length", [14, 15, 16, 17, 18, 21])
def test_cut_inside_tags(length: int) -> None:
    frame = udp_frame(vlans=(5, 6))
    reasons = {
        rule: Encapsulator(policy("vxlan", inner_vlan=rule)).encapsulate(frame[:length], len(frame)).reason
        for rule in ("remove", "refuse", "keep")
    }
    assert reasons == {"remove": "unreadable", "refuse": "inner-vlan", "keep": None}


# --- where frames go ------------------------------------------------------------------------------------------


def test_group_frames_are_replicated() -> None:
    made = Encapsulator(policy()).encapsulate(arp_frame())
    assert made.notes == ("replicated",)
    assert [(frame[:6], IPv4(frame[14:]).dst, IPv4(frame[14:]).id) for frame in made.frames] == [
        (mac(NVE_MACS[1]), build.address(PAS[4][1]), 0),
        (mac(NVE_MACS[2]), build.address(PAS[4][2]), 1),
    ]
    assert {frame[42:] for frame in made.frames} == {arp_frame()}


@pytest.mark.parametrize(
    ("family", "group", "group_mac"),
    [(4, "239.1.2.3", "01:00:5e:01:02:03"), (6, "ff05::5:6", "33:33:00:05:00:06")],
)
def test_group_frames_go_to_a_group(family: int, group: str, group_mac: str) -> None:
    made = one(Encapsulator(policy(family=family, subnet={"bum": ip_address(group)})).encapsulate(arp_frame()))
    assert made[:12] == mac(group_mac) + mac(NVE_MACS[0])
    assert build.address(group) in made[:54]


def test_recorded_tunnels_come_first() -> None:
    origin = Origin("nvgre", VSID, ip_address("198.51.100.9"), ip_address(PAS[4][2]))
    made = one(Encapsulator(policy()).encapsulate(udp_frame(), origin=origin))
    assert made[:12] == mac(NVE_MACS[2]) + b"\x02\x00\xc6\x33\x64\x09"
    assert IPv4(made[14:]).src == build.address("198.51.100.9")
    by_policy = Encapsulator(policy(), by_policy=True).encapsulate(udp_frame(), origin=origin)
    assert by_policy == Encapsulator(policy()).encapsulate(udp_frame())


def test_a_recorded_id_without_addresses_is_routed() -> None:
    origin = Origin("nvgre", VSID, None, None)
    made = Encapsulator(policy()).encapsulate(udp_frame(), origin=origin)
    assert made == Encapsulator(policy()).encapsulate(udp_frame())
    assert Encapsulator(policy()).encapsulate(udp_frame(), origin=origin._replace(vsid=9999)).reason == "no-subnet"


@pytest.mark.parametrize("linktype", sorted(BARE_IP))
@pytest.mark.parametrize("family", [4, 6])
def test_bare_ip(linktype: int, family: int) -> None:
    frame = udp_frame(family=family)
    for kind in sorted(CARRIES_IP):
        expected = Encapsulator(policy(kind)).encapsulate(frame)
        assert Encapsulator(policy(kind)).encapsulate(frame[14:], linktype=linktype) == expected
    assert Encapsulator(policy()).encapsulate(frame[14:], linktype=linktype).reason == "not-ethernet"


# --- what is refused ------------------------------------------------------------------------------------------

STRANGER = "02:00:00:00:99:99"
UNKNOWN_SENDER = build.ethernet(MAC_B, STRANGER, 0x88B5, b"")
TWO_FAMILIES = Origin("nvgre", VSID, ip_address("192.0.2.1"), ip_address("2001:db8::1"))
#: Reason: policy, frame, and how it is given.
REFUSED: dict[str, tuple[Policy, bytes, dict[str, Any]]] = {
    "too-short": (policy(), udp_frame()[:13], {}),
    "not-ethernet": (policy(), udp_frame(), {"linktype": 113}),
    "not-ip": (policy("ipip"), arp_frame(), {}),
    "no-subnet": (policy(), UNKNOWN_SENDER, {}),
    "unknown-sender": (policy(), UNKNOWN_SENDER, {"origin": Origin("nvgre", VSID, None, None)}),
    "unknown-destination": (policy(), build.ethernet(STRANGER, MAC_A, 0x88B5, b""), {}),
    "bum": (policy(subnet={"bum": "drop"}), arp_frame(), {}),
    "same-host": (policy(), build.ethernet(MAC_A, MAC_A, 0x88B5, b""), {}),
    "family-mismatch": (policy(), udp_frame(), {"origin": TWO_FAMILIES}),
    "inner-vlan": (policy(inner_vlan="refuse"), udp_frame(vlans=(1,)), {}),
    "too-long": (policy(), frame_of_length(65535 - 27), {}),
    "over-mtu": (policy(mtu=1000), frame_of_length(973), {}),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused(reason: str) -> None:
    made, frame, how = REFUSED[reason]
    assert Encapsulator(made).encapsulate(frame, **how) == Encapsulated(reason=reason)


@pytest.mark.parametrize(("family", "overhead", "longest"), [(4, 28, 65535), (6, 48, 65575)])
def test_longest(family: int, overhead: int, longest: int) -> None:
    frame = frame_of_length(longest - overhead - 100) + bytes(100)
    made = one(Encapsulator(policy(family=family)).encapsulate(frame))
    length = made[16:18] if family == 4 else made[18:20]
    assert length == b"\xff\xff"
    assert Encapsulator(policy(family=family)).encapsulate(frame + b"\0").reason == "too-long"
    # Also where the bytes were not captured.
    assert Encapsulator(policy(family=family)).encapsulate(frame[:60], len(frame) + 1).reason == "too-long"


def test_mtu_counts_whole_outer_packets() -> None:
    """RFC 7637 section 4.4; the outer Ethernet header and tag are no part of it."""
    sender = Encapsulator(policy(mtu=1500, vlan=5))
    assert len(one(sender.encapsulate(frame_of_length(1472)))) == 1518
    assert sender.encapsulate(frame_of_length(1473)).reason == "over-mtu"


def test_tags_that_are_removed_do_not_count() -> None:
    tagged = udp_frame(1472 - 42, vlans=(5,))
    assert Encapsulator(policy(mtu=1500)).encapsulate(tagged).reason is None
    kept = Encapsulator(policy("vxlan", mtu=1508, inner_vlan="keep"))
    assert kept.encapsulate(tagged).reason == "over-mtu"


# --- hostile frames -------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(
    st.binary(max_size=80)
    | st.builds(lambda head, tail: head + tail, st.just(udp_frame()[:14]), st.binary(max_size=80)),
    st.integers(-5, 200) | st.integers(0, 2**32),
    st.sampled_from([1, 101, 228, 113, 999]),
    st.sampled_from(KINDS),
    st.sampled_from(["remove", "refuse"]),
    st.sampled_from(["send", "drop", "icmp"]),
)
def test_nothing_raises(frame: bytes, wirelen: int, linktype: int, kind: Kind, vlan: Any, over: Any) -> None:
    made = policy(kind, inner_vlan=vlan, over_mtu=over, mtu=120, subnet={"unknown": "flood"})
    result = Encapsulator(made).encapsulate(frame, wirelen, linktype=linktype)
    assert (result.reason in SKIPPED) != bool(result.frames)
    assert set(result.notes) <= set(NOTED)
    for outer in result.frames:
        back = Decapsulator(DecodeOptions()).decapsulate(outer, len(outer) + result.missing)
        # IPv4 options may be cut off.
        assert back.reason is None or (back.reason == "unreadable" and kind in CARRIES_IP)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_anywhere(kind: Kind) -> None:
    for frame in typical_frames().values():
        for length in range(len(frame)):
            result = Encapsulator(policy(kind)).encapsulate(frame[:length], len(frame))
            assert (result.reason in SKIPPED) != bool(result.frames)
            for outer in result.frames:
                assert not Walk(outer, len(outer) + result.missing).anomalies & ~(1 << HEADER_CUT_BY_SNAPLEN)
