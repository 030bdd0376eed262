"""Decapsulation of batches equals the reference, frame by frame; what it says of where frames came from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
import pytest

from dissectors.dispatch import DispatchTables, FixedHeader
from nvgre_inspect.encapsulation import inner_places, tunnels
from nvgre_inspect.encapsulation.decapsulator import Decapsulator
from nvgre_inspect.encapsulation.origin import Origin
from nvgre_inspect.encapsulation.slicing import Decapsulation
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.model.source import InterfaceInfo
from nvgre_inspect.reference.decode import decode
from tests.unit.engine.random_frames import options_of, random_batch, sample_frames
from tests.unit.reference.frames import (
    CA_A,
    CA_B,
    INNER,
    MAC_A,
    MAC_B,
    PA_A,
    PA_B,
    batch,
    eth,
    gre,
    ip4,
    ip6,
    labels,
    nvgre,
    tag,
    tcp,
    udp,
    vxlan,
)

FRAMES = 1500


@pytest.fixture(scope="module")
def samples():
    return sample_frames()


def decoded(frames: PacketBatch, options: DecodeOptions) -> np.ndarray:
    records = np.empty(len(frames), dtype=RECORD)
    decode(frames, options, records)
    return records


# --- as the reference ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["tenant", "all", 1, 2, 3])
def test_random_frames_as_the_reference(inner, samples):
    seen: Counter[str] = Counter()
    for seed in range(6):
        options = replace(options_of(seed), inner=inner)
        seen += agreed(random_batch(1000 + seed, FRAMES, samples), options)
    assert seen["came out"] > (400 if inner != 3 else 40)
    reasons = {"incomplete", "no-encapsulation", "encrypted", "unreadable", "not-a-frame"}
    if inner in ("tenant", "all", 1):
        assert set(seen) == {"came out", *reasons}


def agreed(frames: PacketBatch, options: DecodeOptions) -> Counter[str]:
    """What became of the frames, on which the way by the batch and the reference agree."""
    records = decoded(frames, options)
    places = inner_places.find(frames, records, options)
    out = np.flatnonzero(places.reason == 0)
    found = tunnels.find(frames_at(frames, out), records[out], options)
    said = dict(zip(out.tolist(), origins(found, options), strict=True))
    reference = Decapsulator(options, layers=options.inner)
    seen: Counter[str] = Counter()
    for i in range(len(frames)):
        one = reference.decapsulate(frames.frame(i), int(frames.wirelen[i]), int(frames.linktype[i]))
        name = inner_places.REASONS[places.reason[i]]
        seen[name or "came out"] += 1
        if name:
            # A later fragment on its own may be that of a tunnel, which its packet's others would tell.
            assert one.reason == name or (one.reason, name) == ("incomplete", "no-encapsulation"), frames.frame(i).hex()
            continue
        start, end = int(places.start[i]), int(places.end[i])
        captured = frames.frame(i)[: int(frames.wirelen[i])][start:end]
        linktype = 1 if places.is_ethernet[i] else 101
        assert (captured, end - start, linktype, *said[i], None) == tuple(one), frames.frame(i).hex()
    return seen


def frames_at(frames: PacketBatch, rows: np.ndarray) -> PacketBatch:
    columns = ("offset", "caplen", "wirelen", "ts_ns", "linktype", "interface", "position")
    return PacketBatch(frames.buffer, *(getattr(frames, name)[rows] for name in columns))


def origins(found: tunnels.Tunnels, options: DecodeOptions) -> list[tuple[Origin, int | None]]:
    result = []
    for kind, ident, family, src, dst, entropy in zip(*(array.tolist() for array in found), strict=True):
        pair = [
            None
            if family == 0
            else IPv4Address(words[3])
            if family == 4
            else IPv6Address(b"".join(word.to_bytes(4, "big") for word in words))
            for words in (src, dst)
        ]
        name = options.tables.names[kind]
        result.append((Origin(name, None if ident < 0 else ident, *pair), None if entropy < 0 else entropy))
    return result


@pytest.mark.parametrize("inner", ["tenant", "all", 1, 2, 3, 4, 5, 6, 7])
def test_more_headers_than_a_record_keeps(inner):
    """Six VXLANs in each other, and six IP in IP, with all that may hide what is outside of what."""
    ethernets, ips, secured = INNER, ip4(tcp(b"hello"), 6, CA_A, CA_B), INNER
    for i in range(6):
        ethernets = eth(ip4(udp(vxlan(ethernets, 100 + i), 4789, 50000 + i), 17, f"10.{i}.0.1", f"10.{i}.0.2"))
        ips = ip4(ips, 4, f"10.{i}.0.1", f"10.{i}.0.2")
    ah = bytes((47, 4, 0, 0)) + bytes(20)
    secured = eth(ip4(ah + nvgre(INNER), 51))
    mpls = eth(ip4(gre(labels(17, 18) + bytes(4) + INNER, 0x8847, key=9), 47))
    frames = batch([ethernets, eth(ips), secured, mpls, eth(ip6(nvgre(ethernets), 47), 0x86DD)])
    seen = agreed(frames, DecodeOptions(inner=inner))
    assert seen["came out"] >= (1 if inner == 7 else 2)


def test_a_users_encapsulation():
    """Its source port is entropy where it stands in UDP, and nothing else is."""
    table = DispatchTables.DEFAULT.add_user(
        FixedHeader("mine", 4, "ethernet", id_offset=0, id_length=3), udp_ports=[7000], ip_protocols=[200]
    )
    header = (77).to_bytes(3, "big") + b"\0"
    frames = batch(
        [eth(ip6(udp(header + INNER, 7000, 1234), 17), 0x86DD), eth(ip6(header + INNER, 200, label=5), 0x86DD)]
    )
    assert agreed(frames, DecodeOptions(tables=table))["came out"] == 2


# --- batches ---------------------------------------------------------------------------------------------------------


class Run:
    """A Decapsulation, fed with frames."""

    def __init__(self, *, inner="tenant", ethernet=False, interfaces=4):
        self.options = DecodeOptions(inner=inner)
        self.interfaces = [InterfaceInfo("a.pcapng", i, f"eth{i}", 1, 0) for i in range(interfaces)]
        self.rewriter = Decapsulation(self.options, self.interfaces, self.decode, ethernet=ethernet)

    def decode(self, frames):
        return decoded(frames, self.options)

    def rewrite(self, frames, first=1):
        numbers = np.arange(first, first + len(frames))
        return self.rewriter.rewrite(frames, self.decode(frames), numbers)

    def said(self, result):
        """(input interface, description) of each frame that came out."""
        outputs = [self.rewriter.outputs[row] for row in result.batch.interface.tolist()]
        return [(output.name, output.description) for output in outputs]


def outer(payload, **settings):
    return eth(ip4(payload, 47, **settings))


def test_frames_keep_their_times_and_come_from_their_tunnels():
    frames = batch([outer(nvgre(INNER, flow_id=i)) for i in range(3)] + [eth(ip4(udp(vxlan(INNER), 4789), 17))])
    run = Run()
    result = run.rewrite(frames, first=7)
    assert [result.batch.frame(i) for i in range(4)] == [INNER] * 4
    assert result.batch.ts_ns.tolist() == frames.ts_ns.tolist()
    assert result.number.tolist() == [7, 8, 9, 10]
    assert result.entropy.tolist() == [0, 1, 2, 50001]
    assert run.said(result) == [("eth3", "nvgre vsid=5001 pa=192.0.2.1>192.0.2.2")] * 3 + [
        ("eth3", "vxlan vsid=77 pa=192.0.2.1>192.0.2.2")
    ]
    assert (len(result.skipped), run.rewriter.finish()) == (0, None)


def test_each_input_interface_and_direction_has_its_own():
    frames = batch([outer(nvgre(INNER)), outer(nvgre(INNER), src=PA_B, dst=PA_A), outer(nvgre(INNER, 6000))] * 2)
    frames.interface[3:] = 1
    run = Run()
    first = run.rewrite(frames)
    again = run.rewrite(frames, first=7)
    assert len(run.rewriter.outputs) == 6
    assert run.said(first) == run.said(again)
    assert [name for name, _ in run.said(first)] == ["eth3"] * 3 + ["eth1"] * 3


def test_padding_and_what_the_snapshot_length_cut():
    whole = outer(nvgre(INNER))
    padded = whole + bytes(6)
    cut = whole[:-10]
    result = Run().rewrite(batch([padded, cut], wire=[len(padded), len(whole)]))
    assert [result.batch.frame(0), result.batch.frame(1)] == [INNER, INNER[:-10]]
    assert result.batch.wirelen.tolist() == [len(INNER)] * 2


def test_bare_ip_is_cut_to_its_own_length():
    packet = ip4(tcp(b"hello"), 6, CA_A, CA_B)
    result = Run().rewrite(batch([eth(ip4(gre(packet + bytes(9), 0x0800), 47))]))
    assert result.batch.frame(0) == packet
    assert result.batch.linktype.tolist() == [101]


def test_bare_ip_gets_an_ethernet_header_where_it_has_to():
    four, six = ip4(tcp(b"hello"), 6, CA_A, CA_B), ip6(tcp(b"hello"), 6)
    frames = batch([eth(ip4(four, 4)), outer(nvgre(INNER)), eth(ip4(six, 41))])
    before = frames.buffer.tobytes()
    run = Run(ethernet=True)
    result = run.rewrite(frames)
    macs = MAC_B.to_bytes(6, "big") + MAC_A.to_bytes(6, "big")
    assert [result.batch.frame(i) for i in range(3)] == [macs + b"\x08\0" + four, INNER, macs + b"\x86\xdd" + six]
    assert result.batch.wirelen.tolist() == [len(four) + 14, len(INNER), len(six) + 14]
    assert result.batch.linktype.tolist() == [1, 1, 1]
    assert run.rewriter.noted == {"ethernet-added": 2}
    assert frames.buffer.tobytes() == before  # others may still need it


def test_bare_ip_on_another_link_gets_no_addresses():
    four = ip4(tcp(b"hello"), 6, CA_A, CA_B)
    result = Run(ethernet=True).rewrite(batch([ip4(four, 4)], linktype=101))
    assert result.batch.frame(0) == bytes(12) + b"\x08\0" + four
    no_room = Run(ethernet=True).rewrite(batch([b"\x02\x81" + labels(17) + four], linktype=9))
    assert (no_room.reason, len(no_room.batch)) == (["not-ethernet"], 0)


def test_what_stays_behind_says_why_and_is_still_there():
    plain = eth(ip4(tcp(), 6))
    secret = eth(ip4(bytes(range(64)), 50))
    arp = outer(gre(bytes(28), 0x0806, key=4))
    cut = outer(nvgre(INNER))[: 14 + 20 + 8 + 10]
    frames = batch([plain, outer(nvgre(INNER)), secret, arp, cut], wire=None)
    result = Run().rewrite(frames)
    assert result.number.tolist() == [2]
    assert dict(zip(result.skipped.tolist(), result.reason, strict=True)) == {
        1: "no-encapsulation",
        3: "encrypted",
        4: "not-a-frame",
        5: "unreadable",
    }
    assert [result.left.frame(i) for i in range(4)] == [plain, secret, arp, cut]


def test_inner_tags_are_the_tenants_own():
    tagged = INNER[:12] + b"\x81\0" + tag(INNER[14:], 7)
    assert Run().rewrite(batch([outer(nvgre(tagged))])).batch.frame(0) == tagged


def test_mirrors():
    """Without a tenant inside, what is mirrored comes out; with one, the tenant's frame."""
    session = (2 << 8).to_bytes(4, "big")
    erspan = b"\x10\x00\x00\x05" + bytes(4)
    plain = eth(ip4(tcp(), 6, CA_A, CA_B))
    wrapped = [outer(gre(erspan + inside, 0x88BE, flags=0x1000)) for inside in (plain, outer(nvgre(INNER)))]
    wrapped = [frame[:38] + session + frame[38:] for frame in wrapped]
    for frame in wrapped:
        assert frame[34:36] == b"\x10\0"
    frames = batch([frame[:16] + (len(frame) - 14).to_bytes(2, "big") + frame[18:] for frame in wrapped])
    run = Run()
    result = run.rewrite(frames)
    assert [result.batch.frame(0), result.batch.frame(1)] == [plain, INNER]
    assert [description for _, description in run.said(result)] == [
        "erspan2 vsid=5 pa=192.0.2.1>192.0.2.2",
        "nvgre vsid=5001 pa=192.0.2.1>192.0.2.2",
    ]


