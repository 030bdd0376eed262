"""Following a stream: what the ends said, by tshark on a tenant's own packets; the commands around it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tshark
from tshark import needs_tshark

from nvgre_inspect.cli.main import main
from nvgre_inspect.session import UsageError, open_session
from nvgre_inspect.with_tshark.streams import stream

pytestmark = [pytest.mark.interop, needs_tshark]


def said(path: Path, **which: object) -> tuple[bytes, bytes]:
    with open_session(path) as session, stream(session, **which) as found:
        pieces = list(found.pieces)
    return tuple(b"".join(piece.data for piece in pieces if piece.forward is side) for side in (True, False))


def payloads(path: Path, port: int) -> tuple[bytes, bytes]:
    """What both ends of a connection without losses said, put together from the segments."""
    rows = tshark.fields(path, ["tcp.srcport", "tcp.seq", "tcp.payload"], select=f"tcp.port == {port}", options=())
    both = []
    for client in (True, False):
        parts = {
            int(row["tcp.seq"][0]): bytes.fromhex(row["tcp.payload"][0])
            for row in rows
            if row["tcp.payload"] and (row["tcp.srcport"][0] == str(port)) is client
        }
        both.append(b"".join(parts[seq] for seq in sorted(parts)))
    return both[0], both[1]


@pytest.mark.parametrize("vsid", [5001, 5002])
def test_a_tenant_says_its_own(samples: Path, tmp_path: Path, vsid: int) -> None:
    path = samples / "overlapping-tenants.pcap"
    tenant = tshark.decapsulate(path, tmp_path / "tenant.pcap", tshark.of_vsid(vsid), 42)
    with open_session(path) as session:
        flows = session.flows
    for port in (49152, 49155):
        (row,) = flows[(flows["vsid"] == vsid) & (flows["src_port"] == port)].index
        assert said(path, flow=int(flows["flow"][row])) == payloads(tenant, port)


def test_the_flow_of_a_packet(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    with open_session(path) as session:
        (flow,) = [int(flow) for table in session.packets("number == 197") for flow in table["flow"]]
    assert said(path, packet=197) == said(path, flow=flow)


def test_udp_and_ipv6(samples: Path) -> None:
    path = samples / "ipv6-overlay.pcap"
    with open_session(path) as session:
        flows = session.flows
    number = int(flows[flows["protocol"] == "udp"]["flow"].iloc[0])
    asked, answered = said(path, flow=number)
    assert b"v6\x07example" in asked
    assert len(answered) > len(asked) > 12


def test_what_the_capture_misses_is_told_and_not_made_up(samples: Path, tmp_path: Path, capsys) -> None:
    path = samples / "tcp-lab.pcap"
    out = tmp_path / "raw"
    assert main(["follow", str(path), "--flow", "8", "--as", "raw", "-o", str(out)]) == 0
    captured = capsys.readouterr()
    assert "missing in the capture" in captured.err
    assert b"missing" not in out.read_bytes()
    assert main(["follow", str(path), "--flow", "8"]) == 0
    assert "bytes missing in the capture]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ({"flow": 0}, "there is no flow 0: the last one is 12"),
        ({"flow": 13}, "there is no flow 13: the last one is 12"),
        ({"packet": 521}, "there is no packet 521"),
        ({"flow": 3, "protocol": "udp"}, "flow 3 is tcp: there is no udp stream in it"),
        ({"flow": 1}, "flow 1 is icmp: only TCP and UDP have streams"),
    ],
)
def test_what_has_no_stream(samples: Path, which: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^{sentence}"):
        said(samples / "overlapping-tenants.pcap", **which)


# --- the command ---------------------------------------------------------------------------------------------------


def test_text(samples: Path, capsys) -> None:
    assert main(["follow", str(samples / "overlapping-tenants.pcap"), "--flow", "3"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[:3] == ["→ 10.0.0.1:49152", "GET /0/0 HTTP/1.1", "Host: app.example"]
    assert "← 10.0.0.2:80" in lines
    assert captured.err.startswith("flow 3, tcp, 10.0.0.1:49152 → 10.0.0.2:80: ")


def test_one_direction_as_hex_into_a_file(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "reverse.txt"
    words = ["follow", str(samples / "overlapping-tenants.pcap"), "--flow", "3", "--as", "hex", "--direction", "rev"]
    assert main([*words, "-o", str(out), "-q"]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "← 10.0.0.2:80"
    assert lines[1] == "00000000  48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d  HTTP/1.1 200 OK."
    assert "→" not in "".join(lines)
    assert main([*words, "-o", str(out), "-q"]) == 1


def test_http_is_followed_on_top_of_tcp(samples: Path) -> None:
    forward, reverse = said(samples / "overlapping-tenants.pcap", flow=3, protocol="http")
    assert forward.startswith(b"GET /0/0")
    assert reverse.startswith(b"HTTP/1.1 200 OK")


def test_the_line_for_tshark(samples: Path, capsys) -> None:
    path = samples / "overlapping-tenants.pcap"
    assert main(["follow", str(path), "--packet", "197", "--print-tshark"]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"nvgre-inspect decap {path} -o - -Y 'flow == ")
    assert line.endswith("-q -z follow,tcp,ascii,0\n")
