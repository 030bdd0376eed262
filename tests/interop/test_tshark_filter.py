"""--tshark-filter: the packets that tshark picks in each tenant's own capture, whatever addresses the others have."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import tshark
from tshark import needs_tshark

from nvgre_inspect.capture import CaptureError
from nvgre_inspect.capture.writer import PcapWriter
from nvgre_inspect.cli.main import main
from nvgre_inspect.flows.filter.errors import FilterError
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.wireshark import select
from nvgre_inspect.wireshark.settings import Settings
from tests.builders import build, overlay

pytestmark = [pytest.mark.interop, needs_tshark]

#: Asks for what only a whole stream shows.
RESPONSES = "http.response.code == 200 && http.request_in"


def picked(path: Path, text: str, **options: object) -> list[int]:
    """Numbers of the packets that are counted."""
    with open_session(path, options=SessionOptions(tshark_filter=text, **options)) as session:
        numbers = [int(number) for table in session.packets() for number in table["number"]]
        assert session.snapshot().state.frames == len(numbers)
        assert int(session.flows[["packets_fwd", "packets_rev"]].to_numpy().sum()) <= len(numbers)
        return numbers


def of_tenant(path: Path, vsid: int, text: str, folder: Path) -> list[int]:
    """The numbers that tshark picks in a tenant's capture that editcap made."""
    tenant = tshark.decapsulate(path, folder / f"{vsid}.pcap", tshark.of_vsid(vsid), 42)
    numbers = [int(row["frame.number"][0]) for row in tshark.fields(path, [], select=tshark.of_vsid(vsid))]
    rows = tshark.fields(tenant, [], select=text, options=())
    return [numbers[int(row["frame.number"][0]) - 1] for row in rows]


@pytest.mark.parametrize("engine", ["reference", "kernels"])
def test_overlapping_tenants(samples: Path, tmp_path: Path, engine: str) -> None:
    path = samples / "overlapping-tenants.pcap"
    expected = sorted(of_tenant(path, 5001, RESPONSES, tmp_path) + of_tenant(path, 5002, RESPONSES, tmp_path))
    assert len(expected) > 20
    # Both tenants at once are too much for tshark.
    confused = [int(row["frame.number"][0]) for row in tshark.fields(path, [], select=RESPONSES, options=())]
    assert confused != expected
    assert picked(path, RESPONSES, engine=engine) == expected


@pytest.mark.parametrize("text", ["tcp.analysis.retransmission", "tcp.analysis.lost_segment", "tcp.stream == 0"])
def test_words_about_streams(samples: Path, tmp_path: Path, text: str) -> None:
    path = samples / "overlapping-tenants.pcap"
    expected = sorted(of_tenant(path, 5001, text, tmp_path) + of_tenant(path, 5002, text, tmp_path))
    assert picked(path, text) == expected


def test_what_needs_no_stream_is_as_in_tshark(samples: Path) -> None:
    """Every packet, whatever its tunnel, by what is in it."""
    path = samples / "fabric.pcapng"
    for text, condition in (("dns", "dns"), ("arp", "arp"), ("icmp.type == 8", "icmp.type == 8")):
        rows = tshark.fields(path, [], select=condition)
        assert picked(path, text) == [int(row["frame.number"][0]) for row in rows]


def test_many_groups_take_several_passes(samples: Path, monkeypatch) -> None:
    path = samples / "overlapping-tenants.pcap"
    at_once = picked(path, RESPONSES)
    monkeypatch.setattr(select, "FILES", 1)
    assert picked(path, RESPONSES) == at_once
    monkeypatch.setattr(select, "MAX_GROUPS", 1)
    with pytest.raises(CaptureError, match=r"^2 tenants use the same addresses"):
        picked(path, RESPONSES)


def test_all_fragments_of_the_underlay_pass_with_their_packet(samples: Path) -> None:
    path = samples / "fragments.pcap"
    # Only the whole segment is that long.
    found = set(picked(path, "tcp.len > 1430"))
    rows = tshark.fields(path, ["ip.id", "ip.flags.mf", "ip.frag_offset"])
    fragments = {
        int(row["frame.number"][0]): row["ip.id"][0]
        for row in rows
        if row["ip.frag_offset"][0] != "0" or row["ip.flags.mf"][0] in ("1", "True")
    }
    assert len(found) > 20
    assert found <= set(fragments)
    packets = {fragments[number] for number in found}
    assert found == {number for number, packet in fragments.items() if packet in packets}


def test_all_fragments_of_a_tenants_packet_pass_with_it(tmp_path: Path) -> None:
    path = tmp_path / "inner.pcap"
    with PcapWriter(path) as writer:
        for vsid in (5001, 5002):
            for place, part in enumerate([*overlay.fragments4(), overlay.udp_frame(32)]):
                packet = build.ip("192.0.2.1", "192.0.2.2", build.GRE, build.nvgre(vsid, 7, part), ident=place)
                frame = build.ethernet_ip(overlay.NVE_MACS[1], overlay.NVE_MACS[0], packet)
                writer.write_frame(frame, vsid * 1_000_000_000 + place)
    assert picked(path, "udp.length > 900") == [1, 2, 3, 5, 6, 7]
    assert picked(path, "udp.length < 900") == [4, 8]


