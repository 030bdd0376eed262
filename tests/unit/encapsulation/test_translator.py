"""Translation of single frames: what changes and what stays, and what comes back on the way back."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.checksum import transport_verifies, verifies
from dissectors.gre import GRE
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.nvgre import NVGRE
from dissectors.udp import UDP
from nvgre_inspect.capture import open_capture
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.encapsulation.outer import CARRIES_IP, IDENTIFIERS, PORTS
from nvgre_inspect.encapsulation.policy import KINDS, Kind
from nvgre_inspect.encapsulation.reasons import NOTED, SKIPPED
from nvgre_inspect.encapsulation.translator import Translated, Translator
from nvgre_inspect.model.options import DecodeOptions
from tests.builders import build
from tests.builders.overlay import (
    ETHERNET_KINDS,
    MAC_A,
    MAC_B,
    NVE_MACS,
    PAS,
    VSID,
    arp_frame,
    frame_of_length,
    options,
    outer_packet,
    policy,
    typical_frames,
    udp_frame,
    untagged,
)

SAMPLES = Path(__file__).parents[3] / "samples"
FIRST, SECOND, _ = PAS[4]
FRAME = udp_frame()


def translated(frame: bytes, kind: Kind, wirelen: int | None = None, **how: Any) -> Translated:
    return Translator(kind, **how).translate(frame, wirelen)


def outer(payload: bytes, protocol: int = build.GRE, **ip: Any) -> bytes:
    return build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], build.ipv4(FIRST, SECOND, protocol, payload, **ip))


def entropy_of(source: Kind, target: Kind, entropy: int) -> int:
    """docs/encapsulation.md, "Translation"."""
    if target in PORTS:
        return entropy if source in PORTS else 0xC000 | (entropy if source == "nvgre" else 0)
    return entropy & 0xFF if source in (*PORTS, "nvgre") else 0


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("target", ETHERNET_KINDS)
@pytest.mark.parametrize("source", ETHERNET_KINDS)
def test_every_byte(source: Kind, target: Kind, family: int) -> None:
    entropy = 54321 if source in PORTS else 77
    for number, frame in enumerate(typical_frames().values()):
        before = outer_packet(source, frame, entropy, number, family=family, tos=number)
        expected = outer_packet(target, frame, entropy_of(source, target, entropy), number, family=family, tos=number)
        assert translated(before, target) == Translated(expected, len(expected))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("target", sorted(CARRIES_IP))
@pytest.mark.parametrize("source", KINDS)
def test_to_kinds_that_carry_ip(source: Kind, target: Kind, family: int) -> None:
    if source == "ipip" and target == "gre":
        expected = build.gre(build.IPV4, FRAME[14:])
        assert translated(outer_packet(source, FRAME, 0, 5), target).frame == outer(expected, ident=5)
        return
    before = outer_packet(source, FRAME + b"padding", 99, 5, family=family)
    expected = outer_packet(target, FRAME, 0, 5, family=family)
    assert translated(before, target) == Translated(expected, len(expected))


@given(
    st.data(), st.sampled_from(["nvgre", "gretap", "mpls-in-gre"]), st.sampled_from(sorted(PORTS)), untagged(),
    st.sampled_from([4, 6]),
)  # fmt: skip
def test_there_and_back(data: st.DataObject, source: Kind, target: Kind, frame: bytes, family: int) -> None:
    """All of the entropy of these fits into a source port, so that all comes back."""
    chosen = data.draw(options(source)) | {"key": True, "sequence": False}
    if source in ("nvgre", "mpls-in-gre"):
        chosen |= {"key": True, "checksum": False}
    (before,) = Encapsulator(policy(source, family, **chosen)).encapsulate(frame).frames
    there = translated(before, target, ids={VSID: 70000})
    back = translated(there.frame, source, ids={70000: VSID}, checksum=chosen["checksum"])
    assert (there.reason, back.frame, back.wirelen) == (None, before, len(before))


@given(
    st.sampled_from(sorted(PORTS)), st.sampled_from(sorted(PORTS)), untagged(), st.sampled_from([4, 6]), st.booleans()
)
def test_source_ports_stay(source: Kind, target: Kind, frame: bytes, family: int, checksum: bool) -> None:
    (before,) = Encapsulator(policy(source, family, checksum=checksum)).encapsulate(frame).frames
    there = translated(before, target)
    assert translated(there.frame, source, checksum=checksum).frame == before


def test_ids_are_mapped() -> None:
    before = outer_packet("nvgre", FRAME, 1, 0)
    ids = {5001: 7001}
    assert translated(before, "vxlan", ids=ids).frame[42:50] == struct.pack("!II", 8 << 24, 7001 << 8)
    assert translated(before, "vxlan", ids={1: 2}).frame[42:50] == struct.pack("!II", 8 << 24, VSID << 8)
    assert NVGRE(translated(before, "nvgre", ids=ids).frame[34:]).vsid == 7001


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ipip"])
def test_ids_that_do_not_fit(kind: Kind) -> None:
    before = outer_packet("vxlan", FRAME, 50000, 0)
    lowest, highest = IDENTIFIERS[kind][0], IDENTIFIERS[kind][-1]
    for ident in (lowest, highest):
        assert translated(before, kind, ids={VSID: ident}).reason is None
    for ident in (lowest - 1, highest + 1):
        assert translated(before, kind, ids={VSID: ident}) == Translated(reason="id-out-of-range")


def test_without_an_id() -> None:
    unkeyed = outer(build.gre(build.TEB, FRAME))
    for kind in ("nvgre", "vxlan", "geneve", "mpls-in-gre", "mpls-in-udp"):
        assert translated(unkeyed, kind) == Translated(reason="id-out-of-range")
    assert translated(unkeyed, "gretap").frame == unkeyed
    assert GRE(translated(outer_packet("vxlan", FRAME, 9, 0), "gretap", key=False).frame[34:]).key is None


def test_options() -> None:
    before = outer_packet("nvgre", FRAME, 1, 0)
    udp = UDP(translated(before, "vxlan", port=8472, checksum=True).frame[34:])
    assert udp.dport == 8472
    assert transport_verifies(build.address(FIRST), build.address(SECOND), 17, bytes(udp))
    sender = Translator("gretap", sequence=True, checksum=True)
    headers = [GRE(sender.translate(before).frame[34:]) for _ in range(2)]
    assert [header.sequence for header in headers] == [0, 1]
    assert all(verifies(bytes(header)) for header in headers)


def test_everything_outside_stays() -> None:
    """Tags, TOS, identification, flags, TTL and options of the underlay."""
    packet = build.ipv4(
        FIRST,
        SECOND,
        build.GRE,
        build.nvgre(VSID, 7, FRAME),
        ident=999,
        ttl=3,
        tos=0xBB,
        fragment=0,
        options=b"\x94\4\0\0",
    )
    link = build.mac(NVE_MACS[1]) + build.mac(NVE_MACS[0]) + b"\x88\xa8\x20\x05\x81\x00\x00\x07\x08\x00"
    made = translated(link + packet + b"padding", "vxlan").frame
    vxlan = build.udp(FIRST, SECOND, 0xC007, 4789, build.vxlan(VSID, FRAME), summed=False)
    expected = build.ipv4(
        FIRST, SECOND, build.UDP, vxlan, ident=999, ttl=3, tos=0xBB, fragment=0, options=b"\x94\4\0\0"
    )
    assert made == link + expected


def test_extension_headers_stay() -> None:
    first, second, _ = PAS[6]
    chain = bytes((44, 0, 1, 4, 0, 0, 0, 0)) + struct.pack("!BBHI", build.GRE, 0, 0, 5)
    inner = build.nvgre(VSID, 7, FRAME)
    packet = build.ipv6(first, second, 60, chain + inner, hop_limit=3, tos=0xBB, flow_label=0x12345)
    made = translated(build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], packet), "vxlan").frame
    vxlan = build.udp(first, second, 0xC007, 4789, build.vxlan(VSID, FRAME))
    changed = chain[:8] + bytes((build.UDP,)) + chain[9:] + vxlan
    expected = build.ipv6(first, second, 60, changed, hop_limit=3, tos=0xBB, flow_label=0x12345)
    assert made[14:] == expected


def test_segment_routing_is_summed_with_the_final_destination() -> None:
    """RFC 8200 section 8.1: of a packet under way the checksum covers where it goes in the end."""
    first, second, third = PAS[6]
    srh = struct.pack("!BBBBBBH", build.GRE, 4, 4, 1, 1, 0, 0) + build.address(third) + build.address(second)
    packet = build.ipv6(first, second, 43, srh + build.nvgre(VSID, 7, FRAME))
    made = IPv6(translated(build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], packet), "vxlan").frame[14:])
    assert transport_verifies(build.address(first), build.address(third), 17, made.data)


def test_8023_lengths_follow() -> None:
    packet = build.ipv4(FIRST, SECOND, build.GRE, build.nvgre(VSID, 7, FRAME))
    snap = b"\xaa\xaa\x03\0\0\0\x08\0"
    macs = build.mac(NVE_MACS[1]) + build.mac(NVE_MACS[0])
    frame = macs + (8 + len(packet)).to_bytes(2, "big") + snap + packet
    made = translated(frame, "vxlan").frame
    assert int.from_bytes(made[12:14], "big") == len(made) - 14
    tagged = macs + b"\x81\0\0\5" + frame[12:]
    assert translated(tagged, "vxlan").frame[16:18] == made[12:14]
    long = build.ipv4(FIRST, SECOND, build.GRE, build.nvgre(VSID, 7, frame_of_length(1492)))
    too_long = macs + (8 + len(long)).to_bytes(2, "big") + snap + long
    assert translated(too_long, "nvgre").reason is None
    assert translated(too_long, "vxlan") == Translated(reason="too-long")


def test_other_link_types() -> None:
    before = outer_packet("nvgre", FRAME, 1, 0)
    expected = translated(before, "vxlan").frame
    assert Translator("vxlan").translate(before[14:], linktype=101).frame == expected[14:]


def test_nvgre_takes_inner_tags_away() -> None:
    before = outer_packet("vxlan", udp_frame(vlans=(5,)), 50000, 0)
    made = translated(before, "nvgre")
    assert (made.frame[42:], made.notes) == (FRAME, ("vlan-removed",))
    assert translated(before, "geneve").frame.endswith(udp_frame(vlans=(5,)))


def test_frames_that_were_cut() -> None:
    for target in KINDS:
        before = outer_packet("nvgre", FRAME, 1, 0)
        whole = translated(before, target, checksum=True)
        made = translated(before[:90], target, len(before), checksum=True)
        unknown = target in PORTS or target in ("gre", "gretap")
        assert made.notes == ("checksum-unknown",) * unknown
        assert (made.wirelen, len(made.frame)) == (whole.wirelen, len(whole.frame) - len(before) + 90)
        assert IPv4(made.frame[14:]).total_length == made.wirelen - 14


LONG = frame_of_length(65535 - 28)
REASONS: dict[str, list[tuple[bytes, Kind]]] = {
    "no-encapsulation": [
        (FRAME, "vxlan"),
        (b"", "vxlan"),
        (outer(build.erspan2(5, 1, FRAME)), "vxlan"),
        (build.ethernet(MAC_B, MAC_A, build.MPLS, build.mpls([300], FRAME[14:])), "gre"),
    ],
    "nested": [(outer(build.erspan2(5, 1, outer_packet("nvgre", FRAME, 1, 0))), "vxlan")],
    "not-ip": [(outer_packet("nvgre", arp_frame(), 1, 0), "gre")],
    "not-ethernet": [(outer_packet("ipip", FRAME, 1, 0), "vxlan")],
    "incomplete": [(outer(build.nvgre(VSID, 7, FRAME), fragment=0x2000), "vxlan")],
    "encrypted": [(outer(struct.pack("!II", 77, 1) + build.noise("esp", 64), 50), "gre")],
    "not-a-frame": [(outer(build.gre(0x88CC, bytes(50), key=7)), "vxlan")],
    "unreadable": [
        (outer(build.nvgre(VSID, 7, FRAME[:13])), "vxlan"),
        (outer_packet("vxlan", udp_frame(vlans=(5,))[:15], 1, 0), "nvgre"),
    ],
    "too-long": [(outer_packet("nvgre", LONG, 1, 0), "vxlan")],
}


@pytest.mark.parametrize(("reason", "number"), [(r, i) for r, frames in REASONS.items() for i in range(len(frames))])
def test_reasons(reason: str, number: int) -> None:
    frame, kind = REASONS[reason][number]
    assert translated(frame, kind) == Translated(reason=reason)


def test_what_the_tenant_tunnels_is_payload() -> None:
    inner = build.ethernet_ip(MAC_B, MAC_A, outer_packet("geneve", FRAME, 1, 0)[14:])
    before = outer_packet("nvgre", inner, 77, 0)
    assert translated(before, "vxlan").frame == outer_packet("vxlan", inner, 0xC000 | 77, 0)


@pytest.mark.parametrize(
    "path", sorted(path for path in SAMPLES.iterdir() if ".pcap" in path.name), ids=lambda p: p.name
)
def test_samples(path: Path) -> None:
    """Every sample's frame is translated or has a reason, and carries the same inside as before."""
    decapsulator = Decapsulator(DecodeOptions())
    with open_capture(path, spool=False) as reader:
        for batch in reader.batches():
            translator = Translator("geneve")
            for i in range(len(batch)):
                frame, wirelen, linktype = batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i])
                made = translator.translate(frame, wirelen, linktype)
                assert made.reason is None or made.reason in SKIPPED
                if made.reason is None:
                    before = decapsulator.decapsulate(frame, wirelen, linktype)
                    after = decapsulator.decapsulate(made.frame, made.wirelen, linktype)
                    assert (after.frame, after.wirelen) == (before.frame, before.wirelen)
                    assert before.origin is not None
                    assert after.origin == before.origin._replace(encap="geneve")


@settings(max_examples=300)
@given(
    st.sampled_from([outer_packet(kind, FRAME, 1, 0, family=family) for kind in KINDS for family in (4, 6)]),
    st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(-5, 200) | st.integers(0, 2**33),
    st.sampled_from([1, 101, 113, 999]),
    st.sampled_from(KINDS),
    st.booleans(),
)
def test_nothing_raises(
    frame: bytes, changes: list[tuple[int, bytes]], wirelen: int, linktype: int, kind: Kind, checksum: bool
) -> None:
    changed = bytearray(frame)
    for at, data in changes:
        changed[at : at + len(data)] = data
    made = Translator(kind, checksum=checksum).translate(bytes(changed), wirelen, linktype)
    if made.reason is not None:
        assert made == Translated(reason=made.reason)
        assert made.reason in SKIPPED
    else:
        assert 0 < len(made.frame) <= made.wirelen
        assert set(made.notes) <= set(NOTED)
