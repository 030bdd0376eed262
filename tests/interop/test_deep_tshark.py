"""dissect --deep in the installed tshark: the tree of a packet in the middle is that of the tenant's own capture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tshark
from tshark import needs_tshark

from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.cli.main import main
from nvgre_inspect.session import SessionOptions, UsageError, open_session
from nvgre_inspect.wireshark.settings import Settings
from nvgre_inspect.wireshark.tshark import TsharkError
from nvgre_inspect.with_tshark.deep import DeepPacket, deep
from tests.builders import build

pytestmark = [pytest.mark.interop, needs_tshark]


def walked(path: Path, number: int, settings: Settings | None = None) -> DeepPacket:
    with open_session(path, options=SessionOptions(count=number)) as session:
        return deep(session, number, settings)


def counted(path: Path, number: int) -> DeepPacket:
    with open_session(path) as session:
        session.read()
        return deep(session, number)


def fields(found: DeepPacket) -> dict[str, str]:
    """The first value of each field."""
    values: dict[str, str] = {}
    for protocol in found.tree:
        for _, node in protocol.lines():
            if node.name:
                values.setdefault(node.name, node.value)
    return values


def protocols(found: DeepPacket) -> list[str]:
    return [node.name for node in found.tree]


def test_streams_of_overlapping_tenants_are_their_own(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    # tshark sees retransmissions and lost segments in this file that no tenant has.
    analysis = tshark.tcp_analysis(path)
    assert sum(sum(words.values()) for stream in analysis.values() for words in stream.values()) > 100
    for number in (197, 380):
        found = walked(path, number)
        assert "tcp.analysis.flags" not in fields(found)
        assert [name for name in protocols(found) if "." not in name][:4] == ["eth", "ip", "tcp", "http"]
        assert found.stripped


def test_numbers_of_packets_are_those_of_the_capture(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    with open_session(path) as session:
        flows = {
            int(number): int(flow)
            for table in session.packets("tcp")
            for number, flow in zip(table["number"], table["flow"], strict=True)
        }
    found = walked(path, 197)
    values = fields(found)
    request = int(values["http.request_in"])
    assert flows[request] == flows[197]
    # Named so until tshark 4.0; 4.4 shows the request's own fields.
    asked_for = values.get("http.response_for.uri") or values["http.request.full_uri"]
    assert fields(walked(path, request))["http.request.uri"] == asked_for.split("example")[-1]
    (segments,) = [node for tree in found.tree for _, node in tree.lines() if node.name == "tcp.segments"]
    listed = {int(part.split("(")[0]) for part in segments.label.split("#")[1:]}
    assert 197 in listed
    assert {flows[number] for number in listed} == {flows[197]}
    below = {int(node.value) for _, node in segments.lines() if node.name == "tcp.segment"}
    assert below == listed


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("fabric.pcapng", (1, 2299)),
        ("nested-vxlan.pcap", (30,)),
        ("fragments.pcap", (6, 58)),
        ("icmp-errors.pcap", (20,)),
    ],
)
def test_walked_and_counted_are_the_same(samples: Path, name: str, numbers: tuple[int, ...]) -> None:
    with open_session(samples / name) as session:
        session.read()
        for number in numbers:
            assert walked(samples / name, number).tree == deep(session, number).tree


def test_a_packet_by_itself_is_what_tshark_says_of_the_decapsulated_file(samples: Path, tmp_path: Path) -> None:
    """The whole of one tenant, decapsulated by editcap, and the same packet there."""
    path = samples / "overlapping-tenants.pcap"
    tenant = tshark.decapsulate(path, tmp_path / "tenant.pcap", tshark.of_vsid(5001), 42)
    numbers = [int(row["frame.number"][0]) for row in tshark.fields(path, ["gre.key"], select=tshark.of_vsid(5001))]
    names = ["tcp.seq", "tcp.ack", "tcp.len", "tcp.window_size", "http.response.code", "tcp.reassembled.length"]
    rows = tshark.fields(tenant, names, options=())
    for number in numbers[40:70:10]:
        row = rows[numbers.index(number)]
        found = fields(walked(path, number))
        assert {name: found.get(name, "") for name in names} == {name: ",".join(row[name][:1]) for name in names}


def test_without_a_tunnel_it_is_given_as_it_is(samples: Path) -> None:
    found = walked(samples / "arp-broadcast.pcap", 1)
    assert not found.stripped
    assert protocols(found)[0] == "eth"


def test_fragments_of_the_underlay(samples: Path) -> None:
    """The last one shows the packet that it completes, the others are what they are."""
    path = samples / "fragments.pcap"
    rows = tshark.fields(path, ["ip.flags.mf", "ip.frag_offset", "ip.id"], select="ip.proto == 47")
    last = [
        int(row["frame.number"][0])
        for row in rows
        if row["ip.frag_offset"][0] != "0" and row["ip.flags.mf"][0] in ("0", "False")
    ]
    assert len(last) >= 10
    whole = walked(path, last[3])
    assert whole.stripped
    assert protocols(whole)[:2] == ["eth", "ip"]
    assert "tcp" in protocols(whole) or "udp" in protocols(whole)
    first = walked(path, last[3] - 1)
    assert not first.stripped


@pytest.mark.parametrize("number", [0, 521, 10_000])
def test_packets_that_are_not_there(samples: Path, number: int) -> None:
    with pytest.raises(UsageError, match="the last one is 520"):
        counted(samples / "overlapping-tenants.pcap", number)


def test_options_reach_tshark(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    relative = fields(walked(path, 197))["tcp.seq"]
    absolute = fields(walked(path, 197, Settings(options=("tcp.relative_sequence_numbers:FALSE",))))["tcp.seq"]
    assert int(relative) < int(absolute)


def test_an_option_that_tshark_does_not_know(samples: Path) -> None:
    told = Settings(options=("tcp.nothing:/secret",))
    with pytest.raises(TsharkError, match=r"^tshark has no option tcp\.nothing$"):
        walked(samples / "overlapping-tenants.pcap", 197, told)


def test_esp_is_decrypted_with_its_keys(tmp_path: Path) -> None:
    """Null encryption that tshark looks into only when it is told."""
    inner = build.udp("10.0.0.1", "10.0.0.2", 1, 53, b"\x00\x01" + bytes(10))
    esp = b"\x00\x00\x00\x2a\x00\x00\x00\x01" + inner + b"\x01\x02" + b"\x02\x11"
    frame = build.ethernet_ip(
        "00:00:00:00:00:02", "00:00:00:00:00:01", build.ip("10.0.0.1", "10.0.0.2", 50, esp, ident=1)
    )
    path = tmp_path / "esp.pcap"
    with PcapWriter(path) as writer:
        writer.write_frame(frame, 0)
    assert "udp" not in protocols(walked(path, 1))
    row = 'uat:esp_sa:"IPv4","*","*","*","NULL","","NULL",""'
    told = Settings(options=("esp.enable_encryption_decode:TRUE", row))
    assert "udp" in protocols(walked(path, 1, told))


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command_shows_outer_headers_tree_and_bytes(samples: Path, capsys) -> None:
    assert main(["dissect", str(samples / "overlapping-tenants.pcap"), "197", "--deep"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    heads = [line for line in lines if line and line[0] not in " 0"]
    assert heads[0] == "Frame 197: 327 bytes on the wire"
    assert heads[1].startswith("Ethernet")
    assert "Network Virtualization using GRE, VSID 5002" in heads[3]
    assert heads[4].startswith("Ethernet II, Src: 00:15:5d")
    assert "    Status Code: 200" in " ".join(lines)
    assert lines[-1].startswith("0")
    assert captured.err.startswith("tshark was given this packet and ")


def test_the_command_in_json(samples: Path, capsys) -> None:
    assert main(["dissect", str(samples / "overlapping-tenants.pcap"), "197", "--deep", "--json", "-q"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert [layer["protocol"] for layer in found["underlay"]] == ["eth", "ip", "nvgre"]
    assert [layer["name"] for layer in found["tree"]][:3] == ["eth", "ip", "tcp"]
    assert found["packets_left_out"] == 0


def test_standard_input(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    command = ["-m", "nvgre_inspect", "dissect", "-", "197", "--deep", "--json"]
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, *command], stdin=file, capture_output=True, check=True)
    assert [layer["name"] for layer in json.loads(done.stdout)["tree"]][:3] == ["eth", "ip", "tcp"]


def test_texts_of_strangers_do_not_reach_the_terminal(tmp_path: Path, capsys) -> None:
    from nvgre_inspect.capture.writer import PcapWriter

    request = b"GET /\x1b[31m\x9b\xe2\x80\xae HTTP/1.1\r\nHost: a\r\n\r\n"
    segment = build.tcp("10.0.0.1", "10.0.0.2", 1000, 80, seq=1, ack=1, flags=0x18, window=500, payload=request)
    frame = build.ethernet_ip(
        "00:00:00:00:00:02", "00:00:00:00:00:01", build.ip("10.0.0.1", "10.0.0.2", 6, segment, ident=1)
    )
    path = tmp_path / "evil.pcap"
    with PcapWriter(path) as writer:
        writer.write_frame(frame, 0)
    assert main(["dissect", str(path), "1", "--deep"]) == 0
    out = capsys.readouterr().out
    assert "GET /" in out
    assert not any(c in out for c in "\x1b\x9b‮")
