"""The harness itself: what it makes of tshark's answers, and its cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tshark

pytestmark = [pytest.mark.interop, tshark.needs_tshark]
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVGRE_INSPECT_TEST_CACHE", str(tmp_path / "cache"))


def refuse_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on only the cache can answer."""
    monkeypatch.setattr(tshark, "_run", lambda command: pytest.fail(f"started {command}"))


def test_one_row_per_frame_with_all_occurrences() -> None:
    rows = tshark.fields(SAMPLES / "nested-vxlan.pcap", ["ip.src", "gre.key", "vxlan.vni", "arp.opcode"])
    assert [row["frame.number"] for row in rows] == [[str(i)] for i in range(1, len(rows) + 1)]
    first = rows[0]
    assert first["ip.src"] == ["192.168.50.1", "10.0.0.1", "172.17.0.2"]
    assert int(first["gre.key"][0], 0) >> 8 == 5001
    assert first["vxlan.vni"] == ["1"]
    assert first["arp.opcode"] == []
    assert len(rows[-1]["gre.key"]) == 20


def test_fragments_are_not_reassembled() -> None:
    rows = tshark.fields(SAMPLES / "fragments.pcap", ["ip.frag_offset", "gre.key"])
    assert all(bool(row["gre.key"]) == (row["ip.frag_offset"][0] == "0") for row in rows)
    assert any(not row["gre.key"] for row in rows)


def test_linux_vxlan_port_is_decoded() -> None:
    rows = tshark.fields(SAMPLES / "neighbours.pcap", ["vxlan.vni"], select="udp.dstport == 8472")
    assert rows
    assert all(row["vxlan.vni"] == ["5003"] for row in rows)


def test_sequence_numbers_are_absolute() -> None:
    rows = tshark.fields(SAMPLES / "tcp-lab.pcap", ["tcp.seq"], select="tcp.dstport == 6013")
    sequence = [int(row["tcp.seq"][0]) for row in rows]
    assert max(sequence) > 0xFFFF_0000
    assert min(sequence) < 0xFFFF


def test_selection_keeps_frame_numbers() -> None:
    rows = tshark.fields(SAMPLES / "overlapping-tenants.pcap", ["gre.key"], select=tshark.of_vsid(5002))
    assert {int(row["gre.key"][0], 0) >> 8 for row in rows} == {5002}
    assert rows[0]["frame.number"] == ["2"]


@pytest.mark.parametrize("name", ["truncated.pcap", "truncated.pcapng"])
def test_damaged_file_yields_what_is_before_the_damage(name: str) -> None:
    answer = tshark.ask(SAMPLES / name, ["frame.len"])
    assert len(answer.rows) > 50
    assert "cut short" in answer.damage


def test_sound_file_has_no_damage() -> None:
    assert tshark.ask(SAMPLES / "vlan.pcap", ["frame.len"]).damage == ""


def test_not_a_capture() -> None:
    with pytest.raises(tshark.TsharkError, match="isn't a capture file"):
        tshark.fields(SAMPLES / "README.md", ["frame.len"])


def test_unknown_field() -> None:
    with pytest.raises(tshark.TsharkError, match=r"no\.such\.field"):
        tshark.fields(SAMPLES / "vlan.pcap", ["no.such.field"])


def test_answers_and_errors_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    first = tshark.fields(SAMPLES / "vlan.pcap", ["frame.len"])
    with pytest.raises(tshark.TsharkError):
        tshark.fields(SAMPLES / "README.md", ["frame.len"])
    refuse_tools(monkeypatch)
    assert tshark.fields(SAMPLES / "vlan.pcap", ["frame.len"]) == first
    with pytest.raises(tshark.TsharkError, match="isn't a capture file"):
        tshark.fields(SAMPLES / "README.md", ["frame.len"])


