"""Answers to frames that are too long for the underlay, and when there must be none."""

from __future__ import annotations

import pytest

from nvgre_inspect.encapsulation import mtu
from nvgre_inspect.encapsulation.encapsulator import Encapsulated, Encapsulator
from nvgre_inspect.encapsulation.inner_frame import BARE_IP, read
from nvgre_inspect.encapsulation.policy import KINDS, Encapsulation, Kind
from tests.builders import build
from tests.builders.overlay import (
    CA4,
    CA6,
    MAC_A,
    MAC_B,
    fragments4,
    fragments6,
    frame_of_length,
    icmp_error,
    ip_frame,
    policy,
    udp_frame,
)

LONG = 1400


def answer(frame: bytes, size: int = 1350, wirelen: int | None = None, linktype: int = 1) -> bytes | None:
    return mtu.answer(read(frame, wirelen or len(frame), linktype), size)


def expected(frame: bytes, size: int, vlans: tuple[int, ...] = ()) -> bytes:
    """The answer to an untagged frame from A to B, by `samples/build.py`."""
    packet = frame[14:]
    if frame[12:14] == b"\x08\x00":
        message = build.icmp(3, 4, size, packet[: 576 - 28])
        return build.ethernet_ip(MAC_A, MAC_B, build.ipv4(CA4[1], CA4[0], build.ICMP, message), vlans=vlans)
    message = build.icmpv6(CA6[1], CA6[0], 2, 0, size, packet[: 1280 - 48])
    return build.ethernet_ip(MAC_A, MAC_B, build.ipv6(CA6[1], CA6[0], build.ICMPV6, message), vlans=vlans)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("length", [100, 590, 1294, LONG])
def test_answer(family: int, length: int) -> None:
    frame = frame_of_length(length, family=family)
    made = answer(frame)
    assert made == expected(frame, 1350)
    assert len(made) <= 14 + (576 if family == 4 else 1280)


def test_padding_is_not_quoted() -> None:
    frame = udp_frame(100)
    assert answer(frame + bytes(50)) == expected(frame, 1350)


def test_tags_come_back() -> None:
    assert answer(udp_frame(LONG, vlans=(0x2005, 6))) == expected(udp_frame(LONG), 1350, vlans=(0x2005, 6))


def test_bare_ip_gets_bare_ip() -> None:
    frame = udp_frame(LONG)
    for linktype in BARE_IP:
        assert answer(frame[14:], linktype=linktype) == expected(frame, 1350)[14:]


@pytest.mark.parametrize(("family", "least"), [(4, 68), (6, 1280)])
def test_least_mtu(family: int, least: int) -> None:
    frame = udp_frame(LONG, family=family)
    assert answer(frame, -5) == expected(frame, least)


def changed(frame: bytes, at: int, value: str) -> bytes:
    raw = build.address(value) if value.count(":") != 5 else build.mac(value)
    return frame[:at] + raw + frame[at + len(raw) :]


SILENT = {
    "arp": build.ethernet(MAC_B, MAC_A, build.ARP, bytes(LONG)),
    "without-df": udp_frame(LONG, fragment=0),
    "icmp-error": icmp_error(),
    "icmp6-error": icmp_error(6),
    "icmp6-redirect": ip_frame(build.ICMPV6, build.icmpv6(*CA6, 137, 0, 0, bytes(LONG)), family=6),
    "icmp6-unknown-error": ip_frame(build.ICMPV6, build.icmpv6(*CA6, 100, 0, 0, bytes(LONG)), family=6),
    "icmp-without-type": ip_frame(build.ICMP, b""),
    "later-fragment": fragments4()[1][:20] + b"\x40\x28" + fragments4()[1][22:],
    "later-fragment6": fragments6()[1],
    "to-group": changed(udp_frame(LONG), 30, "224.0.0.251"),
    "to-broadcast": changed(udp_frame(LONG), 30, "255.255.255.255"),
    "to-nobody": changed(udp_frame(LONG), 30, "0.0.0.0"),
    "from-nobody": changed(udp_frame(LONG), 26, "0.0.0.0"),
    "from-loopback": changed(udp_frame(LONG), 26, "127.0.0.1"),
    "from-group": changed(udp_frame(LONG), 26, "239.0.0.1"),
    "to-group6": changed(udp_frame(LONG, family=6), 38, "ff02::fb"),
    "from-nobody6": changed(udp_frame(LONG, family=6), 22, "::"),
    "to-group-mac": changed(udp_frame(LONG), 0, "ff:ff:ff:ff:ff:ff"),
    "from-group-mac": changed(udp_frame(LONG), 6, "01:00:5e:00:00:01"),
}


@pytest.mark.parametrize("name", SILENT)
def test_no_answer(name: str) -> None:
    assert answer(SILENT[name]) is None


def test_near_misses_are_answered() -> None:
    ping = ip_frame(build.ICMP, build.icmp(8, 0, 1, bytes(LONG)))
    ping6 = ip_frame(build.ICMPV6, build.icmpv6(*CA6, 128, 0, 1, bytes(LONG)), family=6)
    first = fragments4()[0][:20] + b"\x60\x00" + fragments4()[0][22:]
    for frame in (ping, ping6, first, fragments6()[0]):
        assert answer(frame) is not None


def test_frames_that_were_cut_get_none() -> None:
    assert answer(udp_frame(LONG)[:200], wirelen=LONG) is None


def sent(kind: Kind, family: int, frame: bytes, rule: str, limit: int = 1500) -> Encapsulated:
    return Encapsulator(policy(kind, family, mtu=limit, over_mtu=rule)).encapsulate(frame)


@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_answer_says_fits_and_not_a_byte_more(kind: Kind, family: int, inner: int) -> None:
    room = mtu.room(Encapsulation(kind=kind, mtu=1500), family, read(udp_frame(), 60))
    fits, over = (frame_of_length(14 + room + more, family=inner) for more in (0, 1))
    assert sent(kind, family, fits, "icmp").reason is None
    refused = sent(kind, family, over, "icmp")
    assert (refused.frames, refused.reason, refused.notes) == ((), "over-mtu", ("packet-too-big",))
    assert refused.replies == (expected(over, room),)


def test_kept_tags_leave_less_room() -> None:
    tagged = Encapsulation(kind="vxlan", mtu=1500, inner_vlan="keep")
    removed = Encapsulation(kind="vxlan", mtu=1500)
    frame = udp_frame(vlans=(5, 6))
    rooms = [mtu.room(options, 4, read(frame, len(frame))) for options in (tagged, removed)]
    assert rooms == [1500 - 36 - 14 - 8, 1500 - 36 - 14]


def test_drop_and_send() -> None:
    frame = frame_of_length(1500)
    assert sent("nvgre", 4, frame, "drop") == Encapsulated(reason="over-mtu")
    over = sent("nvgre", 4, frame, "send")
    assert (len(over.frames), over.notes, over.reason) == (1, ("over-mtu-sent",), None)
    assert sent("nvgre", 4, frame, "send", limit=1528).notes == ()


def test_no_answer_leaves_the_reason() -> None:
    assert sent("nvgre", 4, udp_frame(1480, fragment=0), "icmp") == Encapsulated(reason="over-mtu")
