"""What an endpoint takes of what arrives; the reference decapsulator says what is inside."""

from __future__ import annotations

import dataclasses
import ipaddress

import pytest
from gateway_parts import HERE, MAC, OTHER_MAC, THERE, VSID, frame, make_policy
from hypothesis import given
from hypothesis import strategies as st

from dissectors import offsets
from nvgre_inspect.encapsulation import Decapsulator, Encapsulator
from nvgre_inspect.gateway.reception import Reception
from nvgre_inspect.gateway.underlay import Arrived, parse_ipv4

RECEPTION = Reception(HERE, make_policy().subnets)


def arrived(frame: bytes, *, header="20006558", key=VSID << 8 | 7, src=THERE, dst=HERE, ecn=0) -> Arrived:
    payload = bytes.fromhex(header) + key.to_bytes(4, "big") + frame
    return Arrived(memoryview(payload), src.packed, dst.packed, ecn)


def test_a_frame_of_a_subnet():
    received = RECEPTION.take(arrived(frame(dst=MAC, src=OTHER_MAC)))
    assert (received.vsid, bytes(received.frame), received.reason) == (VSID, frame(dst=MAC, src=OTHER_MAC), None)


@pytest.mark.parametrize(
    ("changes", "vsid", "reason"),
    [
        ({"src": HERE}, -1, "own"),
        ({"dst": ipaddress.ip_address("192.0.2.3")}, -1, "not-here"),
        ({"dst": ipaddress.ip_address("239.1.1.1")}, -1, "not-here"),
        ({"header": "a0006558"}, -1, "not-nvgre"),  # checksum
        ({"header": "30006558"}, -1, "not-nvgre"),  # sequence number
        ({"header": "20016558"}, -1, "not-nvgre"),  # version
        ({"header": "20086558"}, -1, "not-nvgre"),  # reserved
        ({"header": "00006558"}, -1, "not-nvgre"),  # no key
        ({"header": "20000800"}, -1, "not-nvgre"),  # IPv4
        ({"key": 5002 << 8}, 5002, "unknown-vsid"),
        ({"src": ipaddress.ip_address("192.0.2.9")}, VSID, "unknown-host"),
    ],
)
def test_what_is_left_out(changes, vsid, reason):
    received = RECEPTION.take(arrived(frame(), **changes))
    assert (received.vsid, bytes(received.frame), received.reason) == (vsid, b"", reason)


@pytest.mark.parametrize("ethertype", offsets.VLAN_ETHERTYPES)
def test_a_tag_inside(ethertype):
    """RFC 7637 section 3.3."""
    tagged = MAC + OTHER_MAC + ethertype.to_bytes(2, "big") + b"\x00\x05" + frame()[12:]
    assert RECEPTION.take(arrived(tagged)).reason == "inner-vlan"


@pytest.mark.parametrize("length", range(offsets.NVGRE_LEN + offsets.ETH_LEN))
def test_every_length_that_is_too_short(length):
    whole = arrived(frame())
    received = RECEPTION.take(whole._replace(payload=whole.payload[:length]))
    assert received.reason == ("not-nvgre" if length < offsets.NVGRE_LEN else "too-short")


def test_a_multicast_group():
    group = ipaddress.ip_address("239.1.1.1")
    subnet = dataclasses.replace(make_policy().subnets[0], bum=group)
    assert Reception(HERE, [subnet]).take(arrived(frame(), dst=group)).reason is None


@pytest.mark.parametrize("inner", range(4))
@pytest.mark.parametrize("outer", range(4))
def test_congestion_marks_as_the_reference_has_them(inner, outer):
    """RFC 6040 section 4.2: all sixteen combinations."""
    sent = Encapsulator(make_policy()).encapsulate(frame(ecn=inner)).frames[0]
    packet = bytearray(sent[offsets.ETH_LEN :])
    packet[offsets.IP4_TOS] = packet[offsets.IP4_TOS] & 0xFC | outer
    reference = Decapsulator(ecn=True).decapsulate(sent[: offsets.ETH_LEN] + packet)
    received = Reception(THERE, make_policy().subnets).take(parse_ipv4(memoryview(bytes(packet))))
    assert (bytes(received.frame), received.reason) == (reference.frame, reference.reason)


def test_congestion_marks_around_what_is_not_ip():
    arp = MAC + OTHER_MAC + b"\x08\x06" + bytes(28)
    assert bytes(RECEPTION.take(arrived(arp, ecn=3)).frame) == arp


@given(st.binary(max_size=80), st.integers(0, 3))
def test_nothing_raises(payload, ecn):
    for start in (b"", bytes.fromhex("20006558") + (VSID << 8).to_bytes(4, "big")):
        RECEPTION.take(Arrived(memoryview(start + payload), THERE.packed, HERE.packed, ecn))


@given(st.binary(max_size=64))
def test_no_ip_header_raises(packet):
    RECEPTION.take(parse_ipv4(memoryview(packet)))
