"""Encapsulation and translation of batches through the reference, and which of the two ways is chosen."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from nvgre_inspect.encapsulation.batches import (
    Reassembling,
    ReferenceEncapsulation,
    ReferenceTranslation,
    encapsulation,
    translation,
)
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.policy import Encapsulation, Entry, Host, Policy, Subnet
from nvgre_inspect.encapsulation.rewritten import OutputInterface
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.reference.decode import decode
from tests.unit.reference.frames import INNER, PA_A, PA_B, batch, eth, ip4, ip6, nvgre, tcp, udp

OPTIONS = DecodeOptions()
SRC_MAC, DST_MAC = INNER[6:12], INNER[:6]
HOSTS = (Host(ip_address(PA_A), b"\2\0\0\0\0\1"), Host(ip_address(PA_B), b"\2\0\0\0\0\2"))
SUBNET = Subnet(5001, (Entry(HOSTS[0].pa, SRC_MAC), Entry(HOSTS[1].pa, DST_MAC)))
POLICY = Policy(Encapsulation(), HOSTS, (SUBNET,))


def decoded(frames: PacketBatch) -> np.ndarray:
    records = np.empty(len(frames), dtype=RECORD)
    decode(frames, OPTIONS, records)
    return records


def interfaces(*descriptions: str) -> list[InterfaceInfo]:
    return [
        InterfaceInfo("a.pcapng", i, f"eth{i}", 1, 0, description=text) for i, text in enumerate(descriptions or ("",))
    ]


def rewrite(rewriter, frames: PacketBatch, first: int = 1):
    frames.interface[:] = 0
    return rewriter.rewrite(frames, decoded(frames), np.arange(first, first + len(frames)))


def taken_off(result, i: int):
    return Decapsulator(OPTIONS).decapsulate(result.batch.frame(i), int(result.batch.wirelen[i]))


# --- encapsulation ---------------------------------------------------------------------------------------------------


def test_frames_go_into_tunnels_and_others_say_why():
    frames = batch([INNER, eth(ip4(tcp(), 6)), INNER[:10], INNER])
    result = rewrite(ReferenceEncapsulation(POLICY, interfaces()), frames, first=5)
    assert result.number.tolist() == [5, 8]
    assert [taken_off(result, i).frame for i in range(2)] == [INNER, INNER]
    assert result.batch.ts_ns.tolist() == frames.ts_ns[[0, 3]].tolist()
    assert dict(zip(result.skipped.tolist(), result.reason, strict=True)) == {6: "no-subnet", 7: "too-short"}
    assert [result.left.frame(i) for i in range(2)] == [frames.frame(1), frames.frame(2)]


def test_copies_of_a_broadcast_have_one_number():
    hosts = (*HOSTS, Host(ip_address("192.0.2.3"), b"\2\0\0\0\0\3"))
    subnet = Subnet(5001, (*SUBNET.entries, Entry(hosts[2].pa, b"\2\0\0\0\0\x33")))
    broadcast = b"\xff" * 6 + INNER[6:]
    rewriter = ReferenceEncapsulation(Policy(Encapsulation(), hosts, (subnet,)), interfaces())
    result = rewrite(rewriter, batch([INNER, broadcast]))
    assert result.number.tolist() == [1, 2, 2]
    assert [str(taken_off(result, i).origin.pa_dst) for i in range(3)] == [PA_B, PA_B, "192.0.2.3"]
    assert rewriter.noted == {"replicated": 1}


def test_frames_go_back_into_the_tunnel_where_they_were_recorded():
    recorded = Origin("nvgre", 5001, ip_address("192.0.2.77"), ip_address(PA_A))
    infos = interfaces(recorded.description(), "uplink of host 1")
    frames = batch([INNER, INNER])
    frames.interface[:] = [0, 1]
    rewriter = ReferenceEncapsulation(POLICY, infos)
    result = rewriter.rewrite(frames, decoded(frames), np.array([1, 2]))
    assert [taken_off(result, i).origin for i in range(2)] == [
        recorded,
        Origin("nvgre", 5001, ip_address(PA_A), ip_address(PA_B)),
    ]
    assert rewriter.outputs == [OutputInterface(1, "eth0", "", -1), OutputInterface(1, "eth1", "uplink of host 1", 1)]
    by_policy = ReferenceEncapsulation(POLICY, infos, by_policy=True)
    result = by_policy.rewrite(frames, decoded(frames), np.array([1, 2]))
    assert {str(taken_off(result, i).origin.pa_src) for i in range(2)} == {PA_A}


def test_one_tunnel_for_all():
    origin = Origin("vxlan", 9, ip_address("2001:db8::1"), ip_address("2001:db8::2"))
    policy = Policy(Encapsulation(kind="vxlan"), subnets=(Subnet(9),))
    result = rewrite(ReferenceEncapsulation(policy, interfaces("nvgre vsid=5001"), origin=origin), batch([INNER]))
    assert taken_off(result, 0).origin == origin


def test_interfaces_that_come_later():
    infos = interfaces("")
    rewriter = ReferenceEncapsulation(POLICY, infos)
    frames = batch([INNER])
    frames.interface[:] = 0
    rewriter.rewrite(frames, decoded(frames), np.array([1]))
    infos += interfaces("", "later")[1:]
    frames.interface[:] = 1
    result = rewriter.rewrite(frames, decoded(frames), np.array([2]))
    assert rewriter.outputs[int(result.batch.interface[0])].description == "later"


def test_answers_to_frames_over_the_mtu():
    policy = Policy(Encapsulation(mtu=150, over_mtu="icmp"), HOSTS, (SUBNET,))
    long = INNER[:14] + ip4(udp(bytes(300), 53), 17, "10.0.0.1", "10.0.0.2", fragment=0x4000)
    rewriter = ReferenceEncapsulation(policy, interfaces())
    result = rewrite(rewriter, batch([INNER, long, INNER]))
    assert result.number.tolist() == [1, 3]
    assert (result.skipped.tolist(), result.reason) == ([2], ["over-mtu"])
    assert (len(result.replies), result.reply_number.tolist()) == (1, [2])
    assert result.replies.frame(0)[:12] == SRC_MAC + DST_MAC
    assert rewriter.noted == {"packet-too-big": 1}


def test_what_was_cut_stays_cut():
    result = rewrite(ReferenceEncapsulation(POLICY, interfaces()), batch([INNER[:40]], wire=[len(INNER)]))
    found = taken_off(result, 0)
    assert (found.frame, found.wirelen) == (INNER[:40], len(INNER))


# --- translation -----------------------------------------------------------------------------------------------------


def translator(kind="vxlan", ids=None):
    rewriter = ReferenceTranslation(Encapsulation(kind=kind), interfaces("a", "b"), ids=ids or {}, options=OPTIONS)
    return Reassembling(rewriter, decoded)


def test_frames_of_another_encapsulation():
    frames = batch([eth(ip4(nvgre(INNER, flow_id=7), 47)), eth(ip4(tcp(), 6)), eth(ip4(nvgre(INNER, 6000), 47))])
    frames.interface[:] = [0, 0, 1]
    rewriter = translator(ids={5001: 9})
    result = rewriter.rewrite(frames, decoded(frames), np.array([4, 5, 6]))
    assert [taken_off(result, i).origin.description() for i in range(2)] == [
        "vxlan vsid=9 pa=192.0.2.1>192.0.2.2",
        "vxlan vsid=6000 pa=192.0.2.1>192.0.2.2",
    ]
    assert (result.number.tolist(), result.skipped.tolist(), result.reason) == ([4, 6], [5], ["no-encapsulation"])
    assert [rewriter.outputs[row].description for row in result.batch.interface.tolist()] == ["a", "b"]
    assert rewriter.finish() is None


def test_fragments_are_put_together_first():
    payload = nvgre(INNER + bytes(100))
    first, second = (
        eth(ip4(payload[:80], 47, fragment=0x2000)),
        eth(ip4(payload[80:], 47, fragment=10)),
    )
    plain = [eth(ip4(data, 17, fragment=at)) for data, at in ((udp(bytes(8), 53), 0x2000), (bytes(30), 2))]
    frames = batch([first, *plain, eth(ip4(tcp(), 6)), second, first])
    frames.interface[:] = 0
    rewriter = translator()
    result = rewriter.rewrite(frames, decoded(frames), np.arange(1, 7))
    assert (result.number.tolist(), result.joined) == ([5], 1)
    assert taken_off(result, 0).frame == INNER + bytes(100)
    # What is left in order of rows: frames first, then fragments that carry no tunnel.
    assert dict(zip(result.skipped.tolist(), result.reason, strict=True)) == dict.fromkeys(
        (2, 3, 4), "no-encapsulation"
    )
    assert {result.left.frame(i) for i in range(3)} == {*plain, frames.frame(3)}
    rest = rewriter.finish()
    assert (rest.skipped.tolist(), rest.reason, rest.left.frame(0)) == ([6], ["incomplete"], first)


# --- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_both_ways_give_the_same(compiled):
    frames = batch([INNER, eth(ip6(tcp(), 6), 0x86DD), INNER])
    frames.interface[:] = 0
    rewriter = encapsulation(POLICY, interfaces(), compiled=compiled)
    result = rewriter.rewrite(frames, decoded(frames), np.array([1, 2, 3]))
    assert [taken_off(result, i).frame for i in range(2)] == [INNER, INNER]
    assert type(rewriter).__name__.startswith("Compiled") == compiled
    back = translation(Encapsulation(kind="geneve"), interfaces(), decoded, compiled=compiled, ids={}, options=OPTIONS)
    wrapped = result.batch
    translated = back.rewrite(wrapped, decoded(wrapped), np.array([1, 3]))
    assert [taken_off(translated, i).origin.encap for i in range(2)] == ["geneve", "geneve"]
    assert translated.number.tolist() == [1, 3]
