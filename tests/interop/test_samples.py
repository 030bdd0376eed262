"""The captures of `samples/`: as small as promised, and showing what their README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tshark

SAMPLES = Path(__file__).parents[2] / "samples"
CAPTURES = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng"))
FALSE_TROUBLES = {"retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment"}
#: Where headers are wrong on purpose, or cut off.
DAMAGED = {"vlan.pcap", "snaplen.pcap", "snaplen-headers.pcap", "truncated.pcap", "truncated.pcapng"}
#: What tshark 3.4 takes made-up payload for, by port numbers, and finds it malformed.
GUESSED = ("kip", "x11")


def test_every_capture_is_described_and_small() -> None:
    readme = (SAMPLES / "README.md").read_text()
    described = set(re.findall(r"`([\w-]+\.pcap(?:ng)?)`", readme))
    assert described == {path.name for path in CAPTURES}
    makers = {path.name for pattern in ("make_*", "*.toml") for path in SAMPLES.glob(pattern)}
    assert set(re.findall(r"`(make_\w+\.(?:py|sh)|[\w-]+\.toml)`", readme)) == makers
    sizes = [path.stat().st_size for path in CAPTURES]
    assert max(sizes) < 1_000_000
    assert sum(sizes) < 3_000_000


@pytest.mark.interop
@tshark.needs_tshark
@pytest.mark.parametrize("path", [p for p in CAPTURES if p.name not in DAMAGED], ids=lambda path: path.name)
def test_checksums_are_right_and_nothing_is_malformed(path: Path) -> None:
    names = [*tshark.CHECKSUMS, "_ws.malformed", "ip.flags.mf", "ip.frag_offset", "frame.protocols"]
    for row in tshark.fields(path, names, options=(*tshark.STATELESS, *tshark.CHECKED)):
        fragment = "1" in row["ip.flags.mf"] or any(int(offset) for offset in row["ip.frag_offset"])
        if fragment or re.search("icmp(v6)?:ip", row["frame.protocols"][0]):
            continue  # what comes in parts, or is quoted in part, cannot be summed up
        assert not any(tshark.BAD in row[name] for name in tshark.CHECKSUMS), row
        assert not row["_ws.malformed"] or row["frame.protocols"][0].endswith(GUESSED), row


@pytest.mark.interop
@tshark.needs_tshark
@pytest.mark.parametrize("name", ["overlapping-tenants.pcap", "ovs-nvgre.pcap"])
def test_overlapping_tenants_are_healthy_alone_and_not_together(name: str, tmp_path: Path) -> None:
    def troubles(path: Path) -> int:
        table = tshark.tcp_analysis(path)
        return sum(words[word] for stream in table.values() for words in stream.values() for word in FALSE_TROUBLES)

    assert troubles(SAMPLES / name) > 100
    for vsid in (5001, 5002):
        alone = tshark.decapsulate(SAMPLES / name, tmp_path / f"{vsid}.pcap", tshark.of_vsid(vsid), 42)
        assert len(tshark.streams(alone)) >= 2
        assert troubles(alone) == 0


@pytest.mark.interop
@tshark.needs_tshark
def test_overlapping_tenants_share_every_address_and_port() -> None:
    names = ["gre.key", "ip.src", "ip.dst", "tcp.port"]
    tenants: dict[int, set[tuple[str, ...]]] = {}
    for row in tshark.fields(SAMPLES / "overlapping-tenants.pcap", names, select="tcp"):
        ends = (row["ip.src"][-1], row["ip.dst"][-1], *row["tcp.port"])
        tenants.setdefault(int(row["gre.key"][0], 0) >> 8, set()).add(ends)
    assert tenants[5001] == tenants[5002]
    assert len(tenants[5001]) == 10


@pytest.mark.interop
@tshark.needs_tshark
@pytest.mark.parametrize(
    ("name", "field", "keys"),
    [
        ("ovs-nvgre.pcap", "gre.key", {5001 << 8 | 0x42, 5002 << 8 | 0x43}),
        ("ovs-vxlan.pcap", "vxlan.vni", {5001, 5002}),
        ("ovs-geneve.pcap", "geneve.vni", {5001, 5002}),
    ],
)
def test_open_vswitch_carried_both_tenants(name: str, field: str, keys: set[int]) -> None:
    """Ping, TCP with its handshake, and UDP, in both."""
    seen: dict[int, set[str]] = {}
    for row in tshark.fields(SAMPLES / name, [field, "frame.protocols", "tcp.flags.syn"]):
        for key in row[field]:
            words = seen.setdefault(int(key, 0), set())
            words.update(row["frame.protocols"][0].split(":"))
            words.update("syn" for flag in row["tcp.flags.syn"] if flag == "1")
    assert set(seen) == keys
    for words in seen.values():
        assert {"arp", "icmp", "tcp", "udp", "syn"} <= words


@pytest.mark.interop
@tshark.needs_tshark
def test_fabric_shows_the_product() -> None:
    names = ["gre.key", "frame.protocols", "ip.src", "tcp.stream", "udp.stream"]
    rows = tshark.fields(SAMPLES / "fabric.pcapng", names)
    assert 2000 <= len(rows) <= 3000
    keys = [int(key, 0) for row in rows for key in row["gre.key"]]
    assert {key >> 8 for key in keys} == {5001, 5002, 6001}
    assert len(set(keys)) > 60
    hosts = {row["ip.src"][0] for row in rows if row["gre.key"]}
    assert {f"192.168.50.{last}" for last in (11, 12, 13, 20)} <= hosts
    words = {word for row in rows for word in row["frame.protocols"][0].split(":")}
    assert {"arp", "dns", "http", "ssh", "icmp", "icmpv6", "ipv6", "mdns", "bgp", "vlan"} <= words
