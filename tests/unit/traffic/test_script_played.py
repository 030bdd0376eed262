"""What scripts, frames given as bytes and snapshot lengths make of a capture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from nvgre_inspect.traffic.captures import OneFile
from nvgre_inspect.traffic.generate import generate
from nvgre_inspect.traffic.scenario import Scenario
from nvgre_inspect.traffic.scenario_file import ScenarioError, loads

BASE = """
[scenario]
name = "x"
[underlay]
bandwidth = 0
delay = 0
[[path]]
name = "switch"
hops = 0
[[host]]
name = "a"
pa = "192.0.2.1"
[[host]]
name = "b"
pa = "192.0.2.2"
[[point]]
name = "p"
uplink = "a"
[[tenant]]
vsid = 5001
[[tenant.vm]]
name = "client"
host = "a"
[[tenant.vm]]
name = "server"
host = "b"
"""
SCRIPT = """
[[tenant.workload]]
kind = "script"
clients = "client"
servers = "server"
client_isn = 4294967295
script = '''
+0 > S 0:0(0) win 100 <mss 1000,sackOK,wscale 3>
+1ms > P. 1:6(5) ack 9 "GET"
+1ms < udp 30
'''
"""
TWO_ON_ONE_PORT = "".join(
    f'[[tenant.workload]]\nkind = "request-response"\nname = "{name}"\nclients = "client"\nservers = "server"\n'
    "count = 1\n"
    for name in ("one", "two")
)


class Sink:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, point: int, ts_ns: int, frame: bytes, comment: str = "") -> int:
        self.frames.append(frame)
        return len(self.frames)

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        pass


def scenario(text: str) -> Scenario:
    return loads((BASE + text).encode(), "x.toml", Path())


def test_segments_are_sent_as_they_are_written_and_nobody_answers() -> None:
    sink = Sink()
    generate(scenario(SCRIPT), sink)
    syn, data, datagram = (frame[42:] for frame in sink.frames)
    assert struct.unpack_from(">IIBBH", syn, 38) == (0xFFFFFFFF, 0, 0x90 - 0x10, 0x02, 100)
    assert struct.unpack_from(">I", data, 38) == (0,), "sequence numbers begin again at 2^32"
    assert data[54:57] == b"GET"
    assert len(data) == 54 + 5
    assert len(datagram) == 42 + 30


def test_several_workloads_listen_at_one_port() -> None:
    result = generate(scenario(TWO_ON_ONE_PORT), Sink())
    assert result.truth is not None
    flows = [flow for flow in result.truth["points"]["p"]["flows"] if flow["protocol"] == "tcp"]
    assert [flow["state"] for flow in flows] == ["closed", "closed"]


def test_given_frames_pass_the_point_and_have_no_truth() -> None:
    given = scenario(f'[[frame]]\npoint = "p"\nat = "1ms"\nhex = "{bytes(20).hex()}"\n')
    sink = Sink()
    generate(given, sink, truth=False)
    assert sink.frames == [bytes(20)]
    with pytest.raises(ValueError, match="truth"):
        generate(given, Sink())
    with pytest.raises(ScenarioError, match=r"frame\[0\].point: q is not the name of any point"):
        scenario('[[frame]]\npoint = "q"\nhex = "000000000000000000000000000000"\n')


def test_pcapng_names_the_hosts() -> None:
    target = io.BytesIO()
    with OneFile(target, scenario(SCRIPT)):
        pass
    assert b"\xc0\x00\x02\x01a\0" in target.getvalue()


def test_a_snapshot_length_cuts_what_is_kept() -> None:
    target = io.BytesIO()
    short = loads((BASE.replace('uplink = "a"', 'uplink = "a"\nsnaplen = 60') + SCRIPT).encode(), "x.toml", Path())
    with OneFile(target, short, form="pcap") as sink:
        generate(short, sink)
    content = target.getvalue()
    assert struct.unpack_from("<I", content, 16) == (60,)
    assert struct.unpack_from("<II", content, 32) == (60, 42 + 14 + 20 + 32)
