"""VNic: where a virtual machine meets its host. The machine's stack knows nothing else of the network.

vnic.attach(vm.receive)
vnic.send(frame, Segment(...))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nvgre_inspect.traffic.packet import Packet, Segment
from nvgre_inspect.traffic.scenario import VM, Tenant

#: What a point at the vNIC sees: the packet whose inner frame passes, in either direction.
Tap = Callable[[Packet], object]


class Port(Protocol):
    """The host's side of a vNIC."""

    def transmit(self, vnic: VNic, frame: bytes, info: Segment | None) -> None:
        """Take a frame that the machine sends."""


class VNic:
    """A port of the virtual switch of a host, and the machine behind it."""

    def __init__(self, tenant: Tenant, spec: VM) -> None:
        self.tenant = tenant
        self.spec = spec
        #: The host where the machine is: it changes when the machine moves.
        self.port: Port | None = None
        self.tap: Tap | None = None
        self._receive: Callable[[bytes], object] = lambda frame: None

    def attach(self, receive: Callable[[bytes], object]) -> None:
        """`receive` gets every frame for the machine: Ethernet without FCS."""
        self._receive = receive

    def send(self, frame: bytes, info: Segment | None = None) -> None:
        """The machine sends an Ethernet frame without FCS; `info` is what it knows of it. Nothing while it is away."""
        if self.port is not None:
            self.port.transmit(self, frame, info)

    def deliver(self, packet: Packet) -> None:
        """The frame in `packet` reaches the machine."""
        if self.tap is not None:
            self.tap(packet)
        self._receive(packet.inner)
