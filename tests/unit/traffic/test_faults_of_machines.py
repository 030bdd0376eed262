"""Faults of machines and of captures: migration, MAC addresses used twice, silence to ARP; copies, gaps and clocks."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from nvgre_inspect.traffic.fault_specs import (
    ARPUnanswered,
    CaptureDrops,
    Clock,
    DuplicateMAC,
    Migration,
    MirrorDuplicates,
    Selection,
)
from tests.builders.faulty import BLUE, MACS, MS, PAS, RED, Faulty, udp_frame

B_OF_RED = Selection(tenant=RED, vm="B")
BROADCAST = b"\xff" * 6


def arp(operation: int, sender: str, target: int, dst: bytes = BROADCAST) -> bytes:
    start = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
    own = bytes((10, 1, 0, "ABC".index(sender) + 1))
    return dst + MACS[sender] + b"\x08\x06" + start + MACS[sender] + own + bytes(6) + bytes((10, 1, 0, target))


def moved(**values: Any) -> Faulty:
    settings = {"to": "c", "from_ns": 10 * MS - 1, "stale_ns": 20 * MS} | values
    net = Faulty(Migration(id="it", selection=B_OF_RED, **settings))
    net.udp(40)
    return net


def test_packets_go_to_the_old_place_until_hosts_have_learnt_it():
    net = moved()
    places = [seen.packet.dst_pa for seen in net.at("a") if seen.packet.sender == "A"]
    assert places == [PAS[1]] * 30 + [PAS[2]] * 10
    assert [ns // MS for ns, _, name, _ in net.heard if name == "B"] == [*range(10), *range(30, 40)]
    assert net.touched("it") == 20  # what went to the old place in vain


def test_another_tenants_machine_with_the_same_address_stays():
    net = moved()
    net.udp(2, "AB", BLUE)
    assert {seen.packet.dst_pa for seen in net.at("a") if seen.packet.tenant == BLUE} == {PAS[1]}
    assert len(net.got("B", BLUE)) == 2


def test_a_moved_machine_sends_from_its_new_host_at_once():
    net = moved()
    net.udp(1, "BA")
    assert [seen.packet.src_pa for seen in net.at("a") if seen.packet.sender == "B"][-1] == PAS[2]
    assert net.got("A")[-1] == udp_frame("BA")


@pytest.mark.parametrize("announce", [True, False])
def test_a_moved_machine_announces_its_addresses_of_both_versions(announce):
    net = moved(announce=announce)
    groups = [seen.frame[42:] for seen in net.at("c") if seen.frame[42] & 1]
    # One copy each: nobody is left on the old host.
    assert groups[:1] == [arp(1, "B", 2)] * announce
    assert [frame[:6] for frame in groups[1:]] == [bytes.fromhex("333300000001")] * announce
    assert all(frame[54] == 136 for frame in groups[1:])  # neighbour advertisement


def test_another_machine_with_the_same_mac_address():
    net = Faulty(DuplicateMAC(id="it", selection=B_OF_RED, other="C", from_ns=10 * MS))
    net.udp(1, "CA")
    net.network.vnics[RED, "C"].send(arp(1, "C", 1))
    net.run()
    net.udp(1, "BA")
    first, request, genuine = net.got("A")
    assert (first[6:12], request[6:12], request[22:28], genuine[6:12]) == (MACS["C"], *[MACS["B"]] * 3)
    assert request[28:32] == bytes((10, 1, 0, 3))
    assert net.touched("it") == 1


def test_answers_are_missing_and_questions_are_known():
    net = Faulty(ARPUnanswered(id="it", selection=B_OF_RED))
    net.send(arp(1, "A", 2))
    net.send(arp(1, "A", 3))  # for another machine
    net.send(arp(2, "B", 1, MACS["A"]), "B")
    net.send(arp(2, "C", 1, MACS["A"]), "C")
    net.send(arp(1, "B", 1), "B")  # it may ask itself
    net.send(arp(2, "B", 1, MACS["A"]), "B", BLUE)
    assert [frame[6:12] for frame in net.got("A")] == [MACS["C"], MACS["B"]]
    assert len(net.got("A", BLUE)) == 1
    assert net.touched("it") == 2


def test_a_mirror_shows_everything_twice_at_one_point():
    net = Faulty(MirrorDuplicates(id="it", point="b", delay_ns=5000))
    net.udp(3)
    seen = net.at("b")
    assert [len(net.at(point)) for point in "abB"] == [3, 6, 3]
    assert [(b.ns - a.ns, b.frame == a.frame) for a, b in zip(seen[::2], seen[1::2], strict=True)] == [(5000, True)] * 3
    assert len(net.got("B")) == 3


def test_a_capture_misses_packets_that_arrive():
    net = Faulty(CaptureDrops(id="it", point="b", probability=0.5))
    net.udp(100)
    point = net.points["b"]
    assert (point.received, len(net.at("b"))) == (100, 100 - point.dropped)
    assert 30 < point.dropped < 70
    assert (len(net.got("B")), len(net.at("a")), net.touched("it")) == (100, 100, point.dropped)


def test_what_a_capture_shows_is_selected_like_everything():
    net = Faulty(CaptureDrops(id="it", point="b", probability=1.0, selection=Selection(tenant=BLUE)))
    net.udp(2)
    net.udp(2, "AB", BLUE)
    assert [seen.packet.tenant for seen in net.at("b")] == [RED, RED]


def test_clocks_are_wrong_in_their_window_and_at_their_point():
    net = Faulty(
        Clock(id="it", point="b", offset_ns=-3 * MS, from_ns=10 * MS, until_ns=20 * MS),
        Clock(id="drift", point="b", drift_ppb=1_000_000, from_ns=15 * MS),
    )
    net.udp(30)
    right = [seen.ns for seen in net.at("a")]
    wrong = [b - a for a, b in zip(right, (seen.ns for seen in net.at("b")), strict=True)]
    offset = [0] * 10 + [-3 * MS] * 10 + [0] * 10
    drift = [0] * 15 + [ms * 1000 for ms in range(15)]
    assert wrong == [a + b for a, b in zip(offset, drift, strict=True)]
    assert net.touched("it") == 10
