"""Multicast: servers join a group at the start, an arrival is a UDP packet of a client's to it."""

from __future__ import annotations

import ipaddress

from dissectors import offsets
from nvgre_inspect.traffic.stack import ip
from nvgre_inspect.traffic.stack.udp import Socket
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Multicast
from nvgre_inspect.traffic.workloads.base import Running

#: As systems have it for groups: not beyond the subnet.
_TTL = 1


class RunningMulticast(Running[Multicast]):
    """Members and senders."""

    def prepare(self) -> None:
        """Members join."""
        self._group = ipaddress.ip_address(self.spec.group).packed
        self._ways: dict[str, tuple[Socket, ip.Route]] = {}
        for member in self.servers:
            member.udp.open(_listen, self.spec.port)
            self.simulator.at(max(self.spec.start_ns, self.simulator.now_ns), member.multicast.join, self._group)

    def arrive(self, client: Machine, server: Machine) -> None:
        """A packet."""
        self.alone(client)

    def alone(self, client: Machine) -> None:
        """A packet, whoever listens."""
        if client.name not in self._ways:
            socket = client.udp.open(_listen)
            route = client.route(self._group, offsets.IPPROTO_UDP, dscp=self.spec.dscp, ttl=_TTL, df=False)
            self._ways[client.name] = (socket, route)
        socket, route = self._ways[client.name]
        socket.emit(route, self.spec.port, b"", self.draw(self.spec.size))


def _listen(address: bytes, port: int, data: bytes) -> None:
    """Heard."""
