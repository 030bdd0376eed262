"""Per tenant: flows, packets, bytes and TCP words equal tshark's, told of that tenant's inner packets alone.

Tenants are taken out of each capture by `tenant_cut`, and tshark follows each one's streams by itself, since it would
mix tenants that use the same addresses. docs/tcp-analysis.md explains each kind of difference in TCP words; `WORDS`
says where each is seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import capture_files
import pytest
import tenant_cut
import tshark
from tenant_cut import Chain

from dissectors import offsets
from nvgre_inspect.session import SessionOptions, open_session
from nvgre_inspect.wireshark import fields, view
from nvgre_inspect.wireshark.differences import STOPS

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

_VIRTUAL = re.compile(r"(?:^|/)(gretap|gre-in-udp|gre|vxlan-gpe|vxlan|geneve|nvgre):(\d+)")
_PAGE = capture_files.CHECKOUT / "docs" / "tcp-analysis.md"
#: (source address, source port, destination address, destination port)
Ends = tuple[str, int, str, int]
#: Of each direction that was seen: its ends, packets, bytes.
Flow = frozenset[tuple[Ends, int, int]]
#: Our columns and tshark's words. Who acknowledged what was not seen is the other side for tshark.
_WORDS = {
    "retransmissions": "retransmission",
    "out_of_order": "out_of_order",
    "zero_windows": "zero_window",
    "duplicate_acks": "duplicate_ack",
    "lost_segments": "lost_segment",
    "acked_unseen": "ack_lost_segment",
}
_STREAM_FIELDS = (
    "frame.protocols",
    "frame.len",
    *(f"{family}.{end}" for family in ("ip", "ipv6") for end in ("src", "dst")),
    *("ip.id", "ip.frag_offset", "ipv6.fraghdr.ident", "ipv6.fraghdr.offset"),
    *(f"{protocol}.{name}" for protocol in ("tcp", "udp") for name in ("stream", "srcport", "dstport")),
    *(f"tcp.analysis.{word}" for word in tshark.ANALYSIS),
)


@dataclass
class Told:
    """What one of the two tells of a tenant."""

    flows: Counter[Flow] = field(default_factory=Counter)
    words: dict[Ends, Counter[str]] = field(default_factory=dict)
    packets: int = 0
    bytes: int = 0

    def say(self, ends: Ends, word: str, count: int) -> None:
        self.words.setdefault(ends, Counter())[word] += count


@dataclass(frozen=True)
class Words:
    """TCP words that differ in one direction of one conversation, and the sentence of the page that says why."""

    capture: str
    source_port: int
    destination_port: int
    #: word -> (ours, tshark's)
    counts: dict[str, tuple[int, int]]
    explained: str
    #: The first version seen that has our word.
    settled_in: tuple[int, ...] = (1000,)


# Sentences of docs/tcp-analysis.md.
_BEHIND_A_GAP = "tshark counts each packet behind a gap, filled or not"
_TWICE = "A copy that the capture took twice is a *duplicate* here"
_TWICE_ACK = "tshark takes them for retransmissions and duplicate ACKs"
_MANY_GAPS = "At most 64 gaps are tracked per direction"
_IN_PARTS = "A gap that is acknowledged in parts counts once for each part, in tshark 4.0 once"

WORDS = (
    Words("samples/fabric.pcapng", 47000, 445, {"lost_segments": (0, 1)}, _BEHIND_A_GAP),
    Words("samples/tcp-lab.pcap", 50000, 6004, {"lost_segments": (0, 1)}, _BEHIND_A_GAP),
    Words("samples/tcp-lab.pcap", 50000, 6005, {"lost_segments": (0, 1)}, _BEHIND_A_GAP),
    Words("samples/tcp-lab.pcap", 50000, 6008, {"lost_segments": (0, 1)}, _BEHIND_A_GAP),
    Words("samples/tcp-lab.pcap", 6008, 50000, {"acked_unseen": (2, 1)}, _IN_PARTS, settled_in=(4, 4)),
    Words("samples/tcp-lab.pcap", 50000, 6006, {"retransmissions": (0, 1)}, _TWICE),
    Words("samples/tcp-lab.pcap", 50000, 6006, {"duplicate_acks": (1, 2)}, _TWICE_ACK),
    Words(
        "samples/tcp-lab.pcap",
        50000,
        6020,
        {"retransmissions": (16, 0), "out_of_order": (64, 80), "lost_segments": (16, 80)},
        _MANY_GAPS,
    ),
)

_UDP_ZERO = "tshark stops at UDP over IPv4 without a length"
_NO_GPE = "VXLAN-GPE is no layer in tshark's frame.protocols, by which headers are counted off"
#: (capture, encapsulation of the innermost virtual network) of tenants that only we tell of, and why.
OURS_ALONE = {
    ("samples/neighbours.pcap", "vxlan-gpe"): _NO_GPE,
    ("tcpdump/nsh-over-vxlan-gpe.pcap", "vxlan-gpe"): _NO_GPE,
    ("tcpdump/bigtcp-ipv4-geneve-ipv4.pcap", "geneve"): _UDP_ZERO,
    ("tcpdump/bigtcp-ipv4-geneve-ipv6.pcap", "geneve"): _UDP_ZERO,
    ("tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap", "vxlan"): _UDP_ZERO,
    ("tcpdump/bigtcp-ipv4-vxlan-ipv6.pcap", "vxlan"): _UDP_ZERO,
}
#: One packet has 20 encapsulations, of which we decode 16: its tenant has two names.
TOO_DEEP = "samples/nested-vxlan.pcap"
#: Packets come in fragments of the underlay: `test_flows_behind_fragments`.
FRAGMENTED = ("samples/fragments.pcap", "zeek/erspan.pcap")
#: Nothing behind the tunnel header has ports or addresses, so the flow is that of the tunnel's own packet.
BARE = {"zeek/tunnels__geneve-truncated.pcapng": 50901, "zeek/tunnels__geneve-arp.pcap": 12345}


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_flows_of_each_tenant(part: str, tmp_path: Path) -> None:
    tenants = 0
    for path in capture_files.files_of(part):
        for chain, ours, theirs in told_by_both(path, tmp_path):
            where = f"{capture_files.short_name(path)} {chain}"
            assert (ours.packets, ours.bytes) == (theirs.packets, theirs.bytes), where
            assert ours.flows == theirs.flows, where
            assert word_differences(ours, theirs) == expected_words(path, ours), where
            tenants += 1
    print(f"{tenants} tenants")
    assert tenants > 30 or part != "samples"


@pytest.mark.parametrize("name", FRAGMENTED)
def test_flows_behind_fragments(name: str) -> None:
    """Packets that the underlay fragmented, put together by tshark: one packet each, at its full inner length."""
    path = (capture_files.SAMPLES if name.startswith("samples/") else capture_files.SHARED / "zeek") / Path(name).name
    if not path.exists():
        pytest.skip(capture_files.ABSENT)
    options = ["ip.defragment:TRUE" if option == "ip.defragment:FALSE" else option for option in fields.OPTIONS]
    theirs: Counter[Ends] = Counter()
    for row in tshark.fields(path, (*_STREAM_FIELDS, *fields.TUNNEL, "ip.len", "ip.flags.mf"), options=options):
        layers = view.layers(row, STOPS)
        protocol = layers[-1] if layers[-1] in ("tcp", "udp") else next((p for p in layers if p in ("tcp", "udp")), "")
        if not row["gre.key"] or int(row["gre.key"][0], 0) >> 8 < 0x1000 or layers.count("ip") != 2 or not protocol:
            continue
        if set(layers) & set(view.QUOTING):
            continue
        ports = [int(row[f"{protocol}.{end}port"][-1]) for end in ("src", "dst")]
        theirs[row["ip.src"][-1], ports[0], row["ip.dst"][-1], ports[1]] += _inner_length(row)
    (ours,) = (told for chain, told in ours_of(path).items() if chain and chain[0][0] == "nvgre")
    sizes: Counter[Ends] = Counter()
    for flow, times in ours.flows.items():
        for ends, _, size in flow:
            sizes[ends] += size * times
    assert sum(theirs.values()) > 10_000
    incomplete = {ends for ends in sizes if ends[1] == 7007}  # its last part is not in the capture
    assert {ends: size for ends, size in sizes.items() if ":" not in ends[0] and ends not in incomplete} == theirs


def _inner_length(row: tshark.Row) -> int:
    """Of a tenant's frame in GRE over IPv4: what the outer header leaves; in fragments (none was padded) its own."""
    if int(row["ip.frag_offset"][0]) or row["ip.flags.mf"][0] == "1":
        return 14 + int(row["ip.len"][-1])
    flags = int(row["gre.flags_and_version"][0], 0)
    words = sum(bool(flags & bit) for bit in (offsets.GRE_C, offsets.GRE_K, offsets.GRE_S))
    return int(row["ip.len"][0]) - 20 - 4 - 4 * words


