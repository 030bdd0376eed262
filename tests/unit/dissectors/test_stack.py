"""The stack as a person is shown it: every byte accounted for, nothing that a terminal acts on, valid JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.stack import Stack, dissect, hex_dump
from tests.unit.reference.frames import CA_A, CA_B, INNER, eth, gre, ip4, nvgre, record, tcp, udp, vxlan

FRAME = eth(ip4(nvgre(eth(ip4(udp(vxlan(INNER, 9), 4789), 17, CA_A, CA_B))), 47))


def test_layers_and_their_places() -> None:
    stack = dissect(FRAME)
    assert [(layer.name, layer.start, layer.length) for layer in stack.layers] == [
        ("eth", 0, 14),
        ("ip", 14, 20),
        ("nvgre", 34, 8),
        ("eth", 42, 14),
        ("ip", 56, 20),
        ("udp", 76, 8),
        ("vxlan", 84, 8),
        ("eth", 92, 14),
        ("ip", 106, 20),
        ("tcp", 126, 20),
    ]
    assert stack.path == "nvgre:5001/vxlan:9"
    assert stack.info == "49152 → 443 [PSH, ACK] Seq=1000 Ack=2000 Win=501 Len=5"


def test_fields_are_within_their_layers() -> None:
    for layer in dissect(FRAME).layers:
        for field in layer.fields():
            assert layer.start <= field.start
            assert field.start + field.length <= layer.start + layer.length


def test_tree() -> None:
    lines = dissect(FRAME + b"pad").tree().splitlines()
    assert lines[0] == "Frame: 154 bytes on the wire, 154 captured"
    assert lines[1] == "Stack: nvgre:5001/vxlan:9"
    assert " 34-41   Network Virtualization using GRE, VSID 5001, FlowID 42" in lines
    assert " 38-40       Virtual Subnet ID: 5001 (0x001389)" in lines
    assert lines[-2] == "146-150  Payload: 5 bytes"
    assert lines[-1] == "151-153  Padding or trailer: 3 bytes"


def test_anomalies_are_said() -> None:
    lines = dissect(eth(ip4(nvgre(INNER, 0xFFFFFF), 47))).tree().splitlines()
    assert lines[2].startswith("Anomaly: nvgre-vsid-reserved (VSID reserved by RFC 7637")


def test_json() -> None:
    found = json.loads(json.dumps(dissect(FRAME, 2000).to_dict()))
    assert found["wire_len"] == 2000
    assert found["stack"] == "nvgre:5001/vxlan:9"
    assert found["layers"][2]["protocol"] == "nvgre"
    assert {"name": "nvgre.vsid", "value": 5001, "text": "Virtual Subnet ID: 5001 (0x001389)", "range": [38, 3]} in (
        found["layers"][2]["fields"]
    )
    assert bytes.fromhex(found["data"]) == FRAME


def test_leaves_that_no_rule_needs() -> None:
    ospf = bytes.fromhex("0201002c 0a000001 00000000 0000 0000") + bytes(28)
    assert dissect(eth(ip4(gre(ip4(ospf, 89), 0x0800), 47))).layers[-1].name == "ospf"
    keepalive = ip4(gre(b"", 0x0000), 47)
    assert dissect(eth(ip4(gre(keepalive, 0x0800), 47))).info == "GRE Keepalive"
    assert dissect(eth(bytes.fromhex("424203") + bytes(35), 38)).layers[-1].name == "llc"


def test_wire_length_of_a_cut_segment() -> None:
    stack = dissect(eth(ip4(tcp(bytes(100)), 6))[:60], 154)
    assert stack.info.endswith("Len=100")


def test_nothing_at_all() -> None:
    stack = dissect(b"")
    assert (stack.layers, stack.path, stack.info) == ([], "", "")
    assert (
        stack.tree()
        == "Frame: 0 bytes on the wire, 0 captured\nAnomaly: header-truncated (the packet itself ends inside a header)"
    )


def account(stack: Stack) -> None:
    """What has to be true of any frame."""
    text = stack.tree()
    assert all(line.isprintable() for line in text.splitlines())
    assert stack.info.isprintable()
    json.dumps(stack.to_dict())
    for layer in stack.layers:
        assert 0 <= layer.start <= layer.start + layer.length <= len(stack.frame)
        assert bytes(layer.header).startswith(stack.frame[layer.start : layer.start + layer.length])


@pytest.mark.parametrize("cut", range(len(FRAME)))
def test_every_truncation_is_shown(cut: int) -> None:
    account(dissect(FRAME[:cut], len(FRAME)))


@given(frame=st.binary(max_size=200), linktype=st.sampled_from([0, 1, 9, 101, 104, 113, 147, 276]))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_shown(frame: bytes, linktype: int) -> None:
    stack = dissect(frame, linktype=linktype)
    account(stack)
    assert stack.anomalies == record(frame, linktype)["anomalies"]


@given(flips=st.lists(st.tuples(st.integers(0, len(FRAME) - 1), st.integers(0, 255)), max_size=5))
@settings(max_examples=150, deadline=None)
def test_mutated_frames_are_shown(flips: list[tuple[int, int]]) -> None:
    mutated = bytearray(FRAME)
    for place, value in flips:
        mutated[place] = value
    account(dissect(bytes(mutated)))


def test_hex_dump() -> None:
    assert hex_dump(b"0123456789abcdef\x00\x1b") == (
        "0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n"
        "0010  00 1b                                            .."
    )
