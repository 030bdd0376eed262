"""`nvgre-inspect verify` with the installed tshark: equal on our samples, and what differs is told."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import capture_files
import pytest
import tshark

from nvgre_inspect.cli.main import main
from nvgre_inspect.wireshark import records
from nvgre_inspect.wireshark.tshark import find, run
from nvgre_inspect.wireshark.verify import for_tshark

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verify:
    """Exit code, stdout and stderr."""
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "nobody")

    def verify(*words: object) -> tuple[int, str, str]:
        code = main(["verify", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return verify


@pytest.fixture
def wrong_ttl(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that takes the TTL from a wrong place, in packets of 140 bytes."""
    right = records.ours

    def wrong(frame: bytes, record: dict) -> records.View:
        found = right(frame, record)
        return {**found, "ip.ttl": [1, *found["ip.ttl"][1:]]} if len(frame) == 140 else found

    monkeypatch.setattr(records, "ours", wrong)


@pytest.mark.parametrize("path", capture_files.sample_files(), ids=lambda path: path.name)
def test_samples_read_the_same(verify: Verify, path: Path) -> None:
    code, out, err = verify(path)
    assert code == (3 if path.name.startswith("truncated") else 0), err
    (summary,) = [line for line in out.splitlines() if line.startswith(f"{path}: ")]
    assert ": the same in tshark " in summary


