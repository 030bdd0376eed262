"""UDP, ICMP and groups of virtual machines."""

from __future__ import annotations

import ipaddress
import struct

import dpkt
import pytest

from nvgre_inspect.traffic.stack import ip, payload
from nvgre_inspect.traffic.stack.multicast import group_mac
from tests.builders.machine_pair import A4, A6, B4, B6, MTU, SECOND, MachinePair

Heard = list[tuple[bytes, int, bytes]]


def listening(pair: MachinePair, port: int = 9) -> Heard:
    heard: Heard = []
    pair.b.udp.open(lambda address, sender, data: heard.append((address, sender, data)), port)
    return heard


@pytest.mark.parametrize(("own", "to"), [(A4, B4), (A6, B6)])
@pytest.mark.parametrize(
    ("head", "more", "offset"), [(b"", 0, 0), (b"abc", 0, 0), (b"", 501, 7), (b"headed", 1200, 11)]
)
def test_datagram(own: bytes, to: bytes, head: bytes, more: int, offset: int) -> None:
    pair = MachinePair()
    heard = listening(pair)
    socket = pair.a.udp.open(lambda address, port, data: None, dscp=46)
    socket.send(to, 9, head, more, offset)
    pair.run(SECOND)
    assert heard == [(own, socket.port, head + payload.piece(offset, more))]
    packet = pair.sent[0].ip
    assert packet.data.ulen == 8 + len(head) + more
    before = packet.data.sum
    packet.data.sum = 0
    if packet.v == 4:
        packet.sum = 0
    bytes(packet)
    assert packet.data.sum == before
    assert (packet.tos if packet.v == 4 else packet.fc) >> 2 == 46


@pytest.mark.parametrize("to", [B4, B6])
@pytest.mark.parametrize("size", [MTU - 28, MTU - 27, MTU, 5000, 65_000])
def test_long_datagrams_are_fragmented(to: bytes, size: int) -> None:
    pair = MachinePair()
    heard = listening(pair)
    pair.a.udp.open(lambda address, port, data: None).send(to, 9, b"", size)
    pair.run(SECOND)
    assert [data for _, _, data in heard] == [payload.piece(0, size)]
    room = MTU - (20 if to == B4 else 40)
    assert (len(pair.sent) > 1) == (size + 8 > room)
    assert all(len(sent.frame) - 14 <= MTU for sent in pair.sent)


@pytest.mark.parametrize("to", [B4, B6])
def test_missing_fragment(to: bytes) -> None:
    pair = MachinePair()
    pair.lose = lambda sent: len(pair.sent) == 1
    heard = listening(pair)
    socket = pair.a.udp.open(lambda address, port, data: None)
    socket.send(to, 9, b"", 5000)
    pair.run(SECOND)
    socket.send(to, 9, b"", 100)
    pair.run(60 * SECOND)
    assert [len(data) for _, _, data in heard] == [100]


@pytest.mark.parametrize("to", [B4, B6])
def test_nobody_listens(to: bytes) -> None:
    """RFC 1122 section 4.1.3.1, RFC 4443 section 3.1."""
    pair = MachinePair()
    pair.a.udp.open(lambda address, port, data: None).send(to, 9, b"hello!")
    pair.run(SECOND)
    asked, refused = pair.sent
    body = refused.frame[34:] if to == B4 else refused.frame[54:]
    assert body[:2] == (bytes((3, 3)) if to == B4 else bytes((1, 4)))
    assert body[8:] == asked.frame[14:]
    if to == B4:
        assert dpkt.in_cksum(body) == 0
    else:
        found = ip.parse6(refused.frame)
        assert isinstance(found, ip.Datagram)
        assert found.sound


@pytest.mark.parametrize("place", [36, 40, 45])
def test_broken_datagrams_are_ignored(place: int) -> None:
    def change(sent: object) -> bytes:
        frame = bytearray(pair.sent[-1].frame)
        frame[place] ^= 1
        return bytes(frame)

    pair = MachinePair(change=change)
    heard = listening(pair)
    pair.a.udp.open(lambda address, port, data: None).send(B4, 9, b"hello, world")
    pair.run(SECOND)
    assert heard == []
    assert len(pair.sent) == 1


