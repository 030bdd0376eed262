"""DNS, DHCP and RTP: what is emitted is what dpkt reads."""

from __future__ import annotations

import random

import dpkt
import pytest

from nvgre_inspect.traffic.workloads import dhcp_message, dns_message, rtp
from nvgre_inspect.traffic.workloads.dhcp_message import Message

MAC = bytes.fromhex("020000000001")
YOURS, SERVER = bytes((10, 0, 0, 7)), bytes((10, 0, 0, 1))


@pytest.mark.parametrize(("family", "kind", "address"), [(4, 1, bytes((192, 0, 2, 9))), (6, 28, bytes(range(16)))])
def test_dns(family: int, kind: int, address: bytes) -> None:
    question = dns_message.query(0xBEEF, "7.example.com", family)
    asked = dpkt.dns.DNS(question)
    assert (asked.id, asked.qr, asked.rd, asked.qd[0].name, asked.qd[0].type) == (0xBEEF, 0, 1, "7.example.com", kind)
    assert dns_message.is_query(question)
    answer = dns_message.answer(question, address)
    answered = dpkt.dns.DNS(answer)
    assert (answered.id, answered.qr, answered.ra, answered.qd[0].name) == (0xBEEF, 1, 1, "7.example.com")
    assert (answered.an[0].name, answered.an[0].type, answered.an[0].rdata) == ("7.example.com", kind, address)
    assert not dns_message.is_query(answer)


@pytest.mark.parametrize("length", range(12))
def test_short_dns_is_no_query(length: int) -> None:
    assert not dns_message.is_query(dns_message.query(1, "a.example", 4)[:length])


def test_dhcp() -> None:
    said = Message(dhcp_message.REQUEST, 0xDEADBEEF, MAC, server=SERVER, requested=YOURS)
    body = dhcp_message.emit(said)
    read = dpkt.dhcp.DHCP(body)
    assert (read.op, read.xid, read.chaddr[:6], read.siaddr) == (1, 0xDEADBEEF, MAC, 0)
    assert dict(read.opts) == {53: b"\3", 54: SERVER, 50: YOURS}
    assert len(body) >= 300
    assert dhcp_message.parse(body) == said


def test_dhcp_answer() -> None:
    said = Message(dhcp_message.ACK, 1, MAC, YOURS, SERVER)
    body = dhcp_message.emit(said, mask=bytes((255, 255, 255, 0)), lease_s=3600)
    read = dpkt.dhcp.DHCP(body)
    assert (read.op, read.yiaddr.to_bytes(4, "big"), read.siaddr.to_bytes(4, "big")) == (2, YOURS, SERVER)
    assert dict(read.opts) == {53: b"\5", 54: SERVER, 51: (3600).to_bytes(4, "big"), 1: bytes((255, 255, 255, 0))}
    assert dhcp_message.parse(body) == said


def test_dhcp_at_every_length() -> None:
    body = dhcp_message.emit(Message(dhcp_message.DISCOVER, 1, MAC))
    kind = 240 + 3
    assert all(dhcp_message.parse(body[:length]) is None for length in range(kind))
    assert all(dhcp_message.parse(body[:length]) is not None for length in range(kind, len(body)))


def test_rtp() -> None:
    source = rtp.Source(random.Random(1), rtp.PCMU)
    first = dpkt.rtp.RTP(source.header(0, marker=True) + b"voice")
    second = dpkt.rtp.RTP(source.header(160) + b"voice")
    assert (first.version, first.m, first.pt, first.data) == (2, 1, 0, b"voice")
    assert (second.m, second.ssrc) == (0, first.ssrc)
    assert (second.seq - first.seq) % 0x10000 == 1
    assert (second.ts - first.ts) % (1 << 32) == 160