@pytest.mark.usefixtures("wrong_ttl")
def test_a_difference_is_told(verify: Verify, samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    code, out, _ = verify(path)
    lines = out.splitlines()
    assert code == 4
    assert lines[0] == "packet 1  eth:ethertype:ip:gre:eth:ethertype:ip:icmp"
    assert lines[1] == "  ip.ttl: 1 64, tshark: 64 64"
    packets = sum(line.startswith("packet ") for line in lines)
    assert lines[-1].startswith(f"{path}: ")
    assert f" {packets} differences from tshark " in lines[-1]
    assert lines[-1].endswith(f" in {packets} packets")


@pytest.mark.usefixtures("wrong_ttl")
def test_differences_as_rows(verify: Verify, samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    code, out, err = verify(path, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 4
    assert rows[0] == {
        "file": str(path),
        "number": "1",
        "field": "ip.ttl",
        "ours": "1 64",
        "tshark": "64 64",
        "known": "",
        "layers": "eth:ethertype:ip:gre:eth:ethertype:ip:icmp",
    }
    assert f"{len(rows)} differences" in err


def test_known_limits_count_only_if_they_are_to(verify: Verify, samples: Path) -> None:
    path = samples / "fragments.pcap"
    code, out, _ = verify(path)
    listed = [line for line in out.splitlines() if line.endswith("(known: first fragment)")]
    assert (code, len(listed)) == (0, 3)
    code, out, _ = verify(path, "--strict", "--verbose")
    listed = [line for line in out.splitlines() if line.endswith("(known: first fragment)")]
    assert code == 4
    assert f"first fragment, {len(listed)} values: " in out
    code, out, _ = verify(path, "--json")
    assert (code, {row["known"] for row in json.loads(out)}) == (0, {"first fragment"})
    assert len(json.loads(out)) == len(listed)


def test_only_what_is_asked_for(verify: Verify, samples: Path) -> None:
    path = samples / "overlapping-tenants.pcap"
    assert ": 30 packets, " in verify(path, "-c", 30)[1]
    rows = tshark.fields(path, [], select=tshark.of_vsid(5002))
    assert f": {len(rows)} packets, " in verify(path, "-Y", "vsid == 5002")[1]
    assert f": {len(rows)} packets, " in verify(path, "-R", "nvgre.vsid == 5002")[1]
    assert "no packet was compared" in verify(path, "-Y", "vsid == 1")[1]


def test_one_interface_of_several(verify: Verify, samples: Path, tmp_path: Path) -> None:
    """Packets of others are numbered, and not compared."""
    merged = tmp_path / "merged.pcapng"
    parts = [samples / "vlan.pcap", samples / "ipv6-overlay.pcap"]
    assert run([find("mergecap"), "-I", "none", "-w", str(merged), *map(str, parts)]).status == 0
    code, out, _ = verify(merged, "--interface", 1)
    assert code == 0
    assert f": {len(tshark.fields(parts[1], []))} packets, " in out
    code, out, _ = verify(merged)
    assert code == 0
    assert f": {sum(len(tshark.fields(part, [])) for part in parts)} packets, " in out


@pytest.mark.parametrize("keys", ["auto", "nvgre", "key32"])
def test_keys_as_they_are_read(verify: Verify, samples: Path, keys: str) -> None:
    assert verify(samples / "ovs-nvgre.pcap", "--gre-key", keys)[0] == 0
    assert verify(samples / "vlan.pcap", "--gre-key", keys)[0] == 0


def test_rules_go_to_tshark_too(verify: Verify, samples: Path, tmp_path: Path) -> None:
    """VXLAN at another port: both look inside, or neither."""
    path = tmp_path / "moved.pcap"
    path.write_bytes(
        (samples / "ovs-vxlan.pcap").read_bytes().replace(struct.pack(">H", 4789), struct.pack(">H", 8473))
    )
    plain, decoded = (verify(path, *rules) for rules in ((), ("-d", "udp.port == 8473, vxlan")))
    assert (plain[0], decoded[0]) == (0, 0)
    values = [int(out.split(" packets, ")[1].split()[0].replace(",", "")) for _, out, _ in (plain, decoded)]
    assert values[1] > 1.5 * values[0]
    assert verify(samples / "ovs-vxlan.pcap", "-d", "udp.port==4789,none")[0] == 0


def test_names_of_rules() -> None:
    assert for_tshark("udp.port == 8473, vxlan-gpe") == "udp.port==8473,vxlan_gpe"
    assert for_tshark("udp.port==8472-8479,none") == "udp.port==8472-8479,data"


def test_compressed_and_piped(verify: Verify, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (samples / "truncated.pcapng").read_bytes()
    packed = tmp_path / "packed.pcapng.gz"
    packed.write_bytes(gzip.compress(content))
    code, out, err = verify(packed)
    assert code == 3
    assert f"{packed}: " in out
    assert f"{packed} ends early" in err
    with (samples / "truncated.pcapng").open("rb") as file:
        monkeypatch.setattr("sys.stdin", os.fdopen(os.dup(file.fileno())))
        code, out, err = verify("-")
    assert code == 3
    assert "standard input: 53 packets" in out
    assert err.count("standard input") == 2
    assert "nvgre-inspect-" not in out + err


def test_several_files(verify: Verify, samples: Path) -> None:
    paths = [samples / "vlan.pcap", samples / "truncated.pcap"]
    code, out, _ = verify(*paths)
    assert code == 3
    assert [line.split(":")[0] for line in out.splitlines() if "the same" in line] == [str(path) for path in paths]


def test_one_has_packets_that_the_other_has_not(
    verify: Verify, samples: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever stops early: the first packet that only one of them has is a difference."""
    monkeypatch.setattr("nvgre_inspect.wireshark.verify.FORGET", ("-c", "50"))
    code, out, _ = verify(samples / "vlan.pcap")
    assert code == 4
    assert "packet 51\n  frame.number: 51, tshark: none" in out
    monkeypatch.setattr("nvgre_inspect.wireshark.verify.FORGET", ())
    monkeypatch.setattr("nvgre_inspect.session.Session.frames", lambda self, *_, **__: iter(()))
    code, out, _ = verify(samples / "vlan.pcap")
    assert code == 4
    assert "packet 1\n  frame.number: none, tshark: 1" in out


def test_many_packets_are_compared_one_by_one(verify: Verify, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tshark begins anew now and then, and numbers packets from 1 again."""
    monkeypatch.setattr("nvgre_inspect.wireshark.verify.FORGET", ("-M", "100"))
    code, out, err = verify(samples / "fabric.pcapng")
    assert (code, err) == (0, "")
    assert ": 2,299 packets, " in out
    assert verify(samples / "fabric.pcapng", "--engine", "kernels")[0] == 0


def test_what_tshark_cannot_read(verify: Verify, tmp_path: Path) -> None:
    """A link type that nobody has."""
    path = tmp_path / "odd.pcap"
    path.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 9999) + struct.pack("<IIII", 0, 0, 4, 4) + b"abcd"
    )
    code, _, err = verify(path)
    assert code == 1
    assert "odd.pcap" in err
    assert "Traceback" not in err