def test_it_comes_after_read_filter_and_interface(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    all_of_them = picked(path, "http.response")
    with open_session(path) as session:
        vsids = {int(n): int(v) for t in session.packets() for n, v in zip(t["number"], t["vsid"], strict=True)}
    assert picked(path, "http.response", read_filter="vsid == 5002") == [n for n in all_of_them if vsids[n] == 5002]


def test_everything_follows(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    with open_session(
        path, options=SessionOptions(tshark_filter="http.request", read_filter="vsid == 5001")
    ) as session:
        assert session.tenants["vsid"].tolist() == [5001]
        assert session.tunnels["packets_rev"].tolist() == [0]
        assert set(session.flows["dst_port"]) == {80}
        frames = [number for part in session.frames() for number in part.numbers.tolist()]
        assert len(frames) == int(session.tenants["packets"].sum())


def test_frames_before_anything_was_counted(samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    with open_session(path, options=SessionOptions(tshark_filter="http.response")) as session:
        frames = [number for part in session.frames(inner="all") for number in part.numbers.tolist()]
        assert not session.is_counted
    assert frames == picked(path, "http.response")


@pytest.mark.parametrize("command", ["packets", "flows"])
def test_a_pipe(samples: Path, command: str) -> None:
    path = samples / "overlapping-tenants.pcap"
    words = ["-m", "nvgre_inspect", command, "-", "--csv", "--tshark-filter", "http.response"]
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, *words], stdin=file, capture_output=True, text=True, check=True)
    with open_session(path, options=SessionOptions(tshark_filter="http.response")) as session:
        rows = len(session.flows) if command == "flows" else int(session.tenants["packets"].sum())
    assert len(done.stdout.splitlines()) == 1 + rows


@pytest.mark.parametrize("name", ["truncated.pcap", "truncated.pcapng", "snaplen-headers.pcap", "icmp-errors.pcap"])
def test_damaged_and_cut_captures(samples: Path, name: str) -> None:
    with (
        open_session(samples / name, options=SessionOptions(tshark_filter="frame")) as session,
        open_session(samples / name) as whole,
    ):
        assert session.flows.equals(whole.flows)
        assert session.damage == whole.damage


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "position"), [("http.foo == 1", 0), ("tcp.port == abc", 12), ("ip.addr ==", 10), ("(tcp", 4)]
)
def test_a_filter_that_tshark_does_not_take(samples: Path, text: str, position: int) -> None:
    with pytest.raises(FilterError) as error:
        open_session(samples / "fabric.pcapng", options=SessionOptions(tshark_filter=text))
    assert error.value.message.startswith("Wireshark filter: ")
    assert error.value.position == position


def test_the_command_says_so_with_a_caret(samples: Path, capsys) -> None:
    assert main(["flows", str(samples / "fabric.pcapng"), "--tshark-filter", "tcp.port == abc"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    sentence, text, caret = captured.err.splitlines()
    assert "abc" in sentence
    assert text == "  tcp.port == abc"
    assert caret.index("^") == text.index("abc")


def test_nothing_passes(samples: Path, capsys) -> None:
    assert main(["flows", str(samples / "overlapping-tenants.pcap"), "--tshark-filter", "bgp"]) == 0
    assert capsys.readouterr().err == "none of 520 packets matches --tshark-filter\n"


def test_an_option_that_tshark_does_not_know(samples: Path) -> None:
    told = Settings(options=("tls.nothing:/secret",))
    with pytest.raises(CaptureError, match=r"^tshark has no option tls\.nothing$"):
        open_session(samples / "fabric.pcapng", options=SessionOptions(tshark_filter="tcp", tshark=told))


@pytest.mark.skipif(os.name != "posix", reason="stands in for tshark with a shell script")
@pytest.mark.parametrize(
    ("script", "sentence"),
    [("kill -SEGV $$", r"crashed \(signal 11\)"), ("echo 'it /secret is' >&2; exit 1", "it … is")],
)
def test_a_tshark_that_fails(samples: Path, tmp_path: Path, script: str, sentence: str) -> None:
    program = tmp_path / "tshark"
    # It takes the filter, and fails when it is asked about packets.
    program.write_text(f'#!/bin/sh\ncase "$*" in *"-T fields"*) {script};; esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    told = Settings(path=str(program), options=("a.b:/secret",))
    options = SessionOptions(tshark_filter="tcp", tshark=told)
    with (
        open_session(samples / "fabric.pcapng", options=options) as session,
        pytest.raises(CaptureError, match=sentence),
    ):
        session.read()


def test_no_tshark(samples: Path) -> None:
    options = SessionOptions(tshark_filter="tcp", tshark=Settings(path="/nowhere"))
    with pytest.raises(CaptureError, match="no tshark at /nowhere"):
        open_session(samples / "fabric.pcapng", options=options)