def test_overlapping_tenants_have_no_false_retransmissions() -> None:
    """Keyed by tenant nothing is wrong; on the raw file, where tenants share streams, tshark reports troubles."""
    path = capture_files.SAMPLES / "overlapping-tenants.pcap"
    with open_session(path, options=SessionOptions(idle_timeout=0)) as session:
        flows = session.flows[session.flows["protocol"] == "tcp"]
    troubles = [
        f"{word}_{way}" for word in ("retransmissions", "out_of_order", "lost_segments") for way in ("fwd", "rev")
    ]
    assert len(flows) == 10
    assert int(flows[troubles].fillna(0).to_numpy().sum()) == 0
    raw = tshark.tcp_analysis(path)
    false = sum(words["retransmission"] for stream in raw.values() for words in stream.values())
    assert false > 20


def test_tenants_are_cut_out_as_tshark_and_editcap_would(tmp_path: Path) -> None:
    """`tenant_cut` against the harness, which has none of this project's code in it."""
    path = capture_files.SAMPLES / "overlapping-tenants.pcap"
    tenants, _ = tenant_cut.cut(path)
    for vsid in (5001, 5002):
        judged = tshark.decapsulate(path, tmp_path / f"{vsid}.pcap", tshark.of_vsid(vsid), 42)
        (written,) = tenants[(("nvgre", vsid),)].write(tmp_path / f"cut-{vsid}")
        assert _frames(written) == _frames(judged)