def test_cache_goes_by_content_not_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.pcap"
    shutil.copy(SAMPLES / "vlan.pcap", path)
    first = tshark.fields(path, ["frame.len"])
    shutil.copy(SAMPLES / "snaplen.pcap", path)
    assert tshark.fields(path, ["frame.len"]) != first


def test_prefetch_fills_the_cache_and_survives_bad_files(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [SAMPLES / "vlan.pcap", SAMPLES / "README.md", SAMPLES / "snaplen.pcap"]
    tshark.prefetch(paths, ["frame.len"])
    refuse_tools(monkeypatch)
    assert tshark.fields(paths[2], ["frame.len"])


def test_broken_cache_entry_is_made_anew() -> None:
    first = tshark.fields(SAMPLES / "vlan.pcap", ["frame.len"])
    (entry,) = tshark.cache_folder().rglob("*.json.gz")
    entry.write_bytes(entry.read_bytes()[:40])
    assert tshark.fields(SAMPLES / "vlan.pcap", ["frame.len"]) == first


def test_missing_tshark_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("nvgre_inspect.wireshark.tshark._FOLDERS", {})
    assert "apt-get install tshark" in tshark.missing()
    with pytest.raises(tshark.TsharkError, match="apt-get install tshark"):
        tshark.fields(SAMPLES / "vlan.pcap", ["frame.cap_len"])


def test_streams_add_up() -> None:
    path = SAMPLES / "fabric.pcapng"
    table = tshark.streams(path)
    rows = tshark.fields(path, ["frame.len", "tcp.stream"])
    assert sum(d.packets for s in table.values() for d in s.values()) == sum(bool(r["tcp.stream"]) for r in rows)
    assert sum(d.bytes for s in table.values() for d in s.values()) == sum(
        int(r["frame.len"][0]) for r in rows if r["tcp.stream"]
    )
    assert all(1 <= len(stream) <= 2 for stream in table.values())


def test_udp_streams_leave_quotes_out() -> None:
    table = tshark.streams(SAMPLES / "icmp-errors.pcap", "udp")
    sources = {ends[0] for stream in table.values() for ends in stream}
    assert sources == {"10.0.0.1"}


def test_analysis_by_direction() -> None:
    by_port = {
        ends[3]: words
        for stream in tshark.tcp_analysis(SAMPLES / "tcp-lab.pcap").values()
        for ends, words in stream.items()
        if ends[1] == 50000
    }
    assert not by_port[6001]
    assert by_port[6002] == {"retransmission": 1, "fast_retransmission": 1}
    assert by_port[6003] == {"retransmission": 2}
    assert by_port[6005] == {"out_of_order": 1, "lost_segment": 1}
    assert by_port[6009] == {"keep_alive": 3}
    answers = {
        ends[1]: words
        for stream in tshark.tcp_analysis(SAMPLES / "tcp-lab.pcap").values()
        for ends, words in stream.items()
        if ends[3] == 50000
    }
    assert answers[6002]["duplicate_ack"] == 4
    assert answers[6008]["ack_lost_segment"] == (2 if tshark.is_at_least(4, 4) else 1)
    assert answers[6010]["zero_window"] == 2


def test_decapsulation_keeps_inner_frames_only(tmp_path: Path) -> None:
    path = SAMPLES / "overlapping-tenants.pcap"
    inner = tshark.decapsulate(path, tmp_path / "5001.pcap", tshark.of_vsid(5001), 42)
    rows = tshark.fields(inner, ["frame.len", "frame.protocols", "ip.src"])
    outer = tshark.fields(path, ["frame.len"], select=tshark.of_vsid(5001))
    assert [int(row["frame.len"][0]) + 42 for row in rows] == [int(row["frame.len"][0]) for row in outer]
    assert {len(row["ip.src"]) for row in rows} == {1}


def test_decapsulation_reports_a_bad_filter(tmp_path: Path) -> None:
    with pytest.raises(tshark.TsharkError, match="such"):
        tshark.decapsulate(SAMPLES / "vlan.pcap", tmp_path / "x.pcap", "no such filter", 42)
