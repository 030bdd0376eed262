"""Frames built here byte by byte, decoded by the reference, and the rows they become."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissectors.stack import dissect
from nvgre_inspect.capture import open_capture
from nvgre_inspect.flows.building import concat
from nvgre_inspect.flows.packet_info import _safe
from nvgre_inspect.flows.packets import packet_table
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.columns import PACKETS
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

SAMPLES = Path(__file__).parents[3] / "samples"
T0 = 1_767_323_045_123_456_789

MACS = bytes.fromhex("020000000002 020000000001")


def ethernet(ethertype, payload):
    return MACS + struct.pack(">H", ethertype) + payload


def ipv4(protocol, payload, src="0a000001", dst="0a000002"):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    return ethernet(0x0800, header + bytes.fromhex(src + dst) + payload)


def nvgre(vsid, flow_id, inner):
    return ipv4(47, struct.pack(">HHI", 0x2000, 0x6558, vsid << 8 | flow_id) + inner, "c0000201", "c0000202")


def tcp(flags, options=b"", payload=b"", urgent=0):
    offset = 5 + len(options) // 4
    header = struct.pack(">HHIIBBHHH", 50000, 443, 1000, 2000, offset << 4, flags, 512, 0, urgent)
    return ipv4(6, header + options + payload)


def udp(sport, dport, payload=b""):
    return ipv4(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def batch_of(*frames, linktype=1, wirelen=None):
    sizes = np.array([len(frame) for frame in frames], np.int64)
    count = len(frames)
    return PacketBatch(
        buffer=np.frombuffer(b"".join(frames), np.uint8),
        offset=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        caplen=sizes,
        wirelen=sizes if wirelen is None else np.array(wirelen, np.int64),
        ts_ns=T0 + np.arange(count),
        linktype=np.full(count, linktype, np.uint16),
        interface=np.zeros(count, np.int32),
        position=np.zeros(count, np.int64),
    )


def table_of(batch, flows=None, **given):
    records = empty_records(len(batch))
    decode(batch, DecodeOptions(), records)
    flow = np.full(len(batch), -1, np.int32) if flows is None else np.array(flows, np.int32)
    return packet_table(batch, records, flow, given.pop("first_number", 1), **given).frame()


def infos(*frames, **given):
    return table_of(batch_of(*frames, **given))["info"].tolist()


def test_a_row():
    frame = table_of(batch_of(nvgre(5001, 7, tcp(0x18, payload=b"abc"))), flows=[41], first_number=100)
    assert list(frame.columns) == PACKETS.names
    assert {c.name: str(frame[c.name].dtype) for c in PACKETS} == {c.name: c.dtype for c in PACKETS}
    assert frame.iloc[0].to_dict() == {
        "number": 100,
        "time": pd.Timestamp("2026-01-02T03:04:05.123456789Z"),
        "interface": 0,
        "flow": 42,
        "encap": "nvgre",
        "vsid": 5001,
        "flow_id": 7,
        "stack": "nvgre:5001",
        "pa_src": "192.0.2.1",
        "pa_dst": "192.0.2.2",
        "src_ip": "10.0.0.1",
        "src_port": 50000,
        "dst_ip": "10.0.0.2",
        "dst_port": 443,
        "protocol": "tcp",
        "length": 14 + 20 + 8 + 14 + 20 + 20 + 3,
        "info": "50000 → 443 [PSH, ACK] Seq=1000 Ack=2000 Win=512 Len=3",
        "anomalies": (),
    }


def test_nulls_outside_tunnels_and_flows():
    row = table_of(batch_of(ethernet(0x88B5, bytes(46)))).iloc[0]
    assert row["encap"] == "none"
    assert row["protocol"] == "0x88b5"
    for name in ("flow", "vsid", "flow_id", "stack", "pa_src", "pa_dst", "src_ip", "src_port", "dst_ip", "dst_port"):
        assert pd.isna(row[name]), name


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (tcp(0x02, bytes.fromhex("020405b4 01030307")), "50000 → 443 [SYN] Seq=1000 Win=512 Len=0 MSS=1460 WS=128"),
        (tcp(0x02, bytes.fromhex("0303ff00")), "50000 → 443 [SYN] Seq=1000 Win=512 Len=0 WS=16384"),
        (tcp(0x00), "50000 → 443 [<None>] Seq=1000 Win=512 Len=0"),
        (tcp(0x30, urgent=9), "50000 → 443 [ACK, URG] Seq=1000 Ack=2000 Win=512 Urg=9 Len=0"),
        (udp(40000, 4000, b"xyz"), "40000 → 4000 Len=3"),
        (udp(40000, 53, b"xyz"), "DNS 40000 → 53 Len=3"),
        (udp(53, 40000), "DNS 53 → 40000 Len=0"),
        (ipv4(1, struct.pack(">BBHHH", 8, 0, 0, 0x00AB, 7)), "Echo (ping) request id=0x00ab, seq=7"),
        (ipv4(1, struct.pack(">BBHHH", 0, 0, 0, 0x00AB, 7)), "Echo (ping) reply id=0x00ab, seq=7"),
        # Six bytes: the identifier is there, the sequence number is not.
        (ipv4(1, struct.pack(">BBHH", 8, 0, 0, 0x00AB)), "Echo (ping) request id=0x00ab"),
        (
            ethernet(0x0806, bytes.fromhex("0001080006040001 020000000001 0a000001 000000000000 0a000002")),
            "Who has 10.0.0.2? Tell 10.0.0.1",
        ),
    ],
)
def test_info(frame, text):
    assert infos(frame) == [text]
    assert infos(nvgre(5001, 1, frame)) == [text]


def test_each_frame_keeps_its_own_line():
    frames = [udp(1, 2), tcp(0x10), ipv4(1, struct.pack(">BBHHH", 8, 0, 0, 5, 6)), udp(3, 4), tcp(0x04)]
    assert infos(*frames) == [infos(frame)[0] for frame in frames]


def test_undecoded_link_type():
    assert infos(bytes(20), linktype=147) == ["link type user0: not decoded"]


@pytest.mark.parametrize("selected", [[1], [False, True, False], []], ids=["indices", "mask", "none"])
def test_select(selected):
    batch = batch_of(udp(1, 2), udp(3, 4), udp(5, 6))
    select = np.array(selected, bool if len(selected) == 3 else np.int64)
    frame = table_of(batch, flows=[7, 8, 9], first_number=10, select=select)
    rows = [] if not selected else [(11, 9, "3 → 4 Len=0")]
    assert list(zip(frame["number"], frame["flow"], frame["info"], strict=True)) == rows


def test_concat_keeps_categories_in_numeric_order():
    first = table_of(batch_of(udp(1, 2), ethernet(0x88B5, bytes(46))))
    second = table_of(batch_of(ipv4(17, bytes(8), src="0a00000a"), ipv4(17, bytes(8), src="09000000")), first_number=3)
    whole = concat(PACKETS, [first, first.iloc[:0], second])
    assert {c.name: str(whole[c.name].dtype) for c in PACKETS} == {c.name: c.dtype for c in PACKETS}
    assert whole["number"].tolist() == [1, 2, 3, 4]
    addresses = whole.sort_values("src_ip")["src_ip"].astype(object).tolist()
    assert addresses[:3] == ["9.0.0.0", "10.0.0.1", "10.0.0.10"]
    assert pd.isna(addresses[3])
    assert list(concat(PACKETS, []).columns) == PACKETS.names
    pd.testing.assert_frame_equal(concat(PACKETS, [first]), first)


def test_no_control_character_gets_through():
    assert _safe("plain → text") == "plain → text"
    assert _safe("a\x1b[31mb\n") == "a\\x1b[31mb\\n"


@pytest.mark.parametrize("length", range(80))
def test_cut_frames_have_a_row(length):
    whole = nvgre(5001, 7, tcp(0x02, bytes.fromhex("020405b4 01030307")))
    frame = table_of(batch_of(whole[:length], wirelen=[len(whole)]))
    assert len(frame) == 1
    assert frame["info"].iat[0].isprintable()


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcap*")), ids=lambda path: path.name)
def test_the_fast_lines_are_those_of_the_dissectors(path):
    number = 1
    with open_capture(path) as reader:
        for batch in reader.batches():
            frame = table_of(batch, first_number=number)
            assert frame["number"].tolist() == list(range(number, number + len(batch)))
            number += len(batch)
            for i, text in enumerate(frame["info"]):
                said = dissect(batch.frame(i), int(batch.wirelen[i]), int(batch.linktype[i])).info
                # TCP options are shown of a SYN only.
                assert said == text or (said.startswith(text + " ") and frame["protocol"].iat[i] == "tcp"), i
    assert number > 1
