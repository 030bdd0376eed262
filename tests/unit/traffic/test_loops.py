"""Loops: rules, addresses moved with their checksums, frames kept in memory and in a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest

from dissectors import offsets
from nvgre_inspect.capture import open_capture
from nvgre_inspect.capture.reader import select
from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.traffic.loops import looped
from nvgre_inspect.traffic.patching import Patch
from nvgre_inspect.traffic.shift_rules import AddressStep, RuleError, Shift
from nvgre_inspect.traffic.shifting import Shifter, packed
from tests.builders import overlay
from tests.unit.reference.frames import batch

SAMPLES = Path(__file__).parents[3] / "samples"
STEP = Shift.parse(["vsid+3", "ca+0.0.1.2", "ca+::1:0:0:0:ffff", "mac+257", "pa+5"])
LOOP = 7
#: Of ICMP errors only the packet itself is moved, not what it quotes.
FRAMES = {name: frame for name, frame in overlay.typical_frames().items() if not name.startswith("error")}


def decoded(frames: PacketBatch) -> np.ndarray:
    records = np.empty(len(frames), dtype=RECORD)
    decode(frames, DecodeOptions(), records)
    return records


def shifted(frames: list[bytes], step: Shift = STEP, loop: int = LOOP) -> list[bytes]:
    given = batch(frames)
    before = given.buffer.tobytes()
    result = Shifter(given, decoded(given), step).shifted(loop)
    assert given.buffer.tobytes() == before
    return [result.frame(i) for i in range(len(result))]


def moved(address: str, step: AddressStep) -> str:
    found = ip_address(address)
    return str(found + LOOP * (step.ipv4 if found.version == 4 else step.ipv6))


def moved_mac(text: str) -> str:
    number = int(text.replace(":", ""), 16) + LOOP * STEP.mac
    return number.to_bytes(6).hex(":")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `overlay` builds has the addresses and the VSID of the loop."""
    monkeypatch.setattr(overlay, "CA4", tuple(moved(ca, STEP.ca) for ca in overlay.CA4))
    monkeypatch.setattr(overlay, "CA6", tuple(moved(ca, STEP.ca) for ca in overlay.CA6))
    pas = {family: tuple(moved(pa, STEP.pa) for pa in both) for family, both in overlay.PAS.items()}
    monkeypatch.setattr(overlay, "PAS", pas)
    monkeypatch.setattr(overlay, "VSID", overlay.VSID + LOOP * STEP.vsid)
    for name in ("MAC_A", "MAC_B", "MAC_C"):
        monkeypatch.setattr(overlay, name, moved_mac(getattr(overlay, name)))


def tunnelled(kind: str, family: int, frames: dict[str, bytes]) -> list[bytes]:
    return [
        overlay.outer_packet(kind, frame, 50_000 if kind in ("vxlan", "geneve") else 0x2A, i, family=family)
        for i, (name, frame) in enumerate(frames.items())
        if not (name == "arp" and kind == "gre")
    ]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", ["nvgre", "gretap", "gre", "vxlan", "geneve"])
def test_a_loop_is_what_would_have_been_built_with_its_addresses(
    kind: str, family: int, request: pytest.FixtureRequest
) -> None:
    here = tunnelled(kind, family, FRAMES)
    request.getfixturevalue("elsewhere")
    there = {name: frame for name, frame in overlay.typical_frames().items() if name in FRAMES}
    expected = tunnelled(kind, family, there)
    assert shifted(here) == expected


def test_frames_outside_tunnels_are_their_own_tenants(request: pytest.FixtureRequest) -> None:
    here = list(FRAMES.values())
    request.getfixturevalue("elsewhere")
    there = overlay.typical_frames()
    assert shifted(here) == [there[name] for name in FRAMES]


def test_tags_do_not_hide_addresses(request: pytest.FixtureRequest) -> None:
    def tagged() -> list[bytes]:
        payload = overlay.build.udp(*overlay.CA4, 1, 2, b"x")
        return [overlay.ip_frame(17, payload, vlans=vlans) for vlans in ((5,), (5, 6))]

    here = tagged()
    request.getfixturevalue("elsewhere")
    assert shifted(here) == tagged()


