"""Filters of libpcap: ready-made ones against what this project decodes, and words for those that are wrong."""

from __future__ import annotations

import functools
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from dissectors import encaps, offsets
from nvgre_inspect.capture import CaptureError, open_capture
from nvgre_inspect.capture.live import bpf
from nvgre_inspect.capture.live.options import LiveOptions
from nvgre_inspect.capture.live.ready_made import chosen, for_vsid, tunnels_only
from nvgre_inspect.capture.reader import select
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode

cypcap = pytest.importorskip("cypcap", reason="cypcap, which carries libpcap, is not installed")
SAMPLES = sorted((Path(__file__).resolve().parents[3] / "samples").glob("*.pcap*"))
ETHERNET = offsets.DLT_ETHERNET


def takes(expression: str, frame: bytes, linktype: int = ETHERNET) -> bool:
    header = cypcap.Pkthdr(0.0, len(frame), len(frame))
    return bool(compiled(expression, linktype).offline_filter(header, frame))


@functools.cache
def compiled(expression: str, linktype: int) -> cypcap.BpfProgram:
    return cypcap.BpfProgram(list(bpf.compile_filter(expression, linktype, 65535).instructions))


def wanted(*vsids: int, only: bool = False) -> str:
    return chosen(LiveOptions(("eth0",), vsid=vsids, tunnels_only=only), ETHERNET)


# --- ready-made filters against the decoder -------------------------------------------------------------------------


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_on_every_sample(path: Path) -> None:
    """What is tunnelled is taken, as is the busiest virtual network, and other frames are not."""
    with open_capture(path) as reader:
        batch = next(reader.batches())
    frames = [batch.frame(i) for i in range(min(len(batch), 400))]
    records = decode_all(batch, len(frames))
    for frame, record in zip(frames, records, strict=True):
        if record["encap"] != encaps.NONE:
            assert takes(wanted(only=True), frame), frame.hex()
        elif record["n_layers"] == 0 and record["protocol"] in (offsets.IPPROTO_ICMP, offsets.IPPROTO_TCP):
            assert not takes(wanted(only=True), frame), frame.hex()
    vsids = records["vsid"][records["vsid"] > 0]
    if len(vsids):
        vsid = int(max(set(vsids.tolist()), key=vsids.tolist().count))
        for frame, record in zip(frames, records, strict=True):
            is_outermost = record["tenant_layer"] == 0
            # A later fragment has no header that says whose it is.
            if is_outermost and not record["frag_a_off"]:
                assert takes(wanted(vsid), frame) == (record["vsid"] == vsid), frame.hex()


def decode_all(batch: PacketBatch, count: int) -> np.ndarray:
    records = np.empty(count, RECORD)
    decode(select(batch, slice(0, count)), DecodeOptions(), records)
    return records


# --- every header by hand -------------------------------------------------------------------------------------------


def ethernet(ethertype: int, payload: bytes, *tags: tuple[int, int]) -> bytes:
    outer = b"".join(struct.pack(">HH", tpid, tci) for tpid, tci in tags)
    return bytes(12) + outer + struct.pack(">H", ethertype) + payload


def ipv4(protocol: int, payload: bytes, options: int = 0, fragment: int = 0) -> bytes:
    head = struct.pack(
        ">BBHHHBBH8x", 0x45 + options, 0, 20 + 4 * options + len(payload), 1, fragment, 64, protocol, 0
    ) + bytes(4 * options)
    return ethernet(0x0800, head + payload)


def ipv6(protocol: int, payload: bytes) -> bytes:
    return ethernet(0x86DD, struct.pack(">IHBB32x", 6 << 28, len(payload), protocol, 64) + payload)


def gre(key: int, flags: int = 0x2000, protocol: int = 0x6558) -> bytes:
    checksum = bytes(4) if flags & 0x8000 else b""
    return struct.pack(">HH", flags, protocol) + checksum + struct.pack(">I", key) + bytes(60)


