"""Ping: an arrival is an echo request; those of one client to one server have an identifier and count up."""

from __future__ import annotations

from dissectors import offsets
from nvgre_inspect.traffic.stack import ip
from nvgre_inspect.traffic.stack.vm import Machine
from nvgre_inspect.traffic.workload_specs import Ping
from nvgre_inspect.traffic.workloads.base import Running


class RunningPing(Running[Ping]):
    """Requests."""

    def prepare(self) -> None:
        """Nothing was asked yet."""
        #: Way, identifier and number of requests so far, by client and server.
        self._asked: dict[tuple[str, str], tuple[ip.Route, int, int]] = {}

    def arrive(self, client: Machine, server: Machine) -> None:
        """A request."""
        pair = (client.name, server.name)
        if pair not in self._asked:
            self._asked[pair] = (self._route(client, server), self.stream.getrandbits(16), 0)
        route, identifier, sequence = self._asked[pair]
        sequence += 1
        self._asked[pair] = (route, identifier, sequence)
        client.icmp.echo(route, identifier, sequence & 0xFFFF, self.spec.size)

    def _route(self, client: Machine, server: Machine) -> ip.Route:
        protocol = offsets.IPPROTO_ICMP if self.spec.family == 4 else offsets.IPPROTO_ICMPV6
        to = self.address(server)
        fits = self.spec.size + offsets.ICMP_LEN + ip.IP4_LEN <= client.mtu_to(to)
        return client.route(to, protocol, dscp=self.spec.dscp, df=fits)