def test_the_checksum_of_gre_follows() -> None:
    policy = overlay.policy("gretap", checksum=True)
    frames = [Encapsulator(policy).encapsulate(frame).frames[0] for frame in (FRAMES["tcp"], FRAMES["udp6"])]
    for frame in shifted(frames):
        assert frame not in frames
        assert overlay.build.checksum(frame[34:]) == 0


def test_what_belongs_to_many_or_to_nobody_stays() -> None:
    macs = [b"\xff" * 6, bytes.fromhex("01005e000001"), bytes(6)]
    cas = ["255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1"]
    frames = [
        overlay.build.ethernet_ip(mac.hex(":"), mac.hex(":"), overlay.build.ipv4(ca, ca, 17, bytes(8)))
        for mac in macs
        for ca in cas
    ]
    six = [
        overlay.build.ethernet_ip(macs[1].hex(":"), macs[2].hex(":"), overlay.build.ipv6(ca, ca, 17, bytes(8)))
        for ca in ("ff02::1", "::", "::1")
    ]
    assert shifted(frames + six) == frames + six


def test_a_solicitation_goes_to_the_group_of_its_target() -> None:
    def solicitation(source: str, target: str) -> bytes:
        group = ip_address("ff02::1:ff00:0") + (int(ip_address(target)) & 0xFFFFFF)
        icmp = overlay.build.icmpv6(source, str(group), 135, 0, 0, overlay.build.address(target))
        packet = overlay.build.ipv6(source, str(group), 58, icmp, hop_limit=255)
        mac = (0x3333 << 32 | int(group) & 0xFFFFFFFF).to_bytes(6).hex(":")
        return overlay.build.ethernet_ip(mac, "00:15:5d:00:00:01", packet)

    here, there = solicitation("2001:db8::1", "2001:db8::feff:fffe"), solicitation("2001:db8::4", "2001:db8::ff00:1")
    assert shifted([here], Shift.parse(["ca+::3"]), 1) == [there]
    assert there[:6] == bytes.fromhex("3333ff000001")


def test_a_wrong_checksum_stays_wrong() -> None:
    frame = bytearray(FRAMES["tcp"])
    frame[50] ^= 0x10
    good, bad = shifted([FRAMES["tcp"], bytes(frame)])
    assert [i for i in range(len(good)) if good[i] != bad[i]] in ([50], [50, 51])


def test_udp_without_a_checksum_has_none_afterwards() -> None:
    frame = bytearray(FRAMES["udp"])
    frame[40:42] = b"\0\0"
    assert shifted([bytes(frame)])[0][40:42] == b"\0\0"


@pytest.mark.parametrize("before", [0, 1, 14, 15])
def test_a_header_at_an_odd_place(before: int) -> None:
    """Where a link layer of odd length comes first, sums of words have their bytes swapped."""
    header = overlay.build.ipv4("10.0.0.1", "10.0.255.254", 17, b"")
    given = batch([bytes(before) + header])
    patch = Patch(dataclasses.replace(given, buffer=given.buffer.copy()))
    at, every = np.array([before]), np.array([True])
    changed = patch.add_ipv4(at + 12, 0x10203, every) + patch.add_ipv4(at + 16, 0x10203, every)
    patch.fix_checksum(at + 10, changed, every)
    found = patch.read(at + 12, 4, every), patch.read(at + 16, 4, every)
    assert [int(address[0]) for address in found] == [0x0A010204, 0x0A020201]
    words = [int(patch.read(at + k, 2, every)[0]) for k in range(0, 20, 2)]
    assert overlay.build.checksum(b"".join(word.to_bytes(2) for word in words)) == 0


def test_a_vsid_goes_round_among_those_of_tenants() -> None:
    highest = offsets.NVGRE_VENDOR_VSID - 1
    frames = [overlay.build.ethernet_ip("02:00:00:00:00:01", "02:00:00:00:00:02", packet) for packet in _nvgre(highest)]
    found = shifted(frames, Shift(vsid=1), 2)[0]
    assert int.from_bytes(found[38:41]) == offsets.NVGRE_MIN_VSID + 1
    back = shifted([found], Shift(vsid=-1), 2)
    assert back == frames


