"""Narrow: paths that are narrower than hosts believe: MTU black holes, and fragments on the underlay."""

from __future__ import annotations

from collections.abc import Sequence

from nvgre_inspect.traffic.fault_specs import Fragmentation, MTUBlackHole
from nvgre_inspect.traffic.faults.acting import Acting
from nvgre_inspect.traffic.fragmenting import fragments
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.stages import Outcome


class BlackHole(Acting[MTUBlackHole]):
    """Loses outer packets above a size, with ICMP or without a word."""

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`."""
        if self.network.renderer.ip_length(packet) <= self.spec.mtu:
            return ((0, packet),)
        self.touch(packet)
        if self.spec.icmp:
            # The error has the marks of the packet that it is about.
            self.network.fabric.refuse(packet, self.spec.mtu)
        return ()


class Fragmenting(Acting[Fragmentation]):
    """Takes DF from outer packets where they are made, and fragments them on the path."""

    def install(self) -> None:
        """As `Acting.install`."""
        self.hook("encapsulation")
        self.hook("path")

    def act(self, packet: Packet, where: str, now_ns: int) -> Sequence[Outcome]:
        """As `Acting.act`; packets that have a path are on it."""
        if not packet.path:
            packet.df = False
            return ((0, packet),)
        length = self.network.renderer.ip_length(packet)
        if length <= self.spec.mtu or packet.df:
            return ((0, packet),)
        return [(0, self.touch(part)) for part in fragments(packet, length, self.spec.mtu)]
