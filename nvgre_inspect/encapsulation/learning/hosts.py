"""Hosts: MAC addresses of provider addresses, and through whom each reaches the others.

A host's MAC address is the one that its frames come from. Where frames to it have another destination, a router is in
between: `next_hop` of the sender, or `next_hops` where it has several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dissectors import offsets
from nvgre_inspect.encapsulation.learning.headers import Headers
from nvgre_inspect.encapsulation.learning.tally import Row, Tally
from nvgre_inspect.encapsulation.learning.words import Notes, address_of, frames, listed, mac_of
from nvgre_inspect.encapsulation.outer import group_mac
from nvgre_inspect.encapsulation.policy import Address, Host
from nvgre_inspect.encapsulation.policy_keys import is_unicast
from nvgre_inspect.encapsulation.routing import made_up_mac
from nvgre_inspect.model.names import Names

_Macs = dict[Address, Counter[bytes]]


class Hosts:
    """What frames say about the hosts that sent and received them."""

    def __init__(self) -> None:
        self._ways = Tally(1 + 4 + 4 + 2)

    def add(self, headers: Headers) -> None:
        """Learn from a batch."""
        macs = (headers.mac(offsets.ETH_SRC), headers.mac(offsets.ETH_DST))
        self._ways.add([*headers.pa_src, *headers.pa_dst[1:], *macs], headers.ts_ns)

    def learned(self, names: Names, notes: Notes) -> list[Host]:
        """Hosts in the order of their addresses; `notes` are about what a policy cannot hold."""
        seen = _Seen()
        for row in self._ways.rows():
            seen.add(row)
        notes.count(self._ways.dropped, "on ways for which there was no room")
        seen.tell(notes)
        macs = seen.macs()
        through = seen.through()
        return [
            _host(pa, macs, through.get(pa, {}), names.pa(str(pa)) or "")
            for pa in sorted(macs, key=lambda pa: (pa.version, int(pa)))
        ]


class _Seen:
    """MAC addresses by provider addresses, each with its frames."""

    def __init__(self) -> None:
        #: Of a host, as a sender and as a receiver; every host has the former, if only an empty one.
        self._sent: _Macs = {}
        self._received: _Macs = {}
        #: To which those of a sender went, by receiver.
        self._ways: dict[Address, _Macs] = {}
        self._impossible = 0
        self._odd_groups = 0

    def add(self, row: Row) -> None:
        """IP version, four words of each PA, source and destination MAC (-1: none)."""
        version, *rest = row.values
        src, dst = address_of(version, *rest[:4]), address_of(version, *rest[4:8])
        if src is None or dst is None or not can_travel(src, dst):
            self._impossible += row.frames
            return
        _count(self._sent.setdefault(src, Counter()), rest[8], row.frames)
        if dst.is_multicast:
            self._odd_groups += row.frames if rest[9] not in (-1, int.from_bytes(group_mac(dst), "big")) else 0
            return
        self._sent.setdefault(dst, Counter())
        _count(self._received.setdefault(dst, Counter()), rest[9], row.frames)
        _count(self._ways.setdefault(src, {}).setdefault(dst, Counter()), rest[9], row.frames)

    def _own(self) -> _Macs:
        """Where a host only receives, those that frames to it have."""
        return {pa: counts or self._received.get(pa, Counter()) for pa, counts in self._sent.items()}

    def macs(self) -> dict[Address, bytes]:
        """The MAC address of each host."""
        return {pa: _most(counts) or made_up_mac(pa) for pa, counts in self._own().items()}

    def through(self) -> dict[Address, dict[Address, bytes]]:
        """The MAC address to which frames of a sender go, by receiver."""
        return {
            src: {dst: mac for dst, counts in receivers.items() if (mac := _most(counts))}
            for src, receivers in self._ways.items()
        }

    def tell(self, notes: Notes) -> None:
        """What a policy cannot hold of it."""
        notes.count(self._impossible, "from or to addresses that no host can have")
        notes.count(self._odd_groups, "to multicast groups with another MAC address than the group's")
        for pa, counts in self._sent.items():
            _tell_several(f"frames of {pa} come from", counts, "hosts with several MAC addresses", notes)
        for src, receivers in self._ways.items():
            for dst, counts in receivers.items():
                _tell_several(f"frames from {src} to {dst} go to", counts, "ways to several MAC addresses", notes)
        unknown = [str(pa) for pa, counts in self._own().items() if not counts]
        if unknown:
            notes.add(f"MAC addresses are made up where none was seen: of {listed(unknown)}")


def can_travel(src: Address, dst: Address) -> bool:
    """Whether there can be a host `src` that sends to another one, or to a group, `dst`."""
    return is_unicast(src) and src != dst and (is_unicast(dst) or dst.is_multicast)


def _count(counts: Counter[bytes], number: int, frames: int) -> None:
    mac = mac_of(number)
    if mac is not None:
        counts[mac] += frames


def _most(counts: Counter[bytes]) -> bytes | None:
    return counts.most_common(1)[0][0] if counts else None


def _tell_several(what: str, counts: Counter[bytes], kind: str, notes: Notes) -> None:
    if len(counts) > 1:
        macs = listed([f"{mac.hex(':')} ({frames(count)})" for mac, count in counts.most_common()])
        notes.add(f"{what} several MAC addresses, of which the first is taken: {macs}", kind)


def _host(pa: Address, macs: Mapping[Address, bytes], through: Mapping[Address, bytes], name: str) -> Host:
    directly = {dst: mac for dst, mac in through.items() if mac != macs[dst]}
    if not directly:
        return Host(pa, macs[pa], name=name)
    router = Counter(directly.values()).most_common(1)[0][0]
    past_it = {dst: mac for dst, mac in through.items() if mac != router}
    # A router and who is reached past it, or no router but for some: the shorter list.
    if len(past_it) < len(directly):
        return Host(pa, macs[pa], router, past_it, name)
    return Host(pa, macs[pa], None, directly, name)