def _nvgre(vsid: int) -> Iterator[bytes]:
    yield overlay.build.ip("192.0.2.1", "192.0.2.2", 47, overlay.build.nvgre(vsid, 7, FRAMES["tcp"]), ident=1, tos=0)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcap*")), ids=lambda path: path.name)
def test_there_and_back_again(path: Path) -> None:
    """Truncated, nested, hostile: whatever is there comes back as it was, and nothing raises."""
    back = Shift.parse(["vsid-3", "ca-0.0.1.2", "ca-::1:0:0:0:ffff", "mac-257", "pa-5"])
    with open_capture(path, spool=False) as reader:
        for frames in reader.batches():
            frames = packed(frames)
            there = Shifter(frames, decoded(frames), STEP).shifted(LOOP)
            again = Shifter(there, decoded(there), back).shifted(LOOP)
            assert there.buffer.tobytes() != frames.buffer.tobytes()
            for i in range(len(frames)):
                assert again.frame(i) == frames.frame(i), f"frame {i + 1}"


def test_frames_cut_anywhere_do_no_harm() -> None:
    whole = overlay.outer_packet("vxlan", FRAMES["neighbour"], 50_000, 1, family=6)
    frames = [whole[:length] for length in range(len(whole) + 1)]
    result = shifted(frames)
    assert [len(frame) for frame in result] == [len(frame) for frame in frames]


# --- rules -----------------------------------------------------------------------------------------------------------


def test_rules_add_up() -> None:
    shift = Shift.parse(["vsid+1", "vsid+0x10", "ca+0.0.1.0", "ca+::2", "pa-1", "mac+00:00:00:00:01:00"])
    assert shift == Shift(17, 256, AddressStep(256, 2), AddressStep(-1, -1))
    assert shift.times(3) == Shift(51, 768, AddressStep(768, 6), AddressStep(-3, -3))
    assert not Shift.parse([])


@pytest.mark.parametrize(
    "text", ["", "vsid", "vsid1", "vlan+1", "vsid+0.0.0.1", "mac+1.2.3.4", "ca+1.2.3", "ca+00:00:00:00:00:01", "ca+z"]
)
def test_what_is_no_rule_is_named(text: str) -> None:
    with pytest.raises(RuleError, match=r"rule|step|neither") as caught:
        Shift.parse([text])
    assert repr(text) in str(caught.value)


# --- loops -----------------------------------------------------------------------------------------------------------


def batches() -> list[PacketBatch]:
    names = list(FRAMES)
    return [batch([FRAMES[name] for name in names[:4]]), batch([FRAMES[name] for name in names[4:]])]


def seen(kept_bytes: int, loops: int, step: Shift | None = None) -> list[tuple[int, list[bytes]]]:
    parts = looped(batches(), loops, step=step, decode=decoded, kept_bytes=kept_bytes)
    return [(loop, [found.frame(i) for i in range(len(found))]) for loop, found in parts]


@pytest.mark.parametrize("step", [None, STEP], ids=["alike", "rewritten"])
def test_loops_are_the_same_from_memory_and_from_a_file(step: Shift | None) -> None:
    first = len(batches()[0].buffer)
    in_memory = seen(1 << 20, 3, step)
    assert [loop for loop, _ in in_memory] == [0, 0, 1, 1, 2, 2]
    assert (in_memory[0][1] == in_memory[2][1]) == (step is None)
    assert seen(0, 3, step) == seen(first, 3, step) == in_memory


def test_loops_for_ever() -> None:
    parts = looped(batches(), 0)
    assert [next(parts).loop for _ in range(7)] == [0, 0, 1, 1, 2, 2, 3]


def test_nothing_looped_is_nothing() -> None:
    assert list(looped([], 0)) == []


def test_one_loop_keeps_nothing() -> None:
    given = batches()
    parts = [part.batch for part in looped(given, 1)]
    assert all(part is one for part, one in zip(parts, given, strict=True))


def test_what_was_chosen_of_a_large_buffer_is_packed() -> None:
    frames = batch([bytes(3000), b"a" * 20, bytes(3000)])
    one = packed(select(frames, np.array([1])))
    assert one.frame(0) == b"a" * 20
    assert len(one.buffer) == 20
