"""What an observer must count, told frame by frame. TCP also against the conversations of docs/tcp-analysis.md and,
with random segments, against the reference accountant, which shares no code with it.
"""

from __future__ import annotations

import struct
from collections import Counter
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import offsets
from nvgre_inspect.encapsulation.policy import Encapsulation, Host
from nvgre_inspect.encapsulation.routing import Leg
from nvgre_inspect.kernels.codes import STATE_NAMES
from nvgre_inspect.traffic.observer import ObservedPoint
from nvgre_inspect.traffic.packet import Fragment, Packet
from tests.builders.conversation import Conversation, counts
from tests.builders.records import MS, SECOND
from tests.builders.wire import pcap
from tests.unit.reference.test_account_tshark import CASES, Case, told

WORDS = (
    *("retransmissions", "out_of_order", "lost_segments", "acked_unseen"),
    *("duplicates", "duplicate_acks", "zero_windows", "resets"),
)
Frames = list[tuple[int, bytes]]


def frames_of(talk: Conversation) -> Frames:
    """Time and bytes of each frame of a conversation, which keeps them."""
    data, at, found = pcap(talk.frames.peek()[1]), 24, []
    while at < len(data):
        seconds, ns, length, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds * SECOND + ns, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return found


def observed(frames: Frames) -> list[dict[str, Any]]:
    """The rows of plain frames. Equal addresses, identification, sequence number and length: it is the same packet."""
    point = ObservedPoint(Encapsulation(), inner=True)
    serials: dict[object, int] = {}
    for number, (ns, frame) in enumerate(frames):
        is_numbered = any(frame[18:20])
        length = len(frame) + (frame[47] & offsets.TCP_FIN) + (frame[47] & offsets.TCP_SYN) // offsets.TCP_SYN
        key = (frame[26:34], frame[18:20], frame[38:42], length) if is_numbered else number
        point.seen(ns, Packet(frame, -1, serials.setdefault(key, len(serials)), ns), frame)
    return point.rows()


def words(row: dict[str, Any], direction: str) -> dict[str, int]:
    """All words that are not 0."""
    return {word: row[f"{word}_{direction}"] for word in WORDS if row[f"{word}_{direction}"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.tell.__name__)
def test_the_words_of_the_page_on_tcp(case: Case) -> None:
    client: Counter[str] = Counter()
    server: Counter[str] = Counter()
    for row in observed(frames_of(told(case))):
        is_from_client = row["src_ip"] == "10.0.0.1"
        client.update(words(row, "fwd" if is_from_client else "rev"))
        server.update(words(row, "rev" if is_from_client else "fwd"))
    assert (dict(client), dict(server)) == (case.client, case.server)


#: Microseconds since the one before, whether the client's, flags, sequence number, acknowledgement, length, window, id.
SEGMENT = st.tuples(
    st.integers(0, 4000),
    st.booleans(),
    st.sampled_from(["", "", "", "", "P", "S", "F"]),
    st.integers(1, 12),
    st.integers(1, 14),
    st.integers(0, 3),
    st.sampled_from([0, 1, 1000]),
    st.integers(0, 4),
)


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(SEGMENT, min_size=1, max_size=40), st.sampled_from(["", "F", "R"]))
def test_random_segments_of_one_connection_against_the_reference(
    begun: bool, segments: list[Any], last_of_server: str
) -> None:
    talk = Conversation(client_isn=2**32 - 6, tunnelled=False)
    if begun:
        talk.handshake(-1000)
    at = 0
    for step, is_client, flags, seq, ack, length, window, ip_id in segments:
        at += step
        say = talk.client if is_client else talk.server
        if flags == "S" and begun:  # again: one initial sequence number for each side
            say(at, "S", 0, ack=None if is_client else 1, tcp_window=window, ip_id=ip_id)
        else:
            finish = flags if flags == "P" or (is_client and flags == "F") else ""
            say(at, finish, seq, ack=ack, length=length, tcp_window=window, ip_id=ip_id)
    talk.server(at + 10, last_of_server, 12, ack=14)
    (row,), flow = observed(frames_of(talk)), talk.flow()
    forward = int(flow["initiator"])
    assert row["state"] == STATE_NAMES[flow["state"]]
    assert row["handshake_rtt_ms"] == (flow["handshake_rtt_ns"] / 1e6 if flow["handshake_rtt_ns"] >= 0 else None)
    for direction, side in (("fwd", forward), ("rev", 1 - forward)):
        assert words(row, direction) == counts(flow, side)
        assert row[f"packets_{direction}"] == flow["packets"][side]


# Packets in tunnels

