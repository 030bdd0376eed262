"""Faults of identifiers and headers: what stands on the wire, what receivers make of it, and what stays as it is."""

from __future__ import annotations

import struct

import pytest

from dissectors import checksum, offsets
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.traffic.fault_specs import (
    BadChecksum,
    DSCPLost,
    ECNIllegal,
    Fault,
    Flood,
    FlowIDChanging,
    FlowIDConstant,
    GREFlags,
    InnerVLAN,
    Leak,
    ReservedVSID,
    Selection,
    WrongVSID,
)
from tests.builders.faulty import BLUE, RED, Faulty, udp_frame

ONLY_RED = Selection(tenant=RED)
EF = 46 << 2
#: From the start of the outer frame to the GRE header, and to the tenant's frame.
GRE, INNER = 34, 42


def keys(net: Faulty, point: str = "b") -> list[tuple[int, int]]:
    """VSID and FlowID of what passed."""
    words = [struct.unpack_from(">I", seen.frame, GRE + 4)[0] for seen in net.at(point)]
    return [(word >> 8, word & 0xFF) for word in words]


@pytest.mark.parametrize(
    "fault",
    [
        WrongVSID(id="it", vsid=7000, selection=ONLY_RED),
        ReservedVSID(id="it", selection=ONLY_RED),
        FlowIDConstant(id="it", value=1, selection=ONLY_RED),
        FlowIDChanging(id="it", packets=1, selection=ONLY_RED),
        Leak(id="it", vsid=7000, selection=ONLY_RED),
        Flood(id="it", selection=ONLY_RED),
        InnerVLAN(id="it", selection=ONLY_RED),
        GREFlags(id="it", selection=ONLY_RED),
        DSCPLost(id="it", selection=ONLY_RED),
        ECNIllegal(id="it", probability=1.0, selection=ONLY_RED),
        BadChecksum(id="it", selection=ONLY_RED),
    ],
    ids=lambda fault: fault.KIND,
)
def test_another_tenants_packets_are_as_without_the_fault(fault: Fault) -> None:
    nets = Faulty(fault), Faulty()
    for net in nets:
        net.udp(4, vsid=BLUE, tos=EF)
    assert [seen.frame for seen in nets[0].at("b")] == [seen.frame for seen in nets[1].at("b")]
    assert nets[0].got("B", BLUE) == [udp_frame(tos=EF)] * 4
    assert nets[0].touched("it") == 0
    nets[0].udp(4, tos=EF)
    assert nets[0].touched("it") > 0


def test_a_wrong_identifier_is_not_delivered():
    net = Faulty(WrongVSID(id="it", vsid=7000))
    net.udp(2)
    assert {vsid for vsid, _ in keys(net)} == {7000}
    assert (net.got("B"), net.touched("it")) == ([], 2)


def test_a_wrong_identifier_that_the_receiver_takes():
    net = Faulty(WrongVSID(id="it", vsid=7000, delivered=True))
    net.udp(2)
    assert {vsid for vsid, _ in keys(net)} == {7000}
    assert net.got("B") == [udp_frame()] * 2


def test_the_identifier_of_another_tenant_leads_to_its_machines():
    net = Faulty(WrongVSID(id="it", vsid=BLUE, selection=ONLY_RED))
    net.udp(2)
    assert (len(net.got("B", RED)), len(net.got("B", BLUE))) == (0, 2)


@pytest.mark.parametrize("vsid", [0, 0xFFF, 0xFFFFFF])
def test_reserved_identifiers(vsid):
    net = Faulty(ReservedVSID(id="it", vsid=vsid))
    net.udp(1)
    assert [key[0] for key in keys(net)] == [vsid]
    assert net.got("B") == [udp_frame()]


def test_what_leaks_has_an_identification_of_its_own_and_reaches_the_other_tenant():
    net = Faulty(Leak(id="it", vsid=BLUE, selection=ONLY_RED))
    net.udp(2)
    assert [vsid for vsid, _ in keys(net)] == [RED, BLUE] * 2
    assert len({seen.packet.ident for seen in net.at("b")}) == 4
    assert (len(net.got("B", RED)), len(net.got("B", BLUE))) == (2, 2)


def test_floods_reach_all_hosts_of_the_tenant_and_one_machine():
    net = Faulty(Flood(id="it"))
    net.udp(3)
    assert (len(net.at("a")), len(net.at("b")), len(net.at("c"))) == (6, 3, 3)
    assert (len(net.got("B")), len(net.got("C"))) == (3, 0)


