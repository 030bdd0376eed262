"""Totals: what went through a gateway, and what did not and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

#: Addresses that are remembered of each kind: enough to see what a policy lacks.
_REMEMBERED: Final = 8


@dataclass(slots=True)
class Way:
    """One direction of one subnet."""

    #: Frames that were taken in, and packets that went on (copies of one frame are several) with their bytes: of IP
    #: packets on the underlay, of frames at the tenant's side.
    taken: int = 0
    packets: int = 0
    bytes: int = 0
    #: Frames and copies that did not go on, by reason.
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class PortTotals:
    """One subnet and its TAP device."""

    vsid: int
    #: Name and MTU of the device.
    tap: str
    mtu: int
    #: From the TAP device to the underlay, and back.
    out: Way = field(default_factory=Way)
    back: Way = field(default_factory=Way)
    #: Answers to frames that were too long, and those that were too many to be given.
    answers: int = 0
    answers_withheld: int = 0
    #: MAC addresses that the policy does not have, by reason: the first of them.
    strangers: dict[str, dict[bytes, None]] = field(default_factory=dict)

    def meet(self, reason: str, mac: bytes) -> None:
        """Remember an address that the policy does not have."""
        known = self.strangers.setdefault(reason, {})
        if len(known) < _REMEMBERED:
            known[mac] = None


@dataclass(slots=True)
class Totals:
    """A whole gateway."""

    ports: list[PortTotals]
    #: Packets of the underlay that belong to no subnet here, by reason.
    left_out: Counter[str] = field(default_factory=Counter)
    #: VSIDs that are not served here: the first of them, and how often each came.
    other_vsids: Counter[int] = field(default_factory=Counter)
    #: Packets that came while the receive buffer was full.
    dropped: int = 0

    def meet(self, vsid: int) -> None:
        """Count a packet of a VSID that is not served here."""
        if vsid in self.other_vsids or len(self.other_vsids) < _REMEMBERED:
            self.other_vsids[vsid] += 1
