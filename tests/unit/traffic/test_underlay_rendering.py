"""Rendering: packets are byte for byte those of the reference encapsulator, and what faults change is sound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import offsets
from dissectors.ethernet import Ethernet
from dissectors.gre import GRE
from dissectors.ipv4 import IPv4
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.traffic.fragmenting import fragments
from nvgre_inspect.traffic.packet import Packet
from tests.builders import networks, overlay
from tests.builders.networks import Listening

KINDS = overlay.ETHERNET_KINDS


def both_ways(frames: list[bytes], kind: Any, family: int, **options: Any) -> tuple[list[bytes], list[bytes]]:
    """What host a of the simulation sends, and what the reference makes of the same frames."""
    policy = overlay.policy(kind, family, **options)
    reference = Encapsulator(policy, vsid=overlay.subnet_id(kind))
    listening = Listening(networks.scenario(policy, family=family))
    sent = listening.sent()
    for frame in frames:
        listening.send(frame)
    return sent, [outer for frame in frames for outer in reference.encapsulate(frame).frames]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_hosts_send_what_the_reference_does(kind, family):
    frames = list(overlay.typical_frames().values())
    sent, expected = both_ways(frames * 2, kind, family)
    assert len(expected) > len(frames)
    assert sent == expected


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hosts_send_what_the_reference_does_with_any_option_and_frame(data):
    kind = data.draw(st.sampled_from(KINDS))
    options = data.draw(overlay.options(kind))
    if options.get("key") is False:
        options["key"] = True  # tenants of a scenario have identifiers
    frames = data.draw(st.lists(overlay.untagged().filter(lambda frame: frame[6:12] == networks.MACS[0]), max_size=6))
    sent, expected = both_ways(frames, kind, data.draw(st.sampled_from([4, 6])), **options)
    assert sent == expected


@pytest.mark.parametrize("family", [4, 6])
def test_packets_that_say_they_are_shorter_are_hashed_as_the_reference_does(family):
    frame = overlay.udp_frame(family=family)
    at = 16 if family == 4 else 18
    least = 20 if family == 4 else 0
    frames = [frame[:at] + length.to_bytes(2, "big") + frame[at + 2 :] for length in range(least, least + 9)]
    # Each beside one that is sound, whose way is remembered.
    sent, expected = both_ways([each for short in frames for each in (frame, short)], "nvgre", 4)
    assert sent == expected


def test_tags_are_taken_away_as_the_reference_does():
    payload = overlay.udp_frame()[14:]
    tagged = overlay.udp_frame()[:12] + bytes.fromhex("81000064") + b"\x08\x00" + payload
    sent, expected = both_ways([tagged], "nvgre", 4)
    assert sent == expected
    assert Decapsulator().decapsulate(sent[0]).frame == overlay.udp_frame()


def packet_of(listening: Listening, frame: bytes) -> Packet:
    """The packet that host a makes of a frame, before it is sent."""
    found: list[Packet] = []
    listening.network.stages.add("encapsulation", lambda packet, where, now: found.append(packet) or ())
    listening.send(frame)
    return found[0]


@pytest.mark.parametrize("flags", [offsets.GRE_C, offsets.GRE_S, offsets.GRE_C | offsets.GRE_S])
def test_flags_of_gre_bring_their_fields_and_a_right_checksum(flags):
    listening = Listening(networks.scenario())
    packet = packet_of(listening, overlay.udp_frame())
    plain = listening.network.renderer.ip_length(packet)
    packet.gre_flags = flags
    frame = listening.network.renderer.frame(packet)
    ip = IPv4(bytes(Ethernet(frame).data))
    gre = GRE(bytes(ip.data))
    assert ip.total_length == listening.network.renderer.ip_length(packet) == plain + 4 * flags.bit_count()
    assert gre.flags == offsets.GRE_K | flags
    assert (gre.has_checksum, gre.has_sequence) == (bool(flags & offsets.GRE_C), bool(flags & offsets.GRE_S))
    assert gre.key == overlay.VSID << 8 | packet.entropy
    assert bytes(gre.data) == packet.inner
    written = gre.checksum
    gre.compute()
    assert gre.checksum == written


@pytest.mark.parametrize("mtu", [576, 1000, 1281])
def test_fragments_of_a_packet_are_it_again_when_put_together(mtu):
    listening = Listening(networks.scenario())
    renderer = listening.network.renderer
    packet = packet_of(listening, overlay.frame_of_length(1400))
    packet.df = False
    parts = fragments(packet, renderer.ip_length(packet), mtu)
    assert all(renderer.ip_length(part) <= mtu for part in parts)
    # A narrower link behind it.
    parts = [small for part in parts for small in fragments(part, renderer.ip_length(part), 576) or [part]]
    assert len(parts) > 2
    frames = [renderer.frame(part) for part in parts]
    assert all(len(frame) == renderer.frame_length(part) for frame, part in zip(frames, parts, strict=True))
    assert all(IPv4(bytes(Ethernet(frame).data)).checksum_ok for frame in frames)
    payloads = {}
    for frame in frames:
        ip = IPv4(bytes(Ethernet(frame).data))
        payloads[ip.fragment_offset] = bytes(ip.data)[: ip.payload_len]
    whole = renderer.frame(packet)
    assert b"".join(payloads[offset] for offset in sorted(payloads)) == whole[34:]


@pytest.mark.parametrize("change", [{"df": True}, {"plain": b"E"}])
def test_what_may_not_be_fragmented_is_not(change):
    listening = Listening(networks.scenario())
    packet = packet_of(listening, overlay.frame_of_length(1400))
    packet.df = False
    for name, value in change.items():
        setattr(packet, name, value)
    assert fragments(packet, 1442, 1000) == []
