"""Records computed by hand for typical stacks, and one frame for each anomaly that decoding can see."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors import anomalies, encaps
from dissectors.dispatch import DispatchTables, FixedHeader
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import MAX_LAYERS, RECORD, empty_records
from nvgre_inspect.reference.decode import decode
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
    record,
    tag,
    tcp,
    udp,
    vxlan,
    words,
)

RAW = 101


def found(r: Any) -> list[str]:
    return anomalies.names(int(r["anomalies"]))


def layers(r: Any) -> list[tuple[str, int | None]]:
    result = []
    for kind, ident in zip(r["layer_kind"][: r["n_layers"]], r["layer_id"], strict=False):
        has_id = bool(kind & encaps.HAS_ID)
        result.append((encaps.NAMES[int(kind) & 0x7F], int(ident) if has_id else None))
    return result


def check(r: Any, **expected: Any) -> None:
    for name, value in expected.items():
        got = r[name].tolist()
        assert got == value, f"{name}: {got} instead of {value}"


# --- whole records -----------------------------------------------------------------------------------------------


def test_nvgre_every_field() -> None:
    """Offsets: Ethernet 0, IPv4 14, NVGRE 34, Ethernet 42, IPv4 56, TCP 76, payload 96, end 101."""
    outer = ip4(nvgre(INNER), 47, tos=0xB8, ttl=61)
    r = record(eth(outer) + b"trailer", wire=2000)
    kinds = [encaps.NVGRE | encaps.HAS_ID] + [0] * (MAX_LAYERS - 1)
    expected: dict[str, Any] = {
        "ts_ns": 1_700_000_000_000_000_001,
        "anomalies": 0,
        "wire_len": 2000,
        "cap_len": 108,
        "interface": 3,
        "linktype": 1,
        "n_layers": 1,
        "layer_kind": kinds,
        "layer_id": [5001] + [0] * (MAX_LAYERS - 1),
        "tenant_layer": 0,
        "encap": encaps.NVGRE,
        "vsid": 5001,
        "flow_id": 0x2A,
        "pa_family": 4,
        "pa_src": words(PA_A),
        "pa_dst": words(PA_B),
        "pa_ttl": 61,
        "pa_tos": 0xB8,
        "path_kind": 0,
        "path_n": 0,
        "path_off": 0,
        "inner_off": 42,
        "inner_len": 59,
        "ca_mac": 0x02CC00000003,
        "ca_family": 4,
        "ca_ip": words(CA_A),
        "src_mac": 0x02CC00000003,
        "dst_mac": 0x02DD00000004,
        "n_vlan": 0,
        "vlan": [0, 0],
        "ethertype": 0x0800,
        "family": 4,
        "protocol": 6,
        "src": words(CA_A),
        "dst": words(CA_B),
        "tos": 0,
        "ttl": 64,
        "ip_id": 7,
        "src_port": 49152,
        "dst_port": 443,
        "l4_off": 76,
        "payload_len": 5,
        "tcp_ok": 1,
        "tcp_flags": 0x18,
        "tcp_seq": 1000,
        "tcp_ack": 2000,
        "tcp_window": 501,
        "tcp_mss": -1,
        "tcp_wscale": -1,
        "icmp_type": -1,
        "icmp_code": -1,
        "quote_encap": 0,
        "quote_family": 0,
        "quote_src": [0] * 4,
        "quote_dst": [0] * 4,
        "n_ip": 2,
        "ip_off": [14, 56, 0, 0],
        "ip_proto": [47, 6, 0, 0],
        "ip_l4_off": [34, 76, 0, 0],
        "n_eth": 2,
        "eth_off": [0, 42, 0, 0],
        "side": 0,
    }
    for letter in "ab":
        none = {"ip": -1, "layers": 0, "id": 0, "off": 0, "len": 0, "more": 0}
        expected |= {f"frag_{letter}_{name}": value for name, value in none.items()}
    assert set(expected) | {"flow_hash"} == set(RECORD.names or ())
    check(r, **expected)


def test_frame_that_nothing_is_known_of() -> None:
    r = record(b"", wire=60)
    check(r, encap=0, tenant_layer=-1, vsid=-1, inner_off=0, inner_len=60, src_mac=-1, ethertype=-1, family=0)
    check(r, protocol=-1, src_port=-1, l4_off=-1, tcp_ok=0, tcp_seq=-1, n_ip=0, n_eth=0, ca_mac=-1, ca_family=0)
    assert found(r) == ["header-cut-by-snaplen"]


def test_vxlan_takes_the_source_port_as_flow_id() -> None:
    r = record(eth(ip4(udp(vxlan(INNER), 4789), 17)))
    assert layers(r) == [("vxlan", 77)]
    check(r, encap=encaps.VXLAN, vsid=77, flow_id=50001, inner_off=50, inner_len=59, src_port=49152)


def test_ipv6_underlay_gives_its_flow_label_where_there_is_no_other() -> None:
    r = record(eth(ip6(gre(INNER, 0x6558, 77), 47, label=0xABCDE), 0x86DD))
    assert layers(r) == [("gretap", 77)]
    check(r, vsid=77, flow_id=0xABCDE, pa_family=6, pa_src=words("2001:db8::1"), pa_ttl=63)


def test_geneve_with_options_and_ip_inside() -> None:
    header = bytes.fromhex("0200 86dd 00004d00 0102 01 01 a1b2c3d4")
    r = record(eth(ip4(udp(header + ip6(udp(b"dns", 53), 17), 6081), 17)))
    assert layers(r) == [("geneve", 77)]
    check(r, family=6, ethertype=0x86DD, src_mac=-1, dst_mac=-1, ca_mac=-1, ca_family=6, dst_port=53, payload_len=3)


def test_nested_networks_keep_the_outer_tenant_and_the_inner_flow() -> None:
    inside = eth(ip4(udp(vxlan(INNER, 9), 4789), 17, CA_A, CA_B), src=0x02EE00000005)
    r = record(eth(ip4(nvgre(inside), 47)))
    assert layers(r) == [("nvgre", 5001), ("vxlan", 9)]
    check(r, encap=encaps.NVGRE, vsid=5001, inner_off=42, ca_mac=0x02EE00000005, ca_ip=words(CA_A))
    check(r, src_mac=0x02CC00000003, n_ip=3, n_eth=3)


def test_mirrors_are_outside() -> None:
    mirrored = eth(ip4(nvgre(INNER), 47))
    erspan2 = bytes.fromhex("1000 0005 00000000")
    r = record(
        eth(ip4(struct.pack(">HHI", 0x1000, 0x88BE, 1) + erspan2 + mirrored, 47, "198.51.100.1", "198.51.100.2"))
    )
    assert layers(r) == [("erspan2", 5), ("nvgre", 5001)]
    check(r, tenant_layer=1, encap=encaps.NVGRE, pa_src=words(PA_A))


def test_mirrored_plain_traffic_has_no_tenant() -> None:
    r = record(eth(ip4(gre(INNER, 0x88BE), 47)))
    assert layers(r) == [("erspan1", None)]
    check(r, encap=0, tenant_layer=-1, vsid=-1, flow_id=-1, pa_family=0, inner_off=38, inner_len=59, ca_ip=words(CA_A))


def test_erspan_three_with_subheader() -> None:
    header = bytes.fromhex("2000 0009 00000000 0000 0001") + bytes(8)
    r = record(eth(ip4(struct.pack(">HHI", 0x1000, 0x22EB, 1) + header + INNER, 47)))
    assert layers(r) == [("erspan3", 9)]
    check(r, inner_off=14 + 20 + 8 + 20, src_port=49152)


def test_virtual_network_without_id_gives_way_to_one_with() -> None:
    inside = eth(ip4(udp(vxlan(INNER, 9), 4789), 17, CA_A, CA_B))
    r = record(eth(ip4(gre(inside, 0x6558), 47)))
    assert layers(r) == [("gretap", None), ("vxlan", 9)]
    check(r, tenant_layer=1, vsid=9, pa_src=words(CA_A))


def test_plain_tunnel_has_a_tenant_layer_but_no_vsid() -> None:
    r = record(eth(ip4(ip4(tcp(), 6, CA_A, CA_B), 4)))
    assert layers(r) == [("ipip", None)]
    check(r, encap=encaps.IPIP, vsid=-1, flow_id=-1, pa_src=words(PA_A), inner_off=34, inner_len=40, src_mac=-1)


def test_mpls_entropy_label_and_path() -> None:
    r = record(eth(labels(16, 7, 90000, 17) + ip4(tcp(), 6), 0x8847))
    assert layers(r) == [("mpls", 17)]
    check(r, encap=encaps.MPLS, vsid=-1, flow_id=90000, path_kind=1, path_n=4, path_off=14, inner_off=30, pa_family=0)


def test_pseudowire_with_control_word() -> None:
    r = record(eth(labels(16) + bytes(4) + INNER, 0x8847))
    check(r, inner_off=18, inner_len=63, ca_mac=0x02CC00000003, n_eth=2, src_port=49152)


def test_mpls_in_udp_and_in_gre() -> None:
    assert layers(record(eth(ip4(udp(labels(16) + ip4(tcp(), 6), 6635), 17)))) == [("mpls-in-udp", 16)]
    assert layers(record(eth(ip4(gre(labels(16) + ip4(tcp(), 6), 0x8847), 47)))) == [("mpls-in-gre", 16)]
    assert layers(record(eth(ip4(gre(labels(16) + ip4(tcp(), 6), 0x8847, 5), 47)))) == [("gre", 5), ("mpls", 16)]


def test_gre_in_udp_is_one_layer() -> None:
    r = record(eth(ip4(udp(nvgre(INNER), 4754), 17)))
    assert layers(r) == [("gre-in-udp", 5001 << 8 | 0x2A)]
    check(r, flow_id=50001, src_port=49152)


def test_pptp_has_no_vsid() -> None:
    ppp = b"\xff\x03\x00\x21" + ip4(tcp(), 6, CA_A, CA_B)
    r = record(eth(ip4(struct.pack(">HHIII", 0x3081, 0x880B, 44 << 16 | 1, 1, 2) + ppp, 47)))
    assert layers(r) == [("gre", None)]
    check(r, vsid=-1, src=words(CA_A), src_port=49152)


def test_gre_key_by_hand() -> None:
    frame = eth(ip4(nvgre(INNER), 47))
    assert layers(record(frame, options=DecodeOptions(gre_key="key32"))) == [("gretap", 5001 << 8 | 0x2A)]
    small = eth(ip4(nvgre(INNER, vsid=5), 47))
    assert layers(record(small)) == [("gretap", 5 << 8 | 0x2A)]
    r = record(small, options=DecodeOptions(gre_key="nvgre"))
    assert layers(r) == [("nvgre", 5)]
    assert found(r) == ["nvgre-vsid-reserved"]


def test_decode_as() -> None:
    frame = eth(ip4(udp(vxlan(INNER), 8473), 17))
    assert layers(record(frame)) == []
    tables = DispatchTables.DEFAULT.decode_as("udp.port==8473,vxlan")
    assert layers(record(frame, options=DecodeOptions(tables=tables))) == [("vxlan", 77)]
    none = DispatchTables.DEFAULT.decode_as("udp.port==4789,none")
    assert layers(record(eth(ip4(udp(vxlan(INNER), 4789), 17)), options=DecodeOptions(tables=none))) == []


def test_users_header_by_every_announcement() -> None:
    fixed = FixedHeader("shim", 6, "ethertype", next_offset=4, id_offset=0, id_length=3)
    tables = DispatchTables.DEFAULT.add_user(fixed, udp_ports=[9999], ip_protocols=[253], ethertypes=[0x88B5])
    options = DecodeOptions(tables=tables)
    shim = bytes.fromhex("00007b 00 6558") + INNER
    for frame in (
        eth(ip4(udp(shim, 9999), 17)),
        eth(ip4(shim, 253)),
        eth(shim, 0x88B5),
        eth(ip4(gre(shim, 0x88B5), 47)),
    ):
        r = record(frame, options=options)
        assert int(r["layer_kind"][r["n_layers"] - 1]) == encaps.USER | encaps.HAS_ID
        check(r, vsid=123, encap=encaps.USER, src_port=49152)
    check(record(eth(ip4(udp(shim, 9999), 17)), options=options), flow_id=50001)


def test_vlan_tags_belong_to_the_innermost_frame() -> None:
    r = record(eth(tag(tag(tag(ip4(tcp(), 6), 30), 20, 0x8100), 10, 0x8100), 0x88A8))
    check(r, n_vlan=2, vlan=[10, 20], ethertype=0x0800, family=4)
    inner = eth(tag(ip4(tcp(), 6, CA_A, CA_B), 40), 0x8100)
    r = record(eth(tag(ip4(udp(vxlan(inner), 4789), 17), 10), 0x8100))
    check(r, n_vlan=1, vlan=[40, 0])
    check(record(eth(tag(ip4(ip4(tcp(), 6), 4), 10), 0x8100)), n_vlan=0, src_mac=-1)


def test_tags_behind_gre_belong_to_no_frame() -> None:
    r = record(eth(tag(ip4(gre(tag(b"?", 30, 0x9999), 0x8100), 47), 10), 0x8100))
    check(r, n_vlan=1, vlan=[10, 0], protocol=47, src_mac=MAC_A)


def test_snap_and_plain_8023() -> None:
    snap = bytes.fromhex("aaaa03 000000 0800") + ip4(tcp(), 6)
    check(record(eth(snap, len(snap))), ethertype=0x0800, family=4, src_port=49152)
    r = record(eth(bytes.fromhex("424203") + bytes(35), 38))
    check(r, ethertype=0, family=0, src_mac=MAC_A)
    assert found(r) == []


def test_arp_gives_the_tenants_sender() -> None:
    arp = bytes.fromhex("0001 0800 06 04 0001 021122334455 0a000009 000000000000 0a000001")
    r = record(eth(ip4(nvgre(eth(arp, 0x0806)), 47)))
    check(r, ca_mac=0x021122334455, ca_family=4, ca_ip=words("10.0.0.9"), ethertype=0x0806, family=0, src=[0] * 4)
    check(record(eth(arp, 0x0806)), ca_mac=0x021122334455, inner_off=0, encap=0)
    other = bytes.fromhex("0006 0800 06 04 0001") + bytes(20)
    check(record(eth(other, 0x0806)), ca_mac=MAC_A, ca_family=0)


@pytest.mark.parametrize(
    ("linktype", "head", "family"),
    [
        (RAW, "", 4),
        (12, "", 4),
        (228, "", 4),
        (0, "02000000", 4),
        (0, "00000002", 4),
        (108, "00000002", 4),
        (0, "1e000000", 6),
        (229, "", 6),
        (9, "ff030021", 4),
        (50, "0021", 4),
        (9, "21", 4),
        (104, "0f000800", 4),
        (113, "0000 0001 0006 02aa00000001 0000 0800", 4),
        (276, "0800 0000 00000003 0001 00 06 02aa00000001 0000", 4),
    ],
)
def test_link_types(linktype: int, head: str, family: int) -> None:
    packet = ip4(tcp(), 6) if family == 4 else ip6(tcp(), 6)
    r = record(bytes.fromhex(head) + packet, linktype)
    check(r, family=family, src_port=49152, ethertype=0x0800 if family == 4 else 0x86DD, dst_mac=-1)
    check(r, src_mac=MAC_A if linktype in (113, 276) else -1, ca_mac=MAC_A if linktype in (113, 276) else -1)
    assert found(r) == []


# --- IPv6, IPsec, ICMP, fragments --------------------------------------------------------------------------------


def test_segment_routing() -> None:
    segments = bytes(15) + b"\x01" + bytes(15) + b"\x02"
    srh = bytes([41, 4, 4, 1, 1, 0, 0, 0]) + segments
    r = record(eth(ip6(srh + ip6(tcp(), 6, "fd00::1", "fd00::2"), 43), 0x86DD))
    assert layers(r) == [("srv6", None)]
    check(r, path_kind=2, path_n=2, path_off=14 + 40 + 8, encap=encaps.SRV6, src=words("fd00::1"), inner_off=94)
    r = record(eth(ip6(INNER, 143), 0x86DD))
    assert layers(r) == [("srv6", None)]
    assert layers(record(eth(ip4(INNER, 143)))) == []


def test_ah_and_null_encrypted_esp() -> None:
    ah = bytes([6, 4]) + struct.pack(">HII", 0, 0x1234, 1) + bytes(12) + tcp(b"hello")
    r = record(eth(ip4(ah, 51)))
    assert layers(r) == [("ah", 0x1234)]
    check(r, protocol=6, ip_proto=[51, 0, 0, 0], payload_len=5, inner_off=14 + 20 + 24)
    packet = udp(b"plain", 53)
    esp = struct.pack(">II", 0x5678, 1) + packet + bytes([1, 2, 3, 3, 17]) + bytes(12)
    r = record(eth(ip4(esp, 50)))
    assert layers(r) == [("esp", 0x5678)]
    check(r, protocol=17, dst_port=53, payload_len=5, inner_off=42, inner_len=len(esp) - 8)
    r = record(eth(ip4(struct.pack(">II", 0x5678, 1) + bytes(range(80)), 50)))
    check(r, protocol=50, src_port=-1, ip_l4_off=[34, 0, 0, 0])


def test_esp_in_udp() -> None:
    esp = struct.pack(">II", 0x5678, 1) + bytes(range(40))
    assert layers(record(eth(ip4(udp(esp, 4500), 17)))) == [("esp", 0x5678)]
    assert layers(record(eth(ip4(udp(esp, 50001, 4500), 17)))) == [("esp", 0x5678)]
    assert layers(record(eth(ip4(udp(b"\xff", 4500), 17)))) == []
    assert layers(record(eth(ip4(udp(bytes(4) + esp, 4500), 17)))) == []


def test_icmp_echo_and_sides() -> None:
    echo = bytes([8, 0, 0, 0, 0x12, 0x34, 0, 1])
    request, reply = record(eth(ip4(echo, 1))), record(eth(ip4(b"\0" + echo[1:], 1, PA_B, PA_A)))
    check(request, src_port=0x1234, dst_port=-1, icmp_type=8, icmp_code=0, side=0, payload_len=-1, l4_off=34)
    check(reply, side=1, icmp_type=0)
    assert request["flow_hash"] == reply["flow_hash"]


@pytest.mark.parametrize(
    ("quoted", "kind"),
    [
        (ip4(nvgre(b""), 47), encaps.NVGRE),
        (ip4(gre(b"", 0x6558, 5), 47), encaps.GRETAP),
        (ip4(nvgre(b"")[:4], 47), encaps.GRETAP),
        (ip4(gre(b"", 0x8847), 47), encaps.MPLS_IN_GRE),
        (ip4(gre(b"", 0x88BE), 47), encaps.GRE),
        (ip4(udp(b"", 4789), 17), encaps.VXLAN),
        (ip4(udp(b"", 53), 17), encaps.NONE),
        (ip4(b"", 4), encaps.IPIP),
        (ip4(b"", 41), encaps.SIXINFOUR),
        (ip4(b"", 50), encaps.ESP),
        (ip4(b"", 6), encaps.NONE),
    ],
)
def test_quotes(quoted: bytes, kind: int) -> None:
    error = bytes([3, 4, 0, 0, 0, 0, 5, 0]) + quoted
    r = record(eth(ip4(error, 1, "203.0.113.1", PA_A)))
    check(r, quote_encap=kind, quote_family=4 if kind else 0, quote_src=words(PA_A) if kind else [0] * 4)
    check(r, quote_dst=words(PA_B) if kind else [0] * 4, n_layers=0, icmp_type=3, icmp_code=4)
    inside = record(eth(ip4(nvgre(eth(ip4(error, 1, CA_A, CA_B))), 47)))
    check(inside, quote_encap=0, icmp_type=3)


def test_icmpv6_quotes_ipv6() -> None:
    error = bytes([2, 0, 0, 0, 0, 0, 5, 0]) + ip6(b"", 41)
    check(
        record(eth(ip6(error, 58), 0x86DD)), quote_encap=encaps.SIXINSIX, quote_family=6, quote_src=words("2001:db8::1")
    )


def test_fragments_of_the_underlay() -> None:
    whole = nvgre(INNER)
    first = record(eth(ip4(whole[:64], 47, fragment=0x2000, ident=9)))
    check(first, frag_a_ip=0, frag_a_layers=0, frag_a_id=9, frag_a_off=0, frag_a_len=64, frag_a_more=1, frag_b_ip=-1)
    # The segment's own IP header says how long it is, though only a part of it is here.
    check(first, vsid=5001, payload_len=5, tcp_seq=1000, inner_len=56)
    assert found(first) == ["underlay-fragment"]
    second = record(eth(ip4(whole[64:], 47, fragment=8, ident=9)))
    check(second, n_layers=0, encap=0, frag_a_off=64, frag_a_more=0, protocol=47, ip_l4_off=[-1, 0, 0, 0], l4_off=-1)
    assert found(second) == []


def test_fragment_of_the_tenants_packet() -> None:
    inner = eth(ip4(udp(bytes(16), 53, length=2000), 17, CA_A, CA_B, fragment=0x2000, ident=11))
    r = record(eth(ip4(nvgre(inner), 47)))
    check(r, frag_a_ip=1, frag_a_layers=1, frag_a_id=11, frag_a_len=24, payload_len=1992, ip_id=11)
    assert found(r) == []


def test_ipv6_fragment() -> None:
    chain = bytes([17, 0]) + struct.pack(">HI", 8 << 3 | 1, 0xABCDEF01)
    r = record(eth(ip6(chain + bytes(24), 44), 0x86DD))
    check(
        r, frag_a_off=64, frag_a_id=0xABCDEF01, frag_a_len=24, frag_a_more=1, protocol=17, ip_id=0xABCDEF01, src_port=-1
    )


def test_syn_options() -> None:
    options = bytes.fromhex("020405b4 01 030307")
    check(record(eth(ip4(tcp(flags=0x02, options=options), 6))), tcp_mss=1460, tcp_wscale=7, payload_len=0)
    check(record(eth(ip4(tcp(flags=0x10, options=options), 6))), tcp_mss=-1, tcp_wscale=-1)


def test_ports_are_known_before_the_header_is_there() -> None:
    r = record(eth(ip4(tcp(), 6))[:40], wire=60)
    check(r, src_port=49152, dst_port=443, tcp_ok=0, l4_off=34, payload_len=-1)
    assert found(r) == ["header-cut-by-snaplen"]


# --- anomalies ---------------------------------------------------------------------------------------------------

_ROUTED = bytes.fromhex("4000 0800 00000000 0800 01 04 0a0b0c0d 0000 00 00")
_DEEP = ip4(tcp(), 6)
for _ in range(17):
    _DEEP = ip4(_DEEP, 4)
_SRH = bytes([59, 2, 4, 3, 1, 0, 0, 0]) + bytes(16)

#: name of the anomaly -> a frame that shows it and nothing else.
ANOMALIES: dict[str, tuple[bytes, int]] = {
    "header-truncated": (eth(ip4(b"", 6)), 1),
    "nesting-too-deep": (eth(_DEEP), 1),
    "linktype-unsupported": (bytes(60), 147),
    "ip-version-mismatch": (eth(ip6(b"", 59)), 1),
    "ip-header-length-invalid": (eth(b"\x44" + bytes(19)), 1),
    "ip-total-length-invalid": (eth(ip4(tcp(), 6, total=1000)), 1),
    "ip-total-length-zero": (eth(ip4(tcp(), 6, total=0)), 1),
    "ipv6-extension-invalid": (eth(ip6(bytes([60, 0, 1, 4, 0, 0, 0, 0]) * 18, 60), 0x86DD), 1),
    "gre-version-unknown": (eth(ip4(gre(b"", 0x0800, flags=3), 47)), 1),
    "gre-reserved-bits": (eth(ip4(gre(ip4(tcp(), 6), 0x0800, flags=0x0008), 47)), 1),
    "gre-routing-present": (eth(ip4(_ROUTED + ip4(tcp(), 6), 47)), 1),
    "nvgre-flags-invalid": (eth(ip4(struct.pack(">HHII", 0x3000, 0x6558, 5001 << 8, 1) + INNER, 47)), 1),
    "nvgre-vsid-reserved": (eth(ip4(nvgre(INNER, 0xFFFFFF), 47)), 1),
    "nvgre-inner-vlan": (eth(ip4(nvgre(eth(tag(ip4(tcp(), 6), 5), 0x8100)), 47)), 1),
    "vxlan-no-vni": (eth(ip4(udp(bytes(8) + INNER, 4789), 17)), 1),
    "vxlan-reserved-bits": (eth(ip4(udp(bytes.fromhex("0800000100004d00") + INNER, 4789), 17)), 1),
    "geneve-version-unknown": (eth(ip4(udp(bytes.fromhex("4000655800004d00") + INNER, 6081), 17)), 1),
    "geneve-options-invalid": (eth(ip4(udp(bytes.fromhex("0100655800004d00 01020105") + INNER, 6081), 17)), 1),
    "geneve-critical-mismatch": (eth(ip4(udp(bytes.fromhex("0100655800004d00 01028100") + INNER, 6081), 17)), 1),
    "erspan-version-unknown": (eth(ip4(struct.pack(">HHI", 0x1000, 0x88BE, 1) + b"\x30" + bytes(30), 47)), 1),
    "mpls-no-bottom": (eth(b"\x00\x01\x00\x40" * 17, 0x8847), 1),
    "mpls-label-reserved": (eth(labels(3) + ip4(tcp(), 6), 0x8847), 1),
    "mpls-entropy-invalid": (eth(labels(16, 7) + ip4(tcp(), 6), 0x8847), 1),
    "srh-invalid": (eth(ip6(_SRH, 43), 0x86DD), 1),
    "tcp-header-length-invalid": (eth(ip4(tcp(offset=4), 6)), 1),
    "tcp-options-invalid": (eth(ip4(tcp(flags=2, options=bytes.fromhex("02010000")), 6)), 1),
    "udp-length-invalid": (eth(ip4(udp(b"", 53, length=7), 17)), 1),
    "underlay-fragment": (eth(ip4(nvgre(INNER), 47, fragment=0x2000)), 1),
    "ah-length-invalid": (eth(ip4(bytes([6, 0]) + bytes(22), 51)), 1),
    "fragment-invalid": (eth(ip4(bytes(16), 17, fragment=0x1FFF)), 1),
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_anomaly(name: str) -> None:
    frame, linktype = ANOMALIES[name]
    assert found(record(frame, linktype)) == [name]


def test_every_anomaly_of_decoding_has_a_frame() -> None:
    decoding = {name for code, (name, _) in anomalies.NAMES.items() if code < 40}
    assert decoding == set(ANOMALIES) | {"header-cut-by-snaplen"}


def test_nesting_stops_at_sixteen_layers_and_keeps_them() -> None:
    check(record(eth(_DEEP)), n_layers=MAX_LAYERS, n_ip=4, ip_off=[14, 34, 54, 14 + 16 * 20])


def test_endless_ethernet_stops_at_sixty_four_headers() -> None:
    frame = (MAC_B.to_bytes(6, "big") + MAC_A.to_bytes(6, "big") + b"\x65\x58") * 100
    r = record(frame)
    assert found(r) == ["nesting-too-deep"]
    check(r, n_eth=4, eth_off=[0, 14, 28, 63 * 14])


# --- whatever comes ----------------------------------------------------------------------------------------------

_STACKS = [frame for frame, linktype in ANOMALIES.values() if linktype == 1] + [
    eth(ip4(nvgre(INNER), 47)),
    eth(ip6(gre(INNER, 0x6558, 77), 47), 0x86DD),
    eth(labels(16, 7, 90000) + bytes(4) + INNER, 0x8847),
    eth(ip4(bytes([3, 4, 0, 0, 0, 0, 5, 0]) + ip4(nvgre(INNER), 47), 1)),
]


@given(
    frame=st.sampled_from(_STACKS),
    flips=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 200),
    linktype=st.sampled_from([0, 1, 9, 101, 104, 108, 113, 228, 276]),
    gre_key=st.sampled_from(["auto", "nvgre", "key32"]),
)
@settings(max_examples=300, deadline=None)
def test_mutated_frames_never_raise(
    frame: bytes, flips: list[tuple[int, int]], cut: int, linktype: int, gre_key: str
) -> None:
    mutated = bytearray(frame)
    for place, value in flips:
        mutated[place % len(mutated)] = value
    r = record(bytes(mutated[:cut]), linktype, len(mutated), DecodeOptions(gre_key=gre_key))
    assert 0 <= r["n_layers"] <= MAX_LAYERS
    assert 0 <= r["inner_off"] <= len(mutated)
    assert 0 <= r["inner_len"] <= len(mutated)


@given(frame=st.binary(max_size=300), linktype=st.sampled_from([0, 1, 9, 12, 101, 113, 147, 229, 276]))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_raise(frame: bytes, linktype: int) -> None:
    r = record(frame, linktype)
    assert r["inner_off"] <= len(frame)


@pytest.mark.parametrize("name", ["nvgre", "vxlan-no-vni", "mpls-label-reserved", "srh-invalid", "ah-length-invalid"])
def test_every_truncation_keeps_what_came_before(name: str) -> None:
    frame = eth(ip4(nvgre(INNER), 47)) if name == "nvgre" else ANOMALIES[name][0]
    out = empty_records(len(frame) + 1)
    decode(
        batch([frame[:n] for n in range(len(frame) + 1)], wire=[len(frame)] * (len(frame) + 1)), DecodeOptions(), out
    )
    for field in ("n_layers", "n_ip", "n_eth"):
        assert (np.diff(out[field].astype(int)) >= 0).all(), field


def test_directions_mirror() -> None:
    there = record(eth(ip4(nvgre(INNER), 47)))
    back = bytearray(INNER)
    back[26:30], back[30:34] = INNER[30:34], INNER[26:30]
    back[34:36], back[36:38] = INNER[36:38], INNER[34:36]
    here = record(eth(ip4(nvgre(bytes(back)), 47)))
    assert there["flow_hash"] == here["flow_hash"]
    assert (there["side"], here["side"]) == (0, 1)


def test_an_empty_batch() -> None:
    decode(batch([]), DecodeOptions(), empty_records(0))
