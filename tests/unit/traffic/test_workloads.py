"""Each workload between the machines of a tenant: what it does, and how often."""

from __future__ import annotations

import ipaddress
import itertools
from collections import Counter
from typing import Any

import dpkt
import pytest

from nvgre_inspect.traffic.randomness import Streams
from nvgre_inspect.traffic.workload_specs import (
    ARP,
    DHCP,
    DNS,
    WORKLOADS,
    Broadcast,
    Bulk,
    Distribution,
    Multicast,
    Ping,
    RequestResponse,
    Video,
    Voice,
    Workload,
    constant,
)
from nvgre_inspect.traffic.workloads.base import Site
from nvgre_inspect.traffic.workloads.start import RUNNING
from tests.builders.machine_pair import B4, MS, SECOND, MachinePair, Sent

AB: dict[str, Any] = {"name": "it", "clients": ("a",), "servers": ("b",)}


def play(spec: Workload, duration_ns: int = 2 * SECOND, pair: MachinePair | None = None) -> MachinePair:
    pair = pair or MachinePair()
    site = Site(pair.simulator, Streams(1), 5001, {"a": pair.a, "b": pair.b})
    RUNNING[type(spec)](spec, site).start()
    pair.run(duration_ns)
    return pair


def payloads(pair: MachinePair, sender: str) -> list[bytes]:
    return [bytes(sent.ip.data.data) for sent in pair.sent if sent.sender == sender]


def test_every_kind_of_workload_is_run() -> None:
    assert set(RUNNING) == set(WORKLOADS.values())


def streams_of(pair: MachinePair, sender: str) -> list[int]:
    """Bytes that a machine sent on each of its connections, in the order in which they were opened."""
    sizes: Counter[int] = Counter()
    for sent in pair.segments(sender):
        assert sent.info is not None
        sizes[sent.info.connection] += sent.info.length
    return [sizes[number] for number in sorted(sizes)]


@pytest.mark.parametrize("close", ["client", "server", "reset"])
@pytest.mark.parametrize("family", [4, 6])
def test_request_response(close: Any, family: Any) -> None:
    spec = RequestResponse(
        **AB,
        close=close,
        family=family,
        dscp=10,
        count=3,
        every=constant(100 * MS),
        requests=constant(4),
        request_size=constant(300),
        response_size=constant(5000),
    )
    pair = play(spec)
    assert streams_of(pair, "a") == [1200] * 3
    assert streams_of(pair, "b") == [20_000] * 3
    syns = [sent.ns for sent in pair.segments("a") if sent.tcp.flags == dpkt.tcp.TH_SYN]
    assert syns == [0, 100 * MS, 200 * MS]
    enders = {sent.sender for sent in pair.sent if sent.tcp.flags & dpkt.tcp.TH_FIN}
    resets = [sent for sent in pair.sent if sent.tcp.flags & dpkt.tcp.TH_RST]
    assert (enders, len(resets)) == ((set(), 3) if close == "reset" else ({"a", "b"}, 0))
    if close != "reset":
        first = next(sent for sent in pair.sent if sent.tcp.flags & dpkt.tcp.TH_FIN)
        assert first.sender == ("a" if close == "client" else "b")
    assert {(sent.ip.tos if family == 4 else sent.ip.fc) for sent in pair.sent} == {10 << 2}


def test_service_and_think_times() -> None:
    spec = RequestResponse(**AB, count=1, requests=constant(2), service=constant(30 * MS), think=constant(70 * MS))
    pair = play(spec)
    requests, responses = (
        [sent.ns for sent in pair.data(side) if sent.tcp.flags & dpkt.tcp.TH_PUSH] for side in ("a", "b")
    )
    assert len(requests) == len(responses) == 2
    assert 30 * MS < responses[0] - requests[0] < 32 * MS
    assert 70 * MS < requests[1] - responses[0] < 72 * MS


@pytest.mark.parametrize(
    ("direction", "sizes"), [("upload", ([700_000] * 2, [0] * 2)), ("download", ([0] * 2, [700_000] * 2))]
)
def test_bulk(direction: Any, sizes: tuple[list[int], list[int]]) -> None:
    pair = play(Bulk(**AB, size=constant(700_000), direction=direction, count=2))
    assert (streams_of(pair, "a"), streams_of(pair, "b")) == sizes
    assert not any(sent.info.retransmission for sent in pair.segments("a") if sent.info is not None)