def test_one_flow_id_for_all():
    net = Faulty(FlowIDConstant(id="it", value=77))
    net.udp(1)
    net.udp(1, "AB", BLUE)
    assert keys(net) == [(RED, 77), (BLUE, 77)]


def test_flow_ids_change_after_so_many_packets():
    net = Faulty(FlowIDChanging(id="it", packets=3))
    net.udp(8)
    first = keys(net)[0][1]
    assert [flow_id for _, flow_id in keys(net)] == [(first + step) % 256 for step in (0, 0, 0, 1, 1, 1, 2, 2)]


def test_udp_source_ports_stay_dynamic_ones():
    net = Faulty(FlowIDChanging(id="it", packets=1), encapsulation=Encapsulation(kind="vxlan"))
    net.udp(40)
    ports = [struct.unpack_from(">H", seen.frame, 34)[0] for seen in net.at("b")]
    assert len(set(ports)) == 40
    assert min(ports) >= 49152


def test_a_tag_that_is_left_on_is_dropped_by_the_receiver():
    net = Faulty(InnerVLAN(id="it", vlan=100))
    net.udp(1)
    (seen,) = net.at("b")
    assert seen.frame[INNER + 12 : INNER + 18] == b"\x81\0\0\x64\x08\0"
    assert seen.frame[INNER : INNER + 12] + seen.frame[INNER + 16 :] == udp_frame()
    assert net.got("B") == []
    assert [seen.frame for seen in net.at("A")] == [udp_frame()]


@pytest.mark.parametrize("accepted", [True, False])
def test_checksum_and_sequence_of_gre(accepted):
    net = Faulty(GREFlags(id="it", flags=("checksum", "sequence"), accepted=accepted))
    net.udp(3)
    for number, seen in enumerate(net.at("b")):
        assert struct.unpack_from(">HH", seen.frame, GRE) == (0xB000, 0x6558)
        assert checksum.verifies(seen.frame[GRE:])
        assert struct.unpack_from(">I", seen.frame, GRE + 12)[0] == number
        assert seen.frame[GRE + 16 :] == udp_frame()
    assert net.got("B") == [udp_frame()] * 3 * accepted


def test_a_lost_dscp_leaves_ecn_and_the_inner_one():
    net = Faulty(DSCPLost(id="it"), encapsulation=Encapsulation(ecn="normal"))
    net.udp(1, tos=EF | 2)
    (seen,) = net.at("b")
    assert (seen.frame[15], seen.frame[INNER + 15]) == (2, EF | 2)
    net.udp(1, tos=0)
    assert net.touched("it") == 1


@pytest.mark.parametrize("family", [4, 6])
def test_congestion_marks_on_what_takes_no_part_are_dropped(family):
    net = Faulty(ECNIllegal(id="it", probability=1.0), encapsulation=Encapsulation(ecn="normal"))
    net.udp(1, tos=0, family=family)
    net.udp(1, tos=2, family=family)  # ECT(0): a mark would be legal, so it is not this fault's
    assert [seen.frame[15] & 3 for seen in net.at("b")] == [3, 2]
    assert net.got("B") == [udp_frame(tos=2, family=family)]
    assert net.touched("it") == 1


@pytest.mark.parametrize("family", [4, 6])
def test_checksums_are_left_as_a_host_gives_them_to_its_nic(family):
    net = Faulty(BadChecksum(id="it"))
    net.udp(1, family=family)
    net.udp(1, family=family, protocol=offsets.IPPROTO_ICMP)  # whose checksums NICs do not compute
    sent, other = (seen.frame[INNER:] for seen in net.at("b"))
    right = udp_frame(family=family)
    at = 14 + (20 if family == 4 else 40) + 6
    assert (sent[:at], sent[at + 2 :]) == (right[:at], right[at + 2 :])
    left = int.from_bytes(sent[at : at + 2], "big")
    body = right[at - 6 : at] + bytes(2) + right[at + 2 :]
    finished = checksum.internet_checksum(body, left)  # what the NIC would have done
    assert finished == int.from_bytes(right[at : at + 2], "big") != left
    assert other == udp_frame(family=family, protocol=offsets.IPPROTO_ICMP)
    assert next(iter(net.at("A"))).frame == right
    assert net.touched("it") == 1
