"""Policies learnt from captures: those of our own making come back byte for byte; of others, what does not is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import offsets
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.derive import Derived, NothingToLearn, derive
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.encapsulation.entropy import FlowHash
from nvgre_inspect.encapsulation.inner_frame import read
from nvgre_inspect.encapsulation.learning import tally
from nvgre_inspect.encapsulation.learning.headers import Headers
from nvgre_inspect.encapsulation.policy import KINDS, Encapsulation, Entry, Host, Kind, Policy, Subnet
from nvgre_inspect.encapsulation.policy_file import dump, loads
from nvgre_inspect.encapsulation.policy_rules import problems_of
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.names import Names
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.selected import Selected
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.session import SessionOptions, open_session
from tests.builders import build
from tests.builders.capture_file import Packet, pcap
from tests.builders.overlay import (
    CA4,
    MAC_A,
    MAC_B,
    MAC_C,
    NVE_MACS,
    PAS,
    VSID,
    arp_frame,
    fragments4,
    mac,
    options,
    policy,
    typical_frames,
    udp_frame,
    untagged,
)
from tests.unit.engine.random_frames import random_batch, sample_frames

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SECOND = 1_000_000_000


def batch_of(frames: Sequence[bytes], times: Sequence[int] | None = None, wirelens: Sequence[int] = ()) -> PacketBatch:
    caplen = np.array([len(frame) for frame in frames], np.int64)
    n = len(frames)
    return PacketBatch(
        np.frombuffer(b"".join(frames) or b"\0", np.uint8),
        np.cumsum(caplen) - caplen,
        caplen,
        np.array(wirelens or caplen, np.int64),
        np.array(times or range(n), np.int64),
        np.full(n, offsets.DLT_ETHERNET, np.uint16),
        np.zeros(n, np.int32),
        np.zeros(n, np.int64),
    )


def selected(batches: Iterable[PacketBatch], decoding: DecodeOptions | None = None) -> Iterator[Selected]:
    first = 1
    for batch in batches:
        records = np.empty(len(batch), RECORD)
        decode(batch, decoding or DecodeOptions(), records)
        numbers = np.arange(first, first + len(batch))
        yield Selected(batch, records, numbers, np.ones(len(batch), bool))
        first += len(batch)


def learnt(frames: Sequence[bytes], times: Sequence[int] | None = None, **settings_: Any) -> Derived:
    derived = derive(selected([batch_of(frames, times)]), **settings_)
    assert problems_of(derived.policy) == []
    assert loads(dump(derived.policy, derived.notes).encode(), "derived") == derived.policy
    return derived


def without_mtu(notes: Iterable[str]) -> list[str]:
    return [note for note in notes if not note.startswith("mtu = 0")]


def again(frames: Iterable[bytes], policy: Policy) -> list[bytes]:
    """The frames decapsulated, and encapsulated again by the policy."""
    inside, outside = Decapsulator(), Encapsulator(policy)
    result: list[bytes] = []
    for frame in frames:
        back = inside.decapsulate(frame)
        assert back.reason is None
        made = outside.encapsulate(back.frame, back.wirelen, origin=back.origin, linktype=back.linktype)
        assert made.reason is None, (made.reason, frame)
        result += made.frames
    return result


def answer(frame: bytes) -> bytes:
    """The same frame, between B and C."""
    return mac(MAC_C) + mac(MAC_B) + frame[12:]


# --- captures of our own making -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_captures_come_back(kind: Kind, family: int) -> None:
    sender = Encapsulator(policy(kind, family))
    frames = [frame for frame in typical_frames().values() if kind not in ("gre", "ipip") or read(frame, len(frame)).ip]
    made = [outer for frame in frames for outer in sender.encapsulate(frame).frames]
    derived = learnt(made)
    assert again(made, derived.policy) == made
    assert without_mtu(derived.notes) == []
    assert derived.frames == len(made)


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(KINDS), st.sampled_from([4, 6]), st.lists(untagged(), min_size=1, max_size=12))
def test_whatever_the_options_were(data: st.DataObject, kind: Kind, family: int, frames: list[bytes]) -> None:
    chosen = data.draw(options(kind))
    if chosen["vlan"] is None or chosen["vlan"] == 4095:
        chosen |= {"vlan": None, "vlan_priority": 0}
    sender = Encapsulator(policy(kind, family, **chosen))
    made = [outer for frame in frames for outer in sender.encapsulate(frame).frames]
    try:
        derived = learnt(made)
    except NothingToLearn:
        assert not any(Decapsulator().decapsulate(frame).reason is None for frame in made)
        return
    carried = [frame for frame in made if Decapsulator().decapsulate(frame).reason is None]
    if derived.frames == len(made) == len(carried):
        assert again(made, derived.policy) == made


def fabric(**encapsulation: Any) -> Policy:
    """Three hosts, two subnets with the same addresses, a router, a multicast group, next hops."""
    router, direct = mac("02:00:00:00:00:fe"), mac("02:00:00:00:00:fd")
    first, second, third = (Host(ip_address(pa), mac(nve)) for pa, nve in zip(PAS[4], NVE_MACS, strict=True))
    hosts = (replace(first, next_hop=router), second, replace(third, next_hops={second.pa: direct}))
    blue = (
        Entry(first.pa, mac(MAC_A), (ip_address("10.1.0.1"),)),
        Entry(second.pa, mac(MAC_B), (ip_address("10.1.0.2"), ip_address("10.9.9.9"))),
        Entry(third.pa, mac(MAC_C), (ip_address("10.1.0.3"),)),
    )
    red = (
        Entry(second.pa, mac(MAC_A), (ip_address("10.1.0.1"),)),
        Entry(third.pa, mac(MAC_B), (ip_address("10.1.0.2"),)),
    )
    return Policy(
        Encapsulation(**encapsulation),
        hosts,
        (Subnet(5001, blue), Subnet(5002, red, bum=ip_address("239.1.1.1"), unknown="flood")),
    )


def ip_frame(dst: str, src: str, dst_ip: str, src_ip: str, port: int = 1) -> bytes:
    packet = build.ipv4(src_ip, dst_ip, build.UDP, build.udp(src_ip, dst_ip, port, 9, b"x" * 20))
    return build.ethernet_ip(dst, src, packet)


def fabric_frames(sent: Policy) -> list[bytes]:
    conversations = [
        (5001, ip_frame(MAC_B, MAC_A, "10.1.0.2", "10.1.0.1")),
        (5001, ip_frame(MAC_A, MAC_B, "10.1.0.1", "10.1.0.2")),
        (5001, ip_frame(MAC_A, MAC_B, "10.1.0.1", "10.9.9.9")),
        (5001, ip_frame(MAC_C, MAC_A, "10.1.0.3", "10.1.0.1")),
        (5001, ip_frame(MAC_B, MAC_C, "10.1.0.2", "10.1.0.3")),
        (5001, ip_frame(MAC_A, MAC_C, "10.1.0.1", "10.1.0.3")),
        (5001, arp_frame()),
        (5002, arp_frame()),
        (5002, ip_frame(MAC_B, MAC_A, "10.1.0.2", "10.1.0.1")),
        (5002, ip_frame(MAC_A, MAC_B, "10.1.0.1", "10.1.0.2")),
        (5002, ip_frame("00:15:5d:00:00:09", MAC_A, "10.1.0.9", "10.1.0.1")),
    ]
    senders = {vsid: Encapsulator(sent, vsid=vsid) for vsid in (5001, 5002)}
    return [outer for vsid, frame in conversations for outer in senders[vsid].encapsulate(frame).frames]


@pytest.mark.parametrize(
    "encapsulation", [{}, {"kind": "vxlan", "checksum": True, "port": 8472, "vlan": 7, "vlan_priority": 5}]
)
def test_a_policy_comes_back(encapsulation: dict[str, Any]) -> None:
    sent = fabric(**encapsulation)
    decoding = DecodeOptions(tables=DecodeOptions().tables.decode_as("udp.port==8472,vxlan"))
    derived = derive(selected([batch_of(fabric_frames(sent))], decoding))
    assert derived.policy == sent
    assert without_mtu(derived.notes) == []


def test_names_are_given() -> None:
    names = Names({"nvgre:5001": "blue"}, {"192.0.2.1": "host-a"})
    derived = learnt(fabric_frames(fabric()), names=names)
    assert [host.name for host in derived.policy.hosts] == ["host-a", "", ""]
    assert [subnet.name for subnet in derived.policy.subnets] == ["blue", ""]


# --- what a policy cannot hold ------------------------------------------------------------------------------------


def outer(inner: bytes, *, src: int = 0, dst: int = 1, vsid: int = VSID, flow_id: int = 5, **ip: Any) -> bytes:
    packet = build.ipv4(PAS[4][src], PAS[4][dst], build.GRE, build.nvgre(vsid, flow_id, inner), **ip)
    return build.ethernet_ip(NVE_MACS[dst], NVE_MACS[src], packet)


A_TO_B = ip_frame(MAC_B, MAC_A, *CA4[::-1])
B_TO_A = ip_frame(MAC_A, MAC_B, *CA4)


def said(derived: Derived) -> str:
    return "\n".join(derived.notes)


def test_a_move_is_dated_and_the_later_place_taken() -> None:
    moved = ip_frame(MAC_B, MAC_A, *CA4[::-1])
    derived = learnt([outer(A_TO_B), outer(A_TO_B), outer(moved, src=2)], [0, SECOND, 90 * SECOND + 1])
    (entry,) = [entry for entry in derived.policy.subnets[0].entries if entry.mac == mac(MAC_A)]
    assert (str(entry.pa), [str(ca) for ca in entry.cas]) == (PAS[4][2], [CA4[0]])
    assert (
        f"{MAC_A} ({CA4[0]}) in subnet {VSID} moved from 192.0.2.1 to 192.0.2.3 at 1970-01-01T00:01:30.000000001Z"
    ) in derived.notes


def test_an_address_that_moves_without_its_machine_is_dated() -> None:
    taken_over = ip_frame(MAC_B, MAC_C, *CA4[::-1])
    derived = learnt([outer(A_TO_B), outer(taken_over, src=2)])
    entries = {entry.mac: entry for entry in derived.policy.subnets[0].entries}
    assert entries[mac(MAC_A)].cas == ()
    assert entries[mac(MAC_C)].cas == (ip_address(CA4[0]),)
    assert f"{CA4[0]} in subnet {VSID} moved from 192.0.2.1 to 192.0.2.3 at 1970-01-01T00:00:00.000000001Z" in said(
        derived
    )


def test_an_address_at_two_places_at_once_is_named() -> None:
    derived = learnt([outer(A_TO_B), outer(A_TO_B, src=2), outer(A_TO_B)])
    (entry,) = [entry for entry in derived.policy.subnets[0].entries if entry.mac == mac(MAC_A)]
    assert str(entry.pa) == PAS[4][0]
    assert f"{MAC_A} ({CA4[0]}) in subnet {VSID} is behind 192.0.2.3 and 192.0.2.1 at once" in said(derived)


def test_a_distributed_routers_address_is_left_out() -> None:
    router = "00:15:5d:ff:ff:ff"
    one, two = ip_frame(MAC_B, router, CA4[1], "10.7.0.1"), ip_frame(MAC_B, router, CA4[1], "10.7.0.2")
    derived = learnt([outer(one), outer(two, src=2), outer(one), outer(two, src=2)])
    entries = {entry.cas: entry for entry in derived.policy.subnets[0].entries}
    assert {cas: (entry.mac, str(entry.pa)) for cas, entry in entries.items() if cas} == {
        (ip_address("10.7.0.1"),): (None, PAS[4][0]),
        (ip_address("10.7.0.2"),): (None, PAS[4][2]),
        (ip_address(CA4[1]),): (mac(MAC_B), PAS[4][1]),
    }
    assert f"{router} in subnet {VSID} is a router's, behind 192.0.2.1, 192.0.2.3 at once" in said(derived)


def test_who_only_receives_is_where_frames_go() -> None:
    derived = learnt([outer(A_TO_B)])
    assert derived.policy.subnets[0].entries == (
        Entry(ip_address(PAS[4][0]), mac(MAC_A), (ip_address(CA4[0]),)),
        Entry(ip_address(PAS[4][1]), mac(MAC_B), (ip_address(CA4[1]),)),
    )
    assert [host.mac for host in derived.policy.hosts] == [mac(NVE_MACS[0]), mac(NVE_MACS[1])]


def test_a_silent_router_is_listed_without_what_it_routes_for() -> None:
    frames = [outer(ip_frame(MAC_B, MAC_A, f"203.0.113.{i}", CA4[0])) for i in range(1, 4)]
    assert Entry(ip_address(PAS[4][1]), mac(MAC_B)) in learnt(frames).policy.subnets[0].entries


DEVIATIONS = {
    "TTLs": ([outer(A_TO_B), outer(A_TO_B), outer(A_TO_B, ttl=7)], "several TTLs", "64 (2 frames), 7 (1 frame)"),
    "DF": ([outer(A_TO_B), outer(A_TO_B, fragment=0)], "several settings of DF", "with (1 frame), without (1 frame)"),
    "FlowIDs": ([outer(A_TO_B, flow_id=i) for i in range(1, 5)], "FlowIDs that our hash does not give", ""),
    "DSCP": (
        [outer(A_TO_B), outer(A_TO_B), outer(A_TO_B, tos=0x20)],
        "1 frame with another DSCP outside than inside",
        "",
    ),
    "CE": ([outer(A_TO_B), outer(A_TO_B), outer(A_TO_B, tos=3)], "1 frame marked CE on their way", ""),
    "inner tags": (
        [outer(build.ethernet_ip(MAC_B, MAC_A, A_TO_B[14:], vlans=(5,)))],
        "1 frame with tags inside, which are removed",
        "",
    ),
    "host MACs": (
        [outer(A_TO_B), outer(A_TO_B)[:6] + mac("02:00:00:00:00:77") + outer(A_TO_B)[12:]],
        "frames of 192.0.2.1 come from several MAC addresses",
        "02:00:00:00:00:01 (1 frame), 02:00:00:00:00:77 (1 frame)",
    ),
    "next hops": (
        [outer(A_TO_B), mac("02:00:00:00:00:77") + outer(A_TO_B)[6:]],
        "frames from 192.0.2.1 to 192.0.2.2 go to several MAC addresses",
        "02:00:00:00:00:02 (1 frame), 02:00:00:00:00:77 (1 frame)",
    ),
    "padding": ([outer(A_TO_B) + b"\0\0"], "1 frame with bytes behind the outer packet", ""),
    "C and S": (
        [outer(A_TO_B).replace(b"\x20\x00\x65\x58", b"\x30\x00\x65\x58").replace(A_TO_B, bytes(4) + A_TO_B)],
        "1 frame with options, extension headers or header bits",
        "",
    ),
    "reserved VSID": (
        [outer(A_TO_B), outer(A_TO_B, vsid=0xFFFFFF)],
        "1 frame in subnet 16777215, which nvgre cannot have",
        "",
    ),
    "DEI": (
        [outer(A_TO_B)[:12] + bytes.fromhex("81001005") + outer(A_TO_B)[12:]],
        "1 frame with DEI set in the outer tag",
        "",
    ),
    "two tags": (
        [outer(A_TO_B)[:12] + bytes.fromhex("88a8000581000006") + outer(A_TO_B)[12:]],
        "1 frame with several outer tags",
        "",
    ),
    "impossible PA": ([outer(A_TO_B), outer(A_TO_B, dst=0)], "1 frame from or to addresses that no host can have", ""),
    "mirrored": (
        [
            outer(A_TO_B),
            build.ethernet_ip(
                NVE_MACS[2],
                NVE_MACS[0],
                build.ipv4("198.51.100.1", "198.51.100.2", build.GRE, build.gre(0x88BE, outer(A_TO_B))),
            ),
        ],
        "1 frame with further layers outside",
        "",
    ),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_what_does_not_come_back_is_said(name: str) -> None:
    frames, sentence, counts = DEVIATIONS[name]
    (note,) = [note for note in learnt(frames).notes if sentence in note]
    assert counts in note


def test_other_encapsulations_are_named_and_can_be_chosen() -> None:
    vxlan = Encapsulator(policy("vxlan")).encapsulate(udp_frame()).frames
    esp = build.ethernet_ip(NVE_MACS[1], NVE_MACS[0], build.ipv4(PAS[4][0], PAS[4][1], 50, b"\xff" * 40))
    frames = [*vxlan, outer(A_TO_B), outer(B_TO_A, src=1, dst=0), esp]
    derived = learnt(frames)
    assert derived.policy.encapsulation.kind == "nvgre"
    assert "the capture has other encapsulations, which --encap chooses: vxlan (1 frame)" in derived.notes
    assert "no policy can describe esp (1 frame)" in derived.notes
    assert learnt(frames, kind="vxlan").policy.encapsulation.kind == "vxlan"
    with pytest.raises(
        NothingToLearn, match=r"no frame carries geneve; there are nvgre \(2 frames\), vxlan \(1 frame\)"
    ):
        learnt(frames, kind="geneve")
    with pytest.raises(NothingToLearn, match="no frame carries an encapsulation that a policy can describe"):
        learnt([esp])


def test_one_flow_id_for_all_is_a_number_and_zero_has_its_name() -> None:
    assert learnt([outer(A_TO_B, flow_id=9), outer(B_TO_A, src=1, dst=0, flow_id=9)]).policy.encapsulation.flow_id == 9
    assert learnt([outer(A_TO_B, flow_id=0)]).policy.encapsulation.flow_id == "zero"
    mostly = learnt([outer(A_TO_B, flow_id=9)] * 19 + [outer(A_TO_B, flow_id=8)])
    assert mostly.policy.encapsulation.flow_id == 9
    assert "1 frame with another FlowID than 9, which all get" in mostly.notes


def test_later_fragments_alone_prove_no_hash() -> None:
    """What their first fragment hashed to is not known, so a number that all have may as well be one for all."""
    first, later, _ = fragments4()
    whole = learnt(Encapsulator(policy()).encapsulate(first).frames + Encapsulator(policy()).encapsulate(first).frames)
    assert whole.policy.encapsulation.flow_id == "hash"
    alone = learnt([outer(later, flow_id=9), outer(later, flow_id=9)])
    assert alone.policy.encapsulation.flow_id == 9


def test_frames_are_learnt_from_as_the_mask_says() -> None:
    (one,) = selected([batch_of([outer(A_TO_B), outer(B_TO_A, src=1, dst=0, vsid=6001)])])
    derived = derive([one._replace(mask=np.array([True, False]))])
    assert (derived.frames, [subnet.vsid for subnet in derived.policy.subnets]) == (1, [VSID])


def test_more_addresses_than_there_is_room_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally.Tally.__init__, "__defaults__", (10,))
    frames = [outer(ip_frame(MAC_B, f"00:15:5d:00:01:{i:02x}", CA4[1], f"10.2.0.{i}")) for i in range(1, 31)]
    derived = learnt(frames)
    assert len(derived.policy.subnets[0].entries) == 11  # and B, to whom they all send
    assert "20 frames with addresses for which there was no room" in derived.notes


def test_batches_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_WAITING", 3)
    frames = fabric_frames(fabric())
    whole = derive(selected([batch_of(frames)]))
    times = range(len(frames))
    parts = [batch_of(frames[i : i + 2], times[i : i + 2]) for i in range(0, len(frames), 2)]
    assert derive(selected(parts)) == whole


# --- anything at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_nothing_in_a_capture_makes_it_fail(seed: int) -> None:
    batch = random_batch(seed, 400, sample_frames())
    for kind in (None, *KINDS):
        try:
            derived = derive(selected([batch]), kind=kind)
        except NothingToLearn:
            continue
        assert problems_of(derived.policy) == []
        assert loads(dump(derived.policy, derived.notes).encode(), "derived") == derived.policy


#: Captures in which much is what no policy holds: outer tags of all sorts, layers outside, outer fragments.
ODD_SAMPLES = {"vlan.pcap", "nested-vxlan.pcap", "fragments.pcap"}


@pytest.mark.parametrize("name", sorted({path.name for path in SAMPLES.glob("*.pcap*")} - ODD_SAMPLES))
def test_foreign_frames_travel_where_they_did(name: str) -> None:
    """Inner bytes (without tags), identifier, PAs and MAC addresses come back."""
    with open_session(SAMPLES / name) as session:
        derived = derive(session.frames())
    frames = []
    with open_session(SAMPLES / name) as session:
        for batch, records, _, _ in session.frames():
            frames += [
                (batch.frame(i), int(batch.wirelen[i])) for i in np.flatnonzero(records["tenant_layer"] >= 0).tolist()
            ]
    inside, outside = Decapsulator(), Encapsulator(derived.policy)
    compared = 0
    for frame, wirelen in frames:
        back = inside.decapsulate(frame, wirelen)
        if back.reason or back.origin is None or back.origin.encap != derived.policy.encapsulation.kind:
            continue
        made = outside.encapsulate(back.frame, back.wirelen, origin=back.origin, linktype=back.linktype)
        if made.reason == "no-subnet":  # learnt from the others alone
            assert back.origin.vsid not in {subnet.vsid for subnet in derived.policy.subnets}
            continue
        (copy,) = made.frames
        assert copy[:12] == frame[:12]
        came = inside.decapsulate(copy, len(copy) + made.missing)
        untouched = read(back.frame, back.wirelen, back.linktype).without_tags()
        assert (came.frame, came.wirelen, came.origin) == (untouched.data, untouched.wirelen, back.origin)
        compared += 1
    assert compared >= derived.frames * 0.9


def test_kernels_learn_the_same(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    path.write_bytes(pcap([Packet(i * SECOND, frame) for i, frame in enumerate(fabric_frames(fabric()))]))
    results = []
    for engine in ("reference", "kernels"):
        with open_session(path, options=SessionOptions(engine=engine)) as session:
            results.append(derive(session.frames()))
    assert results[0] == results[1]


# --- the hash -----------------------------------------------------------------------------------------------------


def hashes(kind: Kind, frames: Sequence[bytes]) -> list[int]:
    (one,) = selected([batch_of(frames)])
    found: list[int] = Headers(kind, one.batch, one.records, np.arange(len(frames))).entropy.tolist()
    return found


@settings(deadline=None)
@given(st.sampled_from(["nvgre", "vxlan", "mpls-in-udp"]), st.lists(untagged(), min_size=1, max_size=8))
def test_hashes_are_the_encapsulators(kind: Kind, frames: list[bytes]) -> None:
    made = [(frame, outer) for frame in frames for outer in Encapsulator(policy(kind)).encapsulate(frame).frames]
    known = 0
    for (inner, _), found in zip(made, hashes(kind, [outer for _, outer in made]), strict=True):
        if found >= 0:
            known += 1
            assert found == FlowHash().of(None, read(inner, len(inner)))
    assert known or all(read(inner, len(inner)).ip or len(inner) < 60 for inner, _ in made)


def test_without_a_link_layer_mac_addresses_are_made_up() -> None:
    frames = [outer(A_TO_B)[14:], outer(B_TO_A, src=1, dst=0)[14:]]
    batch = replace(batch_of(frames), linktype=np.full(2, offsets.DLT_RAW, np.uint16))
    derived = derive(selected([batch]))
    assert [host.mac.hex(":") for host in derived.policy.hosts] == ["02:00:c0:00:02:01", "02:00:c0:00:02:02"]
    assert "MAC addresses are made up where none was seen: of 192.0.2.1, 192.0.2.2" in derived.notes
    assert Entry(ip_address(PAS[4][0]), mac(MAC_A), (ip_address(CA4[0]),)) in derived.policy.subnets[0].entries
