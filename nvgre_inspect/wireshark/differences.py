"""The one table of differences between what our records say of a packet and what tshark says of it.

An entry is either a `Beyond`: a protocol that tshark looks into and we do not, so that what it finds behind it is not
compared; or a `Difference`: fields that differ under a precise condition. Each names a capture where it is seen; the
tests fail if that is no longer so. `verify` names the entry that explains a difference, docs/differences.md is this
table for people, and the tests hold the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dissectors import anomalies, offsets
from nvgre_inspect.model.record import MAX_IP
from nvgre_inspect.wireshark.records import Value, View
from nvgre_inspect.wireshark.rows import Row
from nvgre_inspect.wireshark.view import QUOTING


@dataclass(frozen=True)
class Case:
    """A packet of which both have a say."""

    capture: str
    number: int
    record: dict[str, Any]
    row: Row
    #: Layers by tshark up to where we stop, innermost last.
    layers: list[str]
    ours: View
    theirs: View

    def has(self, *codes: int) -> bool:
        """Whether the record has one of these anomalies."""
        return any(self.record["anomalies"] >> code & 1 for code in codes)

    def says(self, words: str) -> bool:
        """Whether tshark complains in these words."""
        return any(words in message for message in self.row["_ws.expert.message"])


@dataclass(frozen=True)
class Beyond:
    """We stop where this layer of `frame.protocols` begins."""

    layer: str
    what: str
    #: A capture where it is seen.
    seen: str


#: (the packet, our values, tshark's) -> whether this explains it.
Condition = Callable[[Case, list[Value], list[Value]], bool]


@dataclass(frozen=True)
class Difference:
    """Fields that differ under a condition, and why."""

    name: str
    when: str
    reason: str
    fields: frozenset[str]
    applies: Condition
    #: A capture where it is seen.
    seen: str


IP = {"ip.src", "ip.dst", "ip.hdr_len", "ip.dsfield", "ip.len", "ip.id", "ip.ttl", "ip.proto"}
IP |= {f"ip fragment {part}" for part in ("id", "offset", "more")}
IPV6 = {f"ipv6.{part}" for part in ("src", "dst", "tclass", "flow", "plen", "hlim")} | {"ipv6 last next header"}
IPV6 |= {f"ipv6 fragment {part}" for part in ("id", "offset", "more")}
TCP = {f"tcp.{part}" for part in ("srcport", "dstport", "seq", "ack", "flags", "window_size_value", "len")}
TCP |= {"tcp.options.mss_val", "tcp.options.wscale.shift"}
UDP = {"udp.srcport", "udp.dstport", "udp.length"}
ICMP = {"icmp.type", "icmp.code", "icmp.ident", "icmpv6.type", "icmpv6.code", "icmpv6.echo.identifier"}
ETHERNET = {"eth.src", "eth.dst", "vlan.id", "ieee8021ad.id"}
TUNNEL = {"gre.key", "nvgre.vsid", "vxlan.vni", "geneve.vni", "erspan.spanid", "mpls.label", "mpls stack"}
TUNNEL |= {"esp.spi", "ah.spi"}
PORTS = {"sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport"}
HEADERS = frozenset(ETHERNET | IP | IPV6 | TCP | UDP | ICMP | TUNNEL | PORTS)
_GROUPS = {"of headers": HEADERS, "of IPv4, TCP and UDP": frozenset(IP | TCP | UDP), "of ICMP": frozenset(ICMP)}


def longer(ours: list[Value], theirs: list[Value]) -> bool:
    """tshark has what we have, and more."""
    return len(theirs) > len(ours) and theirs[: len(ours)] == ours


def one_more(ours: list[Value], theirs: list[Value]) -> bool:
    """tshark has what we have, and one value more."""
    return longer(ours, theirs) and len(theirs) == len(ours) + 1


def is_stated_zero(ours: list[Value], theirs: list[Value]) -> bool:
    """They differ only where the header says 0."""
    return len(ours) == len(theirs) and all(a in (b, 0) for a, b in zip(ours, theirs, strict=True))


#: Seconds and what stands behind them; tshark writes the sign of either in front.
_TIME = re.compile(r"-?(\d+)\.(\d+)")
#: Of more headers than a record has room for, the first ones that it keeps (and the last).
_KEPT = MAX_IP - 1

BEYOND = (
    Beyond("wlan", "IEEE 802.11 inside GRE (Aruba)", "zeek/tunnels__gre-aruba.pcap"),
    Beyond("cmd", "Cisco metadata", "tcpdump/various_gre.pcap"),
    Beyond("nhrp", "NHRP, which quotes packets in its errors", "tcpdump/nhrp-trace.pcap"),
    Beyond("gtp", "GTP-U", "zeek/tunnels__gtp__gtp2_different_udp_port.pcap"),
    Beyond("gtpprime", "GTP'", "zeek/tunnels__gtp__gtp_control_prime.pcap"),
    Beyond("nsh", "Network Service Header", "tcpdump/nsh.pcap"),
    Beyond("macsec", "IEEE 802.1AE; it is ciphertext as a rule", "tcpdump/macsec-short-valid.pcap"),
    Beyond("avsp", "Arista's timestamp header", "tcpdump/arista_ether.pcap"),
    Beyond("pim", "PIM Register, which carries a packet", "tcpdump/pim-packet-assortment.pcap"),
    Beyond("openflow", "OpenFlow, which carries packets in messages", "tcpdump/of10_s4810.pcap"),
    Beyond("sflow", "sFlow, which carries the first bytes of sampled packets", "tcpdump/sflow-print-v6.pcap"),
)

#: Layers of tshark at which we stop.
STOPS = frozenset((*QUOTING, *(entry.layer for entry in BEYOND)))


def excess_of_fraction(ours: list[Value], theirs: list[Value]) -> bool:
    """Whether tshark prints a fraction of a second or more, cut to 32 bits, behind the seconds of the file."""
    mine, judged = (_TIME.fullmatch(str(values[0])) if values else None for values in (ours, theirs))
    if mine is None or judged is None:
        return False
    excess = (int(mine[1]) - int(judged[1])) * 1_000_000_000 + int(mine[2])
    return excess >= 1_000_000_000 and any((excess - sign * int(judged[2])) % (1 << 32) == 0 for sign in (1, -1))


DIFFERENCES = (
    Difference(
        "cut header",
        "a header is cut by the snapshot length, or the packet ends in it",
        "tshark prints what is there of the header, field by field; we use a header when all of it is there",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.HEADER_TRUNCATED, anomalies.HEADER_CUT_BY_SNAPLEN) and one_more(ours, theirs)
        ),
        "samples/snaplen-headers.pcap",
    ),
    Difference(
        "cut extension header",
        "the packet is cut in an IPv6 extension header, of which the first byte is there",
        "tshark goes by the first byte of the cut header, we by what announced it",
        frozenset({"ipv6 last next header"}),
        lambda case, ours, theirs: (
            case.has(anomalies.HEADER_TRUNCATED, anomalies.HEADER_CUT_BY_SNAPLEN)
            and len(ours) == len(theirs)
            and ours[:-1] == theirs[:-1]
        ),
        "tcpdump/ipv6-srh-tlv-pad1-padn-5-trunc.pcap",
    ),
    Difference(
        "link type",
        "the link type is none that we decode",
        "frames are counted, and reported by the name of their link type",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.LINKTYPE_UNSUPPORTED) and not ours,
        "tcpdump/ipoib.pcap",
    ),
    Difference(
        "ATM",
        "link type 123 (ATM)",
        "the pseudo header of 4 bytes counts here as part of the frame, as the file says",
        frozenset({"frame.len", "frame.cap_len"}),
        lambda case, ours, theirs: case.record["linktype"] == 123 and ours[0] == int(theirs[0]) + 4,
        "tcpdump/atm-heapoverflow.pcap",
    ),
    Difference(
        "length below captured length",
        "a file says that fewer bytes were on the wire than it has",
        "what was captured was there: the captured length counts",
        frozenset({"frame.len"}),
        lambda case, ours, theirs: (
            case.says("Frame length is less than captured length") and ours == case.ours["frame.cap_len"]
        ),
        "tcpdump/aoe-oobr-1.pcap",
    ),
    Difference(
        "segmentation offload",
        "the IP length is 0",
        "tshark fills in the length of the frame; the value here is that of the header, and the lengths that follow "
        "from it are compared",
        frozenset({"ip.len", "ipv6.plen"}),
        lambda case, ours, theirs: case.has(anomalies.IP_TOTAL_LENGTH_ZERO) and is_stated_zero(ours, theirs),
        "tcpdump/bigtcp-ipv6-geneve-ipv6.pcap",
    ),
    Difference(
        "UDP without a length over IPv4",
        "UDP over IPv4 has length 0",
        "tshark stops there. Linux sends it so in packets above 64 KiB (BIG TCP), and the tenant is inside",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.IP_TOTAL_LENGTH_ZERO) and case.says("Bad length value 0 < 8") and len(ours) > len(theirs)
        ),
        "tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap",
    ),
    Difference(
        "first fragment",
        "TCP in the first fragment of an IP packet",
        "tshark counts what is in this fragment, or nothing; we say the length of the whole segment",
        frozenset({"tcp.len"}),
        lambda case, ours, theirs: (
            case.record["frag_a_ip"] >= 0 and case.record["frag_a_off"] == 0 and (not theirs or ours > theirs)
        ),
        "samples/fragments.pcap",
    ),
    Difference(
        "GRE version",
        "the GRE version is neither 0 nor 1",
        "the RFCs define no other; tshark reads on as if it were 0",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.GRE_VERSION_UNKNOWN) and longer(ours, theirs),
        "samples/vlan.pcap",
    ),
    Difference(
        "nesting",
        "more than 16 encapsulations",
        "decoding ends there; a record keeps the first three headers and the last one that was decoded",
        HEADERS,
        lambda case, ours, theirs: (
            case.has(anomalies.NESTING_TOO_DEEP)
            and len(theirs) > len(ours)
            and ours[:_KEPT] == theirs[: len(ours)][:_KEPT]
        ),
        "samples/nested-vxlan.pcap",
    ),
    Difference(
        "MPLS without a bottom",
        "no label of the first 16 has the bottom bit",
        "decoding ends there; tshark goes on until some bit is set",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.MPLS_NO_BOTTOM) and not ours,
        "zeek/trunc__mpls-6in6-broken.pcap.gz",
    ),
    Difference(
        "IP version",
        "what announces IPv4 or IPv6 is followed by the other version",
        "tshark believes the version, we end with an anomaly: one of the two is wrong, and what follows may be "
        "anything",
        HEADERS,
        lambda case, ours, theirs: case.has(anomalies.IP_VERSION_MISMATCH) and one_more(ours, theirs),
        "tcpdump/LINKTYPE_IPV4_invalid.pcap",
    ),
    Difference(
        "IPv4 header length",
        "the IPv4 header length is below 20",
        "tshark prints that length; the header is not used by either",
        frozenset({"ip.hdr_len"}),
        lambda case, ours, theirs: case.has(anomalies.IP_HEADER_LENGTH_INVALID) and one_more(ours, theirs),
        "tcpdump/ipv4_invalid_hdr_length.pcap",
    ),
    Difference(
        "IPv4 length below its header",
        "the IPv4 total length is smaller than the header length",
        "tshark stops there; we say so and show the rest, which is there",
        frozenset(IP | TCP | UDP),
        lambda case, ours, theirs: (
            case.has(anomalies.IP_TOTAL_LENGTH_INVALID) and case.says("Bogus IP length") and one_more(theirs, ours)
        ),
        "tcpdump/ipv4_invalid_total_length_2.pcap",
    ),
    Difference(
        "no jumbo payload option",
        "IPv6 length 0 with a hop-by-hop header that has no jumbo payload option",
        "tshark stops there, we go on to the end of the frame",
        frozenset({"ipv6 last next header"}),
        lambda case, ours, theirs: case.says("Jumbo Payload option missing") and len(ours) == len(theirs),
        "tcpdump/ipv6_missing_jumbo_payload_option.pcap",
    ),
    Difference(
        "ICMP inside ESP",
        "ESP with null encryption that would hold ICMP or ICMPv6",
        "a guess, which we make only where lengths or a checksum confirm it; the guess is wrong in packet 101 of this "
        "capture",
        frozenset(ICMP),
        lambda case, ours, theirs: (
            case.layers[-2:-1] == ["esp"] and case.record["protocol"] == offsets.IPPROTO_ESP and not ours
        ),
        "zeek/ip6_esp.pcap",
    ),
    Difference(
        "WCCP",
        "GRE with protocol type 0x883E",
        "the redirected packet inside is not decoded here",
        HEADERS,
        lambda case, ours, theirs: "0x883e" in case.row["gre.proto"] and longer(ours, theirs),
        "tcpdump/wccp_redirect_gre.pcap",
    ),
    Difference(
        "time stamps",
        "the fraction of a second in the file is a second or more",
        "the excess is carried over into the seconds here; tshark prints it as it is, and its arithmetic overflows",
        frozenset({"frame.time_epoch"}),
        lambda case, ours, theirs: excess_of_fraction(ours, theirs),
        "tcpdump/timestamp_invalid_nano.pcap",
    ),
    Difference(
        "ISL",
        "Cisco Inter-Switch Link",
        "tshark decodes ISL, which has no EtherType of its own; here it is Ethernet to an ISL address",
        frozenset({"eth.dst"}),
        lambda case, ours, theirs: ours == ["01:00:0c:00:00:00"],
        "tcpdump/DTP.pcap",
    ),
)


_HEAD = """# Where our packets and tshark's differ