def test_slow_reader_closes_the_window_and_sets_the_rate() -> None:
    pair = play(Bulk(**AB, size=constant(320_000), count=1, read_rate_bps=100_000), 10 * SECOND)
    assert streams_of(pair, "a") == [320_000]
    last = pair.data("a")[-1].ns
    # All but what fits into the buffer has to be read before the last byte is sent.
    assert last == pytest.approx((320_000 - 262_144) * 8 * 10_000, rel=0.05)
    assert any(sent.tcp.win == 0 for sent in pair.segments("b"))


def test_voice() -> None:
    pair = play(Voice(**AB, count=1, duration=constant(SECOND), dscp=46))
    for side in ("a", "b"):
        calls = [sent for sent in pair.sent if sent.sender == side]
        assert len(calls) == 50
        assert {after.ns - before.ns for before, after in itertools.pairwise(calls)} == {20 * MS}
        packets = [dpkt.rtp.RTP(data) for data in payloads(pair, side)]
        assert {len(bytes(packet)) for packet in packets} == {172}
        assert {(after.seq - before.seq) % 0x10000 for before, after in itertools.pairwise(packets)} == {1}
        assert {sent.ip.tos >> 2 for sent in calls} == {46}
    assert {sent.ip.data.sport for sent in pair.sent} == {16384}


def test_calls_at_once_have_ports_of_their_own() -> None:
    pair = play(Voice(**AB, count=3, every=constant(100 * MS), duration=constant(SECOND)))
    assert Counter(sent.ip.data.sport for sent in pair.sent) == {16384: 100, 16386: 100, 16388: 100}


def test_video() -> None:
    pair = play(Video(**AB, count=1, duration=constant(SECOND), frame_size=constant(3000), packet_size=1200))
    assert {sent.sender for sent in pair.sent} == {"b"}
    packets = [dpkt.rtp.RTP(data) for data in payloads(pair, "b")]
    assert len(packets) == 25 * 3
    assert [packet.m for packet in packets[:3]] == [0, 0, 1]
    assert [len(bytes(packet)) for packet in packets[:3]] == [1200, 1200, 3000 - 2 * 1188 + 12]
    assert len({packet.ts for packet in packets}) == 25


@pytest.mark.parametrize("family", [4, 6])
def test_dns(family: Any) -> None:
    pair = play(DNS(**AB, count=5, every=constant(100 * MS), family=family, domain="corp.example"))
    asked, answered = ([dpkt.dns.DNS(data) for data in payloads(pair, side)] for side in ("a", "b"))
    assert len(asked) == len(answered) == 5
    assert [query.id for query in asked] == [reply.id for reply in answered]
    assert all(query.qd[0].name.endswith(".corp.example") for query in asked)
    assert {reply.an[0].type for reply in answered} == {1 if family == 4 else 28}
    assert len({sent.ip.data.sport for sent in pair.sent if sent.sender == "a"}) == 5


def test_unanswered_dns_is_asked_again() -> None:
    spec = DNS(**AB, count=1, timeout_ns=100 * MS, retries=2)
    pair = play(spec, pair=MachinePair(lose=lambda sent: sent.sender == "b"))
    assert [sent.ns for sent in pair.sent if sent.sender == "a"] == [0, 100 * MS, 200 * MS]
    assert len(set(payloads(pair, "a"))) == 1


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("size", [8, 56, 3000])
def test_ping(family: Any, size: int) -> None:
    pair = play(Ping(**AB, every=constant(500 * MS), family=family, size=size))
    if size > 1000:
        assert Counter(sent.sender for sent in pair.sent) == {"a": 3 * 4 + 3, "b": 3 * 4}
        return
    asked, answered = ([bytes(sent.ip.data)[4:] for sent in pair.sent if sent.sender == side] for side in ("a", "b"))
    assert len(asked) == 5
    assert asked[:4] == answered
    assert [int.from_bytes(body[2:4], "big") for body in asked] == [1, 2, 3, 4, 5]
    assert len({body[:2] for body in asked}) == 1


def test_arp() -> None:
    pair = play(ARP(**AB, every=constant(500 * MS), count=2))
    assert [(sent.sender, dpkt.ethernet.Ethernet(sent.frame).data.op) for sent in pair.sent] == [("a", 1), ("b", 2)] * 2