HOSTS = {name: Host(ip_address(f"192.0.2.{i}"), bytes(6)) for i, name in enumerate("abc", 1)}


def udp(src: str = "1", dst: str = "2", *, ident: int = 0, length: int = 30, vlan: int = 0) -> bytes:
    """A frame of a tenant: UDP from 10.0.0.<src> to 10.0.0.<dst>."""
    tag = struct.pack(">HH", offsets.ETHERTYPE_VLAN, vlan) if vlan else b""
    macs = bytes((2, 0, 0, 0, 0, int(dst), 2, 0, 0, 0, 0, int(src)))
    addresses = ip_address(f"10.0.0.{src}").packed + ip_address(f"10.0.0.{dst}").packed
    ip = struct.pack(">BBHHHBBH", 0x45, 46 << 2, 28 + length, ident, 0, 64, 17, 0) + addresses
    ports = (5000, 53) if int(src) < int(dst) else (53, 5000)
    return macs + tag + b"\x08\x00" + ip + struct.pack(">HHHH", *ports, 8 + length, 0) + bytes(length)


class Watch:
    """A point, and packets for it that are numbered as they come."""

    def __init__(self, encapsulation: Encapsulation = Encapsulation()) -> None:  # noqa: B008 (it is frozen)
        self.point = ObservedPoint(encapsulation)
        self.count = 0

    def see(self, ns: int, inner: bytes, way: str = "ab", vsid: int = 5001, **values: Any) -> Packet:
        """A packet of a host to another passes: outer headers are as long as those of NVGRE over IPv4."""
        self.count += 1
        leg = Leg(HOSTS[way[0]], HOSTS[way[1]].pa, HOSTS[way[1]])
        packet = Packet(inner, vsid, values.pop("serial", self.count), ns, leg=leg, vsid=vsid)
        for name, value in values.items():
            setattr(packet, name, value)
        carried = 8 + len(inner) if packet.fragment is None else packet.fragment.length
        start = bytes(12) + b"\x08\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + carried, packet.ident, 0, 64, 47, 0)
        if packet.fragment is not None:
            more = offsets.IP4_MF if packet.fragment.more else 0
            start = start[:20] + struct.pack(">H", packet.fragment.offset // 8 | more) + start[22:]
        frame = start + packet.leg.src.pa.packed + packet.leg.dst.packed + bytes(carried)
        self.point.seen(ns, packet, frame)
        return packet

    def rows(self) -> list[dict[str, Any]]:
        return self.point.rows()


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_both_directions_are_one_flow_and_its_sizes_are_those_of_the_tenants_frames(watch):
    watch.see(0, udp(length=100), entropy=7)
    watch.see(MS, udp("2", "1", length=10), "ba", entropy=8)
    (row,) = watch.rows()
    assert (row["flow"], row["encap"], row["vsid"], row["stack"], row["protocol"]) == (
        1,
        "nvgre",
        5001,
        "nvgre:5001",
        "udp",
    )
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]) == ("10.0.0.1", 5000, "10.0.0.2", 53)
    assert (row["src_mac"], row["dst_mac"]) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert (row["packets_fwd"], row["bytes_fwd"], row["wire_bytes_fwd"]) == (1, 142, 184)
    assert (row["packets_rev"], row["bytes_rev"], row["wire_bytes_rev"]) == (1, 52, 94)
    assert (row["pa_src"], row["pa_dst"], row["tunnels"], row["flow_ids"]) == ("192.0.2.1", "192.0.2.2", 1, 2)
    assert (row["first_seen"], row["last_seen"], row["duration_s"]) == (0, MS, 0.001)
    assert (row["dscp_fwd"], row["state"], row["anomalies"]) == ([46], "active", [])


def test_tenants_with_the_same_addresses_are_apart(watch):
    for vsid in (5001, 5002):
        watch.see(0, udp(), vsid=vsid)
    assert [row["vsid"] for row in watch.rows()] == [5001, 5002]


def test_the_same_packet_again_is_a_duplicate_only_soon_and_with_an_identification(watch):
    for ns in (0, 5 * MS, 10 * MS + 1):  # the third is compared with the first
        watch.see(ns, udp(ident=9), serial=1)
    for ns in (0, 1):
        watch.see(20 * MS + ns, udp("1", "3"), "ac", serial=2)
    assert [row["duplicates_fwd"] for row in watch.rows()] == [1, 0]
    assert [row["anomalies"] for row in watch.rows()] == [["duplicate-packet"], []]


def test_an_idle_flow_ends(watch):
    for ns in (0, 120 * SECOND, 240 * SECOND + 1):
        watch.see(ns, udp())
    assert [row["packets_fwd"] for row in watch.rows()] == [2, 1]


