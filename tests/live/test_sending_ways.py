"""Replay on an interface, by a packet socket and through libpcap: the same frames come out at the other end."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.cli.main import main
from nvgre_inspect.traffic import sending
from nvgre_inspect.traffic.sending import open_sender
from tests.builders.namespaces import VethPair
from tests.unit.reference.frames import batch

#: An EtherType for experiments (IEEE 802), which nobody else sends here.
ETHERTYPE = 0x88B5
FRAMES = [b"\x02" * 6 + b"\x06" * 6 + ETHERTYPE.to_bytes(2) + bytes([i]) * (50 + 100 * i) for i in range(9)]
TOO_LONG = b"\x02" * 12 + ETHERTYPE.to_bytes(2) + bytes(9100)


@pytest.fixture(params=["packet socket", "libpcap"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "libpcap":
        pytest.importorskip("cypcap")
        monkeypatch.setattr(sending, "has_packet_sockets", lambda: False)
    return str(request.param)


def received(ear: socket.socket, count: int) -> list[bytes]:
    ear.settimeout(5)
    return [ear.recv(1 << 16) for _ in range(count)]


def listen(pair: VethPair) -> socket.socket:
    with pair.namespace.entered():
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    ear.bind((pair.far, ETHERTYPE))
    return ear


def test_frames_come_out_at_the_other_end(veth_pair: VethPair, way: str) -> None:
    with listen(veth_pair) as ear, veth_pair.namespace.entered():
        sender = open_sender(veth_pair.near)
        given = batch(FRAMES)
        assert sender.send(given, 0, len(FRAMES)) == len(FRAMES)
        sender.close()
        assert received(ear, len(FRAMES)) == FRAMES


def test_libpcap_can_be_asked_for_where_there_are_packet_sockets(veth_pair: VethPair) -> None:
    pytest.importorskip("cypcap")
    with listen(veth_pair) as ear, veth_pair.namespace.entered():
        sender = open_sender(veth_pair.near, libpcap=True)
        assert type(sender).__name__ == "LibpcapSender"
        assert sender.send(batch(FRAMES), 0, 2) == 2
        sender.close()
        assert received(ear, 2) == FRAMES[:2]


def test_replay_paces_loops_rewrites_and_counts_what_is_too_long(
    veth_pair: VethPair, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PcapWriter(tmp_path / "in.pcap") as writer:
        for i, frame in enumerate([*FRAMES[:3], TOO_LONG, *FRAMES[3:]]):
            writer.write_frame(frame, i * 1_000_000)
    words = ["replay", str(tmp_path / "in.pcap"), "--as-is", "-i", veth_pair.near, "--pps", "5000", "--loop", "2"]
    with listen(veth_pair) as ear, veth_pair.namespace.entered():
        assert main([*words, "--rewrite", "mac+1"]) == 0
        came = received(ear, 2 * len(FRAMES))
    assert came[: len(FRAMES)] == FRAMES
    again = [frame[:5] + b"\x03" + frame[6:11] + b"\x07" + frame[12:] for frame in FRAMES]
    assert came[len(FRAMES) :] == again
    said = capsys.readouterr().err
    assert "18 packets sent" in said
    # libpcap tells no MTU: the frame is tried in each loop.
    assert f"{2 if way == 'libpcap' else 1} left out: longer than the interface's MTU allows (over-mtu)" in said
    assert "timing error: " in said


def test_an_interface_that_is_down_or_missing_is_said(veth_pair: VethPair, way: str, tmp_path: Path) -> None:
    veth_pair.namespace.ip("link", "set", veth_pair.near, "down")
    with veth_pair.namespace.entered():
        for name, words in ((veth_pair.near, "is down"), ("nowhere0", "no interface 'nowhere0'; there are: .*in0")):
            with pytest.raises(sending.SendError, match=words):
                open_sender(name)