@pytest.mark.parametrize(("to", "protocol"), [(B4, 1), (B6, 58)])
@pytest.mark.parametrize("size", [0, 56, 1400, 4001])
def test_echo(to: bytes, protocol: int, size: int) -> None:
    pair = MachinePair()
    answers: list[tuple[bytes, int, int]] = []
    pair.a.icmp.answered[77] = lambda address, identifier, sequence: answers.append((address, identifier, sequence))
    route = pair.a.route(to, protocol, df=False)
    for sequence in (1, 2):
        pair.a.icmp.echo(route, 77, sequence, size)
    pair.run(SECOND)
    assert answers == [(to, 77, 1), (to, 77, 2)]
    if size <= 1400:
        question, _, answer, _ = pair.sent
        start = 34 if to == B4 else 54
        assert question.frame[start + 4 :] == answer.frame[start + 4 :]
        assert question.frame[start + 8 :] == payload.piece(0, size)


@pytest.mark.parametrize("claim", [0, 60, 575, 1458, 9000])
def test_unreasonable_path_mtus_are_not_believed(claim: int) -> None:
    pair = MachinePair()
    route = pair.b.route(A4, 1)
    quoted = pair.a.route(B4, 17).frame(bytes(6), bytes(40))[14:42]
    pair.b.send(route, pair.b.icmp.with_checksum(route, struct.pack(">BBHHH", 3, 4, 0, 0, claim) + quoted))
    pair.run(SECOND)
    assert pair.a.mtu_to(B4) == MTU


GROUPS = [("239.129.2.3", "01005e010203"), ("ff05::1:2345", "333300012345")]


@pytest.mark.parametrize(("group", "mac"), GROUPS)
def test_groups(group: str, mac: str) -> None:
    """Who joined hears it; the others do not."""
    pair = MachinePair()
    address = ipaddress.ip_address(group).packed
    assert group_mac(address) == bytes.fromhex(mac)
    heard = listening(pair)
    socket = pair.a.udp.open(lambda *arguments: None)
    socket.send(address, 9, b"before")
    pair.run(SECOND)
    pair.b.multicast.join(address)
    socket.send(address, 9, b"after!")
    pair.run(2 * SECOND)
    assert [data for _, _, data in heard] == [b"after!"]
    assert pair.sent[0].frame[:6] == bytes.fromhex(mac)
    # Nobody answers "port unreachable" to a group.
    assert [sent.sender for sent in pair.sent] == ["a", "b", "a"]


def test_membership_reports() -> None:
    pair = MachinePair()
    for group, _ in GROUPS:
        pair.b.multicast.join(ipaddress.ip_address(group).packed)
    pair.run(60 * SECOND)
    igmp, mld, *later = pair.sent
    assert [sent.ns for sent in later] == [10 * SECOND] * 2
    assert igmp.ip.ttl == mld.ip.hlim == 1
    assert (igmp.frame[34], dpkt.in_cksum(igmp.frame[34:42])) == (0x16, 0)
    assert mld.frame[54:62] == bytes.fromhex("3a00050200000100")
    assert mld.frame[62] == 131
    pseudo = mld.frame[22:54] + struct.pack(">II", len(mld.frame) - 62, 58)
    assert dpkt.in_cksum(pseudo + mld.frame[62:]) == 0


def test_broadcasts_reach_everybody() -> None:
    pair = MachinePair()
    heard = listening(pair)
    socket = pair.a.udp.open(lambda *arguments: None)
    for address in (b"\xff" * 4, bytes((10, 0, 0, 255))):
        socket.send(address, 9, b"hello!")
    socket.send(bytes((10, 0, 1, 255)), 9, b"other!")
    pair.run(SECOND)
    assert len(heard) == 2
    assert [sent.frame[:6] for sent in pair.sent[:2]] == [b"\xff" * 6] * 2