def test_the_page_explains_each_kind_of_difference() -> None:
    page = " ".join(_PAGE.read_text(encoding="utf-8").split())
    assert [entry.explained for entry in WORDS if entry.explained not in page] == []


def _frames(path: Path) -> list[tuple[bytes, int, int]]:
    batches = capture_files.read(path) or []
    return [
        (batch.frame(i), int(batch.wirelen[i]), int(batch.ts_ns[i])) for batch in batches for i in range(len(batch))
    ]


def told_by_both(path: Path, folder: Path) -> Iterator[tuple[Chain, Told, Told]]:
    """(tenant, what we tell, what tshark tells) of every tenant of a capture."""
    name = capture_files.short_name(path)
    if capture_files.read(path) is None:
        return
    try:
        cut, unsettled = tenant_cut.cut(path)
    except tshark.TsharkError:  # a link type that it does not know; `test_fields` has looked at what it says
        return
    ours = ours_of(path)
    assert not unsettled or name in FRAGMENTED, f"{name}: {unsettled}"
    alone = {chain for chain in ours if chain not in cut and chain not in unsettled}
    missed = set(cut) - set(ours)
    if name == TOO_DEEP:
        alone, missed = ({chain for chain in chains if len(chain) < 16} for chains in (alone, missed))
    assert missed == set(), name
    assert {(name, chain[-1][0]) for chain in alone} == {key for key in OURS_ALONE if key[0] == name}
    for number, chain in enumerate(sorted(set(cut) & set(ours) - unsettled)):
        theirs = theirs_of(cut[chain].write(folder / f"{path.name}-{number}"))
        yield chain, without_bare(name, ours[chain]), theirs


def without_bare(name: str, told: Told) -> Told:
    """Without the flow that `BARE` names, which must be there."""
    if name in BARE:
        bare = [flow for flow in told.flows if {ends[1] for ends, _, _ in flow} == {BARE[name]}]
        assert len(bare) == 1
        del told.flows[bare[0]]
    return told


def expected_words(path: Path, told: Told) -> dict[tuple[Ends, str], tuple[int, int]]:
    """What `WORDS` says of the conversations of this tenant."""
    name = capture_files.short_name(path)
    listed = [entry for entry in WORDS if entry.capture == name and not tshark.is_at_least(*entry.settled_in)]
    return {
        (ends, word): counts
        for ends in told.words
        for entry in listed
        if (entry.source_port, entry.destination_port) == (ends[1], ends[3])
        for word, counts in entry.counts.items()
    }