@pytest.mark.parametrize(("family", "to"), [(4, "ffffffffffff"), (6, "333300000001")])
def test_announcements(family: Any, to: str) -> None:
    pair = play(ARP(**AB, count=3, every=constant(MS), family=family, gratuitous=True))
    assert [(sent.sender, sent.frame[:6]) for sent in pair.sent] == [("a", bytes.fromhex(to))] * 3


@pytest.mark.parametrize(("family", "to"), [(4, "ffffffffffff"), (6, "333300000001")])
def test_broadcast(family: Any, to: str) -> None:
    pair = play(Broadcast(**AB, count=3, family=family, port=9999, size=constant(100)))
    assert [(sent.sender, sent.frame[:6]) for sent in pair.sent] == [("a", bytes.fromhex(to))] * 3
    assert {(sent.ip.data.sport, sent.ip.data.dport, sent.ip.data.ulen) for sent in pair.sent} == {(9999, 9999, 108)}


@pytest.mark.parametrize(("family", "group"), [(4, "239.1.2.3"), (6, "ff05::1:3")])
def test_multicast(family: Any, group: str) -> None:
    pair = play(Multicast(**AB, family=family, group=group, every=constant(500 * MS)))
    address = ipaddress.ip_address(group).packed
    assert [sent.sender for sent in pair.sent] == ["b", "a", "a", "a", "a", "a"]
    assert {sent.ip.dst for sent in pair.sent} == {address}


def test_dhcp() -> None:
    pair = play(DHCP(**AB, count=1))
    messages = [dpkt.dhcp.DHCP(bytes(sent.ip.data.data)) for sent in pair.sent]
    kinds = [dict(message.opts)[53][0] for message in messages]
    assert kinds == [1, 2, 3, 5]
    assert [sent.sender for sent in pair.sent] == ["a", "b", "a", "b"]
    assert {sent.frame[:6] for sent in pair.sent} == {b"\xff" * 6}
    assert {sent.ip.src for sent in pair.sent if sent.sender == "a"} == {bytes(4)}
    assert {message.xid for message in messages} == {messages[0].xid}
    assert dict(messages[2].opts)[54] == B4


def test_dhcp_asks_again_and_gives_up() -> None:
    pair = play(DHCP(**AB, count=1), 120 * SECOND, MachinePair(lose=lambda sent: True))
    assert [sent.ns // SECOND for sent in pair.sent] == [0, 4, 12, 28]


def only_first(sent: Sent) -> bool:
    return sent.sender == "b"


def test_arrivals() -> None:
    """From, until, count, and how they are spread."""
    spec = Ping(**AB, start_ns=SECOND, stop_ns=21 * SECOND, every=Distribution("exponential", 10 * MS))
    pair = play(spec, 60 * SECOND, MachinePair(lose=only_first))
    times = [sent.ns for sent in pair.sent if sent.sender == "a"]
    assert times[0] == SECOND
    assert times[-1] < 21 * SECOND
    assert len(times) == pytest.approx(2000, rel=0.1)


def test_clients_and_servers_by_default_are_all_but_never_oneself() -> None:
    pair = play(Ping(name="it", every=constant(10 * MS)), 10 * SECOND)
    asked = Counter(sent.sender for sent in pair.sent if bytes(sent.ip.data)[0] == 8)
    assert sum(asked.values()) == 1001
    assert min(asked.values()) > 400


def test_a_workload_does_not_change_what_another_does() -> None:
    def requests(extra: bool) -> list[tuple[int, int]]:
        pair = MachinePair(lose=lambda sent: False)
        site = Site(pair.simulator, Streams(1), 5001, {"a": pair.a, "b": pair.b})
        every = Distribution("exponential", 50 * MS)
        specs: list[Workload] = [Broadcast(**AB, size=Distribution("pareto", 300, 1.5, high=1400), every=every)]
        if extra:
            specs.append(DNS(name="more", clients=("a",), servers=("b",), every=every))
        for spec in specs:
            RUNNING[type(spec)](spec, site).start()
        pair.run(3 * SECOND)
        return [(sent.ns, len(sent.frame)) for sent in pair.sent if sent.frame[:6] == b"\xff" * 6]

    assert requests(extra=False) == requests(extra=True)
