"""Filters on packets: (filter, frames that fit), over frames built byte by byte and decoded by the reference."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
import pytest
from filter_frames import (
    PA_A,
    PA_B,
    arp,
    batch_of,
    decoded,
    eth,
    gre,
    hits,
    ip4,
    ip6,
    nvgre,
    tcp,
    udp,
    vxlan,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.dispatch import DispatchTables, FixedHeader
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.filter.packet_fields import PACKET_FIELDS, Presence
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions

MSS = bytes.fromhex("020405b4 01030307")

PLAIN_TCP = eth(0x0800, ip4(6, tcp(50000, 443, 0x02, b"", MSS), ttl=63, tos=0xB9, id=0x1234), tags=(0x6014,))
TENANT_HTTP = nvgre(5001, 7, eth(0x0800, ip4(6, tcp(50001, 80, 0x18, b"GET / HTTP/1.1\r\n\xff")), "02:00:00:00:01:01"))
TENANT_DNS6 = nvgre(5002, 0x81, eth(0x86DD, ip6(17, udp(53, 40000, b"answer"), flow=0xABCDE)))
TENANT_ARP = nvgre(5001, 0, eth(0x0806, arp("10.0.0.1", "10.0.0.9")))
NESTED = nvgre(5003, 1, eth(0x0800, vxlan(77, eth(0x0800, ip4(17, udp(68, 67), "172.16.0.1", "172.16.0.2")))))
PING = eth(0x0800, ip4(1, struct.pack(">BBHHH", 8, 0, 0, 0xBEEF, 3)))
FRAGMENT = eth(0x0800, ip4(17, b"x" * 32, frag=0x20B9))
GRE_KEYED = eth(0x0800, ip4(47, gre(0x0800, ip4(132, struct.pack(">HHII", 9, 10, 0, 0)), 99), PA_A, PA_B))
MPLS = eth(0x8847, bytes.fromhex("03e81040 003e9140") + ip4(89, bytes(24)))
OPAQUE = eth(0x0800, ip4(50, struct.pack(">II", 0x1001, 1) + b"\xc3" * 40, PA_A, PA_B))
ERSPAN = eth(
    0x0800,
    ip4(47, struct.pack(">HHII", 0x1000, 0x88BE, 1, 0x10000005) + bytes(4) + eth(0x0806, arp("1.1.1.1", "2.2.2.2"))),
)

FRAMES = [
    PLAIN_TCP,  # 0
    TENANT_HTTP,  # 1
    TENANT_DNS6,  # 2
    TENANT_ARP,  # 3
    NESTED,  # 4
    PING,  # 5
    FRAGMENT,  # 6
    GRE_KEYED,  # 7
    MPLS,  # 8
    OPAQUE,  # 9
    ERSPAN,  # 10
]
BATCH = batch_of(*FRAMES)
EVERY = list(range(len(FRAMES)))

CASES: list[tuple[str, list[int]]] = [
    ("", EVERY),
    # presence
    ("frame", EVERY),
    ("eth", EVERY),
    ("tcp", [0, 1]),
    ("udp", [2, 4]),
    ("ip", EVERY),
    ("ipv6", [2]),
    ("not ipv6 and tcp", [0, 1]),
    ("arp", [3, 10]),
    ("vlan", [0]),
    ("icmp || sctp", [5, 7]),
    ("ospf", [8]),
    ("mpls", [8]),
    ("gre", [1, 2, 3, 4, 7, 10]),
    ("nvgre", [1, 2, 3, 4]),
    ("vxlan", [4]),
    ("erspan", [10]),
    ("esp", [9]),
    ("vsid", [1, 2, 3, 4, 7]),
    ("tunnel.type", [1, 2, 3, 4, 7, 8, 9, 10]),
    ("inner.udp", [2, 4]),
    ("outer.udp", []),
    ("outer.gre", [1, 2, 3, 4, 7, 10]),
    ("inner.arp && !outer.arp", [3, 10]),
    # frames
    ("frame.number == 1", [0]),
    ("frame.number in {2, 4..5}", [1, 3, 4]),
    ("number > 10", [10]),
    ("frame.len > 110", [1, 4]),
    ("length == frame.cap_len", EVERY),
    ("frame.interface_id == 0", EVERY),
    ('frame.time == "2026-01-02 03:04:05.123456789"', [0]),
    ("time < 2026-01-02T03:04:05.124456789Z", [0]),
    ('time <= "2026-01-02 04:04:05.124456789+01:00"', [0, 1]),
    ("frame.time_epoch == 1767323045.123456789", [0]),
    ("frame.time_relative == 0.003", [3]),
    ("frame.time_relative > 0.0089", [9, 10]),
    # link layer
    ("vlan.id == 20 && vlan.priority == 3", [0]),
    ("eth.type == 0x8100", [0]),
    ("vlan.etype == 0x0800", [0]),
    ("eth.src == 02:00:00:00:01:01", [1]),
    ("eth.addr == 02-00-00-00-01-01", [1]),
    ("inner.eth.src == 0200.0000.0101", [1]),
    ("outer.eth.src == 02:00:00:00:01:01", []),
    ("eth.src[4:2] == 01:01", [1]),
    ("eth.src[-2:2] == 01:01", [1]),
    ("eth.src[4-5] == 0101", [1]),
    ("eth.src[4] & 1", [1]),
    ("eth.src contains 01:01", [1]),
    ("eth[12:2] == 81:00", [0]),
    ("arp.src.proto_ipv4 == 10.0.0.1", [3]),
    ("arp.opcode == 1 and arp.dst.proto_ipv4 in {2.2.2.0..2.2.2.9}", [10]),
    ("mpls.label == 1001", [8]),
    ("mpls.bottom == 1", [8]),
    ("mpls.label === 1000", []),
    # IP
    ("ip.version == 6", [2]),
    ("ip.ttl == 63", [0]),
    ("ip.ttl == 128", [1, 2, 3, 4]),
    ("inner.ip.ttl == 128", []),
    ("outer.ip.ttl == 128", [1, 2, 3, 4]),
    ("ip.dsfield.dscp == 46 && ip.dsfield.ecn == 1", [0]),
    ("ip.id == 0x1234", [0]),
    ("ip.flags.mf == 1", [6]),
    ("ip.flags.mf == true", [6]),
    ("ip.frag_offset == 185", [6]),
    ("ip.flags.df == 0", [6]),
    ("ip.proto == 17", [4, 6]),
    ("ip.src == 192.0.2.1", [1, 2, 3, 4, 7, 9]),
    ("ip.addr == 172.16.0.0/12", [4]),
    ("inner.ip.addr == 10.0.0.1", [0, 1, 5, 6, 7, 8]),
    ("ip.addr != 10.0.0.1", [2, 3, 4, 9]),
    ("not ip.addr == 10.0.0.1", [2, 3, 4, 9]),
    ("ipv6.addr != ::1", [2]),
    ("ipv6.src == 2001:db8::/32", [2]),
    ("ipv6.flow == 0xabcde", [2]),
    ("ipv6.nxt == 17 && ipv6.hlim == 64 && ipv6.plen == 14", [2]),
    ("ip.src < 10.0.0.255", [0, 1, 5, 6, 7, 8, 10]),
    ("ip.dst in {172.16.0.0..172.16.255.255}", [4]),
    ("any ip.src == 10.0.0.1 && all ip.src == 10.0.0.1", [0, 5, 6, 8, 10]),
    ("ip.src ~= 10.0.0.1", [1, 2, 3, 4, 7, 9]),
    # transport
    ("tcp.port == 443", [0]),
    ("443 == tcp.dstport", [0]),
    ("80 <= tcp.dstport", [0, 1]),
    ("tcp.port in {80, 443}", [0, 1]),
    ("tcp.port not in {80}", [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("tcp.flags == 0x02", [0]),
    ("tcp.flags.syn == 1 && tcp.flags.ack == 0", [0]),
    ("tcp.flags.syn", [0, 1]),
    ("tcp.flags & 0x08", [1]),
    ("(tcp.flags & 0x18) == 0x18", [1]),
    ("tcp.seq == 1000 && tcp.ack == 2000 && tcp.window_size_value == 512", [0, 1]),
    ("tcp.hdr_len == 28", [0]),
    ("tcp.len == 17", [1]),
    ("tcp.options.mss_val == 1460", [0]),
    ("tcp.options.wscale.shift == 7", [0]),
    ("tcp.payload", [1]),
    ('tcp.payload contains "GET"', [1]),
    ('tcp.payload matches r"^get /.*\\r\\n"', [1]),
    ('tcp.payload contains "get"', []),
    (r'tcp.payload contains "\xff"', [1]),
    ("tcp.payload[0:3] == 474554", [1]),
    ("tcp.payload[-1:] == ff", [1]),
    ('frame contains "answer"', [2]),
    ('udp.payload == "answer"', [2]),
    ('udp.payload matches "^ANS"', [2]),
    ("inner.udp.payload[0] == 61", [2]),
    ('frame contains "\\xa5\\xa5\\xa5"', []),
    ('tcp matches "http"', [1]),
    ("udp.length == 14", [2]),
    ("udp.port == 4789", [4]),
    ("inner.udp.port == 4789", []),
    ("udp.srcport == udp.dstport", []),
    ("inner.udp.dstport == 67", [4]),
    ("sctp.port == 10", [7]),
    ("icmp.type == 8 && icmp.ident == 0xbeef && icmp.seq == 3", [5]),
    # tunnels and tenants
    ("vsid == 5001", [1, 3]),
    ("nvgre.vsid in {5001, 5003}", [1, 3, 4]),
    ("nvgre.flowid == 0x81", [2]),
    ("nvgre.flowid & 0x80", [2]),
    ("flow_id == 7", [1]),
    ("vxlan.vni == 77", [4]),
    ("inner.vxlan.vni == 77", [4]),
    ("outer.vxlan.vni == 77", []),
    ("outer.nvgre.vsid == 5003", [4]),
    ("gre.key == 99", [7]),
    ("gre.key == 1280263", [1]),
    ("gre.proto == 0x6558", [1, 2, 3, 4]),
    ("gre.flags.key == 1 && gre.flags_and_version == 0x2000", [1, 2, 3, 4, 7]),
    ("gre.flags.sequence_number == 1", [10]),
    ("erspan.spanid == 5", [10]),
    ("esp.spi == 0x1001", [9]),
    ("tunnel.type == vxlan", [4]),
    ("inner.tunnel.type == nvgre", [1, 2, 3]),
    ("encap == none", [0, 5, 6, 10]),
    ("encap == nvgre && protocol == tcp", [1]),
    ('encap matches "^mpls"', [8]),
    ('stack == "nvgre:5003/vxlan:77"', [4]),
    ('stack contains "5001"', [1, 3]),
    ("protocol == arp", [3, 10]),
    ("protocol in {icmp, ospf}", [5, 8]),
    ("pa.addr == 192.0.2.1", [1, 2, 3, 4, 7, 9]),
    ("pa_src == 192.0.2.1 && pa.dst == 192.0.2.2", [1, 2, 3, 4, 7, 9]),
    ("pa.src == pa.dst", []),
    ("ca.src == 10.0.0.1", [0, 1, 3, 5, 6, 7, 8]),
    ("ca.dst == 10.0.0.9", [3]),
    ("ca.dst == 192.0.2.2", [4]),
    ("ca.addr == 2001:db8::/64", [2]),
    ("src_ip == 172.16.0.1", [4]),
    ("dst_ip == 2001:db8::2", [2]),
    ("src_port == 53 or dst_port == 67", [2, 4]),
    ("src_port == 0xbeef", [5]),
    ("anomaly", []),
    ('info contains "GET" || info contains "443"', [0]),
    # precedence
    ("arp or tcp and udp", [3, 10]),
    ("(arp or tcp) and nvgre", [1, 3]),
    ("not arp and not tcp and nvgre", [2, 4]),
    ("!(tcp||udp) && !arp && !(icmp) && !mpls", [6, 7, 9]),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text or "(empty)" for text, _ in CASES])
def test_frames_that_fit(text: str, expected: list[int]) -> None:
    assert hits(text, BATCH) == expected


# --- columns of the packets' flows ---------------------------------------------------------------------------------


def flows_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "flow": [1, 2],
            "retransmissions_fwd": [0, 4],
            "retransmissions_rev": [1, 1],
            "state": pd.Categorical(["established", None]),
            "handshake_rtt_ms": [1.5, np.nan],
        }
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flow == 2", [2, 4]),
        ("flow", [0, 2, 4]),
        ("retransmissions_fwd > 0 && udp", [2, 4]),
        ("retransmissions_fwd > retransmissions_rev", [2, 4]),
        ("state == established", [0]),
        ("state != established", []),
        ("handshake_rtt_ms >= 1.5", [0]),
        ("not handshake_rtt_ms", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("retransmissions_fwd == flow || frame.number == retransmissions_fwd", []),
    ],
)
def test_columns_of_flows(text: str, expected: list[int]) -> None:
    frame_flow = np.array([0, -1, 1, -1, 1, -1, -1, -1, -1, -1, -1], dtype=np.int32)
    assert compile_filter(text, table="packets").needs_flows
    assert hits(text, BATCH, flows=flows_table(), frame_flow=frame_flow) == expected


def test_packet_fields_need_no_flows() -> None:
    for text in ("tcp", "src_ip == 10.0.0.1", ""):
        assert not compile_filter(text, table="packets").needs_flows
        assert not compile_filter(text, table=None).needs_flows


def test_missing_flows_and_wrong_lengths_are_said() -> None:
    chosen = compile_filter("flow == 1 || retransmissions_fwd > 0", table="packets")
    records = decoded(BATCH)
    with pytest.raises(ValueError, match="frame_flow"):
        chosen.packet_mask(BATCH, records, 1, 0)
    with pytest.raises(ValueError, match="one entry per frame"):
        chosen.packet_mask(BATCH, records[:3], 1, 0)
    with pytest.raises(TypeError, match="packet_mask"):
        chosen.mask(flows_table())
    with pytest.raises(TypeError, match="asked by mask"):
        compile_filter("vsid", table="flows").packet_mask(BATCH, records, 1, 0)


# --- odd frames ----------------------------------------------------------------------------------------------------


def deep(count: int) -> bytes:
    """`count` NVGRE headers around a UDP packet; VSIDs and addresses tell the depth."""
    frame = eth(0x0800, ip4(17, udp(1, 2), "10.0.0.1", "10.0.0.2"))
    for level in range(count):
        frame = nvgre(0x2000 + level, level, frame, f"192.0.2.{level + 1}", "198.51.100.1")
    return frame


@pytest.mark.parametrize("count", range(1, 16))
def test_every_header_of_deep_nesting_is_seen(count: int) -> None:
    batch = batch_of(deep(count), PING)
    for level in range(count):
        assert hits(f"ip.src == 192.0.2.{level + 1} && nvgre.vsid == {0x2000 + level}", batch) == [0]
        assert hits(f"nvgre.flowid == {level} && gre.key == {(0x2000 + level) << 8 | level}", batch) == [0]
    assert hits(f"outer.ip.src == 192.0.2.{count} && inner.ip.src == 10.0.0.1 && inner.udp.dstport == 2", batch) == [0]
    assert hits("outer.udp", batch) == []


def test_two_label_stacks_are_both_seen() -> None:
    # A MAC address whose first nibble is 0 would read as a pseudowire control word.
    inner = eth(0x8847, bytes.fromhex("000c8140") + ip4(17, udp(1, 2)), dst="a2:00:00:00:00:01")
    batch = batch_of(eth(0x8847, bytes.fromhex("00064140") + inner), PING)
    assert hits("mpls.label == 100 && mpls.label == 200", batch) == [0]
    assert hits("outer.mpls.label == 200 || inner.mpls.label == 100", batch) == []
    assert hits("outer.mpls.label == 100 && inner.mpls.label == 200", batch) == [0]


def test_transport_behind_authentication_header() -> None:
    ah = struct.pack(">BBHII", 17, 4, 0, 0x55, 1) + bytes(12)
    batch = batch_of(eth(0x0800, ip4(51, ah + udp(7, 8, b"abc"))))
    assert hits('ah.spi == 0x55 && udp.dstport == 8 && udp.payload == "abc"', batch) == [0]
    assert hits("outer.udp && inner.udp", batch) == [0]


def test_null_encrypted_esp_is_looked_into() -> None:
    inside = udp(7, 8, b"abcdef")
    esp = struct.pack(">II", 9, 1) + inside + bytes([1, 2, 2, 17]) + bytes(12)
    batch = batch_of(eth(0x0800, ip4(50, esp)), OPAQUE)
    assert hits("udp.port == 8", batch) == [0]
    assert hits("esp", batch) == [0, 1]


def test_esp_in_udp_keeps_its_udp_header() -> None:
    batch = batch_of(eth(0x0800, ip4(17, udp(4500, 4500, struct.pack(">II", 0x77, 1) + b"\xc3" * 40))))
    assert hits("esp.spi == 0x77 && udp.port == 4500", batch) == [0]


def test_linux_cooked_capture_has_tags_and_arp_but_no_ethernet() -> None:
    head = struct.pack(">HHH8sH", 0, 1, 6, bytes.fromhex("02000000000a0000"), 0x8100)
    batch = batch_of(head + struct.pack(">HH", 30, 0x0806) + arp("10.0.0.1", "10.0.0.2"), linktype=113)
    assert hits("vlan.id == 30 && outer.vlan.id == 30 && arp.dst.proto_ipv4 == 10.0.0.2", batch) == [0]
    assert hits("eth", batch) == []


def test_decode_options_reach_the_frames_that_are_walked() -> None:
    frame = deep(4).replace(struct.pack(">HHI", 0x2000, 0x6558, 0x2000 << 8), struct.pack(">HHI", 0x2000, 0x6558, 5))
    batch = batch_of(frame)
    assert hits("nvgre.flowid == 5", batch) == []
    assert hits("nvgre.flowid == 5", batch, options=DecodeOptions(gre_key="nvgre")) == [0]
    assert hits("nvgre", batch, options=DecodeOptions(gre_key="key32")) == []


def test_other_ports_and_their_encapsulation() -> None:
    frame = eth(0x0800, ip4(17, udp(1, 8473, struct.pack(">II", 0x08000000, 9 << 8) + PING)))
    options = DecodeOptions(tables=DecodeOptions().tables.decode_as("udp.port==8473,vxlan"))
    assert hits("vxlan.vni == 9 && icmp", batch_of(frame), options=options) == [0]
    assert hits("vxlan || icmp", batch_of(frame)) == []


def test_padding_and_lengths_bound_what_is_read() -> None:
    padded = eth(0x0800, ip4(17, udp(1, 2, b"in"), total=30) + b"SECRET")
    assert hits('udp.payload contains "SECRET" or ip contains "SECRET"', batch_of(padded)) == []
    assert hits('frame contains "SECRET"', batch_of(padded)) == [0]
    # A TCP header that the IP length cuts off is not there, whatever stands behind.
    cut = eth(0x0800, ip4(6, tcp(1, 2), total=24))
    assert hits("tcp.srcport == 1 && tcp.dstport == 2", batch_of(cut)) == [0]
    assert hits("tcp.seq or tcp.len or tcp.flags", batch_of(cut)) == []


def every_field() -> list[str]:
    names = [
        f"{prefix}{name}"
        for name, field in PACKET_FIELDS.items()
        for prefix in ("", "inner.", "outer.")
        if field.scoped or not prefix
    ]
    return [name for name in names if name != "info"]


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_no_field_raises_on_a_frame_cut_anywhere(frame: bytes) -> None:
    batches = [batch_of(frame, caplen=cut) for cut in range(len(frame))]
    joined = PacketBatch(
        np.concatenate([batch.buffer for batch in batches]),
        np.concatenate(
            [
                b.offset + at
                for b, at in zip(batches, np.cumsum([0, *(len(b.buffer) for b in batches[:-1])]), strict=True)
            ]
        ),
        *(
            np.concatenate([getattr(batch, name) for batch in batches])
            for name in ("caplen", "wirelen", "ts_ns", "linktype", "interface", "position")
        ),
    )
    records = decoded(joined)
    chosen = compile_filter(" or ".join(every_field()), table=None)
    assert chosen.packet_mask(joined, records, 1, 0).all()
    deeper = compile_filter(
        " or ".join(
            f'{name} contains "{chr(65 + i)}"'
            for i, name in enumerate(
                field.name for field in PACKET_FIELDS.values() if isinstance(field.source, Presence)
            )
        ),
        table=None,
    )
    assert len(deeper.packet_mask(joined, records, 1, 0)) == len(joined)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(FRAMES), st.integers(0, 200), st.binary(min_size=1, max_size=6)),
        min_size=1,
        max_size=8,
    )
)
def test_no_field_raises_on_changed_bytes(changes: list[tuple[bytes, int, bytes]]) -> None:
    frames = []
    for frame, position, patch in changes:
        at = position % len(frame)
        frames.append((frame[:at] + patch + frame[at + len(patch) :])[: len(frame)])
    batch = batch_of(*frames)
    records = decoded(batch)
    mask = compile_filter(" and ".join(f"!{name}" for name in every_field()), table=None).packet_mask(
        batch, records, 1, 0
    )
    # Every frame has a number.
    assert mask.tolist() == [False] * len(frames)


def test_an_empty_batch_gives_an_empty_mask() -> None:
    batch = batch_of()
    for text in (*(case for case, _ in CASES), " or ".join(every_field())):
        mask = compile_filter(text, table=None).packet_mask(batch, decoded(batch), 1, 0)
        assert mask.dtype == bool
        assert len(mask) == 0


def test_encapsulations_of_users() -> None:
    shim = FixedHeader("shim", 4, "ethernet", id_offset=0)
    options = DecodeOptions(tables=DispatchTables.DEFAULT.add_user(shim, udp_ports=(9999,)))
    inside = eth(0x0800, ip4(6, tcp(1, 2), "172.16.0.9"))
    batch = batch_of(eth(0x0800, ip4(17, udp(5, 9999, bytes.fromhex("0000002a") + inside))))
    for text in ("encap == shim && vsid == 42", 'stack == "shim:42"', "tunnel.type == shim"):
        assert hits(text, batch, options=options) == [0]
    assert hits("outer.udp.dstport == 9999 && inner.tcp.port == 2 && ip.src == 172.16.0.9", batch, options=options) == [
        0
    ]
