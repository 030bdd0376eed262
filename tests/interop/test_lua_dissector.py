"""The Lua dissector in the installed tshark: its fields are our records', and nothing else of tshark's tree changes."""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import capture_files
import numpy as np
import pytest
import tshark

from dissectors import anomalies, encaps
from nvgre_inspect.model.options import DecodeOptions
from nvgre_inspect.model.record import RECORD
from nvgre_inspect.reference.decode import decode
from nvgre_inspect.wireshark import view
from nvgre_inspect.wireshark.fields import FIELDS, OPTIONS
from nvgre_inspect.wireshark.profile import script_path
from nvgre_inspect.wireshark.records import as_dicts, ours
from nvgre_inspect.wireshark.rows import Row, Rows
from nvgre_inspect.wireshark.tshark import find, neutral, run
from tests.builders import build

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

SCRIPT = ("-X", f"lua_script:{script_path()}")
RULES = {
    "nvgre.vsid.reserved": anomalies.NVGRE_VSID_RESERVED,
    "nvgre.flags.invalid": anomalies.NVGRE_FLAGS_INVALID,
    "nvgre.flags.reserved": anomalies.GRE_RESERVED_BITS,
    "nvgre.inner_vlan": anomalies.NVGRE_INNER_VLAN,
    "nvgre.fragmented": anomalies.UNDERLAY_FRAGMENT,
}
NVGRE = ("nvgre.vsid", "nvgre.flowid", "nvgre.tunnel", "nvgre.color", "nvgre.version.invalid", *RULES)
#: As in `dissectors.wireshark`'s preference and our `--gre-key`.
KEYS = ("auto", "nvgre", "key32")


@pytest.fixture(autouse=True)
def scripts_are_run() -> None:
    if reason := tshark.scripts_refused():
        pytest.skip(reason)


def with_script(path: Path, names: Sequence[str], *options: str) -> list[Row]:
    """What tshark says with the script loaded. An error of Lua's fails the test."""
    with neutral() as environment:
        asked = Rows(find(), path, [*names, "_ws.lua.error"], arguments=[*SCRIPT, *options], environment=environment)
        rows = list(asked)
    assert asked.left_out == []
    assert not [row["_ws.lua.error"] for row in rows if row["_ws.lua.error"]]
    return rows


def records_of(path: Path, gre_key: str = "auto") -> Iterator[tuple[bytes, dict[str, Any]]]:
    for batch in capture_files.read(path) or []:
        records = np.empty(len(batch), dtype=RECORD)
        decode(batch, DecodeOptions(gre_key=gre_key), records)
        for i, record in enumerate(as_dicts(records)):
            yield batch.frame(i), record


