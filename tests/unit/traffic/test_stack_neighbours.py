"""ARP and neighbour discovery of virtual machines."""

from __future__ import annotations

import socket
import struct

import dpkt
import pytest

from nvgre_inspect.traffic.stack import ip
from nvgre_inspect.traffic.stack.udp import Socket
from tests.builders.machine_pair import A4, A6, B4, B6, MAC_A, MAC_B, MS, SECOND, MachinePair, Sent

EVERYBODY = b"\xff" * 6


def arp(sent: Sent) -> dpkt.arp.ARP:
    return dpkt.ethernet.Ethernet(sent.frame).data


def send(pair: MachinePair, to: bytes, count: int = 1) -> Socket:
    port = pair.a.udp.open(lambda address, port, data: None)
    pair.b.udp.open(lambda address, port, data: None, 9)
    for _ in range(count):
        port.send(to, 9, b"hello!")
    return port


def test_question_answer_and_what_waited() -> None:
    pair = MachinePair(acquainted=False)
    send(pair, B4, 3)
    pair.run(SECOND)
    question, answer, *data = pair.sent
    assert question.frame[:6] == EVERYBODY
    asked, answered = arp(question), arp(answer)
    assert (asked.op, asked.sha, asked.spa, asked.tha, asked.tpa) == (1, MAC_A, A4, bytes(6), B4)
    assert (answered.op, answered.sha, answered.spa, answered.tha, answered.tpa) == (2, MAC_B, B4, MAC_A, A4)
    assert answer.frame[:6] == MAC_A
    assert [sent.frame[:6] for sent in data] == [MAC_B] * 3
    # Who was asked knows who asked.
    assert pair.b.neighbours.mac_of(A4) == MAC_A


def test_neighbour_discovery() -> None:
    """RFC 4861 sections 4.3, 4.4 and 7.2."""
    pair = MachinePair(acquainted=False)
    send(pair, B6)
    pair.run(SECOND)
    question, answer, data = pair.sent
    assert question.frame[:6] == bytes.fromhex("3333ff000002")
    assert socket.inet_ntop(socket.AF_INET6, question.ip.dst) == "ff02::1:ff00:2"
    for sent, kind, flags, option, mac in ((question, 135, 0, 1, MAC_A), (answer, 136, 0x60000000, 2, MAC_B)):
        body = sent.frame[54:]
        assert sent.ip.hlim == 255
        assert (body[0], struct.unpack(">I", body[4:8])[0], body[8:24]) == (kind, flags, B6)
        assert body[24:] == bytes((option, 1)) + mac
        found = ip.parse6(sent.frame)
        assert isinstance(found, ip.Datagram)
        assert found.sound
    assert data.frame[:6] == MAC_B


@pytest.mark.parametrize("to", [B4, B6])
def test_unanswered_questions_are_asked_three_times_and_then_forgotten(to: bytes) -> None:
    pair = MachinePair(acquainted=False, lose=lambda sent: sent.sender == "a")
    send(pair, to, 2)
    pair.run(10 * SECOND)
    assert [sent.ns for sent in pair.sent] == [0, SECOND, 2 * SECOND]
    send(pair, to)
    pair.run(20 * SECOND)
    assert len(pair.sent) == 6


def test_what_waits_is_bounded() -> None:
    pair = MachinePair(acquainted=False)
    send(pair, B4, 200)
    pair.run(SECOND)
    assert len(pair.sent) == 2 + 64


def test_announcements_change_what_is_known_only() -> None:
    pair = MachinePair(acquainted=False)
    pair.b.neighbours.learn(A4, b"\2\2\2\2\2\2")
    pair.a.arp.announce()
    pair.a.ndp.announce()
    pair.run(SECOND)
    assert pair.b.neighbours.mac_of(A4) == MAC_A
    assert pair.b.neighbours.mac_of(A6) is None
    packet = arp(pair.sent[0])
    assert (packet.op, packet.spa, packet.tpa) == (1, A4, A4)
    assert [sent.frame[:6] for sent in pair.sent] == [EVERYBODY, bytes.fromhex("333300000001")]


def test_somebody_with_our_address_is_not_believed() -> None:
    pair = MachinePair(acquainted=False)
    pair.b.receive(EVERYBODY + MAC_A + bytes.fromhex("08060001080006040001") + MAC_A + B4 + bytes(6) + B4)
    assert pair.b.neighbours.mac_of(B4) is None


@pytest.mark.parametrize("to", [B4, B6])
def test_broken_messages_are_ignored(to: bytes) -> None:
    pair = MachinePair(acquainted=False)
    send(pair, to)
    pair.run(10 * MS)
    question = pair.sent[0].frame
    count = len(pair.sent)
    for length in range(len(question)):
        pair.b.receive(question[:length])
    pair.run(SECOND)
    assert len(pair.sent) == count
