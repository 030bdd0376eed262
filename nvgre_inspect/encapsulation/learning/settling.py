"""Settling: where each address of a subnet sits, from when it was seen behind which provider address.

An address sits where its frames come from. One that came from several PAs in turn has moved, and the last one counts.
A MAC address behind several PAs at once, each with customer addresses of its own, is that of a distributed router:
its customer addresses are listed without it, or a frame from one host would be taken for one from another. Addresses
that never sent sit where frames to them go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import pairwise

from nvgre_inspect.encapsulation.learning.tally import Row
from nvgre_inspect.encapsulation.learning.words import Notes, address_of, listed, mac_of, time_of
from nvgre_inspect.encapsulation.policy import Address, Entry
from nvgre_inspect.encapsulation.policy_keys import is_unicast


@dataclass(slots=True)
class Span:
    """When an address was seen behind a PA."""

    first_ns: int
    last_ns: int


#: By PA.
Spans = dict[Address, Span]


@dataclass(slots=True)
class Sightings:
    """Addresses of one subnet, as senders or as receivers."""

    #: The PAs that addresses can be behind; others are not learnt from.
    pas: Container[Address]
    macs: dict[bytes, Spans] = field(default_factory=dict)
    cas: dict[Address, Spans] = field(default_factory=dict)
    #: The MAC addresses that a CA was seen with, by CA and PA; and the CAs that a MAC address was seen with.
    macs_of: dict[tuple[Address, Address], set[bytes]] = field(default_factory=lambda: defaultdict(set))
    cas_of: dict[bytes, set[Address]] = field(default_factory=lambda: defaultdict(set))

    def add(self, row: Row) -> None:
        """Values: MAC (-1: none), IP version (0: none) and four words of the CA, the same of the PA."""
        mac, ca, pa = mac_of(row.values[0]), address_of(*row.values[1:6]), address_of(*row.values[6:11])
        if pa is None or pa not in self.pas:
            return
        if mac is not None:
            _see(self.macs.setdefault(mac, {}), pa, row)
        if ca is not None and is_unicast(ca):
            _see(self.cas.setdefault(ca, {}), pa, row)
            if mac is not None:
                self.macs_of[ca, pa].add(mac)
                self.cas_of[mac].add(ca)


def _see(spans: Spans, pa: Address, row: Row) -> None:
    span = spans.setdefault(pa, Span(row.first_ns, row.last_ns))
    span.first_ns = min(span.first_ns, row.first_ns)
    span.last_ns = max(span.last_ns, row.last_ns)


def _last(spans: Spans) -> Address:
    return max(spans, key=lambda pa: (spans[pa].last_ns, spans[pa].first_ns, number_of(pa)))


def _in_turn(spans: Spans) -> bool:
    """Whether an address was behind one PA after the other."""
    ordered = sorted(spans.values(), key=lambda span: (span.first_ns, span.last_ns))
    return all(one.last_ns < other.first_ns for one, other in pairwise(ordered))


def number_of(address: Address) -> tuple[int, int]:
    """What addresses are sorted by."""
    return address.version, int(address)


class Settling:
    """The places of one subnet's addresses."""

    def __init__(self, subnet: str, sent: Sightings, received: Sightings, notes: Notes) -> None:
        """`subnet` is for the notes: `in subnet 5001`."""
        self._subnet = subnet
        self._sent = sent
        self._received = received
        self._notes = notes
        #: PA and CAs of a MAC address, and the PA of CAs without one.
        self._machines: dict[bytes, tuple[Address, list[Address]]] = {}
        self._alone: dict[Address, Address] = {}

    def entries(self) -> list[Entry]:
        """Entries with at most one MAC address each, sorted by PA, MAC-less ones last."""
        self._settle_senders()
        self._settle_receivers()
        machines = [
            Entry(pa, mac, tuple(sorted(cas, key=number_of))) for mac, (pa, cas) in sorted(self._machines.items())
        ]
        others = [Entry(pa, None, (ca,)) for ca, pa in sorted(self._alone.items(), key=lambda item: number_of(item[0]))]
        return sorted(machines, key=_order) + sorted(others, key=_order)

    def _settle_senders(self) -> None:
        sent = self._sent
        for mac, spans in sent.macs.items():
            if len(spans) > 1 and not _in_turn(spans) and self._is_distributed(mac):
                self._notes.add(
                    f"{mac.hex(':')} {self._subnet} is a router's, behind {_pas(spans)} at once: what it routes for is "
                    "listed by CA",
                    "MAC addresses of distributed routers",
                )
            else:
                self._machines[mac] = _last(spans), []
                cas = sorted(sent.cas_of[mac], key=number_of) if mac in sent.cas_of else []
                self._tell(f"{mac.hex(':')} ({listed([str(ca) for ca in cas])})" if cas else mac.hex(":"), spans)
        for ca, spans in sent.cas.items():
            pa = _last(spans)
            own = [mac for mac in sent.macs_of.get((ca, pa), ()) if self._place(mac) == pa]
            # A router's MAC address comes with many CAs, a machine's own with few.
            machine = min(own, key=lambda mac: (len(sent.cas_of[mac]), mac), default=None)
            if machine is None or sent.macs[machine].keys() != spans.keys():
                self._tell(str(ca), spans)
            if machine is None:
                self._alone[ca] = pa
            else:
                self._machines[machine][1].append(ca)

    def _is_distributed(self, mac: bytes) -> bool:
        """Whether each of its CAs is behind one PA, and each of its PAs has one."""
        behind = [self._sent.cas[ca] for ca in self._sent.cas_of.get(mac, ())]
        covered = {pa for spans in behind for pa in spans}
        return all(len(spans) == 1 for spans in behind) and covered >= self._sent.macs[mac].keys()

    def _settle_receivers(self) -> None:
        sent, received = self._sent, self._received
        #: CAs that never sent, until they have a place.
        silent = {ca: _last(spans) for ca, spans in received.cas.items() if ca not in sent.cas}
        for mac, spans in received.macs.items():
            if mac in sent.macs:
                continue
            cas = received.cas_of.get(mac, set())
            own = [ca for ca in cas if ca in silent]
            if any(ca in sent.cas for ca in cas) or (len(spans) > 1 and not _in_turn(spans)):
                # A router's: who is behind it is found by CA.
                self._alone.update((ca, silent.pop(ca)) for ca in own)
                continue
            # One CA of each IP version may be the machine's own; more are behind it.
            if len({ca.version for ca in own}) < len(own):
                own = []
            self._machines[mac] = _last(spans), own
            self._tell(mac.hex(":"), spans)
            for ca in own:
                del silent[ca]
        for ca, pa in silent.items():
            # Those with a MAC address are found by that.
            if not any((ca, behind) in received.macs_of for behind in received.cas[ca]):
                self._alone[ca] = pa
                self._tell(str(ca), received.cas[ca])

    def _place(self, mac: bytes) -> Address | None:
        return self._machines[mac][0] if mac in self._machines else None

    def _tell(self, who: str, spans: Spans) -> None:
        """That an address has been behind several PAs."""
        if len(spans) == 1:
            return
        last = _last(spans)
        before = _pas({pa: span for pa, span in spans.items() if pa != last})
        if _in_turn(spans):
            when = time_of(spans[last].first_ns)
            self._notes.add(f"{who} {self._subnet} moved from {before} to {last} at {when}", "addresses that moved")
        else:
            self._notes.add(
                f"{who} {self._subnet} is behind {before} and {last} at once: the last one is taken",
                "addresses behind several PAs at once",
            )


def _pas(spans: Spans) -> str:
    return listed([str(pa) for pa in sorted(spans, key=lambda pa: (spans[pa].first_ns, number_of(pa)))])


def _order(entry: Entry) -> tuple[int, int]:
    return number_of(entry.pa)