def test_more_tunnels_than_a_file_has_interfaces_share_one(monkeypatch):
    monkeypatch.setattr("nvgre_inspect.encapsulation.slicing.MAX_INTERFACES", 9)
    run = Run()
    bare = ip4(tcp(), 6, CA_A, CA_B)
    frames = [outer(nvgre(INNER, 5000 + i)) for i in range(8)] + [eth(ip4(bare, 4))]
    result = run.rewrite(batch(frames * 2))
    assert len(run.rewriter.outputs) == 3 + 2
    assert [description.split()[-1] for _, description in run.said(result)] == [
        *["pa=192.0.2.1>192.0.2.2"] * 3,
        *["others"] * 6,
        *["pa=192.0.2.1>192.0.2.2"] * 3,
        *["others"] * 6,
    ]
    for row, output in enumerate(run.rewriter.outputs):
        assert set(result.batch.linktype[result.batch.interface == row].tolist()) == {output.linktype}
    assert run.rewriter.noted == {"shared-interface": 12}


def test_fragments_of_outer_packets_are_put_together():
    payload = nvgre(INNER + bytes(100))
    first = eth(ip4(payload[:80], 47, fragment=0x2000))
    second = eth(ip4(payload[80:], 47, fragment=10))
    plain = eth(ip4(tcp(), 6))
    run = Run()
    result = run.rewrite(batch([first, plain, second, first]))
    assert (result.batch.frame(0), result.number.tolist(), result.joined) == (INNER + bytes(100), [3], 1)
    assert (result.skipped.tolist(), result.reason) == ([2], ["no-encapsulation"])
    rest = run.rewriter.finish()
    assert (rest.skipped.tolist(), rest.reason, rest.left.frame(0)) == ([4], ["incomplete"], first)


def test_addresses_of_both_versions_in_descriptions():
    frames = batch([eth(ip6(nvgre(INNER), 47), 0x86DD), outer(nvgre(INNER))])
    run = Run()
    assert [Origin.parse(text) for _, text in run.said(run.rewrite(frames))] == [
        Origin("nvgre", 5001, ip_address("2001:db8::1"), ip_address("2001:db8::2")),
        Origin("nvgre", 5001, ip_address(PA_A), ip_address(PA_B)),
    ]
