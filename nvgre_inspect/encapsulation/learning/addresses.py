"""Addresses: the virtual subnets of a capture, who is in them, and what becomes of broadcast and multicast."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from typing import Literal

import numpy as np

from dissectors import offsets
from nvgre_inspect.encapsulation.learning.headers import Flags, Headers, Ints
from nvgre_inspect.encapsulation.learning.settling import Settling, Sightings
from nvgre_inspect.encapsulation.learning.tally import Tally
from nvgre_inspect.encapsulation.learning.words import Notes, address_of, frames, listed
from nvgre_inspect.encapsulation.outer import CARRIES_IP, IDENTIFIERS
from nvgre_inspect.encapsulation.policy import Address, Entry, Kind, Subnet
from nvgre_inspect.encapsulation.policy_keys import GRE_KINDS
from nvgre_inspect.model.names import Names

#: Identifier, MAC, IP version and four words of the CA, the same of the PA.
_ADDRESS_COLUMNS = 1 + 1 + 5 + 5
#: Identifier, whether the frame is for many, IP version and four words of the multicast group, 0: sent to one PA.
_FLOOD_COLUMNS = 1 + 1 + 5


class Addresses:
    """What the frames of one kind of encapsulation say about tenants' addresses."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._senders = Tally(_ADDRESS_COLUMNS)
        self._receivers = Tally(_ADDRESS_COLUMNS)
        self._floods = Tally(_FLOOD_COLUMNS)

    def add(self, headers: Headers) -> None:
        """Learn from a batch."""
        records, vsid, ts_ns = headers.records, headers.vsid, headers.ts_ns
        src_mac, dst_mac = headers.inner_mac(offsets.ETH_SRC), headers.inner_mac(offsets.ETH_DST)
        self._senders.add([vsid, src_mac, records["ca_family"], *records["ca_ip"].T, *headers.pa_src], ts_ns)
        dst_ca = headers.inner_address("dst")
        for_many = _for_many(self._kind, dst_mac, dst_ca)
        one = ~for_many & ~headers.to_group
        self._receivers.add([column[one] for column in (vsid, dst_mac, *dst_ca, *headers.pa_dst)], ts_ns[one])
        group = [np.where(headers.to_group, column, 0) for column in headers.pa_dst]
        self._floods.add([vsid, for_many, *group], ts_ns)

    def learned(self, pas: Container[Address], names: Names, notes: Notes) -> list[Subnet]:
        """Subnets in the order of their identifiers, with what is behind `pas`; `notes` are about what moved and what a
        policy cannot hold.
        """
        sent, received = _by_subnet(self._senders, pas), _by_subnet(self._receivers, pas)
        floods: dict[int, _Floods] = defaultdict(_Floods)
        for (number, for_many, *group), count, *_ in self._floods.rows():
            floods[number].add(bool(for_many), address_of(*group), count)
        subnets = []
        for number, flooded in sorted(floods.items()):
            vsid = None if number < 0 else number
            subnet = "without identifier" if vsid is None else f"in subnet {vsid}"
            if not _can_hold(self._kind, vsid):
                sentence = f"{frames(flooded.frames)} {subnet}, which {self._kind} cannot have: not taken"
                notes.add(sentence, "identifiers that cannot be")
                continue
            entries = Settling(subnet, sent[number], received[number], notes).entries()
            bum = flooded.bum(entries, subnet, notes)
            unknown = flooded.unknown(bum)
            subnets.append(Subnet(vsid, tuple(entries), bum, unknown, names.vsid(self._kind, vsid) or ""))
        notes.count(self._senders.dropped + self._receivers.dropped, "with addresses for which there was no room")
        return subnets


def _by_subnet(tally: Tally, pas: Container[Address]) -> dict[int, Sightings]:
    subnets: dict[int, Sightings] = defaultdict(lambda: Sightings(pas))
    for row in tally.rows():
        subnets[row.values[0]].add(row._replace(values=row.values[1:]))
    return subnets


def _can_hold(kind: Kind, vsid: int | None) -> bool:
    if vsid is None:
        return kind in GRE_KINDS or not IDENTIFIERS[kind]
    return vsid in IDENTIFIERS[kind]


def _for_many(kind: Kind, dst_mac: Ints, dst_ca: Sequence[Ints]) -> Flags:
    """Whether frames are broadcast or multicast: by MAC address, or where there is none by IP address."""
    if kind not in CARRIES_IP:
        many: Flags = (dst_mac >= 0) & (dst_mac >> 40 & 1 == 1)
        return many
    version, first, *_, last = dst_ca
    group4 = (last >> 28 == 0xE) | (last == 0xFFFFFFFF)
    many = ((version == 4) & group4) | ((version == 6) & (first >> 24 == 0xFF))
    return many


class _Floods:
    """How broadcast, multicast and unknown unicast of one subnet travelled."""

    def __init__(self) -> None:
        self.frames = 0
        self._groups: Counter[Address] = Counter()
        self._copies = 0
        self._unknown = 0

    def add(self, for_many: bool, group: Address | None, count: int) -> None:
        """Frames for many, or for one, to a multicast group (None: to a single PA)."""
        self.frames += count
        if group is not None:
            self._groups[group] += count
            self._unknown += 0 if for_many else count
        elif for_many:
            self._copies += count

    def bum(self, entries: Sequence[Entry], subnet: str, notes: Notes) -> Literal["replicate"] | Address:
        """The group, if there is one that all hosts of the subnet can send to."""
        if not self._groups:
            return "replicate"
        group = self._groups.most_common(1)[0][0]
        if any(entry.pa.version != group.version for entry in entries):
            notes.add(
                f"{group} {subnet} is of another IP version than some of its hosts: not taken",
                "groups of another IP version",
            )
            return "replicate"
        if len(self._groups) > 1:
            groups = listed([f"{group} ({frames(count)})" for group, count in self._groups.most_common()])
            notes.add(
                f"several multicast groups {subnet}, of which the first is taken: {groups}",
                "subnets with several groups",
            )
        if self._copies:
            notes.add(
                f"{frames(self._copies)} for many {subnet} as unicast copies, others to {group}", "subnets with both"
            )
        return group

    def unknown(self, bum: Literal["replicate"] | Address) -> Literal["drop", "flood"]:
        """Whether frames for one went to the group."""
        return "flood" if self._unknown and bum != "replicate" else "drop"
