"""tshark as the judge of what these classes emit: checksums, fields by their Wireshark names, and the info line."""

from __future__ import annotations

import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path

import pytest

from dissectors import offsets
from dissectors.arp import ARP
from dissectors.base import Header
from dissectors.ethernet import VLAN, Ethernet
from dissectors.icmp import ICMP, ICMPv6
from dissectors.igmp import IGMP
from dissectors.ipsec import AH, ESP
from dissectors.ipv4 import IPv4
from dissectors.ipv6 import IPv6
from dissectors.ipv6_extension import SRH, DestinationOptions, FragmentHeader, HopByHop
from dissectors.routing import BFD, EIGRP, NHRP, OSPF, PIM, VRRP
from dissectors.sctp import SCTP
from dissectors.tcp import TCP
from dissectors.udp import UDP

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed (Debian: apt install tshark)"),
]

V4 = {"src": bytes([10, 1, 2, 3]), "dst": bytes([10, 1, 2, 4])}
V6 = {
    "src": bytes.fromhex("20010db8000000000000000000000001"),
    "dst": bytes.fromhex("20010db8000000000000000000000002"),
}
MAC = bytes.fromhex("0a1b2c3d4e5f")
SEGMENTS = (bytes.fromhex("20010db8000000000000000000000009"), V6["dst"])

TCP_OPTIONS = bytes.fromhex("020405b4 0402 080a0000000a0000000b 01 030307")
IPV4_HEADERS: list[tuple[int, Header]] = [
    (6, TCP(sport=49152, dport=4443, seq=7, ack=9, flags=0x12, window=64240, options=TCP_OPTIONS)),
    (6, TCP(sport=49152, dport=4443, seq=7, ack=9, ae=1, flags=0xFF, urgent=3, data=b"odd")),
    (17, UDP(sport=49152, dport=4444, data=b"odd")),
    (17, UDP(sport=49152, dport=3784, data=bytes(BFD(diagnostic=3, state=2, flags=0x28, my_discriminator=5)))),
    (1, ICMP(type=8, rest=bytes.fromhex("12340007"), data=b"odd")),
    (1, ICMP(type=3, code=4, rest=bytes.fromhex("0000 0578"), data=bytes(IPv4(**V4)) + bytes(8))),
    (2, IGMP(type=0x16, max_response=1, group=bytes([239, 1, 1, 1]))),
    (132, SCTP(sport=5000, dport=5001, verification_tag=7, data=bytes.fromhex("0b000004"))),
    (88, EIGRP(autonomous_system=100, sequence=3)),
    (89, OSPF(type=5, router=V4["src"], area=bytes([0, 0, 0, 7]), authentication=bytes(8))),
    (103, PIM(type=0)),
    (112, VRRP(router=7, data=bytes([10, 0, 0, 9]))),
    (50, ESP(spi=0xC0FFEE01, sequence=5, data=bytes(range(40)))),
    (51, AH(next_header=59, spi=0xC0FFEE01, sequence=5, icv=bytes(range(12)))),
    (54, NHRP(type=1, data=bytes.fromhex("0404 8002 0000000b") + bytes(16))),
]
IPV6_HEADERS: list[tuple[int, Header]] = [
    (6, TCP(sport=49152, dport=4443, seq=7, flags=0x02, data=b"odd")),
    (17, UDP(sport=49152, dport=4444, data=b"odd")),
    (58, ICMPv6(type=128, rest=bytes.fromhex("12340007"), data=b"odd")),
    (58, ICMPv6(type=135, data=V6["dst"] + b"\x01\x01" + MAC)),
    (58, ICMPv6(type=136, rest=b"\x60\0\0\0", data=V6["dst"] + b"\x02\x01" + MAC)),
    (103, PIM(type=0)),
    (89, OSPF(version=3, type=4, router=V4["src"])),
]
#: Ours, not Wireshark's: it lists each TLV of a segment routing header by fields of its own.
OUR_OWN = {"ipv6.routing.srh.tlv"}


def ethernet(ethertype: int, payload: Header) -> list[Header]:
    return [Ethernet(dst=b"\x02" + MAC[1:], src=MAC, type=ethertype), payload]


def over_ipv4(protocol: int, header: Header) -> list[Header]:
    ip = IPv4(**V4, protocol=protocol, id=77, ttl=9, dscp=46, ecn=1, options=bytes.fromhex("94040000"), data=header)
    header.compute(ip.pseudo_header(protocol, len(header)))
    ip.compute()
    return [*ethernet(offsets.ETHERTYPE_IPV4, ip), header]


def over_ipv6(protocol: int, header: Header, extensions: tuple[Header, ...] = ()) -> list[Header]:
    first = {SRH: 43, HopByHop: 0}[type(extensions[0])] if extensions else protocol
    ip = IPv6(**V6, next_header=first, hop_limit=9, flow_label=0xABCDE, dscp=46, extensions=extensions, data=header)
    header.compute(ip.pseudo_header(protocol, len(header)))
    ip.compute()
    return [*ethernet(offsets.ETHERTYPE_IPV6, ip), header]