def udp(port: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", 50_000, port, 8 + len(payload), 0) + payload


def vni(number: int) -> bytes:
    """The header of VXLAN or Geneve as far as the filter looks at it."""
    return struct.pack(">II", 0x08000000, number << 8) + bytes(60)


VSID = 5001
CARRIERS = {
    "nvgre": ipv4(47, gre(VSID << 8 | 0x17)),
    "nvgre with options of IPv4": ipv4(47, gre(VSID << 8), options=3),
    "nvgre over IPv6": ipv6(47, gre(VSID << 8 | 1)),
    "GRE with a checksum and a sequence number": ipv4(47, gre(VSID << 8, flags=0xB000)),
    "GRE with a 32-bit key": ipv4(47, gre(VSID, protocol=0x0800)),
    "GRE in UDP": ipv4(17, udp(4754, gre(VSID << 8))),
    "GRE in UDP over IPv6": ipv6(17, udp(4754, gre(VSID << 8, flags=0xA000))),
    "VXLAN": ipv4(17, udp(4789, vni(VSID))),
    "VXLAN with options of IPv4": ipv4(17, udp(4789, vni(VSID)), options=10),
    "VXLAN of Linux": ipv4(17, udp(8472, vni(VSID))),
    "VXLAN over IPv6": ipv6(17, udp(4789, vni(VSID))),
    "VXLAN-GPE": ipv4(17, udp(4790, vni(VSID))),
    "Geneve": ipv4(17, udp(6081, vni(VSID))),
    "a first fragment": ipv4(47, gre(VSID << 8), fragment=0x2000),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_a_vsid_in_every_carrier(name: str) -> None:
    frame = CARRIERS[name]
    for tags in ((), ((0x8100, 5),), ((0x88A8, 5), (0x8100, 6))):
        tagged = frame[:12] + b"".join(struct.pack(">HH", *tag) for tag in tags) + frame[12:]
        assert takes(wanted(VSID), tagged)
        assert takes(wanted(7, VSID, 9), tagged)
        assert takes(wanted(only=True), tagged)
        assert not takes(wanted(VSID + 1), tagged)


@pytest.mark.parametrize(
    "frame",
    [
        ipv4(47, gre(VSID << 8, flags=0x2001)),  # version 1: its key is a length and a call
        ipv4(47, gre(VSID << 8, flags=0x0000)),  # no key
        ipv4(47, gre(VSID << 8, protocol=0x0800)),  # not Ethernet: the key is 32 bits
        ipv4(47, gre(VSID << 8), fragment=0x0010),  # not the first fragment
        ipv4(17, udp(4789, vni(VSID)), fragment=0x0010),
        ipv4(17, udp(53, vni(VSID))),
        ipv4(6, gre(VSID << 8)),
        ipv4(47, gre(VSID << 8))[:40],  # cut before the key
    ],
)
def test_near_misses_of_a_vsid(frame: bytes) -> None:
    assert not takes(for_vsid(VSID), frame)


def test_keys_of_32_bits() -> None:
    assert takes(for_vsid(0xFFFFFFFF), ipv4(47, gre(0xFFFFFFFF, protocol=0x0800)))
    assert not takes(for_vsid(0xFFFFFFFF), ipv4(47, gre(0xFFFFFF00)))


@pytest.mark.parametrize(
    "frame",
    [
        ipv4(4, bytes(40)),
        ipv4(41, bytes(40)),
        ipv4(50, bytes(40)),
        ipv4(137, bytes(40)),
        ipv6(41, bytes(40)),
        ipv6(43, bytes(40)),
        ethernet(0x8847, bytes(40)),
        ipv4(17, udp(6635, bytes(40))),
        ipv4(17, bytes(40), fragment=0x0010),
    ],
)
def test_other_tunnels(frame: bytes) -> None:
    assert takes(tunnels_only(), frame)


def test_what_is_no_tunnel() -> None:
    for frame in (ipv4(6, bytes(40)), ipv4(17, udp(53, bytes(40))), ipv6(58, bytes(40)), ethernet(0x0806, bytes(40))):
        assert not takes(wanted(only=True), frame)


def test_with_the_users_own() -> None:
    expression = chosen(LiveOptions(("x",), bpf="src host 192.0.2.1 or icmp", vsid=(VSID,)), offsets.DLT_RAW)
    frame = CARRIERS["VXLAN"]
    assert not takes(expression, frame)
    assert takes(expression, frame[:26] + bytes((192, 0, 2, 1)) + frame[30:])
    assert chosen(LiveOptions(("x",), bpf=" tcp "), ETHERNET) == "tcp"
    assert chosen(LiveOptions(("x",)), ETHERNET) == ""


@pytest.mark.parametrize("linktype", [offsets.DLT_RAW, offsets.DLT_SLL])
def test_other_link_types(linktype: int) -> None:
    head = {offsets.DLT_RAW: b"", offsets.DLT_SLL: bytes(14) + b"\x08\x00"}[linktype]
    expression = chosen(LiveOptions(("x",), vsid=(VSID,)), offsets.DLT_RAW)
    assert takes(expression, head + CARRIERS["nvgre"][14:], linktype)
    assert not takes(expression, head + CARRIERS["GRE with a 32-bit key"][14:-64] + bytes(64), linktype)


# --- programs -------------------------------------------------------------------------------------------------------


def test_a_program_takes_the_snapshot_length() -> None:
    for program in (bpf.everything(96), bpf.compile_filter("tcp", ETHERNET, 96)):
        returned = {k for code, _, _, k in program.instructions if code == 6}
        assert returned - {0} == {96}
    assert {k for code, _, _, k in bpf.nothing().instructions} == {0}
    assert len(bpf.compile_filter("tcp", ETHERNET, 96).packed()) % 8 == 0


def test_a_cooked_socket_has_no_header() -> None:
    """Loads move to the front; what the header had is asked of the kernel (linux/filter.h: SKF_AD_OFF)."""
    program = bpf.compile_filter("udp dst port 4789 and inbound", offsets.DLT_SLL, 96)
    moved = bpf.for_cooked_socket(program, "udp dst port 4789 and inbound").instructions
    loads = [k for code, _, _, k in moved if code & 7 in (0, 1) and code & 0xE0 in (0x20, 0x40, 0xA0)]
    kernel = 0xFFFFF000
    assert {k - kernel for k in loads if k >= kernel} == {0, 4}  # SKF_AD_PROTOCOL, SKF_AD_PKTTYPE
    assert 9 in loads  # protocol of IPv4
    assert [i[:3] for i in moved if i[0] & 7 == 5] == [i[:3] for i in program.instructions if i[0] & 7 == 5]
    address = bpf.compile_filter("link[6] = 2", offsets.DLT_SLL, 96)
    with pytest.raises(bpf.BpfError, match="looks at link-layer addresses"):
        bpf.for_cooked_socket(address, "link[6] = 2")


@pytest.mark.parametrize(
    ("expression", "message", "caret"),
    [
        ("tcp port 80 or upd port 53", "unknown port 'upd'", 15),
        ("tcp and and udp", "syntax error", 8),
        ("tcp and (udp", "syntax error", 12),
        ("ip host", "syntax error", 7),
        ("vlan 5000", "VLAN tag 5000 greater than maximum 4095", 5),
        ("port 99999", "illegal port number 99999 > 65535", 5),
        ("host 10.0.0.1 and tcp prt 80", "syntax error", 22),
        ("ip proto 47 && ip[20:2] & 0x2000 !== 0", "syntax error", 33),
        ("src net 10.0.0.0/8 dst port 5", "syntax error", 19),
    ],
)
def test_a_caret_says_where(expression: str, message: str, caret: int) -> None:
    with pytest.raises(bpf.BpfError) as error:
        bpf.compile_filter(expression, ETHERNET, 65535)
    assert str(error.value).splitlines() == [f"filter: {message}", f"  {expression}", " " * (2 + caret) + "^"]


@pytest.mark.parametrize("expression", ["net 1.2.3.4/99", "tcp and\nand udp"])
def test_where_it_cannot_be_told(expression: str) -> None:
    with pytest.raises(bpf.BpfError, match=r"^filter '"):
        bpf.compile_filter(expression, ETHERNET, 65535)


def test_programs_that_the_kernel_does_not_take() -> None:
    with pytest.raises(CaptureError, match=r"too long for the kernel: [0-9,]+ instructions"):
        bpf.compile_filter(wanted(*range(4096, 4116)), ETHERNET, 65535)


def test_without_cypcap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cypcap", None)
    with pytest.raises(CaptureError, match="pip install cypcap"):
        bpf.compile_filter("tcp", ETHERNET, 65535)
    assert bpf.everything(96).instructions == ((6, 0, 0, 96),)