def ours_of(path: Path) -> dict[Chain, Told]:
    """The flows table, by tenant."""
    with open_session(path, options=SessionOptions(idle_timeout=0)) as session:
        flows = session.flows
    tenants: dict[Chain, Told] = {}
    for flow in flows[flows["vsid"].notna()].to_dict("records"):
        chain = tuple((encap, int(ident)) for encap, ident in _VIRTUAL.findall(flow["stack"]))
        _add(tenants.setdefault(chain, Told()), flow)
    return tenants


def _add(told: Told, flow: dict[str, Any]) -> None:
    seen = set()
    for direction, source, target in (("fwd", "src", "dst"), ("rev", "dst", "src")):
        packets, size = int(flow[f"packets_{direction}"]), int(flow[f"bytes_{direction}"])
        told.packets += packets
        told.bytes += size
        if not packets or flow["protocol"] not in ("tcp", "udp"):
            continue
        ends = _ends(flow, source, target)
        seen.add((ends, packets, size))
        if flow["protocol"] == "tcp":
            for word in _WORDS:
                sayer = _ends(flow, target, source) if word == "acked_unseen" else ends
                count = flow[f"{word}_{direction}"]
                told.say(sayer, word, 0 if count is None or count != count else int(count))
    if seen:
        told.flows[frozenset(seen)] += 1


def _ends(flow: dict[str, Any], source: str, target: str) -> Ends:
    return (
        str(flow[f"{source}_ip"]),
        int(flow[f"{source}_port"]),
        str(flow[f"{target}_ip"]),
        int(flow[f"{target}_port"]),
    )


def theirs_of(paths: list[Path]) -> Told:
    """tshark's streams in captures of one tenant. What a stream is, is said by the innermost TCP or UDP header."""
    told = Told()
    streams: dict[tuple[str, str], dict[Ends, list[int]]] = {}
    for path in paths:
        firsts: dict[tuple[str, ...], tuple[str, str, Ends]] = {}
        for row in tshark.fields(path, _STREAM_FIELDS, options=fields.OPTIONS):
            told.packets += 1
            told.bytes += int(row["frame.len"][0])
            found = _stream(row, firsts)
            if found is None:
                continue
            protocol, stream, ends = found
            counts = streams.setdefault((protocol, stream), {}).setdefault(ends, [0, 0])
            counts[0] += 1
            counts[1] += int(row["frame.len"][0])
            for ours, word in _WORDS.items():
                if protocol == "tcp":
                    told.say(ends, ours, bool(row[f"tcp.analysis.{word}"]))
    for directions in streams.values():
        told.flows[frozenset((ends, *counts) for ends, counts in directions.items())] += 1
    return told


def _stream(row: tshark.Row, firsts: dict[tuple[str, ...], tuple[str, str, Ends]]) -> tuple[str, str, Ends] | None:
    """(protocol, stream, ends) of a packet; of a later fragment those of its first, which `firsts` remembers."""
    layers = view.layers(row, STOPS)
    family = next((layer for layer in reversed(layers) if layer in ("ip", "ipv6")), None)
    if family is None:
        return None
    source, target = row[f"{family}.src"][-1:], row[f"{family}.dst"][-1:]
    ident = row["ip.id" if family == "ip" else "ipv6.fraghdr.ident"][-1:]
    offset = row["ip.frag_offset" if family == "ip" else "ipv6.fraghdr.offset"][-1:]
    packet = (*source, *target, *ident)
    if offset and int(offset[0]):
        return firsts.get(packet)
    protocol = next((layer for layer in reversed(layers) if layer in ("tcp", "udp")), None)
    if protocol is None or layers[-1] in view.QUOTING or not row[f"{protocol}.dstport"]:
        return None
    ends = (source[0], int(row[f"{protocol}.srcport"][-1]), target[0], int(row[f"{protocol}.dstport"][-1]))
    firsts[packet] = (protocol, row[f"{protocol}.stream"][-1], ends)
    return firsts[packet]


def word_differences(ours: Told, theirs: Told) -> dict[tuple[Ends, str], tuple[int, int]]:
    return {
        (ends, word): (ours.words.get(ends, Counter())[word], theirs.words.get(ends, Counter())[word])
        for ends in ours.words.keys() | theirs.words.keys()
        for word in _WORDS
        if ours.words.get(ends, Counter())[word] != theirs.words.get(ends, Counter())[word]
    }