def packets() -> list[list[Header]]:
    """Headers of each packet, outermost first; each is the `data` of the one before, or stands behind it."""
    result = [over_ipv4(*item) for item in IPV4_HEADERS] + [over_ipv6(*item) for item in IPV6_HEADERS]
    chain = (
        HopByHop(next_header=43, body=bytes.fromhex("05020000")),
        SRH(next_header=60, segments_left=1, tag=5, flags=8, segments=SEGMENTS),
        DestinationOptions(next_header=44, body=bytes.fromhex("0104ffffffff")),
        FragmentHeader(next_header=17, id=0x01020304),
    )
    result.append(over_ipv6(17, UDP(sport=49152, dport=4444, data=b"through segments"), chain))
    arp = ARP(operation=1, sha=MAC, spa=V4["src"], tpa=V4["dst"])
    result.append(ethernet(offsets.ETHERTYPE_ARP, arp))
    tag = VLAN(pcp=5, dei=1, vid=291, type=offsets.ETHERTYPE_ARP)
    result.append([*ethernet(offsets.ETHERTYPE_VLAN, tag), ARP(operation=2, sha=MAC, spa=V4["src"], tpa=V4["dst"])])
    return result


def frame(headers: list[Header]) -> bytes:
    """The bytes of a packet, whose headers hold one another or follow each other."""
    raw = b""
    for header in headers:
        if not raw.endswith(bytes(header)):
            raw += bytes(header)
    return raw


def run(*arguments: str) -> str:
    return subprocess.run(["tshark", *arguments], capture_output=True, text=True, check=True).stdout


@cache
def known_fields() -> frozenset[str]:
    rows = (line.split("\t") for line in run("-G", "fields").splitlines())
    return frozenset(row[2] for row in rows if row[0] == "F")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tshark") / "packets.pcap"
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, offsets.DLT_ETHERNET)]
    for headers in packets():
        raw = frame(headers)
        out.append(struct.pack("<IIII", 1, 0, len(raw), len(raw)) + raw)
    path.write_bytes(b"".join(out))
    return path


def test_checksums_are_right(capture: Path) -> None:
    protocols = ["ip", "tcp", "udp", "icmp", "icmpv6", "igmp", "sctp", "eigrp", "vrrp"]
    fields = [f"{name}.checksum.status" for name in protocols] + ["pim.cksum.status", "nhrp.hdr.chksum.status"]
    checks = [item for name in ("ip", "tcp", "udp") for item in ("-o", f"{name}.check_checksum:TRUE")]
    checks += ["-o", "sctp.checksum:CRC 32c", "-o", "vrrp.v3_checksum_as_in_v2:FALSE"]
    wanted = [item for name in fields for item in ("-e", name)]
    rows = run("-n", "-r", str(capture), *checks, "-T", "fields", *wanted).splitlines()
    assert len(rows) == len(packets())
    counts = dict.fromkeys(fields, 0)
    for number, row in enumerate(rows, 1):
        for name, value in zip(fields, row.split("\t"), strict=False):
            first = value.split(",")[0]
            assert first in ("", "1"), (number, name, value)
            counts[name] += first == "1"
    assert all(counts.values()), counts


def test_field_names_are_wiresharks() -> None:
    names = {field.name for headers in packets() for header in headers for field in header.fields()}
    assert names - known_fields() - OUR_OWN == set()


#: Fields whose value tshark prints in a form of its own, and what it makes of ours.
NUMBERS = [
    "ip.version", "ip.dsfield.dscp", "ip.dsfield.ecn", "ip.len", "ip.ttl", "ip.proto", "ipv6.plen", "ipv6.nxt",
    "ipv6.hlim", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.window_size_value",
    "tcp.urgent_pointer", "udp.srcport", "udp.dstport", "udp.length", "icmp.type", "icmp.code", "icmp.mtu", "icmp.seq",
    "icmpv6.type", "icmpv6.code", "icmpv6.echo.sequence_number", "sctp.srcport", "sctp.dstport", "esp.sequence",
    "ah.sequence", "arp.opcode", "vlan.id", "vlan.priority", "eigrp.as", "eigrp.opcode", "ospf.msg", "ospf.version",
    "pim.type", "vrrp.virt_rtr_id", "vrrp.prio", "bfd.detect_time_multiplier", "nhrp.hdr.hopcnt", "nhrp.hdr.pktsz",
    "ipv6.routing.segleft", "ipv6.routing.srh.last_entry", "ipv6.fraghdr.offset",
]  # fmt: skip


def test_values_are_tsharks(capture: Path) -> None:
    wanted = [item for name in NUMBERS for item in ("-e", name)]
    options = ("-o", "tcp.relative_sequence_numbers:FALSE", "-E", "occurrence=f")
    rows = run("-n", "-r", str(capture), *options, "-T", "fields", *wanted).splitlines()
    compared = set()
    for headers, row in zip(packets(), rows, strict=True):
        ours = {field.name: field.value for header in reversed(headers) for field in header.fields()}
        for name, value in zip(NUMBERS, row.split("\t"), strict=False):
            if value and name in ours:
                assert int(value, 0) == ours[name], (name, row)
                compared.add(name)
    # BFD rides in UDP, whose payload is no header here.
    assert compared == set(NUMBERS) - {"bfd.detect_time_multiplier"}


def test_info_is_tsharks(capture: Path) -> None:
    options = ("-o", "tcp.relative_sequence_numbers:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE")
    rows = run("-n", "-r", str(capture), *options, "-T", "fields", "-e", "_ws.col.Info").splitlines()
    compared = 0
    for headers, row in zip(packets(), rows, strict=True):
        header = headers[-1]
        if isinstance(header, TCP | ARP | OSPF | PIM | NHRP) or (isinstance(header, ICMPv6) and header.type >= 133):
            assert row.startswith(header.info()), row
            compared += 1
    assert compared == 12
