"""What faults put on the wire, as tshark sees it: in the frames that the truth names, and in no other scenario.

Only points in the underlay are looked at. Checksums and malformed packets are in `test_scenarios_tshark`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
import tshark

from tests.builders.played import NAMES, Played, Player

pytestmark = [pytest.mark.interop, tshark.needs_tshark]

FIELDS = (
    *("frame.interface_name", "frame.protocols", "ip.src", "ip.dst", "ip.id", "ip.flags.mf", "ip.frag_offset"),
    *("ip.dsfield.ecn", "ip.dsfield.dscp", "gre.key", "gre.flags.checksum", "gre.flags.sequence_number"),
    *("vlan.id", "icmp.type", "icmp.code"),
)
EF = 46
#: Type and code of ICMP errors: protocol unreachable, fragmentation needed.
REFUSED, TOO_BIG = ("3", "2"), ("3", "4")


class Frame(NamedTuple):
    """A frame in the underlay, by tshark. Lists hold the outermost value first."""

    number: int
    row: Mapping[str, list[str]]
    vsids: frozenset[int]

    @property
    def is_tunnelled(self) -> bool:
        return self.row["frame.protocols"][0].startswith("eth:ethertype:ip:gre")

    @property
    def vsid(self) -> int:
        return int(self.row["gre.key"][0], 0) >> 8

    def first(self, name: str) -> int:
        """The outermost value; 0: there is none."""
        return int(self.row[name][0], 0) if self.row[name] else 0

    def is_set(self, name: str) -> bool:
        return bool(self.row[name]) and self.row[name][0] in ("1", "True")

    def is_error(self, which: tuple[str, str]) -> bool:
        if not self.row["frame.protocols"][0].startswith("eth:ethertype:ip:icmp"):
            return False
        return (self.row["icmp.type"][0], self.row["icmp.code"][0]) == which


#: What tshark shows of each fault that can be seen in single frames.
SIGNS: dict[str, Callable[[Frame], bool]] = {
    "fragmentation": lambda frame: frame.is_set("ip.flags.mf") or frame.first("ip.frag_offset") > 0,
    "one-way": lambda frame: frame.is_error(REFUSED),
    "mtu-black-hole": lambda frame: frame.is_error(TOO_BIG),
    "inner-vlan": lambda frame: bool(frame.row["vlan.id"]),
    "gre-flags": lambda frame: frame.is_set("gre.flags.checksum") or frame.is_set("gre.flags.sequence_number"),
    "wrong-vsid": lambda frame: frame.is_tunnelled and 0xFFF < frame.vsid < 0xFFFFFF and frame.vsid not in frame.vsids,
    "reserved-vsid": lambda frame: frame.is_tunnelled and not 0xFFF < frame.vsid < 0xFFFFFF,
    "ecn-illegal": lambda frame: frame.first("ip.dsfield.ecn") == 3,
    "dscp-lost": lambda frame: (
        frame.is_tunnelled and frame.first("ip.dsfield.dscp") == 0 and str(EF) in frame.row["ip.dsfield.dscp"][1:]
    ),
}
#: Faults that send the same outer packet twice.
COPYING = ("duplicate", "mirror-duplicates")
#: Scenarios that have a fault without its sign: nobody says why packets are lost.
WITHOUT_A_WORD = {"fault-mtu-black-hole", "fault-one-way"}


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    return Player(tmp_path_factory.mktemp("faults-for-tshark"))


def outer_frames(played: Played) -> list[Frame]:
    """All frames of points in the underlay."""
    outer = {point.name for point in played.scenario.points if point.vnic is None}
    vsids = frozenset(tenant.vsid for tenant in played.scenario.tenants)
    rows = tshark.fields(played.capture, FIELDS)
    return [Frame(int(row["frame.number"][0]), row, vsids) for row in rows if row["frame.interface_name"][0] in outer]


@pytest.mark.parametrize("name", NAMES)
def test_each_fault_shows_where_it_was_injected_and_nowhere_else(player, name):
    played = player(name)
    frames = outer_frames(played)
    kinds = {type(fault).KIND for fault in played.scenario.faults}
    for kind, sign in SIGNS.items():
        shown = {frame.number for frame in frames if sign(frame)}
        assert shown <= played.frames_of(kind), kind
        assert bool(shown) == (kind in kinds and name not in WITHOUT_A_WORD), kind


@pytest.mark.parametrize("name", NAMES)
def test_outer_packets_pass_a_point_twice_only_where_they_were_copied(player, name):
    played = player(name)
    seen: dict[tuple[str, ...], int] = {}
    twice = set()
    for frame in outer_frames(played):
        if not frame.is_tunnelled and not frame.first("ip.frag_offset"):
            continue
        key = tuple("".join(frame.row[field][:1]) for field in (*FIELDS[:1], *FIELDS[2:5], FIELDS[6]))
        twice |= {frame.number, seen[key]} if key in seen else set()
        seen[key] = frame.number
    copied = set().union(*(played.frames_of(kind) for kind in COPYING))
    assert twice <= copied
    assert bool(twice) == bool(copied)