The tests (`tests/interop/test_fields.py`) compare every packet of every capture at hand with `tshark -T fields`
(4.0.17): addresses and ports of every layer, protocol numbers, VSIDs, VNIs, keys, sessions, labels and SPIs, lengths,
TCP fields, VLAN ids, MAC addresses, fragments and times, occurrence by occurrence. Everything is equal, apart from what
is listed here; each line is seen in the capture that it names, or the tests fail. TCP words are compared in
`docs/tcp-analysis.md`.

`nvgre-inspect verify FILE` does the same with a capture of yours, and names the entry that explains a difference.
This page is written by `pytest tests/interop/test_fields.py --update` from `nvgre_inspect/wireshark/differences.py`.

## Different by choice, or by tshark's limits

| what | when | tshark and this tool | fields | seen in |
|---|---|---|---|---|
"""
_BEYOND_HEAD = """
## Protocols that tshark looks into, and this tool does not

What is outside of them is compared; packets that they carry are not tenants' packets here. What an ICMP error quotes is
no part of the stack either; its addresses are compared where it is a tunnel packet.

| layer in tshark | what it is | seen in |
|---|---|---|
"""


def render() -> str:
    """docs/differences.md."""
    lines = [
        f"| {entry.name} | {entry.when} | {entry.reason} | {_words(entry.fields)} | `{entry.seen}` |"
        for entry in DIFFERENCES
    ]
    beyond = [f"| `{entry.layer}` | {entry.what} | `{entry.seen}` |" for entry in BEYOND]
    return _HEAD + "\n".join(lines) + "\n" + _BEYOND_HEAD + "\n".join(beyond) + "\n"


def _words(fields: frozenset[str]) -> str:
    for words, group in _GROUPS.items():
        if fields == group:
            return words
    return ", ".join(f"`{field}`" if "." in field and " " not in field else field for field in sorted(fields))
