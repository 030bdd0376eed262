"""Hosts: MAC addresses of provider addresses, and through whom each reaches the others.

A host's MAC address is the one that its frames come from. Where frames to it have another destination, a router is in
between: `next_hop` of the sender, or `next_hops` where it has several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dissectors import offsets
from nvgre_inspect.encapsulation.learning.headers import Headers
from nvgre_inspect.encapsulation.learning.tally import Tally
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
        own: _Macs = {}
        received: _Macs = {}
        ways: dict[Address, _Macs] = {}
        impossible = odd_groups = 0
        for row in self._ways.rows():
            version, *rest = row.values
            src, dst = address_of(version, *rest[:4]), address_of(version, *rest[4:8])
            if src is None or dst is None or not can_travel(src, dst):
                impossible += row.frames
                continue
            _count(own.setdefault(src, Counter()), mac_of(rest[8]), row.frames)
            if dst.is_multicast:
                odd_groups += row.frames if rest[9] not in (-1, int.from_bytes(group_mac(dst), "big")) else 0
                continue
            own.setdefault(dst, Counter())
            to = mac_of(rest[9])
            _count(received.setdefault(dst, Counter()), to, row.frames)
            _count(ways.setdefault(src, {}).setdefault(dst, Counter()), to, row.frames)
        # A host that only receives has the MAC address that most of its frames go to.
        seen = {pa: macs or received.get(pa, Counter()) for pa, macs in own.items()}
        macs = {pa: _most(counts) or made_up_mac(pa) for pa, counts in seen.items()}
        through = {
            src: {dst: mac for dst, counts in receivers.items() if (mac := _most(counts))}
            for src, receivers in ways.items()
        }
        hosts = [
            _host(pa, macs, through.get(pa, {}), names.pa(str(pa)) or "")
            for pa in sorted(macs, key=lambda pa: (pa.version, int(pa)))
        ]
        notes.count(impossible, "from or to addresses that no host can have")
        notes.count(odd_groups, "to multicast groups with another MAC address than the group's")
        notes.count(self._ways.dropped, "on ways for which there was no room")
        for pa, counts in own.items():
            _tell_several(f"frames of {pa} come from", counts, "hosts with several MAC addresses", notes)
        for src, receivers in ways.items():
            for dst, counts in receivers.items():
                _tell_several(f"frames from {src} to {dst} go to", counts, "ways to several MAC addresses", notes)
        unknown = [str(pa) for pa, counts in seen.items() if not counts]
        if unknown:
            notes.add(f"MAC addresses are made up where none was seen: of {listed(unknown)}")
        return hosts


def can_travel(src: Address, dst: Address) -> bool:
    """Whether there can be a host `src` that sends to another one, or to a group, `dst`."""
    return is_unicast(src) and src != dst and (is_unicast(dst) or dst.is_multicast)


def _count(counts: Counter[bytes], mac: bytes | None, count: int) -> None:
    if mac is not None:
        counts[mac] += count


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