def test_the_busiest_way_names_the_hosts(watch):
    for way in ("ab", "cb", "cb"):
        watch.see(0, udp(), way)
    (row,) = watch.rows()
    assert (row["pa_src"], row["pa_dst"], row["tunnels"]) == ("192.0.2.3", "192.0.2.2", 2)


def test_placements_have_a_cap(watch):
    for n in range(300):
        watch.see(n, udp("1", "2"), entropy=n % 256)
        watch.see(n, udp("2", "1"), "ba", entropy=n % 256)
    (row,) = watch.rows()
    assert (row["flow_ids"], row["anomalies"]) == (128, ["placements-overflow"])


def test_replies_under_another_identifier_make_halves(watch):
    watch.see(0, udp())
    watch.see(1, udp("2", "1"), "ba", vsid=6001)
    watch.see(2, udp("1", "3"), "ac")  # without an answer
    first, second, alone = watch.rows()
    assert (first["reverse_flow"], second["reverse_flow"], alone["reverse_flow"]) == (2, 1, None)
    assert (first["lost_segments_fwd"], alone["lost_segments_fwd"]) == (None, 0)


def test_two_possible_answers_make_no_halves(watch):
    watch.see(0, udp())
    for vsid in (6001, 6002):
        watch.see(1, udp("2", "1"), "ba", vsid=vsid)
    assert [row["reverse_flow"] for row in watch.rows()] == [None] * 3


def test_a_clock_that_goes_back_is_an_anomaly_of_the_flow_that_shows_it(watch):
    watch.see(10, udp())
    watch.see(9, udp("1", "3"), "ac")
    assert [row["anomalies"] for row in watch.rows()] == [[], ["timestamp-backward"]]


@pytest.mark.parametrize(
    ("values", "encap", "vsid", "anomalies"),
    [
        ({"vsid": 0xFFFFFF}, "nvgre", 0xFFFFFF, ["nvgre-vsid-reserved"]),
        ({"vsid": 0xFFF, "entropy": 3}, "gretap", 0xFFF03, []),
        ({"gre_flags": offsets.GRE_C}, "nvgre", 5001, ["nvgre-flags-invalid"]),
        ({"gre_flags": offsets.GRE_S}, "nvgre", 5001, ["nvgre-flags-invalid"]),
    ],
)
def test_what_the_gre_header_says(watch, values, encap, vsid, anomalies):
    watch.see(0, udp(), **values)
    (row,) = watch.rows()
    assert (row["encap"], row["vsid"], row["anomalies"]) == (encap, vsid, anomalies)


def test_an_inner_tag_is_part_of_the_key(watch):
    watch.see(0, udp(vlan=100))
    watch.see(0, udp())
    tagged, plain = watch.rows()
    assert (tagged["vlan"], tagged["anomalies"]) == ("100", ["nvgre-inner-vlan"])
    assert (plain["vlan"], plain["anomalies"]) == (None, [])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_fragments_of_the_underlay_are_one_packet(watch, order):
    inner = udp(length=1000)
    parts = [
        Fragment(0, 400, more=True),
        Fragment(400, 400, more=True),
        Fragment(800, 8 + len(inner) - 800, more=False),
    ]
    for ns, i in enumerate(order):
        watch.see(ns, inner, fragment=parts[i], serial=1, ident=77)
    (row,) = watch.rows()
    assert (row["packets_fwd"], row["bytes_fwd"]) == (1, len(inner))
    assert row["wire_bytes_fwd"] == 8 + len(inner) + 3 * 34
    assert row["anomalies"] == ["underlay-fragment"]


def test_fragments_whose_first_was_lost_are_the_underlays_own(watch):
    watch.see(0, udp(length=1000), fragment=Fragment(400, 400, more=True), ident=77)
    watch.see(30 * SECOND, udp(length=1000), fragment=Fragment(0, 400, more=True), ident=78)
    watch.see(30 * SECOND + 1, udp(length=1000), fragment=Fragment(0, 400, more=True), ident=77)  # too late
    lone, other = sorted(watch.rows(), key=lambda row: row["encap"] == "nvgre")
    assert (lone["protocol"], lone["src_ip"], lone["bytes_fwd"]) == ("gre", "192.0.2.1", 434)
    assert lone["anomalies"] == ["fragment-without-first"]
    assert other["packets_fwd"] == 2


def test_encapsulations_without_identifiers_are_refused():
    with pytest.raises(ValueError, match="ipip"):
        ObservedPoint(Encapsulation(kind="ipip"))
    assert ObservedPoint(Encapsulation(kind="ipip"), inner=True).rows() == []
