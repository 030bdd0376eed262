"""Observation points: what a capture at a vNIC, a host's uplink or in the middle of a path would hold.

A point hears what passes its place in both directions, through the faults of the stage "capture": what these take away
was there, and is counted as dropped by the capture. Times are those of the point's own clock (`clock`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from nvgre_inspect.encapsulation.outer import group_mac
from nvgre_inspect.traffic.fabric import LEAF_MAC
from nvgre_inspect.traffic.network import Network
from nvgre_inspect.traffic.packet import Packet
from nvgre_inspect.traffic.scenario import GivenFrame, Point


class Sink(Protocol):
    """Where frames are written to."""

    def write(self, point: int, ts_ns: int, frame: bytes, comment: str = "") -> int:
        """Write a whole frame of the point with that number, from 0; returns its number in its file, from 1.

        The comment is for formats that have some.
        """

    def finish(self, point: int, ts_ns: int, received: int, dropped: int) -> None:
        """No more frames of that point come; `ts_ns` is its time."""


class Watcher(Protocol):
    """Who wants to know what was recorded: the truth."""

    def seen(self, point: Point, number: int, ts_ns: int, packet: Packet, frame: bytes) -> None:
        """A frame was written under this number; `packet` is only valid now, since it travels on."""


class Observer:
    """One observation point at work."""

    def __init__(self, network: Network, index: int, spec: Point, sink: Sink, watcher: Watcher | None) -> None:
        self.spec = spec
        #: From the simulation's nanoseconds since 1970 to those that the point's clock shows.
        self.clock: Callable[[int], int] = lambda ns: ns
        self.received = 0
        #: What the capture missed.
        self.dropped = 0
        self._network = network
        self._index = index
        self._sink = sink
        self._watcher = watcher
        self._attach()

    def finish(self) -> None:
        """The simulation is over."""
        self._sink.finish(self._index, self._time(), self.received, self.dropped)

    def record_given(self, given: GivenFrame) -> None:
        """A frame passes that the scenario has as bytes."""
        self.received += 1
        self._sink.write(self._index, self._time(), given.frame, given.comment)

    def _attach(self) -> None:
        network, spec = self._network, self.spec
        if spec.vnic is not None:
            network.vnics[spec.vnic].tap = self._hear_inner
        elif spec.uplink is not None:
            host = network.hosts[spec.uplink]
            is_routed = any(path.spec.hops for path in network.fabric.paths.values())
            host.uplink.tap = partial(self._hear_outer, b"")
            host.tap = partial(self._hear_outer, host.spec.mac + LEAF_MAC if is_routed else b"")
        elif spec.path is not None:
            path = network.fabric.paths[spec.path]
            path.tap = partial(self._hear_outer, path.mac + LEAF_MAC if path.spec.hops else b"")

    def _hear_inner(self, packet: Packet) -> None:
        self._hear(packet, packet.inner)

    def _hear_outer(self, macs: bytes, packet: Packet) -> None:
        """`macs`: destination and source MAC address that a router has written; empty: those of the sending host."""
        assert packet.leg is not None
        if macs and packet.leg.dst_host is None:  # a group, whose MAC address is the same on every link
            macs = group_mac(packet.leg.dst) + macs[6:]
        self._hear(packet, self._network.renderer.frame(packet, macs))

    def _hear(self, packet: Packet, frame: bytes) -> None:
        stages = self._network.stages
        if not stages.has("capture"):
            self._record(packet, frame)
            return
        outcomes = stages.outcomes("capture", packet, self.spec.name)
        if not outcomes:
            self.received += 1
            self.dropped += 1
        for delay_ns, heard in outcomes:
            if delay_ns > 0:
                self._network.simulator.after(delay_ns, self._record, heard.copy(), frame)
            else:
                self._record(heard, frame)

    def _record(self, packet: Packet, frame: bytes) -> None:
        self.received += 1
        ts_ns = self._time()
        number = self._sink.write(self._index, ts_ns, frame)
        if self._watcher is not None:
            self._watcher.seen(self.spec, number, ts_ns, packet, frame)

    def _time(self) -> int:
        return self.clock(self._network.scenario.start_ns + self._network.simulator.now_ns)
