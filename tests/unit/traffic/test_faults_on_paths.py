"""Faults that lose, delay, copy and fragment packets on their way: which ones, when, and what the others see of it."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest

from dissectors import offsets
from nvgre_inspect.encapsulation.policy import Encapsulation
from nvgre_inspect.traffic.fault_specs import (
    BadECMPMember,
    BurstLoss,
    Delay,
    Duplicate,
    Fragmentation,
    Loss,
    MTUBlackHole,
    OneWay,
    Reorder,
    Selection,
)
from nvgre_inspect.traffic.scenario import PathSpec
from tests.builders.faulty import BLUE, MS, RED, Faulty, udp_frame
from tests.builders.networks import IDEAL


def all_lost(**values: Any) -> Loss:
    return Loss(id="it", probability=1.0, **values)


def test_what_is_lost_was_seen_before_and_never_behind():
    net = Faulty(all_lost())
    net.udp(5)
    assert [len(net.at(point)) for point in ("A", "a", "path", "b", "B")] == [5, 5, 5, 0, 0]
    assert (net.got("B"), net.touched("it")) == ([], 5)


def test_a_probability_is_kept_on_average_and_nothing_else_is_touched():
    net = Faulty(Loss(id="it", probability=0.25))
    net.udp(2000, every_ns=1000)
    lost = 2000 - len(net.got("B"))
    assert 420 < lost < 580
    assert net.touched("it") == lost


@pytest.mark.parametrize(
    ("selection", "lost"),
    [
        (Selection(), {"AB", "BA", "AC", "blue"}),
        (Selection(tenant=RED), {"AB", "BA", "AC"}),
        (Selection(tenant=RED, vm="B"), {"BA"}),
        (Selection(tunnel=("a", "b")), {"AB", "BA", "blue"}),
        (Selection(tunnel=("a", "b"), direction="forward"), {"AB", "blue"}),
        (Selection(tunnel=("a", "b"), direction="reverse"), {"BA"}),
        (Selection(tunnel=("a", "b"), direction="forward", tenant=BLUE), {"blue"}),
        (Selection(flow_ids=(300,)), set()),
    ],
)
def test_selections(selection, lost):
    net = Faulty(all_lost(selection=selection))
    for way in ("AB", "BA", "AC"):
        net.udp(1, way)
    net.udp(1, "AB", BLUE)
    arrived = {way for way, (name, vsid) in {
        "AB": ("B", RED), "BA": ("A", RED), "AC": ("C", RED), "blue": ("B", BLUE)}.items() if net.got(name, vsid)
    }  # fmt: skip
    assert arrived == {"AB", "BA", "AC", "blue"} - lost


def test_a_flow_id_is_selected_as_its_host_chose_it():
    clean = Faulty()
    clean.udp(1)
    (sight,) = clean.at("b")
    net = Faulty(all_lost(selection=Selection(flow_ids=(sight.packet.entropy,))))
    net.udp(3)
    net.udp(2, "AC")
    assert (len(net.got("B")), len(net.got("C"))) == (0, 2)


def test_the_window_includes_its_start_and_not_its_end():
    net = Faulty(all_lost(from_ns=2 * MS, until_ns=4 * MS))
    net.udp(6)
    assert [ns // MS for ns, *_ in net.heard] == [0, 1, 4, 5]


def test_bursts_are_as_long_as_their_end_is_unlikely():
    net = Faulty(BurstLoss(id="it", begin=0.02, end=0.25))
    net.udp(8000, every_ns=1000)
    arrived = [ns // 1000 for ns, *_ in net.heard]
    bursts = [b - a - 1 for a, b in pairwise(arrived) if b - a > 1]
    assert 3.2 < sum(bursts) / len(bursts) < 4.8
    assert 110 < len(bursts) < 190


def test_a_bad_member_is_one_of_the_paths():
    paths = tuple(PathSpec(name=name, link=IDEAL) for name in ("only", "other"))
    net = Faulty(BadECMPMember(id="it", path="only", probability=1.0), paths=paths)
    for way in ("AB", "BA", "AC", "CA", "BC", "CB"):
        net.udp(1, way)
    on_bad, sent = len(net.at("path")), 6
    assert 0 < on_bad < sent
    assert len(net.heard) == sent - on_bad


def test_one_way_is_the_receivers_doing():
    net = Faulty(OneWay(id="it", selection=Selection(tunnel=("a", "b"), direction="forward")))
    net.udp(3)
    net.udp(2, "BA")
    assert (len(net.at("b")), len(net.got("B")), len(net.got("A"))) == (3 + 2, 0, 2)


def test_a_refusal_quotes_the_packet_and_is_the_fault_too():
    net = Faulty(OneWay(id="it", icmp=True))
    net.udp(1)
    (sent,) = [seen for seen in net.at("a") if not seen.packet.plain]
    (error,) = [seen for seen in net.at("a") if seen.packet.plain]
    ip = error.frame[14:]
    assert (ip[12:16], ip[16:20], ip[9], ip[20], ip[21]) == (b"\xc0\0\2\2", b"\xc0\0\2\1", 1, 3, 2)
    assert ip[28 : 28 + 20 + 8][9:] == sent.frame[14:42][9:]  # but for TTL and checksum nothing has changed
    assert net.touched("it") == 2


def test_copies_come_behind_and_are_the_same_packet():
    net = Faulty(Duplicate(id="it", probability=1.0, delay_ns=7000))
    net.udp(3)
    first, second, *_ = net.at("b")
    assert (second.ns - first.ns, second.frame, len(net.at("b"))) == (7000, first.frame, 6)
    assert len(net.at("path")) == 3
    assert len(net.got("B")) == 6


def test_what_is_held_back_is_overtaken():
    net = Faulty(Reorder(id="it", probability=0.2, delay_ns=3 * MS))
    net.udp(200)
    serials = [seen.packet.serial for seen in net.at("b")]
    assert sorted(serials) == [seen.packet.serial for seen in net.at("a")] != serials
    assert 20 < net.touched("it") < 60


def test_a_delay_keeps_the_order_also_when_it_ends():
    net = Faulty(Delay(id="it", delay_ns=20 * MS, jitter_ns=5 * MS, until_ns=50 * MS))
    net.udp(100)
    assert [seen.packet.serial for seen in net.at("b")] == [seen.packet.serial for seen in net.at("a")]
    late = [b.ns - a.ns for a, b in zip(net.at("a"), net.at("b"), strict=True)]
    assert all(20 * MS <= ns <= 25 * MS for ns in late[:50])
    assert len(set(late[:50])) > 10
    assert late[-1] == 0


def test_a_black_hole_takes_what_is_longer_than_its_mtu():
    net = Faulty(MTUBlackHole(id="it", mtu=500))
    net.udp(1, length=500 - 28 - 14 - 28)  # outer IP and NVGRE, inner Ethernet, inner IP and UDP
    net.udp(1, length=500 - 28 - 14 - 28 + 1)
    assert [len(seen.frame) for seen in net.at("b")] == [514]
    assert len(net.at("a")) == 2


def test_a_black_hole_with_icmp_tells_the_sending_host_which_then_sends_no_more_of_that_size():
    net = Faulty(MTUBlackHole(id="it", mtu=800, icmp=True), encapsulation=Encapsulation(mtu=1600, over_mtu="icmp"))
    net.udp(2, length=1000)
    (error,) = [seen for seen in net.at("a") if seen.packet.plain]
    assert struct.unpack_from(">BBxxHH", error.frame, 14 + 20) == (3, 4, 0, 800)
    assert len([seen for seen in net.at("a") if not seen.packet.plain]) == 1
    (told,) = net.got("A")
    assert struct.unpack_from(">BBxxHH", told, 14 + 20) == (3, 4, 0, 800 - 42)
    assert (net.touched("it"), error.packet.marks) == (1, {"it"})


def test_fragments_make_the_packet_that_was_sent():
    net = Faulty(Fragmentation(id="it", mtu=600))
    net.udp(1, length=1000)
    net.udp(1, length=100)
    assert [len(seen.frame) for seen in net.at("a")] == [14 + 28 + 14 + 28 + 1000, 14 + 28 + 14 + 28 + 100]
    assert [struct.unpack_from(">H", seen.frame, 20)[0] & offsets.IP4_DF for seen in net.at("a")] == [0, 0]
    parts = net.at("b")[:2]
    assert all(len(seen.frame) <= 614 for seen in parts)
    assert b"".join(seen.frame[34:] for seen in parts) == net.at("a")[0].frame[34:]
    assert net.got("B") == [udp_frame(length=1000), udp_frame(length=100)]
    assert net.touched("it") == 1
