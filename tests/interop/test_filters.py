"""tshark as the judge of filters: the same frames pass, and every field has the same occurrences.

Where the two differ is listed in `REASONS`, each with the narrowest condition that tells it; nothing else may differ,
and each reason must be needed.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tshark

from nvgre_inspect.capture import open_capture
from nvgre_inspect.flows.filter import compile_filter
from nvgre_inspect.flows.filter.field import Scope, Type
from nvgre_inspect.flows.filter.packet_fields import GROUPS, PACKET_FIELDS, Union
from nvgre_inspect.flows.filter.packet_rows import PacketRows
from nvgre_inspect.flows.filter.values import Addresses, Numbers, Occurrences
from nvgre_inspect.model.batch import PacketBatch
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import empty_records
from nvgre_inspect.reference.decode import decode

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

SAMPLES = Path(__file__).parents[2] / "samples"
OPTIONS = DecodeOptions()
Value = int | str

#: Ours alone, or (times) not printed as a plain number by tshark.
NOT_COMPARED = ("nvgre", "tunnel.", "ah.", "frame.time", "frame.number", "frame.interface_id")
NAMES = [
    field.name
    for title in ("Frame", "Link layer", "IP", "Transport", "Tunnels")
    for field in GROUPS[title]
    if field.type not in (Type.PROTOCOL, Type.BYTES)
    and (not isinstance(field.source, Union) or field.name == "ip.version")
    and not field.name.startswith(NOT_COMPARED)
]
EXTRA = ["frame.protocols"]

FILTERS = [
    "tcp",
    "udp || arp",
    "not ip.addr == 10.0.0.0/8",
    "ip.addr != 10.0.0.1",
    "ip.src any_ne 192.168.50.1",  # as ~=, which tshark 4.4 has no more
    "ip.ttl === 64",
    "tcp.port in {80, 443, 5000..5999}",
    "tcp.flags.syn == 1 && tcp.flags.ack == 0",
    "tcp.flags & 0x05",
    "tcp.flags.reset == True",
    "eth.addr == ff:ff:ff:ff:ff:ff || eth.dst[0] & 1",
    "eth.src[0:3] == 00:15:5d and udp",
    "gre.key > 1280000 and gre.proto == 0x6558",
    'frame contains "HTTP"',
    'tcp.payload matches "^(get|post) /"',
    "any ip.ttl < 64 or all ip.ttl == 255",
    "ip.src == ip.dst",
    "frame.len > 1000 and frame.number <= 500",
    "frame.time_relative >= 1.5 && frame.time_relative < 2",
    'frame.time >= "Jan 1, 2000 00:00:00"',
    "icmpv6.type in {135, 136} or ipv6.dst == ff02::/16",
    "tcp.len > 1000 and not tcp.flags.push == 1",
]
JUDGED = ["fabric.pcapng", "neighbours.pcap", "ovs-nvgre.pcap"]


def read(path: Path) -> list[tuple[PacketBatch, np.ndarray]]:
    found = []
    with open_capture(path) as reader:
        for batch in reader.batches():
            records = empty_records(len(batch))
            decode(batch, OPTIONS, records)
            found.append((batch, records))
    return found


def quotes(row: tshark.Row) -> bool:
    """Whether tshark decoded a packet that an ICMP error quotes."""
    layers = row["frame.protocols"][0].split(":")
    places = [layers.index(name) for name in ("icmp", "icmpv6") if name in layers]
    return bool(places) and any(name in ("ip", "ipv6") for name in layers[max(places) :])


@pytest.mark.parametrize("text", FILTERS)
def test_the_same_frames_pass(text: str) -> None:
    compared = 0
    for name in JUDGED:
        path = SAMPLES / name
        quoting = {int(row["frame.number"][0]) for row in tshark.fields(path, EXTRA) if quotes(row)}
        theirs = {int(row["frame.number"][0]) for row in tshark.fields(path, [], select=text)}
        ours: set[int] = set()
        first, start = 1, None
        chosen = compile_filter(text, table=None)
        for batch, records in read(path):
            start = int(batch.ts_ns[0]) if start is None else start
            mask = chosen.packet_mask(batch, records, first, start)
            ours |= set((np.flatnonzero(mask) + first).tolist())
            first += len(batch)
        # tshark counts what ICMP errors quote as occurrences (docs/filters.md).
        assert ours - quoting == theirs - quoting, name
        compared += len(theirs)
    assert compared > 0


# --- occurrences -----------------------------------------------------------------------------------------------------


def values_of(found: Occurrences) -> list[Value]:
    values = found.values
    if isinstance(values, Addresses):
        pairs = zip(values.family.tolist(), values.high.tolist(), values.low.tolist(), strict=True)
        return [
            str(ipaddress.IPv4Address(low) if family == 4 else ipaddress.IPv6Address(high << 64 | low))
            for family, high, low in pairs
        ]
    assert isinstance(values, Numbers)
    if values.width == 6:
        return [value.to_bytes(6, "big").hex(":") for value in values.data.tolist()]
    return list(values.data.tolist())


def parsed(text: str) -> Value:
    if text in ("True", "False"):
        return int(text == "True")
    try:
        return int(text, 0)
    except ValueError:
        return text


def cut(ours: list[Value], theirs: list[Value]) -> bool:
    return not Counter(ours) - Counter(theirs)


#: Reason -> whether it explains that `name` has these occurrences with us, those in tshark's row.
REASONS: dict[str, Callable[[str, list[Value], list[Value], tshark.Row], bool]] = {
    "tshark decodes what an ICMP error quotes": lambda name, ours, theirs, row: quotes(row) and cut(ours, theirs),
    "tshark calls the outer tag of 802.1ad ieee8021ad": lambda name, ours, theirs, row: (
        name.startswith("vlan.") and "ieee8021ad" in row["frame.protocols"][0] and cut(theirs, ours)
    ),
    "tcp.len of a first fragment: tshark's is the fragment's": lambda name, ours, theirs, row: (
        name == "tcp.len" and "1" in row["ip.flags.mf"] and int(ours[0]) > int(theirs[0])
    ),
    "an IP header that the snapshot cut": lambda name, ours, theirs, row: (
        name.startswith("ip.") and int(row["frame.cap_len"][0]) < int(row["frame.len"][0]) and cut(ours, theirs)
    ),
    "tshark fills in an IP length of 0 (offload)": lambda name, ours, theirs, row: (
        name == "ip.len" and 0 in ours and len(ours) == len(theirs)
    ),
    "more than 16 encapsulations": lambda name, ours, theirs, row: (
        row["frame.protocols"][0].count(":gre") > 16 and cut(ours, theirs)
    ),
    "tshark reads GRE of an unknown version as version 0": lambda name, ours, theirs, row: (
        any(int(version) > 1 for version in row["gre.flags.version"]) and cut(ours, theirs)
    ),
}


def test_fields_have_the_same_occurrences() -> None:
    unexplained = []
    needed: Counter[str] = Counter()
    compared = 0
    for path in sorted(SAMPLES.glob("*.pcap*")):
        rows = tshark.fields(path, NAMES + EXTRA)
        first = 0
        for batch, records in read(path):
            packets = PacketRows(batch, records, first + 1, 0, None, None, OPTIONS, None)
            for name in NAMES:
                found = packets.occurrences(PACKET_FIELDS[name], Scope.ANY)
                by_frame: defaultdict[int, list[Value]] = defaultdict(list)
                for frame, value in zip(found.rows.tolist(), values_of(found), strict=True):
                    by_frame[frame].append(value)
                for frame in range(min(len(batch), len(rows) - first)):
                    row = rows[first + frame]
                    ours, theirs = by_frame[frame], [parsed(text) for text in row[name]]
                    compared += len(theirs)
                    if Counter(ours) != Counter(theirs):
                        reason = next((why for why, holds in REASONS.items() if holds(name, ours, theirs, row)), None)
                        if reason is None:
                            unexplained.append((path.name, first + frame + 1, name, ours, theirs))
                        else:
                            needed[reason] += 1
            first += len(batch)
    assert unexplained == []
    assert set(needed) == set(REASONS)
    assert compared > 100_000
