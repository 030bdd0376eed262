"""Decapsulation of single frames: which frame, of which layer, from which tunnel; and why there is none."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import encaps
from nvgre_inspect.capture import open_capture
from nvgre_inspect.encapsulation.decapsulator import Decapsulated, Decapsulator
from nvgre_inspect.encapsulation.ecn import CE, ECT0, ECT1
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.reasons import SKIPPED
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode
from tests.builders import build
from tests.builders.overlay import MAC_A, MAC_B, NVE_MACS, PAS, ip_frame, udp_frame

LABELLED = (encaps.MPLS, encaps.MPLS_IN_GRE, encaps.MPLS_IN_UDP)
SAMPLES = Path(__file__).parents[3] / "samples"
FIRST, SECOND, _ = PAS[4]
FRAME = udp_frame()
NVGRE = build.nvgre(5001, 7, FRAME)


def taken_off(frame: bytes, wirelen: int | None = None, linktype: int = 1, **options: Any) -> Decapsulated:
    return Decapsulator(DecodeOptions(), **options).decapsulate(frame, wirelen, linktype)


def outer(payload: bytes, protocol: int = build.GRE, **ip: Any) -> bytes:
    return build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], build.ipv4(FIRST, SECOND, protocol, payload, **ip))


def origin(encap: str, vsid: int | None) -> Origin:
    return Origin(encap, vsid, ip_address(FIRST), ip_address(SECOND))


def test_what_comes_out() -> None:
    assert taken_off(outer(NVGRE)) == Decapsulated(FRAME, len(FRAME), 1, origin("nvgre", 5001), 7, None)
    vxlan = build.udp(FIRST, SECOND, 50000, 4789, build.vxlan(9, FRAME))
    assert taken_off(outer(vxlan, 17)) == Decapsulated(FRAME, len(FRAME), 1, origin("vxlan", 9), 50000, None)
    gre = build.gre(build.IPV4, FRAME[14:])
    assert taken_off(outer(gre)) == Decapsulated(FRAME[14:], len(FRAME) - 14, 101, origin("gre", None), None, None)


def test_padding_and_trailers_go() -> None:
    small = build.ethernet(MAC_B, MAC_A, build.ARP, build.arp(1, MAC_A, "10.1.0.1", MAC_B, "10.1.0.2"))
    assert taken_off(outer(build.nvgre(5001, 7, small)) + bytes(20)).frame == small
    padded = small.ljust(60, b"\0")
    assert taken_off(outer(build.nvgre(5001, 7, padded)) + b"FCS!").frame == padded
    # Bare IP ends where it says itself.
    assert taken_off(outer(build.gre(build.IPV4, FRAME[14:] + b"trailer"))).frame == FRAME[14:]


def test_bytes_that_were_not_captured() -> None:
    frame = outer(NVGRE)
    cut = taken_off(frame[:80], len(frame))
    assert (cut.frame, cut.wirelen) == (FRAME[:38], len(FRAME))
    assert taken_off(frame + bytes(9), len(frame)) == taken_off(frame)


LAYERS = outer(
    build.erspan2(5, 1, build.ethernet_ip(MAC_B, MAC_A, build.ipv4("198.51.100.1", "198.51.100.2", build.GRE, NVGRE)))
)
MIRRORED = LAYERS[50:]
VM_TUNNEL = ip_frame(build.UDP, build.udp("10.1.0.1", "10.1.0.2", 50001, 4789, build.vxlan(3, udp_frame(5))))


def test_the_tenants_layer_is_behind_mirrors() -> None:
    found = taken_off(LAYERS)
    assert (found.frame, found.flow_id) == (FRAME, 7)
    assert found.origin == Origin("nvgre", 5001, ip_address("198.51.100.1"), ip_address("198.51.100.2"))


def test_only_mirrors_are_all_taken_off() -> None:
    assert taken_off(outer(build.erspan2(5, 1, FRAME))) == Decapsulated(
        FRAME, len(FRAME), 1, origin("erspan2", 5), None, None
    )


def test_layers_from_outside() -> None:
    first = taken_off(LAYERS, layers=1)
    assert (first.frame, first.origin) == (MIRRORED, origin("erspan2", 5))
    assert taken_off(LAYERS, layers=2) == taken_off(LAYERS)
    assert taken_off(LAYERS, layers=3) == Decapsulated(reason="no-encapsulation")
    assert taken_off(LAYERS, layers=0).reason == taken_off(LAYERS, layers=-1).reason == "no-encapsulation"


def test_all_layers() -> None:
    nested = outer(build.nvgre(5001, 7, VM_TUNNEL))
    assert taken_off(nested).frame == VM_TUNNEL
    innermost = taken_off(nested, layers="all")
    assert (innermost.frame, innermost.flow_id) == (udp_frame(5), 50001)
    assert innermost.origin == Origin("vxlan", 3, ip_address("10.1.0.1"), ip_address("10.1.0.2"))


def test_control_words_go() -> None:
    """A first nibble of 0 says that there is one (RFC 4928); this MAC address has another."""
    bare = build.mac("a2:00:00:00:00:02") + FRAME[6:]
    for frame, word in ((FRAME, bytes(4)), (bare, b"")):
        found = taken_off(outer(build.gre(build.MPLS, build.mpls([17, 5001], word + frame))))
        assert (found.frame, found.origin) == (frame, origin("mpls-in-gre", 5001))


def test_mpls_without_ip_outside() -> None:
    frame = build.ethernet(NVE_MACS[1], NVE_MACS[0], build.MPLS, build.mpls([300], FRAME[14:]))
    assert taken_off(frame) == Decapsulated(
        FRAME[14:], len(FRAME) - 14, 101, Origin("mpls", 300, None, None), None, None
    )


def test_esp_without_encryption_ends_before_its_trailer() -> None:
    packet = FRAME[14:]
    esp = struct.pack("!II", 77, 1) + packet + b"\x01\x02\x02\x04" + bytes(12)
    assert taken_off(outer(esp, 50)).frame == packet


def test_other_link_types() -> None:
    packet = outer(NVGRE)[14:]
    assert taken_off(packet, linktype=101) == taken_off(outer(NVGRE))
    cooked = b"\0\0\0\1\0\6" + build.mac(NVE_MACS[0]) + b"\0\0\x08\0"
    assert taken_off(cooked + packet, linktype=113) == taken_off(outer(NVGRE))


# --- why there is none ----------------------------------------------------------------------------------------

FRAGMENTS = [
    build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], part)
    for part in build.fragments(build.ipv4(FIRST, SECOND, build.GRE, NVGRE, fragment=0), [48])
]
REASONS = {
    "no-encapsulation": [FRAME, b"", outer(b"\0\0", 6), build.fragments(FRAME[14:], [8])[0]],
    "not-a-frame": [
        outer(build.gre(0x88CC, bytes(50))),
        outer(build.gre(build.MPLS, build.mpls([5001], b"\x10" + bytes(50)))),
        outer(build.gre(build.MPLS, build.mpls([5001], FRAME), key=9)),
        outer(struct.pack("!BBHII", 6, 4, 0, 1, 1) + bytes(12) + FRAME[34:54], 51),
    ],
    "encrypted": [outer(struct.pack("!II", 77, 1) + build.noise("esp", 64), 50)],
    "unreadable": [outer(build.nvgre(5001, 7, FRAME[:13])), outer(build.gre(build.IPV4, FRAME[14:33]))],
    "incomplete": [*FRAGMENTS, outer(build.nvgre(5001, 7, bytes(60)), fragment=0x2000)],
}


@pytest.mark.parametrize(("reason", "number"), [(r, i) for r, frames in REASONS.items() for i in range(len(frames))])
def test_reasons(reason: str, number: int) -> None:
    assert taken_off(REASONS[reason][number]) == Decapsulated(reason=reason)


def test_the_tenants_own_fragments_are_whole_frames() -> None:
    part = ip_frame(17, bytes(64), fragment=0x2001)
    assert taken_off(outer(build.nvgre(5001, 7, part))).frame == part


def test_every_length() -> None:
    """A frame that is cut anywhere gives what is there of the inner frame, or the reason why there is nothing."""
    frame = outer(NVGRE)
    results = [taken_off(frame[:length], len(frame)) for length in range(len(frame) + 1)]
    for length, result in enumerate(results):
        if length < 42:
            assert result.reason == "no-encapsulation"
        elif length < 56:
            assert result.reason == "unreadable"
        else:
            assert (result.frame, result.wirelen) == (FRAME[: length - 42], len(FRAME))


# --- ECN ------------------------------------------------------------------------------------------------------


def marked(outside: int, inside: int, *, family: int = 4, **options: Any) -> Decapsulated:
    inner = udp_frame(tos=0x28 | inside, family=family)
    return taken_off(outer(build.nvgre(5001, 7, inner), tos=outside), **options)


@pytest.mark.parametrize("family", [4, 6])
def test_congestion_outside_is_told_inside(family: int) -> None:
    assert marked(CE, ECT0, ecn=True, family=family).frame == udp_frame(tos=0x28 | CE, family=family)
    assert marked(ECT1, ECT0, ecn=True, family=family).frame == udp_frame(tos=0x28 | ECT1, family=family)
    assert marked(0, ECT0, ecn=True, family=family).frame == udp_frame(tos=0x28 | ECT0, family=family)
    assert marked(CE, 0, ecn=True, family=family) == Decapsulated(reason="congested")


def test_files_keep_the_inner_frame() -> None:
    assert marked(CE, ECT0).frame == udp_frame(tos=0x28 | ECT0)
    assert marked(CE, 0).frame == udp_frame(tos=0x28)


def test_marks_pass_through_several_headers() -> None:
    inner = udp_frame(tos=ECT0)
    tunnel = build.ipv4("198.51.100.1", "198.51.100.2", build.GRE, build.nvgre(5001, 7, inner), tos=ECT0)
    assert taken_off(outer(tunnel, 4, tos=CE), ecn=True).frame == udp_frame(tos=CE)
    deaf = build.ipv4("198.51.100.1", "198.51.100.2", build.GRE, build.nvgre(5001, 7, inner), tos=0)
    assert taken_off(outer(deaf, 4, tos=CE), ecn=True).reason == "congested"


def test_what_is_not_ip_carries_no_marks() -> None:
    frame = build.ethernet(MAC_B, MAC_A, build.ARP, bytes(28))
    assert taken_off(outer(build.nvgre(5001, 7, frame), tos=CE), ecn=True).frame == frame


# --- captures and hostile frames ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted(path for path in SAMPLES.iterdir() if ".pcap" in path.name), ids=lambda p: p.name
)
def test_samples_as_their_records_say(path: Path) -> None:
    """What comes out is what `inner_off` and `inner_len` of the record describe (docs/decoding.md)."""
    with open_capture(path, spool=False) as reader:
        for batch in reader.batches():
            records = empty_records(len(batch))
            decode(batch, DecodeOptions(), records)
            for i, record in enumerate(records):
                frame, wirelen = batch.frame(i), int(batch.wirelen[i])
                found = taken_off(frame, wirelen, int(batch.linktype[i]))
                assert found.reason is None or found.reason in SKIPPED
                if found.reason is None:
                    start, length = int(record["inner_off"]), int(record["inner_len"])
                    if int(record["encap"]) in LABELLED and frame[start] >> 4 == 0:  # a control word
                        start, length = start + 4, length - 4
                    assert (found.frame, found.wirelen) == (frame[start : start + length], length)
                    assert found.flow_id in (None, int(record["flow_id"]))
                elif found.reason == "no-encapsulation":
                    assert int(record["tenant_layer"]) < 0


@settings(max_examples=300)
@given(
    st.sampled_from([outer(NVGRE), LAYERS, *FRAGMENTS, outer(build.nvgre(5001, 7, VM_TUNNEL)), b""]),
    st.lists(st.tuples(st.integers(0, 150), st.binary(min_size=1, max_size=4)), max_size=4),
    st.binary(max_size=30),
    st.integers(-5, 300) | st.integers(0, 2**33),
    st.sampled_from([1, 101, 113, 276, 999]),
    st.sampled_from(["tenant", "all", 1, 2, 3]),
    st.booleans(),
)
def test_nothing_raises(
    frame: bytes,
    changes: list[tuple[int, bytes]],
    tail: bytes,
    wirelen: int,
    linktype: int,
    layers: Any,
    ecn: bool,
) -> None:
    changed = bytearray(frame + tail)
    for at, data in changes:
        changed[at : at + len(data)] = data
    found = taken_off(bytes(changed), wirelen, linktype, layers=layers, ecn=ecn)
    if found.reason is not None:
        assert found == Decapsulated(reason=found.reason)
        assert found.reason in SKIPPED
    else:
        assert 0 < len(found.frame) <= found.wirelen
        assert found.linktype in (1, 101)
