"""Touched: which packets each fault touched, for the truth."""

from __future__ import annotations

from collections.abc import Set

from nvgre_inspect.traffic.packet import Packet


class Touched:
    """By fault, the serial numbers of what it lost, delayed, changed, copied or made."""

    def __init__(self) -> None:
        #: Faults of one point's capture: they are nothing to other points.
        self.only_at: dict[str, str] = {}
        self._serials: dict[str, set[int]] = {}

    def add(self, fault: str, packet: Packet) -> None:
        """The fault touched this packet."""
        self._serials.setdefault(fault, set()).add(packet.serial)

    def serials(self, fault: str) -> Set[int]:
        """Serial numbers of all that it touched."""
        return self._serials.get(fault, frozenset())