@pytest.mark.parametrize("part", capture_files.PARTS)
def test_fields_are_those_of_our_records(part: str) -> None:
    """Of all captures that have Ethernet in GRE; how keys are read, by hand too, on the samples."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for path in capture_files.files_of(part):
        try:
            plain = tshark.fields(path, FIELDS, options=OPTIONS)
        except tshark.TsharkError:  # a link type that it does not know
            continue
        if not any("0x6558" in row["gre.proto"] for row in plain):
            continue
        for keys in KEYS if part == "samples" else KEYS[:1]:
            rows = with_script(path, (*FIELDS, *NVGRE), *OPTIONS, "-o", f"nvgre.keys:{keys}")
            assert len(rows) == len(plain)
            for number, (row, before, (frame, record)) in enumerate(
                zip(rows, plain, records_of(path, keys), strict=True), 1
            ):
                where = f"{capture_files.short_name(path)} {number} ({keys})"
                seen.update(name for name in NVGRE if row[name])
                wrong += [f"{where}: {problem}" for problem in problems(row, before, frame, record, keys)]
    print(dict(seen))
    assert wrong == []
    if part == "samples":
        assert [name for name in NVGRE if not seen[name]] == []


def problems(row: Row, before: Row, frame: bytes, record: dict[str, Any], keys: Any) -> Iterator[str]:
    """What is wrong with the row of one packet; `before` is without the script."""
    layers = view.layers(before, view.QUOTING)
    judged = view.theirs(before, layers, keys)
    vsids = [int(vsid) for vsid in row["nvgre.vsid"]]
    if vsids != judged.get("nvgre.vsid", []):
        yield f"VSIDs {vsids}, gre.key says {judged.get('nvgre.vsid')}"
    mine = ours(frame, record).get("nvgre.vsid", [])
    if vsids[: len(mine)] != mine or (len(vsids) > len(mine) and not stops_before(record, layers)):
        yield f"VSIDs {vsids}, our record {mine}"
    if [int(color) for color in row["nvgre.color"]] != [vsid % 7 for vsid in vsids]:
        yield f"colours {row['nvgre.color']} of {vsids}"
    if record["encap"] == encaps.NVGRE and record["n_layers"] == 1:
        yield from problems_of_one(row, record)
    yield from (
        f"{name}: {row[name]}, without the script {before[name]}"
        for name in FIELDS
        if row[name] != before[name] and name not in ("frame.protocols", "_ws.expert.message")
    )
    if [word for word in "".join(row["frame.protocols"]).split(":") if word != "nvgre"] != "".join(
        before["frame.protocols"]
    ).split(":"):
        yield f"layers {row['frame.protocols']}, without the script {before['frame.protocols']}"


def problems_of_one(row: Row, record: dict[str, Any]) -> Iterator[str]:
    """Of a packet with one NVGRE header and nothing else."""
    if [int(flow_id) for flow_id in row["nvgre.flowid"]] != [record["flow_id"]]:
        yield f"FlowID {row['nvgre.flowid']}, our record {record['flow_id']}"
    pair = sorted((ipaddress.ip_address(packed(record, "pa_src")), ipaddress.ip_address(packed(record, "pa_dst"))))
    if row["nvgre.tunnel"] != [f"{pair[0]} - {pair[1]}"]:
        yield f"tunnel {row['nvgre.tunnel']}, our record {pair}"
    for name, code in RULES.items():
        if bool(row[name]) != bool(record["anomalies"] >> code & 1):
            yield f"{name} {row[name]}, our record {anomalies.names(record['anomalies'])}"


def stops_before(record: dict[str, Any], layers: list[str]) -> bool:
    """Whether our decoder ends before tshark does: nesting, or a protocol that it does not look into."""
    from nvgre_inspect.wireshark.differences import STOPS

    too_deep = bool(record["anomalies"] >> anomalies.NESTING_TOO_DEEP & 1)
    return too_deep or bool(set(layers[:-1]) & (STOPS - set(view.QUOTING)))


def packed(record: dict[str, Any], name: str) -> bytes:
    words = record[name]
    return struct.pack(">I", words[3]) if record["pa_family"] == 4 else struct.pack(">4I", *words)


# --- frames made for it ----------------------------------------------------------------------------------------------
INNER = build.ethernet_ip(
    "00:15:5d:00:00:02",
    "00:15:5d:00:00:01",
    build.ip("10.0.0.1", "10.0.0.2", build.UDP, build.udp("10.0.0.1", "10.0.0.2", 40000, 50007, b"data")),
)
GRE = 47


def frame_of(packet: bytes) -> bytes:
    return build.ethernet_ip("02:00:00:00:00:02", "02:00:00:00:00:01", packet)


def capture(folder: Path, frames: Sequence[bytes], wire_lengths: Sequence[int] = ()) -> Path:
    path = folder / "made.pcap"
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)]
    for number, frame in enumerate(frames):
        parts.append(
            struct.pack("<IIII", number, 0, len(frame), [*wire_lengths, len(frame)][min(number, len(wire_lengths))])
        )
        parts.append(frame)
    path.write_bytes(b"".join(parts))
    return path


def test_tunnels_are_written_as_everywhere(tmp_path: Path) -> None:
    """RFC 5952 and both directions alike, whatever bytes are in addresses."""
    random = Random(7637)
    pairs = []
    for _ in range(200):
        groups = [[random.choice((0, 0, 0, 1, 0x20, 0xABCD)) for _ in range(8)] for _ in range(2)]
        pairs.append([str(ipaddress.IPv6Address(struct.pack(">8H", *group))) for group in groups])
    pairs += [[str(ipaddress.IPv4Address(random.randbytes(4))) for _ in range(2)] for _ in range(50)]
    pairs += [["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"]]
    frames = [frame_of(build.ip(*pair, GRE, build.nvgre(5001, 7, INNER))) for pair in pairs]
    wanted = [" - ".join(sorted(pair, key=lambda text: int(ipaddress.ip_address(text)))) for pair in pairs]
    # Wireshark takes an IPv4-mapped address for one: it is written in hexadecimal here.
    wanted[-1] = "::ffff:c000:201 - 1:2:3:4:5:6:7:8"
    assert [row["nvgre.tunnel"] for row in with_script(capture(tmp_path, frames), NVGRE)] == [[text] for text in wanted]


def test_what_is_and_what_is_not_nvgre(tmp_path: Path) -> None:
    v4 = ("192.0.2.1", "192.0.2.2")
    nvgre = build.nvgre(5001, 7, INNER)
    plain = build.ip(*v4, GRE, nvgre)
    fragmented6 = build.ipv6("2001:db8::1", "2001:db8::2", 44, struct.pack("!BBHI", GRE, 0, 1, 9) + nvgre)
    inside6 = frame_of(build.ipv6("2001:db8::3", "2001:db8::4", GRE, build.nvgre(5002, 8, INNER)))
    around = build.ipv6(
        "2001:db8::1", "2001:db8::2", 44, struct.pack("!BBHI", GRE, 0, 1, 9) + build.nvgre(5001, 7, inside6)
    )
    quoting = build.ip(*v4, build.ICMP, build.icmp(3, 4, 1400, plain))
    in_udp = build.ip(*v4, build.UDP, build.udp(*v4, 50000, 4754, nvgre))
    vxlan = build.ip(*v4, build.UDP, build.udp(*v4, 50000, 4789, build.vxlan(7, frame_of(plain))))
    frames = {
        "straight in IP": (plain, ["5001"], []),
        "without a key": (build.ip(*v4, GRE, build.gre(build.TEB, INNER)), [], []),
        "another protocol type": (build.ip(*v4, GRE, build.gre(build.IPV4, INNER[14:], key=5001 << 8)), [], []),
        "version 1": (build.ip(*v4, GRE, b"\x20\x01" + nvgre[2:]), [], ["nvgre.version.invalid"]),
        "reserved bits": (build.ip(*v4, GRE, b"\x20\x08" + nvgre[2:]), ["5001"], ["nvgre.flags.reserved"]),
        "S": (
            build.ip(*v4, GRE, build.gre(build.TEB, INNER, key=5001 << 8, sequence=1)),
            ["5001"],
            ["nvgre.flags.invalid"],
        ),
        "vendor's VSID": (build.ip(*v4, GRE, build.nvgre(0xFFFFFF, 0, INNER)), ["16777215"], ["nvgre.vsid.reserved"]),
        "in a fragment of IPv6": (fragmented6, ["5001"], ["nvgre.fragmented"]),
        "a fragment around, none inside": (around, ["5001", "5002"], ["nvgre.fragmented"]),
        "quoted": (quoting, [], []),
        "in UDP": (in_udp, [], []),
        "inside VXLAN": (vxlan, ["5001"], []),
    }
    rows = with_script(capture(tmp_path, [frame_of(packet) for packet, _, _ in frames.values()]), NVGRE, *OPTIONS)
    for (name, (_, vsids, broken)), row in zip(frames.items(), rows, strict=True):
        said = {rule: len(row[rule]) for rule in NVGRE if rule.count(".") > 1 or rule in RULES}
        assert (name, row["nvgre.vsid"]) == (name, vsids)
        assert (name, {rule for rule, count in said.items() if count == 1}) == (name, set(broken))
        assert max(said.values()) <= 1


def test_a_packet_cut_anywhere_reads_as_without_the_script(tmp_path: Path) -> None:
    """Cut by the snapshot length, and ending there; the inner frame's malformedness is Wireshark's to tell."""
    frame = frame_of(build.ip("192.0.2.1", "192.0.2.2", GRE, build.nvgre(5001, 7, INNER)))
    cuts = [frame[:length] for length in range(14, len(frame))]
    path = capture(tmp_path, [*cuts, *cuts], [len(frame)] * len(cuts) + [len(cut) for cut in cuts])
    experts = ("_ws.malformed", "_ws.short", "_ws.expert.message")
    plain = tshark.fields(path, (*FIELDS, *experts), options=OPTIONS)
    rows = with_script(path, (*FIELDS, *NVGRE, *experts), *OPTIONS)
    differing = {
        name
        for row, before in zip(rows, plain, strict=True)
        for name in (*FIELDS, *experts)
        if row[name] != before[name]
    }
    assert differing == {"frame.protocols"}
    described = [len(cut) for cut, row in zip([*cuts, *cuts], rows, strict=True) if row["nvgre.vsid"]]
    # Where the packet ends behind the key, Wireshark's GRE dissector does not look for a frame.
    assert described == [*range(42, len(frame)), *range(43, len(frame))]


def test_reassembled_packets_are_marked(samples: Path) -> None:
    """As Wireshark does by default; the last fragment then has the packet."""
    rows = with_script(samples / "fragments.pcap", (*NVGRE, "ip.flags.mf", "ip.frag_offset"))
    described = [row for row in rows if row["nvgre.vsid"]]
    fragments = [row for row in described if row["ip.flags.mf"][0] == "1" or row["ip.frag_offset"][0] != "0"]
    assert any(row["ip.frag_offset"][0] != "0" for row in fragments)
    assert [row for row in described if row["nvgre.fragmented"]] == fragments


def test_loaded_twice_it_is_there_once(tmp_path: Path, samples: Path) -> None:
    """Installed, and named on the command line too."""
    again = tmp_path / "again.lua"
    again.write_bytes(script_path().read_bytes())
    words = ("-r", str(samples / "vlan.pcap"), "-c", "1", "-T", "fields", "-e", "nvgre.vsid")
    with neutral() as environment:
        outcome = run([find(), "-n", *SCRIPT, "-X", f"lua_script:{again}", *words], environment=environment)
    assert (outcome.output, outcome.complaint) == (b"5001\n", "")
