"""Broadcasts: an arrival is a UDP packet of a client's to everybody: 255.255.255.255, or all nodes (ff02::1)."""

from __future__ import annotations

from nvgre_inspect.traffic.stack import ndp
from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Broadcast
from nvgre_inspect.traffic.workloads.base import Running

_ALL = {4: b"\xff" * 4, 6: ndp.ALL_NODES}


class RunningBroadcast(Running[Broadcast]):
    """Everybody listens, nobody answers."""

    def prepare(self) -> None:
        """A socket on each machine."""
        self._sockets: dict[str, Socket] = {}
        for machine in self.site.machines.values():
            self._sockets[machine.name] = machine.udp.open(_listen, self.spec.port, self.spec.dscp)

    def arrive(self, client: Machine, server: Machine) -> None:
        """A packet."""
        self.alone(client)

    def alone(self, client: Machine) -> None:
        """A packet, whoever listens."""
        self._sockets[client.name].send(_ALL[self.spec.family], self.spec.port, b"", self.draw(self.spec.size))


def _listen(address: bytes, port: int, data: bytes) -> None:
    """Heard."""
