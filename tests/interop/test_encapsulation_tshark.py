"""tshark and tcpdump as judges of what the reference encapsulator and translator write.

Every kind, option and underlay around every kind of frame that tenants send: no wrong checksum, nothing malformed, no
warning or error of tshark's experts; and the identifier, the entropy and the tenant's frame are where these tools look.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tshark

from nvgre_inspect.encapsulation.encapsulator import Encapsulator
from nvgre_inspect.encapsulation.outer import CARRIES_IP, PORTS
from nvgre_inspect.encapsulation.policy import KINDS, Kind
from nvgre_inspect.encapsulation.translator import Translator
from tests.builders.capture_file import Packet, pcap
from tests.builders.overlay import (
    MAC_A,
    PAS,
    VSID,
    arp_frame,
    fragments4,
    fragments6,
    frame_of_length,
    outer_packet,
    policy,
    typical_frames,
    udp_frame,
)

pytestmark = pytest.mark.interop

needs_tcpdump = pytest.mark.skipif(
    shutil.which("tcpdump") is None, reason="tcpdump is not installed (Debian: apt-get install tcpdump)"
)
STATUS = tuple(f"{name}.checksum.status" for name in ("ip", "tcp", "udp", "gre", "icmp", "icmpv6"))
OPTIONS = (
    *tshark.STATELESS,
    *("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"),
    # The same inner packet many times over is no retransmission.
    *("-o", "tcp.analyze_sequence_numbers:FALSE"),
    *("-d", f"mpls.label=={VSID},pwethcw", "-d", "udp.port==6082,geneve", "-d", "udp.port==6636,mpls"),
)
BAD = "0"
WARNING = 0x600000
OTHER_PORTS = {"vxlan": 8472, "geneve": 6082, "mpls-in-udp": 6636}


class Sent(NamedTuple):
    """A frame, and what was done to it."""

    how: str
    frame: bytes
    inner: bytes


def write(path: Path, frames: Iterable[bytes]) -> Path:
    path.write_bytes(pcap(Packet(number * 1_000_000, frame) for number, frame in enumerate(frames)))
    return path


def choices(kind: Kind) -> Iterator[dict[str, Any]]:
    """Options one at a time, then together."""
    yield {}
    yield {"dscp": 46, "ecn": "compatibility", "ttl": 3, "df": False, "vlan": 7, "vlan_priority": 5}
    if kind == "nvgre":
        yield {"flow_id": "zero"}
        yield {"flow_id": 255}
    elif kind in PORTS:
        yield {"checksum": True}
        yield {"port": OTHER_PORTS[kind]}
    elif kind in ("gre", "gretap"):
        yield {"checksum": True}
        yield {"sequence": True}
        yield {"key": False}
        yield {"checksum": True, "sequence": True, "key": False}
        yield {"checksum": True, "sequence": True}


def inner_frames() -> dict[str, bytes]:
    frames = typical_frames() | {"tagged": udp_frame(vlans=(0x2005, 6)), "odd": udp_frame(35), "long": udp_frame(1400)}
    return frames | {f"length{n}": frame_of_length(n) for n in range(60, 68)}


def encapsulated(kind: Kind) -> list[Sent]:
    sent = []
    for family in (4, 6):
        for options in choices(kind):
            sender = Encapsulator(policy(kind, family, **options))
            for name, frame in inner_frames().items():
                result = sender.encapsulate(frame)
                if result.reason == "not-ip" and kind in CARRIES_IP:
                    continue
                assert result.frames, (name, result.reason)
                sent += [Sent(f"{name} over IPv{family} {options}", outer, frame) for outer in result.frames]
    return sent


def complaints(row: tshark.Row) -> list[str]:
    found = [name for name in STATUS if BAD in row[name]]
    found += [name for name in ("_ws.malformed", "_ws.short") if row[name]]
    experts = zip(row["_ws.expert.severity"], row["_ws.expert.message"], strict=True)
    return found + [message for severity, message in experts if int(severity) >= WARNING]


def judged(path: Path, *names: str) -> list[tshark.Row]:
    """What tshark says of each frame; fails where it finds anything wrong."""
    experts = ("_ws.malformed", "_ws.short", "_ws.expert.severity", "_ws.expert.message")
    rows = tshark.fields(path, [*STATUS, *experts, "frame.protocols", *names], options=OPTIONS)
    found = {row["frame.number"][0]: (row["frame.protocols"], complaints(row)) for row in rows if complaints(row)}
    assert not found
    return rows


@tshark.needs_tshark
@pytest.mark.parametrize("kind", KINDS)
def test_encapsulated_frames(kind: Kind, tmp_path: Path) -> None:
    sent = encapsulated(kind)
    path = write(tmp_path / "sent.pcap", (one.frame for one in sent))
    rows = judged(
        path, "eth.src", "ip.src", "ipv6.src", "gre.key", "vxlan.vni", "geneve.vni", "mpls.label", "gre.proto"
    )
    assert len(rows) == len(sent)
    for one, row in zip(sent, rows, strict=True):
        # The tenant's frame is found: its sender, one Ethernet or IP header further inside.
        if kind in CARRIES_IP:
            assert len(row["ip.src"]) + len(row["ipv6.src"]) >= 2, one.how
        else:
            assert row["eth.src"][1:] == [MAC_A], one.how
        if kind == "nvgre":
            (key,) = row["gre.key"]
            assert int(key, 0) >> 8 == VSID, one.how
        elif kind in ("gre", "gretap"):
            assert [int(key, 0) for key in row["gre.key"]] == [VSID] * ("'key': False" not in one.how), one.how
        elif kind != "ipip":
            field = {"vxlan": "vxlan.vni", "geneve": "geneve.vni"}.get(kind, "mpls.label")
            assert [int(value, 0) for value in row[field]] == [VSID], one.how


@tshark.needs_tshark
@pytest.mark.parametrize("kind", KINDS)
def test_frames_that_were_cut(kind: Kind, tmp_path: Path) -> None:
    """Lengths are those on the wire: tshark misses bytes, and finds nothing wrong with the headers.

    A UDP checksum over bytes that were not captured is 0, also over IPv6, where RFC 6935 lets tunnels do so.
    """
    packets = []
    for family in (4, 6):
        sender = Encapsulator(policy(kind, family))
        for name, frame in typical_frames().items():
            if name == "arp" or "fragment" in name:
                continue
            result = sender.encapsulate(frame[:56], len(frame))
            packets += [Packet(0, outer, len(outer) + result.missing) for outer in result.frames]
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap(packets))
    names = ["_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "ip.checksum.status", "frame.cap_len"]
    rows = tshark.fields(path, names, options=(*OPTIONS, "-o", "udp.ignore_ipv6_zero_checksum:TRUE"))
    assert len(rows) == len(packets)
    for row in rows:
        assert not row["_ws.malformed"], row
        assert BAD not in row["ip.checksum.status"], row
        experts = zip(row["_ws.expert.severity"], row["_ws.expert.message"], strict=True)
        assert [message for severity, message in experts if int(severity) >= WARNING] == []


@tshark.needs_tshark
def test_mtu_answers(tmp_path: Path) -> None:
    replies: list[bytes] = []
    for kind in KINDS:
        for family in (4, 6):
            sender = Encapsulator(policy(kind, family, mtu=1500, over_mtu="icmp"))
            for inner in (udp_frame(1472), udp_frame(1452, family=6), udp_frame(1472, vlans=(5,))):
                replies += sender.encapsulate(inner).replies
    assert len(replies) == 3 * 2 * len(KINDS)
    rows = judged(write(tmp_path / "replies.pcap", replies), "icmp.mtu", "icmpv6.mtu", "ip.dst", "ipv6.dst")
    for row in rows:
        assert int((row["icmp.mtu"] or row["icmpv6.mtu"])[0]) in range(1350, 1500)


@tshark.needs_tshark
@pytest.mark.parametrize("kind", KINDS)
def test_translated_frames(kind: Kind, tmp_path: Path) -> None:
    frames = []
    for family in (4, 6):
        for source in KINDS:
            for checksum in (False, True):
                translator = Translator(kind, checksum=checksum, sequence=True)
                for number, inner in enumerate((*typical_frames().values(), udp_frame(35))):
                    if inner == arp_frame() and source in CARRIES_IP:
                        continue
                    made = translator.translate(outer_packet(source, inner, 77, number, family=family))
                    if made.reason is None:
                        frames.append(made.frame)
    assert len(frames) > 100
    rows = judged(write(tmp_path / "translated.pcap", frames))
    assert len(rows) == len(frames)


@tshark.needs_tshark
@pytest.mark.parametrize("kind", ["nvgre", "vxlan"])
def test_entropy_is_the_same_for_fragments(kind: Kind, tmp_path: Path) -> None:
    frames = []
    for parts in (fragments4(), fragments6()):
        sender = Encapsulator(policy(kind))
        frames += [frame for part in parts for frame in sender.encapsulate(part).frames]
    rows = judged(write(tmp_path / "fragments.pcap", frames), "gre.key", "udp.srcport")
    seen = [int((row["gre.key"] or row["udp.srcport"])[0], 0) for row in rows]
    assert seen == seen[:1] * 3 + seen[3:4] * 3
    assert seen[0] != seen[3]


@needs_tcpdump
@pytest.mark.parametrize("kind", KINDS)
def test_tcpdump_agrees(kind: Kind, tmp_path: Path) -> None:
    sent = encapsulated(kind)
    path = write(tmp_path / "sent.pcap", (one.frame for one in sent))
    done = subprocess.run(
        ["tcpdump", "-nvv", "-e", "-r", path], capture_output=True, text=True, errors="replace", check=True, timeout=60
    )
    text = done.stdout
    assert re.findall(r"(?i).*(?:bad |wrong |incorrect|truncated|\[\|).*", text) == []
    for pa in PAS[4][:2] + PAS[6][:2]:
        assert text.count(pa) >= len(sent) // 4
    if kind == "nvgre":
        assert len(re.findall(rf"key=0x0*{VSID:x}[0-9a-f]{{2}}\b", text)) == len(sent)
